//! Rendering: a stored template and a message's variables become a message's text.
//!
//! Templates are compiled once, each for itself; when one changes, a new library shares the others
//! with the one before. Rendering is
//! pure and bounded in steps and bytes; it can reach no other template and no file. What it says
//! about a failure names variables, never their values.

mod bounds;
mod depth;
mod error;
mod escape;
mod expression;
mod filters;
mod growth;
mod includes;
mod library;
mod locale;
mod names;
mod numbers;
mod output;
pub mod person_page;
mod sandbox;
mod source;
mod tags;
mod tokens;
mod values;
mod work;
pub mod workflow;

#[cfg(test)]
pub(crate) use depth::{MOST_BLOCKS, MOST_STEPS, MOST_VALUES};
pub use error::{ErrorKind, TemplateError};
pub use expression::Expression;
pub use includes::{IncludeError, included, whole};
pub use library::{Library, LocaleHints, Rendered, TemplatePreview, Variables};
pub use locale::{LocaleChoice, nearest_locale};
pub use sandbox::Limits;
pub use source::{Part, TemplateKey, TemplateSource};
