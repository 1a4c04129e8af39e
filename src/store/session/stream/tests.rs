use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::*;
use crate::runtime::clock;

const PATIENCE: Duration = Duration::from_secs(20);
const READY: &[u8] = b"Z\0\0\0\x05I";
const QUERY: &[u8] = b"Q\0\0\0\x06;\0";

/// A stream whose startup was answered, and the server's end of it.
async fn started(generation: &Generation) -> (ServerStream, DuplexStream) {
    let (near, mut far) = duplex(64 * 1_024);
    let mut stream = ServerStream::new(Box::new(near), PATIENCE, generation.clone());
    stream.write_all(b"\0\0\0\x09\0\x03\0\0\0").await.unwrap();
    far.write_all(READY).await.unwrap();
    stream.read_exact(&mut [0; 6]).await.unwrap();
    (stream, far)
}

/// Reads to the end: what was said before it, and why it ended.
async fn ends(stream: &mut ServerStream) -> (String, GivenUp) {
    let mut said = vec![];
    let error = stream.read_to_end(&mut said).await.unwrap_err();
    let why = error.get_ref().unwrap().downcast_ref::<GivenUp>();
    (String::from_utf8(said).unwrap(), *why.unwrap())
}

async fn fails(stream: &mut ServerStream) -> GivenUp {
    ends(stream).await.1
}

#[tokio::test(start_paused = true)]
async fn stream_end_is_explained_unless_an_answer_has_begun() {
    let generation = Generation::default();
    let (mut stream, _far) = started(&generation).await;
    stream.write_all(QUERY).await.unwrap();
    let (said, _) = ends(&mut stream).await;
    assert!(
        said.contains("C08006\0MSQLSTATE 08006: no answer within 20 s\0"),
        "{said:?}"
    );

    let (mut stream, mut far) = started(&generation).await;
    stream.write_all(QUERY).await.unwrap();
    far.write_all(b"T\0\0\0\x20abc").await.unwrap();
    let (said, _) = ends(&mut stream).await;
    assert_eq!(said, "T\0\0\0\x20abc");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_ends_the_stream_and_the_generation() {
    let generation = Generation::default();
    let (mut stream, _far) = started(&generation).await;
    let began = clock::instant();
    stream.write_all(QUERY).await.unwrap();
    assert_eq!(fails(&mut stream).await, GivenUp::Silent(PATIENCE));
    let waited = began.elapsed();
    assert!(
        (PATIENCE..PATIENCE + Duration::from_secs(1)).contains(&waited),
        "{waited:?}"
    );
    assert_eq!(generation.current(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_owes_nothing_waits_for_ever_and_each_answer_has_its_own_time() {
    let generation = Generation::default();
    let (mut stream, mut far) = started(&generation).await;
    assert!(timeout(PATIENCE * 100, stream.read_u8()).await.is_err());
    stream.write_all(&[QUERY, QUERY].concat()).await.unwrap();
    for _ in 0..2 {
        let late = PATIENCE - Duration::from_secs(1);
        assert!(timeout(late, stream.read_u8()).await.is_err());
        far.write_all(READY).await.unwrap();
        stream.read_exact(&mut [0; 6]).await.unwrap();
    }
    assert_eq!(generation.current(), 0);
}

#[tokio::test(start_paused = true)]
async fn once_another_session_was_found_dead_an_answer_must_come_soon() {
    let generation = Generation::default();
    let (mut stream, mut far) = started(&generation).await;
    stream.write_all(QUERY).await.unwrap();
    generation.end();
    // A sign of life is enough.
    assert!(
        timeout(Duration::from_secs(1), stream.read_u8())
            .await
            .is_err()
    );
    far.write_all(b"1\0\0\0\x04").await.unwrap();
    stream.read_exact(&mut [0; 5]).await.unwrap();
    assert!(
        timeout(Duration::from_secs(10), stream.read_u8())
            .await
            .is_err()
    );
    generation.end();
    let dead = timeout(Duration::from_secs(3), fails(&mut stream)).await;
    assert_eq!(dead, Ok(GivenUp::Suspect));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_may_not_write_ends_with_its_answer() {
    let generation = Generation::default();
    let (mut stream, mut far) = started(&generation).await;
    stream.write_all(QUERY).await.unwrap();
    let refused = b"E\0\0\0\x10C25006\0Mno\0\0";
    far.write_all(&[&refused[..], READY].concat())
        .await
        .unwrap();
    let mut answer = vec![0; refused.len() + 16 + READY.len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(answer.ends_with(READY));
    assert_eq!(fails(&mut stream).await, GivenUp::Spent);
    assert_eq!(generation.current(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_small_reader_gets_all_of_a_rewritten_error() {
    let (mut stream, mut far) = started(&Generation::default()).await;
    stream.write_all(QUERY).await.unwrap();
    let refused = b"E\0\0\0\x10C42501\0Mno\0\0";
    far.write_all(&[&refused[..], READY].concat())
        .await
        .unwrap();
    let mut got = vec![];
    while got.len() < refused.len() + 16 + READY.len() {
        got.push(stream.read_u8().await.unwrap());
    }
    let text = String::from_utf8_lossy(&got);
    assert!(text.contains("MSQLSTATE 42501: no\0"), "{text:?}");
    assert!(got.ends_with(READY));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_socket_does_not_take_has_an_end_too() {
    let (near, far) = duplex(16);
    let mut stream = ServerStream::new(Box::new(near), PATIENCE, Generation::default());
    let (mut reading, mut writing) = tokio::io::split(&mut stream);
    let much = [0; 64];
    let both = async {
        tokio::select! {
            written = writing.write_all(&much) => written,
            read = async { loop { reading.read_u8().await?; } } => read,
        }
    };
    assert!(timeout(PATIENCE * 2, both).await.unwrap().is_err());
    drop(far);
}
