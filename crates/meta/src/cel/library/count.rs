//! The functions that count what an evaluation costs; no expression can name them.

use super::super::budget;
use super::{Args, Outcome, budget, exceeded, global, whole};
use cel::common::types::{CelBytes, CelString, DYN_TYPE, INT_TYPE, Kind, LIST_TYPE, MAP_TYPE};
use cel::common::value::Val;
use cel::{DeclarationError, Env, ExecutionError};

/// Pays a fixed cost.
pub(in super::super) const SPEND: &str = "@spend";
/// Pays for a loop over a list or a map: a fixed cost for each item.
pub(in super::super) const LOOP: &str = "@loop";
/// Pays for the size of a value, without what is in it.
pub(in super::super) const WIDE: &str = "@wide";
/// Pays for the size of a value with everything in it.
pub(in super::super) const DEEP: &str = "@deep";
/// So much of a text costs as much as a step.
const BYTES_PER_STEP: i64 = 10;

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    let args = [budget::TYPE.to_owned(), INT_TYPE, DYN_TYPE];
    global(env, SPEND, &args, |args| pay(args, |_, cost| cost))?;
    global(env, LOOP, &args, |args| pay(args, |value, cost| items(value).saturating_mul(cost)))?;
    global(env, WIDE, &args, |args| pay(args, |value, _| wide(value)))?;
    global(env, DEEP, &args, |args| {
        let left = budget(&args)?.left();
        pay(args, move |value, _| deep(value, left))
    })
}

/// Pays for the last argument, and gives it back.
fn pay<'b, 'v>(
    mut args: Args<'b, 'v>,
    cost: impl Fn(&(dyn Val + 'v), i64) -> i64,
) -> Outcome<'b, 'v> {
    let fixed = whole(&args, 1)?;
    let value = args.pop().ok_or_else(exceeded)?;
    let paid = budget(&args)?.pay(cost(value.as_ref(), fixed));
    paid.map(|()| value).map_err(|budget::Exhausted| exceeded())
}

fn steps(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX) / BYTES_PER_STEP
}

fn items(value: &dyn Val) -> i64 {
    value.as_sizer().map_or(0, |sizer| *sizer.size().inner())
}

fn wide(value: &dyn Val) -> i64 {
    match value.get_type().kind() {
        Kind::String => value.downcast_ref::<CelString<'_>>().map_or(0, |s| steps(s.inner().len())),
        Kind::Bytes => value.downcast_ref::<CelBytes<'_>>().map_or(0, |b| steps(b.inner().len())),
        _ => items(value),
    }
}

/// The size of a value with everything in it; not looked at any further than there is budget for.
fn deep(value: &dyn Val, left: i64) -> i64 {
    let mut size = 1 + wide(value);
    let holds = [LIST_TYPE.kind(), MAP_TYPE.kind()].contains(&value.get_type().kind());
    let Some(iterable) = value.as_iterable().filter(|_| holds) else { return size };
    let mut keys = iterable.iter();
    while let Some(key) = keys.next() {
        if size > left {
            break;
        }
        size += deep(key, left - size);
        if let Some(indexer) =
            value.as_indexer().filter(|_| value.get_type().kind() == MAP_TYPE.kind())
            && let Ok(item) = indexer.get(key)
        {
            size += deep(item.as_ref(), left - size);
        }
    }
    size
}

/// Pays for work whose cost is known in advance.
pub(super) fn spend(args: &Args<'_, '_>, cost: usize) -> Result<(), ExecutionError> {
    let cost = i64::try_from(cost).unwrap_or(i64::MAX);
    budget(args)?.pay(cost).map_err(|budget::Exhausted| exceeded())
}

/// Pays for work on so many bytes.
pub(super) fn spend_bytes(args: &Args<'_, '_>, bytes: usize) -> Result<(), ExecutionError> {
    spend(args, bytes / BYTES_PER_STEP as usize)
}
