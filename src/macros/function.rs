//! One native function: its wrapper for the calling convention and its definition.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, FnArg, Ident, Lit, Meta, Result, Signature, Type};

use crate::signature::{self, Param, ParamKind};

/// `key = value` and bare words of an attribute.
#[derive(Default)]
pub struct Options {
    pub name: Option<String>,
    pub sig: Option<String>,
    pub words: Vec<Ident>,
    pub text_signature: Option<String>,
    /// A function of a module: its signature shows the module in front.
    pub of_module: bool,
    /// An `Owner`, which messages show.
    pub owner: TokenStream,
}

impl Options {
    pub fn parse(attr: &Attribute) -> Result<Options> {
        let mut options = Options { owner: quote!(::pyrs_runtime::args::Owner::None), ..Options::default() };
        if matches!(attr.meta, Meta::Path(_)) {
            return Ok(options);
        }
        attr.parse_nested_meta(|meta| {
            let key = meta.path.require_ident()?.clone();
            if meta.input.peek(syn::Token![=]) {
                let value: Lit = meta.value()?.parse()?;
                let Lit::Str(value) = value else {
                    return Err(Error::new(value.span(), "a text is expected"));
                };
                match key.to_string().as_str() {
                    "name" => options.name = Some(value.value()),
                    "sig" => options.sig = Some(value.value()),
                    "text_signature" => options.text_signature = Some(value.value()),
                    _ => return Err(Error::new(key.span(), "name, sig or text_signature is expected")),
                }
            } else {
                options.words.push(key);
            }
            Ok(())
        })?;
        Ok(options)
    }
}

/// The text of `///` comments.
pub fn doc(attrs: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attr in attrs {
        if let Meta::NameValue(meta) = &attr.meta
            && meta.path.is_ident("doc")
            && let Expr::Lit(lit) = &meta.value
            && let Lit::Str(text) = &lit.lit
        {
            let text = text.value();
            lines.push(text.strip_prefix(' ').unwrap_or(&text).to_owned());
        }
    }
    lines.join("\n").trim_end().to_owned()
}

/// How a function takes its first argument.
#[derive(Clone, Copy, PartialEq)]
pub enum Receiver {
    None,
    /// `&self` or `this: &Object<Self>`.
    Payload,
    /// `this: &Obj`.
    Object,
    /// `cls: &Type`.
    Class,
}

pub struct Function<'a> {
    pub sig: &'a Signature,
    pub receiver: Receiver,
    pub params: Vec<(&'a Ident, &'a Type)>,
}

fn last_segment(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(p) => p.path.segments.last().map(|s| &s.ident),
        Type::Reference(r) => last_segment(&r.elem),
        _ => None,
    }
}

pub fn is_type(ty: &Type, name: &str) -> bool {
    !matches!(ty, Type::Reference(_)) && last_segment(ty).is_some_and(|i| i == name)
}

