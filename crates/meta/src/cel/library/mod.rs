//! The functions that a rule can call beyond those of the language itself.
//!
//! See [CEL in Kubernetes](https://kubernetes.io/docs/reference/using-api/cel/#cel-options-language-features-and-libraries).
//! Strings, lists and mathematics are those of the crate `cel`; the others are here.

mod count;
mod format;
mod lists;
mod net;
mod quantities;
mod text;
mod url;
mod versions;

pub(super) use count::{DEEP, LOOP, SPEND, WIDE};

use super::budget::Budget;
use cel::common::ast::{CallExpr, Expr};
use cel::common::types::{CelBool, CelInt, CelList, CelString, Type};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError, extensions};
use std::sync::{Arc, LazyLock};

type Args<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Outcome<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// Functions whose cost is more than the size of what they work on: they get the budget and count
/// by themselves. The name behind the `@` is the one in expressions.
pub(super) const CHARGED: &[&str] = &[
    "@distinct",
    "@find",
    "@findAll",
    "@indexOf",
    "@join",
    "@lastIndexOf",
    "@matches",
    "@replace",
    "@sets.contains",
    "@sets.equivalent",
    "@sets.intersects",
];

/// Names before a dot that are no variables.
const NAMESPACES: &[&str] = &["format", "ip", "lists", "math", "optional", "sets", "strings"];

/// All functions that a rule can call, as it calls them.
pub(super) const FUNCTIONS: &[&str] = &[
    "add",
    "asApproximateFloat",
    "asInteger",
    "bool",
    "bytes",
    "charAt",
    "cidr",
    "compareTo",
    "contains",
    "containsCIDR",
    "containsIP",
    "distinct",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "family",
    "find",
    "findAll",
    "flatten",
    "format",
    "format.byte",
    "format.date",
    "format.datetime",
    "format.dns1035Label",
    "format.dns1035LabelPrefix",
    "format.dns1123Label",
    "format.dns1123LabelPrefix",
    "format.dns1123Subdomain",
    "format.dns1123SubdomainPrefix",
    "format.labelValue",
    "format.named",
    "format.qualifiedName",
    "format.uri",
    "format.uuid",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getEscapedPath",
    "getFullYear",
    "getHost",
    "getHostname",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getPort",
    "getQuery",
    "getScheme",
    "getSeconds",
    "hasValue",
    "indexOf",
    "int",
    "ip",
    "ip.isCanonical",
    "isCIDR",
    "isGlobalUnicast",
    "isGreaterThan",
    "isIP",
    "isInteger",
    "isLessThan",
    "isLinkLocalMulticast",
    "isLinkLocalUnicast",
    "isLoopback",
    "isQuantity",
    "isSemver",
    "isSorted",
    "isURL",
    "isUnspecified",
    "join",
    "lastIndexOf",
    "lists.range",
    "lowerAscii",
    "major",
    "masked",
    "matches",
    "math.@max",
    "math.@min",
    "math.abs",
    "math.bitAnd",
    "math.bitNot",
    "math.bitOr",
    "math.bitShiftLeft",
    "math.bitShiftRight",
    "math.bitXor",
    "math.ceil",
    "math.floor",
    "math.greatest",
    "math.isFinite",
    "math.isInf",
    "math.isNaN",
    "math.least",
    "math.round",
    "math.sign",
    "math.sqrt",
    "math.trunc",
    "max",
    "min",
    "minor",
    "optional.none",
    "optional.of",
    "optional.ofNonZeroValue",
    "or",
    "orValue",
    "patch",
    "prefixLength",
    "quantity",
    "replace",
    "reverse",
    "semver",
    "sets.contains",
    "sets.equivalent",
    "sets.intersects",
    "sign",
    "size",
    "slice",
    "sort",
    "split",
    "startsWith",
    "string",
    "strings.quote",
    "sub",
    "substring",
    "sum",
    "timestamp",
    "trim",
    "type",
    "uint",
    "upperAscii",
    "url",
    "validate",
    "value",
];

/// The whole name of a function that is called behind a name and a dot: `sets.contains`.
pub(super) fn qualified(call: &CallExpr) -> Option<String> {
    let Expr::Ident(namespace) = &call.target.as_deref()?.expr else { return None };
    let name = format!("{namespace}.{}", call.func_name);
    let known = NAMESPACES.contains(&namespace.as_str()) && FUNCTIONS.contains(&name.as_str());
    known.then_some(name)
}

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(make()));

/// What all rules are compiled and evaluated with.
pub(super) fn environment() -> Arc<Env> {
    Arc::clone(&ENVIRONMENT)
}

fn make() -> Env {
    let mut env = Env::stdlib();
    // Nothing is declared twice, which the tests see by making it.
    let declared = declare(&mut env);
    debug_assert_eq!(declared, Ok(()));
    env
}

fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_extension(extensions::strings)?;
    env.add_extension(extensions::lists)?;
    env.add_extension(extensions::math)?;
    count::declare(env)?;
    format::declare(env)?;
    lists::declare(env)?;
    net::declare(env)?;
    quantities::declare(env)?;
    text::declare(env)?;
    url::declare(env)?;
    versions::declare(env)
}

/// A value of a type that is not one of the language: it is equal to its equals, and has functions.
macro_rules! opaque {
    ($type:ident, $name:literal) => {
        impl cel::common::value::Val for $type {
            fn get_type(&self) -> &cel::common::types::Type {
                <Self as cel::common::value::Val>::cel_type()
            }

            fn cel_type() -> &'static cel::common::types::Type {
                static TYPE: cel::common::types::Type =
                    cel::common::types::Type::new_unspecified_type($name);
                &TYPE
            }

            fn equals(&self, other: &dyn cel::common::value::Val) -> bool {
                other.downcast_ref::<Self>().is_some_and(|other| other == self)
            }

            fn clone_as_boxed<'v>(&self) -> Box<dyn cel::common::value::Val + 'v> {
                Box::new(self.clone())
            }

            fn as_any(&self) -> Option<&dyn std::any::Any> {
                Some(self)
            }
        }

        impl cel::common::value::StaticVal for $type {}
    };
}
use opaque;

fn failed(why: impl ToString) -> ExecutionError {
    ExecutionError::function_error("", why)
}

fn exceeded() -> ExecutionError {
    failed(super::budget::EXCEEDED)
}

/// The budget, which is the first argument of what counts.
fn budget<'b>(args: &'b [CowVal<'_, '_>]) -> Result<&'b Budget, ExecutionError> {
    let budget = args.first().and_then(|budget| budget.downcast_ref::<Budget>());
    budget.ok_or_else(|| failed("there is no budget"))
}

fn text<'a>(args: &'a [CowVal<'_, '_>], at: usize) -> Result<&'a str, ExecutionError> {
    let text = args.get(at).and_then(|arg| arg.downcast_ref::<CelString<'_>>());
    text.map(CelString::inner).ok_or_else(|| failed("no such overload"))
}

fn whole(args: &[CowVal<'_, '_>], at: usize) -> Result<i64, ExecutionError> {
    let number = args.get(at).and_then(|arg| arg.downcast_ref::<CelInt>());
    number.map(|number| *number.inner()).ok_or_else(|| failed("no such overload"))
}

fn flag<'b, 'v>(value: bool) -> CowVal<'b, 'v> {
    CowVal::owned(CelBool::from(value))
}

fn number<'b, 'v>(value: i64) -> CowVal<'b, 'v> {
    CowVal::owned(CelInt::from(value))
}

fn string<'b, 'v>(value: impl Into<String>) -> CowVal<'b, 'v> {
    CowVal::owned(CelString::from(value.into()))
}

/// The items of a list.
fn items<'a, 'v>(
    args: &'a [CowVal<'_, 'v>],
    at: usize,
) -> Result<Vec<&'a (dyn Val + 'v)>, ExecutionError> {
    let list = args.get(at).and_then(|arg| arg.as_iterable());
    let mut iter = list.ok_or_else(|| failed("no such overload"))?.iter();
    let mut items = Vec::new();
    while let Some(item) = iter.next() {
        items.push(item);
    }
    Ok(items)
}

fn list<'b, 'v>(items: Vec<Box<dyn Val + 'v>>) -> CowVal<'b, 'v> {
    CowVal::owned(CelList::from(items))
}

/// Declares a function that is called on a value.
fn member(
    env: &mut Env,
    on: &Type,
    name: &str,
    args: &[Type],
    function: for<'b, 'v> fn(Args<'b, 'v>) -> Outcome<'b, 'v>,
) -> Result<(), DeclarationError> {
    let names: Vec<&str> = args.iter().map(Type::name).collect();
    let id = format!("kubernetes:{}.{name}({})", on.name(), names.join(","));
    env.add_member_overload(
        name,
        &id,
        on.to_owned(),
        args.iter().map(std::borrow::ToOwned::to_owned).collect(),
        function,
    )
}

/// Declares a function that is called by its name alone.
fn global(
    env: &mut Env,
    name: &str,
    args: &[Type],
    function: for<'b, 'v> fn(Args<'b, 'v>) -> Outcome<'b, 'v>,
) -> Result<(), DeclarationError> {
    let names: Vec<&str> = args.iter().map(Type::name).collect();
    let id = format!("kubernetes:{name}({})", names.join(","));
    env.add_overload(name, &id, args.iter().map(std::borrow::ToOwned::to_owned).collect(), function)
}
