//! One rule: how it is compiled, and what it says of a value.

use super::budget::{self, Budget, EXCEEDED};
use super::declare::Wanted;
use super::types::Type;
use super::{MAX_MESSAGE_BYTES, MAX_RULE_COST, declare, library, path, value};
use crate::field::FieldErrors;
use crate::go;
use crate::json::quote;
use crate::schema::{Kind, Node, Plain};
use cel::common::ast::{Expr, IdedExpr};
use cel::common::types::CelOptional;
use cel::{Context, ExecutionError, Value as CelValue};
use serde_json::Value;

/// What is said when the rules of an object have cost too much together.
pub(super) const OUT_OF_BUDGET: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";

/// A rule that is ready to be asked.
#[derive(Debug)]
pub(super) struct Rule {
    expression: Compiled,
    message_expression: Option<Compiled>,
    /// The source of the message's expression, in quotes.
    message_source: String,
    message: String,
    /// What stands for the rule in messages about its evaluation.
    name: String,
    reason: Reason,
    /// The field that an error is about, below the value: `.spec.x`, or `""`.
    pub(super) field_path: String,
    /// Whether it compares with the value before.
    pub(super) uses_old: bool,
    optional_old: bool,
}

/// An expression that counts what it costs.
#[derive(Debug)]
struct Compiled {
    expression: IdedExpr,
    /// The fields of `self` and `oldSelf` that it looks at; `None` where it looks at the whole.
    fields: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Invalid,
    Forbidden,
    Required,
    Duplicate,
}

/// The value that rules are asked about.
pub(super) struct Scope<'a> {
    pub(super) node: &'a Node,
    pub(super) new: &'a Value,
    pub(super) old: Option<&'a Value>,
    /// Whether this is a whole object, whose kind and name can be seen too.
    pub(super) is_root: bool,
}

/// What has come of asking a rule.
pub(super) enum Verdict {
    Holds,
    /// It does not hold; this is why.
    Broken(String),
    /// It cannot say.
    Failed(String),
    /// Nothing more can be asked.
    Exhausted(String),
    /// It does not hold, and nothing more can be asked, not even why.
    MessageExhausted(String),
}

/// A value that breaks a rule, as messages show it; nothing is shown of an object or a list.
fn shown(kind: Option<Kind>, value: &Value) -> Option<String> {
    match (kind, value) {
        (Some(Kind::Object | Kind::Array), _) => None,
        (_, Value::String(text)) => Some(quote(text)),
        (_, Value::Number(number)) => Some(go::number(number)),
        (_, value) => Some(value.to_string()),
    }
}

impl Rule {
    /// Compiles a rule of a schema; `None` where it is empty.
    pub(super) fn compile(
        source: &Value,
        node: &Node,
        is_root: bool,
    ) -> Result<Option<Self>, String> {
        let text = |name: &str| source[name].as_str().unwrap_or_default().trim();
        let rule = text("rule");
        if rule.is_empty() {
            return Ok(None);
        }
        let optional_old = source["optionalOldSelf"] == Value::Bool(true);
        let names = &["self", "oldSelf"];
        let scope = declare::Scope { of: Type::of(node), is_root, optional_old, names };
        let parsed =
            scope.parse(rule, Wanted::Bool).map_err(|why| format!("rule {rule:?}: {why}"))?;
        let uses_old = declare::mentions(&parsed, "oldSelf");
        if optional_old && !uses_old {
            return Err(format!("rule {rule:?}: optionalOldSelf is set, but oldSelf is not used"));
        }
        let expression = Compiled::new(parsed);
        let message_expression = match text("messageExpression") {
            "" => None,
            source => {
                let parsed = scope.parse(source, Wanted::String);
                let parsed =
                    parsed.map_err(|why| format!("messageExpression {source:?}: {why}"))?;
                Some(Compiled::new(parsed))
            }
        };
        let message = match text("message") {
            "" => format!("failed rule: {rule}"),
            message => message.to_owned(),
        };
        let name = if text("message").is_empty() { rule } else { text("message") }.to_owned();
        let reason = match text("reason") {
            "" | "FieldValueInvalid" => Reason::Invalid,
            "FieldValueForbidden" => Reason::Forbidden,
            "FieldValueRequired" => Reason::Required,
            "FieldValueDuplicate" => Reason::Duplicate,
            other => return Err(format!("rule {rule:?}: unknown reason {other:?}")),
        };
        let field_path = match text("fieldPath") {
            "" => String::new(),
            source => path::check(source, node)
                .map_err(|why| format!("rule {rule:?}: fieldPath {source:?} {why}"))?,
        };
        Ok(Some(Self {
            expression,
            message_expression,
            message_source: quote(text("messageExpression")),
            message,
            name,
            reason,
            field_path,
            uses_old,
            optional_old,
        }))
    }

