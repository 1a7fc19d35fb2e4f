//! Tokens that a cluster judges, by a
//! [TokenReview](https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/).

use super::known;
use super::tokens::Digest;
use crate::memo::Memo;
use crate::upstream::Upstream;
use pintle_meta::User;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const PATH: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
/// How many tokens are remembered.
const TOKENS_MAX: usize = 8_192;

/// Asks a cluster whose a token is, and remembers the answers for a while, also that it is nobody's;
/// that there was no answer is not remembered.
#[derive(Debug)]
pub(crate) struct TokenReviews {
    cluster: Arc<Upstream>,
    keep: Duration,
    answers: Memo<Digest, Answer>,
}

/// The user, or nobody, or why it cannot be told.
type Answer = Result<Option<Arc<User>>, String>;

#[derive(Deserialize)]
struct Review {
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    authenticated: bool,
    user: Reviewed,
    error: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reviewed {
    username: String,
    uid: String,
    groups: Vec<String>,
    extra: BTreeMap<String, Vec<String>>,
}

impl TokenReviews {
    pub(crate) fn new(cluster: Arc<Upstream>, keep: Duration) -> Self {
        Self { cluster, keep, answers: Memo::new(TOKENS_MAX) }
    }

    /// The user of a token; nobody where the cluster does not know it.
    pub(super) async fn user(&self, token: &str, digest: &Digest) -> Answer {
        let keep = |answer: &Answer| if answer.is_ok() { self.keep } else { Duration::ZERO };
        self.answers.get(digest, async || self.ask(token).await, keep).await
    }

    async fn ask(&self, token: &str) -> Answer {
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "metadata": {},
            "spec": {"token": token},
        });
        let answered = self.cluster.create(PATH, &review).await.map_err(|failure| {
            tracing::warn!("cannot ask the cluster whose a token is: {failure}");
            failure.to_string()
        })?;
        let review: Review = serde_json::from_slice(&answered)
            .map_err(|error| format!("the answer is no TokenReview: {error}"))?;
        let Status { authenticated, user, error } = review.status;
        match (authenticated, error.as_str()) {
            (true, _) => {
                let Reviewed { username: name, uid, groups, extra } = user;
                Ok(Some(known(User { name, uid, groups, extra })))
            }
            (false, "") => Ok(None),
            (false, error) => Err(error.to_owned()),
        }
    }
}
