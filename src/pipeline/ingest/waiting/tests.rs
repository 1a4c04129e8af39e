use super::*;

const SAID: ContentHash = ContentHash([1; 32]);
const OTHER: ContentHash = ContentHash([2; 32]);
const US: RunId = RunId(1);
const THEM: RunId = RunId(2);

fn word(owner: Option<RunId>, lives: bool, stored: bool, said: ContentHash, look: u32) -> char {
    let holder = Holder::of_test(owner, lives, stored, SAID);
    match verdict(Some(&holder), said, US, look) {
        Verdict::Repeats(_) => '=',
        Verdict::KeyReused => '!',
        Verdict::TakeOver => 't',
        Verdict::Wait => 'w',
        Verdict::Return => 'r',
    }
}

#[test]
fn who_holds_the_key_decides() {
    let cases = [
        // Who holds it, whether they live; then the word for the first look and for the last,
        // of the same content and of another.
        (None, false, "tt", "wt"),
        (Some(THEM), false, "tt", "wt"),
        (Some(US), true, "tt", "wt"),
        (Some(THEM), true, "ww", "ww"),
    ];
    for (owner, lives, same, other) in cases {
        for (said, words) in [(SAID, same), (OTHER, other)] {
            let found: String = [1, LOOKS]
                .map(|look| word(owner, lives, false, said, look))
                .into_iter()
                .collect();
            assert_eq!(found, words, "{owner:?} {lives} {said:?}");
        }
        assert_eq!(word(owner, lives, true, SAID, 1), '=');
        assert_eq!(word(owner, lives, true, OTHER, 1), '!');
    }
    assert!(matches!(verdict(None, SAID, US, 1), Verdict::Return));
}

#[test]
fn one_looks_after_all_and_the_next_begins_when_that_one_has_ended() {
    let waiting = Waiting::default();
    assert!(!waiting.join(vec![]), "there is nobody to look after");
    let watch = Watch {
        waiting: &waiting,
        is_over: false,
    };
    waiting.lock().is_watched = true;
    drop(watch);
    assert!(!waiting.lock().is_watched, "it broke off");
    waiting.lock().is_watched = true;
    let mut watch = Watch {
        waiting: &waiting,
        is_over: false,
    };
    assert!(watch.take().is_empty());
    assert!(!waiting.lock().is_watched);
    // Another has begun before this one is gone.
    waiting.lock().is_watched = true;
    drop(watch);
    assert!(waiting.lock().is_watched);
}
