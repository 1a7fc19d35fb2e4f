//! Questions about access: kinds that are only created, and answered at once.
//!
//! See [checking API access](https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access).

use super::rbac::Rbac;
use super::{Attributes, Authorizer, Authorizers, Decision, On, OnResource};
use crate::rest::Rest;
use async_trait::async_trait;
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, SelfSubjectReviewStatus, UserInfo};
use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, NonResourceAttributes, NonResourceRule, ResourceAttributes,
    ResourceRule, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview,
    SubjectAccessReviewSpec, SubjectAccessReviewStatus, SubjectRulesReviewStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use pintle_meta::{FieldErrors, Hub, Request, Status, User};
use std::marker::PhantomData;
use std::sync::Arc;

/// A kind of question.
#[async_trait]
pub(crate) trait Question: Hub {
    /// Puts the answer into the question.
    async fn answer(&mut self, request: &Request, to: &Authorizers) -> Result<(), Status>;
}

/// Answers the questions of one kind.
#[derive(Debug)]
pub(crate) struct Review<Q>(pub Arc<Authorizers>, pub PhantomData<fn() -> Q>);

#[async_trait]
impl<Q: Question> Rest for Review<Q> {
    type Kind = Q;

    fn verbs(&self) -> &'static [&'static str] {
        &["create"]
    }

    async fn list(&self, _: &Request) -> Result<Vec<Q>, Status> {
        Err(Status::method_not_allowed())
    }

    async fn create(&self, request: &Request, mut question: Q) -> Result<Option<Q>, Status> {
        let mut errors = FieldErrors::new();
        question.validate(&mut errors);
        if !errors.is_empty() {
            return Err(Status::invalid(&Q::group(&()), &Q::kind(&()), "", &errors));
        }
        question.answer(request, &self.0).await?;
        Ok(Some(question))
    }
}

#[async_trait]
impl Question for SelfSubjectAccessReview {
    async fn answer(&mut self, request: &Request, to: &Authorizers) -> Result<(), Status> {
        let (on, path) = (&self.spec.resource_attributes, &self.spec.non_resource_attributes);
        self.status = Some(decide(to, &request.user, on, path).await);
        Ok(())
    }
}

#[async_trait]
impl Question for SubjectAccessReview {
    async fn answer(&mut self, _: &Request, to: &Authorizers) -> Result<(), Status> {
        let (on, path) = (&self.spec.resource_attributes, &self.spec.non_resource_attributes);
        self.status = Some(decide(to, &user_of(&self.spec), on, path).await);
        Ok(())
    }
}

#[async_trait]
impl Question for LocalSubjectAccessReview {
    async fn answer(&mut self, _: &Request, to: &Authorizers) -> Result<(), Status> {
        let on = &self.spec.resource_attributes;
        self.status = Some(decide(to, &user_of(&self.spec), on, &None).await);
        Ok(())
    }
}

fn user_of(spec: &SubjectAccessReviewSpec) -> User {
    User {
        name: spec.user.clone().unwrap_or_default(),
        uid: spec.uid.clone().unwrap_or_default(),
        groups: spec.groups.clone().unwrap_or_default(),
        extra: spec.extra.clone().unwrap_or_default(),
    }
}

async fn decide(
    authorizers: &Authorizers,
    user: &User,
    on: &Option<ResourceAttributes>,
    path: &Option<NonResourceAttributes>,
) -> SubjectAccessReviewStatus {
    fn text(text: &Option<String>) -> &str {
        text.as_deref().unwrap_or_default()
    }
    let (verb, on) = match (on, path) {
        (Some(on), _) => {
            let named = OnResource {
                namespace: text(&on.namespace),
                subresource: text(&on.subresource),
                ..OnResource::new(
                    text(&on.group),
                    text(&on.version),
                    text(&on.resource),
                    text(&on.name),
                )
            };
            (text(&on.verb), On::Resource(named))
        }
        (None, Some(on)) => (text(&on.verb), On::Path(text(&on.path).into())),
        (None, None) => ("", On::Path("".into())),
    };
    let verdict = authorizers.decide(&Attributes::new(user, verb, on)).await;
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    SubjectAccessReviewStatus {
        allowed: verdict.decision == Decision::Allow,
        denied: (verdict.decision == Decision::Deny).then_some(true),
        reason: some(verdict.reason),
        evaluation_error: some(verdict.error),
    }
}

#[async_trait]
impl Question for SelfSubjectRulesReview {
    async fn answer(&mut self, request: &Request, to: &Authorizers) -> Result<(), Status> {
        let namespace = self.spec.namespace.as_deref().unwrap_or_default();
        if namespace.is_empty() {
            return Err(Status::bad_request("no namespace on request"));
        }
        let mut status = SubjectRulesReviewStatus::default();
        let mut problems = Vec::new();
        for authorizer in &to.0 {
            match authorizer {
                Authorizer::Rbac(rbac) => {
                    rules_of(rbac, &request.user, namespace, &mut status, &mut problems);
                }
                // These have no rules that could be told, and cannot be missed either.
                Authorizer::Masters | Authorizer::Paths(_) => {}
                Authorizer::AlwaysAllow => everything(&mut status),
                Authorizer::AlwaysDeny => {}
                Authorizer::Cluster(_) => {
                    status.incomplete = true;
                    let why = "webhook authorizer does not support user rule resolution";
                    problems.push(why.to_owned());
                }
            }
        }
        status.evaluation_error = (!problems.is_empty()).then(|| super::rbac::joined(problems));
        self.status = Some(status);
        Ok(())
    }
}

fn rules_of(
    rbac: &Rbac,
    user: &User,
    namespace: &str,
    status: &mut SubjectRulesReviewStatus,
    problems: &mut Vec<String>,
) {
    let Ok(held) = rbac.held(user, namespace) else {
        status.incomplete = true;
        return problems.push("the roles have not been loaded yet".to_owned());
    };
    problems.extend(held.problems);
    for rule in held.rules {
        if rule.resources.as_ref().is_some_and(|resources| !resources.is_empty()) {
            status.resource_rules.push(ResourceRule {
                verbs: rule.verbs.clone(),
                api_groups: rule.api_groups,
                resources: rule.resources,
                resource_names: rule.resource_names,
            });
        }
        if rule.non_resource_urls.as_ref().is_some_and(|paths| !paths.is_empty()) {
            let (verbs, non_resource_urls) = (rule.verbs, rule.non_resource_urls);
            status.non_resource_rules.push(NonResourceRule { verbs, non_resource_urls });
        }
    }
}

fn everything(status: &mut SubjectRulesReviewStatus) {
    let all = || vec!["*".to_owned()];
    status.resource_rules.push(ResourceRule {
        verbs: all(),
        api_groups: Some(all()),
        resources: Some(all()),
        resource_names: None,
    });
    status
        .non_resource_rules
        .push(NonResourceRule { verbs: all(), non_resource_urls: Some(all()) });
}

#[async_trait]
impl Question for SelfSubjectReview {
    async fn answer(&mut self, request: &Request, _: &Authorizers) -> Result<(), Status> {
        let user = &request.user;
        self.metadata.creation_timestamp = Some(Time(crate::names::whole_second(request.time)));
        let user_info = UserInfo {
            username: Some(user.name.clone()),
            uid: Some(user.uid.clone()).filter(|uid| !uid.is_empty()),
            groups: Some(user.groups.clone()),
            extra: Some(user.extra.clone()).filter(|extra| !extra.is_empty()),
        };
        self.status = Some(SelfSubjectReviewStatus { user_info: Some(user_info) });
        Ok(())
    }
}
