//! The command line: `herald --help` lists what it does.

mod command;

use std::process::ExitCode;

/// Freed on another thread than allocated on, which is what actors do: glibc takes four times as
/// long for that.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    command::run()
}
