//! One measured number.

use serde_json::{Value, json};

/// One measured number.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// None where it cannot be measured.
    pub value: Option<f64>,
    /// The unit of the value.
    pub unit: Unit,
    /// The target of the design; none for a figure that explains others.
    pub target: Option<Target>,
}

/// The unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// A multiple of another figure.
    Times,
    /// Products per second.
    PerSecond,
    /// Mebibytes.
    MiB,
    /// Percent of one processor core.
    PercentCpu,
    /// Just a number.
    Count,
}

/// The target of the design.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Figure {
    /// A figure without a target.
    pub(super) fn new(what: impl Into<String>, value: impl Into<Option<f64>>, unit: Unit) -> Self {
        Self {
            what: what.into(),
            value: value.into(),
            unit,
            target: None,
        }
    }

    pub(super) fn at_most(mut self, most: f64) -> Self {
        self.target = Some(Target::AtMost(most));
        self
    }

    pub(super) fn at_least(mut self, least: f64) -> Self {
        self.target = Some(Target::AtLeast(least));
        self
    }

    /// Whether the target is met; none without a target or a value.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        let value = self.value?;
        Some(match self.target? {
            Target::AtMost(most) => value <= most,
            Target::AtLeast(least) => value >= least,
        })
    }

    /// The figure as JSON, with stable keys: `what`, `value`, `unit`, `at_most` or `at_least`, `met`.
    #[must_use]
    pub fn to_json(&self, bench: &str) -> Value {
        let mut object = json!({
            "bench": bench,
            "what": self.what,
            "value": self.value,
            "unit": self.unit.name(),
            "met": self.is_met(),
        });
        match self.target {
            Some(Target::AtMost(most)) => object["at_most"] = most.into(),
            Some(Target::AtLeast(least)) => object["at_least"] = least.into(),
            None => {}
        }
        object
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Times => "times",
            Self::PerSecond => "products/s",
            Self::MiB => "MiB",
            Self::PercentCpu => "% CPU",
            Self::Count => "",
        }
    }

    /// A number with a reasonable number of digits, and the unit.
    pub(super) fn show(self, value: f64) -> String {
        let number = match self {
            Self::Count | Self::PerSecond => grouped(value),
            Self::Milliseconds if value >= 100.0 => grouped(value),
            Self::Milliseconds if value < 1.0 => format!("{value:.3}"),
            Self::Milliseconds | Self::MiB => format!("{value:.1}"),
            Self::Times if value >= 10.0 => format!("{value:.0}"),
            Self::Times => format!("{value:.2}"),
            Self::PercentCpu => format!("{value:.3}"),
        };
        match self {
            Self::Times => format!("{number} ×"),
            _ => format!("{number} {}", self.name()).trim_end().to_owned(),
        }
    }
}

/// `1,234,567`.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 {
        format!("-{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_they_deserve() {
        for (unit, value, shown) in [
            (Unit::Milliseconds, 0.0234, "0.023 ms"),
            (Unit::Milliseconds, 12.345, "12.3 ms"),
            (Unit::Milliseconds, 12_345.6, "12,346 ms"),
            (Unit::Times, 1.154, "1.15 ×"),
            (Unit::Times, 1_512.3, "1512 ×"),
            (Unit::PerSecond, 123_456.7, "123,457 products/s"),
            (Unit::MiB, 41.06, "41.1 MiB"),
            (Unit::PercentCpu, 0.0412, "0.041 % CPU"),
            (Unit::Count, 50.0, "50"),
        ] {
            assert_eq!(unit.show(value), shown);
        }
    }

    #[test]
    fn a_target_is_met_or_missed_or_unknown() {
        let figure = |value| Figure::new("it", value, Unit::Times);
        assert_eq!(figure(Some(1.0)).is_met(), None);
        assert_eq!(figure(Some(1.2)).at_most(1.2).is_met(), Some(true));
        assert_eq!(figure(Some(1.3)).at_most(1.2).is_met(), Some(false));
        assert_eq!(figure(Some(29.0)).at_least(30.0).is_met(), Some(false));
        assert_eq!(figure(None).at_most(1.2).is_met(), None);
    }
}
