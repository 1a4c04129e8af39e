//! Limits of API keys: over all nodes, for each key alone, and told with each answer.

use herald::runtime::clock;

use loadtest::harness::http::{self, Answer};
use loadtest::harness::ports::free_port;
use serde_json::json;

use super::door::{ask_as, is, key, stage, told};
use super::made;
use crate::database::PATIENCE;

const PATH: &str = "/v1/api-keys?limit=1";

fn header(answer: &Answer, name: &str) -> u64 {
    answer.headers[name].to_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_held_to_its_limit_over_two_nodes_and_no_other_key_with_it() {
    let mut stage = stage().await;
    let slow = made(&stage, &["--scopes", "admin", "--rate-limit", "5"]).1;
    let free = key(&stage, "admin", None);
    let one = stage.url(PATH);
    let _one = stage.start().await;
    stage.set(
        "HERALD__HTTP__BIND",
        format!("127.0.0.1:{}", free_port().unwrap()),
    );
    let other = stage.url(PATH);
    let _other = stage.start().await;
    let bearer = format!("Authorization: Bearer {}", slow.expose());
    let began = clock::instant();
    let asked = (0..40).map(|at| {
        let (url, bearer) = (if at % 2 == 0 { &one } else { &other }, &bearer);
        async move { http::request("GET", url, &[bearer], b"").await.unwrap() }
    });
    let answers = futures_util::future::join_all(asked).await;
    let most = 5.0 + began.elapsed().as_secs_f64() * 5.0 + 1.0;
    let passed = answers.iter().filter(|it| it.status == 200).count();
    assert!(
        (5..=most as usize).contains(&passed),
        "{passed} of at most {most}"
    );
    for answer in &answers {
        assert_eq!(header(answer, "ratelimit-limit"), 5);
        assert!(header(answer, "ratelimit-remaining") <= 5);
        if answer.status != 200 {
            assert_eq!(told(answer), is(429, "rate_limited"));
            assert!((1..=2).contains(&header(answer, "retry-after")));
            assert_eq!(header(answer, "ratelimit-remaining"), 0);
            assert_eq!(header(answer, "ratelimit-reset"), 1);
        }
    }
    for _ in 0..20 {
        let answer = ask_as(&stage, &free, "GET", PATH, "").await;
        assert_eq!(answer.status, 200, "another key waits for nobody");
        assert!(header(&answer, "ratelimit-limit") > 1_000);
    }
    let again = tokio::time::timeout(PATIENCE, async {
        while ask_as(&stage, slow.expose(), "GET", PATH, "").await.status != 200 {}
    });
    assert!(again.await.is_ok(), "it is let in again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_guesses_keys_is_left_alone_and_keys_in_use_are_not() {
    let mut stage = stage().await;
    let (used, unused) = (key(&stage, "admin", None), key(&stage, "admin", None));
    stage.set("HERALD__HTTP__FAILED_KEYS", "3");
    let _engine = stage.start().await;
    assert_eq!(ask_as(&stage, &used, "GET", PATH, "").await.status, 200);
    for number in 0..3 {
        let guess = herald::domain::ApiKey::new([number; 6], [2; 24]);
        let answer = ask_as(&stage, guess.expose(), "GET", PATH, "").await;
        assert_eq!(told(&answer), is(401, "invalid_key"));
    }
    let answer = ask_as(&stage, &unused, "GET", PATH, "").await;
    assert_eq!(told(&answer), is(429, "too_many_attempts"));
    assert!((1..=60).contains(&header(&answer, "retry-after")));
    assert_eq!(ask_as(&stage, &used, "GET", PATH, "").await.status, 200);
}

/// What is many in one call costs as much, and passes though it is more than may come at once: it is owed.
#[tokio::test(flavor = "multi_thread")]
async fn many_in_a_call_cost_as_much_and_pass_when_nothing_is_owed() {
    let stage = stage().await;
    let _engine = stage.start().await;
    for (path, body) in [
        ("/v1/users/bulk", json!({ "users": vec![json!({}); 15] })),
        (
            "/v1/notifications/batch",
            json!({ "notifications": vec![json!({}); 15] }),
        ),
    ] {
        let slow = made(&stage, &["--scopes", "admin", "--rate-limit", "5"]).1;
        let many = ask_as(&stage, slow.expose(), "POST", path, &body.to_string()).await;
        assert_eq!(many.status, 207, "{path}: {}", many.text());
        let one = ask_as(&stage, slow.expose(), "GET", PATH, "").await;
        assert_eq!(told(&one), is(429, "rate_limited"), "{path}");
        assert!(
            (1..=3).contains(&header(&one, "retry-after")),
            "ten are owed"
        );
    }
}
