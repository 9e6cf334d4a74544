//! The binary: everything it does is in the library's command line.

fn main() -> std::process::ExitCode {
    jan_server::cli::main()
}