impl<'a> Function<'a> {
    /// `has_receiver` = the first Rust parameter is the implicit one.
    pub fn new(sig: &'a Signature, has_receiver: bool) -> Result<Function<'a>> {
        let mut receiver = Receiver::None;
        let mut params = Vec::new();
        for (i, input) in sig.inputs.iter().enumerate() {
            match input {
                FnArg::Receiver(_) => receiver = Receiver::Payload,
                FnArg::Typed(arg) if i == 0 && has_receiver => {
                    receiver = match last_segment(&arg.ty) {
                        Some(t) if t == "Object" => Receiver::Payload,
                        Some(t) if t == "Obj" => Receiver::Object,
                        Some(t) if t == "Type" => Receiver::Class,
                        _ => return Err(Error::new(arg.span(), "&self, &Object<Self>, &Obj or &Type is expected")),
                    }
                }
                FnArg::Typed(arg) => match &*arg.pat {
                    syn::Pat::Ident(name) => params.push((&name.ident, &*arg.ty)),
                    other => return Err(Error::new(other.span(), "a plain name is expected")),
                },
            }
        }
        Ok(Function { sig, receiver, params })
    }

    pub fn is_raw(&self) -> bool {
        self.params.len() == 1 && is_type(self.params[0].1, "Args")
    }

    fn python_params(&self, options: &Options) -> Result<Vec<Param>> {
        if let Some(sig) = &options.sig {
            return signature::parse(sig, self.sig.span());
        }
        Ok(self
            .params
            .iter()
            .map(|(name, ty)| {
                let optional = is_type(ty, "Option") || is_type(ty, "Maybe");
                let text = name.to_string();
                Param {
                    name: text.strip_prefix("r#").unwrap_or(&text).trim_start_matches('_').to_owned(),
                    kind: ParamKind::PositionalOnly,
                    default: optional
                        .then(|| if is_type(ty, "Maybe") { "<unrepresentable>" } else { "None" }.to_owned()),
                }
            })
            .collect())
    }

    /// Expression that converts parameter `i`.
    fn conversion(
        &self,
        i: usize,
        param: &Param,
        index: Option<usize>,
        function: &TokenStream,
        label: &str,
    ) -> Result<TokenStream> {
        let ty = self.params[i].1;
        Ok(match param.kind {
            ParamKind::VarArgs => quote!(__bound.rest),
            ParamKind::VarKw => quote!(__bound.keywords),
            _ => {
                let index = index.expect("an ordinary parameter");
                let default = self.default(ty, param)?;
                quote! {
                    match __bound.values[#index] {
                        Some(v) => <#ty as ::pyrs_runtime::args::FromArg>::from_named(v, #function, #label)?,
                        None => #default,
                    }
                }
            }
        })
    }

    fn default(&self, ty: &Type, param: &Param) -> Result<TokenStream> {
        let Some(default) = &param.default else {
            return Ok(quote!(unreachable!("a required argument")));
        };
        if is_type(ty, "Option") || is_type(ty, "Maybe") {
            return Ok(quote!(<#ty as ::pyrs_runtime::args::FromArg>::missing().expect("an optional type")));
        }
        Ok(match default.as_str() {
            "True" => quote!(true),
            "False" => quote!(false),
            "sys.maxsize" => quote!(isize::MAX),
            text => {
                let text = if text.starts_with('\'') { text.replace('\'', "\"") } else { text.to_owned() };
                let expr: Expr = syn::parse_str(&text)
                    .map_err(|_| Error::new(ty.span(), format!("default {text} needs an Option or Maybe type")))?;
                if is_type(ty, "String") { quote!((#expr).to_owned()) } else { quote!(#expr) }
            }
        })
    }

    /// The parameter table, and the expressions for the Rust call.
    pub fn binding(
        &self,
        function: &str,
        options: &Options,
    ) -> Result<(TokenStream, Vec<TokenStream>, usize, String, Vec<Param>)> {
        let params = self.python_params(options)?;
        if params.len() != self.params.len() {
            return Err(Error::new(
                self.sig.span(),
                format!("{} parameters in sig, {} in Rust", params.len(), self.params.len()),
            ));
        }
        let (mut names, mut posonly, mut positional, mut required) = (Vec::new(), 0usize, 0usize, 0u64);
        let (mut varargs, mut varkw) = (false, false);
        let mut conversions = Vec::new();
        let shown = match function {
            "" => quote!(<Self as ::pyrs_runtime::object::PyClass>::class().name()),
            name => quote!(#name),
        };
        for (i, p) in params.iter().enumerate() {
            let index = match p.kind {
                ParamKind::VarArgs => {
                    varargs = true;
                    None
                }
                ParamKind::VarKw => {
                    varkw = true;
                    None
                }
                _ => {
                    let index = names.len();
                    names.push(p.name.clone());
                    posonly += (p.kind == ParamKind::PositionalOnly) as usize;
                    positional += (p.kind != ParamKind::KeywordOnly) as usize;
                    required |= (p.default.is_none() as u64) << index;
                    Some(index)
                }
            };
            // Messages show positional-only parameters by number, a lone one by neither.
            let label = match p.kind {
                ParamKind::PositionalOnly if params.len() == 1 && p.default.is_none() => String::new(),
                ParamKind::PositionalOnly => format!(" {}", i + 1),
                _ => format!(" '{}'", p.name),
            };
            conversions.push(self.conversion(i, p, index, &shown, &label)?);
        }
        let count = names.len();
        let owner = &options.owner;
        let spec = quote! {
            ::pyrs_runtime::args::ParamSpec {
                owner: #owner,
                function: #function,
                names: &[#(#names),*],
                posonly: #posonly,
                positional: #positional,
                required: #required,
                varargs: #varargs,
                varkw: #varkw,
            }
        };
        Ok((spec, conversions, count, signature::text(&params, None), params))
    }
}

pub struct MethodTokens {
    pub wrapper: TokenStream,
    pub def: TokenStream,
}

/// Makes the extern wrapper `__py_NAME` and the `MethodDef` for a function reached as `path`.
pub fn method(
    path: TokenStream,
    f: &Function<'_>,
    attrs: &[Attribute],
    options: &Options,
    binding: &str,
) -> Result<MethodTokens> {
    let ident = &f.sig.ident;
    let text = ident.to_string();
    let name = options.name.clone().unwrap_or_else(|| text.strip_prefix("r#").unwrap_or(&text).to_owned());
    let wrapper_name = format_ident!("__py_{}", text.strip_prefix("r#").unwrap_or(&text));
    let doc = doc(attrs);
    let binding_ident = Ident::new(binding, Span::call_site());
    let first = match binding {
        "Method" => Some("$self"),
        "Class" => Some("$type"),
        _ if options.of_module => Some("$module"),
        _ => None,
    };
    let receiver = receiver_expression(f.receiver);
    let (spec, body, signature_text);
    let owner = &options.owner;
    if f.is_raw() {
        spec = quote! {
            ::pyrs_runtime::args::ParamSpec {
                owner: #owner, function: #name, names: &[], posonly: 0, positional: 0, required: 0, varargs: true, varkw: true,
            }
        };
        let call = match f.receiver {
            Receiver::None => quote!(#path::#ident(__args)),
            _ => quote!(#path::#ident(#receiver, __args.rest())),
        };
        body = quote!(::pyrs_runtime::args::IntoResult::into_result(#call));
        signature_text = options.text_signature.clone().unwrap_or_default();
    } else {
        let (s, conversions, count, _, params) = f.binding(&name, options)?;
        spec = s;
        signature_text = options.text_signature.clone().unwrap_or_else(|| signature::text(&params, first));
        let (args, call) = match f.receiver {
            Receiver::None => (quote!(__args), quote!(#path::#ident(#(#conversions),*))),
            _ => (quote!(__args.rest()), quote!(#path::#ident(#receiver, #(#conversions),*))),
        };
        let bind = if count == 0 && conversions.is_empty() {
            quote!(::pyrs_runtime::args::bind::<0>(&__SPEC, #args)?;)
        } else {
            quote!(let __bound = ::pyrs_runtime::args::bind::<#count>(&__SPEC, #args)?;)
        };
        body = quote! {
            #bind
            ::pyrs_runtime::args::IntoResult::into_result(#call)
        };
    }
    let wrapper = quote! {
        #[doc(hidden)]
        #[allow(clippy::undocumented_unsafe_blocks, clippy::all, non_snake_case, unused_unsafe)]
        pub unsafe extern "C" fn #wrapper_name(
            _thread: *mut ::pyrs_runtime::thread::Thread,
            _callable: ::pyrs_runtime::value::Value,
            args: *const ::pyrs_runtime::value::Value,
            nargs: usize,
            kwnames: ::pyrs_runtime::value::Value,
        ) -> ::pyrs_runtime::value::Value {
            static __SPEC: ::pyrs_runtime::args::ParamSpec = #spec;
            let __args = unsafe { ::pyrs_runtime::args::view(args, nargs, kwnames) };
            let __result: ::pyrs_runtime::errors::PyResult<::pyrs_runtime::object::Obj> = (|| { #body })();
            ::pyrs_runtime::call::raw(__result)
        }
    };
    let def = quote! {
        ::pyrs_runtime::class::MethodDef {
            name: #name,
            doc: #doc,
            text_signature: #signature_text,
            binding: ::pyrs_runtime::class::Binding::#binding_ident,
            call: #path::#wrapper_name,
            params: &::pyrs_runtime::args::ParamSpec {
                owner: #owner, function: #name, names: &[], posonly: 0, positional: 0, required: 0, varargs: true, varkw: true,
            },
        }
    };
    Ok(MethodTokens { wrapper, def })
}

pub fn receiver_expression(receiver: Receiver) -> TokenStream {
    match receiver {
        Receiver::None => quote!(),
        Receiver::Payload => quote!(unsafe { ::pyrs_runtime::args::this::<Self>(&__args.values[0]) }),
        Receiver::Object => quote!(&__args.values[0]),
        Receiver::Class => {
            quote!(<&::pyrs_runtime::types::Type as ::pyrs_runtime::args::FromArg>::from_arg(&__args.values[0])?)
        }
    }
}
