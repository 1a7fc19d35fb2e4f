//! The administrator's way in: a token made on the first start, and a kubeconfig that holds it.
//!
//! Whoever can read the two files is the administrator, so they are their owner's only from the
//! moment they exist.

use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};

use crate::tls::files;

/// The name of the token's file in the data folder.
const TOKEN_FILE: &str = "admin.token";
/// The randomness of a token.
const TOKEN_BYTES: usize = 32;
/// The shortest token that is taken from the file; a made one has 43 characters.
const TOKEN_CHARS_MIN: usize = 32;
/// The longest; requests carry it in a header.
const TOKEN_CHARS_MAX: usize = 1024;

/// The bearer token of the administrator.
///
/// Its `Debug` form does not tell it.
#[derive(Clone)]
pub(crate) struct AdminToken(String);

impl AdminToken {
    /// The token of a data folder; made on the first start and kept from then on.
    ///
    /// # Errors
    ///
    /// Fails with one line that names the file when it cannot be read or made, or holds something
    /// that is no token: an empty file must not become a password that everybody knows.
    pub(crate) fn load_or_create(data_folder: &Path) -> io::Result<Self> {
        let path = data_folder.join(TOKEN_FILE);
        if let Some(token) = read_token(&path)? {
            return Ok(token);
        }
        files::make_folder(data_folder)?;
        let _lock = files::lock(data_folder)?;
        // Another process may have made it while this one waited for the lock.
        if let Some(token) = read_token(&path)? {
            return Ok(token);
        }
        let token = Self::make()?;
        files::write(&path, format!("{}\n", token.0).as_bytes())?;
        Ok(token)
    }

    /// A token that is written nowhere.
    ///
    /// # Errors
    ///
    /// Fails where the system has no randomness to give.
    pub(crate) fn make() -> io::Result<Self> {
        let mut random = [0; TOKEN_BYTES];
        SystemRandom::new().fill(&mut random).map_err(|_| io::Error::other("no random numbers"))?;
        Ok(AdminToken(URL_SAFE_NO_PAD.encode(random)))
    }

    /// The token itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

fn read_token(path: &Path) -> io::Result<Option<AdminToken>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(files::about(&error, "read the token", path)),
        Ok(text) => text,
    };
    let token = text.trim_ascii();
    let is_token = (TOKEN_CHARS_MIN..=TOKEN_CHARS_MAX).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_token {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} holds no usable token: remove it to have one made", path.display()),
        ));
    }
    files::make_private(path)?;
    Ok(Some(AdminToken(token.to_owned())))
}

/// What an administrator's kubeconfig tells.
#[derive(Debug)]
pub(crate) struct Kubeconfig<'a> {
    /// The name of the server's program, which becomes the cluster's.
    pub program: &'a str,
    /// Where the server listens. An address that stands for all becomes the loopback one.
    pub server: SocketAddr,
    /// The certificates by which the server is known, in PEM form.
    pub authority_pem: &'a str,
    /// The administrator's token.
    pub token: &'a AdminToken,
}

impl Kubeconfig<'_> {
    /// Writes the file in one step, unless it says all this already.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written, and when a file is there that this program did not write:
    /// a path given in haste must not cost somebody their own kubeconfig.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let text = self.render();
        match fs::read_to_string(path) {
            Ok(existing) if existing == text => return files::make_private(path),
            Ok(existing) if !existing.is_empty() && !existing.starts_with(&self.mark()) => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    format!(
                        "{} is not replaced: {} did not write it",
                        path.display(),
                        self.program
                    ),
                ));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(files::about(&error, "read", path));
            }
            Ok(_) | Err(_) => {}
        }
        if let Some(folder) = path.parent()
            && !folder.as_os_str().is_empty()
        {
            files::make_folder(folder)?;
        }
        files::write(path, text.as_bytes())
    }

    /// The first line, by which a file is known to be replaceable.
    fn mark(&self) -> String {
        format!("# Written by {} when it starts; changes are lost.\n", self.program)
    }

    /// The strings are written as JSON's, which YAML reads alike.
    fn render(&self) -> String {
        let cluster = serde_json::Value::from(self.program);
        let token = serde_json::Value::from(&*self.token.0);
        format!(
            "{mark}apiVersion: v1
kind: Config
clusters:
- name: {cluster}
  cluster:
    server: https://{server}
    certificate-authority-data: {authority}
users:
- name: admin
  user:
    token: {token}
contexts:
- name: default
  context:
    cluster: {cluster}
    user: admin
    namespace: default
current-context: default
",
            mark = self.mark(),
            server = dialled(self.server),
            authority = STANDARD.encode(self.authority_pem),
        )
    }
}

