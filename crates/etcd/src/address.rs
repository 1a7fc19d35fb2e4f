//! The address of an etcd: `etcd:http://a:2379,http://b:2379?cafile=…`.

use percent_encoding::percent_decode_str;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How many members an address may name.
const ENDPOINTS_MAX: usize = 64;

/// How often the past is forgotten where the address does not say; what Kubernetes does.
const COMPACTION_INTERVAL: Duration = Duration::from_secs(300);

/// What is read to ask for the newest revision; what Kubernetes reads to see whether etcd is well.
const HEALTH_KEY: &str = "/registry/health";

/// What an address says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub endpoints: Vec<Endpoint>,
    pub tls: TlsFiles,
    pub login: Option<Login>,
    /// How often the past is forgotten; zero for never.
    pub compaction_interval: Duration,
    /// A key that whoever uses this address may read.
    pub health_key: String,
}

/// Where one member takes requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A host with its port; the second says whether TLS is spoken there.
    Tcp { authority: String, tls: bool },
    /// A socket in the file system, as kine has one.
    Unix(PathBuf),
}

/// The files that TLS needs, in PEM form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The authorities that may have signed a member's certificate.
    pub authorities: Option<PathBuf>,
    /// The client's certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A user of etcd's own authentication.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub user: String,
    pub password: Password,
}

/// A password, or the file that has it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Password {
    Given(String),
    File(PathBuf),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { authority, tls: false } => write!(f, "http://{authority}"),
            Self::Tcp { authority, tls: true } => write!(f, "https://{authority}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// Where it makes no sense, with the part that does not.
    pub(crate) fn parse(address: &str) -> io::Result<Self> {
        let rest =
            address.strip_prefix("etcd:").ok_or_else(|| wrong("it must start with etcd:"))?;
        let (endpoints, query) = rest.split_once('?').unwrap_or((rest, ""));
        let endpoints: Vec<Endpoint> =
            endpoints.split(',').map(endpoint).collect::<io::Result<_>>()?;
        if endpoints.len() > ENDPOINTS_MAX {
            return Err(wrong(format!("more than {ENDPOINTS_MAX} endpoints")));
        }
        let mut parameters = Parameters::read(query)?;
        let file = |path: Option<String>| path.map(PathBuf::from);
        let (certificate, key) =
            (file(parameters.take("certfile")), file(parameters.take("keyfile")));
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(wrong("certfile and keyfile belong together")),
        };
        let address = Self {
            tls: TlsFiles { authorities: file(parameters.take("cafile")), identity },
            login: login(&mut parameters)?,
            compaction_interval: match parameters.take("compaction-seconds") {
                None => COMPACTION_INTERVAL,
                Some(text) => Duration::from_secs(text.parse().map_err(|_| {
                    wrong(format!("compaction-seconds must be a whole number, not {text:?}"))
                })?),
            },
            health_key: parameters.take("health-key").unwrap_or_else(|| HEALTH_KEY.to_owned()),
            endpoints,
        };
        parameters.finish()?;
        address.check()
    }

    fn check(self) -> io::Result<Self> {
        let encrypted =
            self.endpoints.iter().any(|it| matches!(it, Endpoint::Tcp { tls: true, .. }));
        if encrypted && self.tls.authorities.is_none() {
            return Err(wrong("https:// needs cafile=FILE, the authority of etcd's certificates"));
        }
        if !encrypted && self.tls != TlsFiles::default() {
            return Err(wrong("certificates are given, but no endpoint is https://"));
        }
        if self.health_key.is_empty() {
            return Err(wrong("health-key must not be empty"));
        }
        Ok(self)
    }
}

fn login(parameters: &mut Parameters) -> io::Result<Option<Login>> {
    let given = parameters.take("password").map(Password::Given);
    let file = parameters.take("password-file").map(|path| Password::File(path.into()));
    match (parameters.take("user"), given, file) {
        (None, None, None) => Ok(None),
        (Some(user), Some(password), None) | (Some(user), None, Some(password)) => {
            Ok(Some(Login { user, password }))
        }
        _ => Err(wrong("user needs password or password-file, and they need user")),
    }
}

