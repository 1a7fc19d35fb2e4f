//! Formats by their names: `!format.dns1123Label().validate(x).hasValue()`.
//!
//! See [format library](https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-format-library).

use super::{Args, failed, global, member, opaque, text};
use crate::json::quote;
use crate::schema::Format;
use crate::validation::{NameRule, is_qualified_name, is_valid_label_value};
use cel::common::types::{CelList, CelOptional, CelString, STRING_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

/// A format that a text may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Name(NameRule, bool),
    QualifiedName,
    LabelValue,
    Other(Format),
}

opaque!(Named, "kubernetes.NamedFormat");

impl Named {
    fn of(name: &str) -> Option<Self> {
        use NameRule::{Dns1035Label, Dns1123Label, Dns1123Subdomain};
        Some(match name {
            "dns1123Label" => Self::Name(Dns1123Label, false),
            "dns1123LabelPrefix" => Self::Name(Dns1123Label, true),
            "dns1123Subdomain" => Self::Name(Dns1123Subdomain, false),
            "dns1123SubdomainPrefix" => Self::Name(Dns1123Subdomain, true),
            "dns1035Label" => Self::Name(Dns1035Label, false),
            "dns1035LabelPrefix" => Self::Name(Dns1035Label, true),
            "qualifiedName" => Self::QualifiedName,
            "labelValue" => Self::LabelValue,
            "byte" => Self::Other(Format::Byte),
            "date" => Self::Other(Format::Date),
            "datetime" => Self::Other(Format::DateTime),
            "uri" => Self::Other(Format::Uri),
            "uuid" => Self::Other(Format::Uuid),
            _ => return None,
        })
    }

    fn problems(self, text: &str) -> Vec<String> {
        match self {
            Self::Name(rule, prefix) => rule.validate(text, prefix),
            Self::QualifiedName => is_qualified_name(text),
            Self::LabelValue => is_valid_label_value(text),
            Self::Other(format) if format.fits(text) => Vec::new(),
            Self::Other(Format::Byte) => vec!["invalid base64".to_owned()],
            Self::Other(Format::Date) => vec!["invalid date".to_owned()],
            Self::Other(Format::DateTime) => vec!["invalid datetime".to_owned()],
            Self::Other(Format::Uuid) => vec!["does not match the UUID format".to_owned()],
            Self::Other(_) => vec![format!("parse {}: invalid URI for request", quote(text))],
        }
    }
}

/// Makes the functions that take nothing and give a format.
macro_rules! formats {
    ($env:expr, $($name:literal),*) => {$(
        global($env, concat!("format.", $name), &[], |_| {
            Named::of($name).map(CowVal::owned).ok_or_else(|| failed("there is no such format"))
        })?;
    )*};
}

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    formats!(
        env,
        "dns1123Label",
        "dns1123LabelPrefix",
        "dns1123Subdomain",
        "dns1123SubdomainPrefix",
        "dns1035Label",
        "dns1035LabelPrefix",
        "qualifiedName",
        "labelValue",
        "byte",
        "date",
        "datetime",
        "uri",
        "uuid"
    );
    global(env, "format.named", &[STRING_TYPE], |args| {
        let named = Named::of(text(&args, 0)?).map(|named| Box::new(named) as Box<dyn Val>);
        Ok(CowVal::owned(named.map_or_else(CelOptional::none, CelOptional::of)))
    })?;
    let on: &Type = Named::cel_type();
    member(env, on, "validate", &[STRING_TYPE], |args| {
        let problems = named(&args)?.problems(text(&args, 1)?);
        if problems.is_empty() {
            return Ok(CowVal::owned(CelOptional::none()));
        }
        let problem = |text: String| Box::new(CelString::from(text)) as Box<dyn Val>;
        let problems = CelList::from(problems.into_iter().map(problem).collect::<Vec<_>>());
        Ok(CowVal::owned(CelOptional::of(Box::new(problems))))
    })
}

fn named(args: &Args<'_, '_>) -> Result<Named, ExecutionError> {
    let named = args.first().and_then(|arg| arg.downcast_ref::<Named>());
    named.copied().ok_or_else(|| failed("no such overload"))
}
