//! The list of paths that Kubernetes answers for `/`, and for a path that nobody knows.

use crate::body::Body;
use crate::respond;
use http::{Response, StatusCode};

/// Answers with the paths, which are sorted.
pub(crate) fn answer(paths: &[String], code: u16) -> Response<Body> {
    let paths = serde_json::json!({ "paths": paths });
    let mut response = respond::document_text(format!("{paths:#}"));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
    response
}
