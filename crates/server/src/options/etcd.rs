//! The flags of etcd, by the names that servers in Go have for them.
//!
//! They are another way to write an address for `--storage`; see [`EtcdOptions::address`].

use super::duration;
use clap::{ArgAction, Args};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pintle_meta::GroupResource;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is not written as it is in a parameter of an address.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// The flags that keep objects in etcd.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Etcd")]
#[non_exhaustive]
pub struct EtcdOptions {
    /// Keep objects in etcd [default: whether --etcd-servers is given]
    #[arg(long = "enable-etcd-storage", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    pub enabled: Option<bool>,

    /// The members of etcd (http://host:port or https://host:port), with commas between them
    #[arg(long = "etcd-servers", value_name = "URLS", value_delimiter = ',')]
    pub servers: Vec<String>,

    /// The members of other etcds for single resources: group/resource#URL;URL, with commas between
    /// them
    #[arg(long = "etcd-servers-overrides", value_name = "OVERRIDES", value_delimiter = ',')]
    pub servers_overrides: Vec<String>,

    /// What the keys of all objects start with, in any storage. The group of a kind follows, unless
    /// the prefix ends in it
    #[arg(long = "etcd-prefix", value_name = "PREFIX")]
    #[arg(default_value_t = EtcdOptions::default().prefix)]
    pub prefix: String,

    /// The authority of etcd's certificates, in PEM form
    #[arg(long = "etcd-cafile", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// The certificate by which etcd knows this server, in PEM form
    #[arg(long = "etcd-certfile", value_name = "FILE", requires = "key_file")]
    pub cert_file: Option<PathBuf>,

    /// The private key of --etcd-certfile, in PEM form
    #[arg(long = "etcd-keyfile", value_name = "FILE", requires = "cert_file")]
    pub key_file: Option<PathBuf>,

    /// How often etcd forgets the past, in whole seconds; 0 for never. Servers that share an etcd
    /// share this work
    #[arg(long = "etcd-compaction-interval", value_name = "DURATION")]
    #[arg(value_parser = duration::parse, default_value = "5m0s")]
    pub compaction_interval: Duration,

    /// How long the storage may take to answer the health check "etcd"
    #[arg(long = "etcd-healthcheck-timeout", value_name = "DURATION")]
    #[arg(value_parser = duration::parse, default_value = "2s")]
    pub healthcheck_timeout: Duration,

    /// How long the storage may take to answer the health check "etcd-readiness"
    #[arg(long = "etcd-readycheck-timeout", value_name = "DURATION")]
    #[arg(value_parser = duration::parse, default_value = "2s")]
    pub readycheck_timeout: Duration,

    /// How often objects are counted for metrics. They are counted as they come and go, so only 0
    /// has a meaning: no such metrics
    #[arg(long = "etcd-count-metric-poll-period", value_name = "DURATION")]
    #[arg(value_parser = duration::parse, default_value = "1m0s")]
    pub count_metric_poll_period: Duration,

    /// How often the storage is asked for its size, for a metric; 0 for never
    #[arg(long = "etcd-db-metric-poll-interval", value_name = "DURATION")]
    #[arg(value_parser = duration::parse, default_value = "30s")]
    pub db_metric_poll_interval: Duration,

    /// Only "etcd3", the one version of etcd's API that there is
    #[arg(long = "storage-backend", value_name = "NAME", hide = true)]
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(["", "etcd3"]))]
    #[arg(default_value = "")]
    pub backend: String,
}

impl Default for EtcdOptions {
    /// What an empty command line means.
    fn default() -> Self {
        Self {
            enabled: None,
            servers: Vec::new(),
            servers_overrides: Vec::new(),
            prefix: "/registry".to_owned(),
            ca_file: None,
            cert_file: None,
            key_file: None,
            compaction_interval: Duration::from_secs(300),
            healthcheck_timeout: Duration::from_secs(2),
            readycheck_timeout: Duration::from_secs(2),
            count_metric_poll_period: Duration::from_secs(60),
            db_metric_poll_interval: Duration::from_secs(30),
            backend: String::new(),
        }
    }
}

