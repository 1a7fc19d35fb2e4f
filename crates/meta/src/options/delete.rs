//! The options of a deletion, which come in the query or in a body of their own.

use super::{Query, all, first, is_true, parse_int, refuse};
use crate::json::quote;
use crate::validation::validate_dry_run;
use crate::{FieldErrors, Status};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Deletes an object that cannot be read any more. It is an alpha feature of Kubernetes, off where it
/// is not asked for, and so of no effect here.
const IGNORE_STORE_READ_ERROR: &str = "ignoreStoreReadErrorWithClusterBreakingPotential";

/// How to delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// How long the object may take to end.
    pub grace_period_seconds: Option<i64>,
    /// Which object is meant.
    pub preconditions: Preconditions,
    /// The older way to say whether dependents stay.
    pub orphan_dependents: Option<bool>,
    /// What happens to dependents.
    pub propagation_policy: Option<PropagationPolicy>,
    /// Whether nothing is to be deleted.
    pub dry_run: bool,
}

/// What must be true of an object for it to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// The UID that it must have.
    pub uid: Option<String>,
    /// The resource version that it must have.
    pub resource_version: Option<String>,
}

/// What happens to the dependents of an object that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PropagationPolicy {
    /// They are deleted first; the object stays until then.
    Foreground,
    /// They are deleted afterwards.
    Background,
    /// They stay.
    Orphan,
}

/// `DeleteOptions` as they were sent, before they are checked.
#[derive(Default)]
struct Sent {
    grace_period_seconds: Option<i64>,
    preconditions: Option<Preconditions>,
    orphan_dependents: Option<bool>,
    propagation_policy: Option<String>,
    dry_run: Vec<String>,
}

impl DeleteOptions {
    /// Reads and checks the query of a delete; where there is a body, Kubernetes does not look at
    /// the query.
    ///
    /// The parameters `uid` and `resourceVersion` are preconditions.
    ///
    /// # Errors
    /// 400 where a value cannot be read, 422 about `DeleteOptions` where values do not fit.
    pub fn from_query(query: &Query) -> Result<Self, Status> {
        let owned = |name| first(query, name).map(str::to_owned);
        let precondition = |name| owned(name).filter(|value| !value.is_empty());
        let preconditions = Preconditions {
            uid: precondition("uid"),
            resource_version: precondition("resourceVersion"),
        };
        Self::checked(Sent {
            grace_period_seconds: first(query, "gracePeriodSeconds").map(parse_int).transpose()?,
            preconditions: Some(preconditions).filter(|p| *p != Preconditions::default()),
            orphan_dependents: first(query, "orphanDependents").map(is_true),
            propagation_policy: owned("propagationPolicy"),
            dry_run: all(query, "dryRun").map(str::to_owned).collect(),
        })
    }

    /// Reads and checks the body of a delete. Its `apiVersion` may be that of any group, because
    /// older clients send their own.
    ///
    /// # Errors
    /// 400 for another kind or a field of another type, 422 about `DeleteOptions` where values do
    /// not fit.
    pub fn from_body(body: &Value) -> Result<Self, Status> {
        let empty = Map::new();
        let body = match body {
            Value::Object(body) => body,
            Value::Null => &empty,
            _ => return Err(Status::bad_request("DeleteOptions: expected an object")),
        };
        let kind: Option<String> = field(body, "kind")?;
        let version = field::<String>(body, "apiVersion")?.unwrap_or_default();
        if version.matches('/').count() > 1 {
            let why = format!("unexpected GroupVersion string: {version}");
            return Err(Status::bad_request(why));
        }
        if let Some(kind) = kind.filter(|kind| !matches!(kind.as_str(), "" | "DeleteOptions")) {
            let (kind, version) = (quote(&kind), quote(&version));
            let why = format!("no kind {kind} is registered for version {version}");
            return Err(Status::bad_request(why));
        }
        let preconditions = field::<Map<String, Value>>(body, "preconditions")?
            .map(|preconditions| {
                let uid = field(&preconditions, "uid")?;
                let resource_version = field(&preconditions, "resourceVersion")?;
                Ok::<_, Status>(Preconditions { uid, resource_version })
            })
            .transpose()?;
        field::<bool>(body, IGNORE_STORE_READ_ERROR)?;
        Self::checked(Sent {
            grace_period_seconds: field(body, "gracePeriodSeconds")?,
            preconditions,
            orphan_dependents: field(body, "orphanDependents")?,
            propagation_policy: field(body, "propagationPolicy")?,
            dry_run: field(body, "dryRun")?.unwrap_or_default(),
        })
    }

    fn checked(options: Sent) -> Result<Self, Status> {
        let mut errors = FieldErrors::new();
        if let Some(policy) = &options.propagation_policy {
            if options.orphan_dependents.is_some() {
                let why = "orphanDependents and deletionPropagation cannot be both set";
                errors.invalid("propagationPolicy", policy, why);
            }
            if PropagationPolicy::parse(policy).is_none() {
                let supported = ["Foreground", "Background", "Orphan", "nil"];
                errors.not_supported("propagationPolicy", policy, &supported);
            }
        }
        let dry_run: Vec<&str> = options.dry_run.iter().map(String::as_str).collect();
        validate_dry_run(&dry_run, &mut errors);
        refuse("DeleteOptions", &errors)?;
        Ok(Self {
            grace_period_seconds: options.grace_period_seconds,
            preconditions: options.preconditions.unwrap_or_default(),
            orphan_dependents: options.orphan_dependents,
            propagation_policy: options
                .propagation_policy
                .as_deref()
                .and_then(PropagationPolicy::parse),
            dry_run: !dry_run.is_empty(),
        })
    }
}

impl PropagationPolicy {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "Foreground" => Some(Self::Foreground),
            "Background" => Some(Self::Background),
            "Orphan" => Some(Self::Orphan),
            _ => None,
        }
    }
}

/// A field of a body; `null` is as good as nothing.
fn field<T: DeserializeOwned>(body: &Map<String, Value>, name: &str) -> Result<Option<T>, Status> {
    Option::<T>::deserialize(body.get(name).unwrap_or(&Value::Null))
        .map_err(|error| Status::bad_request(format!("DeleteOptions.{name}: {error}")))
}
