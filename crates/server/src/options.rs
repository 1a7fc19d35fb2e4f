//! The command line: Kubernetes' flags, by Kubernetes' names, with Kubernetes' manners.
//!
//! A flag that takes a value has it after `=` or as the next word. A flag that is on or off is
//! `--flag`, `--flag=true` or `--flag=false`. What is wrong is said in one line.

mod accepted;
mod audit;
mod audit_webhook;
mod authentication;
mod authorization;
mod delegation;
pub(crate) mod duration;
mod etcd;
mod features;
mod lifecycle;
mod logging;
mod serving;
mod storage;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, Command};

use crate::serve::Limits;
use crate::tls::{CertificateSource, TlsSettings};

pub use accepted::AcceptedOptions;
pub use audit::AuditOptions;
pub use audit_webhook::AuditWebhookOptions;
pub use authentication::AuthenticationOptions;
pub use authorization::AuthorizationMode;
pub use authorization::AuthorizationOptions;
pub use delegation::DelegationOptions;
pub use etcd::EtcdOptions;
pub use features::{FeatureGate, FeatureOptions};
pub use lifecycle::LifecycleOptions;
pub use logging::{LoggingFormat, LoggingOptions};
pub use serving::ServingOptions;
pub use storage::{StorageMediaType, StorageOptions};

/// The exit code for a command line that makes no sense.
const USAGE: u8 = 2;

/// The flags of a server.
///
/// A program that has flags of its own takes these in beside them with
/// `#[command(flatten)]`, for which it is a [`clap::Args`].
///
/// ```
/// use clap::Parser;
///
/// #[derive(Parser)]
/// struct Flags {
///     #[command(flatten)]
///     server: pintle::Options,
///     /// How friendly the server is.
///     #[arg(long, default_value_t = 1)]
///     friendliness: u8,
/// }
///
/// let flags = Flags::parse_from(["hello-apiserver", "--secure-port", "7443", "--friendliness=3"]);
/// assert_eq!(flags.server.secure_port, 7443);
/// assert_eq!(flags.friendliness, 3);
/// ```
#[derive(Args, Clone, Debug)]
#[command(args_override_self = true, about = None, long_about = None)]
#[non_exhaustive]
pub struct Options {
    /// The address to serve on; 0.0.0.0 or :: for every address of the machine
    #[arg(long, value_name = "IP", default_value_t = Options::default().bind_address)]
    #[arg(help_heading = "Secure serving")]
    pub bind_address: IpAddr,

    /// The port to serve on, with TLS; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value_t = Options::default().secure_port)]
    #[arg(help_heading = "Secure serving")]
    pub secure_port: u16,

    /// The folder of the serving certificate, which is made there unless --tls-cert-file is given
    /// [default: "certificates" in the data folder]
    #[arg(long, value_name = "FOLDER", help_heading = "Secure serving")]
    pub cert_dir: Option<PathBuf>,

    /// The serving certificate, followed by its chain, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_private_key_file")]
    #[arg(help_heading = "Secure serving")]
    pub tls_cert_file: Option<PathBuf>,

    /// The private key of --tls-cert-file, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    #[arg(help_heading = "Secure serving")]
    pub tls_private_key_file: Option<PathBuf>,

    /// TLS and HTTP/2
    #[command(flatten)]
    pub serving: ServingOptions,

    /// Where objects are kept: "memory", which forgets them when the server ends, or the address of
    /// a storage that the program offers [default: the first that needs no address, else memory]
    #[arg(long, value_name = "ADDRESS", help_heading = "Storage")]
    pub storage: Option<String>,

    /// How objects are stored.
    #[command(flatten)]
    pub stored: StorageOptions,

    /// The folder of what this server keeps [default: this program's folder in $XDG_DATA_HOME or
    /// ~/.local/share]
    #[arg(long, value_name = "FOLDER", help_heading = "Storage")]
    pub data_dir: Option<PathBuf>,

