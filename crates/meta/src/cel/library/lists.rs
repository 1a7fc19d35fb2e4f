//! Lists and sets.
//!
//! See [list library](https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-list-library).

#![allow(clippy::needless_pass_by_value, reason = "functions have the interpreter's signature")]

use super::count::spend;
use super::{Args, Outcome, failed, flag, global, items, list, member, number, text};
use crate::cel::budget;
use cel::common::types::{CelInt, CelString, DYN_TYPE, INT_TYPE, LIST_TYPE, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use std::cmp::Ordering;

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    member(env, &LIST_TYPE, "isSorted", &[], is_sorted)?;
    member(env, &LIST_TYPE, "sum", &[], sum)?;
    member(env, &LIST_TYPE, "min", &[], |args| extreme(&args, Ordering::Less))?;
    member(env, &LIST_TYPE, "max", &[], |args| extreme(&args, Ordering::Greater))?;
    let budget = || budget::TYPE.to_owned();
    global(env, "@distinct", &[budget(), LIST_TYPE], distinct)?;
    global(env, "@indexOf", &[budget(), LIST_TYPE, DYN_TYPE], |args| index_of(&args, false))?;
    global(env, "@lastIndexOf", &[budget(), LIST_TYPE, DYN_TYPE], |args| index_of(&args, true))?;
    let pair = [budget(), LIST_TYPE, LIST_TYPE];
    global(env, "@sets.contains", &pair, |args| {
        let (all, some) = two(&args)?;
        Ok(flag(some.iter().all(|item| has(&all, *item))))
    })?;
    global(env, "@sets.equivalent", &pair, |args| {
        let (a, b) = two(&args)?;
        Ok(flag(a.iter().all(|item| has(&b, *item)) && b.iter().all(|item| has(&a, *item))))
    })?;
    global(env, "@sets.intersects", &pair, |args| {
        let (a, b) = two(&args)?;
        Ok(flag(a.iter().any(|item| has(&b, *item))))
    })?;
    for name in ["@indexOf", "@lastIndexOf"] {
        let function = if name == "@indexOf" { text_index } else { text_last_index };
        global(env, name, &[budget(), STRING_TYPE, STRING_TYPE], function)?;
        global(env, name, &[budget(), STRING_TYPE, STRING_TYPE, INT_TYPE], function)?;
    }
    Ok(())
}

type Items<'a, 'v> = Vec<&'a (dyn Val + 'v)>;

/// Two lists, each item of which may be compared with each of the other.
fn two<'a, 'v>(args: &'a Args<'_, 'v>) -> Result<(Items<'a, 'v>, Items<'a, 'v>), ExecutionError> {
    let (a, b) = (items(args, 1)?, items(args, 2)?);
    spend(args, a.len().saturating_mul(b.len()))?;
    Ok((a, b))
}

fn has(items: &[&(dyn Val + '_)], wanted: &dyn Val) -> bool {
    items.iter().any(|item| item.equals(wanted))
}

fn compare(a: &dyn Val, b: &dyn Val) -> Result<Ordering, ExecutionError> {
    let comparer = a.as_comparer().ok_or_else(|| failed("no such overload"))?;
    comparer.compare(b)
}

fn is_sorted<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let items = items(&args, 0)?;
    for pair in items.windows(2) {
        if compare(pair[0], pair[1])? == Ordering::Greater {
            return Ok(flag(false));
        }
    }
    Ok(flag(true))
}

fn sum<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let items = items(&args, 0)?;
    let mut sum: Box<dyn Val + 'v> = match items.first() {
        None => return Ok(number(0)),
        Some(first) => first.clone_as_boxed(),
    };
    for item in &items[1..] {
        let adder = sum.as_adder().ok_or_else(|| failed("no such overload"))?;
        sum = adder.add(*item)?.into_owned();
    }
    Ok(CowVal::Owned(sum))
}

/// The smallest or the largest item.
fn extreme<'b, 'v>(args: &Args<'b, 'v>, wanted: Ordering) -> Outcome<'b, 'v> {
    let items = items(args, 0)?;
    let name = if wanted == Ordering::Less { "min" } else { "max" };
    let mut best = *items.first().ok_or_else(|| failed(format!("{name} called on empty list")))?;
    for item in &items[1..] {
        if compare(*item, best)? == wanted {
            best = *item;
        }
    }
    Ok(CowVal::Owned(best.clone_as_boxed()))
}

fn distinct<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let items = items(&args, 1)?;
    spend(&args, items.len().saturating_mul(items.len()) / 2)?;
    let mut kept: Items<'_, 'v> = Vec::new();
    for item in items {
        if !has(&kept, item) {
            kept.push(item);
        }
    }
    Ok(list(kept.iter().map(|item| item.clone_as_boxed()).collect()))
}

fn index_of<'b, 'v>(args: &Args<'b, 'v>, last: bool) -> Outcome<'b, 'v> {
    let items = items(args, 1)?;
    spend(args, items.len())?;
    let wanted = &args[2];
    let mut found = items.iter().map(|item| item.equals(wanted.as_ref()));
    let at = if last { found.rposition(|same| same) } else { found.position(|same| same) };
    Ok(number(index(at)))
}

fn index(at: Option<usize>) -> i64 {
    at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)
}

/// Where in a text another one begins, in characters.
fn text_index<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let (hay, needle, offset) = texts(&args, "indexOf")?;
    let start = offset.map_or(Some(0), |offset| byte_of(hay, offset));
    let start = start.ok_or_else(|| out_of_range("indexOf", offset))?;
    let at = hay[start..].find(needle).map(|at| hay[..start + at].chars().count());
    Ok(number(index(at)))
}

fn text_last_index<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let (hay, needle, offset) = texts(&args, "lastIndexOf")?;
    let end = match offset {
        None => hay.len(),
        Some(at) => {
            let start = byte_of(hay, at).ok_or_else(|| out_of_range("lastIndexOf", offset))?;
            ceiling(hay, start.saturating_add(needle.len()))
        }
    };
    let at = hay[..end].rfind(needle).map(|at| hay[..at].chars().count());
    Ok(number(index(at)))
}

type Texts<'a> = (&'a str, &'a str, Option<i64>);

fn texts<'a>(args: &'a Args<'_, '_>, name: &str) -> Result<Texts<'a>, ExecutionError> {
    let (hay, needle) = (text(args, 1)?, text(args, 2)?);
    super::count::spend_bytes(args, hay.len() + needle.len())?;
    let offset = args.get(3).and_then(|arg| arg.downcast_ref::<CelInt>());
    let offset = offset.map(|offset| *offset.inner());
    if offset.is_some_and(|offset| offset < 0) {
        return Err(out_of_range(name, offset));
    }
    debug_assert!(args[1].downcast_ref::<CelString<'_>>().is_some());
    Ok((hay, needle, offset))
}

fn out_of_range(name: &str, offset: Option<i64>) -> ExecutionError {
    ExecutionError::function_error(name, format!("index out of range: {}", offset.unwrap_or(-1)))
}

/// The byte at which a character begins; the end of the text is one too.
fn byte_of(text: &str, at: i64) -> Option<usize> {
    let at = usize::try_from(at).ok()?;
    text.char_indices().map(|(byte, _)| byte).chain([text.len()]).nth(at)
}

/// The nearest border between characters from a byte on.
fn ceiling(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}