impl EtcdOptions {
    /// The address that the flags stand for; `None` where they do not ask for etcd.
    ///
    /// # Errors
    /// Where they ask for etcd and do not say where it is, or contradict one another.
    pub(crate) fn address(&self) -> io::Result<Option<String>> {
        if !self.enabled.unwrap_or(!self.servers.is_empty()) {
            return Ok(None);
        }
        if self.servers.is_empty() {
            return Err(invalid("--etcd-servers must be specified"));
        }
        self.address_of(&self.servers, "--etcd-servers").map(Some)
    }

    /// The addresses for single resources.
    ///
    /// # Errors
    /// Where one makes no sense.
    pub(crate) fn overrides(&self) -> io::Result<Vec<(GroupResource, String)>> {
        const FLAG: &str = "--etcd-servers-overrides";
        let read = |text: &String| {
            let parts = text.split_once('#').and_then(|(resource, servers)| {
                let (group, resource) = resource.split_once('/')?;
                let whole = !resource.is_empty() && !resource.contains('/') && !servers.is_empty();
                whole.then(|| (group.to_owned(), resource.to_owned(), servers))
            });
            let Some((group, resource, servers)) = parts else {
                return Err(invalid(&format!(
                    "{FLAG} invalid, must be of format: group/resource#servers, where servers are \
                     URLs, semicolon separated: {text}"
                )));
            };
            let servers: Vec<String> = servers.split(';').map(str::to_owned).collect();
            Ok((GroupResource { group, resource }, self.address_of(&servers, FLAG)?))
        };
        self.servers_overrides.iter().map(read).collect()
    }

    fn address_of(&self, servers: &[String], flag: &str) -> io::Result<String> {
        let bare = if self.ca_file.is_some() { "https" } else { "http" };
        let servers: Vec<String> = servers
            .iter()
            .map(|url| if url.contains("://") { url.clone() } else { format!("{bare}://{url}") })
            .collect();
        if let Some(url) = servers.iter().find(|url| url.contains(['?', '&'])) {
            return Err(invalid(&format!("invalid value '{url}' for {flag}")));
        }
        let interval = self.compaction_interval;
        if interval.subsec_nanos() > 0 {
            return Err(invalid("--etcd-compaction-interval must be in whole seconds"));
        }
        let mut address = format!(
            "etcd:{}?compaction-seconds={}&health-key={}/health",
            servers.join(","),
            interval.as_secs(),
            utf8_percent_encode(&self.root(), ENCODED),
        );
        let files =
            [("cafile", &self.ca_file), ("certfile", &self.cert_file), ("keyfile", &self.key_file)];
        for (name, path) in files {
            if let Some(path) = path {
                // Writing to a string does not fail.
                let _ = write!(address, "&{name}={}", encode(path)?);
            }
        }
        Ok(address)
    }

    /// What the keys of all objects start with, without a slash at its end.
    pub(crate) fn root(&self) -> String {
        let parts: Vec<&str> = self.prefix.split('/').filter(|part| !part.is_empty()).collect();
        parts.iter().fold(String::new(), |root, part| root + "/" + part)
    }
}

