//! An expression over one value that has a name, outside of any schema: the claims of a token.

use super::budget::{self, Budget, EXCEEDED};
use super::declare::Wanted;
use super::rule::Failure;
use super::types::Type;
use super::{MAX_RULE_COST, declare, library, value};
use cel::common::ast::{Expr, IdedExpr};
use cel::{Context, Value as CelValue};
use serde_json::Value;

/// An expression in CEL over one value, which it calls by a name.
///
/// Evaluating it costs at most what a rule of a schema may cost.
#[derive(Debug)]
pub struct Expression {
    expression: IdedExpr,
    variable: &'static str,
    /// The fields of the value that it looks at.
    fields: Vec<String>,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// Where it makes no sense, or names something else than the value.
    pub fn compile(source: &str, variable: &'static str) -> Result<Self, String> {
        let names = [variable];
        let scope =
            declare::Scope { of: Type::Free, is_root: false, optional_old: false, names: &names };
        let mut expression = scope.parse(source, Wanted::Any)?;
        let mut fields = Vec::new();
        declare::walk(&expression, &mut |at| {
            if let Expr::Select(select) = &at.expr
                && matches!(&select.operand.expr, Expr::Ident(name) if name == variable)
            {
                fields.push(select.field.clone());
            }
            true
        });
        budget::count(&mut expression);
        Ok(Self { expression, variable, fields })
    }

    /// Whether it looks at a field of the value, by its name.
    pub fn reads(&self, field: &str) -> bool {
        self.fields.iter().any(|it| it == field)
    }

    /// What it says of a value: a truth value, a number, a text, or a list of such.
    ///
    /// # Errors
    /// Where it cannot say, in the words of cel-go, or costs too much.
    pub fn evaluate(&self, value: &Value) -> Result<Value, String> {
        let budget = Budget::new(MAX_RULE_COST);
        let mut context = Context::with_env(library::environment());
        context.add_variable_as_val(budget::VARIABLE, Box::new(budget.clone()));
        context.add_variable_as_val(self.variable, value::of(None, value, false, None));
        let outcome = CelValue::resolve(&self.expression, &context);
        if budget.left() < 0 {
            // It stopped somewhere on the way, so that what came out means nothing.
            return Err(EXCEEDED.to_owned());
        }
        match outcome {
            Ok(found) => plain(&found).ok_or_else(|| "unexpected type of the result".to_owned()),
            Err(error) => Err(match Failure::of(&error) {
                Failure::Overload(why) | Failure::Other(why) => why,
                Failure::OutOfBudget | Failure::TooExpensive => EXCEEDED.to_owned(),
            }),
        }
    }
}

fn plain(value: &CelValue) -> Option<Value> {
    Some(match value {
        CelValue::Null => Value::Null,
        CelValue::Bool(value) => (*value).into(),
        CelValue::Int(value) => (*value).into(),
        CelValue::UInt(value) => (*value).into(),
        CelValue::Float(value) => (*value).into(),
        CelValue::String(text) => text.as_str().into(),
        CelValue::List(items) => items.iter().map(plain).collect::<Option<Vec<_>>>()?.into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expressions_over_claims() {
        let claims = json!({
            "sub": "jane", "roles": "a,b", "groups": ["x", "y"], "admin": true, "level": 7,
            "nested": {"deep": "down"}, "dashed-name": 1, "long": "x".repeat(2_000),
        });
        for (source, want) in [
            ("claims.sub", Ok(json!("jane"))),
            ("'o:' + claims.sub", Ok(json!("o:jane"))),
            ("claims.roles.split(',')", Ok(json!(["a", "b"]))),
            ("claims.groups.map(g, 'g:' + g)", Ok(json!(["g:x", "g:y"]))),
            ("claims.admin && claims.level > 5", Ok(json!(true))),
            ("claims.level", Ok(json!(7))),
            ("claims.nested.deep", Ok(json!("down"))),
            ("claims['dashed-name'] == 1", Ok(json!(true))),
            ("has(claims.nothing)", Ok(json!(false))),
            ("claims.?nothing.orValue('none')", Ok(json!("none"))),
            ("claims.nothing", Err("no such key: nothing")),
            ("claims.sub + 1", Err("no such overload")),
            (
                "claims.long.split('').all(a, claims.long.split('').all(b, b != 'y'))",
                Err("actual cost limit exceeded"),
            ),
            ("claims", Err("unexpected type of the result")),
        ] {
            let got = Expression::compile(source, "claims").unwrap().evaluate(&claims);
            match want {
                Ok(want) => assert_eq!(got, Ok(want), "{source}"),
                Err(why) => assert!(got.clone().unwrap_err().contains(why), "{source}: {got:?}"),
            }
        }
        for (source, why) in [
            ("self.sub", "undeclared reference to 'self'"),
            ("user.name", "undeclared reference to 'user'"),
            ("claims.sub.nonsense()", "undeclared reference to 'nonsense'"),
            ("claims.", ""),
        ] {
            let error = Expression::compile(source, "claims").unwrap_err();
            assert!(error.contains(why), "{source}: {error}");
        }
        let expression = Expression::compile("claims.email + claims.sub", "claims").unwrap();
        assert!(expression.reads("email") && !expression.reads("email_verified"));
    }
}
