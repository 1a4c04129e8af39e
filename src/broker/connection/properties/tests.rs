use lapin::BasicProperties;
use lapin::protocol::basic::parse_properties;
use lapin::types::{AMQPValue, FieldTable};
use proptest::prelude::*;

use super::*;

/// The payload of a content header for a body of seven bytes.
fn payload(flags: u16, values: &[u8]) -> Vec<u8> {
    let mut payload = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    payload.extend_from_slice(&flags.to_be_bytes());
    payload.extend_from_slice(values);
    payload
}

fn short(text: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.len()).unwrap()];
    bytes.extend_from_slice(text);
    bytes
}

fn table_of(entries: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    long_string(&mut bytes, entries);
    bytes
}

/// A header `h` with a value of this type.
fn header(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[1, b'h', kind], value].concat()
}

fn nested(levels: usize) -> Vec<u8> {
    (0..levels).fold(vec![], |inner, _| header(b'F', &table_of(&inner)))
}

/// What the client library reads: all of it, or nothing.
fn read(payload: &[u8]) -> Option<BasicProperties> {
    let (rest, properties) = parse_properties(&payload[HEAD..]).ok()?;
    rest.is_empty().then_some(properties)
}

fn why(payload: &[u8]) -> String {
    check(payload).unwrap_err()
}

#[test]
fn properties_that_the_client_library_cannot_read_are_reported() {
    let id = |text: &[u8]| payload(flag(MESSAGE_ID), &short(text));
    assert_eq!(check(&id("grüße".as_bytes())), Ok(()));
    assert_eq!(
        why(&id(b"gr\xfc\xdfe")),
        "the property `message_id` is not UTF-8"
    );
    let headers = |entries: &[u8]| payload(flag(HEADERS), &table_of(entries));
    assert_eq!(check(&headers(&header(b'S', &table_of(b"\xff")))), Ok(()));
    assert_eq!(
        why(&headers(b"\x01\xffV")),
        "the name of a header is not UTF-8"
    );
    let inner = header(b'F', &table_of(b"\x01\xffV"));
    assert_eq!(why(&headers(&inner)), "the name of a header is not UTF-8");
    assert!(why(&headers(&header(b'Z', b""))).contains("unknown type (90)"));
    assert!(why(&headers(&header(b'I', b"\x00"))).contains("break off"));
    assert!(why(&headers(&header(b'S', &[0xff; 4]))).contains("break off"));
    assert!(why(&payload(flag(HEADERS), &[0, 0, 0, 9])).contains("break off"));
    assert!(why(&payload(flag(MESSAGE_ID), &[5, b'a'])).contains("break off"));
    assert!(why(&payload(flag(TIME), &[0; 7])).contains("break off"));
    assert!(why(&payload(0, b"x")).contains("more follows"));
    assert!(why(&[0, 60]).contains("break off"));
    for name in ["content_type", "reply_to", "cluster_id"] {
        let index = PROPERTIES
            .iter()
            .position(|(known, _)| *known == name)
            .unwrap();
        let problem = why(&payload(flag(index), &short(b"\xff")));
        assert_eq!(problem, format!("the property `{name}` is not UTF-8"));
    }
}

#[test]
fn headers_may_be_nested_but_not_so_deep_that_reading_them_costs_the_process() {
    let headers = |levels: usize| payload(flag(HEADERS), &table_of(&nested(levels)));
    assert_eq!(check(&headers(DEEPEST - 1)), Ok(()));
    assert!(read(&headers(DEEPEST - 1)).is_some());
    for levels in [DEEPEST, 4_000, 20_000] {
        assert_eq!(
            why(&headers(levels)),
            "headers are nested more than 32 deep"
        );
    }
    let arrays = (0..4_000).fold(vec![], |inner: Vec<u8>, _| {
        [&b"A"[..], &table_of(&inner)].concat()
    });
    let arrays = [&[1, b'h'][..], &arrays].concat();
    assert!(why(&payload(flag(HEADERS), &table_of(&arrays))).contains("nested"));
}

