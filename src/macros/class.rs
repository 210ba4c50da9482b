//! `#[pyclass]` and `#[pymethods]`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, ImplItem, ItemImpl, ItemStruct, LitStr, Path, Result, Token, parenthesized, parse2};

use crate::function::{self, Function, Options, Receiver};

#[derive(Default)]
struct ClassOptions {
    name: Option<LitStr>,
    module: Option<LitStr>,
    base: Option<Path>,
    flags: Vec<Ident>,
    dict: bool,
    weaklist: bool,
    nogc: bool,
    unhashable: bool,
    itemsize: Option<Expr>,
    layout: Option<Expr>,
    class: Option<Expr>,
    parts: Option<Vec<Path>>,
}

impl Parse for ClassOptions {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut o = ClassOptions::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            match key.to_string().as_str() {
                "dict" => o.dict = true,
                "weaklist" => o.weaklist = true,
                "nogc" => o.nogc = true,
                "unhashable" => o.unhashable = true,
                "parts" => {
                    let inner;
                    parenthesized!(inner in input);
                    o.parts = Some(inner.parse_terminated(Path::parse_mod_style, Token![,])?.into_iter().collect());
                }
                other => {
                    input.parse::<Token![=]>()?;
                    match other {
                        "name" => o.name = Some(input.parse()?),
                        "module" => o.module = Some(input.parse()?),
                        "base" => o.base = Some(input.call(Path::parse_mod_style)?),
                        "itemsize" => o.itemsize = Some(input.parse()?),
                        "layout" => o.layout = Some(input.parse()?),
                        "class" => o.class = Some(input.parse()?),
                        "flags" => loop {
                            o.flags.push(input.parse()?);
                            if input.parse::<Option<Token![|]>>()?.is_none() {
                                break;
                            }
                        },
                        _ => return Err(Error::new(key.span(), "unknown option")),
                    }
                }
            }
            if input.parse::<Option<Token![,]>>()?.is_none() {
                break;
            }
        }
        Ok(o)
    }
}