    /// How to reach etcd, and where in a storage objects are.
    #[command(flatten)]
    pub etcd: EtcdOptions,

    /// Where to write the administrator's kubeconfig
    /// [default: "admin.kubeconfig" in the data folder]
    #[arg(long, value_name = "FILE", help_heading = "Authentication and authorization")]
    pub kubeconfig_out: Option<PathBuf>,

    /// Take requests without a credential as from system:anonymous, who may see the health checks,
    /// the version, and what roles allow the group system:unauthenticated
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = Options::default().anonymous_auth)]
    #[arg(help_heading = "Authentication and authorization")]
    pub anonymous_auth: bool,

    /// Let everybody do everything; for experiments on a machine of your own
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = Options::default().insecure_allow_all)]
    #[arg(help_heading = "Authentication and authorization")]
    pub insecure_allow_all: bool,

    /// How a user can be known.
    #[command(flatten)]
    pub authentication: AuthenticationOptions,

    /// Who may do what.
    #[command(flatten)]
    pub authorization: AuthorizationOptions,

    /// What is left to a cluster to decide.
    #[command(flatten)]
    pub delegation: DelegationOptions,

    /// What is written down of requests.
    #[command(flatten)]
    pub audit: AuditOptions,

    /// How many requests, for how long, and how the server ends.
    #[command(flatten)]
    pub lifecycle: LifecycleOptions,

    /// What is an experiment.
    #[command(flatten)]
    pub features: FeatureOptions,

    /// Run the admission plugins
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = Options::default().enable_admission)]
    #[arg(help_heading = "Admission")]
    pub enable_admission: bool,

    /// How much to log: 0 to 2 what matters, 3 also each request, 4 to 7 also details, 8 to 10 everything.
    /// The variable RUST_LOG, where it is set, is followed instead
    #[arg(short = 'v', long = "v", value_name = "LEVEL", default_value_t = Options::default().verbosity)]
    #[arg(value_parser = clap::value_parser!(u8).range(0..=10), help_heading = "Logging")]
    pub verbosity: u8,

    /// What the log looks like.
    #[command(flatten)]
    pub logging: LoggingOptions,

    /// Flags that change nothing.
    #[command(flatten)]
    pub accepted: AcceptedOptions,
}

impl Default for Options {
    /// What an empty command line means.
    fn default() -> Self {
        Options {
            bind_address: Ipv4Addr::LOCALHOST.into(),
            secure_port: 6443,
            cert_dir: None,
            tls_cert_file: None,
            tls_private_key_file: None,
            serving: ServingOptions::default(),
            storage: None,
            stored: StorageOptions::default(),
            data_dir: None,
            etcd: EtcdOptions::default(),
            kubeconfig_out: None,
            anonymous_auth: true,
            insecure_allow_all: false,
            authentication: AuthenticationOptions::default(),
            authorization: AuthorizationOptions::default(),
            audit: AuditOptions::default(),
            lifecycle: LifecycleOptions::default(),
            delegation: DelegationOptions::default(),
            features: FeatureOptions::default(),
            enable_admission: false,
            verbosity: 0,
            logging: LoggingOptions::default(),
            accepted: AcceptedOptions::default(),
        }
    }
}

/// Where a server keeps its files.
#[derive(Debug)]
pub(crate) struct Places {
    /// The data folder.
    pub data_folder: PathBuf,
    /// The folder of the serving certificate.
    pub certificate_folder: PathBuf,
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
}

