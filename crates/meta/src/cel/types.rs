//! The types of expressions, as far as they can be told before there is a value.
//!
//! See [type checking](https://kubernetes.io/docs/reference/using-api/cel/#type-checking). The
//! interpreter has no types of its own: what the operators ask for is here, and what functions give. Of
//! what functions ask for only the most frequent is here; the rest is seen when they run, as a failed
//! rule.

use crate::schema::{Kind, Node};
use std::fmt;

/// The type of an expression.
#[derive(Clone, Debug)]
pub(super) enum Type<'a> {
    /// Nothing is known: it may be any.
    Free,
    /// `dyn`: it is known that it may be any.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    /// The type of a type.
    Meta,
    List(Box<Type<'a>>),
    Map(Box<Type<'a>>, Box<Type<'a>>),
    Optional(Box<Type<'a>>),
    /// An object with the fields that a schema declares.
    Object(&'a Node),
    /// The metadata of an object, of which a rule sees the name only.
    Metadata,
    /// A type of Kubernetes' libraries, by its name.
    Other(&'static str),
}

impl<'a> Type<'a> {
    /// The type of what a schema describes.
    pub(super) fn of(node: &'a Node) -> Self {
        let format = node.limits.format.as_ref().map(|declared| declared.name.as_str());
        match node.kind {
            None => Self::Free,
            Some(Kind::IntOrString) => Self::Dyn,
            Some(Kind::Integer) => Self::Int,
            Some(Kind::Number) => Self::Double,
            Some(Kind::Boolean) => Self::Bool,
            Some(Kind::String) => match format {
                Some("date-time" | "date") => Self::Timestamp,
                Some("duration") => Self::Duration,
                Some("byte") => Self::Bytes,
                _ => Self::String,
            },
            Some(Kind::Array) => Self::list(node.items.as_deref().map_or(Self::Free, Self::of)),
            Some(Kind::Object) => match node.values.as_deref() {
                Some(values) => Self::map(Self::String, Self::of(values)),
                None if node.fields.is_empty() => Self::Free,
                None => Self::Object(node),
            },
        }
    }

    pub(super) fn list(item: Self) -> Self {
        Self::List(Box::new(item))
    }

    pub(super) fn map(key: Self, value: Self) -> Self {
        Self::Map(Box::new(key), Box::new(value))
    }

    pub(super) fn optional(value: Self) -> Self {
        Self::Optional(Box::new(value))
    }

    /// Whether it may turn out to be any type.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Free | Self::Dyn)
    }

    /// The type of what is of one type or the other, where these are not at odds.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Free, known) | (known, Self::Free) => known.clone(),
            (Self::Dyn, _) | (_, Self::Dyn) => Self::Dyn,
            (Self::List(a), Self::List(b)) => Self::list(a.join(b)?),
            (Self::Map(k, v), Self::Map(l, w)) => Self::map(k.join(l)?, v.join(w)?),
            (Self::Optional(a), Self::Optional(b)) => Self::optional(a.join(b)?),
            (Self::Object(a), Self::Object(b)) if std::ptr::eq(*a, *b) => Self::Object(a),
            (Self::Other(a), Self::Other(b)) if a == b => Self::Other(a),
            (Self::Null, known) | (known, Self::Null) if known.may_be_null() => known.clone(),
            (a, b) if a.is_plain() && std::mem::discriminant(a) == std::mem::discriminant(b) => {
                a.clone()
            }
            _ => return None,
        })
    }

    fn may_be_null(&self) -> bool {
        matches!(
            self,
            Self::Object(_)
                | Self::Metadata
                | Self::Other(_)
                | Self::Optional(_)
                | Self::Duration
                | Self::Timestamp
        )
    }

    /// Whether there is nothing more to it than its name.
    fn is_plain(&self) -> bool {
        !matches!(
            self,
            Self::List(_) | Self::Map(..) | Self::Optional(_) | Self::Object(_) | Self::Other(_)
        )
    }
}

