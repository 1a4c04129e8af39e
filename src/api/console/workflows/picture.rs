//! The steps of a workflow as a picture: a box each, from above to below.

use serde_json::{Map, Value};

/// Height of a line in a box.
const LINE: usize = 18;
/// Height of a box beside its lines.
const FRAME: usize = 34;
/// Between two boxes.
const GAP: usize = 22;
/// Most characters of a line.
const MOST_CHARS: usize = 62;

/// The picture.
pub(super) struct StepsPicture {
    pub(super) height: usize,
    pub(super) says: String,
    pub(super) boxes: Vec<StepBox>,
}

/// A step.
pub(super) struct StepBox {
    pub(super) y: usize,
    pub(super) height: usize,
    pub(super) title: String,
    /// By which its colour is chosen.
    pub(super) kind: String,
    /// Lines with where they stand.
    pub(super) lines: Vec<(usize, String)>,
    /// Where the arrow to the next begins and ends.
    pub(super) arrow: Option<(usize, usize)>,
}

impl StepsPicture {
    pub(super) fn of(definition: &Map<String, Value>) -> Self {
        let steps = definition.get("steps").and_then(Value::as_array);
        let steps = steps.map_or(&[][..], Vec::as_slice);
        let (mut y, mut boxes) = (1, vec![]);
        for (at, step) in steps.iter().enumerate() {
            let (title, kind, lines) = described(at + 1, step);
            let height = FRAME + LINE * lines.len();
            let lines = lines.into_iter().enumerate();
            let lines = lines.map(|(line, text)| (y + FRAME + 8 + LINE * line, text));
            let is_last = at + 1 == steps.len();
            boxes.push(StepBox {
                y,
                height,
                title,
                kind,
                lines: lines.collect(),
                arrow: (!is_last).then_some((y + height, y + height + GAP)),
            });
            y += height + GAP;
        }
        let titles: Vec<&str> = boxes.iter().map(|it| it.title.as_str()).collect();
        Self {
            height: y.saturating_sub(GAP) + 1,
            says: format!("{} steps: {}", boxes.len(), titles.join("; ")),
            boxes,
        }
    }
}

/// A step's title, what it does, and more of it in lines.
fn described(number: usize, step: &Value) -> (String, String, Vec<String>) {
    let empty = Map::new();
    let step = step.as_object().unwrap_or(&empty);
    let mut rules = step
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "name" | "when"));
    let (kind, rule) = rules
        .next()
        .map_or(("", &Value::Null), |(kind, rule)| (kind.as_str(), rule));
    let mut title = format!("{number}. {kind}");
    if let Some(name) = step.get("name").and_then(Value::as_str) {
        title = cut(&format!("{title}: {name}"));
    }
    let mut lines = vec![];
    if let Some(when) = step.get("when").and_then(Value::as_str) {
        lines.push(cut(&format!("only if {when}")));
    }
    match rule.get("route").and_then(Value::as_array) {
        Some(route) => lines.extend(route.iter().map(|one| cut(&fields(one)))),
        None if rule.is_object() => lines.push(cut(&fields(rule))),
        None => {}
    }
    (title, kind.to_owned(), lines)
}

/// Names and values of an object.
fn fields(rule: &Value) -> String {
    let fields = rule.as_object().into_iter().flatten();
    let fields = fields.map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        other => format!("{name} {other}"),
    });
    fields.collect::<Vec<_>>().join(" · ")
}

fn cut(text: &str) -> String {
    match text.chars().count() > MOST_CHARS {
        true => text.chars().take(MOST_CHARS - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_step_is_a_box_below_the_one_before() {
        let definition = json!({"steps": [
            {"name": "first", "send": {"channel": "in_app", "template": "t"}},
            {"when": "data.x", "send": {"route": [{"channel": "push"}, {"channel": "email", "after": "10m"}]}},
            {"stop": true}]});
        let picture = StepsPicture::of(definition.as_object().unwrap());
        let titles: Vec<&str> = picture.boxes.iter().map(|it| it.title.as_str()).collect();
        assert_eq!(titles, ["1. send: first", "2. send", "3. stop"]);
        assert_eq!(picture.boxes[0].lines[0].1, "channel in_app · template t");
        let lines: Vec<&str> = picture.boxes[1]
            .lines
            .iter()
            .map(|(_, text)| text.as_str())
            .collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], "only if data.x");
        for pair in picture.boxes.windows(2) {
            assert!(pair[0].y + pair[0].height < pair[1].y);
        }
        let last = picture.boxes.last().unwrap();
        assert!(last.arrow.is_none() && last.y + last.height <= picture.height);
        assert!(StepsPicture::of(&Map::new()).boxes.is_empty());
    }
}