impl Options {
    /// The address to listen on.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind_address, self.secure_port)
    }

    /// Where this program keeps its files, by the flags and the defaults.
    ///
    /// # Errors
    ///
    /// Fails when the data folder is not given and the user has no home.
    pub(crate) fn places(&self, program: &str) -> io::Result<Places> {
        let data_folder = match &self.data_dir {
            Some(folder) => folder.clone(),
            None => user_data_folder(|name| env::var_os(name))?.join(program),
        };
        let or_in_data =
            |given: &Option<PathBuf>, name| given.clone().unwrap_or_else(|| data_folder.join(name));
        Ok(Places {
            certificate_folder: or_in_data(&self.cert_dir, "certificates"),
            kubeconfig: or_in_data(&self.kubeconfig_out, "admin.kubeconfig"),
            data_folder,
        })
    }

    /// The address of the storage, by whichever flags it is given.
    ///
    /// # Errors
    ///
    /// Fails when the flags contradict one another.
    pub(crate) fn storage_address(&self) -> io::Result<Option<String>> {
        match (&self.storage, self.etcd.address()?) {
            (Some(_), Some(_)) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "--storage and the flags of etcd name two storages",
            )),
            (storage, etcd) => Ok(etcd.or_else(|| storage.clone())),
        }
    }

    /// Who decides who may do what, beside the administrator and a cluster: by default RBAC, and
    /// nobody where a cluster is asked or everybody is the administrator.
    pub(crate) fn authorization_modes(&self, delegated: bool) -> &[AuthorizationMode] {
        match &self.authorization.mode[..] {
            [] if delegated || self.insecure_allow_all => &[],
            [] => &[AuthorizationMode::Rbac],
            modes => modes,
        }
    }

    /// Where the serving certificate comes from.
    pub(crate) fn certificates<'a>(&'a self, places: &'a Places) -> CertificateSource<'a> {
        match (&self.tls_cert_file, &self.tls_private_key_file) {
            (Some(certificate), Some(key)) => CertificateSource::Files { certificate, key },
            _ => CertificateSource::Folder {
                folder: &places.certificate_folder,
                address: self.serving.advertise_address.unwrap_or(self.bind_address),
                host: &self.serving.external_hostname,
            },
        }
    }

    /// How much clients may use; watches that end one after the other have time to.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = self.serving.limits();
        limits.drain_time += self.lifecycle.shutdown_watch_termination_grace_period;
        limits
    }

    /// What TLS is spoken.
    pub(crate) fn tls(&self) -> TlsSettings {
        let (own, delegation) = (&self.authentication, &self.delegation);
        let delegated = delegation.enable_auth || delegation.authentication_kubeconfig.is_some();
        let client_certificates = own.client_ca_file.is_some()
            || own.requestheader_client_ca_file.is_some()
            || (delegated && !delegation.authentication_skip_lookup);
        self.serving.tls(client_certificates)
    }

    /// Starts logging; a program that has set up its own logging keeps it.
    ///
    /// # Errors
    ///
    /// Fails when `RUST_LOG` is set and makes no sense, or a file cannot be written.
    pub(crate) fn start_logging(&self) -> io::Result<()> {
        self.logging.start(self.verbosity)
    }
}

/// Reads the command line of this process, which has these flags and no others.
///
/// # Errors
///
/// Returns the code with which the process is to end, everything being said: success after
/// `--help`, 2 after one line about what was wrong.
pub(crate) fn parse<T: Args>(program: &str, about: &str) -> Result<T, ExitCode> {
    parse_from(program, about, env::args_os().skip(1)).map_err(|error| {
        // Nobody is left to be told when neither output can be written to.
        if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        let _ = writeln!(io::stderr(), "{program}: {}", in_one_line(&error.to_string()));
        ExitCode::from(USAGE)
    })
}

fn parse_from<T: Args>(
    program: &str,
    about: &str,
    words: impl Iterator<Item = OsString>,
) -> Result<T, clap::Error> {
    let command = Command::new("server")
        .no_binary_name(true)
        .bin_name(program)
        .override_usage(format!("{program} [flags]"))
        .disable_help_subcommand(true);
    let command = T::augment_args(command).about(about.to_owned());
    let matches = command.try_get_matches_from(words)?;
    T::from_arg_matches(&matches)
}

