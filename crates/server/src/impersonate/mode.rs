//! The modes in which a user may act as another.
//!
//! What Kubernetes has always had is one verb, `impersonate`, for whatever is done as that user. The
//! others are [constrained](https://kep.k8s.io/5284): a user must be allowed to be that one
//! (`impersonate:user-info`), and to do this as that one (`impersonate-on:user-info:list`).

use super::extra::{Extra, MANY, validate};
use crate::authn::{ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED};
use crate::authz::{Attributes, Authorizers, Decision, MASTERS, On, OnResource};
use pintle_meta::validation::NameRule;
use pintle_meta::{Status, User};

const NODE: &str = "system:node:";
const NODES: &str = "system:nodes";
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
/// What the token of a service account says of the node that its pod is on.
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
/// What an authorizer is told in place of all that.
const NODE_KEYS: &str = "authentication.kubernetes.io/associated-node-keys";

/// One way to act as another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// A service account, as the node that its pod is on.
    AssociatedNode,
    /// Any node.
    ArbitraryNode,
    ServiceAccount,
    /// Whoever is neither a node nor a service account.
    UserInfo,
    /// With `impersonate`, for everything.
    Legacy,
}

impl Mode {
    /// All of them, in the order in which they are tried.
    pub(super) const ALL: [Self; 5] = [
        Self::AssociatedNode,
        Self::ArbitraryNode,
        Self::ServiceAccount,
        Self::UserInfo,
        Self::Legacy,
    ];

    fn verb(self) -> &'static str {
        match self {
            Self::AssociatedNode => "impersonate:associated-node",
            Self::ArbitraryNode => "impersonate:arbitrary-node",
            Self::ServiceAccount => "impersonate:serviceaccount",
            Self::UserInfo => "impersonate:user-info",
            Self::Legacy => "impersonate",
        }
    }

    /// What a metric calls it.
    pub(super) fn name(self) -> &'static str {
        self.verb().strip_prefix("impersonate:").unwrap_or("legacy")
    }

    /// The verb, where it says more than that somebody acts as another.
    pub(super) fn constraint(self) -> &'static str {
        if self == Self::Legacy { "" } else { self.verb() }
    }

    /// Whether this mode is for such a user. Of nodes and service accounts a constrained mode takes
    /// the name only: the rest comes with it.
    pub(super) fn suits(self, wanted: &User, requestor: &User) -> bool {
        let alone = wanted.uid.is_empty() && wanted.groups.is_empty() && wanted.extra.is_empty();
        let (node, account) = (node(&wanted.name), account(&wanted.name));
        match self {
            Self::AssociatedNode => {
                let of_pod = requestor.extra.get(NODE_NAME).filter(|values| values.len() == 1);
                let is_own = node.is_some() && of_pod.map(|values| values[0].as_str()) == node;
                alone && is_own && self::account(&requestor.name).is_some()
            }
            Self::ArbitraryNode => alone && node.is_some(),
            Self::ServiceAccount => alone && account.is_some(),
            Self::UserInfo => node.is_none() && account.is_none(),
            Self::Legacy => true,
        }
    }

    /// Asks for everything that this mode needs.
    ///
    /// # Errors
    /// 403 with the first that is not allowed.
    pub(super) async fn allow(
        self,
        authorizers: &Authorizers,
        wanted: &User,
        asked: &Attributes<'_>,
    ) -> Result<(), Status> {
        let requestor = self.requestor(asked.user);
        let user = requestor.as_ref().unwrap_or(asked.user);
        if let Some(mode) = self.verb().strip_prefix("impersonate:") {
            let verb = format!("impersonate-on:{mode}:{}", asked.verb);
            let attributes =
                Attributes { verb: verb.into(), ..Attributes::new(user, "", asked.on.clone()) };
            check(authorizers, &attributes).await?;
        }
        let question = Question { mode: self, authorizers, user };
        question.name(&wanted.name).await?;
        if !wanted.uid.is_empty() {
            question.ask(OnResource { name: wanted.uid.as_str().into(), ..UIDS }).await?;
        }
        question.groups(&wanted.groups).await?;
        question.extra(&wanted.extra).await
    }

    /// As whom the authorizers are asked, where that is not simply who sent the request: which node
    /// it is has been found out, so a rule must hold for every node that the account is on.
    fn requestor(self, user: &User) -> Option<User> {
        let keys = || user.extra.keys().cloned().collect();
        (self == Self::AssociatedNode)
            .then(|| User { extra: [(NODE_KEYS.to_owned(), keys())].into(), ..user.clone() })
    }

    /// Adds the groups that come with a name.
    pub(super) fn complete(self, mut user: User) -> User {
        if self != Self::Legacy && node(&user.name).is_some() {
            user.groups = vec![NODES.to_owned()];
        } else if let Some((namespace, _)) = account(&user.name).filter(|_| user.groups.is_empty())
        {
            let all = "system:serviceaccounts";
            user.groups = vec![all.to_owned(), format!("{all}:{namespace}")];
        }
        let group = match user.name == ANONYMOUS {
            true => UNAUTHENTICATED,
            false if user.in_group(UNAUTHENTICATED) => return user,
            false => AUTHENTICATED,
        };
        if !user.in_group(group) {
            user.groups.push(group.to_owned());
        }
        user
    }
}

