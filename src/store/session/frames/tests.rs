use proptest::prelude::*;

use super::*;

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

fn error(code: &str, text: &str) -> Vec<u8> {
    let fields = format!("SFEHLER\0VERROR\0C{code}\0M{text}\0Dwas sonst\0\0");
    message(ERROR_RESPONSE, fields.as_bytes())
}

/// Through the two ways as the stream takes them: what may pass, then the rest.
fn through(answers: &mut Answers, bytes: &[u8]) -> Vec<u8> {
    let passed = answers.pass(bytes);
    let mut out = bytes[..passed].to_vec();
    answers.rewrite(&bytes[passed..], &mut out);
    out
}

#[test]
fn an_error_carries_its_code_in_its_text_and_nothing_else_changes() {
    let ready = message(READY_FOR_QUERY, b"I");
    let sent = [error("42501", "keine Berechtigung"), ready.clone()].concat();
    let mut answers = Answers::default();
    let got = through(&mut answers, &sent);
    let wanted = [error("42501", "SQLSTATE 42501: keine Berechtigung"), ready].concat();
    assert_eq!(got, wanted);
    assert_eq!(answers.take_failed().unwrap().as_str(), "42501");
    assert_eq!(answers.take_failed(), None);
    assert_eq!((answers.take_ready(), answers.take_ready()), (1, 0));
}

#[test]
fn only_a_rows_size_is_marked_as_a_rows_and_by_the_file_that_says_so() {
    for (code, file, is_row_size) in [
        ("54000", "nbtutils.c", true),
        ("54000", "indextuple.c", true),
        ("54000", "hio.c", true),
        ("54000", "async.c", false),
        ("54000", "pl_exec.c", false),
        ("54001", "nbtutils.c", false),
        ("XX000", "nbtutils.c", false),
    ] {
        let words = "Zeile: zu groß";
        let fields = format!("SFEHLER\0VERROR\0C{code}\0M{words}\0Dwas\0F{file}\0L7\0Rwer\0\0");
        let got = through(
            &mut Answers::default(),
            &message(ERROR_RESPONSE, fields.as_bytes()),
        );
        let text = got
            .split(|byte| *byte == 0)
            .find(|field| field.starts_with(b"M"));
        let text = std::str::from_utf8(&text.unwrap()[1..]).unwrap();
        let read = MarkedText::read(text).unwrap();
        let wanted = (code, is_row_size, words);
        assert_eq!((read.state.as_str(), read.is_row_size, read.words), wanted);
    }
    for odd in [
        "",
        "SQLSTATE ",
        "SQLSTATE 5400",
        "SQLSTATE 54000",
        "SQLSTATE 54000? x",
        "Zeile",
    ] {
        assert_eq!(MarkedText::read(odd), None, "{odd}");
    }
}

#[test]
fn an_error_without_code_or_text_is_left_as_it_is() {
    for fields in [
        "SERROR\0Mhello\0\0",
        "SERROR\0C42501\0\0",
        "",
        "C425\0Mx\0\0",
    ] {
        let sent = message(ERROR_RESPONSE, fields.as_bytes());
        let mut answers = Answers::default();
        assert_eq!(through(&mut answers, &sent), sent, "{fields}");
        assert_eq!(answers.take_failed(), None);
    }
}

#[test]
fn of_a_huge_error_only_the_beginning_is_held() {
    let sent = error("22P02", &"x".repeat(300_000));
    let mut answers = Answers::default();
    let (mut got, mut most) = (vec![], 0);
    for piece in sent.chunks(8_192) {
        answers.rewrite(piece, &mut got);
        most = most.max(answers.held.len());
    }
    assert!(most <= MOST_HELD + 8_192, "{most}");
    assert_eq!(
        got,
        error("22P02", &format!("SQLSTATE 22P02: {}", "x".repeat(300_000)))
    );
}

/// A message, and what becomes of it.
fn any_message() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let plain = (any::<u8>(), prop::collection::vec(any::<u8>(), 0..40));
    prop_oneof![
        3 => plain.prop_map(|(tag, body)| {
            let tag = if tag == ERROR_RESPONSE { b'D' } else { tag };
            (message(tag, &body), message(tag, &body))
        }),
        1 => Just((message(READY_FOR_QUERY, b"T"), message(READY_FOR_QUERY, b"T"))),
        2 => ("[0-9A-Z]{5}", "[a-zäöü ]{0,30}").prop_map(|(code, text)| {
            (error(&code, &text), error(&code, &format!("SQLSTATE {code}: {text}")))
        }),
    ]
}

proptest! {
    #[test]
    fn wherever_a_stream_is_cut_the_same_comes_out(
        messages in prop::collection::vec(any_message(), 0..12),
        cuts in prop::collection::vec(1_usize..50, 1..40),
    ) {
        let sent: Vec<u8> = messages.iter().flat_map(|(sent, _)| sent.clone()).collect();
        let wanted: Vec<u8> = messages.iter().flat_map(|(_, wanted)| wanted.clone()).collect();
        let mut answers = Answers::default();
        let (mut got, mut rest, mut cuts) = (vec![], sent.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            got.extend(through(&mut answers, piece));
            rest = later;
        }
        prop_assert_eq!(got, wanted);
        let ready = messages.iter().filter(|(sent, _)| sent[0] == READY_FOR_QUERY).count();
        prop_assert_eq!(answers.take_ready(), u32::try_from(ready).unwrap());
    }

    #[test]
    fn requests_are_counted_wherever_the_stream_is_cut(
        tags in prop::collection::vec(prop::sample::select(b"PBDESQCpXd".to_vec()), 0..20),
        cuts in prop::collection::vec(1_usize..20, 1..40),
    ) {
        // The first message has no tag, and 'S' and 'Q' within a body are no requests.
        let startup = message(0, b"\0\x03\0\0user\0SQ\0\0")[1..].to_vec();
        let rest = tags.iter().flat_map(|tag| message(*tag, b"SQSQ"));
        let sent: Vec<u8> = startup.into_iter().chain(rest).collect();
        let (mut requests, mut counted) = (Requests::new(), 0);
        let (mut rest, mut cuts) = (sent.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            counted += requests.count(piece);
            rest = later;
        }
        let asked = tags.iter().filter(|tag| matches!(tag, b'S' | b'Q')).count();
        prop_assert_eq!(counted, u32::try_from(asked).unwrap());
    }
}
