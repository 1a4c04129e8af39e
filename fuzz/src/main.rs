//! One door under libFuzzer: `HERALD_FUZZ_TARGET` names it. script/fuzz builds and runs this.

#![no_main]

use std::sync::OnceLock;

use fuzz::{TARGETS, Target, target};
use libfuzzer_sys::fuzz_target;

static DOOR: OnceLock<&Target> = OnceLock::new();

fn door() -> &'static Target {
    DOOR.get_or_init(|| {
        let name = std::env::var("HERALD_FUZZ_TARGET").unwrap_or_default();
        target(&name).unwrap_or_else(|| {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            panic!(
                "HERALD_FUZZ_TARGET is `{name}`; there are {}",
                names.join(", ")
            )
        })
    })
}

fuzz_target!(|bytes: &[u8]| (door().run)(bytes));
