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

const TIME_STEPS: f64 = 5.0;
/// Above so many seconds the time axis counts minutes.
const MINUTES_FROM: f64 = 600.0;
/// Rows of the table of values.
const ROWS: usize = 24;

mod drawing;

use drawing::{SIZE, flags, way};

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
