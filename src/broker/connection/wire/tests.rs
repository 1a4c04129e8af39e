use futures_util::io::AsyncReadExt as _;
use tokio::io::{AsyncWriteExt as _, duplex};

use super::*;

/// A content header with this message id, and a body of five bytes.
fn message(id: &[u8]) -> Vec<u8> {
    let mut payload = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0x80];
    payload.push(u8::try_from(id.len()).unwrap());
    payload.extend_from_slice(id);
    let mut frames = vec![2, 0, 1];
    frames.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
    frames.extend_from_slice(&payload);
    frames.push(0xce);
    frames.extend_from_slice(b"\x03\x00\x01\x00\x00\x00\x05hello\xce");
    frames
}

/// What the client library reads when the broker's bytes come in pieces of this size.
async fn read_in(sent: &[u8], piece: usize, buffer: usize) -> Vec<u8> {
    let (ours, mut theirs) = duplex(piece);
    let mut wire = BrokerWire::new(ours, None);
    let sending = async move {
        theirs.write_all(sent).await.unwrap();
        drop(theirs);
    };
    let reading = async {
        let (mut read, mut buffer) = (vec![], vec![0; buffer]);
        loop {
            match wire.read(&mut buffer).await.unwrap() {
                0 => return read,
                count => read.extend_from_slice(&buffer[..count]),
            }
        }
    };
    tokio::join!(reading, sending).0
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_replaced_and_its_neighbours_are_not_however_they_come() {
    let (good, bad) = (message(b"order-7"), message(b"\xff"));
    let sent = [&good[..], &bad, &good, &good, &bad, &bad, &good].concat();
    let at_once = read_in(&sent, 64 * 1_024, 64 * 1_024).await;
    let times = |needle: &[u8]| {
        let found = at_once
            .windows(needle.len())
            .filter(|window| *window == needle);
        found.count()
    };
    assert_eq!(times(&good), 4);
    assert_eq!(times(b"x-herald-unreadable"), 3);
    assert_eq!(times(b"hello"), 7);
    for (piece, buffer) in [
        (1, 1),
        (1, 4_096),
        (7, 3),
        (64, 17),
        (100, 1_024),
        (4_096, 5),
    ] {
        assert_eq!(
            read_in(&sent, piece, buffer).await,
            at_once,
            "{piece} {buffer}"
        );
    }
}

#[tokio::test]
async fn an_end_in_the_midst_of_a_frame_is_an_end() {
    let good = message(b"order-7");
    let read = read_in(&[&good[..], &good[..9]].concat(), 64, 64).await;
    assert_eq!(read, good);
}