    /// Asks the rule about a value, and pays for it.
    pub(super) fn judge(&self, scope: &Scope<'_>, budget: &Budget) -> Verdict {
        if self.uses_old && scope.old.is_none() && !self.optional_old {
            // A rule about changes has nothing to say of what is new.
            return Verdict::Holds;
        }
        let outcome = match self.evaluate(&self.expression, scope, budget) {
            Ok(outcome) => outcome,
            Err(Failure::OutOfBudget) => return Verdict::Exhausted(OUT_OF_BUDGET.to_owned()),
            Err(Failure::TooExpensive) => {
                return Verdict::Exhausted(format!(
                    "'{EXCEEDED}': no further validation rules will be run due to call cost \
                     exceeds limit for rule: {}",
                    self.name
                ));
            }
            Err(Failure::Overload(why)) => {
                return Verdict::Failed(format!(
                    "'{why}': call arguments did not match a supported operator, function or \
                     macro signature for rule: {}",
                    self.name
                ));
            }
            Err(Failure::Other(why)) => {
                return Verdict::Failed(format!("{why} evaluating rule: {}", self.name));
            }
        };
        if outcome == CelValue::Bool(true) {
            return Verdict::Holds;
        }
        let message = self.message_expression.as_ref();
        match message.map(|message| self.evaluate(message, scope, budget)) {
            Some(Ok(CelValue::String(text))) => Verdict::Broken(self.message(text.trim())),
            Some(Err(Failure::OutOfBudget)) => Verdict::MessageExhausted(
                "messageExpression evaluation failed due to running out of cost budget, no \
                 further validation rules will be run"
                    .to_owned(),
            ),
            Some(Err(Failure::TooExpensive)) => Verdict::MessageExhausted(format!(
                "no further validation rules will be run due to call cost exceeds limit for \
                 messageExpression: {}",
                self.message_source
            )),
            _ => Verdict::Broken(self.message.clone()),
        }
    }

    /// An evaluated message, where it is fit to be shown.
    fn message(&self, text: &str) -> String {
        let fits = !text.is_empty() && text.len() <= MAX_MESSAGE_BYTES && !text.contains('\n');
        if fits { text.to_owned() } else { self.message.clone() }
    }

    /// Adds an error with the rule's reason, about a value of a type.
    pub(super) fn report(
        &self,
        field: String,
        kind: Option<Kind>,
        value: &Value,
        why: &str,
        errors: &mut FieldErrors,
    ) {
        let shown = shown(kind, value);
        match (self.reason, shown.as_deref()) {
            (Reason::Invalid, Some(value)) => errors.invalid(field, Plain(value), why),
            // The reason stands in the place of the value.
            (Reason::Invalid, None) => errors.invalid(field, Plain(why), ""),
            (Reason::Forbidden, _) => errors.forbidden(field, why),
            (Reason::Required, _) => errors.required_because(field, why),
            (Reason::Duplicate, Some(value)) => errors.duplicate(field, Plain(value)),
            (Reason::Duplicate, None) => errors.duplicate_unshown(field),
        }
    }

    fn evaluate(
        &self,
        compiled: &Compiled,
        scope: &Scope<'_>,
        budget: &Budget,
    ) -> Result<CelValue, Failure> {
        let own = budget.part(MAX_RULE_COST);
        let before = own.left();
        let mut context = Context::with_env(library::environment());
        context.add_variable_as_val(budget::VARIABLE, Box::new(own.clone()));
        let fields = compiled.fields.as_deref();
        let seen = |value| value::of(Some(scope.node), value, scope.is_root, fields);
        context.add_variable_as_val("self", seen(scope.new));
        let old = scope.old.filter(|_| self.uses_old).map(seen);
        match (self.optional_old, old) {
            (true, Some(old)) => {
                context.add_variable_as_val("oldSelf", Box::new(CelOptional::of(old)));
            }
            (true, None) => {
                context.add_variable_as_val("oldSelf", Box::new(CelOptional::none()));
            }
            (false, Some(old)) => context.add_variable_as_val("oldSelf", old),
            (false, None) => {}
        }
        let outcome = CelValue::resolve(&compiled.expression, &context);
        let spent = before.saturating_sub(own.left());
        let paid = budget.pay(spent);
        if own.left() < 0 {
            // The rule stopped somewhere on the way, so that what came out means nothing.
            let limit = if before < MAX_RULE_COST || paid.is_err() {
                Failure::OutOfBudget
            } else {
                Failure::TooExpensive
            };
            return Err(limit);
        }
        outcome.map_err(|error| Failure::of(&error))
    }
}

impl Compiled {
    fn new(mut expression: IdedExpr) -> Self {
        let fields = fields(&expression);
        budget::count(&mut expression);
        Self { expression, fields }
    }
}

/// The fields of `self` and `oldSelf` that an expression looks at, if it looks at nothing else of
/// them.
fn fields(expression: &IdedExpr) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut whole = false;
    declare::walk(expression, &mut |at| match &at.expr {
        Expr::Select(select) => match &select.operand.expr {
            Expr::Ident(name) if matches!(name.as_str(), "self" | "oldSelf") => {
                found.push(select.field.clone());
                false
            }
            _ => true,
        },
        Expr::Ident(name) if matches!(name.as_str(), "self" | "oldSelf") => {
            whole = true;
            true
        }
        _ => true,
    });
    (!whole).then_some(found)
}

/// Why an expression has no value.
pub(super) enum Failure {
    /// The rules of the object have cost too much together.
    OutOfBudget,
    /// The rule alone costs too much.
    TooExpensive,
    Overload(String),
    Other(String),
}

impl Failure {
    /// The error in the words of cel-go, as far as a client can match on them.
    pub(super) fn of(error: &ExecutionError) -> Self {
        Self::Other(match error {
            ExecutionError::NoSuchOverload(overload) => {
                return Self::Overload(format!("no such overload: {}", overload.function()));
            }
            ExecutionError::UnsupportedBinaryOperator(..)
            | ExecutionError::ValuesNotComparable(..)
            | ExecutionError::UnexpectedType { .. } => {
                return Self::Overload("no such overload".to_owned());
            }
            ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
            ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
            ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
            ExecutionError::Overflow(..) => "integer overflow".to_owned(),
            ExecutionError::FunctionError { message, .. } => message.clone(),
            ExecutionError::IndexOutOfBounds(CelValue::Int(index)) => {
                format!("index out of bounds: {index}")
            }
            other => other.to_string(),
        })
    }
}