pub fn pyclass(attr: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options: ClassOptions = parse2(attr)?;
    let item: ItemStruct = parse2(item)?;
    let ident = &item.ident;
    let name = options.name.map_or_else(|| ident.to_string(), |n| n.value());
    let module = options.module.map_or_else(|| "builtins".to_owned(), |n| n.value());
    let doc = function::doc(&item.attrs);
    let storage = format_ident!("__CLASS_{}", ident);
    let base = match options.base {
        Some(base) => quote!(<#base as ::pyrs_runtime::object::PyClass>::class),
        None => quote!(::pyrs_runtime::objects::object::object_class),
    };
    let flags = &options.flags;
    let gc = if options.nogc { quote!(0) } else { quote!(::pyrs_runtime::types::flags::HAVE_GC) };
    let fields: Vec<TokenStream> = item
        .fields
        .iter()
        .enumerate()
        .map(|(i, f)| match &f.ident {
            Some(name) => quote!(#name),
            None => {
                let index = syn::Index::from(i);
                quote!(#index)
            }
        })
        .collect();
    let layout = match options.layout {
        Some(layout) => quote!(#layout),
        None => quote!(::pyrs_runtime::types::NativeLayout {
            drop_payload: ::pyrs_runtime::class::drop_payload::<#ident>,
            trace: __trace,
            clear: __clear,
        }),
    };
    let (dict, weaklist, unhashable) = (options.dict, options.weaklist, options.unhashable);
    let itemsize = options.itemsize.map_or_else(|| quote!(0), |e| quote!(#e));
    let parts = options.parts.unwrap_or_else(|| vec![syn::parse_quote!(PART)]);
    let (class, declaration) = match options.class {
        Some(class) => (quote!(#class), quote!()),
        None => (
            quote!(#storage),
            quote! {
                #[allow(non_upper_case_globals)]
                static #storage: ::pyrs_runtime::types::StaticType = ::pyrs_runtime::types::StaticType::new();
                // SAFETY: the class is readied from the definition below, whose layout is this struct's.
                unsafe impl ::pyrs_runtime::object::PyClass for #ident {
                    #[inline(always)]
                    fn class() -> &'static ::pyrs_runtime::types::Type {
                        #storage.get()
                    }
                }
            },
        ),
    };
    Ok(quote! {
        #item
        #declaration
        #[allow(clippy::undocumented_unsafe_blocks, clippy::all)]
        impl #ident {
            /// The definition that the class object is made from.
            pub fn def() -> &'static ::pyrs_runtime::class::ClassDef {
                #[allow(unused_imports)]
                use ::pyrs_runtime::object::{TraceField, TraceIfPossible, TraceNothing};
                #[allow(dead_code)]
                unsafe fn __trace(
                    header: *mut ::pyrs_runtime::object::Header,
                    visitor: &mut ::pyrs_runtime::heap::cycles::Visitor<'_>,
                ) {
                    let object = unsafe { &*(header as *const ::pyrs_runtime::object::Object<#ident>) };
                    let _ = (&object, &visitor);
                    #((&TraceField(&object.#fields)).trace_field(visitor);)*
                }
                #[allow(dead_code)]
                unsafe fn __clear(header: *mut ::pyrs_runtime::object::Header) {
                    let object = unsafe { &*(header as *const ::pyrs_runtime::object::Object<#ident>) };
                    let _ = &object;
                    #((&TraceField(&object.#fields)).clear_field();)*
                }
                static DEF: ::pyrs_runtime::class::ClassDef = ::pyrs_runtime::class::ClassDef {
                    name: #name,
                    module: #module,
                    doc: #doc,
                    class: &#class,
                    base: #base,
                    flags: #gc #(| ::pyrs_runtime::types::flags::#flags)*,
                    basicsize: ::std::mem::size_of::<::pyrs_runtime::object::Object<#ident>>(),
                    itemsize: #itemsize,
                    has_dict: #dict,
                    has_weaklist: #weaklist,
                    layout: #layout,
                    parts: &[#(&#ident::#parts),*],
                    unhashable: #unhashable,
                };
                &DEF
            }
        }
    })
}

struct PartName(Ident);

impl Parse for PartName {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.is_empty() {
            return Ok(PartName(Ident::new("PART", Span::call_site())));
        }
        input.parse::<Ident>()?;
        input.parse::<Token![=]>()?;
        Ok(PartName(input.parse()?))
    }
}

const KINDS: [&str; 8] = ["pymethod", "classmethod", "staticmethod", "new", "init", "slot", "getter", "setter"];

pub fn pymethods(attr: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let PartName(part) = parse2(attr)?;
    let mut item: ItemImpl = parse2(item)?;
    let self_ty = item.self_ty.clone();
    let (mut wrappers, mut methods, mut slots) = (Vec::new(), Vec::new(), Vec::new());
    let mut getset: Vec<(String, String, TokenStream, TokenStream)> = Vec::new();
    let mut constructor_signature = String::new();
    for entry in &mut item.items {
        let ImplItem::Fn(f) = entry else { continue };
        let Some(at) = f.attrs.iter().position(|a| KINDS.iter().any(|k| a.path().is_ident(k))) else { continue };
        let attr = f.attrs.remove(at);
        let kind = attr.path().get_ident().expect("one of KINDS").to_string();
        let mut options = Options::parse(&attr)?;
        if kind.ends_with("method") {
            let class = quote!(<#self_ty as ::pyrs_runtime::object::PyClass>::class);
            options.owner = quote!(::pyrs_runtime::args::Owner::Class(|| #class()));
        }
        let function = Function::new(&f.sig, kind != "staticmethod")?;
        match kind.as_str() {
            "pymethod" | "classmethod" | "staticmethod" => {
                let binding = match kind.as_str() {
                    "pymethod" => "Method",
                    "classmethod" => "Class",
                    _ => "Static",
                };
                let tokens = function::method(quote!(Self), &function, &f.attrs, &options, binding)?;
                wrappers.push(tokens.wrapper);
                methods.push(tokens.def);
            }
            "new" | "init" => {
                let (code, text) = constructor(&kind, &function, &options)?;
                constructor_signature = text;
                slots.push(code);
            }
            "slot" => {
                let name = options.words.first().ok_or_else(|| Error::new_spanned(&attr, "slot(NAME) is expected"))?;
                let (wrapper, code) = slot(name, &function)?;
                wrappers.push(wrapper);
                slots.push(code);
            }
            _ => accessor(&kind, &function, &f.attrs, &options, &mut getset)?,
        }
    }
    let getset = getset.into_iter().map(|(name, doc, get, set)| {
        quote!(::pyrs_runtime::class::GetSetDef { name: #name, doc: #doc, get: #get, set: #set })
    });
    Ok(quote! {
        #item
        #[allow(clippy::undocumented_unsafe_blocks, clippy::all)]
        impl #self_ty {
            #(#wrappers)*
            #[doc(hidden)]
            pub const #part: ::pyrs_runtime::class::ClassPart = ::pyrs_runtime::class::ClassPart {
                methods: &[#(#methods),*],
                getset: &[#(#getset),*],
                set_slots: {
                    #[allow(unused_variables)]
                    fn set(slots: &mut ::pyrs_runtime::types::slots::Slots) {
                        <#self_ty>::__set_slots(slots)
                    }
                    set
                },
                text_signature: #constructor_signature,
            };
        }
    }
    .replace_set_slots(&part, &self_ty, &slots))
}

/// Adds the function that `set_slots` calls, under a name of the part's own.
trait ReplaceSetSlots {
    fn replace_set_slots(self, part: &Ident, self_ty: &syn::Type, slots: &[TokenStream]) -> TokenStream;
}

impl ReplaceSetSlots for TokenStream {
    fn replace_set_slots(self, part: &Ident, self_ty: &syn::Type, slots: &[TokenStream]) -> TokenStream {
        let name = format_ident!("__set_slots_{}", part.to_string().to_lowercase());
        let code = rename(self, &name);
        quote! {
            #code
            #[allow(clippy::undocumented_unsafe_blocks, clippy::all)]
            impl #self_ty {
                #[allow(unused_variables, non_snake_case)]
                fn #name(slots: &mut ::pyrs_runtime::types::slots::Slots) {
                    #(#slots)*
                }
            }
        }
    }
}

fn rename(tokens: TokenStream, to: &Ident) -> TokenStream {
    use proc_macro2::{Group, TokenTree};
    tokens
        .into_iter()
        .map(|t| match t {
            TokenTree::Ident(i) if i == "__set_slots" => TokenTree::Ident(to.clone()),
            TokenTree::Group(g) => {
                let mut group = Group::new(g.delimiter(), rename(g.stream(), to));
                group.set_span(g.span());
                TokenTree::Group(group)
            }
            other => other,
        })
        .collect()
}

fn constructor(kind: &str, f: &Function<'_>, options: &Options) -> Result<(TokenStream, String)> {
    let ident = &f.sig.ident;
    let is_new = kind == "new";
    let receiver = match (is_new, f.receiver) {
        (true, _) => quote!(__first),
        (false, Receiver::Payload) => quote!(unsafe { ::pyrs_runtime::args::this::<Self>(__first) }),
        (false, _) => quote!(__first),
    };
    let slot = if is_new { quote!(new) } else { quote!(init) };
    if f.is_raw() {
        let text = options.text_signature.clone().unwrap_or_default();
        return Ok((quote!(slots.#slot = Some(|__first, __args| Self::#ident(#receiver, __args));), text));
    }
    let name = options.name.clone().unwrap_or_default();
    let (spec, conversions, count, text, _) = f.binding(&name, options)?;
    let text = options.text_signature.clone().unwrap_or(text);
    let bind = if is_new {
        quote!(::pyrs_runtime::class::bind_new::<#count, Self>(&__SPEC, __first, __args)?)
    } else {
        quote!(::pyrs_runtime::class::bind_constructor::<#count, Self>(&__SPEC, __args)?)
    };
    // A constructor's messages show the class's own name: the definition is found by the caller.
    Ok((
        quote! {
            slots.#slot = Some(|__first, __args| {
                static __SPEC: ::pyrs_runtime::args::ParamSpec = #spec;
                let __bound = #bind;
                let _ = &__bound;
                Self::#ident(#receiver, #(#conversions),*)
            });
        },
        text,
    ))
}

fn slot(name: &Ident, f: &Function<'_>) -> Result<(TokenStream, TokenStream)> {
    let ident = &f.sig.ident;
    if name == "call" {
        let wrapper_name = format_ident!("__slot_call_{}", ident);
        let receiver = match f.receiver {
            Receiver::Payload => quote!(unsafe { ::pyrs_runtime::args::this::<Self>(callable.as_obj()) }),
            _ => quote!(unsafe { callable.as_obj() }),
        };
        let wrapper = quote! {
            #[doc(hidden)]
            #[allow(non_snake_case, unused_unsafe)]
            unsafe extern "C" fn #wrapper_name(
                _thread: *mut ::pyrs_runtime::thread::Thread,
                callable: ::pyrs_runtime::value::Value,
                args: *const ::pyrs_runtime::value::Value,
                nargs: usize,
                kwnames: ::pyrs_runtime::value::Value,
            ) -> ::pyrs_runtime::value::Value {
                let __args = unsafe { ::pyrs_runtime::args::view(args, nargs, kwnames) };
                ::pyrs_runtime::args::finish(Self::#ident(#receiver, __args))
            }
        };
        return Ok((wrapper, quote!(slots.call = Some(Self::#wrapper_name);)));
    }
    if f.receiver != Receiver::Payload {
        return Ok((quote!(), quote!(slots.#name = Some(Self::#ident);)));
    }
    let rest: Vec<Ident> = (0..f.params.len()).map(|i| format_ident!("__a{}", i)).collect();
    Ok((
        quote!(),
        quote! {
            slots.#name = Some(|__this, #(#rest),*| {
                Self::#ident(unsafe { ::pyrs_runtime::args::this::<Self>(__this) }, #(#rest),*)
            });
        },
    ))
}

fn accessor(
    kind: &str,
    f: &Function<'_>,
    attrs: &[syn::Attribute],
    options: &Options,
    getset: &mut Vec<(String, String, TokenStream, TokenStream)>,
) -> Result<()> {
    let ident = &f.sig.ident;
    let receiver = match f.receiver {
        Receiver::Payload => quote!(unsafe { ::pyrs_runtime::args::this::<Self>(__this) }),
        _ => quote!(__this),
    };
    let text = ident.to_string();
    let plain = text.strip_prefix("r#").unwrap_or(&text).to_owned();
    if kind == "getter" {
        let name = options.name.clone().unwrap_or(plain);
        let get = quote!(|__this| ::pyrs_runtime::args::IntoResult::into_result(Self::#ident(#receiver)));
        getset.push((name, function::doc(attrs), get, quote!(None)));
        return Ok(());
    }
    let name = options.name.clone().unwrap_or_else(|| plain.strip_prefix("set_").unwrap_or(&plain).to_owned());
    let Some(entry) = getset.iter_mut().find(|g| g.0 == name) else {
        return Err(Error::new_spanned(ident, "the getter must come first"));
    };
    entry.3 = quote!(Some(|__this, __value| Self::#ident(#receiver, __value)));
    Ok(())
}
