//! What an evaluation costs, counted while it runs, so that no rule runs away with a large object.
//!
//! The interpreter does not count. So an expression is changed before it is evaluated: around each
//! part whose cost depends on a value stands a call of a function that counts, and that fails when
//! the budget is used up. A loop is paid for before it begins: its body times its items.

use super::library::{self, CHARGED};
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::{CelInt, Type};
use cel::common::value::{StaticVal, Val};
use regex::Regex;
use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The variable that holds the budget; no expression can name it.
pub(super) const VARIABLE: &str = "@budget";
pub(super) static TYPE: Type = Type::new_unspecified_type("@budget");
/// What the interpreter says when the budget of a rule is used up, in the words of cel-go.
pub(super) const EXCEEDED: &str = "operation cancelled: actual cost limit exceeded";
/// How many patterns that are no constants are kept compiled for one object.
const MAX_PATTERNS: usize = 100;

/// There is no budget left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exhausted;

/// What may still be spent on an object.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    left: AtomicI64,
    patterns: Mutex<HashMap<String, Regex>>,
}

impl Budget {
    pub(super) fn new(cost: i64) -> Self {
        Self(Arc::new(Inner { left: AtomicI64::new(cost), patterns: Mutex::default() }))
    }

    /// A budget for one rule, which is not larger than what is left here.
    pub(super) fn part(&self, cost: i64) -> Self {
        Self::new(cost.min(self.left()))
    }

    pub(super) fn left(&self) -> i64 {
        self.0.left.load(Ordering::Relaxed)
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.left() <= 0
    }

    /// Pays; fails when there is not enough left, and from then on.
    pub(super) fn pay(&self, cost: i64) -> Result<(), Exhausted> {
        let left = self.left().saturating_sub(cost);
        self.0.left.store(left, Ordering::Relaxed);
        if left < 0 { Err(Exhausted) } else { Ok(()) }
    }

    /// A pattern, compiled; the same one again costs nothing.
    pub(super) fn pattern(&self, source: &str) -> Result<Regex, String> {
        let mut patterns = self.0.patterns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pattern) = patterns.get(source) {
            return Ok(pattern.clone());
        }
        let price = 1_000 + i64::try_from(source.len()).unwrap_or(i64::MAX) / 2;
        self.pay(price).map_err(|Exhausted| EXCEEDED.to_owned())?;
        let pattern = Regex::new(source).map_err(|error| error.to_string())?;
        if patterns.len() < MAX_PATTERNS {
            patterns.insert(source.to_owned(), pattern.clone());
        }
        Ok(pattern)
    }
}

impl Val for Budget {
    fn get_type(&self) -> &Type {
        &TYPE
    }

    fn cel_type() -> &'static Type {
        &TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Budget {}

/// Changes an expression so that it counts what it costs.
pub(super) fn count(expression: &mut IdedExpr) {
    let cost = visit(expression);
    wrap(expression, library::SPEND, cost);
}

/// Puts calls that count into an expression, and returns what the rest of it costs.
fn visit(at: &mut IdedExpr) -> i64 {
    match &mut at.expr {
        Expr::Unspecified | Expr::Literal(_) => 0,
        Expr::Ident(_) => 1,
        Expr::Select(select) => 1 + visit(&mut select.operand),
        Expr::List(list) => 10 + list.elements.iter_mut().map(visit).sum::<i64>(),
        Expr::Map(map) => 30 + map.entries.iter_mut().map(|e| entry(&mut e.expr)).sum::<i64>(),
        Expr::Struct(made) => 40 + made.entries.iter_mut().map(|e| entry(&mut e.expr)).sum::<i64>(),
        Expr::Comprehension(of) => {
            let before = visit(&mut of.iter_range) + visit(&mut of.accu_init);
            let body = 1 + visit(&mut of.loop_cond) + visit(&mut of.loop_step);
            wrap(&mut of.iter_range, library::LOOP, body);
            before + visit(&mut of.result) + 1
        }
        Expr::Call(call) => {
            let target = call.target.as_deref_mut().map_or(0, visit);
            let cost = 1 + target + call.args.iter_mut().map(visit).sum::<i64>();
            self::call(call);
            cost
        }
    }
}

fn entry(entry: &mut EntryExpr) -> i64 {
    match entry {
        EntryExpr::StructField(field) => visit(&mut field.value),
        EntryExpr::MapEntry(entry) => visit(&mut entry.key) + visit(&mut entry.value),
    }
}

/// Makes a call count by the size of what it works on.
fn call(call: &mut CallExpr) {
    use operators::{ADD, EQUALS, GREATER, GREATER_EQUALS, IN, LESS, LESS_EQUALS, NOT_EQUALS};
    if charged(call) {
        return;
    }
    let function = match call.func_name.as_str() {
        EQUALS | NOT_EQUALS | IN => library::DEEP,
        ADD | LESS | LESS_EQUALS | GREATER | GREATER_EQUALS => library::WIDE,
        name if !name.starts_with(|c: char| c.is_ascii_alphabetic()) => return,
        "size" | "type" | "dyn" => return,
        "isSorted" | "sum" | "min" | "max" | "sort" | "reverse" | "flatten" | "format"
        | "slice" => library::DEEP,
        _ => library::WIDE,
    };
    let qualified = library::qualified(call).is_some();
    let target = call.target.as_deref_mut().filter(|_| !qualified);
    for operand in target.into_iter().chain(&mut call.args) {
        // A constant costs what it costs, and the interpreter has a short way to add to a list that
        // it must recognize.
        let is_constant = |item: &IdedExpr| matches!(item.expr, Expr::Literal(_));
        let plain = match &operand.expr {
            Expr::Literal(_) => true,
            Expr::List(list) => function == library::WIDE || list.elements.iter().all(is_constant),
            Expr::Ident(name) => name.starts_with('@'),
            _ => false,
        };
        if !plain {
            wrap(operand, function, 0);
        }
    }
}

/// Turns a call whose cost is more than the size of what it works on into one of a function of
/// ours, which counts by itself.
fn charged(call: &mut CallExpr) -> bool {
    let qualified = library::qualified(call);
    let called = qualified.as_deref().unwrap_or(&call.func_name);
    let Some(function) = CHARGED.iter().find(|charged| &charged[1..] == called) else {
        return false;
    };
    let target = call.target.take().filter(|_| qualified.is_none());
    let mut args = vec![ident(VARIABLE)];
    args.extend(target.map(|target| *target));
    args.append(&mut call.args);
    call.args = args;
    call.func_name = (*function).to_owned();
    true
}

/// Puts a call of a counting function around an expression.
fn wrap(at: &mut IdedExpr, function: &str, cost: i64) {
    let id = at.id;
    let inner = std::mem::take(at);
    let cost = IdedExpr { id, expr: Expr::Literal(LiteralValue::Int(CelInt::from(cost))) };
    let args = vec![ident(VARIABLE), cost, inner];
    let func_name = function.to_owned();
    *at = IdedExpr { id, expr: Expr::Call(CallExpr { func_name, target: None, args }) };
}

fn ident(name: &str) -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Ident(name.to_owned()) }
}