impl fmt::Display for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Free | Self::Dyn => "dyn",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Duration => "duration",
            Self::Timestamp => "timestamp",
            Self::Meta => "type",
            Self::Object(_) | Self::Metadata => "object",
            Self::Other(name) => name,
            Self::List(item) => return write!(f, "list({item})"),
            Self::Map(key, value) => return write!(f, "map({key}, {value})"),
            Self::Optional(value) => return write!(f, "optional_type({value})"),
        })
    }
}

/// What an operator or a function gives for what it is given, where it takes that.
pub(super) fn operator<'a>(name: &str, args: &[Type<'a>]) -> Option<Type<'a>> {
    use Type::{Bool, Bytes, Double, Duration, Dyn, Free, Int, String, Timestamp, Uint};
    use cel::common::ast::operators as op;
    match (name, args) {
        (op::EQUALS | op::NOT_EQUALS, [a, b]) => a.join(b).map(|_| Bool),
        (op::IN, [item, of]) => match of {
            Type::List(of) | Type::Map(of, _) => item.join(of).map(|_| Bool),
            of => of.is_open().then_some(Bool),
        },
        (op::INDEX | op::OPT_INDEX, [of, at]) => {
            let (optional, of) = match of {
                Type::Optional(of) => (true, &**of),
                of => (name == op::OPT_INDEX, of),
            };
            let found = match of {
                Type::List(item) => at.join(&Int).map(|_| (**item).clone()),
                Type::Map(key, value) => at.join(key).map(|_| (**value).clone()),
                of => of.is_open().then(|| of.clone()),
            }?;
            Some(if optional { Type::optional(found) } else { found })
        }
        (op::CONDITIONAL, [condition, a, b]) => {
            condition.join(&Bool)?;
            a.join(b)
        }
        (op::LOGICAL_NOT, [a]) => a.join(&Bool),
        (op::NEGATE, [Int | Double | Free | Dyn]) => Some(args[0].clone()),
        (op::NEGATE, _) => None,
        (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [a, b]) => {
            let number = |it: &Type<'_>| matches!(it, Int | Uint | Double);
            let ordered = |it: &Type<'_>| {
                number(it)
                    || matches!(it, Bool | String | Bytes | Duration | Timestamp | Free | Dyn)
            };
            let fits = number(a) && number(b) || ordered(a) && ordered(b) && a.join(b).is_some();
            fits.then_some(Bool)
        }
        (op::ADD, [Duration, Timestamp] | [Timestamp, Duration])
        | (op::SUBSTRACT, [Timestamp, Duration]) => Some(Timestamp),
        (op::SUBSTRACT, [Timestamp, Timestamp]) => Some(Duration),
        // A time and what is not known: one of several.
        (
            op::ADD | op::SUBSTRACT,
            [Timestamp | Duration, Free | Dyn] | [Free | Dyn, Timestamp | Duration],
        ) => Some(Dyn),
        (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, [a, b]) => {
            let sum = a.join(b)?;
            let fits = match sum {
                Free | Dyn | Int | Uint => true,
                Double => name != op::MODULO,
                Duration => matches!(name, op::ADD | op::SUBSTRACT),
                String | Bytes | Type::List(_) => name == op::ADD,
                _ => false,
            };
            fits.then_some(sum)
        }
        _ => Some(Free),
    }
}

/// What a function gives, called on a value or with arguments, where it takes these; it is not known
/// of every one.
pub(super) fn function<'a>(
    name: &str,
    on: Option<&Type<'a>>,
    args: &[Type<'a>],
) -> Option<Type<'a>> {
    if !takes(name, on, args) {
        return None;
    }
    Some(match (name, on) {
        ("distinct" | "sort" | "reverse" | "slice", Some(Type::List(item))) => {
            Type::list((**item).clone())
        }
        ("sum" | "min" | "max", Some(Type::List(item))) => (**item).clone(),
        ("optional.of" | "optional.ofNonZeroValue", _) => {
            Type::optional(args.first().cloned().unwrap_or(Type::Free))
        }
        ("value", Some(Type::Optional(value))) => (**value).clone(),
        ("or", Some(on)) => on.join(args.first()?)?,
        ("orValue", Some(Type::Optional(value))) => value.join(args.first()?)?,
        (name, _) => always(name),
    })
}