fn endpoint(text: &str) -> io::Result<Endpoint> {
    if let Some(path) = text.strip_prefix("unix://") {
        return match path.starts_with('/') {
            true => Ok(Endpoint::Unix(path.into())),
            false => Err(wrong(format!("{text:?} has no absolute path"))),
        };
    }
    let (tls, authority) = match text.split_once("://") {
        Some(("http", rest)) => (false, rest),
        Some(("https", rest)) => (true, rest),
        Some((scheme, _)) => {
            return Err(wrong(format!("{scheme}:// is neither http://, https:// nor unix://")));
        }
        None => (false, text),
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let port = authority.rsplit_once(':').and_then(|(host, port)| {
        let bare = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
        let plain = !host.is_empty() && !bare && !host.contains(['/', '@', ' ', '%']);
        port.parse::<u16>().ok().filter(|_| plain)
    });
    match port {
        Some(_) => Ok(Endpoint::Tcp { authority: authority.to_owned(), tls }),
        None => Err(wrong(format!("{text:?} is not a host and a port, as in http://etcd:2379"))),
    }
}

/// What stands behind the question mark: each name once, percent-encoded.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn read(query: &str) -> io::Result<Self> {
        let mut read: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value)
                .decode_utf8()
                .map_err(|_| wrong(format!("the value of {name} is not UTF-8")))?;
            if value.is_empty() {
                return Err(wrong(format!("{name} has no value")));
            }
            if read.iter().any(|(other, _)| other == name) {
                return Err(wrong(format!("{name} is given twice")));
            }
            read.push((name.to_owned(), value.into_owned()));
        }
        Ok(Self(read))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Refuses what nobody took.
    fn finish(self) -> io::Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(wrong(format!(
                "{name:?} is none of cafile, certfile, keyfile, user, password, password-file, \
                 compaction-seconds, health-key"
            ))),
        }
    }
}

fn wrong(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("the address of etcd: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(authority: &str, tls: bool) -> Endpoint {
        Endpoint::Tcp { authority: authority.to_owned(), tls }
    }

    #[test]
    fn endpoints_and_parameters() {
        let plain = Address {
            endpoints: vec![tcp("a:2379", false)],
            tls: TlsFiles::default(),
            login: None,
            compaction_interval: Duration::from_secs(300),
            health_key: "/registry/health".to_owned(),
        };
        let check = |address: &str, change: fn(&mut Address)| {
            let mut want = plain.clone();
            change(&mut want);
            assert_eq!(Address::parse(address).unwrap(), want, "{address}");
        };
        check("etcd:http://a:2379", |_| {});
        check("etcd:a:2379", |_| {});
        check("etcd:http://a:2379/", |_| {});
        check("etcd:http://a:1,http://[::1]:2,unix:///run/k.sock", |it| {
            let unix = Endpoint::Unix("/run/k.sock".into());
            it.endpoints = vec![tcp("a:1", false), tcp("[::1]:2", false), unix];
        });
        check("etcd:https://a:2379?cafile=%2Fc%20a&certfile=/c&keyfile=/k", |it| {
            it.endpoints = vec![tcp("a:2379", true)];
            it.tls.authorities = Some("/c a".into());
            it.tls.identity = Some(("/c".into(), "/k".into()));
        });
        check(
            "etcd:a:2379?user=u&password=p%26w&compaction-seconds=0&health-key=/r/health",
            |it| {
                let password = Password::Given("p&w".to_owned());
                it.login = Some(Login { user: "u".to_owned(), password });
                it.compaction_interval = Duration::ZERO;
                it.health_key = "/r/health".to_owned();
            },
        );
        check("etcd:a:2379?user=u&password-file=/p", |it| {
            let password = Password::File("/p".into());
            it.login = Some(Login { user: "u".to_owned(), password });
        });
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let check = |address: &str, want: &str| {
            let why = Address::parse(address).unwrap_err().to_string();
            assert!(why.contains(want), "{address}: {why}");
        };
        check("http://a:2379", "must start with etcd:");
        check("etcd:", "\"\" is not a host and a port");
        check("etcd:http://a:2379,", "\"\" is not a host and a port");
        check("etcd:http://a", "\"http://a\" is not a host and a port");
        check("etcd:http://a:x", "is not a host and a port");
        check("etcd:http://::1:2379", "is not a host and a port");
        check("etcd:http://u@a:1", "is not a host and a port");
        check("etcd:ftp://a:2379", "ftp:// is neither");
        check("etcd:unix://k.sock", "has no absolute path");
        check("etcd:https://a:2379", "needs cafile");
        check("etcd:http://a:2379?cafile=/c", "no endpoint is https");
        check("etcd:https://a:2379?cafile=/c&certfile=/c", "belong together");
        check("etcd:a:1?user=u", "user needs password");
        check("etcd:a:1?password=u", "they need user");
        check("etcd:a:1?user=u&password=p&password-file=/p", "user needs password");
        check("etcd:a:1?cafil=/c", "\"cafil\" is none of");
        check("etcd:a:1?user=u&user=v", "user is given twice");
        check("etcd:a:1?user=", "user has no value");
        check("etcd:a:1?user=%ff", "is not UTF-8");
        check("etcd:a:1?compaction-seconds=5m", "must be a whole number, not \"5m\"");
        let many = format!("etcd:{}", vec!["a:1"; 65].join(","));
        check(&many, "more than 64 endpoints");
    }

    #[test]
    fn a_password_is_not_shown() {
        let address = Address::parse("etcd:a:1?user=u&password=secret").unwrap();
        assert!(!format!("{address:?}").contains("secret"));
    }
}
