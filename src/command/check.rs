//! `herald check`.

use herald::app::check::{self, CheckResult};
use herald::config::Required;
use serde_json::json;

use super::{Cli, CommandFailure, say};

pub(super) fn check(cli: &Cli) -> Result<(), CommandFailure> {
    let settings = cli.settings(Required::ALL)?;
    let findings = super::on_runtime(async { Ok(check::check(&settings).await) })?;
    if cli.json {
        let rows: Vec<_> = findings
            .iter()
            .map(|finding| json!({ "part": finding.part, "problem": finding.problem, "warning": finding.warning, "detail": finding.detail }))
            .collect();
        say::answer(&json!({ "findings": rows }).to_string())?;
    } else {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        say::answer(&lines.join("\n"))?;
    }
    match findings
        .iter()
        .filter(|finding| CheckResult::is_problem(finding))
        .count()
    {
        0 => Ok(()),
        problems => Err(CommandFailure(format!(
            "{problems} of {} checks failed",
            findings.len()
        ))),
    }
}
