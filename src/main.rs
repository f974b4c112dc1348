//! Parses the command line, does what it says, and exits with its code.

fn main() -> std::process::ExitCode {
    cutline::cli::main()
}
