use super::*;

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind, 0, 1];
    frame.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(payload);
    frame.push(END);
    frame
}

/// A content header whose message id is this.
fn header(id: &[u8]) -> Vec<u8> {
    let head = [0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0x80];
    let id = [&[u8::try_from(id.len()).unwrap()], id].concat();
    frame(HEADER, &[&head[..], &id].concat())
}

fn delivery(exchange: &[u8], key: &[u8]) -> Vec<u8> {
    let mut payload = DELIVER.to_vec();
    payload.extend_from_slice(b"\x06herald");
    payload.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 7, 1]);
    for name in [exchange, key] {
        payload.push(u8::try_from(name.len()).unwrap());
        payload.extend_from_slice(name);
    }
    frame(METHOD, &payload)
}

fn tune(frame_max: u32) -> Vec<u8> {
    let mut payload = TUNE.to_vec();
    payload.extend_from_slice(&2_047_u16.to_be_bytes());
    payload.extend_from_slice(&frame_max.to_be_bytes());
    payload.extend_from_slice(&60_u16.to_be_bytes());
    frame(METHOD, &payload)
}

fn step(bytes: &[u8]) -> (FrameStep, Vec<u8>) {
    let mut bytes = bytes.to_vec();
    let step = Frames::new(None).step(&mut bytes).unwrap();
    (step, bytes)
}

#[test]
fn readable_frames_pass_untouched() {
    for whole in [
        header(b"order-7"),
        header("grüße".as_bytes()),
        delivery(b"herald.notifications", b"email.normal"),
        delivery(b"", "grüße".as_bytes()),
        tune(131_072),
        frame(3, b"\xff\xfe\x00"),
        frame(8, b""),
        frame(METHOD, b""),
        frame(METHOD, &DELIVER),
        frame(METHOD, &[&DELIVER[..], &[200, 1]].concat()),
    ] {
        assert_eq!(step(&whole), (FrameStep::Pass(whole.len()), whole.clone()));
    }
}

#[test]
fn names_that_are_no_utf_8_are_made_readable_in_their_place() {
    let (step, mended) = step(&delivery(b"\xe4\xf6", b"email.\xfc"));
    assert_eq!(mended, delivery(b"??", b"email.?"));
    assert_eq!(step, FrameStep::Pass(mended.len()));
}

#[test]
fn properties_that_cannot_be_read_are_replaced() {
    let broken = header(b"\xff");
    let (FrameStep::Replace(length, replaced), _) = step(&broken) else {
        panic!("it passes");
    };
    assert_eq!(length, broken.len());
    assert_eq!(replaced[..3], broken[..3], "of the same channel");
    assert_eq!(step(&replaced).0, FrameStep::Pass(replaced.len()));
}

#[test]
fn properties_longer_than_a_frame_are_replaced_by_shorter_ones() {
    let long = |count: usize| {
        let value = vec![b'x'; count];
        let mut table = b"\x01hS".to_vec();
        table.extend_from_slice(&u32::try_from(count).unwrap().to_be_bytes());
        table.extend_from_slice(&value);
        let mut payload = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0x20, 0];
        payload.extend_from_slice(&u32::try_from(table.len()).unwrap().to_be_bytes());
        payload.extend_from_slice(&table);
        frame(HEADER, &payload)
    };
    for (ours, theirs, count, passes) in [
        (None, 131_072, 131_000, true),
        (None, 131_072, 131_072, false),
        (Some(8_192), 131_072, 8_192, false),
        (None, 4_096, 4_096, false),
        (None, 0, 200_000, true),
    ] {
        let mut frames = Frames::new(ours);
        frames.step(&mut tune(theirs)).unwrap();
        match frames.step(&mut long(count)).unwrap() {
            FrameStep::Pass(_) => assert!(passes, "{ours:?} {theirs} {count}"),
            FrameStep::Replace(_, replaced) => {
                assert!(!passes, "{ours:?} {theirs} {count}");
                let most = ours.unwrap_or(theirs).min(theirs);
                assert!(replaced.len() <= usize::try_from(most).unwrap());
            }
            FrameStep::More => panic!("it is whole"),
        }
    }
}

#[test]
fn a_frame_that_is_not_whole_is_waited_for_unless_nothing_in_it_matters() {
    let whole = header(b"order-7");
    for length in 0..whole.len() {
        assert_eq!(step(&whole[..length]).0, FrameStep::More, "{length}");
    }
    let body = frame(3, &[7; 100]);
    let mut frames = Frames::new(None);
    assert_eq!(
        frames.step(&mut body[..50].to_vec()).unwrap(),
        FrameStep::Pass(50)
    );
    assert_eq!(frames.step(&mut []).unwrap(), FrameStep::More);
    let rest = [&body[50..], &whole].concat();
    assert_eq!(frames.step(&mut rest.clone()).unwrap(), FrameStep::Pass(58));
    let passed = frames.step(&mut rest[58..].to_vec()).unwrap();
    assert_eq!(passed, FrameStep::Pass(whole.len()));
}

#[test]
fn bytes_that_are_not_amqp_are_reported() {
    let said = |bytes: &[u8]| Frames::new(None).step(&mut bytes.to_vec());
    let alert = said(&[0x15, 3, 3, 0, 2, 2, 70]).unwrap_err();
    assert!(alert.to_string().contains("amqps://"), "{alert}");
    let noise = said(b"HTTP/1.1 400 Bad Request").unwrap_err();
    assert!(noise.to_string().contains("no frame"), "{noise}");
    assert_eq!(said(b"AMQP\x00\x00\x09\x00").unwrap(), FrameStep::Pass(8));
}
