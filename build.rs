//! How the program is linked on Linux.
//!
//! It is loaded at a fixed address, as CPython is: the tables of native classes and modules are full of addresses, and
//! relocating them at each start costs time and more than a megabyte that no two processes share.
//!
//! In release builds, functions that every start runs stand side by side (`linking/record` writes the list), so that the
//! rest of the text is not in memory until it is needed.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo::rustc-link-arg-bins=-no-pie");
        order_functions();
    }
}

/// Hands the linker the order of functions, if nobody has chosen another than the toolchain's: not every linker reads
/// such files.
fn order_functions() {
    let script = format!("{}/linking/start.ld", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rerun-if-changed={script}");
    let chosen = env::var_os("RUSTC_LINKER").is_some()
        || env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("link"));
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") && !chosen {
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{script}");
    }
}