/// What a function gives whatever it is given.
fn always<'a>(name: &str) -> Type<'a> {
    use Type::{Bool, Bytes, Double, Duration, Dyn, Free, Int, Other, String, Timestamp, Uint};
    match name {
        "startsWith"
        | "endsWith"
        | "contains"
        | "matches"
        | "isSorted"
        | "isURL"
        | "isIP"
        | "isCIDR"
        | "isQuantity"
        | "isSemver"
        | "isInteger"
        | "isGreaterThan"
        | "isLessThan"
        | "containsIP"
        | "containsCIDR"
        | "hasValue"
        | "isLoopback"
        | "isUnspecified"
        | "isLinkLocalMulticast"
        | "isLinkLocalUnicast"
        | "isGlobalUnicast"
        | "ip.isCanonical"
        | "bool"
        | "sets.contains"
        | "sets.equivalent"
        | "sets.intersects" => Bool,
        "size" | "indexOf" | "lastIndexOf" | "compareTo" | "asInteger" | "int" | "major"
        | "minor" | "patch" | "family" | "prefixLength" | "sign" | "getDate" | "getDayOfMonth"
        | "getDayOfWeek" | "getDayOfYear" | "getFullYear" | "getHours" | "getMilliseconds"
        | "getMinutes" | "getMonth" | "getSeconds" => Int,
        "uint" => Uint,
        "double" | "asApproximateFloat" => Double,
        "string" | "lowerAscii" | "upperAscii" | "trim" | "replace" | "substring" | "charAt"
        | "join" | "format" | "strings.quote" | "getScheme" | "getHost" | "getHostname"
        | "getPort" | "getEscapedPath" | "find" => String,
        "bytes" => Bytes,
        "duration" => Duration,
        "timestamp" => Timestamp,
        "type" => Type::Meta,
        "dyn" => Dyn,
        "findAll" | "split" => Type::list(String),
        "lists.range" => Type::list(Int),
        "quantity" => Other("kubernetes.Quantity"),
        "url" => Other("kubernetes.URL"),
        "semver" => Other("kubernetes.Semver"),
        "ip" => Other("net.IP"),
        "cidr" | "masked" => Other("net.CIDR"),
        "getQuery" => Type::map(String, Type::list(String)),
        "validate" => Type::optional(Type::list(String)),
        "format.named" => Type::optional(Other("kubernetes.NamedFormat")),
        "optional.none" => Type::optional(Free),
        name if name.starts_with("format.") => Other("kubernetes.NamedFormat"),
        _ => Free,
    }
}

/// Whether a function takes what it is called on and its first argument, where that is known.
fn takes(name: &str, on: Option<&Type<'_>>, args: &[Type<'_>]) -> bool {
    let text = |of: &Type<'_>| of.is_open() || matches!(of, Type::String);
    let list = |of: &Type<'_>| of.is_open() || matches!(of, Type::List(_));
    let sized =
        |of: &Type<'_>| text(of) || matches!(of, Type::Bytes | Type::List(_) | Type::Map(..));
    let scalar = |of: &Type<'_>| !matches!(of, Type::List(_) | Type::Map(..) | Type::Object(_));
    let first = args.first();
    match name {
        "startsWith" | "endsWith" | "contains" | "find" | "findAll" | "split" | "replace"
        | "matches" => on.is_none_or(text) && first.is_none_or(text),
        "lowerAscii" | "upperAscii" | "trim" | "substring" | "charAt" | "format" => {
            on.is_none_or(text)
        }
        "isURL" | "isIP" | "isCIDR" | "isQuantity" | "isSemver" | "url" | "quantity" | "semver" => {
            first.is_none_or(text)
        }
        "distinct" | "sort" | "reverse" | "slice" | "flatten" | "isSorted" | "sum" | "min"
        | "max" => on.is_none_or(list),
        "size" => on.or(first).is_none_or(sized),
        "string" | "int" | "uint" | "double" => first.is_none_or(scalar),
        _ => true,
    }
}
