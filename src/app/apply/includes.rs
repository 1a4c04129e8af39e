//! Templates of a file that include each other: what is included is written first, whatever the order in the file.

use std::collections::HashMap;

use uuid::Uuid;

use crate::config::Mistake;
use crate::config::manifest::{DeclaredEntry, DeclaredTemplate, ManifestFinding};
use crate::domain::Channel;
use crate::templates::{TemplateSource, included, nearest_locale, whole};

/// A template without what it includes, which only the database knows; and whether it includes anything.
///
/// # Errors
/// What is wrong with an include, whatever it stands for: one sentence each.
pub(super) fn on_its_own(source: TemplateSource) -> Result<(TemplateSource, bool), Vec<String>> {
    let (mut problems, mut includes) = (vec![], false);
    let name = source.name.clone();
    let mut alone = |text: Option<String>| {
        let text = text?;
        match whole(&name, &text, &|_| Some("")) {
            Ok(alone) => {
                includes |= alone != text;
                Some(alone)
            }
            Err(errors) => {
                problems.extend(errors.iter().map(ToString::to_string));
                Some(text)
            }
        }
    };
    let made = TemplateSource {
        subject: alone(source.subject),
        title: alone(source.title),
        body: alone(source.body),
        html: alone(source.html),
        ..source
    };
    match problems.is_empty() {
        true => Ok((made, includes)),
        false => Err(problems),
    }
}

/// The entries, with what is included before what includes it.
///
/// # Errors
/// One mistake for each circle, with all names.
pub(super) fn ordered(
    entries: Vec<DeclaredEntry<DeclaredTemplate>>,
) -> Result<Vec<DeclaredEntry<DeclaredTemplate>>, Vec<Mistake>> {
    let mut walk = IncludeWalk {
        includes: includes(&entries),
        entries: &entries,
        standing: vec![VisitStage::New; entries.len()],
        within: vec![],
        order: vec![],
        mistakes: vec![],
    };
    for at in 0..entries.len() {
        walk.visit(at);
    }
    let (order, mistakes) = (walk.order, walk.mistakes);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let mut left: Vec<_> = entries.into_iter().map(Some).collect();
    let next = |at: usize| left.get_mut(at).and_then(Option::take);
    Ok(order.into_iter().filter_map(next).collect())
}

#[derive(Clone, Copy, PartialEq)]
enum VisitStage {
    New,
    Open,
    Done,
}

/// A walk from each entry to those that it includes.
struct IncludeWalk<'a> {
    entries: &'a [DeclaredEntry<DeclaredTemplate>],
    includes: Vec<Vec<usize>>,
    standing: Vec<VisitStage>,
    /// The entries that stand around the one that is looked at.
    within: Vec<usize>,
    order: Vec<usize>,
    mistakes: Vec<Mistake>,
}

impl IncludeWalk<'_> {
    /// Without recursion: a file may have any number of entries within each other.
    fn visit(&mut self, first: usize) {
        if self.standing.get(first) != Some(&VisitStage::New) {
            return;
        }
        self.enter(first);
        let mut open = vec![(first, 0)];
        while let Some((at, next)) = open.pop() {
            let inner = self
                .includes
                .get(at)
                .and_then(|inner| inner.get(next))
                .copied();
            let Some(inner) = inner else {
                self.leave(at);
                continue;
            };
            open.push((at, next + 1));
            match self.standing.get(inner) {
                Some(VisitStage::New) => {
                    self.enter(inner);
                    open.push((inner, 0));
                }
                Some(VisitStage::Open) => self.circle(inner),
                Some(VisitStage::Done) | None => {}
            }
        }
    }

    fn enter(&mut self, at: usize) {
        self.within.push(at);
        if let Some(standing) = self.standing.get_mut(at) {
            *standing = VisitStage::Open;
        }
    }

    fn leave(&mut self, at: usize) {
        self.within.pop();
        self.order.push(at);
        if let Some(standing) = self.standing.get_mut(at) {
            *standing = VisitStage::Done;
        }
    }

    fn circle(&mut self, first: usize) {
        let circle = self.within.iter().skip_while(|at| **at != first);
        let circle = circle
            .chain([&first])
            .filter_map(|at| self.entries.get(*at));
        let names: Vec<&str> = circle.map(|entry| entry.value.name.as_str()).collect();
        let problem = format!("`{}`: a circle", names.join("` includes `"));
        let Some(entry) = self.entries.get(first) else {
            return;
        };
        self.mistakes.push(entry.mistake(ManifestFinding {
            key: String::new(),
            problem,
        }));
    }
}

