//! Tokens that an operator wrote into a file: `token,user,uid[,"group1,group2"]`, a line each.
//!
//! See [Static token file](https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file).

use super::known;
use super::tokens::{Digest, Hasher};
use arc_swap::ArcSwap;
use pintle_meta::User;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The tokens of a file, read again when it changes.
#[derive(Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
    hasher: Arc<Hasher>,
    users: ArcSwap<HashMap<Digest, Arc<User>>>,
}

impl TokenFile {
    /// Reads a file.
    ///
    /// # Errors
    /// With one line that names the file.
    pub(crate) fn read(path: &Path, hasher: &Arc<Hasher>) -> io::Result<Arc<Self>> {
        let users = ArcSwap::from_pointee(load(path, hasher)?);
        Ok(Arc::new(Self { path: path.to_owned(), hasher: Arc::clone(hasher), users }))
    }

    /// Reads the file again; if it cannot be used, what was there stays.
    ///
    /// # Errors
    /// With one line that names the file.
    pub(crate) fn reload(&self) -> io::Result<()> {
        self.users.store(Arc::new(load(&self.path, &self.hasher)?));
        Ok(())
    }

    pub(super) fn user(&self, token: &Digest) -> Option<Arc<User>> {
        self.users.load().get(token).cloned()
    }
}

fn load(path: &Path, hasher: &Hasher) -> io::Result<HashMap<Digest, Arc<User>>> {
    let about = |error: &dyn std::fmt::Display| format!("token file {}: {error}", path.display());
    let text = super::read_file(path, FILE_BYTES_MAX)
        .map_err(|error| io::Error::new(error.kind(), about(&error)))?;
    users(&String::from_utf8_lossy(&text), hasher)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, about(&error)))
}

fn users(text: &str, hasher: &Hasher) -> Result<HashMap<Digest, Arc<User>>, String> {
    let mut users = HashMap::new();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (number, line) in lines.map(|(index, line)| (index + 1, line)) {
        let fields = fields(line).ok_or_else(|| format!("line {number}: a quote is not closed"))?;
        let [token, name, uid, rest @ ..] = &fields[..] else {
            let found = fields.len();
            return Err(format!(
                "line {number}: must have at least 3 columns (token, user name, user uid), found {found}"
            ));
        };
        if token.is_empty() {
            tracing::warn!("empty token has been found in token file on line {number}");
            continue;
        }
        let groups = rest.first().map(|groups| groups.split(',').map(str::to_owned).collect());
        let user = User {
            name: name.clone(),
            uid: uid.clone(),
            groups: groups.unwrap_or_default(),
            ..User::default()
        };
        if users.insert(hasher.digest(token), known(user)).is_some() {
            tracing::warn!("duplicate token has been found in token file on line {number}");
        }
    }
    Ok(users)
}

/// The fields of a line of CSV; nothing where a quote is not closed.
fn fields(line: &str) -> Option<Vec<String>> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    (!quoted).then_some(fields)
}

/// Whether a text is a file of tokens, for fuzzing.
#[cfg(feature = "fuzz")]
pub(crate) fn check(text: &[u8]) -> Result<(), String> {
    users(&String::from_utf8_lossy(text), &Hasher::new()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let check = |text: &str, want: &str| {
            let got = match users(text, &Hasher::new()) {
                Ok(users) => {
                    let show = |user: &Arc<User>| {
                        format!("{} {} {}", user.name, user.uid, user.groups.join("+"))
                    };
                    let mut all: Vec<String> = users.values().map(show).collect();
                    all.sort();
                    all.join("; ")
                }
                Err(error) => error,
            };
            assert_eq!(got, want, "{text:?}");
        };
        check("", "");
        check("t,jane,7", "jane 7 system:authenticated");
        check(
            "t,jane,7,\"a,b\"\r\n\nu,joe,,c\n",
            "jane 7 a+b+system:authenticated; joe  c+system:authenticated",
        );
        check("t,\"j\"\"ane, x\",7,a,ignored", "j\"ane, x 7 a+system:authenticated");
        check(",nobody,7\nt,jane,7", "jane 7 system:authenticated");
        check("t,jane,1\nt,joe,2", "joe 2 system:authenticated");
        check(
            "t,jane",
            "line 1: must have at least 3 columns (token, user name, user uid), found 2",
        );
        check("\nt,\"jane,7", "line 2: a quote is not closed");
    }
}
