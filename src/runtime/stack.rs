//! Stacks for work that goes deep.

use std::panic::resume_unwind;
use std::thread;

/// Bytes of address space: memory is taken only for what is touched.
pub const LARGE: usize = 64 << 20;

/// Does work on a thread with a large stack, and waits for it. Where no thread can be had, it is done here.
pub fn on_large<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let mut work = Some(work);
    let apart = thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(LARGE);
        let begun = thread.spawn_scoped(scope, || work.take().map(|work| work()));
        begun
            .ok()?
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))
    });
    match (apart, work) {
        (Some(done), _) => done,
        (None, Some(work)) => work(),
        (None, None) => unreachable!("the work was begun, and a panic in it has gone on"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at least a kilobyte of the stack for each level.
    fn deep(levels: usize) -> usize {
        let here = std::hint::black_box([levels; 128]);
        match levels {
            0 => 0,
            _ => 1 + deep(levels - 1) + here.len() - 128,
        }
    }

    #[test]
    fn what_goes_deep_has_room() {
        // No thread has so much by default.
        assert_eq!(on_large(|| deep(20_000)), 20_000);
    }

    #[test]
    #[should_panic(expected = "on purpose")]
    fn a_panic_goes_on() {
        on_large(|| panic!("on purpose"));
    }
}
