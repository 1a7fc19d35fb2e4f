//! Values as Go's `fmt` prints them, because the messages of the Go library show them so.

use crate::json::quote;
use serde_json::{Map, Number, Value};

/// A value in the form of `%v`: `map[name:a port:1]`.
#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => plain_list(items),
        Value::Object(fields) => plain_object(fields),
        Value::Number(value) => number(value),
        Value::Bool(value) => value.to_string(),
    }
}

/// A number in the form of `%v`.
#[must_use]
pub fn number(value: &Number) -> String {
    match value.as_f64() {
        Some(float) if value.is_f64() => self::float(float),
        _ => value.to_string(),
    }
}

/// A floating-point number in the form of `%v`: `1.5`, `1e+21`.
#[must_use]
pub fn float(value: f64) -> String {
    /// From this power of ten on there is an exponent.
    const LARGE: i32 = 6;
    const SMALL: i32 = -4;
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(power) if (SMALL..LARGE).contains(&power) => value.to_string(),
        Ok(power) => {
            let sign = if power < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", power.abs())
        }
        Err(_) => scientific,
    }
}

/// A list in the form of `%v`: `[a b]`.
#[must_use]
pub fn plain_list(items: &[Value]) -> String {
    let items: Vec<String> = items.iter().map(plain).collect();
    format!("[{}]", items.join(" "))
}

/// An object in the form of `%v`.
#[must_use]
pub fn plain_object(fields: &Map<String, Value>) -> String {
    let fields = sorted(fields);
    let fields = fields.iter().map(|(name, value)| format!("{name}:{}", plain(value)));
    format!("map[{}]", fields.collect::<Vec<_>>().join(" "))
}

/// A value in the form of `%#v`, Go's own syntax: `[]interface {}{"a", 1}`.
#[must_use]
pub fn syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::String(text) => quote(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(fields) => {
            let fields = sorted(fields);
            let fields =
                fields.iter().map(|(name, value)| format!("{}:{}", quote(name), syntax(value)));
            format!("map[string]interface {{}}{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// The name of the type that a value has in Go once it has been read.
#[must_use]
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn sorted(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(name, _)| *name);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (value, want) in [
            ("7", "7"),
            ("200000000", "200000000"),
            ("7.0", "7"),
            ("-1.5", "-1.5"),
            ("123456.7", "123456.7"),
            ("1234567.5", "1.2345675e+06"),
            ("123456789.5", "1.234567895e+08"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1e-7", "1e-07"),
            ("1e21", "1e+21"),
            ("1e300", "1e+300"),
        ] {
            let value: Value = serde_json::from_str(value).unwrap();
            assert_eq!(plain(&value), want);
        }
    }
}
