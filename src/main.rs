//! The command line: `herald --help` lists what it does.

// Whatever is said goes through `command::say`: these panic without a reader.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod command;

use std::process::ExitCode;

/// Freed on another thread than allocated on, which is what actors do: glibc takes four times as
/// long for that.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    command::run()
}
