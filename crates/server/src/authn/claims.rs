//! From the claims of a token to a user: what must hold of them, and what they say, by claims' names
//! or by expressions in CEL.
//!
//! See [claim mappings](https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration).

use super::configuration::{self, ClaimRule, Extra, Mapping, UserRule};
use super::jwt::Jwt;
use super::known;
use pintle_meta::{Expression, User};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const CLAIMS: &str = "claims";
const USER: &str = "user";
/// The extra value that says which token it was.
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
const PREFIX_REQUIRED: &str = "Required value: prefix is required when claim is set. It can be set \
                               to an empty string to disable prefixing";

/// What the tokens of an issuer mean.
#[derive(Debug)]
pub(super) struct Claims {
    checks: Vec<Check>,
    username: Source,
    groups: Option<Source>,
    uid: Option<Source>,
    extra: Vec<(String, Expression)>,
    user_checks: Vec<Rule>,
}

/// What must hold of the claims.
#[derive(Debug)]
enum Check {
    /// A claim is this, to the letter.
    Equal {
        claim: String,
        value: String,
    },
    Rule(Rule),
}

/// An expression that must be true.
#[derive(Debug)]
struct Rule {
    expression: Expression,
    source: String,
    message: String,
}

/// Where something of a user comes from.
#[derive(Debug)]
enum Source {
    Claim { name: String, prefix: String },
    Expression(Expression),
}

/// Collects what is wrong, by the places in the file.
struct Wrong<'a> {
    at: &'a str,
    found: &'a mut Vec<String>,
}

impl Wrong<'_> {
    fn add(&mut self, place: &str, what: &str) {
        self.found.push(format!("{}.{place}: {what}", self.at));
    }

    fn expression(
        &mut self,
        place: &str,
        source: &str,
        variable: &'static str,
    ) -> Option<Expression> {
        let compiled = Expression::compile(source, variable);
        compiled
            .map_err(|why| {
                let why = format!("Invalid value: {source:?}: compilation failed: {why}");
                self.add(place, &why);
            })
            .ok()
    }
}

impl Claims {
    /// Reads the rules of an issuer; what is wrong with them is added to the list.
    pub(super) fn of(
        rules: &configuration::Jwt,
        at: &str,
        found: &mut Vec<String>,
    ) -> Option<Self> {
        let mut wrong = Wrong { at, found };
        let before = wrong.found.len();
        let mappings = &rules.claim_mappings;
        let username = match source(&mappings.username, "claimMappings.username", true, &mut wrong)
        {
            None if wrong.found.len() == before => {
                let why = "Required value: claim or expression is required";
                wrong.add("claimMappings.username", why);
                None
            }
            username => username,
        };
        let groups = source(&mappings.groups, "claimMappings.groups", true, &mut wrong);
        let uid = source(&mappings.uid, "claimMappings.uid", false, &mut wrong);
        let extra = extra(&mappings.extra, &mut wrong);
        let checks = checks(&rules.claim_validation_rules, &mut wrong);
        let user_checks = user_checks(&rules.user_validation_rules, &mut wrong);
        let claims = Self { checks, username: username?, groups, uid, extra, user_checks };
        if claims.trusts_any_email() {
            let why = "claims.email_verified must be used in claimMappings.username.expression or \
                       claimMappings.extra[*].valueExpression or claimValidationRules[*].expression \
                       when claims.email is used in claimMappings.username.expression";
            wrong.add("claimMappings.username.expression", why);
        }
        (wrong.found.len() == before).then_some(claims)
    }

    /// Whether a user is called by an address that nobody has looked at.
    fn trusts_any_email(&self) -> bool {
        let Source::Expression(username) = &self.username else { return false };
        let rules = self.checks.iter().filter_map(|check| match check {
            Check::Rule(rule) => Some(&rule.expression),
            Check::Equal { .. } => None,
        });
        let extra = self.extra.iter().map(|(_, expression)| expression);
        username.reads("email")
            && !rules.chain(extra).chain([username]).any(|it| it.reads("email_verified"))
    }

