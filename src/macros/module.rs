//! `#[pymodule]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, Item, ItemMod, LitStr, Path, Result, Token, parenthesized, parse2};

use crate::function::{self, Function, Options};

#[derive(Default)]
struct ModuleOptions {
    name: Option<LitStr>,
    classes: Vec<Path>,
}

impl Parse for ModuleOptions {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut o = ModuleOptions::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            if key == "classes" {
                let inner;
                parenthesized!(inner in input);
                o.classes = inner.parse_terminated(Path::parse_mod_style, Token![,])?.into_iter().collect();
            } else if key == "name" {
                input.parse::<Token![=]>()?;
                o.name = Some(input.parse()?);
            } else {
                return Err(Error::new(key.span(), "name or classes is expected"));
            }
            if input.parse::<Option<Token![,]>>()?.is_none() {
                break;
            }
        }
        Ok(o)
    }
}

pub fn pymodule(attr: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options: ModuleOptions = parse2(attr)?;
    let mut item: ItemMod = parse2(item)?;
    let name = options.name.map_or_else(|| item.ident.to_string(), |n| n.value());
    let doc = function::doc(&item.attrs);
    let classes = &options.classes;
    let Some((_, items)) = &mut item.content else {
        return Err(Error::new_spanned(&item, "an inline module is expected"));
    };
    let (mut wrappers, mut functions, mut own_classes, mut exec) = (Vec::new(), Vec::new(), Vec::new(), quote!(None));
    for entry in items.iter_mut() {
        match entry {
            Item::Fn(f) => {
                if let Some(at) = f.attrs.iter().position(|a| a.path().is_ident("pyfunction")) {
                    let attr = f.attrs.remove(at);
                    let tokens = {
                        let function = Function::new(&f.sig, false)?;
                        let owner = quote!(::pyrs_runtime::args::Owner::Module(#name));
                        let options = Options { of_module: true, owner, ..Options::parse(&attr)? };
                        function::method(quote!(self), &function, &f.attrs, &options, "Static")?
                    };
                    wrappers.push(tokens.wrapper);
                    functions.push(tokens.def);
                } else if let Some(at) = f.attrs.iter().position(|a| a.path().is_ident("module_exec")) {
                    f.attrs.remove(at);
                    let ident = &f.sig.ident;
                    exec = quote!(Some(#ident));
                }
            }
            Item::Struct(s) if s.attrs.iter().any(|a| a.path().is_ident("pyclass")) => {
                own_classes.push(s.ident.clone());
            }
            _ => {}
        }
    }
    let generated = quote! {
        #(#wrappers)*
        /// The definition that the module is made from.
        pub fn def() -> &'static ::pyrs_runtime::class::ModuleDef {
            static DEF: ::pyrs_runtime::class::ModuleDef = ::pyrs_runtime::class::ModuleDef {
                name: #name,
                doc: #doc,
                functions: &[#(#functions),*],
                classes: &[#(#own_classes::def,)* #(#classes::def),*],
                exec: #exec,
            };
            &DEF
        }
    };
    items.push(Item::Verbatim(generated));
    Ok(quote!(#item))
}
