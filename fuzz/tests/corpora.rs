//! Every corpus through its door: as it is, and changed by chance.

use std::fs;
use std::path::{Path, PathBuf};

use fuzz::{TARGETS, Target};

/// Changed inputs for each one of a corpus.
const CHANGES: u64 = 200;

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora");
    let mut files: Vec<PathBuf> = fs::read_dir(folder.join(target.name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Numbers that are the same every time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(below.max(1)).unwrap()).unwrap()
    }
}

/// One to four small changes: a byte, a piece left out, doubled, or put in from elsewhere.
fn changed(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=dice.roll(4) {
        let from = dice.roll(bytes.len());
        let to = (from + dice.roll(16)).min(bytes.len());
        let piece = bytes[from..to].to_vec();
        match dice.roll(5) {
            0 if !bytes.is_empty() => bytes[from] = u8::try_from(dice.roll(256)).unwrap(),
            1 => drop(bytes.drain(from..to)),
            2 => drop(bytes.splice(from..from, piece)),
            3 => drop(bytes.splice(from..to, std::iter::once(u8::MAX))),
            _ => {
                let start = dice.roll(other.len());
                let end = (start + dice.roll(64)).min(other.len());
                drop(bytes.splice(from..to, other[start..end].iter().copied()));
            }
        }
    }
    bytes
}

fn go(name: &str) {
    let target = fuzz::target(name).unwrap();
    let corpus = corpus(target);
    assert!(!corpus.is_empty());
    let mut dice = Dice(1);
    for input in &corpus {
        (target.run)(input);
        for _ in 0..CHANGES {
            let other = &corpus[dice.roll(corpus.len())];
            (target.run)(&changed(input, other, &mut dice));
        }
    }
}

macro_rules! doors {
    ($($door:ident)+) => {
        $(#[test] fn $door() { go(stringify!($door)); })+

        #[test]
        fn every_door_is_gone_through() {
            let gone_through = [$(stringify!($door)),+];
            let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(all, gone_through);
        }
    };
}

doors! {
    envelope headers frames template manifest sendgrid twilio fcm slack smtp sendgrid_events
    twilio_events smtp_events mail quotes
}
