//! The columns of a kind: what `kubectl get` shows of an object.
//!
//! See [Table](https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables).

mod path;
mod printed;

use crate::json;
use crate::kind::of;
use crate::object::{Object, Served};
use jiff::Timestamp;
use printed::Printed;
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// The text of a cell: borrowed from the object, or made for it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Text of the object.
    Borrowed(&'a str),
    /// Any other JSON value.
    Value(Value),
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Borrowed(text)
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        Self::Borrowed(text)
    }
}

macro_rules! cell_from {
    ($($t:ty),*) => { $(impl From<$t> for Cell<'_> { fn from(value: $t) -> Self { Self::Value(value.into()) } })* };
}
cell_from!(String, bool, i32, i64, u32, u64, f64, Value);

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Value(Value::Null), Into::into)
    }
}

/// The definition of a column, as the wire has it.
#[derive(Clone, Debug, Serialize)]
pub struct Definition {
    /// The heading.
    pub name: String,
    /// The OpenAPI type of the cells: `string`, `integer`, `number`, `boolean`, `date`.
    #[serde(rename = "type")]
    pub type_: &'static str,
    /// The OpenAPI format; `name` marks the column that names the object.
    pub format: String,
    /// What the column shows.
    pub description: String,
    /// Zero for the columns always shown; more than zero only with `-o wide`.
    pub priority: i32,
}

type CellOf<K> = Box<dyn for<'a> Fn(&'a K) -> Cell<'a> + Send + Sync>;

enum Source<K> {
    Cell(CellOf<K>),
    Age,
    CreatedAt,
    /// What kube-derive's `printcolumn` says.
    Printed(Printed),
}

/// The columns of the kind `K`, as its author lists them.
///
/// ```ignore
/// fn columns(table: &mut Columns<Self>) {
///     table.column("Status", |foo| foo.phase().into()).describe("where the Foo is in its life");
///     table.age();
///     table.wide("Message", |foo| (&foo.spec.config.msg).into());
/// }
/// ```
pub struct Columns<K> {
    definitions: Vec<Definition>,
    sources: Vec<Source<K>>,
    /// Whether the author has listed no columns.
    pub(crate) by_default: bool,
}

impl<K> fmt::Debug for Columns<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Columns").field("definitions", &self.definitions).finish_non_exhaustive()
    }
}

const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, \
    although some resources may allow a client to request the generation of an appropriate name \
    automatically. Name is primarily intended for creation idempotence and configuration \
    definition. Cannot be updated. More info: \
    https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
const CREATED: &str = "CreationTimestamp is a timestamp representing the server time when this \
    object was created. It is not guaranteed to be set in happens-before order across separate \
    operations. Clients may not set this value. It is represented in RFC3339 form and is in \
    UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

impl<K: Served> Columns<K> {
    /// The column `Name`, which every kind has.
    #[must_use]
    pub fn new() -> Self {
        let (definitions, sources) = (Vec::new(), Vec::new());
        let mut columns = Self { definitions, sources, by_default: false };
        let name: CellOf<K> =
            Box::new(|object| object.meta().name.as_deref().unwrap_or_default().into());
        columns.push("Name", "string", Source::Cell(name)).format("name").describe(NAME);
        columns
    }

    fn push(&mut self, name: &str, type_: &'static str, source: Source<K>) -> &mut Self {
        self.definitions.push(Definition {
            name: name.to_owned(),
            type_,
            format: String::new(),
            description: String::new(),
            priority: 0,
        });
        self.sources.push(source);
        self
    }

    /// A column of text.
    pub fn column(
        &mut self,
        name: &str,
        cell: impl for<'a> Fn(&'a K) -> Cell<'a> + Send + Sync + 'static,
    ) -> &mut Self {
        self.push(name, "string", Source::Cell(Box::new(cell)))
    }

    /// A column of text that only `kubectl get -o wide` shows.
    pub fn wide(
        &mut self,
        name: &str,
        cell: impl for<'a> Fn(&'a K) -> Cell<'a> + Send + Sync + 'static,
    ) -> &mut Self {
        self.column(name, cell).priority(1)
    }

    /// A column of whole numbers.
    pub fn integer(
        &mut self,
        name: &str,
        cell: impl for<'a> Fn(&'a K) -> Cell<'a> + Send + Sync + 'static,
    ) -> &mut Self {
        self.push(name, "integer", Source::Cell(Box::new(cell)))
    }

    /// The column `Age`: how long ago the object was created, for example `5d3h`.
    pub fn age(&mut self) -> &mut Self {
        self.push("Age", "string", Source::Age).describe(CREATED)
    }

    /// The column `Created At`: when the object was created.
    pub fn created_at(&mut self) -> &mut Self {
        self.push("Created At", "date", Source::CreatedAt).describe(CREATED)
    }

    fn last(&mut self) -> &mut Definition {
        self.definitions.last_mut().expect("the column Name is always there")
    }

    /// Says what the column added last shows.
    pub fn describe(&mut self, text: &str) -> &mut Self {
        text.clone_into(&mut self.last().description);
        self
    }

    /// Sets the OpenAPI format of the column added last.
    pub fn format(&mut self, format: &str) -> &mut Self {
        format.clone_into(&mut self.last().format);
        self
    }

    /// Sets the priority of the column added last: zero is always shown.
    pub fn priority(&mut self, priority: i32) -> &mut Self {
        self.last().priority = priority;
        self
    }

    /// The columns with the type out of view.
    #[must_use]
    pub fn erase(self) -> Table {
        let sources = self.sources;
        let cells = move |object: &dyn Object| {
            let object = of::<K>(object);
            let mut row = Row { json: vec![b'['], ages: Vec::new() };
            let printed = sources.iter().any(|source| matches!(source, Source::Printed(_)));
            let whole = printed.then(|| serde_json::to_value(object).unwrap_or_default());
            for (i, source) in sources.iter().enumerate() {
                if i > 0 {
                    row.json.push(b',');
                }
                row.push(object, source, whole.as_ref().unwrap_or(&Value::Null));
            }
            row.json.push(b']');
            row
        };
        Table { definitions: self.definitions.into(), cells: Arc::new(cells) }
    }
}

