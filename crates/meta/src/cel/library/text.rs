//! Regular expressions, and what makes texts longer.
//!
//! See [regex library](https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-regex-library).

use super::count::spend_bytes;
use super::{Args, Outcome, budget, failed, flag, global, items, list, string, text, whole};
use crate::cel::budget as cost;
use cel::common::types::{CelString, INT_TYPE, LIST_TYPE, STRING_TYPE};
use cel::common::value::Val;
use cel::{DeclarationError, Env, ExecutionError};
use regex::Regex;

/// The longest text that a function makes.
const TEXT_BYTES_MAX: usize = 4 << 20;

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    let budget = || cost::TYPE.to_owned();
    let on_text = [budget(), STRING_TYPE, STRING_TYPE];
    global(env, "@matches", &on_text, |args| Ok(flag(pattern(&args)?.is_match(text(&args, 1)?))))?;
    global(env, "@find", &on_text, |args| {
        let found = pattern(&args)?.find(text(&args, 1)?).map_or("", |found| found.as_str());
        Ok(string(found))
    })?;
    global(env, "@findAll", &on_text, |args| find_all(&args, None))?;
    global(env, "@findAll", &[budget(), STRING_TYPE, STRING_TYPE, INT_TYPE], |args| {
        let limit = whole(&args, 3)?;
        find_all(&args, usize::try_from(limit).ok())
    })?;
    let replaced = [budget(), STRING_TYPE, STRING_TYPE, STRING_TYPE];
    global(env, "@replace", &replaced, |args| replace(&args, None))?;
    let replaced = [budget(), STRING_TYPE, STRING_TYPE, STRING_TYPE, INT_TYPE];
    global(env, "@replace", &replaced, |args| {
        let limit = whole(&args, 4)?;
        replace(&args, usize::try_from(limit).ok())
    })?;
    global(env, "@join", &[budget(), LIST_TYPE], |args| join(&args, ""))?;
    global(env, "@join", &[budget(), LIST_TYPE, STRING_TYPE], |args| {
        let separator = text(&args, 2)?.to_owned();
        join(&args, &separator)
    })
}

/// The pattern, the last text, paid for with what it is looked for in.
fn pattern(args: &Args<'_, '_>) -> Result<Regex, ExecutionError> {
    spend_bytes(args, text(args, 1)?.len())?;
    budget(args)?.pattern(text(args, 2)?).map_err(failed)
}

fn find_all<'b, 'v>(args: &Args<'b, 'v>, limit: Option<usize>) -> Outcome<'b, 'v> {
    let pattern = pattern(args)?;
    let found = pattern.find_iter(text(args, 1)?).take(limit.unwrap_or(usize::MAX));
    let found = found
        .map(|found| Box::new(CelString::from(found.as_str().to_owned())) as Box<dyn Val + 'v>);
    Ok(list(found.collect()))
}

fn replace<'b, 'v>(args: &Args<'b, 'v>, limit: Option<usize>) -> Outcome<'b, 'v> {
    let (hay, from, to) = (text(args, 1)?, text(args, 2)?, text(args, 3)?);
    spend_bytes(args, hay.len())?;
    let limit = limit.unwrap_or(usize::MAX);
    let times = hay.matches(from).take(limit).count();
    let length = hay.len().saturating_add(times.saturating_mul(to.len()));
    affordable(args, length)?;
    Ok(string(hay.replacen(from, to, limit)))
}

fn join<'b, 'v>(args: &Args<'b, 'v>, separator: &str) -> Outcome<'b, 'v> {
    let mut texts: Vec<&str> = Vec::new();
    for item in items(args, 1)? {
        let text = item.downcast_ref::<CelString<'_>>();
        texts.push(text.ok_or_else(|| failed("no such overload"))?.inner());
    }
    let length = texts.iter().map(|text| text.len() + separator.len()).sum();
    affordable(args, length)?;
    Ok(string(texts.join(separator)))
}

/// Pays for a text that is to be made; one that is too long is not made.
fn affordable(args: &Args<'_, '_>, length: usize) -> Result<(), ExecutionError> {
    spend_bytes(args, length)?;
    if length > TEXT_BYTES_MAX { Err(failed("the text becomes too long")) } else { Ok(()) }
}
