//! Flags of the serving port beyond its address: TLS and HTTP/2.

use clap::{ArgAction, Args};
use std::net::{IpAddr, SocketAddr};

use crate::serve::Limits;
use crate::tls::{CipherSuite, Curve, SniCertKey, TlsSettings, TlsVersion};

/// The largest value of `--goaway-chance`.
const GOAWAY_CHANCE_MAX: f64 = 0.02;

/// How TLS and HTTP/2 are spoken.
#[derive(Args, Clone, Debug, Default)]
#[command(about = None, long_about = None, next_help_heading = "Secure serving")]
#[non_exhaustive]
pub struct ServingOptions {
    /// A certificate and its key for some names, as "FILE,FILE:NAME,NAME"; names may begin with
    /// "*.", and without any those of the certificate are taken. May be given several times
    #[arg(long, value_name = "PAIR", action = ArgAction::Append)]
    pub tls_sni_cert_key: Vec<SniCertKey>,

    /// The oldest TLS to speak: VersionTLS12 or VersionTLS13
    #[arg(long, value_name = "VERSION", default_value_t = TlsVersion::default())]
    pub tls_min_version: TlsVersion,

    /// The cipher suites of TLS 1.2, comma separated, by Go's names; those of TLS 1.3 are always
    /// there [default: all that are secure]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub tls_cipher_suites: Vec<CipherSuite>,

    /// The key exchanges to offer, comma separated, by the numbers that Go and IANA have for them: 23
    /// (P-256), 24 (P-384), 29 (X25519) [default: all of these]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub tls_curve_preferences: Vec<Curve>,

    /// Let other servers listen on the same address and port (SO_REUSEPORT); the system gives each of
    /// them some of the connections
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub permit_port_sharing: bool,

    /// The address by which others reach this server, where it is not --bind-address: discovery says
    /// it, and a serving certificate that is made covers it
    #[arg(long, value_name = "IP")]
    pub advertise_address: Option<IpAddr>,

    /// The name by which others reach this server: discovery says it, and a serving certificate that
    /// is made covers it
    #[arg(long, value_name = "HOST", default_value = "", hide_default_value = true)]
    pub external_hostname: String,

    /// Serve HTTP/1.1 only
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub disable_http2_serving: bool,

    /// How many requests a client may have under way on one HTTP/2 connection; 0 for 1000
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub http2_max_streams_per_connection: u32,

    /// The chance, from 0 to 0.02, that a request ends its HTTP/2 connection (GOAWAY), so that
    /// clients spread over servers anew; requests under way are not harmed
    #[arg(long, value_name = "CHANCE", default_value_t = 0.0, value_parser = goaway_chance)]
    pub goaway_chance: f64,
}

impl ServingOptions {
    /// What TLS is spoken; whether clients are asked for certificates is for others to say.
    pub(super) fn tls(&self, client_certificates: bool) -> TlsSettings {
        TlsSettings {
            min_version: self.tls_min_version,
            cipher_suites: self.tls_cipher_suites.clone(),
            curves: self.tls_curve_preferences.clone(),
            named: self.tls_sni_cert_key.clone(),
            http2: !self.disable_http2_serving,
            client_certificates,
        }
    }

    /// What discovery calls this server, which listens here.
    pub(crate) fn shown_as(&self, listening: SocketAddr) -> String {
        let port = listening.port();
        match (self.external_hostname.as_str(), self.advertise_address) {
            ("", None) => listening.to_string(),
            ("", Some(ip)) => SocketAddr::new(ip, port).to_string(),
            (host, _) if host.contains(':') => host.to_owned(),
            (host, _) => format!("{host}:{port}"),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits { goaway_chance: self.goaway_chance, ..Limits::default() };
        if self.http2_max_streams_per_connection > 0 {
            limits.streams_per_connection = self.http2_max_streams_per_connection;
        }
        limits
    }
}

fn goaway_chance(text: &str) -> Result<f64, String> {
    let chance = text.parse().map_err(|_| "not a number".to_owned())?;
    match (0.0..=GOAWAY_CHANCE_MAX).contains(&chance) {
        true => Ok(chance),
        false => Err("--goaway-chance can not be less than 0 or greater than 0.02".to_owned()),
    }
}
