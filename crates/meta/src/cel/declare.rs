//! What an expression may name: variables, functions, and fields that the schema declares.
//!
//! The interpreter looks names up when it runs. A rule that misspells one would refuse every object,
//! so it is found when the kind is registered.

use super::{library, value};
use crate::schema::{Kind, Node};
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, operators};

/// Names of types, which are values too.
const TYPES: [&str; 13] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "dyn",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "timestamp",
    "type",
    "uint",
];
/// Types with a dot in their names, which read as fields of something.
const DOTTED_TYPES: [&str; 4] = ["google", "kubernetes", "net", "optional_type"];

/// Where a rule stands.
pub(super) struct Scope<'a> {
    pub(super) node: &'a Node,
    pub(super) is_root: bool,
    pub(super) optional_old: bool,
    /// The variables that there are.
    pub(super) names: &'a [&'a str],
}

/// A variable of a loop, and what is known of it.
type Local<'a> = (String, Option<&'a Node>);

impl<'a> Scope<'a> {
    /// Parses an expression and looks its names up.
    pub(super) fn parse(&self, source: &str) -> Result<IdedExpr, String> {
        let program = library::environment().compile(source).map_err(|errors| {
            let errors = errors.to_string();
            errors.split_whitespace().collect::<Vec<_>>().join(" ")
        })?;
        let expression = program.expression().clone();
        self.check(&expression, &mut Vec::new())?;
        Ok(expression)
    }

    fn check(&self, at: &IdedExpr, locals: &mut Vec<Local<'a>>) -> Result<(), String> {
        match &at.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.variable(name, locals),
            Expr::Select(select) => {
                if is_dotted_type(at) {
                    return Ok(());
                }
                self.check(&select.operand, locals)?;
                let of = self.type_of(&select.operand, locals);
                self.field(of, &select.operand, &select.field)
            }
            Expr::List(list) => list.elements.iter().try_for_each(|item| self.check(item, locals)),
            Expr::Map(map) => map.entries.iter().try_for_each(|e| self.entry(&e.expr, locals)),
            Expr::Struct(made) => Err(format!("undeclared reference to '{}'", made.type_name)),
            Expr::Comprehension(of) => {
                self.check(&of.iter_range, locals)?;
                self.check(&of.accu_init, locals)?;
                let items = self.type_of(&of.iter_range, locals);
                let item = items.and_then(|node| node.items.as_deref());
                let before = locals.len();
                locals.push((of.accu_var.clone(), None));
                match &of.iter_var2 {
                    None => locals.push((of.iter_var.clone(), item)),
                    Some(second) => {
                        let values = items.and_then(|node| node.values.as_deref());
                        locals.push((of.iter_var.clone(), None));
                        locals.push((second.clone(), item.or(values)));
                    }
                }
                let parts = [&of.loop_cond, &of.loop_step, &of.result];
                let done = parts.into_iter().try_for_each(|part| self.check(part, locals));
                locals.truncate(before);
                done
            }
            Expr::Call(call) => self.call(call, locals),
        }
    }

    fn entry(&self, entry: &EntryExpr, locals: &mut Vec<Local<'a>>) -> Result<(), String> {
        match entry {
            EntryExpr::StructField(field) => self.check(&field.value, locals),
            EntryExpr::MapEntry(entry) => {
                self.check(&entry.key, locals)?;
                self.check(&entry.value, locals)
            }
        }
    }

    fn call(&self, call: &CallExpr, locals: &mut Vec<Local<'a>>) -> Result<(), String> {
        let qualified = library::qualified(call);
        let name = qualified.as_deref().unwrap_or(&call.func_name);
        let is_operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !is_operator && !library::FUNCTIONS.contains(&name) {
            return Err(format!("undeclared reference to '{name}'"));
        }
        if let Some(target) = call.target.as_deref().filter(|_| qualified.is_none()) {
            self.check(target, locals)?;
        }
        call.args.iter().try_for_each(|arg| self.check(arg, locals))
    }

    fn variable(&self, name: &str, locals: &[Local<'a>]) -> Result<(), String> {
        let known = self.names.contains(&name)
            || TYPES.contains(&name)
            || locals.iter().any(|(local, _)| local == name);
        if known { Ok(()) } else { Err(format!("undeclared reference to '{name}'")) }
    }

    /// A field must be declared, where the schema declares any.
    fn field(&self, of: Option<&Node>, operand: &IdedExpr, name: &str) -> Result<(), String> {
        let Some(node) = of else { return Ok(()) };
        let is_whole = self.is_root
            && matches!(&operand.expr, Expr::Ident(name) if name == "self" || name == "oldSelf");
        let of_object = is_whole && matches!(name, "apiVersion" | "kind" | "metadata");
        let declares = node.kind == Some(Kind::Object) && node.values.is_none();
        if !declares || node.fields.is_empty() || of_object || field(node, name).is_some() {
            return Ok(());
        }
        Err(format!("undefined field '{name}'"))
    }

    /// What the schema says of what an expression evaluates to, where it can be told.
    fn type_of(&self, at: &IdedExpr, locals: &[Local<'a>]) -> Option<&'a Node> {
        match &at.expr {
            Expr::Ident(name) => {
                let local = locals.iter().rev().find(|(local, _)| local == name);
                match (local, name.as_str()) {
                    (Some((_, node)), _) => *node,
                    (None, "self") => Some(self.node),
                    (None, "oldSelf") if !self.optional_old => Some(self.node),
                    _ => None,
                }
            }
            Expr::Select(select) if !select.test => {
                field(self.type_of(&select.operand, locals)?, &select.field)
            }
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let of = self.type_of(call.args.first()?, locals)?;
                of.items.as_deref().or(of.values.as_deref())
            }
            _ => None,
        }
    }
}

/// The field that an expression names, declared or not.
fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let declared = node.fields.iter().find(|(declared, _)| value::escaped(declared) == name);
    declared.map(|(_, node)| node).or(node.values.as_deref())
}