impl<K: Served> Default for Columns<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// The columns of what has none of its own: its name, and when it was created.
///
/// Kubernetes' [default table convertor](https://pkg.go.dev/k8s.io/apiserver/pkg/registry/rest#NewDefaultTableConvertor)
/// shows the same.
#[must_use]
pub fn default_definitions() -> [Definition; 2] {
    let define = |name: &str, type_, format: &str, description: &str| Definition {
        name: name.to_owned(),
        type_,
        format: format.to_owned(),
        description: description.to_owned(),
        priority: 0,
    };
    [define("Name", "string", "name", NAME), define("Created At", "date", "", CREATED)]
}

/// The columns of a kind with its type out of view.
#[derive(Clone)]
pub struct Table {
    /// What the columns are.
    pub definitions: Arc<[Definition]>,
    cells: RowOf,
}

type RowOf = Arc<dyn Fn(&dyn Object) -> Row + Send + Sync>;

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("definitions", &self.definitions).finish_non_exhaustive()
    }
}

impl Table {
    /// The cells of an object.
    #[must_use]
    pub fn row(&self, object: &dyn Object) -> Row {
        (self.cells)(object)
    }
}

/// The cells of one object as a JSON array, with gaps where an age belongs.
///
/// Everything but an age stays as it is while the object does, so a row can be kept and shown again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    json: Vec<u8>,
    ages: Vec<Gap>,
}

/// Where an age belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Gap {
    at: u32,
    /// The time that it is counted from, where that is not the creation.
    from: Option<Timestamp>,
}

impl Row {
    fn push<K: Served>(&mut self, object: &K, source: &Source<K>, whole: &Value) {
        let created = || object.meta().creation_timestamp.as_ref();
        let value = match source {
            Source::Cell(cell) => cell(object),
            Source::Age => return self.gap(None),
            Source::Printed(printed) => match printed.cell(whole) {
                printed::Cell::Value(value) => Cell::Value(value),
                printed::Cell::Age(from) => return self.gap(Some(from)),
            },
            Source::CreatedAt => {
                created().map(|time| time.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).into()
            }
        };
        let written = match &value {
            Cell::Borrowed(text) => json::write(&mut self.json, text),
            Cell::Value(value) => json::write(&mut self.json, value),
        };
        if written.is_err() {
            self.json.extend_from_slice(b"null");
        }
    }

    fn gap(&mut self, from: Option<Timestamp>) {
        let at = u32::try_from(self.json.len()).unwrap_or(u32::MAX);
        self.ages.push(Gap { at, from });
    }

    /// Writes the cells; `created` is the time from which ages are counted.
    pub fn write(&self, out: &mut Vec<u8>, created: Option<Timestamp>, now: Timestamp) {
        let mut from = 0;
        for gap in &self.ages {
            let at = gap.at as usize;
            out.extend_from_slice(&self.json[from..at]);
            out.push(b'"');
            match gap.from.or(created) {
                Some(created) => age(out, now.as_second() - created.as_second()),
                None => out.extend_from_slice(b"<unknown>"),
            }
            out.push(b'"');
            from = at;
        }
        out.extend_from_slice(&self.json[from..]);
    }
}

/// Writes a number of seconds as `kubectl` shows ages: two units at most, one where it is enough.
fn age(out: &mut Vec<u8>, seconds: i64) {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let years = days / 365;
    let text = match () {
        () if seconds < -1 => "<invalid>".to_owned(),
        () if seconds < 0 => "0s".to_owned(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => pair(minutes, 'm', seconds % 60, 's'),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => pair(hours, 'h', minutes % 60, 'm'),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 192 => pair(days, 'd', hours % 24, 'h'),
        () if days < 730 => format!("{days}d"),
        () if years < 8 => pair(years, 'y', days % 365, 'd'),
        () => format!("{years}y"),
    };
    out.extend_from_slice(text.as_bytes());
}

fn pair(big: i64, unit: char, small: i64, small_unit: char) -> String {
    if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{small_unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_as_kubectl_shows_them() {
        let cases = [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (600, "10m"),
            (3 * 3600 - 1, "179m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 60, "3h1m"),
            (8 * 3600 + 60, "8h"),
            (48 * 3600, "2d"),
            (50 * 3600, "2d2h"),
            (8 * 86_400, "8d"),
            (729 * 86_400, "729d"),
            (730 * 86_400, "2y"),
            (731 * 86_400, "2y1d"),
            (9 * 365 * 86_400, "9y"),
        ];
        for (seconds, want) in cases {
            let mut out = Vec::new();
            age(&mut out, seconds);
            assert_eq!(String::from_utf8(out).unwrap(), want, "{seconds} seconds");
        }
    }
}
