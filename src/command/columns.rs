//! Answers in columns.

/// Columns that are as wide as their widest cell.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = vec![];
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The same with a last column that is broken over lines.
pub(super) fn columns_with_text(rows: &[(Vec<String>, String)]) -> String {
    /// The length from which on a line of the text is broken.
    const TEXT: usize = 76;
    let mut broken = vec![];
    for (cells, text) in rows {
        let mut lines = text.lines().flat_map(|line| wrapped(line, TEXT));
        let mut first = cells.clone();
        first.push(lines.next().unwrap_or_default());
        broken.push(first);
        for line in lines {
            let mut row = vec![String::new(); cells.len()];
            row.push(line);
            broken.push(row);
        }
    }
    columns(&broken)
}

/// A line in pieces of at most so many characters, broken between words.
fn wrapped(line: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split_whitespace() {
        if let Some(last) = lines.last_mut() {
            if last.is_empty() {
                last.push_str(word);
                continue;
            }
            if last.chars().count() + 1 + word.chars().count() <= most {
                last.push(' ');
                last.push_str(word);
                continue;
            }
        }
        lines.push(word.to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [row(&["a", "b"]), row(&["long", "1"])];
        assert_eq!(columns(&rows), "a     b\nlong  1");
    }

    #[test]
    fn long_text_goes_on_in_its_own_column() {
        let text = format!("{} end", "word ".repeat(15).trim_end());
        let rows = [(row(&["rule"]), text), (row(&["b"]), "one\ntwo".to_owned())];
        let lines = columns_with_text(&rows);
        let first = format!("rule  {}", "word ".repeat(15).trim_end());
        assert_eq!(lines, format!("{first}\n      end\nb     one\n      two"));
    }
}
