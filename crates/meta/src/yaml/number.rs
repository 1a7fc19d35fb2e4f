//! Fractions on their way between YAML and JSON.

use serde_json::Number;

/// The number that JSON's text of a fraction stands for: `1.0` is written as `1` and is an integer
/// from there on.
///
/// # Errors
/// The name that Go's `encoding/json` has for a value JSON cannot express.
pub(super) fn through_json(value: f64) -> Result<Number, &'static str> {
    let Some(number) = Number::from_f64(value) else {
        return Err(match value {
            value if value.is_nan() => "NaN",
            value if value > 0.0 => "+Inf",
            _ => "-Inf",
        });
    };
    // Larger ones are written with an exponent, which makes them fractions again.
    if value.fract() != 0.0 || value.abs() >= 1e21 {
        return Ok(number);
    }
    // The shortest text may be another integer than the exact value; the text is what counts.
    let text = format!("{value}");
    let signed = text.parse::<i64>().map(Number::from);
    Ok(signed.or_else(|_| text.parse::<u64>().map(Number::from)).unwrap_or(number))
}

/// A fraction as `strconv.FormatFloat(value, 'g', -1, 64)` shows it.
pub(super) fn shown(value: f64) -> String {
    general(&format!("{value:e}"), format!("{value}"), 6)
}

/// A fraction as a key, of which `sigs.k8s.io/yaml` keeps the precision of 32 bits only.
pub(super) fn as_key(value: f64) -> String {
    match value {
        value if value.is_nan() => ".nan".to_owned(),
        f64::INFINITY => ".inf".to_owned(),
        f64::NEG_INFINITY => "-.inf".to_owned(),
        value => {
            let value = value as f32;
            match value {
                f32::INFINITY => ".inf".to_owned(),
                f32::NEG_INFINITY => "-.inf".to_owned(),
                value => general(&format!("{value:e}"), format!("{value}"), 6),
            }
        }
    }
}

/// A fraction in a Go value that is printed for a programmer (`%#v`).
pub(super) fn in_go_syntax(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => general(&format!("{value:e}"), format!("{value}"), 21),
    }
}

/// Chooses the notation as C's `%g` does: with exponent below 1e-4 and from 10 to the `limit`.
fn general(scientific: &str, fixed: String, limit: i32) -> String {
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return fixed;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if exponent < -4 || exponent >= limit => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => fixed,
    }
}