/// What is wrong, with the hint if there is one, out of clap's several paragraphs.
fn in_one_line(rendered: &str) -> String {
    let mut paragraphs = rendered.split("\n\n");
    let words = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let problem = words(paragraphs.next().unwrap_or_default());
    let problem = problem.strip_prefix("error: ").unwrap_or(&problem);
    match paragraphs.map(words).find_map(|it| it.strip_prefix("tip: ").map(str::to_owned)) {
        Some(tip) => format!("{problem} ({tip}); see --help"),
        None => format!("{problem}; see --help"),
    }
}

/// The folder for programs' data, by the XDG Base Directory Specification: a relative path in
/// the variable is to be ignored.
fn user_data_folder(variable: impl Fn(&str) -> Option<OsString>) -> io::Result<PathBuf> {
    let path = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    path("XDG_DATA_HOME").or_else(|| path("HOME").map(|home| home.join(".local/share"))).ok_or_else(
        || io::Error::new(io::ErrorKind::NotFound, "there is no home folder: give --data-dir"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::TlsVersion;
    use std::time::Duration;

    fn read(line: &str) -> Result<Options, String> {
        let words = line.split_whitespace().map(OsString::from);
        parse_from("hello", "Says hello.", words).map_err(|error| in_one_line(&error.to_string()))
    }

    #[test]
    fn no_flags_mean_the_defaults() {
        let mut read = read("").unwrap();
        // Whatever these say means nothing.
        read.accepted = AcceptedOptions::default();
        assert_eq!(format!("{read:?}"), format!("{:?}", Options::default()));
    }

    #[test]
    fn flags_have_kubernetes_manners() {
        fn check(line: &str, changed: impl Fn(&mut Options)) {
            let mut expected = Options::default();
            changed(&mut expected);
            let mut got = read(line).unwrap();
            got.accepted = AcceptedOptions::default();
            assert_eq!(format!("{got:?}"), format!("{expected:?}"), "{line}");
        }
        check("--secure-port=1", |it| it.secure_port = 1);
        check("--secure-port 1", |it| it.secure_port = 1);
        check("--secure-port=2 --secure-port=1", |it| it.secure_port = 1);
        check("--bind-address=::", |it| it.bind_address = "::".parse().unwrap());
        check("--data-dir /d", |it| it.data_dir = Some("/d".into()));
        check("--storage=memory", |it| it.storage = Some("memory".to_owned()));
        check("--anonymous-auth=false", |it| it.anonymous_auth = false);
        check("--anonymous-auth", |_| {});
        check("--authorization-always-allow-paths=/healthz,/a/*", |it| {
            it.authorization.always_allow_paths = ["/healthz", "/a/*"].map(str::to_owned).to_vec();
        });
        check("--client-ca-file=c --token-auth-file t", |it| {
            it.authentication.client_ca_file = Some("c".into());
            it.authentication.token_auth_file = Some("t".into());
        });
        check("--requestheader-client-ca-file=c --requestheader-username-headers=A,b", |it| {
            it.authentication.requestheader_client_ca_file = Some("c".into());
            it.authentication.requestheader_username_headers =
                ["A", "b"].map(str::to_owned).to_vec();
        });
        check("--enable-auth --kubeconfig k --authorization-kubeconfig=z", |it| {
            it.delegation.enable_auth = true;
            it.delegation.kubeconfig = Some("k".into());
            it.delegation.authorization_kubeconfig = Some("z".into());
        });
        check("--authentication-token-webhook-cache-ttl=1m30s", |it| {
            it.delegation.authentication_token_webhook_cache_ttl = Duration::from_secs(90);
        });
        check("--authorization-mode=RBAC,AlwaysDeny", |it| {
            it.authorization.mode = vec![AuthorizationMode::Rbac, AuthorizationMode::AlwaysDeny];
        });
        check("--insecure-allow-all=true -v 2", |it| {
            (it.insecure_allow_all, it.verbosity) = (true, 2);
        });
        check("--insecure-allow-all=false", |_| {});
        check("--enable-admission -v=6", |it| (it.enable_admission, it.verbosity) = (true, 6));
        check("-v6", |it| it.verbosity = 6);
        check("--v=10", |it| it.verbosity = 10);
        check("--tls-cert-file=c --tls-private-key-file=k", |it| {
            it.tls_cert_file = Some("c".into());
            it.tls_private_key_file = Some("k".into());
        });
        check("--tls-sni-cert-key=a,b --tls-sni-cert-key c,d:*.e.f,g", |it| {
            let pairs = ["a,b", "c,d:*.e.f,g"];
            it.serving.tls_sni_cert_key = pairs.map(|pair| pair.parse().unwrap()).to_vec();
        });
        check("--tls-min-version=VersionTLS13 --disable-http2-serving", |it| {
            it.serving.tls_min_version = TlsVersion::Tls13;
            it.serving.disable_http2_serving = true;
        });
        check(
            "--tls-cipher-suites=TLS_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
            |it| {
                let names =
                    ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"];
                it.serving.tls_cipher_suites = names.map(|name| name.parse().unwrap()).to_vec();
            },
        );
        check("--http2-max-streams-per-connection=7 --goaway-chance=0.02", |it| {
            (it.serving.http2_max_streams_per_connection, it.serving.goaway_chance) = (7, 0.02);
        });
    }

    #[test]
    fn flags_of_requests_and_of_the_audit() {
        let it = read(
            "--max-requests-inflight=1 --request-timeout=5s --shutdown-delay-duration 1m \
             --strict-transport-security-directives=max-age=1,preload --audit-log-path=- \
             --audit-log-mode=blocking-strict --audit-log-truncate-enabled",
        );
        let it = it.unwrap();
        let (lifecycle, audit) = (it.lifecycle, it.audit);
        assert_eq!(lifecycle.max_requests_inflight, 1);
        assert_eq!(lifecycle.request_timeout, Duration::from_secs(5));
        assert_eq!(lifecycle.shutdown_delay_duration, Duration::from_secs(60));
        assert_eq!(lifecycle.strict_transport_security_directives, ["max-age=1", "preload"]);
        assert_eq!(audit.audit_log_mode, crate::AuditMode::BlockingStrict);
        let (file, settings) = audit.log().unwrap();
        assert_eq!((file.path, settings.truncate.unwrap().event_bytes_max), (None, 102_400));
        for (line, want) in [
            ("", ""),
            ("--audit-log-path=- --audit-log-batch-max-size=0", ""),
            (
                "--audit-log-path=- --audit-log-mode=batch --audit-log-batch-max-size=0",
                "invalid audit batch log max batch size 0, must be a positive number",
            ),
            ("--audit-webhook-batch-throttle-qps=0", ""),
            (
                "--audit-webhook-config-file=f --audit-webhook-batch-throttle-qps=0",
                "invalid audit batch webhook throttle QPS 0, must be a positive number",
            ),
            (
                "--audit-webhook-config-file=f --audit-webhook-batch-throttle-qps=0 \
                 --audit-webhook-batch-throttle-enable=false",
                "",
            ),
        ] {
            let checked = read(line).unwrap().audit.check();
            assert_eq!(checked.map_err(|error| error.to_string()).err().unwrap_or_default(), want);
        }
        assert!(read("--strict-transport-security-directives=x").is_err());
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (line, expected) in [
            (
                "--sekure-port=1",
                "unexpected argument '--sekure-port' found (a similar argument exists: '--secure-port'); see --help",
            ),
            ("--xyz", "unexpected argument '--xyz' found; see --help"),
            ("word", "unexpected argument 'word' found; see --help"),
            ("--insecure-allow-all false", "unexpected argument 'false' found; see --help"),
            (
                "--insecure-allow-all=maybe",
                "invalid value 'maybe' for '--insecure-allow-all[=<BOOL>]' [possible values: true, false]; see --help",
            ),
            (
                "--secure-port",
                "a value is required for '--secure-port <PORT>' but none was supplied; see --help",
            ),
            (
                "--secure-port=65536",
                "invalid value '65536' for '--secure-port <PORT>': 65536 is not in 0..=65535; see --help",
            ),
            (
                "--bind-address=here",
                "invalid value 'here' for '--bind-address <IP>': invalid IP address syntax; see --help",
            ),
            ("-v=11", "invalid value '11' for '--v <LEVEL>': 11 is not in 0..=10; see --help"),
            (
                "--goaway-chance=0.1",
                "invalid value '0.1' for '--goaway-chance <CHANCE>': --goaway-chance can not be less than 0 or greater than 0.02; see --help",
            ),
            (
                "--tls-cipher-suites=TLS_RSA_WITH_RC4_128_SHA",
                "invalid value 'TLS_RSA_WITH_RC4_128_SHA' for '--tls-cipher-suites <NAMES>': Cipher suite TLS_RSA_WITH_RC4_128_SHA not supported or doesn't exist; see --help",
            ),
            (
                "--tls-min-version=VersionTLS11",
                "invalid value 'VersionTLS11' for '--tls-min-version <VERSION>': known are VersionTLS12 and VersionTLS13; see --help",
            ),
            (
                "--tls-sni-cert-key=only.crt",
                "invalid value 'only.crt' for '--tls-sni-cert-key <PAIR>': expected comma separated certificate and key file paths; see --help",
            ),
            (
                "--tls-cert-file=c",
                "the following required arguments were not provided: --tls-private-key-file <FILE>; see --help",
            ),
        ] {
            assert_eq!(read(line).unwrap_err(), expected, "{line}");
        }
    }

    #[test]
    fn places_follow_the_flags() {
        for (line, expected) in [
            ("--data-dir=/d", ["/d", "/d/certificates", "/d/admin.kubeconfig"]),
            ("--data-dir=/d --cert-dir=/c", ["/d", "/c", "/d/admin.kubeconfig"]),
            ("--data-dir=d --kubeconfig-out=k", ["d", "d/certificates", "k"]),
        ] {
            let places = read(line).unwrap().places("hello").unwrap();
            let found = [places.data_folder, places.certificate_folder, places.kubeconfig];
            assert_eq!(found, expected.map(PathBuf::from), "{line}");
        }
    }

    #[test]
    fn the_data_folder_is_where_the_user_keeps_data() {
        for (xdg, home, expected) in [
            ("/x", "/h", Some("/x")),
            ("", "/h", Some("/h/.local/share")),
            ("relative", "/h", Some("/h/.local/share")),
            ("", "", None),
        ] {
            let found = user_data_folder(|name| {
                let value = if name == "HOME" { home } else { xdg };
                (!value.is_empty()).then(|| value.into())
            });
            assert_eq!(found.ok(), expected.map(PathBuf::from), "{xdg:?} {home:?}");
        }
    }

    #[test]
    fn a_program_has_flags_of_its_own_beside_these() {
        /// Says more than hello.
        #[derive(clap::Parser)]
        struct Flags {
            #[command(flatten)]
            server: Options,
            /// How often.
            #[arg(long)]
            often: u8,
        }
        let words = ["hello", "--often=1", "--secure-port=1", "--often=2", "--secure-port=2"];
        let flags = <Flags as clap::Parser>::try_parse_from(words).unwrap();
        assert_eq!((flags.often, flags.server.secure_port), (2, 2));
        let help = <Flags as clap::CommandFactory>::command().render_long_help().to_string();
        assert!(help.starts_with("Says more than hello"), "{help}");
    }

    #[test]
    fn help_reads_well() {
        let words = ["--help"].into_iter().map(OsString::from);
        let help = parse_from::<Options>("hello", "Says hello.", words).unwrap_err().to_string();
        for part in ["Says hello.\n", "Usage: hello [flags]\n", "Secure serving:\n", "Storage:\n"] {
            assert!(help.contains(part), "{part}");
        }
    }
}