fn is_dotted_type(at: &IdedExpr) -> bool {
    let mut at = at;
    while let Expr::Select(select) = &at.expr {
        at = &select.operand;
    }
    matches!(&at.expr, Expr::Ident(name) if DOTTED_TYPES.contains(&name.as_str()))
}

/// Whether an expression names a variable.
pub(super) fn mentions(expression: &IdedExpr, variable: &str) -> bool {
    let mut found = false;
    walk(expression, &mut |at| {
        found |= matches!(&at.expr, Expr::Ident(name) if name == variable);
        true
    });
    found
}

/// Visits an expression and what is in it; `visit` says whether to go on below.
pub(super) fn walk(at: &IdedExpr, visit: &mut dyn FnMut(&IdedExpr) -> bool) {
    if !visit(at) {
        return;
    }
    match &at.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => {}
        Expr::Select(select) => walk(&select.operand, visit),
        Expr::List(list) => list.elements.iter().for_each(|item| walk(item, visit)),
        Expr::Map(map) => map.entries.iter().for_each(|e| walk_entry(&e.expr, visit)),
        Expr::Struct(made) => made.entries.iter().for_each(|e| walk_entry(&e.expr, visit)),
        Expr::Comprehension(of) => {
            let parts = [&of.iter_range, &of.accu_init, &of.loop_cond, &of.loop_step, &of.result];
            parts.into_iter().for_each(|part| walk(part, visit));
        }
        Expr::Call(call) => {
            let parts = call.target.as_deref().into_iter().chain(&call.args);
            parts.for_each(|part| walk(part, visit));
        }
    }
}

fn walk_entry(entry: &EntryExpr, visit: &mut dyn FnMut(&IdedExpr) -> bool) {
    match entry {
        EntryExpr::StructField(field) => walk(&field.value, visit),
        EntryExpr::MapEntry(entry) => {
            walk(&entry.key, visit);
            walk(&entry.value, visit);
        }
    }
}
