//! Semantic versions.
//!
//! See [semver library](https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-semver-library).

use super::{Args, failed, flag, global, member, number, opaque, text};
use cel::common::types::{BOOL_TYPE, CelBool, STRING_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use std::cmp::Ordering;

/// A version as [Semantic Versioning](https://semver.org/) has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Semver(semver::Version);

opaque!(Semver, "kubernetes.Semver");

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    for args in [vec![STRING_TYPE], vec![STRING_TYPE, BOOL_TYPE]] {
        global(env, "isSemver", &args, |args| Ok(flag(parse(&args).is_ok())))?;
        global(env, "semver", &args, |args| parse(&args).map(CowVal::owned))?;
    }
    let on: &Type = Semver::cel_type();
    member(env, on, "major", &[], |args| Ok(number(clamp(version(&args, 0)?.major))))?;
    member(env, on, "minor", &[], |args| Ok(number(clamp(version(&args, 0)?.minor))))?;
    member(env, on, "patch", &[], |args| Ok(number(clamp(version(&args, 0)?.patch))))?;
    let other = [on.to_owned()];
    member(env, on, "compareTo", &other, |args| Ok(number(order(&args)? as i64)))?;
    member(env, on, "isLessThan", &other, |args| Ok(flag(order(&args)? == Ordering::Less)))?;
    member(env, on, "isGreaterThan", &other, |args| Ok(flag(order(&args)? == Ordering::Greater)))
}

fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a version. With a second argument that is true, `v1.2` is one too.
fn parse(args: &Args<'_, '_>) -> Result<Semver, ExecutionError> {
    let source = text(args, 0)?;
    let loose = args.get(1).and_then(|arg| arg.downcast_ref::<CelBool>());
    let parsed = match loose.is_some_and(|loose| *loose.inner()) {
        true => normalized(source).parse(),
        false => source.parse(),
    };
    parsed.map(Semver).map_err(failed)
}

/// A version with all three numbers, none of which begins with a needless zero.
fn normalized(source: &str) -> String {
    let source = source.strip_prefix('v').unwrap_or(source);
    let end = source.find(['-', '+']).unwrap_or(source.len());
    let (numbers, rest) = source.split_at(end);
    let mut parts: Vec<&str> = numbers
        .split('.')
        .map(|part| match part.trim_start_matches('0') {
            "" if !part.is_empty() => "0",
            part => part,
        })
        .collect();
    while parts.len() < 3 {
        parts.push("0");
    }
    format!("{}{rest}", parts.join("."))
}

fn version<'a>(args: &'a Args<'_, '_>, at: usize) -> Result<&'a semver::Version, ExecutionError> {
    let version = args.get(at).and_then(|arg| arg.downcast_ref::<Semver>());
    version.map(|version| &version.0).ok_or_else(|| failed("no such overload"))
}

/// The order of two versions; what is built from one makes no difference.
fn order(args: &Args<'_, '_>) -> Result<Ordering, ExecutionError> {
    Ok(version(args, 0)?.cmp_precedence(version(args, 1)?))
}
