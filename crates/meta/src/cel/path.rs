//! `fieldPath` of a rule: the field that its error is about.

use crate::schema::Node;

/// Checks a path, `.spec.name` or `.labels['a']`, against what is declared, and returns it as it
/// stands in messages behind the path of the value.
pub(super) fn check(source: &str, node: &Node) -> Result<String, String> {
    let mut at = node;
    let mut shown = String::new();
    let mut rest = source;
    while !rest.is_empty() {
        let (name, after) = if let Some(quoted) = rest.strip_prefix("['") {
            let end = quoted.find("']").ok_or("has a bracket that is not closed")?;
            (&quoted[..end], &quoted[end + 2..])
        } else {
            let plain = rest.strip_prefix('.').ok_or("does not begin with a dot or a bracket")?;
            plain.split_at(plain.find(['.', '[']).unwrap_or(plain.len()))
        };
        let declared = at.fields.get(name);
        at = declared
            .or(at.values.as_deref())
            .ok_or_else(|| format!("does not refer to a valid field: {name:?}"))?;
        shown += &match declared {
            Some(_) => format!(".{name}"),
            None => format!("[{name}]"),
        };
        rest = after;
    }
    Ok(shown)
}