const AUTHENTICATION: &str = "authentication.k8s.io";
const UIDS: OnResource<'_> = OnResource::new(AUTHENTICATION, "v1", "uids", "");
const EXTRAS: OnResource<'_> = OnResource::new(AUTHENTICATION, "v1", "userextras", "");

/// What one mode asks of the authorizers.
struct Question<'a> {
    mode: Mode,
    authorizers: &'a Authorizers,
    user: &'a User,
}

impl Question<'_> {
    async fn ask(&self, on: OnResource<'_>) -> Result<(), Status> {
        check(self.authorizers, &self.about(on)).await
    }

    fn about<'a>(&'a self, on: OnResource<'a>) -> Attributes<'a> {
        Attributes::new(self.user, self.mode.verb(), On::Resource(on))
    }

    fn refuse(&self, on: OnResource<'_>, why: &str) -> Result<(), Status> {
        Err(self.about(on).forbidden(why))
    }

    fn is_constrained(&self) -> bool {
        self.mode != Mode::Legacy
    }

    /// Names and groups are in the core group where everything is allowed at once.
    fn on(&self, resource: &'static str) -> OnResource<'static> {
        let group = if self.is_constrained() { AUTHENTICATION } else { "" };
        OnResource::new(group, "v1", resource, "")
    }

    async fn name(&self, name: &str) -> Result<(), Status> {
        let on = match (account(name), node(name)) {
            (Some((namespace, name)), _) => {
                OnResource { namespace, name: name.into(), ..self.on("serviceaccounts") }
            }
            (None, Some(node)) if self.is_constrained() => {
                let node = if self.mode == Mode::AssociatedNode { "*" } else { node };
                OnResource { name: node.into(), ..self.on("nodes") }
            }
            _ => OnResource { name: name.into(), ..self.on("users") },
        };
        self.ask(on).await
    }

    async fn groups(&self, groups: &[String]) -> Result<(), Status> {
        let group = |name: &str| OnResource { name: name.to_owned().into(), ..self.on("groups") };
        if self.is_constrained() {
            if groups.iter().any(String::is_empty) {
                let why = "impersonating the empty string group is not allowed";
                return self.refuse(group(""), why);
            }
            if groups.iter().any(|it| it == MASTERS) {
                let why = "impersonating the system:masters group is not allowed";
                return self.refuse(group(MASTERS), why);
            }
            if groups.len() >= MANY && self.ask(group("*")).await.is_ok() {
                return Ok(());
            }
        }
        for name in groups {
            self.ask(group(name)).await?;
        }
        Ok(())
    }

    async fn extra(&self, extra: &Extra) -> Result<(), Status> {
        if self.is_constrained() {
            if let Err(why) = validate(extra) {
                return self.refuse(EXTRAS, &why);
            }
            let many = extra.values().map(Vec::len).sum::<usize>() >= MANY;
            let all = OnResource { subresource: "*", name: "*".into(), ..EXTRAS };
            if many && self.ask(all).await.is_ok() {
                return Ok(());
            }
        }
        for (key, values) in extra {
            for value in values {
                let name = value.as_str().into();
                self.ask(OnResource { subresource: key, name, ..EXTRAS }).await?;
            }
        }
        Ok(())
    }
}

/// Asks, and says why not, with what went wrong.
async fn check(authorizers: &Authorizers, attributes: &Attributes<'_>) -> Result<(), Status> {
    let verdict = authorizers.decide(attributes).await;
    if verdict.decision == Decision::Allow {
        return Ok(());
    }
    let why = [verdict.error, verdict.reason];
    let why: Vec<String> = why.into_iter().filter(|text| !text.is_empty()).collect();
    Err(attributes.forbidden(&why.join(": ")))
}

/// The node that a name stands for.
fn node(name: &str) -> Option<&str> {
    let node = name.strip_prefix(NODE)?;
    NameRule::Dns1123Subdomain.validate(node, false).is_empty().then_some(node)
}

/// The namespace and the name of the service account that a name stands for.
fn account(name: &str) -> Option<(&str, &str)> {
    let (namespace, name) = name.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
    let fits = NameRule::Dns1123Label.validate(namespace, false).is_empty()
        && NameRule::Dns1123Subdomain.validate(name, false).is_empty();
    fits.then_some((namespace, name))
}
