//! What a newcomer copies from the pages: the blocks of shell of docs/api.md and docs/webhooks.md, run in their order.

use std::path::Path;
use std::process::Command;

use crate::stage::Stage;

/// Where the pages say that Herald is.
const SAID: &str = "http://127.0.0.1:8080";

fn blocks(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(page);
    let page = std::fs::read_to_string(path).unwrap();
    let blocks = page.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

/// The statuses that the pages promise: a line `# 201: ...` behind each call.
fn promised(script: &str) -> Vec<&str> {
    let words = script.lines().filter_map(|line| line.strip_prefix("# "));
    let statuses = words
        .filter_map(|line| line.split_once(": "))
        .map(|it| it.0);
    statuses.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_pages_is_answered_as_they_say() {
    let stage = Stage::with_lanes("email.normal").await;
    let _engine = stage.start().await;
    let pages = ["api.md", "webhooks.md"].map(blocks).concat();
    let script = pages.replace(SAID, stage.url("").trim_end_matches('/'));
    let (calls, promised) = (script.matches("curl ").count(), promised(&script));
    assert!(calls >= 15, "{calls} calls");
    assert_eq!(calls, promised.len(), "each call says its status");
    // Whatever curl does with it, the status is shown.
    let folder = tempfile::tempdir().unwrap();
    let shown = "silent\nshow-error\nwrite-out = \"\\nstatus %{http_code}\\n\"\n";
    std::fs::write(folder.path().join(".curlrc"), shown).unwrap();
    let of_stage = stage.herald(&[]);
    let herald = Path::new(of_stage.get_program()).parent().unwrap();
    let path = format!("{}:{}", herald.display(), crate::database::variable("PATH"));
    let mut shell = Command::new("timeout");
    shell
        .args(["120", "bash", "-euo", "pipefail", "-c", &script])
        .envs(
            of_stage
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("CURL_HOME", folder.path())
        .env("PATH", path)
        .current_dir(folder.path());
    let output = tokio::task::spawn_blocking(move || shell.output().unwrap());
    let output = output.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{errors}");
    let statuses = said.lines().filter_map(|line| line.strip_prefix("status "));
    assert_eq!(statuses.collect::<Vec<_>>(), promised, "{said}");
    for shown in [
        "idempotent-replayed: true",
        "\"cancelled\":1",
        "#/colour",
        "\"secret\":\"whsec_",
        "Welcome, Ana.",
    ] {
        assert!(said.contains(shown), "{shown}: {said}");
    }
}
