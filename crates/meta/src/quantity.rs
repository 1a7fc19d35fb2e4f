//! Quantities, as `500m` or `2Gi`.
//!
//! See [resource units](https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#resource-units-in-kubernetes).

use std::str::FromStr;

/// What one is in the smallest part that Kubernetes keeps.
const ONE: i128 = 1_000_000_000;
/// Larger numbers are no quantities here; Kubernetes cuts them to 2^63 of their unit.
const MAX: i128 = i64::MAX as i128 * ONE * 1_000_000;

/// An exact number of billionths.
///
/// ```
/// use pintle_meta::quantity::Quantity;
///
/// let quantity = |text: &str| text.parse::<Quantity>().unwrap();
/// assert_eq!(quantity("1.5Gi"), quantity("1536Mi"));
/// assert!(quantity("900m") < quantity("1"));
/// assert!("1.5 Gi".parse::<Quantity>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

/// A text is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoQuantity;

impl Quantity {
    /// A whole number.
    #[must_use]
    pub fn whole(number: i64) -> Self {
        Self(i128::from(number) * ONE)
    }

    /// The sum, where it is not too large.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        Some(Self(self.0 + other.0)).filter(|sum| sum.0.abs() <= MAX)
    }

    /// The difference, where it is not too large.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self(-other.0))
    }

    /// The sign: 1, 0 or -1.
    #[must_use]
    pub fn sign(self) -> i64 {
        self.0.signum() as i64
    }

    /// The number, where it is whole and fits.
    #[must_use]
    pub fn as_integer(self) -> Option<i64> {
        (self.0 % ONE == 0).then(|| i64::try_from(self.0 / ONE).ok()).flatten()
    }

    /// The nearest number.
    #[must_use]
    pub fn as_float(self) -> f64 {
        self.0 as f64 / ONE as f64
    }
}

impl FromStr for Quantity {
    type Err = NoQuantity;

    fn from_str(text: &str) -> Result<Self, NoQuantity> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
            return Err(NoQuantity);
        }
        let (factor, divisor) = factor(suffix)?;
        // Digits that cannot make a difference are read all the same: rounding is up.
        let parse = |digits: &str| match digits {
            "" => Ok(0),
            digits => digits.parse::<i128>().map_err(|_| NoQuantity),
        };
        let digits = fraction.trim_end_matches('0');
        let scale = u32::try_from(digits.len()).ok().and_then(|len| 10_i128.checked_pow(len));
        let scale = scale.ok_or(NoQuantity)?;
        let number = parse(whole)?
            .checked_mul(scale)
            .and_then(|whole| whole.checked_add(parse(digits).ok()?))
            .and_then(|number| number.checked_mul(factor))
            .ok_or(NoQuantity)?;
        let per = scale.checked_mul(divisor).ok_or(NoQuantity)?;
        let rounded = number / per + i128::from(number % per != 0);
        if rounded > MAX {
            return Err(NoQuantity);
        }
        Ok(Self(if negative { -rounded } else { rounded }))
    }
}

/// What a suffix stands for in billionths: a factor and a divisor.
fn factor(suffix: &str) -> Result<(i128, i128), NoQuantity> {
    let decimal = |power: u32| (ONE * 10_i128.pow(power), 1);
    let binary = |power: u32| (ONE << power, 1);
    Ok(match suffix {
        "" => (ONE, 1),
        "n" => (1, 1),
        "u" => (1_000, 1),
        "m" => (1_000_000, 1),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E']).ok_or(NoQuantity)?;
            let power: i32 = exponent.parse().map_err(|_| NoQuantity)?;
            match power {
                0..=18 => decimal(power.unsigned_abs()),
                -18..=-1 => (ONE, 10_i128.pow(power.unsigned_abs())),
                _ => return Err(NoQuantity),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Option<i128>) {
        let got = text.parse::<Quantity>().ok().map(|quantity| quantity.0);
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        check("0", Some(0));
        check("1", Some(ONE));
        check("+1", Some(ONE));
        check("-1", Some(-ONE));
        check(".5", Some(ONE / 2));
        check("1.", Some(ONE));
        check("100m", Some(ONE / 10));
        check("1n", Some(1));
        check("0.1n", Some(1));
        check("1Ki", Some(1024 * ONE));
        check("1.5Gi", Some(1536 * 1024 * 1024 * ONE));
        check("12e3", Some(12_000 * ONE));
        check("12E-3", Some(12 * ONE / 1000));
        check("5E", Some(5 * ONE * 10_i128.pow(18)));
        for bad in ["", "m", "1.2.3", "1Gib", "1 k", "1e", "1e99", "--1", "0x1", "١"] {
            check(bad, None);
        }
        check(&"9".repeat(60), None);
    }
}