fn encode(path: &Path) -> io::Result<String> {
    let text = path
        .to_str()
        .ok_or_else(|| invalid(&format!("the path {} is not UTF-8", path.display())))?;
    Ok(utf8_percent_encode(text, ENCODED).to_string())
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        etcd: EtcdOptions,
    }

    fn read(line: &str) -> Result<Option<String>, String> {
        let words = ["it"].into_iter().chain(line.split_whitespace());
        let flags = Flags::try_parse_from(words).map_err(|error| error.to_string())?;
        flags.etcd.address().map_err(|error| error.to_string())
    }

    #[test]
    fn flags_are_an_address() {
        let check = |line: &str, want: Option<&str>| {
            assert_eq!(read(line).unwrap().as_deref(), want, "{line}");
        };
        check("", None);
        check("--enable-etcd-storage=false --etcd-servers=http://a:1", None);
        let plain = "etcd:http://a:1?compaction-seconds=300&health-key=/registry/health";
        check("--etcd-servers=http://a:1", Some(plain));
        check("--enable-etcd-storage --etcd-servers http://a:1", Some(plain));
        check("--etcd-servers=a:1 --storage-backend=etcd3", Some(plain));
        check(
            "--etcd-servers=http://a:1,https://b:2 --etcd-compaction-interval=0 \
             --etcd-prefix=/registry/hello.zeng.dev/",
            Some(
                "etcd:http://a:1,https://b:2?compaction-seconds=0\
                 &health-key=/registry/hello.zeng.dev/health",
            ),
        );
        check(
            "--etcd-servers=a:1 --etcd-cafile=/c&a --etcd-certfile=/c --etcd-keyfile=/k \
             --etcd-compaction-interval=1m30s --etcd-prefix=r",
            Some(
                "etcd:https://a:1?compaction-seconds=90&health-key=/r/health\
                 &cafile=/c%26a&certfile=/c&keyfile=/k",
            ),
        );
    }

    #[test]
    fn single_resources_have_other_members() {
        let check = |line: &str, want: Result<&[(&str, &str)], &str>| {
            let words = ["it"].into_iter().chain(line.split_whitespace());
            let overrides = Flags::try_parse_from(words).unwrap().etcd.overrides();
            let got = overrides.map_err(|error| error.to_string()).map(|overrides| {
                let shown = |(resource, address): (GroupResource, String)| {
                    let servers = address.split('?').next().unwrap_or_default().to_owned();
                    (format!("{}/{}", resource.group, resource.resource), servers)
                };
                overrides.into_iter().map(shown).collect::<Vec<_>>()
            });
            let got = got
                .as_ref()
                .map(|all| all.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>());
            match (got, want) {
                (Ok(got), Ok(want)) => assert_eq!(got, want, "{line}"),
                (Err(got), Err(want)) => assert!(got.contains(want), "{line}: {got}"),
                (got, want) => panic!("{line}: {got:?}, want {want:?}"),
            }
        };
        check("", Ok(&[]));
        check(
            "--etcd-servers-overrides=a.b/foos#http://a:1;http://b:2,/pods#c:3",
            Ok(&[("a.b/foos", "etcd:http://a:1,http://b:2"), ("/pods", "etcd:http://c:3")]),
        );
        let format = "must be of format: group/resource#servers";
        for wrong in ["foos#http://a:1", "a/foos", "a/foos#", "a/b/foos#http://a:1", "a/#x"] {
            check(&format!("--etcd-servers-overrides={wrong}"), Err(format));
        }
        check("--etcd-servers-overrides=a/b#http://a:1?x", Err("for --etcd-servers-overrides"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, want) in [
            ("--enable-etcd-storage", "--etcd-servers must be specified"),
            ("--etcd-servers=http://a:1?x", "invalid value 'http://a:1?x'"),
            ("--etcd-servers=a:1 --etcd-certfile=/c", "--etcd-keyfile"),
            ("--etcd-servers=a:1 --etcd-compaction-interval=1500ms", "in whole seconds"),
            ("--etcd-compaction-interval=5", "invalid value '5'"),
            ("--storage-backend=etcd2", "invalid value 'etcd2'"),
        ] {
            let why = read(line).unwrap_err();
            assert!(why.contains(want), "{line}: {why}");
        }
    }

    #[test]
    fn an_empty_command_line_is_the_default() {
        let read = Flags::try_parse_from(["it"]).unwrap().etcd;
        assert_eq!(format!("{read:?}"), format!("{:?}", EtcdOptions::default()));
    }

    #[test]
    fn a_prefix_is_a_path() {
        for (prefix, want) in
            [("/registry", "/registry"), ("a//b/", "/a/b"), ("/", ""), ("", ""), ("/a/b", "/a/b")]
        {
            let options = EtcdOptions { prefix: prefix.to_owned(), ..EtcdOptions::default() };
            assert_eq!(options.root(), want, "{prefix}");
        }
    }
}
