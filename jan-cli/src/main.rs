//! The binary; its code is in the library of this crate.

fn main() -> std::process::ExitCode {
    jan_cli::main()
}
