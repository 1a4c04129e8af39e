//! The values that an axis names, and where they lie.

/// A value axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Axis {
    /// Equal steps from zero.
    Linear {
        /// Distance of two ticks.
        step: f64,
        /// The upper end.
        top: f64,
    },
    /// Equal ratios, between two powers of ten.
    Log {
        /// The lower end's power.
        low: i32,
        /// The upper end's power.
        high: i32,
    },
}

/// Lines across a chart: more of them would hide what is shown.
const STEPS: f64 = 4.0;

impl Axis {
    /// From zero to at least `largest`.
    pub(super) fn linear(largest: f64) -> Self {
        let largest = if largest > 0.0 { largest } else { 1.0 };
        let step = nice(largest / STEPS);
        Self::Linear {
            step,
            top: (largest / step).ceil() * step,
        }
    }

    /// Powers of ten around the values.
    pub(super) fn log(smallest: f64, largest: f64) -> Self {
        let power = |value: f64| value.max(1e-3).log10();
        let low = power(smallest).floor() as i32;
        Self::Log {
            low,
            high: (power(largest).ceil() as i32).max(low + 1),
        }
    }

    /// Where a value lies, from 0 at the lower end to 1 at the upper.
    pub(super) fn place(&self, value: f64) -> f64 {
        match self {
            Self::Linear { top, .. } => value / top,
            Self::Log { low, high } => {
                (value.max(1e-3).log10() - f64::from(*low)) / f64::from(high - low)
            }
        }
        .clamp(0.0, 1.0)
    }

    /// The values to name.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match self {
            Self::Linear { step, top } => {
                let count = (top / step).round() as u32;
                (0..=count).map(|number| f64::from(number) * step).collect()
            }
            Self::Log { low, high } => (*low..=*high).map(|power| 10_f64.powi(power)).collect(),
        }
    }
}

/// The next 1, 2 or 5 times a power of ten.
pub(super) fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    steps
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= value * 0.999_999)
        .unwrap_or(value)
}

/// A tick in few characters: `12k`, `0.5`.
pub(super) fn short(value: f64) -> String {
    let plain = |value: f64| {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match value {
        value if value >= 1e6 => plain(value / 1e6) + "M",
        value if value >= 1e4 => plain(value / 1e3) + "k",
        value => plain(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_all_values() {
        assert_eq!(
            Axis::linear(3_700.0).ticks(),
            [0.0, 1_000.0, 2_000.0, 3_000.0, 4_000.0]
        );
        assert_eq!(Axis::linear(0.0).ticks().len(), 3);
        assert_eq!(
            Axis::log(3.0, 4_000.0).ticks(),
            [1.0, 10.0, 100.0, 1_000.0, 10_000.0]
        );
        assert_eq!(Axis::log(0.0, 0.0).place(0.0), 0.0);
        assert_eq!(Axis::log(1.0, 100.0).place(10.0), 0.5);
        assert_eq!(
            [
                short(0.0),
                short(0.25),
                short(9_000.0),
                short(25_000.0),
                short(2e6)
            ],
            ["0", "0.25", "9000", "25k", "2M"]
        );
    }
}
