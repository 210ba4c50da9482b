//! The `pyrs` binary.

fn main() {
    std::process::exit(pyrs_cli::run());
}