    /// The user of a token, where all holds that must.
    pub(super) fn user(&self, jwt: &Jwt<'_>) -> Result<Arc<User>, String> {
        let claims = Value::Object(jwt.claims.clone());
        self.checks.iter().try_for_each(|check| check.check(&claims))?;
        let name = self.username.text("username", &claims)?;
        let verified = claims.get("email_verified");
        let by_email = matches!(&self.username, Source::Claim { name, .. } if name == "email");
        if by_email && verified.is_some_and(|it| *it != Value::Bool(true)) {
            return Err("email not verified".to_owned());
        }
        let groups = self.groups.as_ref().map(|groups| groups.texts("groups", &claims));
        let uid = self.uid.as_ref().map(|uid| uid.text("uid", &claims));
        let mut extra = BTreeMap::new();
        for (key, expression) in &self.extra {
            let about = |why: &str| format!("error evaluating the extra value {key}: {why}");
            let found = expression.evaluate(&claims).map_err(|why| about(&why))?;
            let texts = texts(&found).ok_or_else(|| about("expected a text or a list of texts"))?;
            let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
            if !texts.is_empty() {
                extra.insert(key.clone(), texts);
            }
        }
        if let Some(id) = jwt.text("jti").filter(|id| !id.is_empty()) {
            extra.insert(CREDENTIAL_ID.to_owned(), vec![format!("JTI={id}")]);
        }
        let (groups, uid) = (groups.transpose()?, uid.transpose()?);
        let user =
            User { name, uid: uid.unwrap_or_default(), groups: groups.unwrap_or_default(), extra };
        self.check_user(&user)?;
        Ok(known(user))
    }

    fn check_user(&self, user: &User) -> Result<(), String> {
        if self.user_checks.is_empty() {
            return Ok(());
        }
        let User { name, uid, groups, extra } = user;
        let user = json!({"username": name, "uid": uid, "groups": groups, "extra": extra});
        self.user_checks.iter().try_for_each(|rule| rule.check(&user))
    }
}

impl Check {
    fn check(&self, claims: &Value) -> Result<(), String> {
        match self {
            Self::Rule(rule) => rule.check(claims),
            Self::Equal { claim, value } => {
                let got = claims.get(claim);
                let got = got.ok_or_else(|| format!("required claim {claim} not present"))?;
                match got.as_str() == Some(value) {
                    true => Ok(()),
                    false => Err(format!("required claim {claim} value does not match")),
                }
            }
        }
    }
}

impl Rule {
    fn check(&self, value: &Value) -> Result<(), String> {
        let Self { expression, source, message } = self;
        match expression.evaluate(value) {
            Ok(Value::Bool(true)) => Ok(()),
            Ok(Value::Bool(false)) if message.is_empty() => {
                Err(format!("validation expression '{source}' failed"))
            }
            Ok(Value::Bool(false)) => {
                Err(format!("validation expression '{source}' failed: {message}"))
            }
            Ok(_) => Err(format!("validation expression '{source}' is neither true nor false")),
            Err(why) => Err(format!("error evaluating '{source}': {why}")),
        }
    }
}

impl Source {
    /// What must be a text, and not an empty one where it is the name.
    fn text(&self, what: &str, claims: &Value) -> Result<String, String> {
        let text = match self {
            Self::Claim { name, prefix } => {
                let text = claims.get(name).and_then(Value::as_str);
                let text = text.filter(|text| what != "username" || !text.is_empty());
                format!("{prefix}{}", text.ok_or_else(|| absent(name))?)
            }
            Self::Expression(expression) => match self.evaluate(expression, what, claims)? {
                Value::String(text) => text,
                _ => return Err(format!("error evaluating {what} claim expression: no text")),
            },
        };
        match what == "username" && text.is_empty() {
            true => Err("username claim value is empty".to_owned()),
            false => Ok(text),
        }
    }

    fn texts(&self, what: &str, claims: &Value) -> Result<Vec<String>, String> {
        match self {
            Self::Claim { name, prefix } => {
                let found = claims.get(name).unwrap_or(&Value::Null);
                let found = texts(found).ok_or_else(|| format!("claim {name} is no list of texts"));
                Ok(found?.into_iter().map(|text| format!("{prefix}{text}")).collect())
            }
            Self::Expression(expression) => {
                let found = self.evaluate(expression, what, claims)?;
                let found = texts(&found);
                let no_list = || format!("error evaluating {what} claim expression: no texts");
                Ok(found.ok_or_else(no_list)?.into_iter().filter(|it| !it.is_empty()).collect())
            }
        }
    }

