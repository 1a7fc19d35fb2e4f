//! Quantities.
//!
//! See [quantity library](https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-quantity-library).

use super::{Args, Outcome, failed, flag, global, member, number, opaque, text, whole};
use crate::quantity::Quantity;
use cel::common::types::{CelDouble, INT_TYPE, STRING_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use std::cmp::Ordering;

opaque!(Quantity, "kubernetes.Quantity");

type Sum = fn(Quantity, Quantity) -> Option<Quantity>;

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    global(env, "isQuantity", &[STRING_TYPE], |args| {
        Ok(flag(text(&args, 0)?.parse::<Quantity>().is_ok()))
    })?;
    global(env, "quantity", &[STRING_TYPE], |args| {
        let quantity = text(&args, 0)?.parse::<Quantity>();
        let why = "quantities must match the regular expression \
                   '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
        quantity.map(CowVal::owned).map_err(|_| failed(why))
    })?;
    let on: &Type = Quantity::cel_type();
    member(env, on, "sign", &[], |args| Ok(number(quantity(&args, 0)?.sign())))?;
    member(env, on, "isInteger", &[], |args| Ok(flag(quantity(&args, 0)?.as_integer().is_some())))?;
    member(env, on, "asInteger", &[], |args| {
        let whole = quantity(&args, 0)?.as_integer();
        whole.map(number).ok_or_else(|| failed("cannot convert value to integer"))
    })?;
    member(env, on, "asApproximateFloat", &[], |args| {
        Ok(CowVal::owned(CelDouble::from(quantity(&args, 0)?.as_float())))
    })?;
    let other = [on.to_owned()];
    member(env, on, "compareTo", &other, |args| Ok(number(order(&args)? as i64)))?;
    member(env, on, "isLessThan", &other, |args| Ok(flag(order(&args)? == Ordering::Less)))?;
    member(env, on, "isGreaterThan", &other, |args| Ok(flag(order(&args)? == Ordering::Greater)))?;
    for other in [on.to_owned(), INT_TYPE] {
        member(env, on, "add", std::slice::from_ref(&other), |args| sum(&args, Quantity::plus))?;
        member(env, on, "sub", &[other], |args| sum(&args, Quantity::minus))?;
    }
    Ok(())
}

fn quantity(args: &Args<'_, '_>, at: usize) -> Result<Quantity, ExecutionError> {
    let quantity = args.get(at).and_then(|arg| arg.downcast_ref::<Quantity>());
    match quantity {
        Some(quantity) => Ok(*quantity),
        None => whole(args, at).map(Quantity::whole),
    }
}

fn order(args: &Args<'_, '_>) -> Result<Ordering, ExecutionError> {
    Ok(quantity(args, 0)?.cmp(&quantity(args, 1)?))
}

fn sum<'b, 'v>(args: &Args<'b, 'v>, operation: Sum) -> Outcome<'b, 'v> {
    let sum = operation(quantity(args, 0)?, quantity(args, 1)?);
    sum.map(CowVal::owned).ok_or_else(|| failed("the quantity is too large"))
}
