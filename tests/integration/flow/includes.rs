//! `herald apply` with templates that include each other: in any order, whole or not at all.

use std::process::Output;

use crate::database::lines;
use crate::stage::Stage;

fn apply(stage: &Stage, text: &str) -> Output {
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_str().unwrap();
    stage.herald(&["apply", path]).output().unwrap()
}

fn template(name: &str, body: &str, variables: &str) -> String {
    format!(
        "[[templates]]\nname = \"{name}\"\nmessage_type = \"sms\"\nbody = '''{body}'''\nvariables = [{variables}]\n"
    )
}

/// The texts that are rendered, with their versions.
async fn texts(stage: &Stage) -> Vec<String> {
    let mut owner = stage.database.owner().await;
    let texts = "SELECT name || ' ' || version || ': ' || body AS text
        FROM notification_schema.notification_templates WHERE is_active ORDER BY name";
    lines(&mut owner, texts).await
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_of_a_file_include_each_other_in_any_order() {
    let stage = Stage::with_lanes("sms.normal").await;
    let said = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let page = template(
        "page",
        "{% include 'head' %}Hi {{ name }} {% include 'footer' %}",
        "\"name\"",
    );
    let head = template("head", "[{% include \"footer\" %}] ", "");
    let first = format!("{page}{head}{}", template("footer", "bye", ""));
    let output = apply(&stage, &first);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let made = [
        "footer 1: bye",
        "head 1: [bye] ",
        "page 1: [bye] Hi {{ name }} bye",
    ];
    assert_eq!(texts(&stage).await, made);
    let again = apply(&stage, &first);
    assert!(
        said(&again).contains("0 created, 0 updated, 3 unchanged"),
        "{}",
        said(&again)
    );
    assert_eq!(texts(&stage).await, made);

    // Alone it would leave the others wrong: they lack its variable.
    let footer = template("footer", "bye from {{ shop }}", "\"shop\"");
    let refused = apply(&stage, &footer);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{why}");
    assert!(why.contains("`page`") || why.contains("`head`"), "{why}");
    assert_eq!(texts(&stage).await, made, "nothing is applied then");
    // With them it is right, whatever stands first.
    let page = page.replace("[\"name\"]", "[\"name\", \"shop\"]");
    let head = head.replace("[]", "[\"shop\"]");
    let output = apply(&stage, &format!("{footer}{page}{head}"));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let made = [
        "footer 2: bye from {{ shop }}",
        "head 2: [bye from {{ shop }}] ",
        "page 2: [bye from {{ shop }}] Hi {{ name }} bye from {{ shop }}",
    ];
    assert_eq!(texts(&stage).await, made);

    let circle = [
        template("one", "{% include 'two' %}", ""),
        template("two", "{% include 'three' %}", ""),
        template("three", "{% include 'one' %}", ""),
    ];
    let nothing = template("four", "{% include 'of-nobody' %}", "");
    let names = "`one` includes `two` includes `three` includes `one`: a circle";
    for (wrong, words) in [(circle.concat(), names), (nothing, "`of-nobody`")] {
        let refused = apply(&stage, &wrong);
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && why.contains(words), "{why}");
    }
    assert_eq!(texts(&stage).await, made);
}
