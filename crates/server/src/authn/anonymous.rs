//! Who shows nothing: anonymous, if that is allowed, and on some paths only if it is said so.

use super::{ANONYMOUS, UNAUTHENTICATED, user};
use arc_swap::ArcSwap;
use pintle_meta::User;
use std::sync::Arc;

/// Whether and where requests without a credential are taken.
#[derive(Debug)]
pub(crate) struct Anonymous {
    user: Arc<User>,
    allowed: ArcSwap<Allowed>,
}

/// Where it is allowed to be anonymous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    Everywhere,
    /// On these paths, to the letter.
    On(Vec<String>),
}

impl Anonymous {
    pub(crate) fn new(allowed: Allowed) -> Self {
        let user = Arc::new(user(ANONYMOUS, &[UNAUTHENTICATED]));
        Self { user, allowed: ArcSwap::from_pointee(allowed) }
    }

    /// Everywhere or nowhere.
    pub(crate) fn everywhere(allowed: bool) -> Self {
        Self::new(if allowed { Allowed::Everywhere } else { Allowed::On(Vec::new()) })
    }

    /// Changes where it is allowed.
    pub(crate) fn allow(&self, allowed: Allowed) {
        self.allowed.store(Arc::new(allowed));
    }

    /// The user, where there may be one.
    pub(super) fn user(&self, path: &str) -> Option<Arc<User>> {
        let allowed = match &**self.allowed.load() {
            Allowed::Everywhere => true,
            Allowed::On(paths) => paths.iter().any(|it| it == path),
        };
        allowed.then(|| Arc::clone(&self.user))
    }
}
