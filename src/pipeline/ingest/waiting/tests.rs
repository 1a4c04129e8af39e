use super::*;

#[test]
fn key_waiters_are_watched_by_one_task_at_a_time() {
    let waiting = KeyWaiters::default();
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