/// The address by which a client on the same machine reaches a listener.
fn dialled(server: SocketAddr) -> SocketAddr {
    let mut server = server;
    if server.ip().is_unspecified() {
        server.set_ip(match server {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    server
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::net::IpAddr;

    use tempfile::TempDir;

    use super::*;

    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_token_is_made_once_and_is_its_owners_only() {
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("data");
        let token = AdminToken::load_or_create(&folder).unwrap();
        assert_eq!(token.0.len(), 43);
        assert_eq!((mode(&folder), mode(&folder.join("admin.token"))), (0o700, 0o600));
        assert_eq!(AdminToken::load_or_create(&folder).unwrap().0, token.0);
        assert_ne!(AdminToken::load_or_create(&parent.path().join("other")).unwrap().0, token.0);
        assert_eq!(format!("{token:?}"), "AdminToken");
    }

    #[test]
    fn a_file_with_no_token_is_refused() {
        let long = "x".repeat(TOKEN_CHARS_MAX + 1);
        for text in ["", "\n", "short", &"two words".repeat(8), &"ünïcödë".repeat(8), &long] {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("admin.token");
            fs::write(&path, text).unwrap();
            let error = AdminToken::load_or_create(folder.path()).unwrap_err().to_string();
            let expected =
                format!("{} holds no usable token: remove it to have one made", path.display());
            assert_eq!(error, expected, "{text}");
        }
    }

    #[test]
    fn a_token_that_others_could_read_is_withdrawn_from_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("admin.token");
        fs::write(&path, "x".repeat(TOKEN_CHARS_MIN)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        AdminToken::load_or_create(folder.path()).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_kubeconfig_says_where_and_how() {
        let token = AdminToken("t".repeat(TOKEN_CHARS_MIN));
        let kubeconfig = Kubeconfig {
            program: "hello-apiserver",
            server: "127.0.0.1:6443".parse().unwrap(),
            authority_pem: "a certificate",
            token: &token,
        };
        let expected = "\
# Written by hello-apiserver when it starts; changes are lost.
apiVersion: v1
kind: Config
clusters:
- name: \"hello-apiserver\"
  cluster:
    server: https://127.0.0.1:6443
    certificate-authority-data: YSBjZXJ0aWZpY2F0ZQ==
users:
- name: admin
  user:
    token: \"tttttttttttttttttttttttttttttttt\"
contexts:
- name: default
  context:
    cluster: \"hello-apiserver\"
    user: admin
    namespace: default
current-context: default
";
        assert_eq!(kubeconfig.render(), expected);

        for (listens, dialled_at) in [
            ("127.0.0.1:6443", "127.0.0.1:6443"),
            ("192.0.2.7:1", "192.0.2.7:1"),
            ("0.0.0.0:6443", "127.0.0.1:6443"),
            ("[::]:6443", "[::1]:6443"),
        ] {
            assert_eq!(dialled(listens.parse().unwrap()).to_string(), dialled_at);
        }
    }

    #[test]
    fn a_kubeconfig_follows_the_server_and_costs_nobody_theirs() {
        let parent = TempDir::new().unwrap();
        let path = parent.path().join("new/folder/admin.kubeconfig");
        let token = AdminToken::load_or_create(parent.path()).unwrap();
        let write = |port, authority_pem, path: &Path| {
            let server = SocketAddr::new(IpAddr::from(Ipv4Addr::LOCALHOST), port);
            Kubeconfig { program: "hello", server, authority_pem, token: &token }.write(path)
        };
        let mut seen = Vec::new();
        for (port, authority) in [(1, "a"), (2, "a"), (2, "b")] {
            for _ in 0..2 {
                write(port, authority, &path).unwrap();
                assert_eq!(mode(&path), 0o600);
            }
            seen.push(fs::read_to_string(&path).unwrap());
        }
        seen.dedup();
        assert_eq!(seen.len(), 3);

        let theirs = parent.path().join("config");
        fs::write(&theirs, "apiVersion: v1\n").unwrap();
        let error = write(1, "a", &theirs).unwrap_err().to_string();
        assert_eq!(error, format!("{} is not replaced: hello did not write it", theirs.display()));
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "apiVersion: v1\n");
    }
}
