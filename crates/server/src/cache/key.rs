//! The keys of objects.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The key of an object: the storage's own bytes, seen from behind the prefix of the kind.
#[derive(Clone)]
pub(crate) struct Key {
    path: Arc<str>,
    start: u32,
}

impl Key {
    /// What stands behind the prefix in the storage's key, if it begins so.
    pub(crate) fn below(prefix: &str, path: &Arc<str>) -> Option<Self> {
        let start = u32::try_from(prefix.len()).ok()?;
        path.starts_with(prefix).then(|| Self { path: Arc::clone(path), start })
    }
}

impl From<&str> for Key {
    /// The key of an object that no storage has.
    fn from(key: &str) -> Self {
        Self { path: key.into(), start: 0 }
    }
}

impl Deref for Key {
    type Target = str;

    fn deref(&self) -> &str {
        &self.path[self.start as usize..]
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
