//! What an expression may name, and what it comes to: variables, functions, fields that the schema
//! declares, and the types of all of them.
//!
//! The interpreter looks names up when it runs, and meets types then. A rule that misspells a name or
//! compares a number with a text would refuse every object, so it is found when the kind is
//! registered, in the words of cel-go.
//! What a rule costs at most is not estimated; it is counted when the rule runs.

use super::library;
use super::types::{self, Type};
use super::value;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators,
};

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

/// How deep an expression may be nested; `a + b + c` is two deep. An evaluation needs stack for it.
const MAX_DEPTH: usize = 200;

/// Where a rule stands.
pub(super) struct Scope<'a> {
    /// The type of the value.
    pub(super) of: Type<'a>,
    pub(super) is_root: bool,
    pub(super) optional_old: bool,
    /// The variables that there are.
    pub(super) names: &'a [&'a str],
}

/// What an expression is asked to come to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    Any,
    Bool,
    String,
}

/// A variable of a loop, and its type.
type Locals<'a> = Vec<(String, Type<'a>)>;

impl<'a> Scope<'a> {
    /// Parses an expression, looks its names up, and checks its types.
    pub(super) fn parse(&self, source: &str, wanted: Wanted) -> Result<IdedExpr, String> {
        let program = library::environment().compile(source).map_err(|errors| {
            let errors = errors.to_string();
            errors.split_whitespace().collect::<Vec<_>>().join(" ")
        })?;
        if is_deep(program.expression()) {
            return Err(format!("the expression is nested more than {MAX_DEPTH} deep"));
        }
        let expression = program.expression().clone();
        match (wanted, self.check(&expression, &mut Vec::new())?) {
            (Wanted::Any, _)
            | (_, Type::Free)
            | (Wanted::Bool, Type::Bool)
            | (Wanted::String, Type::String) => Ok(expression),
            (Wanted::Bool, _) => Err("cel expression must evaluate to a bool".to_owned()),
            (Wanted::String, _) => Err("messageExpression must evaluate to a string".to_owned()),
        }
    }

    fn check(&self, at: &IdedExpr, locals: &mut Locals<'a>) -> Result<Type<'a>, String> {
        match &at.expr {
            Expr::Unspecified => Ok(Type::Free),
            Expr::Literal(literal) => Ok(of_literal(literal)),
            Expr::Ident(name) => self.variable(name, locals),
            Expr::Select(_) if is_dotted_type(at) => Ok(Type::Meta),
            Expr::Select(select) => {
                let of = self.check(&select.operand, locals)?;
                let field = self.field(&of, &select.field)?;
                Ok(if select.test { Type::Bool } else { field })
            }
            Expr::List(list) => self.same(&list.elements, locals).map(Type::list),
            Expr::Map(map) => {
                let (mut keys, mut values) = (Type::Free, Type::Free);
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
                    keys = both(&keys, &self.check(&entry.key, locals)?)?;
                    values = both(&values, &self.check(&entry.value, locals)?)?;
                }
                Ok(Type::map(keys, values))
            }
            Expr::Struct(made) => Err(format!("undeclared reference to '{}'", made.type_name)),
            Expr::Comprehension(of) => self.comprehension(of, locals),
            Expr::Call(call) => self.call(call, locals),
        }
    }