#[test]
fn in_their_place_stands_why_with_the_original_and_what_names_the_message() {
    let flags = flag(HEADERS) | flag(MESSAGE_ID) | flag(TIME);
    let values = [
        &table_of(b"\x01\xffV")[..],
        &short(b"order-7"),
        &7_u64.to_be_bytes(),
    ]
    .concat();
    let broken = payload(flags, &values);
    let mended = replaced(&broken, &why(&broken), 1_024);
    assert_eq!(check(&mended), Ok(()));
    assert_eq!(
        mended[..HEAD],
        broken[..HEAD],
        "the body is as long as before"
    );
    let properties = read(&mended).unwrap();
    assert_eq!(
        properties.message_id().as_ref().unwrap().as_str(),
        "order-7"
    );
    assert_eq!(*properties.timestamp(), Some(7));
    let found = unreadable::Unreadable::of(properties.headers().as_ref().unwrap()).unwrap();
    assert_eq!(found.why, "the name of a header is not UTF-8");
    assert_eq!(found.properties, broken[HEAD..]);
}

#[test]
fn properties_beyond_repair_are_dropped_and_the_original_is_bounded() {
    let broken = payload(flag(MESSAGE_ID), &short(&[0xff; 255]));
    let mended = replaced(&broken, &why(&broken), 100);
    let properties = read(&mended).unwrap();
    assert_eq!(*properties.message_id(), None);
    let found = unreadable::Unreadable::of(properties.headers().as_ref().unwrap()).unwrap();
    assert_eq!(found.properties, broken[HEAD..HEAD + 100]);
    assert!(mended.len() < 300);
}

/// Values as publishers make them, and as nobody should.
fn values() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let noise = proptest::collection::vec(any::<u8>(), 0..60);
    let tidy = (
        proptest::collection::vec(any::<u8>(), 0..6),
        prop_oneof![Just(b'S'), Just(b'I'), Just(b'F'), Just(b'A'), any::<u8>()],
        proptest::collection::vec(any::<u8>(), 0..20),
    )
        .prop_map(|(name, kind, value)| {
            let entry = [&short(&name)[..], &[kind], &table_of(&value)].concat();
            table_of(&entry)
        });
    (any::<u16>(), prop_oneof![noise, tidy])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn properties_filter_agrees_with_the_client_library((flags, values) in values()) {
        for flags in [flags, flag(HEADERS), flag(MESSAGE_ID)] {
            let payload = payload(flags, &values);
            prop_assert_eq!(check(&payload).is_ok(), read(&payload).is_some());
            if let Err(why) = check(&payload) {
                prop_assert!(read(&replaced(&payload, &why, 64)).is_some());
            }
        }
    }
}

#[test]
fn everything_that_a_publisher_of_the_client_library_can_say_passes() {
    let mut headers = FieldTable::default();
    for (index, value) in [
        AMQPValue::Boolean(true),
        AMQPValue::ShortShortInt(-1),
        AMQPValue::ShortShortUInt(1),
        AMQPValue::ShortInt(-1),
        AMQPValue::ShortUInt(1),
        AMQPValue::LongInt(-1),
        AMQPValue::LongUInt(1),
        AMQPValue::LongLongInt(-1),
        AMQPValue::Float(1.5),
        AMQPValue::Double(1.5),
        AMQPValue::LongString("text".into()),
        AMQPValue::Timestamp(u64::MAX),
        AMQPValue::FieldTable(FieldTable::default()),
        AMQPValue::Void,
    ]
    .into_iter()
    .enumerate()
    {
        headers.insert(format!("h{index}").into(), value);
    }
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_headers(headers)
        .with_delivery_mode(2)
        .with_message_id("m".into())
        .with_timestamp(u64::MAX)
        .with_cluster_id("c".into());
    let written = lapin::protocol::basic::gen_properties(&properties)(Vec::new().into());
    let (written, _) = written.unwrap().into_inner();
    let payload = [&[0; HEAD][..], &written].concat();
    assert_eq!(check(&payload), Ok(()));
    assert_eq!(read(&payload), Some(properties));
}
