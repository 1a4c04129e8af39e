//! A message's JSON as the template engine's values.

use std::fmt;
use std::sync::Arc;

use minijinja::State;
use minijinja::value::{Enumerator, Object, ObjectExt, ObjectRepr, Value};
use serde_json::{Map, Value as Json};

use super::numbers::Spellings;
use super::work::Work;

/// Under which name a template has the link by which the person unsubscribes, unless the message brings a
/// variable of this name.
pub(super) const LINK: &str = "unsubscribe_url";

/// Under which name a template's root keeps what its values share: no variable can be asked for by it.
const SHARED: &str = "shared by all values";

/// What all values of a message share.
#[derive(Debug)]
pub(super) struct Rendering {
    /// How its numbers were written.
    pub(super) spellings: Spellings,
    /// What may still be walked through.
    pub(super) work: Work,
}

impl Object for Rendering {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

impl Rendering {
    /// Of a message with these variables, in so many steps.
    pub(super) fn new(variables: &Map<String, Json>, steps: u64) -> Arc<Self> {
        Arc::new(Self {
            spellings: Spellings::of(variables),
            work: Work::new(steps),
        })
    }
}

/// What the values of the message that is being rendered share.
pub(super) fn shared(state: &State) -> Option<Arc<Rendering>> {
    state.lookup(SHARED)?.downcast_object::<Rendering>()
}

/// The variables as the template's root, with the link and what they share. Of those that may be left out, one
/// that was, or that is null, is `absent`; so is the link where there is none.
pub(super) fn context(
    variables: &Map<String, Json>,
    (optional, link): (&[String], Option<&str>),
    absent: &Value,
    rendering: &Arc<Rendering>,
) -> Value {
    let is_left_out = |name: &&String| variables.get(*name).is_none_or(Json::is_null);
    let left_out: Vec<&String> = optional.iter().filter(is_left_out).collect();
    let mut fields = fields(variables, rendering);
    fields.retain(|(name, _)| {
        let is_hidden = |hidden: &&String| name.as_str() == Some(hidden.as_str());
        name.as_str() != Some(SHARED) && !left_out.iter().any(is_hidden)
    });
    let left_out = left_out.iter();
    fields.extend(left_out.map(|name| (Value::from(name.as_str()), absent.clone())));
    if !variables.contains_key(LINK) {
        let link = link.map_or_else(|| absent.clone(), Value::from);
        fields.push((Value::from(LINK), link));
    }
    fields.push((
        Value::from(SHARED),
        Value::from_dyn_object(Arc::clone(rendering)),
    ));
    object(fields, rendering)
}

fn value(json: &Json, rendering: &Arc<Rendering>) -> Value {
    match json {
        Json::Null => Value::from_object(Nothing),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => rendering.spellings.value(number),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => {
            let items = items.iter().map(|item| value(item, rendering));
            list(items.collect(), rendering)
        }
        Json::Object(map) => object(fields(map, rendering), rendering),
    }
}

type NamedField = (Value, Value);

fn fields(map: &Map<String, Json>, rendering: &Arc<Rendering>) -> Vec<NamedField> {
    let field = |(key, json): (&String, &Json)| {
        let value = value(json, rendering);
        (Value::from(key.as_str()), value)
    };
    map.iter().map(field).collect()
}

fn object(mut fields: Vec<NamedField>, rendering: &Arc<Rendering>) -> Value {
    // JSON objects come sorted, unless some crate switches serde_json's `preserve_order` on.
    if !fields.is_sorted_by(|a, b| a.0.as_str() <= b.0.as_str()) {
        fields.sort_by(|a, b| a.0.as_str().cmp(&b.0.as_str()));
    }
    Value::from_object(ObjectFields {
        fields,
        rendering: Arc::clone(rendering),
    })
}

/// A list whose items cost when they are walked through.
pub(super) fn list(items: Vec<Value>, rendering: &Arc<Rendering>) -> Value {
    Value::from_object(List {
        items,
        rendering: Arc::clone(rendering),
    })
}

/// A null: prints nothing, also where it is joined with something, and is false.
#[derive(Debug)]
pub(super) struct Nothing;

impl Object for Nothing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// Whether a value is a null, one of the message or one of the template's own.
pub(super) fn is_nothing(value: &Value) -> bool {
    value.is_none() || value.downcast_object_ref::<Nothing>().is_some()
}

/// A list.
struct List {
    items: Vec<Value>,
    rendering: Arc<Rendering>,
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, item) in self.items.iter().enumerate() {
            if self.rendering.work.is_used_up() {
                break;
            }
            f.write_str(if index > 0 { ", " } else { "" })?;
            self.rendering.print(item, f)?;
        }
        f.write_str("]")
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.items.get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|list| {
            let items = list.items.iter();
            Box::new(ItemWalk {
                items,
                rendering: &list.rendering,
            })
        })
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.items.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// An object's fields, sorted by name.
struct ObjectFields {
    fields: Vec<NamedField>,
    rendering: Arc<Rendering>,
}

impl fmt::Debug for ObjectFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, field)) in self.fields.iter().enumerate() {
            if self.rendering.work.is_used_up() {
                break;
            }
            f.write_str(if index > 0 { ", " } else { "" })?;
            write!(f, "{name:?}: ")?;
            self.rendering.print(field, f)?;
        }
        f.write_str("}")
    }
}

impl Object for ObjectFields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let found = self
            .fields
            .binary_search_by(|(name, _)| name.as_str().cmp(&Some(key)));
        let (_, value) = self.fields.get(found.ok()?)?;
        Some(value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|object| {
            let fields = object.fields.iter();
            let items = fields.map(|(name, _)| name);
            Box::new(ItemWalk {
                items,
                rendering: &object.rendering,
            })
        })
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.fields.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A walk past items, which ends before they do once too many were walked past. An error in an item's
/// place would make the engine panic where it compares two of them; that too many were is looked at in the
/// end.
struct ItemWalk<'a, I> {
    items: I,
    rendering: &'a Rendering,
}

impl<'a, I: ExactSizeIterator<Item = &'a Value>> Iterator for ItemWalk<'a, I> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        self.rendering.work.items(1).ok()?;
        self.items.next().cloned()
    }

    /// A loop knows by this which of its items is the last.
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl Rendering {
    /// Prints what stands in a list or an object: a number as it was written. Once too much was walked
    /// through nothing is printed any more, and no error said, for whoever makes a text of it takes none.
    fn print(&self, item: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paid = self.work.items(1);
        let paid = paid.and_then(|()| self.work.text(item.as_str().unwrap_or_default()));
        match (paid, self.spellings.of_value(item)) {
            (Err(_), _) => Ok(()),
            (Ok(()), Some(written)) => f.write_str(written),
            (Ok(()), None) => write!(f, "{item:?}"),
        }
    }
}
