//! Calls of those who are no provider: they cost little, and hold up no provider.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::super::door::{is, told};
use super::{Hooks, PUBLIC_URL};
use loadtest::events::twilio_headers;

/// More connections than large bodies are read at once: each says that it has more to send, and sends nothing.
#[tokio::test(flavor = "multi_thread")]
async fn many_who_send_slowly_hold_up_no_provider() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let url = hooks.stage.url("");
    let address = url.strip_prefix("http://").unwrap();
    let head = "POST /hooks/twilio/texts HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature: AAAA\r\nContent-Length: 60000\r\n\r\nx";
    let mut slow = vec![];
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let stop = [
        ("MessageSid", "SM1"),
        ("From", "+4915112345678"),
        ("Body", "STOP"),
    ];
    assert_eq!(hooks.call("", &stop).await, 204);
    assert_eq!(hooks.suppressed().await.len(), 1);
    // What costs much to prove is not Twilio's.
    let names = "a=1&".repeat(600);
    let path = "/hooks/twilio/texts";
    let headers = twilio_headers(
        "token",
        &format!("{PUBLIC_URL}{path}"),
        &vec![("a", "1"); 600],
    );
    let answer = hooks.post(path, &headers, names.as_bytes()).await;
    assert_eq!(told(&answer), is(403, "events_refused"));
    let large = "a=".to_owned() + &"1".repeat(70_000);
    let answer = hooks.post(path, &headers, large.as_bytes()).await;
    assert_eq!(told(&answer), is(413, "too_large"));
    drop(slow);
}
