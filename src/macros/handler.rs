//! `#[handler]`: bytecode handlers written over one `Regs` value.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, FnArg, ItemFn, Pat, Result, parse2};

/// Splits the `Regs` parameter into scalars and gathers them again at the top of the body, where the compiler
/// dissolves the struct.
pub fn handler(item: TokenStream) -> Result<TokenStream> {
    let ItemFn { attrs, vis, sig, block } = parse2(item)?;
    let parameter = match (sig.inputs.first(), sig.inputs.len()) {
        (Some(FnArg::Typed(parameter)), 1) => parameter,
        _ => return Err(Error::new_spanned(&sig, "a handler takes one parameter, the registers")),
    };
    let Pat::Ident(registers) = &*parameter.pat else {
        return Err(Error::new_spanned(parameter, "the registers need a name"));
    };
    let (ty, name, generics, output) = (&parameter.ty, &sig.ident, &sig.generics, &sig.output);
    // The work of a handler that another one goes on in stays out of that one's registers.
    let inline = match attrs.iter().any(|attr| attr.path().is_ident("inline")) {
        true => quote!(),
        false => quote!(#[inline(never)]),
    };
    Ok(quote! {
        #(#attrs)*
        #inline
        #vis unsafe extern "C" fn #name #generics(
            thread: *const ::pyrs_runtime::thread::Thread,
            frame: *mut crate::frame::Frame,
            ip: *mut u16,
            sp: *mut ::pyrs_runtime::value::Value,
            table: *const crate::dispatch::Table,
            oparg: usize,
        ) #output {
            let #registers = #ty { thread, frame, ip, sp, table, oparg };
            // SAFETY: the handlers' contract, stated in `dispatch`.
            unsafe { #block }
        }
    })
}
