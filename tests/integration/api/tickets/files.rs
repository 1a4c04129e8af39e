//! Files of tickets: taken as they come, read by links, and gone without a rest.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use loadtest::harness::http::{self, Answer};
use serde_json::{Value, json};

use super::{AGENT, ANN, BOB, PATH, SCOPES, asked, hire, id_of, issued, person};
use crate::api::door::{OTHER, SHOP, ask, is, json_of, key, stage, told};
use crate::api::users::Caller;
use crate::database::{PATIENCE, lines};
use crate::stage::Stage;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR0000000000000000";
const PDF: &[u8] = b"%PDF-1.7\nfire";

/// Sends a file as a form; answers with what is said to it.
async fn send(
    stage: &Stage,
    key: &str,
    path: &str,
    (name, kind, bytes): (&str, &str, &[u8]),
) -> Answer {
    let bearer = format!("Authorization: Bearer {key}");
    let headers = [
        bearer.as_str(),
        "Content-Type: multipart/form-data; boundary=between",
    ];
    let head = format!(
        "--between\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n"
    );
    let body = [head.as_bytes(), bytes, b"\r\n--between--\r\n"].concat();
    let sent = http::request("POST", &stage.url(path), &headers, &body).await;
    sent.unwrap()
}

fn objects(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let count = |path: &Path| match path.is_dir() {
        true => objects(path),
        false => 1,
    };
    entries.map(|entry| count(&entry.unwrap().path())).sum()
}

