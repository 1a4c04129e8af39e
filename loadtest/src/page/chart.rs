//! One chart: lines over time with one value axis.
//!
//! Only the lines are drawings, stretched to whatever width there is; every word is text of the page,
//! so that it keeps its size on a phone.

use std::fmt::Write as _;

use serde::Serialize;

use super::axis::{Axis, nice, short};
use super::escaped;
use super::grid::Grid;
use crate::evidence::{Mark, number};

/// The drawing's own width and height.
const SIZE: f64 = 1_000.0;
const TIME_STEPS: f64 = 5.0;
/// Above so many seconds the time axis counts minutes.
const MINUTES_FROM: f64 = 600.0;
/// How much of a narrow screen's width a flag takes.
const FLAG_WIDTH: f64 = 0.06;
/// Rows of the table of values.
const ROWS: usize = 24;

/// How a line is coloured.
#[derive(Clone, Copy, Debug)]
pub(super) enum Colours {
    /// Different things: different hues.
    Hues,
    /// More of the same thing: one hue, stronger and stronger.
    Steps,
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) values: Vec<Option<f64>>,
}

/// A chart to be written.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) unit: String,
    pub(super) log: bool,
    pub(super) colours: Colours,
    pub(super) lines: Vec<Line>,
}

/// What the pointer shows.
#[derive(Serialize)]
struct Data<'a> {
    seconds: f64,
    at: Vec<f64>,
    names: Vec<&'a str>,
    values: Vec<Vec<Option<String>>>,
    marks: Vec<(f64, &'a str)>,
}

impl Chart {
    /// The chart as HTML; empty when nothing was measured.
    pub(super) fn html(&self, grid: &Grid, marks: &[Mark]) -> String {
        let values = || {
            self.lines
                .iter()
                .flat_map(|line| line.values.iter().flatten().copied())
        };
        if values().next().is_none() {
            return String::new();
        }
        let largest = values().fold(0.0, f64::max);
        let axis = match self.log {
            true => Axis::log(values().fold(f64::MAX, f64::min), largest),
            false => Axis::linear(largest),
        };
        let places: Vec<_> = marks
            .iter()
            .map(|mark| (grid.place(mark.at_micros), mark.what.as_str()))
            .collect();
        let mut html = format!(
            "<figure class=\"chart\" tabindex=\"0\">\n<figcaption><h3>{}</h3> <span>{}</span></figcaption>\n",
            self.title,
            escaped(&self.unit)
        );
        self.write_legend(&mut html);
        html.push_str("<div class=\"plot\"><div class=\"y\">");
        for tick in axis.ticks() {
            let _ = write!(
                html,
                "<span style=\"bottom:{:.2}%\">{}</span>",
                axis.place(tick) * 100.0,
                short(tick)
            );
        }
        html.push_str("</div><div class=\"area\">");
        self.write_drawing(&mut html, &axis, &places);
        for flag in flags(&places) {
            let (left, numbers, what) = (flag.place * 100.0, flag.numbers(), escaped(&flag.what));
            let _ = write!(
                html,
                "<b class=\"flag\" style=\"left:{left:.2}%\" title=\"{what}\">{numbers}</b>"
            );
        }
        html.push_str("<div class=\"cross\" hidden></div><div class=\"tip\" hidden></div></div>");
        write_times(&mut html, grid);
        html.push_str("</div>\n");
        self.write_values(&mut html, grid);
        self.write_data(&mut html, grid, &places);
        html.push_str("</figure>\n");
        html
    }

    fn class(&self, number: usize) -> String {
        match self.colours {
            Colours::Hues => format!("h{}", number + 1),
            Colours::Steps => format!("s{}", number + 1),
        }
    }

    fn write_legend(&self, html: &mut String) {
        html.push_str("<ul class=\"legend\">");
        for (number, line) in self.lines.iter().enumerate() {
            let _ = write!(
                html,
                "<li class=\"{}\"><i></i>{}</li>",
                self.class(number),
                escaped(&line.name)
            );
        }
        html.push_str("</ul>\n");
    }

    fn write_drawing(&self, html: &mut String, axis: &Axis, marks: &[(Option<f64>, &str)]) {
        let names: Vec<_> = self.lines.iter().map(|line| line.name.as_str()).collect();
        let _ = write!(
            html,
            "<svg viewBox=\"0 0 {SIZE} {SIZE}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{} over time: {}\">",
            self.title,
            escaped(&names.join(", "))
        );
        for tick in axis.ticks() {
            let y = (1.0 - axis.place(tick)) * SIZE;
            let _ = write!(html, "<path class=\"grid\" d=\"M0 {y:.1}H{SIZE}\"/>");
        }
        for place in marks.iter().filter_map(|(place, _)| *place) {
            let _ = write!(
                html,
                "<path class=\"mark\" d=\"M{:.1} 0V{SIZE}\"/>",
                place * SIZE
            );
        }
        for (number, line) in self.lines.iter().enumerate() {
            let _ = write!(
                html,
                "<path class=\"line {}\" d=\"{}\"/>",
                self.class(number),
                way(&line.values, axis)
            );
        }
        html.push_str("</svg>");
    }

