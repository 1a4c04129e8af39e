//! A name for a file that no system takes for anything but a name.

use unicode_normalization::UnicodeNormalization;

/// Longest name, in bytes of UTF-8: systems of files take 255, and put something before or behind it.
const MOST_BYTES: usize = 200;
/// Longest ending that is kept when a name is cut, with its dot.
const ENDING_BYTES: usize = 20;
/// What a file without a usable name is called.
const NAMELESS: &str = "file";
/// Names that are devices on some systems, whatever their ending.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// The name as it is kept: the last part of a path, without what steers terminals, turns the direction of writing or
/// means something to a shell or a system of files.
#[must_use]
pub fn safe_name(sent: &str) -> String {
    let last = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: String = last.nfc().filter(|c| !is_hidden(*c)).map(plain).collect();
    let bare = seen.trim_matches(|c: char| c.is_whitespace() || c == '.');
    let cut = shortened(bare);
    let name = cut.trim_matches(|c: char| c.is_whitespace() || c == '.');
    match (name.is_empty(), is_device(name)) {
        (true, _) => NAMELESS.to_owned(),
        (_, true) => format!("_{name}"),
        _ => name.to_owned(),
    }
}

/// What nobody sees, or what makes others look like something else.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
                | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..
        )
}

fn plain(c: char) -> char {
    match c {
        '<' | '>' | ':' | '"' | '|' | '?' | '*' | '%' | ';' | '`' | '$' => '_',
        c if c.is_whitespace() => ' ',
        c => c,
    }
}

/// Cut in the middle, so that the ending stays.
fn shortened(name: &str) -> String {
    if name.len() <= MOST_BYTES {
        return name.to_owned();
    }
    let ending = name.rfind('.').and_then(|at| name.get(at..));
    let ending = ending
        .filter(|ending| ending.len() <= ENDING_BYTES)
        .unwrap_or_default();
    let room = name.floor_char_boundary(MOST_BYTES - ending.len());
    let begins = name.get(..room).unwrap_or_default();
    format!("{}{ending}", begins.trim_end())
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let stem = stem.trim_end().to_lowercase();
    let numbered = stem
        .strip_prefix("com")
        .or_else(|| stem.strip_prefix("lpt"));
    let numbered = numbered.is_some_and(|rest| {
        let mut rest = rest.chars();
        matches!(rest.next(), Some('0'..='9' | '¹' | '²' | '³')) && rest.next().is_none()
    });
    numbered || DEVICES.contains(&stem.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_last_part_without_what_means_something() {
        for (sent, kept) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ana\\bill.pdf", "bill.pdf"),
            ("..", "file"),
            ("", "file"),
            (" . ", "file"),
            (".htaccess", "htaccess"),
            ("a\u{0}b\r\nc\u{1b}[31m.txt", "abc[31m.txt"),
            // The ending is written from the right: it would look like a picture.
            ("photo\u{202e}gnp.exe", "photognp.exe"),
            ("in\u{200b}voice.pdf", "invoice.pdf"),
            ("a<b>:\"|?*.txt", "a_b______.txt"),
            ("nul", "_nul"),
            ("Con.txt", "_Con.txt"),
            ("COM1.tar.gz", "_COM1.tar.gz"),
            ("com10", "com10"),
            ("console.log", "console.log"),
            ("Größe 💡.png", "Größe 💡.png"),
            ("Gro\u{308}ße.png", "Größe.png"),
            ("tail. . ", "tail"),
            ("a/", "file"),
        ] {
            assert_eq!(safe_name(sent), kept, "{sent:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending_and_whole_characters() {
        let long = format!("{}.pdf", "ä".repeat(500));
        let name = safe_name(&long);
        assert!(
            name.len() <= MOST_BYTES && name.ends_with("ä.pdf"),
            "{name}"
        );
        let odd = safe_name(&format!("a.{}", "x".repeat(500)));
        assert_eq!(odd.len(), MOST_BYTES);
    }

    #[test]
    fn what_is_safe_stays_as_it_is() {
        for c in (0..=0x1_ffff_u32)
            .chain(0xe_0000..=0xe_0fff)
            .filter_map(char::from_u32)
        {
            let once = safe_name(&format!("a{c}b.txt"));
            assert_eq!(safe_name(&once), once, "{c:?}");
            assert!(!once.contains(['/', '\\', '"', '\n', '\0']), "{c:?}");
        }
    }
}
