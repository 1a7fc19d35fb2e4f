//! `Status`: what a Kubernetes API answers when there is no object to answer with.
//!
//! The one public error of Pintle is also a wire type: clients match on its `code`, `reason`,
//! `details` and often on the words of its `message`. See the
//! [API conventions](https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#response-status-kind).

use crate::{field::FieldErrors, json::quote};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A result that is not an object: a failure with its code, reason and details, or a success.
///
/// On the wire it is `kind: Status, apiVersion: v1`, fields in the order of Go's `metav1.Status`.
/// The [`source`](std::error::Error::source) is for the server's log and never leaves it.
#[derive(Clone, Debug)]
pub struct Status {
    /// The HTTP status code, also the `code` of the body.
    pub code: u16,
    /// The machine-readable reason; `None` where Go answers a plain error.
    pub reason: Option<Reason>,
    /// The text that a person reads.
    pub message: String,
    /// What the status is about; empty details are written as `{}`, `None` is left out.
    pub details: Option<Details>,
    /// `metadata.continue`: where a client may resume a list that has expired.
    pub continue_token: Option<String>,
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Why a request failed, in the words that clients match on.
///
/// The names are those of [`metav1.StatusReason`](https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#StatusReason).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are Kubernetes' own")]
pub enum Reason {
    AlreadyExists,
    BadRequest,
    Conflict,
    Expired,
    Forbidden,
    Gone,
    InternalError,
    Invalid,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    RequestEntityTooLarge,
    ServerTimeout,
    ServiceUnavailable,
    StorageReadError,
    Timeout,
    TooManyRequests,
    Unauthorized,
    UnsupportedMediaType,
}

/// What a [`Status`] is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Details {
    /// The name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The API group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The resource, or for invalid objects the kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The UID of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The single findings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// How long a client should wait before it tries again; also sent as `Retry-After`.
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_after_seconds: u32,
}

/// One finding of a [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cause {
    /// The kind of finding, for example `FieldValueRequired`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The text that a person reads.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The path of the field, for example `spec.image`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A resource for the messages of a [`Status`]: `foos.hello.zeng.dev`, or `pods` without a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupResource {
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource, with its subresource where Kubernetes says so (`foos/config`).
    pub resource: String,
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&qualified(&self.resource, &self.group))
    }
}

fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

