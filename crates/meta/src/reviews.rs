//! Questions about access as kinds that are only created: `authorization.k8s.io` and
//! `authentication.k8s.io` of Kubernetes.
//!
//! The types are those of `k8s-openapi`; here are their rules, in the words of Kubernetes. See
//! [checking API access](https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access).

use crate::field::FieldErrors;
use crate::kind::Hub;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, NonResourceAttributes, ResourceAttributes, SelfSubjectAccessReview,
    SelfSubjectRulesReview, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::Value;

impl Hub for SelfSubjectReview {}

impl Hub for SelfSubjectRulesReview {}

impl Hub for SelfSubjectAccessReview {
    fn validate(&self, errors: &mut FieldErrors) {
        let spec = &self.spec;
        one_question(&spec.resource_attributes, &spec.non_resource_attributes, errors);
        no_metadata(&self.metadata, errors);
    }
}

impl Hub for SubjectAccessReview {
    fn validate(&self, errors: &mut FieldErrors) {
        about_somebody(&self.spec, errors);
        no_metadata(&self.metadata, errors);
    }
}

impl Hub for LocalSubjectAccessReview {
    fn validate(&self, errors: &mut FieldErrors) {
        about_somebody(&self.spec, errors);
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        no_metadata(&ObjectMeta { namespace: None, ..self.metadata.clone() }, errors);
        if let Some(on) = &self.spec.resource_attributes {
            let asked = on.namespace.as_deref().unwrap_or_default();
            if asked != namespace {
                let field = "spec.resourceAttributes.namespace";
                errors.invalid(field, asked, "must match metadata.namespace");
            }
        }
        if let Some(on) = &self.spec.non_resource_attributes {
            let why = "disallowed on this kind of request";
            errors.invalid("spec.nonResourceAttributes", shown(on), why);
        }
    }
}

fn about_somebody(spec: &SubjectAccessReviewSpec, errors: &mut FieldErrors) {
    one_question(&spec.resource_attributes, &spec.non_resource_attributes, errors);
    let user = spec.user.as_deref().unwrap_or_default();
    if user.is_empty() && spec.groups.as_ref().is_none_or(Vec::is_empty) {
        errors.invalid("spec.user", user, "at least one of user or group must be specified");
    }
}

fn one_question(
    resource: &Option<ResourceAttributes>,
    path: &Option<NonResourceAttributes>,
    errors: &mut FieldErrors,
) {
    match (resource, path) {
        (Some(_), Some(path)) => {
            let why = "cannot be specified in combination with resourceAttributes";
            errors.invalid("spec.nonResourceAttributes", shown(path), why);
        }
        (None, None) => {
            let why =
                "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            errors.invalid("spec.resourceAttributes", Value::Null, why);
        }
        _ => {}
    }
}

/// A question is not kept, so it has no name, no labels and no owner.
fn no_metadata(meta: &ObjectMeta, errors: &mut FieldErrors) {
    if *meta
        != (ObjectMeta { managed_fields: meta.managed_fields.clone(), ..ObjectMeta::default() })
    {
        errors.invalid("metadata", shown(meta), "must be empty");
    }
}

fn shown(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
