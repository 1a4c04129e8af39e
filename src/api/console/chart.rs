//! Charts as SVG: columns side by side, drawn on the server. Their colours come of the style, so that they fit both
//! themes.

/// Width of the drawing, in its own units.
const WIDTH: f64 = 600.0;
/// Height of the drawing.
const HEIGHT: f64 = 120.0;
/// Share of a column's place that stays empty.
const GAP: f64 = 0.2;

/// What a column shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnFigures {
    /// What is good of it.
    pub(super) good: i64,
    /// What is bad of it, on top of that.
    pub(super) bad: i64,
    /// What is said when somebody points at it.
    pub(super) says: String,
}

/// A column as it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DrawnColumn {
    /// Its left side.
    pub(super) x: String,
    /// Its width.
    pub(super) width: String,
    /// The upper side and the height of what is good.
    pub(super) good: (String, String),
    /// The same of what is bad; nothing to draw where there is none.
    pub(super) bad: Option<(String, String)>,
    /// What is said when somebody points at it.
    pub(super) says: String,
}

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DrawnChart {
    /// What it shows, for those who do not see it.
    pub(super) says: String,
    /// The highest column.
    pub(super) most: i64,
    /// Its columns, from left to right.
    pub(super) columns: Vec<DrawnColumn>,
}

impl DrawnChart {
    /// Draws columns.
    pub(super) fn of(says: String, columns: &[ColumnFigures]) -> Self {
        let height = |column: &ColumnFigures| column.good.max(0) + column.bad.max(0);
        let most = columns.iter().map(height).max().unwrap_or(0);
        let place = WIDTH / (columns.len().max(1) as f64);
        let scale = HEIGHT / (most.max(1) as f64);
        let drawn = columns.iter().enumerate().map(|(at, column)| {
            let (good, bad) = (column.good.max(0) as f64, column.bad.max(0) as f64);
            let top = HEIGHT - good * scale;
            let bar = |top: f64, figure: f64| (unit(top), unit(figure * scale));
            DrawnColumn {
                x: unit(place * (at as f64 + GAP / 2.0)),
                width: unit(place * (1.0 - GAP)),
                good: bar(top, good),
                bad: (bad > 0.0).then(|| bar(top - bad * scale, bad)),
                says: column.says.clone(),
            }
        });
        Self {
            says,
            most,
            columns: drawn.collect(),
        }
    }
}

/// A length with one digit behind the point.
fn unit(length: f64) -> String {
    format!("{length:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(good: i64, bad: i64) -> ColumnFigures {
        ColumnFigures {
            good,
            bad,
            says: String::new(),
        }
    }

    #[test]
    fn columns_stand_side_by_side_and_the_highest_fills_the_drawing() {
        let chart = DrawnChart::of(
            String::new(),
            &[column(0, 0), column(30, 10), column(20, 0)],
        );
        assert_eq!(chart.most, 40);
        let drawn = &chart.columns;
        assert_eq!(drawn[0].good, ("120.0".to_owned(), "0.0".to_owned()));
        assert_eq!(drawn[1].good, ("30.0".to_owned(), "90.0".to_owned()));
        assert_eq!(drawn[1].bad, Some(("0.0".to_owned(), "30.0".to_owned())));
        assert_eq!(drawn[2].bad, None);
        let sides = drawn.iter().map(|it| it.x.as_str()).collect::<Vec<_>>();
        assert_eq!(sides, ["20.0", "220.0", "420.0"]);
        assert_eq!(drawn[0].width, "160.0");
        assert!(DrawnChart::of(String::new(), &[]).columns.is_empty());
    }
}
