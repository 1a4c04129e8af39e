//! PostgreSQL lives and refuses outcomes: nothing is acknowledged without its row.

use std::time::Duration;

use anyhow::Result;

use super::Ground;
use super::database::{back, nothing_moves};
use crate::chaos::finding::Finding;
use crate::chaos::play::Play;

/// How a refusal begins and how it ends.
struct Refusal {
    begin: String,
    end: &'static str,
}

pub(super) async fn outcomes(ground: Ground<'_>) -> Result<Finding> {
    let mut play = ground.play().await?;
    for (refusal, from, to) in refusals() {
        play.moment(from, to).await;
        play.scene.database.ask(&refusal.begin).await?;
        let outage = Duration::from_secs(play.scale.choose(2, 15));
        nothing_moves(&mut play, outage).await?;
        nobody_is_ready(&mut play).await;
        back(&mut play, async |play: &mut Play<'_>| {
            play.scene.database.ask(refusal.end).await.map(drop)
        })
        .await?;
    }
    let spoilt = "SELECT count(*) FROM notification_schema.notifications
        WHERE payload = '{}' OR status = 'failed'";
    let spoilt = play.scene.database.count(spoilt).await?;
    play.finding.must(spoilt == 0, || {
        format!("{spoilt} rows failed, or have lost their contents")
    });
    play.finding.note(
        "grants taken away and given back; a trigger with SQLSTATE 58030; one with 53100 in German",
    );
    play.finish().await
}

fn refusals() -> [(Refusal, f64, f64); 3] {
    let grants = Refusal {
        begin:
            "REVOKE INSERT, UPDATE ON notification_schema.notifications FROM herald_notifications"
                .to_owned(),
        end: "GRANT INSERT, UPDATE ON notification_schema.notifications TO herald_notifications",
    };
    let of = |code, words| Refusal {
        begin: raising(code, words),
        end: "DROP FUNCTION public.refuses CASCADE",
    };
    let broken = of(
        "58030",
        "could not read block 7 in file \"base/1/2\": I/O error",
    );
    let german = of(
        "53100",
        "konnte Datei nicht erweitern: kein Speicherplatz mehr",
    );
    [(grants, 0.1, 0.3), (broken, 0.35, 0.6), (german, 0.65, 0.9)]
}

/// A trigger that raises, whatever is to be stored.
fn raising(code: &str, words: &str) -> String {
    format!(
        "CREATE FUNCTION public.refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION '{words}' USING ERRCODE = '{code}';
        END $$;
        CREATE TRIGGER refuses BEFORE INSERT OR UPDATE ON notification_schema.notifications
            FOR EACH ROW EXECUTE FUNCTION public.refuses()"
    )
}

/// While outcomes cannot be stored, neither engine says that it is ready.
async fn nobody_is_ready(play: &mut Play<'_>) {
    let mut ready = Vec::new();
    for engine in play.engines() {
        if engine.is_ready().await {
            ready.push(engine.node());
        }
    }
    play.finding.must(ready.is_empty(), || {
        format!("ready while no outcome could be stored: {ready:?}")
    });
}
