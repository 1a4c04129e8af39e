//! What grows, and the points at which it is measured.

use std::str::FromStr;

use serde::Serialize;

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Notifications stored before.
    Rows,
    /// People, each message to a random one.
    Users,
    /// Tenants, over which the people are spread.
    Tenants,
    /// Pairs of channel and priority that are used.
    Lanes,
    /// Nodes of the engine.
    Nodes,
}

impl Axis {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Rows,
        Self::Users,
        Self::Tenants,
        Self::Lanes,
        Self::Nodes,
    ];

    /// Its name on the command line and in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Users => "users",
            Self::Tenants => "tenants",
            Self::Lanes => "lanes",
            Self::Nodes => "nodes",
        }
    }

    fn usual(self) -> &'static [u64] {
        match self {
            Self::Rows => &[10_000, 100_000, 1_000_000, 10_000_000],
            Self::Users => &[1_000, 10_000, 100_000, 1_000_000],
            Self::Tenants => &[1, 100, 1_000, 10_000],
            Self::Lanes => &[1, 4, 8, 16, 20],
            Self::Nodes => &[1, 2],
        }
    }

    fn most(self) -> u64 {
        match self {
            Self::Rows => 1_000_000_000,
            Self::Users | Self::Tenants => 100_000_000,
            Self::Lanes => 20,
            Self::Nodes => 16,
        }
    }
}

/// An axis with its points, the first of which is what the others are divided by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Series {
    /// What grows.
    pub axis: Axis,
    /// How much of it.
    pub points: Vec<u64>,
}

impl Series {
    /// All axes with their usual points.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        let of = |axis: Axis| Self {
            axis,
            points: axis.usual().to_vec(),
        };
        Axis::ALL.map(of).to_vec()
    }
}

/// `rows`, or `rows=10k,1M`.
impl FromStr for Series {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, points) = match text.split_once('=') {
            Some((name, points)) => (name, Some(points)),
            None => (text, None),
        };
        let axis = Axis::ALL.into_iter().find(|axis| axis.name() == name);
        let axis = axis.ok_or_else(|| {
            let names = Axis::ALL.map(Axis::name).join(", ");
            format!("{name:?} is none of {names}")
        })?;
        let Some(points) = points else {
            let points = axis.usual().to_vec();
            return Ok(Self { axis, points });
        };
        let points: Vec<u64> = points.split(',').map(amount).collect::<Result<_, _>>()?;
        if let Some(wrong) = points
            .iter()
            .find(|point| !(1..=axis.most()).contains(*point))
        {
            return Err(format!(
                "{name} goes from 1 to {}, not to {wrong}",
                shown(axis.most())
            ));
        }
        if axis == Axis::Lanes
            && let Some(wrong) = points.iter().find(|n| **n > 4 && !n.is_multiple_of(4))
        {
            return Err(format!(
                "{wrong} lanes: above 4 they come in fours, one for each priority"
            ));
        }
        Ok(Self { axis, points })
    }
}

/// `10000`, `10k`, `10M`.
fn amount(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (digits, factor) = match (text.strip_suffix('k'), text.strip_suffix('M')) {
        (Some(digits), _) => (digits, 1_000),
        (_, Some(digits)) => (digits, 1_000_000),
        _ => (text, 1),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("{text:?} is no amount: write 500, 10k or 1M"))
}

/// An amount as it is written on the command line.
pub(super) fn shown(amount: u64) -> String {
    match amount {
        0 => "0".to_owned(),
        n if n.is_multiple_of(1_000_000) => format!("{}M", n / 1_000_000),
        n if n.is_multiple_of(1_000) => format!("{}k", n / 1_000),
        n => n.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_read_with_its_points() {
        let rows: Series = "rows=10k,1M, 500".parse().unwrap();
        assert_eq!(
            (rows.axis, rows.points),
            (Axis::Rows, vec![10_000, 1_000_000, 500])
        );
        let usual: Series = "nodes".parse().unwrap();
        assert_eq!(usual.points, [1, 2]);
        for (text, named) in [
            ("row=1", "users"),
            ("rows=1G", "1M"),
            ("lanes=21", "20"),
            ("lanes=5", "in fours"),
            ("rows=0", "from 1"),
            ("rows=", "no amount"),
        ] {
            let error = text.parse::<Series>().unwrap_err();
            assert!(error.contains(named), "{error}");
        }
        assert_eq!(
            [1, 1_500, 2_000, 3_000_000].map(shown).join(" "),
            "1 1500 2k 3M"
        );
    }
}