    /// The one type of several expressions.
    fn same(&self, items: &[IdedExpr], locals: &mut Locals<'a>) -> Result<Type<'a>, String> {
        let mut same = Type::Free;
        for item in items {
            same = both(&same, &self.check(item, locals)?)?;
        }
        Ok(same)
    }

    fn comprehension(
        &self,
        of: &ComprehensionExpr,
        locals: &mut Locals<'a>,
    ) -> Result<Type<'a>, String> {
        let range = self.check(&of.iter_range, locals)?;
        let start = self.check(&of.accu_init, locals)?;
        let item = match range {
            Type::List(item) => *item,
            Type::Map(key, _) => *key,
            Type::Free | Type::Dyn => range,
            other => {
                return Err(format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be \
                     list, map, or dynamic)"
                ));
            }
        };
        let before = locals.len();
        locals.push((of.accu_var.clone(), start));
        locals.push((of.iter_var.clone(), item));
        let done = (|| {
            self.check(&of.loop_cond, locals)?;
            let step = self.check(&of.loop_step, locals)?;
            // What a loop has gathered is known better once it has gone around.
            locals[before].1 = step;
            self.check(&of.result, locals)
        })();
        locals.truncate(before);
        done
    }

    fn call(&self, call: &CallExpr, locals: &mut Locals<'a>) -> Result<Type<'a>, String> {
        let qualified = library::qualified(call);
        let name = qualified.as_deref().unwrap_or(&call.func_name);
        let is_operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !is_operator && !library::FUNCTIONS.contains(&name) {
            return Err(format!("undeclared reference to '{name}'"));
        }
        let target = call.target.as_deref().filter(|_| qualified.is_none());
        let target = target.map(|target| self.check(target, locals)).transpose()?;
        if name == operators::OPT_SELECT
            && let [of, field] = call.args.as_slice()
            && let Expr::Literal(LiteralValue::String(field)) = &field.expr
        {
            let of = self.check(of, locals)?;
            return Ok(match self.field(&of, field.inner())? {
                found @ Type::Optional(_) => found,
                found => Type::optional(found),
            });
        }
        let args = call.args.iter().map(|arg| match &arg.expr {
            // What is formatted may be of many types, which else no list may hold.
            Expr::List(list) if name == "format" => {
                list.elements.iter().try_for_each(|item| self.check(item, locals).map(drop))?;
                Ok(Type::list(Type::Dyn))
            }
            _ => self.check(arg, locals),
        });
        let args = args.collect::<Result<Vec<_>, String>>()?;
        if matches!(name, operators::LOGICAL_AND | operators::LOGICAL_OR) {
            for arg in &args {
                both(&Type::Bool, arg)?;
            }
            return Ok(Type::Bool);
        }
        let found = match is_operator {
            true => types::operator(name, &args),
            false => types::function(name, target.as_ref(), &args),
        };
        found.ok_or_else(|| {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            let on = target.map_or(String::new(), |target| format!("{target}."));
            format!(
                "found no matching overload for '{name}' applied to '{on}({})'",
                args.join(", ")
            )
        })
    }

    fn variable(&self, name: &str, locals: &Locals<'a>) -> Result<Type<'a>, String> {
        if let Some((_, of)) = locals.iter().rev().find(|(local, _)| local == name) {
            return Ok(of.clone());
        }
        if self.names.contains(&name) {
            let optional = name == "oldSelf" && self.optional_old;
            return Ok(if optional { Type::optional(self.of.clone()) } else { self.of.clone() });
        }
        match TYPES.contains(&name) {
            true => Ok(Type::Meta),
            false => Err(format!("undeclared reference to '{name}'")),
        }
    }

    /// The type of a field, which must be declared where the schema declares any.
    fn field(&self, of: &Type<'a>, name: &str) -> Result<Type<'a>, String> {
        let undefined = || format!("undefined field '{name}'");
        match of {
            Type::Free | Type::Dyn => Ok(of.clone()),
            Type::Map(_, value) => Ok((**value).clone()),
            Type::Optional(value) => self.field(value, name).map(Type::optional),
            Type::Metadata if matches!(name, "name" | "generateName") => Ok(Type::String),
            Type::Metadata => Err(undefined()),
            Type::Object(node) => {
                let whole = matches!(&self.of, Type::Object(root) if std::ptr::eq(*root, *node));
                match name {
                    "apiVersion" | "kind" if self.is_root && whole => return Ok(Type::String),
                    "metadata" if self.is_root && whole => return Ok(Type::Metadata),
                    _ => {}
                }
                let declared = node.fields.iter().find(|(known, _)| value::escaped(known) == name);
                declared.map(|(_, field)| Type::of(field)).ok_or_else(undefined)
            }
            other => Err(format!("type '{other}' does not support field selection")),
        }
    }
}

fn both<'a>(wanted: &Type<'a>, found: &Type<'a>) -> Result<Type<'a>, String> {
    let joined = wanted.join(found);
    joined.ok_or_else(|| format!("expected type '{wanted}' but found '{found}'"))
}

fn of_literal<'a>(literal: &LiteralValue) -> Type<'a> {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Bytes(_) => Type::Bytes,
        LiteralValue::Double(_) => Type::Double,
        LiteralValue::Int(_) => Type::Int,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(_) => Type::String,
        LiteralValue::UInt(_) => Type::Uint,
    }
}

/// Whether an expression is nested too deeply; this needs no stack for it.
fn is_deep(expression: &IdedExpr) -> bool {
    let mut left = vec![(expression, 1)];
    while let Some((at, depth)) = left.pop() {
        if depth > MAX_DEPTH {
            return true;
        }
        below(at, &mut |part| left.push((part, depth + 1)));
    }
    false
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
    if visit(at) {
        below(at, &mut |part| walk(part, visit));
    }
}

/// Visits the parts of an expression.
fn below<'e>(at: &'e IdedExpr, visit: &mut dyn FnMut(&'e IdedExpr)) {
    match &at.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => {}
        Expr::Select(select) => visit(&select.operand),
        Expr::List(list) => list.elements.iter().for_each(visit),
        Expr::Map(map) => map.entries.iter().for_each(|e| below_entry(&e.expr, visit)),
        Expr::Struct(made) => made.entries.iter().for_each(|e| below_entry(&e.expr, visit)),
        Expr::Comprehension(of) => {
            let parts = [&of.iter_range, &of.accu_init, &of.loop_cond, &of.loop_step, &of.result];
            parts.into_iter().for_each(visit);
        }
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).for_each(visit),
    }
}

fn below_entry<'e>(entry: &'e EntryExpr, visit: &mut dyn FnMut(&'e IdedExpr)) {
    match entry {
        EntryExpr::StructField(field) => visit(&field.value),
        EntryExpr::MapEntry(entry) => {
            visit(&entry.key);
            visit(&entry.value);
        }
    }
}