/// Of each entry, those entries that it includes: of each name the one in the nearest language.
fn includes(entries: &[DeclaredEntry<DeclaredTemplate>]) -> Vec<Vec<usize>> {
    let mut named: HashMap<(Uuid, Channel, &str), Vec<usize>> = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let template = &entry.value;
        let key = (template.tenant_id, template.channel, template.name.as_str());
        named.entry(key).or_default().push(at);
    }
    let locale = |at: &usize| entries.get(*at).map(|entry| entry.value.locale.as_str());
    let of = |entry: &DeclaredEntry<DeclaredTemplate>| {
        let template = &entry.value;
        let found = texts(template).flat_map(included).filter_map(|name| {
            let all = named.get(&(template.tenant_id, template.channel, name.as_str()))?;
            let locales: Vec<&str> = all.iter().filter_map(locale).collect();
            let nearest = nearest_locale(&locales, &template.locale, None);
            all.iter().find(|at| locale(at) == nearest).copied()
        });
        found.collect()
    };
    entries.iter().map(of).collect()
}

fn texts(template: &DeclaredTemplate) -> impl Iterator<Item = &str> {
    let parts = [&template.subject, &template.title, &template.html];
    let parts = parts.into_iter().filter_map(|part| part.as_deref());
    parts.chain([template.body.as_str()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingOrigin;
    use crate::domain::DEFAULT_TENANT;

    fn entry(name: &str, locale: &str, body: &str) -> DeclaredEntry<DeclaredTemplate> {
        DeclaredEntry {
            origin: SettingOrigin::Default,
            label: format!("templates \"{name}\""),
            value: DeclaredTemplate {
                tenant_id: DEFAULT_TENANT,
                name: name.to_owned(),
                channel: Channel::Sms,
                locale: locale.to_owned(),
                subject: None,
                title: None,
                body: body.to_owned(),
                html: None,
                variables: vec![],
            },
        }
    }

    #[test]
    fn what_is_included_comes_first_and_the_rest_stays_in_its_order() {
        let entries = vec![
            entry("page", "de", "{% include 'head' %}{% include \"footer\" %}"),
            entry("alone", "en", "a"),
            entry("footer", "en", "{% include 'stored' %}"),
            entry("footer", "de", "x"),
            entry("head", "en", "{% include 'footer' %}"),
        ];
        let ordered = ordered(entries).unwrap();
        let names: Vec<(&str, &str)> = ordered
            .iter()
            .map(|it| (it.value.name.as_str(), it.value.locale.as_str()))
            .collect();
        let wanted = [
            ("footer", "en"),
            ("head", "en"),
            ("footer", "de"),
            ("page", "de"),
            ("alone", "en"),
        ];
        assert_eq!(names, wanted);
    }

    #[test]
    fn every_circle_is_told_with_all_its_names() {
        let entries = vec![
            entry("a", "en", "{% include 'b' %}"),
            entry("b", "en", "{% include 'c' %}"),
            entry("c", "en", "{% include 'b' %}"),
            entry("self", "en", "{% include 'self' %}"),
        ];
        let mistakes = ordered(entries).unwrap_err();
        let problems: Vec<&str> = mistakes.iter().map(|it| it.problem.as_str()).collect();
        let wanted = [
            "`b` includes `c` includes `b`: a circle",
            "`self` includes `self`: a circle",
        ];
        assert_eq!(problems, wanted);
    }
}
