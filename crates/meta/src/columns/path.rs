//! The JSON paths of printer columns, in the dialect of Kubernetes.
//!
//! It is older than [RFC 9535](https://www.rfc-editor.org/rfc/rfc9535) and not quite it: there is no
//! root, a dot in a name is escaped with a backslash, and of several results the first one counts. See
//! [JSONPath support](https://kubernetes.io/docs/reference/kubectl/jsonpath/); a column needs fields,
//! indices, wildcards and comparisons of one field, as in `.status.conditions[?(@.type=="Ready")].status`.

use serde_json::Value;

/// A path may have so many steps.
const STEPS_MAX: usize = 64;

/// A path into an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    /// Items of which a field is, or is not, a value.
    Where {
        field: Vec<String>,
        is: bool,
        value: Value,
    },
}

impl JsonPath {
    /// Reads a path such as `.spec.image`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let mut rest = inside.unwrap_or(text);
        rest = rest.strip_prefix('$').unwrap_or(rest);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if steps.len() == STEPS_MAX {
                return Err(format!("{text} has more than {STEPS_MAX} steps"));
            }
            let cannot = || format!("{text} cannot be read at {rest:?}");
            if let Some(inside) = rest.strip_prefix('[') {
                let end = end_of_brackets(inside).ok_or_else(cannot)?;
                steps.push(brackets(&inside[..end]).ok_or_else(cannot)?);
                rest = &inside[end + 1..];
            } else {
                let name = rest.strip_prefix('.').unwrap_or(rest);
                let (field, behind) = field(name);
                if field.is_empty() {
                    return Err(cannot());
                }
                steps.push(if field == "*" { Step::All } else { Step::Field(field) });
                rest = behind;
            }
        }
        Ok(Self(steps))
    }

    /// The first value that the path leads to.
    pub(super) fn first<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        follow(&self.0, object)
    }
}

fn follow<'a>(steps: &[Step], value: &'a Value) -> Option<&'a Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(value) };
    match step {
        Step::Field(name) => follow(rest, value.get(name)?),
        Step::Index(index) => {
            let items = value.as_array()?;
            let from_end = || items.len().checked_sub(usize::try_from(-index).ok()?);
            let at = usize::try_from(*index).ok().or_else(from_end)?;
            follow(rest, items.get(at)?)
        }
        Step::All => children(value).find_map(|child| follow(rest, child)),
        Step::Where { field, is, value: want } => {
            let fits = |item: &&Value| {
                let found = field.iter().try_fold(*item, |value, name| value.get(name));
                found.is_some_and(|found| (found == want) == *is)
            };
            children(value).filter(fits).find_map(|child| follow(rest, child))
        }
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => Box::new(std::iter::empty()),
    }
}

/// The name of a field and what follows it; a backslash takes the next character as it is.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, c)| c)),
            '.' | '[' => return (name, &text[at..]),
            _ => name.push(c),
        }
    }
    (name, "")
}

/// Where the bracket closes, outside of quoted text.
fn end_of_brackets(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ']') => return Some(at),
            _ => {}
        }
    }
    None
}

fn brackets(text: &str) -> Option<Step> {
    let text = text.trim();
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(name) = quoted(text) {
        return Some(Step::Field(name.to_owned()));
    }
    if let Ok(index) = text.parse() {
        return Some(Step::Index(index));
    }
    let condition = text.strip_prefix("?(")?.strip_suffix(')')?.trim();
    let is = !condition.contains("!=");
    let (path, value) = condition.split_once(if is { "==" } else { "!=" })?;
    let mut rest = path.trim().strip_prefix('@')?;
    let mut names = Vec::new();
    while let Some(name) = rest.strip_prefix('.') {
        let (name, behind) = field(name);
        names.push(name);
        rest = behind;
    }
    if !rest.is_empty() || names.len() > STEPS_MAX {
        return None;
    }
    let value = value.trim();
    let value = match quoted(value) {
        Some(text) => text.into(),
        None => serde_json::from_str(value).ok()?,
    };
    Some(Step::Where { field: names, is, value })
}

fn quoted(text: &str) -> Option<&str> {
    ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value, reason = "a table reads best with its values in place")]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(path: &str, want: Option<Value>) {
        let object = json!({
            "spec": {"image": "nginx", "ports": [80, 443], "a.b/c": true},
            "status": {"conditions": [
                {"type": "Ready", "status": "True"}, {"type": "Old", "status": "False", "n": 3},
            ]},
        });
        let path = JsonPath::parse(path).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(path.first(&object).cloned(), want, "{path:?}");
    }

    #[test]
    fn paths_lead_to_values() {
        check(".spec.image", Some(json!("nginx")));
        check("{.spec.image}", Some(json!("nginx")));
        check("$.spec['image']", Some(json!("nginx")));
        check(".spec.ports[1]", Some(json!(443)));
        check(".spec.ports[-1]", Some(json!(443)));
        check(".spec.ports[7]", None);
        check(".spec.ports[*]", Some(json!(80)));
        check(r".spec.a\.b/c", Some(json!(true)));
        check(r#".status.conditions[?(@.type=="Ready")].status"#, Some(json!("True")));
        check(".status.conditions[?(@.type != 'Ready')].status", Some(json!("False")));
        check(".status.conditions[?(@.n==3)].type", Some(json!("Old")));
        check(".status.conditions[?(@.type==\"]\")].status", None);
        check(".status.none.at.all", None);
    }

    #[test]
    fn mistakes_are_told() {
        for path in [".spec[", ".spec[?(@.a~1)]", "..", ".a[b]", &".a".repeat(STEPS_MAX + 1)] {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
    }
}