    /// For whoever has no pointer: some of the values as a table.
    fn write_values(&self, html: &mut String, grid: &Grid) {
        html.push_str("<details><summary>Values</summary><div class=\"wide\"><table><thead><tr><th class=\"n\">s</th>");
        for line in &self.lines {
            let _ = write!(html, "<th class=\"n\">{}</th>", escaped(&line.name));
        }
        html.push_str("</tr></thead><tbody>");
        for index in (0..grid.count).step_by(grid.count.div_ceil(ROWS)) {
            let _ = write!(
                html,
                "<tr><td class=\"n\">{}</td>",
                number(grid.middle_s(index))
            );
            for line in &self.lines {
                let value = line.values.get(index).copied().flatten();
                let _ = write!(
                    html,
                    "<td class=\"n\">{}</td>",
                    value.map_or_else(|| "–".to_owned(), number)
                );
            }
            html.push_str("</tr>");
        }
        html.push_str("</tbody></table></div></details>\n");
    }

    fn write_data(&self, html: &mut String, grid: &Grid, marks: &[(Option<f64>, &str)]) {
        let data = Data {
            seconds: grid.seconds(),
            at: (0..grid.count).map(|index| grid.middle_s(index)).collect(),
            names: self.lines.iter().map(|line| line.name.as_str()).collect(),
            values: self
                .lines
                .iter()
                .map(|line| line.values.iter().map(|value| value.map(number)).collect())
                .collect(),
            marks: marks
                .iter()
                .filter_map(|(place, what)| Some(((*place)? * grid.seconds(), *what)))
                .collect(),
        };
        // A script ends at the first "</", wherever that stands.
        let json = serde_json::to_string(&data)
            .unwrap_or_default()
            .replace("</", "<\\/");
        let _ = writeln!(html, "<script type=\"application/json\">{json}</script>");
    }
}

/// The numbers of happenings above a chart. Those that would cover each other share a flag.
struct Flag {
    place: f64,
    first: usize,
    last: usize,
    what: String,
}

impl Flag {
    fn numbers(&self) -> String {
        match self.last - self.first {
            0 => self.first.to_string(),
            _ => format!("{}–{}", self.first, self.last),
        }
    }
}

fn flags(marks: &[(Option<f64>, &str)]) -> Vec<Flag> {
    let mut flags: Vec<Flag> = Vec::new();
    for (number, (place, what)) in marks.iter().enumerate() {
        let (number, Some(place)) = (number + 1, *place) else {
            continue;
        };
        match flags.last_mut() {
            Some(flag) if place - flag.place < FLAG_WIDTH => {
                flag.last = number;
                flag.what.push_str("; ");
                flag.what.push_str(what);
            }
            _ => flags.push(Flag {
                place,
                first: number,
                last: number,
                what: (*what).to_owned(),
            }),
        }
    }
    flags
}

/// The line as a path; it is broken where nothing was measured.
fn way(values: &[Option<f64>], axis: &Axis) -> String {
    let mut way = String::new();
    let mut pen = 'M';
    let count = values.len().max(1) as f64;
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else {
            pen = 'M';
            continue;
        };
        let x = (index as f64 + 0.5) / count * SIZE;
        let y = (1.0 - axis.place(*value)) * SIZE;
        let alone = pen == 'M' && values.get(index + 1).copied().flatten().is_none();
        let _ = write!(way, "{pen}{x:.1} {y:.1}");
        if alone {
            // A point without neighbours would be no line at all.
            let _ = write!(way, "h1");
        }
        pen = 'L';
    }
    way
}

fn write_times(html: &mut String, grid: &Grid) {
    let (unit, unit_seconds) = if grid.seconds() > MINUTES_FROM {
        ("min", 60.0)
    } else {
        ("s", 1.0)
    };
    let whole = grid.seconds() / unit_seconds;
    let step = nice(whole / TIME_STEPS);
    html.push_str("<div class=\"x\">");
    for number in 0..=(whole / step).floor() as u32 {
        let at = f64::from(number) * step;
        let _ = write!(
            html,
            "<span style=\"left:{:.2}%\">{} {unit}</span>",
            at / whole * 100.0,
            short(at)
        );
    }
    html.push_str("</div>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_would_cover_each_other_are_one() {
        let marks = [
            (Some(0.0), "a"),
            (Some(0.01), "b"),
            (None, "c"),
            (Some(0.5), "d"),
        ];
        let flags = flags(&marks);
        let shown: Vec<_> = flags
            .iter()
            .map(|flag| (flag.numbers(), flag.what.as_str()))
            .collect();
        assert_eq!(shown, [("1–2".to_owned(), "a; b"), ("4".to_owned(), "d")]);
    }

    #[test]
    fn a_line_is_broken_where_nothing_was_measured() {
        let axis = Axis::linear(4.0);
        let values = [Some(0.0), Some(4.0), None, Some(2.0)];
        assert_eq!(way(&values, &axis), "M125.0 1000.0L375.0 0.0M875.0 500.0h1");
    }
}
