//! What a template may be, before the engine sees it.

use super::depth::Depth;
use super::growth::Growth;
use super::tags::tags;

/// Most bytes of a part. A rendered part may have a megabyte; what is read from here takes several times
/// its size.
const MOST_BYTES: usize = 1_048_576;

/// Why a template is refused, and on which line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TemplateRefusal {
    pub(super) line: usize,
    pub(super) problem: String,
}

/// Refuses what could exhaust the stack, or hold much memory.
pub(super) fn check(source: &str) -> Result<(), TemplateRefusal> {
    if source.len() > MOST_BYTES {
        let problem = format!("has more than {MOST_BYTES} bytes");
        return Err(TemplateRefusal { line: 1, problem });
    }
    let (mut growth, mut depth) = (Growth::default(), Depth::default());
    for tag in tags(source) {
        let refused = |problem| TemplateRefusal {
            line: tag.line,
            problem,
        };
        depth.add(&tag).map_err(refused)?;
        let grown = growth.add(&tag);
        grown.map_err(|problem| refused(problem.to_owned()))?;
    }
    Ok(())
}
