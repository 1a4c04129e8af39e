//! A message that goes to another address than the person's: its reader speaks for that address alone.

use super::*;

/// A page in which slashes stand as they are.
fn unescaped(page: &Answer) -> String {
    page.text().replace("&#x2f;", "/")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_at_another_address_ends_what_comes_there_and_nothing_of_the_persons() {
    let (stage, sendgrid, mut outcomes) = stage(Provider::SendGrid).await;
    let operator = key(&stage, "operator", None);
    let _engine = stage.start().await;
    let to_friend = json!({ "category": "marketing", "to": "friend@example.com" });
    publish(&stage, to_friend.clone()).await;
    outcomes.only("sent", None).await;
    let path = link(&sendgrid);
    let page = get(&stage, &path).await;
    assert_eq!(page.status, 200);
    let shown = unescaped(&page);
    assert!(shown.contains("value=\"email/marketing\""), "{shown}");
    for theirs in [
        "password-reset",
        "name=\"quiet\"",
        "value=\"*/*\"",
        "friend@",
        "ana@",
    ] {
        assert!(!shown.contains(theirs), "{theirs}: {shown}");
    }
    // Nothing else can be changed by it.
    for form in ["off=email%2F*", "off=*%2F*", "quiet=*%2F*&hours=none"] {
        assert_eq!(post(&stage, &path, form).await.status, 409, "{form}");
    }
    assert!(written(&stage).await.is_empty());
    for _ in 0..2 {
        let answer = post(&stage, &path, CLICK).await;
        assert_eq!(answer.status, 200);
        assert!(unescaped(&answer).contains("name=\"on\" value=\"email/marketing\""));
    }
    let said = written(&stage).await;
    assert_eq!(said.len(), 1, "the person said nothing: {said:?}");
    assert!(said[0].starts_with("create by "), "{said:?}");
    let listed = "SELECT concat_ws(' ', address, reason, category) AS text FROM notification_schema.suppressions";
    let listed = lines(&mut stage.database.owner().await, listed).await;
    assert_eq!(listed, ["friend@example.com unsubscribe marketing"]);
    publish(&stage, to_friend.clone()).await;
    publish(&stage, json!({ "category": "marketing" })).await;
    publish(
        &stage,
        json!({ "category": "password-reset", "to": "friend@example.com" }),
    )
    .await;
    let ended = |rows: &[Row]| rows.len() == 4 && rows.iter().all(|row| row.status != "pending");
    let rows = outcomes.until(ended).await;
    let held: Vec<&Row> = rows
        .iter()
        .filter(|row| row.is("cancelled", Some("suppressed")))
        .collect();
    assert_eq!(held.len(), 1, "{rows:?}");
    let told = format!("/v1/notifications/{}", held[0].id);
    let told = ask_as(&stage, &operator, "GET", &told, "").await.text();
    assert!(
        told.contains("is on the suppression list: the person unsubscribed (`unsubscribe`) since"),
        "{told}"
    );
    assert_eq!(
        post(&stage, &path, "on=email%2Fmarketing").await.status,
        200
    );
    publish(&stage, to_friend).await;
    let again = |rows: &[Row]| rows.iter().filter(|row| row.is("sent", None)).count() == 4;
    outcomes.until(again).await;
}