/// Waits until no object is loose that is not to be, and says how many there are.
pub(super) async fn swept(stage: &Stage) -> usize {
    let mut owner = stage.database.owner().await;
    let query =
        "SELECT object AS text FROM ticket_schema.loose_objects WHERE object NOT LIKE '%later'";
    let mut left = vec![String::new()];
    let looked = async {
        while !left.is_empty() {
            left = lines(&mut owner, query).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, looked).await;
    assert!(ended.is_ok(), "{left:?}");
    objects(&stage.attachments())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_taken_listed_read_by_its_link_and_removed() {
    let stage = stage().await;
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let other = Caller::of(&stage, SCOPES, Some(OTHER));
    let _engine = stage.start().await;
    let ticket = shop.good("POST", PATH, asked(ANN), 201).await;
    let place = format!("{PATH}/{}/attachments", id_of(&ticket));
    let by_agent = format!("{place}?author_id={AGENT}");
    let sent = send(
        &stage,
        shop.key(),
        &by_agent,
        ("../Größe\u{202e}.png", "image/png", PNG),
    )
    .await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    assert_eq!(sent.headers["etag"], "\"2\"");
    let made = json_of(&sent);
    assert_eq!(
        (&made["name"], &made["content_type"], &made["size"]),
        (&json!("Größe.png"), &json!("image/png"), &json!(PNG.len()))
    );
    let one = sent.headers["location"].to_str().unwrap().to_owned();
    // As it is, with its name beside it.
    let bearer = format!("Authorization: Bearer {}", shop.key());
    let headers = [bearer.as_str(), "Content-Type: application/pdf"];
    let path = format!("{by_agent}&filename=bill.pdf");
    let raw = http::request("POST", &stage.url(&path), &headers, PDF).await;
    let raw = raw.unwrap();
    assert_eq!(raw.status, 201, "{}", raw.text());
    let list = shop.good("GET", &place, Value::Null, 200).await;
    let names: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Größe.png", "bill.pdf"]);
    assert_eq!(swept(&stage).await, 2);
    // By its link, without a key.
    let shown = shop.good("GET", &one, Value::Null, 200).await;
    let link = shown["url"].as_str().unwrap().to_owned();
    let link = &link[link.find("/files/").unwrap()..];
    let read = ask(&stage, "GET", link, &[], "").await;
    assert_eq!((read.status, &read.body[..]), (200, PNG));
    let header = |name: &str| read.headers[name].to_str().unwrap();
    assert_eq!(header("content-length"), PNG.len().to_string());
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-security-policy").starts_with("sandbox; default-src 'none'"));
    let kept = header("content-disposition");
    assert!(
        kept.starts_with("attachment; filename=\"Gr__e.png\""),
        "{kept}"
    );
    assert!(
        kept.contains("filename*=UTF-8''Gr%C3%B6%C3%9Fe.png"),
        "{kept}"
    );
    let head = ask(&stage, "HEAD", link, &[], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    // It broke off: the rest, of what it still is.
    assert_eq!(header("accept-ranges"), "bytes");
    let same = format!("If-Range: {}", header("etag"));
    let rest = ask(&stage, "GET", link, &["Range: bytes=4-", &same], "").await;
    assert_eq!((rest.status, &rest.body[..]), (206, &PNG[4..]));
    let (last, size) = (PNG.len() - 1, PNG.len());
    assert_eq!(
        rest.headers["content-range"],
        format!("bytes 4-{last}/{size}")
    );
    let of_another = ["Range: bytes=4-", "If-Range: \"other\""];
    let whole = ask(&stage, "GET", link, &of_another, "").await;
    assert_eq!((whole.status, &whole.body[..]), (200, PNG));
    let beyond = ask(&stage, "GET", link, &["Range: bytes=1000-"], "").await;
    assert_eq!(told(&beyond), is(416, "range_not_satisfiable"));
    assert_eq!(beyond.headers["content-range"], format!("bytes */{size}"));
    for bent in [
        format!("{link}A"),
        link.replace("/files/A", "/files/B"),
        "/files/x".to_owned(),
    ] {
        let answer = ask(&stage, "GET", &bent, &[], "").await;
        assert_eq!(told(&answer), is(404, "not_found"), "{bent}");
    }
    // Another tenant has nothing of it.
    for (method, path) in [("GET", &place), ("GET", &one), ("DELETE", &one)] {
        let answer = other.ask(method, path, &Value::Null).await;
        assert_eq!(told(&answer), is(404, "not_found"), "{method} {path}");
    }
    shop.good("DELETE", &one, Value::Null, 204).await;
    assert_eq!(
        ask(&stage, "GET", link, &[], "").await.status,
        404,
        "the link leads nowhere"
    );
    assert_eq!(swept(&stage).await, 1);
    let history = format!("{PATH}/{}/history", id_of(&ticket));
    let history = shop.good("GET", &history, Value::Null, 200).await;
    let deeds: Vec<&str> = history["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["deed"].as_str().unwrap())
        .collect();
    assert_eq!(deeds, ["created", "attached", "attached", "detached"]);
    assert!(!history.to_string().contains("e.png") && !history.to_string().contains("bill"));
    // Nor does one to what belongs to a ticket that was taken away.
    let left = raw.headers["location"].to_str().unwrap();
    let left = shop.good("GET", left, Value::Null, 200).await;
    let link = left["url"].as_str().unwrap();
    let link = &link[link.find("/files/").unwrap()..];
    assert_eq!(ask(&stage, "GET", link, &[], "").await.status, 200);
    let one = format!("{PATH}/{}", id_of(&ticket));
    shop.good("DELETE", &one, Value::Null, 204).await;
    assert_eq!(ask(&stage, "GET", link, &[], "").await.status, 404);
    assert_eq!(swept(&stage).await, 0, "its files go with it");
    let rows = "SELECT name AS text FROM ticket_schema.ticket_attachments";
    let mut owner = stage.database.owner().await;
    assert_eq!(lines(&mut owner, rows).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_to_be_taken_is_refused_and_leaves_nothing() {
    let mut stage = stage().await;
    stage.set("HERALD__TICKETS__ATTACHMENTS__MAX_BYTES", "100000");
    stage.set("HERALD__TICKETS__ATTACHMENTS__MAX_COUNT", "1");
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    let ticket = shop.good("POST", PATH, asked(ANN), 201).await;
    let place = format!("{PATH}/{}/attachments?author_id={AGENT}", id_of(&ticket));
    let large = [PDF, &vec![b'x'; 100_000]].concat();
    for (file, code) in [
        (("a.txt", "text/plain", b"" as &[u8]), is(422, "empty_file")),
        (("a.pdf", "application/pdf", &large), is(413, "too_large")),
        (
            ("a.png", "image/png", PDF),
            is(415, "unsupported_media_type"),
        ),
        (
            ("a.html", "text/html", b"<html>"),
            is(415, "unsupported_media_type"),
        ),
        (
            ("a.txt", "text/plain", b"<svg onload=1>"),
            is(415, "unsupported_media_type"),
        ),
    ] {
        let answer = send(&stage, shop.key(), &place, file).await;
        assert_eq!(told(&answer), code, "{file:?}");
    }
    // One that breaks off.
    let address = stage.url("").replace("http://", "");
    let mut socket = TcpStream::connect(address.trim_end_matches('/')).unwrap();
    let head = format!(
        "POST {place}&filename=a.pdf HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/pdf\r\nContent-Length: 50000\r\n\r\n",
        shop.key()
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(&large[..40_000]).unwrap();
    drop(socket);
    let no_part =
        "--between\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nx\r\n--between--\r\n";
    let bearer = format!("Authorization: Bearer {}", shop.key());
    let headers = [
        bearer.as_str(),
        "Content-Type: multipart/form-data; boundary=between",
    ];
    let answer = ask(&stage, "POST", &place, &headers, no_part).await;
    assert_eq!(told(&answer), is(422, "invalid_body"));
    let stale = [headers[0], headers[1], "If-Match: \"7\""];
    let one = "--between\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nx\r\n--between--\r\n";
    let answer = ask(&stage, "POST", &place, &stale, one).await;
    assert_eq!(told(&answer), is(412, "changed_meanwhile"));
    assert_eq!(swept(&stage).await, 0);
    let list = place.split('?').next().unwrap();
    assert_eq!(
        shop.good("GET", list, Value::Null, 200).await["data"],
        json!([])
    );
    assert_eq!(
        send(
            &stage,
            shop.key(),
            &place,
            ("a.pdf", "application/pdf", PDF)
        )
        .await
        .status,
        201
    );
    let answer = send(
        &stage,
        shop.key(),
        &place,
        ("b.pdf", "application/pdf", PDF),
    )
    .await;
    assert_eq!(told(&answer), is(409, "too_many_attachments"));
    assert_eq!(objects(&stage.attachments()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_for_staff_alone_is_nowhere_for_whoever_asked() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    for one in [ANN, BOB, AGENT] {
        person(&stage, &admin, one).await;
    }
    hire(&shop, AGENT, "lead", 1).await;
    let ticket = shop.good("POST", PATH, asked(ANN), 201).await;
    let one = format!("{PATH}/{}", id_of(&ticket));
    let grants = json!({ "grants": ["tickets:read", "tickets:write"] });
    let ann = issued(&stage, &admin, ANN, &grants).await;
    let agent = issued(&stage, &admin, AGENT, &grants).await;
    let note = json!({ "author_id": AGENT, "comment": "secret", "internal": true });
    let note = shop
        .good("POST", &format!("{one}/comments"), note, 201)
        .await;
    let before = crate::api::door::ask_as(&stage, &ann, "GET", &one, "").await;
    let place = format!("{one}/attachments");
    let of_note = format!("{place}?comment_id={}", id_of(&note));
    let hidden = send(
        &stage,
        &agent,
        &of_note,
        ("secret.pdf", "application/pdf", PDF),
    )
    .await;
    assert_eq!(hidden.status, 201, "{}", hidden.text());
    let hidden = json_of(&hidden);
    assert_eq!(hidden["internal"], json!(true), "as its comment is");
    // Neither listed, nor found, nor removed; and the ticket has not moved.
    let list = crate::api::door::ask_as(&stage, &ann, "GET", &place, "").await;
    assert_eq!(json_of(&list)["data"], json!([]));
    let path = format!("{place}/{}", id_of(&hidden));
    for method in ["GET", "DELETE"] {
        let answer = crate::api::door::ask_as(&stage, &ann, method, &path, "").await;
        assert_eq!(told(&answer), is(404, "not_found"), "{method}");
    }
    let after = crate::api::door::ask_as(&stage, &ann, "GET", &one, "").await;
    assert_eq!(
        (&after.headers["etag"], &after.body),
        (&before.headers["etag"], &before.body)
    );
    // They add none themselves, to no such comment.
    for query in [format!("{place}?internal=true"), of_note.clone()] {
        let answer = send(&stage, &ann, &query, ("a.pdf", "application/pdf", PDF)).await;
        let code = if query == of_note {
            is(404, "not_found")
        } else {
            is(403, "staff_only")
        };
        assert_eq!(told(&answer), code, "{query}");
    }
    // What is theirs they remove; what is the staff's they see, and do not.
    let own = send(&stage, &ann, &place, ("own.pdf", "application/pdf", PDF)).await;
    assert_eq!(own.status, 201, "{}", own.text());
    let open = send(&stage, &agent, &place, ("open.pdf", "application/pdf", PDF)).await;
    let (own, open) = (json_of(&own), json_of(&open));
    let remove = async |file: &Value| {
        let path = format!("{place}/{}", id_of(file));
        crate::api::door::ask_as(&stage, &ann, "DELETE", &path, "").await
    };
    assert_eq!(told(&remove(&open).await), is(403, "staff_only"));
    assert_eq!(remove(&own).await.status, 204);
    let mut owner = stage.database.owner().await;
    let told = "SELECT body AS text FROM ticket_schema.outbox WHERE body LIKE '%secret%'";
    assert_eq!(lines(&mut owner, told).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_row_keeps_goes_and_an_erased_persons_files_with_it() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let all = "tickets:read,tickets:write,users:read,users:write";
    let shop = Caller::of(&stage, all, Some(SHOP));
    let _engine = stage.start().await;
    person(&stage, &admin, ANN).await;
    let own = shop.good("POST", PATH, asked(ANN), 201).await;
    let other = shop.good("POST", PATH, asked(BOB), 201).await;
    for (ticket, author) in [(&own, ANN), (&own, AGENT), (&other, ANN), (&other, BOB)] {
        let place = format!("{PATH}/{}/attachments?author_id={author}", id_of(ticket));
        let sent = send(
            &stage,
            shop.key(),
            &place,
            ("annabel.pdf", "application/pdf", PDF),
        )
        .await;
        assert_eq!(sent.status, 201, "{}", sent.text());
    }
    // An object that was written by a process that died before its row was: its time has come.
    let stray = stage.attachments().join("tenant/ticket");
    std::fs::create_dir_all(&stray).unwrap();
    std::fs::write(stray.join("whole"), "fire").unwrap();
    std::fs::write(stray.join("begun#1"), "fi").unwrap();
    let mut owner = stage.database.owner().await;
    let said = "INSERT INTO ticket_schema.loose_objects (object, due_at)
         VALUES ('tenant/ticket/whole', now()), ('tenant/ticket/begun', now()), ('tenant/ticket/later', now() + interval '1 hour')
         RETURNING object AS text";
    lines(&mut owner, said).await;
    assert_eq!(swept(&stage).await, 4);
    shop.good("DELETE", &format!("/v1/users/{ANN}"), Value::Null, 204)
        .await;
    assert_eq!(swept(&stage).await, 1, "Bob's own stays");
    let place = format!("{PATH}/{}/attachments", id_of(&other));
    let left = shop.good("GET", &place, Value::Null, 200).await;
    assert_eq!(left["data"].as_array().unwrap().len(), 1);
    assert_eq!(left["data"][0]["author_id"], json!(BOB));
    // An operator removes rows for good: their objects are loose as well.
    let removed = format!(
        "DELETE FROM ticket_schema.support_tickets WHERE id = '{}' RETURNING id::text AS text",
        id_of(&other)
    );
    assert_eq!(lines(&mut owner, &removed).await.len(), 1);
    // Whoever deletes a ticket wakes the sweeper.
    let another = shop.good("POST", PATH, asked(BOB), 201).await;
    let another = format!("{PATH}/{}", id_of(&another));
    shop.good("DELETE", &another, Value::Null, 204).await;
    assert_eq!(swept(&stage).await, 0);
}

/// The bucket is a server of ours that speaks as much of S3 as is asked of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_files_too() {
    let bucket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = bucket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut kept: Option<Vec<u8>> = None;
        for socket in bucket.incoming() {
            let mut socket = socket.unwrap();
            while let Some((line, body)) = request(&mut socket) {
                let (status, body) = match line.split(' ').next().unwrap() {
                    "PUT" => {
                        kept = Some(body);
                        ("200 OK\r\nETag: \"1\"", vec![])
                    }
                    "GET" => match &kept {
                        Some(kept) => (
                            "200 OK\r\nETag: \"1\"\r\nLast-Modified: Mon, 30 Nov 2026 09:00:00 GMT",
                            kept.clone(),
                        ),
                        None => ("404 Not Found", vec![]),
                    },
                    _ => {
                        kept = None;
                        ("204 No Content", vec![])
                    }
                };
                let length = match status.starts_with("204") {
                    true => String::new(),
                    false => format!("Content-Length: {}\r\n", body.len()),
                };
                let head = format!("HTTP/1.1 {status}\r\n{length}\r\n");
                let _ = socket.write_all(&[head.as_bytes(), &body].concat());
            }
        }
    });
    let mut stage = stage().await;
    for (name, value) in [
        ("BUCKET", "desk".to_owned()),
        ("ENDPOINT", format!("http://{address}")),
        ("ACCESS_KEY_ID", "id".to_owned()),
        ("SECRET_ACCESS_KEY", "secret".to_owned()),
    ] {
        stage.set(&format!("HERALD__TICKETS__ATTACHMENTS__{name}"), value);
    }
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    let ticket = shop.good("POST", PATH, asked(ANN), 201).await;
    let place = format!("{PATH}/{}/attachments?author_id={AGENT}", id_of(&ticket));
    let sent = send(
        &stage,
        shop.key(),
        &place,
        ("a.pdf", "application/pdf", PDF),
    )
    .await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    let one = sent.headers["location"].to_str().unwrap().to_owned();
    let shown = shop.good("GET", &one, Value::Null, 200).await;
    let link = shown["url"].as_str().unwrap();
    let read = ask(
        &stage,
        "GET",
        &link[link.find("/files/").unwrap()..],
        &[],
        "",
    )
    .await;
    assert_eq!((read.status, &read.body[..]), (200, PDF), "{}", read.text());
    shop.good("DELETE", &one, Value::Null, 204).await;
}

/// A request of HTTP/1.1 with its length said; `None` at the end.
fn request(socket: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut head, mut byte) = (vec![], [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if socket.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    socket.read_exact(&mut body).ok()?;
    Some((head.lines().next().unwrap().to_owned(), body))
}