    fn evaluate(&self, it: &Expression, what: &str, claims: &Value) -> Result<Value, String> {
        it.evaluate(claims)
            .map_err(|why| format!("error evaluating {what} claim expression: {why}"))
    }
}

fn absent(claim: &str) -> String {
    format!("claim {claim} not present, or no text")
}

/// A text, a list of texts, or nothing.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn source(mapping: &Mapping, place: &str, prefixed: bool, wrong: &mut Wrong<'_>) -> Option<Source> {
    let Mapping { claim, prefix, expression } = mapping;
    match (claim.as_str(), expression.as_str()) {
        ("", "") if prefix.is_some() => {
            wrong.add(place, "Required value: claim is required when prefix is set");
            None
        }
        ("", "") => None,
        (_, "") if prefixed && prefix.is_none() => {
            wrong.add(&format!("{place}.prefix"), PREFIX_REQUIRED);
            None
        }
        (claim, "") => {
            let prefix = prefix.clone().unwrap_or_default();
            Some(Source::Claim { name: claim.to_owned(), prefix })
        }
        ("", source) if prefix.is_none() => {
            let place = format!("{place}.expression");
            wrong.expression(&place, source, CLAIMS).map(Source::Expression)
        }
        ("", _) => {
            wrong.add(place, "Invalid value: prefix can't be set when expression is set");
            None
        }
        _ => {
            wrong.add(place, "Invalid value: claim and expression can't both be set");
            None
        }
    }
}

fn extra(all: &[Extra], wrong: &mut Wrong<'_>) -> Vec<(String, Expression)> {
    let mut made: Vec<(String, Expression)> = Vec::new();
    for (index, Extra { key, value_expression }) in all.iter().enumerate() {
        let place = format!("claimMappings.extra[{index}]");
        let domain = key.split_once('/').map(|(domain, rest)| (domain, rest.is_empty()));
        let reserved = |domain: &str| {
            let within = |of: &str| domain == of || domain.ends_with(&format!(".{of}"));
            within("kubernetes.io") || within("k8s.io")
        };
        let why = match domain {
            _ if key.to_lowercase() != *key => "Invalid value: key must be lowercase",
            None | Some(("", _) | (_, true)) => {
                "Invalid value: must be a domain-prefixed path (such as \"acme.io/foo\")"
            }
            Some((domain, _)) if reserved(domain) => {
                "Invalid value: k8s.io, kubernetes.io and their subdomains are reserved"
            }
            _ if made.iter().any(|(other, _)| other == key) => "Duplicate value",
            _ => "",
        };
        if !why.is_empty() {
            wrong.add(&format!("{place}.key"), why);
            continue;
        }
        let place = format!("{place}.valueExpression");
        made.extend(wrong.expression(&place, value_expression, CLAIMS).map(|it| (key.clone(), it)));
    }
    made
}

fn checks(all: &[ClaimRule], wrong: &mut Wrong<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for (index, rule) in all.iter().enumerate() {
        let place = format!("claimValidationRules[{index}]");
        let ClaimRule { claim, required_value: value, expression: source, message } = rule;
        match (claim.as_str(), source.as_str()) {
            ("", "") => wrong.add(&place, "Required value: claim or expression is required"),
            (claim, "") if message.is_empty() => {
                checks.push(Check::Equal { claim: claim.to_owned(), value: value.clone() });
            }
            (_, "") => wrong.add(&place, "Invalid value: message can't be set when claim is set"),
            ("", _) if value.is_empty() => {
                let compiled = wrong.expression(&format!("{place}.expression"), source, CLAIMS);
                checks.extend(compiled.map(|it| Check::Rule(Rule::new(it, source, message))));
            }
            _ => wrong.add(&place, "Invalid value: claim and expression can't both be set"),
        }
    }
    checks
}

fn user_checks(all: &[UserRule], wrong: &mut Wrong<'_>) -> Vec<Rule> {
    let mut checks = Vec::new();
    for (index, UserRule { expression: source, message }) in all.iter().enumerate() {
        let place = format!("userValidationRules[{index}].expression");
        let compiled = wrong.expression(&place, source, USER);
        checks.extend(compiled.map(|it| Rule::new(it, source, message)));
    }
    checks
}

impl Rule {
    fn new(expression: Expression, source: &str, message: &str) -> Self {
        Self { expression, source: source.to_owned(), message: message.to_owned() }
    }
}