impl Status {
    fn new(code: u16, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: Some(reason),
            message: message.into(),
            details: None,
            continue_token: None,
            cause: None,
        }
    }

    fn about(mut self, on: &GroupResource, name: &str) -> Self {
        self.details = Some(Details {
            name: name.to_owned(),
            group: on.group.clone(),
            kind: on.resource.clone(),
            ..Details::default()
        });
        self
    }

    /// Keeps the error that led here for the log; it is not sent.
    #[must_use]
    pub fn caused_by(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// The same status with details that are empty but present, as Go's router answers.
    #[must_use]
    pub fn with_empty_details(mut self) -> Self {
        self.details = Some(Details::default());
        self
    }

    /// The same status with a hint to try again after some seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.details.get_or_insert_default().retry_after_seconds = seconds;
        self
    }

    /// The seconds that a client should wait, where the status says so.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.details.as_ref().map(|details| details.retry_after_seconds).filter(|s| *s > 0)
    }

    /// A success about an object that is gone: the usual answer to DELETE.
    #[must_use]
    pub fn deleted(on: &GroupResource, name: &str, uid: &str) -> Self {
        let mut status = Self::new(200, Reason::Gone, "").about(on, name);
        status.reason = None;
        status.details.get_or_insert_default().uid = uid.to_owned();
        status
    }

    /// 404: the object does not exist.
    #[must_use]
    pub fn not_found(on: &GroupResource, name: &str) -> Self {
        Self::new(404, Reason::NotFound, format!("{on} {} not found", quote(name))).about(on, name)
    }

    /// 404: there is no such path below an API group.
    #[must_use]
    pub fn unknown_path() -> Self {
        Self::new(404, Reason::NotFound, "the server could not find the requested resource")
            .with_empty_details()
    }

    /// 405: the path exists, the method is not for it.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, Reason::MethodNotAllowed, message).with_empty_details()
    }

    /// 405: the kind does not support the verb.
    #[must_use]
    pub fn not_supported(on: &GroupResource, verb: &str) -> Self {
        let message = format!("{verb} is not supported on resources of kind \"{on}\"");
        let mut status = Self::new(405, Reason::MethodNotAllowed, message);
        status.details = Some(Details {
            group: on.group.clone(),
            kind: on.resource.clone(),
            ..Details::default()
        });
        status
    }

    /// 409: the object to be created exists.
    #[must_use]
    pub fn already_exists(on: &GroupResource, name: &str) -> Self {
        let message = format!("{on} {} already exists", quote(name));
        Self::new(409, Reason::AlreadyExists, message).about(on, name)
    }

    /// 409: the object is not as the request supposes it to be.
    #[must_use]
    pub fn conflict(on: &GroupResource, name: &str, why: impl fmt::Display) -> Self {
        let message = format!("Operation cannot be fulfilled on {on} {}: {why}", quote(name));
        Self::new(409, Reason::Conflict, message).about(on, name)
    }

    /// 409: the object was changed since the client read it.
    #[must_use]
    pub fn modified(on: &GroupResource, name: &str) -> Self {
        let why = "the object has been modified; \
                   please apply your changes to the latest version and try again";
        Self::conflict(on, name, why)
    }

    /// 409: other managers own fields that an apply would change.
    #[must_use]
    pub fn apply_conflict(message: impl Into<String>, causes: Vec<Cause>) -> Self {
        let mut status = Self::new(409, Reason::Conflict, message);
        status.details = Some(Details { causes, ..Details::default() });
        status
    }

    /// 422: the object breaks rules of its kind; every finding becomes a cause.
    #[must_use]
    pub fn invalid(group: &str, kind: &str, name: &str, errors: &FieldErrors) -> Self {
        let message = format!("{} {} is invalid: {errors}", qualified(kind, group), quote(name));
        let mut status = Self::new(422, Reason::Invalid, message);
        status.details = Some(Details {
            name: name.to_owned(),
            group: group.to_owned(),
            kind: kind.to_owned(),
            causes: errors.causes(),
            ..Details::default()
        });
        status
    }

    /// 422: a patch that is well-formed cannot be applied to this object.
    #[must_use]
    pub fn patch_failed() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self::new(422, Reason::Invalid, message).with_empty_details()
    }

    /// 400: the request makes no sense, in the words given.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, Reason::BadRequest, message)
    }

    /// 401: the credential is missing or wrong.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(401, Reason::Unauthorized, "Unauthorized")
    }

    /// 403: an admission plugin or hook refuses the object; `name` may be empty on create.
    #[must_use]
    pub fn forbidden(on: &GroupResource, name: &str, why: impl fmt::Display) -> Self {
        let message = if name.is_empty() {
            format!("{on} is forbidden: {why}")
        } else {
            format!("{on} {} is forbidden: {why}", quote(name))
        };
        Self::new(403, Reason::Forbidden, message).about(on, name)
    }

    /// 403: the user may not do this; what it is done to is no resource.
    #[must_use]
    pub fn forbidden_request(why: impl fmt::Display) -> Self {
        Self::new(403, Reason::Forbidden, format!("forbidden: {why}")).with_empty_details()
    }

    /// 406: none of the media types that the client accepts can be had.
    #[must_use]
    pub fn not_acceptable(message: impl Into<String>) -> Self {
        Self::new(406, Reason::NotAcceptable, message)
    }

    /// 410: the state that the client asks for is no longer kept.
    #[must_use]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, Reason::Expired, message)
    }

    /// 413: the body is over the limit.
    #[must_use]
    pub fn too_large(message: impl fmt::Display) -> Self {
        let message = format!("Request entity too large: {message}");
        Self::new(413, Reason::RequestEntityTooLarge, message)
    }

    /// 415: the body is in a format that the server does not read.
    #[must_use]
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(415, Reason::UnsupportedMediaType, message)
    }

    /// 429: the server is busy or not ready yet.
    #[must_use]
    pub fn too_many_requests(message: impl Into<String>, retry_after: u32) -> Self {
        Self::new(429, Reason::TooManyRequests, message).retry_after(retry_after)
    }

    /// 500: something in the server failed; the details are for the log.
    #[must_use]
    pub fn internal(what: impl fmt::Display) -> Self {
        let message = format!("Internal error occurred: {what}");
        let mut status = Self::new(500, Reason::InternalError, message);
        status.details = Some(Details {
            causes: vec![Cause { message: what.to_string(), ..Cause::default() }],
            ..Details::default()
        });
        status
    }

    /// 500 without a reason: what Go answers for an error that nobody gave a status.
    #[must_use]
    pub fn plain(message: impl Into<String>) -> Self {
        let mut status = Self::new(500, Reason::InternalError, message);
        status.reason = None;
        status
    }

    /// 500 `ServerTimeout`: the storage did not answer; the client may try again.
    #[must_use]
    pub fn server_timeout(on: &GroupResource, operation: &str) -> Self {
        let message = format!(
            "The {operation} operation against {on} could not be completed at this time, \
             please try again."
        );
        let mut status = Self::new(500, Reason::ServerTimeout, message);
        status.details = Some(Details {
            name: operation.to_owned(),
            group: on.group.clone(),
            kind: on.resource.clone(),
            ..Details::default()
        });
        status.retry_after(2)
    }

    /// 503: the server is going away or not there yet.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, Reason::ServiceUnavailable, message)
    }

    /// 504: the time of the request is over.
    #[must_use]
    pub fn timeout(message: impl fmt::Display) -> Self {
        Self::new(504, Reason::Timeout, format!("Timeout: {message}"))
    }

    /// 504 with cause `ResourceVersionTooLarge`: the client is ahead of the server.
    #[must_use]
    pub fn resource_version_too_large(asked: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {asked}, current: {current}");
        let mut status = Self::new(504, Reason::Timeout, format!("Timeout: {message}"));
        let cause = Cause {
            reason: "ResourceVersionTooLarge".to_owned(),
            message: "Too large resource version".to_owned(),
            ..Cause::default()
        };
        status.details = Some(Details { causes: vec![cause], ..Details::default() });
        status.retry_after(1)
    }

    /// Whether this is a success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code < 400
    }

    /// Whether the reason is this one.
    #[must_use]
    pub fn is(&self, reason: Reason) -> bool {
        self.reason == Some(reason)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct ListMeta<'a> {
            #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
            continue_token: Option<&'a str>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            kind: &'a str,
            api_version: &'a str,
            metadata: ListMeta<'a>,
            status: &'a str,
            #[serde(skip_serializing_if = "str::is_empty")]
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<Reason>,
            #[serde(skip_serializing_if = "Option::is_none")]
            details: Option<&'a Details>,
            #[serde(skip_serializing_if = "Option::is_none")]
            code: Option<u16>,
        }
        let success = self.is_success();
        Wire {
            kind: "Status",
            api_version: "v1",
            metadata: ListMeta { continue_token: self.continue_token.as_deref() },
            status: if success { "Success" } else { "Failure" },
            message: &self.message,
            reason: self.reason,
            details: self.details.as_ref(),
            code: (!success).then_some(self.code),
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: &Status, want: &str) {
        assert_eq!(serde_json::to_string(status).unwrap(), want);
    }

    #[test]
    fn wire_form() {
        let foos = GroupResource { group: "hello.zeng.dev".into(), resource: "foos".into() };
        check(
            &Status::not_found(&foos, "a"),
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"foos.hello.zeng.dev \"a\" not found","reason":"NotFound","details":{"name":"a","group":"hello.zeng.dev","kind":"foos"},"code":404}"#,
        );
        check(
            &Status::deleted(&foos, "a", "u"),
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":"a","group":"hello.zeng.dev","kind":"foos","uid":"u"}}"#,
        );
        check(
            &Status::unknown_path(),
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"the server could not find the requested resource","reason":"NotFound","details":{},"code":404}"#,
        );
        check(
            &Status::plain("oops"),
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"oops","code":500}"#,
        );
        let mut errors = FieldErrors::new();
        errors.required("spec.image");
        check(
            &Status::invalid("hello.zeng.dev", "Foo", "ok", &errors),
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Foo.hello.zeng.dev \"ok\" is invalid: spec.image: Required value","reason":"Invalid","details":{"name":"ok","group":"hello.zeng.dev","kind":"Foo","causes":[{"reason":"FieldValueRequired","message":"Required value","field":"spec.image"}]},"code":422}"#,
        );
    }
}
