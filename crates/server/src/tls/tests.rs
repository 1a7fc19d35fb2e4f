//! What is made, kept, replaced and refused, and whether a client accepts the result.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, RootCertStore,
    ServerConnection, SignatureScheme, SupportedProtocolVersion, version,
};

use super::*;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn first_start() -> Timestamp {
    "2025-03-01T12:00:00Z".parse().unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn start(folder: &Path, address: IpAddr, now: Timestamp) -> io::Result<Serving> {
    let settings = TlsSettings { http2: true, ..TlsSettings::default() };
    load(&CertificateSource::Folder { folder, address, host: "" }, &settings, &Clock::fixed(now))
}

/// A file of the certificate folder.
fn content(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

fn roots(pem: &str) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    Arc::new(roots)
}

/// Whether a client that trusts `authority_pem` accepts the folder's certificate.
fn is_accepted(folder: &Path, authority_pem: &str, name: &str, now: Timestamp) -> bool {
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots(authority_pem), provider);
    let certificate = CertificateDer::from_pem_file(folder.join("apiserver.crt")).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.as_second().unsigned_abs()));
    verifier.build().unwrap().verify_server_cert(&certificate, &[], &name, &[], now).is_ok()
}

#[test]
fn a_first_start_makes_a_certificate_that_clients_accept() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("data/certificates");
    let bound = "192.0.2.7".parse().unwrap();
    let serving = start(&folder, bound, first_start()).unwrap();
    assert_eq!(serving.authority_pem, content(&folder, "ca.crt").replace("\r\n", "\n"));

    for (name, day, accepted) in [
        ("localhost", 0, true),
        ("127.0.0.1", 0, true),
        ("::1", 0, true),
        ("192.0.2.7", 0, true),
        ("192.0.2.8", 0, false),
        ("example.com", 0, false),
        ("localhost", 364, true),
        ("localhost", 366, false),
        ("localhost", -1, false),
    ] {
        let now = first_start() + days(day);
        let is = is_accepted(&folder, &serving.authority_pem, name, now);
        assert_eq!(is, accepted, "{name} on day {day}");
    }
    let earlier = first_start() - SignedDuration::from_mins(59);
    assert!(is_accepted(&folder, &serving.authority_pem, "localhost", earlier));
}

#[cfg(unix)]
#[test]
fn what_is_made_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("data/certificates");
    start(&folder, LOCAL, first_start()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&parent.path().join("data")), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, [".lock", "apiserver.crt", "apiserver.key", "ca.crt", "ca.key"]);
}

#[test]
fn a_later_start_replaces_only_what_it_must() {
    let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    let everywhere = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    // The address and the day of the second start; whether certificate and authority are new.
    for (address, day, new_certificate, new_authority) in [
        (LOCAL, 0, false, false),
        (LOCAL, 334, false, false),
        (LOCAL, 336, true, false),
        (LOCAL, 900, true, false),
        (LOCAL, 3649, true, true),
        (LOCAL, 4000, true, true),
        (elsewhere, 0, true, false),
        (everywhere, 0, false, false),
        (Ipv6Addr::LOCALHOST.into(), 0, false, false),
    ] {
        let folder = TempDir::new().unwrap();
        let folder = folder.path();
        let now = first_start() + days(day);
        start(folder, LOCAL, first_start()).unwrap();
        let names = ["apiserver.crt", "apiserver.key", "ca.crt", "ca.key"];
        let before = names.map(|name| content(folder, name));
        let serving = start(folder, address, now).unwrap();
        let after = names.map(|name| content(folder, name));
        let changed = [0, 1, 2, 3].map(|n| before[n] != after[n]);
        let expected = [new_certificate, new_certificate, new_authority, false];
        assert_eq!(changed, expected, "{address} on day {day}");
        let name = if address.is_unspecified() { LOCAL } else { address }.to_string();
        assert!(is_accepted(folder, &serving.authority_pem, &name, now), "{address} on day {day}");
    }
}

#[test]
fn what_others_call_a_server_is_covered() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let settings = TlsSettings { http2: true, ..TlsSettings::default() };
    // What a server is called at a start, whether its certificate is new, and a name it goes by.
    for (host, is_new, name) in [
        ("", true, "localhost"),
        ("Api.example.com:8443", true, "api.example.com"),
        ("api.example.com", false, "api.example.com"),
        ("", false, "api.example.com"),
        ("api.example.org", true, "api.example.org"),
        ("192.0.2.9", true, "192.0.2.9"),
        ("[2001:db8::1]:443", true, "2001:db8::1"),
        // It can be no name; the certificate stays.
        ("not a name", false, "localhost"),
    ] {
        let before = fs::read_to_string(folder.join("apiserver.crt")).unwrap_or_default();
        let source = CertificateSource::Folder { folder, address: everywhere, host };
        let serving = load(&source, &settings, &Clock::fixed(first_start())).unwrap();
        assert_eq!(content(folder, "apiserver.crt") != before, is_new, "{host}");
        assert!(is_accepted(folder, &serving.authority_pem, name, first_start()), "{host}");
        assert!(!is_accepted(folder, &serving.authority_pem, "example.com", first_start()));
    }
}

#[test]
fn a_certificate_does_not_outlive_its_authority() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    start(folder, LOCAL, first_start()).unwrap();
    let serving = start(folder, LOCAL, first_start() + days(3500)).unwrap();
    for (day, accepted) in [(3500, true), (3649, true), (3651, false)] {
        let now = first_start() + days(day);
        let is = is_accepted(folder, &serving.authority_pem, "localhost", now);
        assert_eq!(is, accepted, "day {day}");
    }
}

/// A certificate and its key from another authority, which is third.
fn foreign() -> (String, String, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    (certificate.pem(), key.serialize_pem(), authority.pem())
}

#[test]
fn a_certificate_from_elsewhere_is_kept_whatever_it_says() {
    let (certificate, key, _) = foreign();
    for with_own_authority in [false, true] {
        let folder = TempDir::new().unwrap();
        let folder = folder.path();
        if with_own_authority {
            start(folder, LOCAL, first_start()).unwrap();
        }
        // With the key in the same file, as some tools write it.
        fs::write(folder.join("apiserver.crt"), format!("{key}{certificate}")).unwrap();
        fs::write(folder.join("apiserver.key"), &key).unwrap();
        let address = "192.0.2.7".parse().unwrap();
        let serving = start(folder, address, first_start()).unwrap();
        assert_eq!(content(folder, "apiserver.key"), key);
        assert_eq!(serving.authority_pem, certificate.replace("\r\n", "\n"));
    }
}

#[test]
fn an_operators_authority_signs() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    fs::write(folder.join("ca.crt"), &authority).unwrap();
    fs::write(folder.join("ca.key"), key.serialize_pem()).unwrap();
    let serving = start(folder, LOCAL, first_start()).unwrap();
    assert_eq!(content(folder, "ca.crt"), authority);
    assert!(is_accepted(folder, &serving.authority_pem, "localhost", first_start()));
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_to_serves_what_it_has() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let before = start(folder, LOCAL, first_start()).unwrap().authority_pem;
    // What takes no lock stands in for what takes no writes, which no mode forbids to root.
    fs::remove_file(folder.join(".lock")).unwrap();
    fs::create_dir(folder.join(".lock")).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o500)).unwrap();
    assert_eq!(start(folder, LOCAL, first_start()).unwrap().authority_pem, before);
    let error = start(folder, LOCAL, first_start() + days(400)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot open {}/.lock: ", folder.display())), "{error}");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn starts_at_the_same_moment_agree() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let authorities = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| start(folder, LOCAL, first_start()).unwrap().authority_pem))
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(authorities.iter().all(|authority| *authority == content(folder, "ca.crt")));
}

#[test]
fn what_cannot_be_served_is_said_in_one_line() {
    let (certificate, key, _) = foreign();
    let (_, other_key, _) = foreign();
    let broken = certificate.replace("-----END CERTIFICATE-----", "");
    let not_a_certificate =
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    let not_a_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned();
    // `DIR` stands for the folder; what is missing is not written.
    for (certificate, key, expected) in [
        ("", &*key, "cannot read the certificate DIR/my.crt: No such file or directory"),
        (&*certificate, "", "cannot read the private key DIR/my.key: No such file or directory"),
        ("hello", &*key, "DIR/my.crt holds no certificate in PEM form"),
        (&*key, &*key, "DIR/my.crt holds no certificate in PEM form"),
        (&*broken, &*key, "DIR/my.crt is not valid PEM: "),
        (&*certificate, &*certificate, "DIR/my.key holds no private key in PEM form"),
        (
            &*certificate,
            &*other_key,
            "the private key DIR/my.key does not belong to the certificate DIR/my.crt",
        ),
        (&*not_a_certificate, &*key, "cannot use the certificate DIR/my.crt: "),
        (&*certificate, &*not_a_key, "cannot use the private key DIR/my.key: "),
    ] {
        let folder = TempDir::new().unwrap();
        let files = [("my.crt", certificate), ("my.key", key)].map(|(name, text)| {
            let path = folder.path().join(name);
            if !text.is_empty() {
                fs::write(&path, text).unwrap();
            }
            path
        });
        let source = CertificateSource::Files { certificate: &files[0], key: &files[1] };
        let settings = TlsSettings::default();
        let error = load(&source, &settings, &Clock::fixed(first_start())).unwrap_err().to_string();
        let error = error.replace(folder.path().to_str().unwrap(), "DIR");
        assert!(error.starts_with(expected), "{error}, not {expected}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn what_a_crash_left_is_completed() {
    let names = ["ca.key", "ca.crt", "apiserver.crt", "apiserver.key"];
    let complete = TempDir::new().unwrap();
    start(complete.path(), LOCAL, first_start()).unwrap();
    // The files appear in this order; at a renewal, a key of before may lie there still.
    for (written, old_key) in [(0, false), (1, false), (2, false), (3, false), (3, true)] {
        let folder = TempDir::new().unwrap();
        let folder = folder.path();
        for name in &names[..written] {
            fs::copy(complete.path().join(name), folder.join(name)).unwrap();
        }
        if old_key {
            fs::write(folder.join("apiserver.key"), authority::make_key().unwrap()).unwrap();
        }
        let serving = start(folder, LOCAL, first_start()).unwrap();
        assert!(is_accepted(folder, &serving.authority_pem, "localhost", first_start()));
        assert_eq!(content(folder, "ca.key") == content(complete.path(), "ca.key"), written > 0);
    }
}

#[test]
fn what_is_not_ours_to_complete_is_said() {
    let (certificate, ..) = foreign();
    for (missing, foreign, expected) in [
        ("apiserver.key", true, "DIR/apiserver.crt is there without DIR/apiserver.key"),
        ("apiserver.crt", false, "DIR/apiserver.key is there without DIR/apiserver.crt"),
        ("ca.key", false, "DIR/ca.crt is there without DIR/ca.key"),
    ] {
        let folder = TempDir::new().unwrap();
        start(folder.path(), LOCAL, first_start()).unwrap();
        if foreign {
            fs::write(folder.path().join("apiserver.crt"), &certificate).unwrap();
        }
        fs::remove_file(folder.path().join(missing)).unwrap();
        // Without the authority's key, all is well until the certificate must be replaced.
        let later = first_start() + days(if missing == "ca.key" { 400 } else { 0 });
        let error = start(folder.path(), LOCAL, later).unwrap_err().to_string();
        let error = error.replace(folder.path().to_str().unwrap(), "DIR");
        assert_eq!(error, format!("{expected}: bring both, or remove it"));
    }
}

/// A client that trusts everything in `authority_pem` and offers some protocols.
fn client(
    authority_pem: &str,
    version: &'static SupportedProtocolVersion,
    offered: &[&str],
) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots(authority_pem))
        .with_no_client_auth();
    config.alpn_protocols = offered.iter().map(|it| it.as_bytes().to_vec()).collect();
    config
}

/// Shakes hands in memory.
fn shake(
    serving: &Serving,
    client: ClientConfig,
    name: &str,
) -> Result<(ClientConnection, ServerConnection), Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(&serving.config)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut &*wire).unwrap();
        server.process_new_packets()?;
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut wire = &*wire;
        while !wire.is_empty() {
            client.read_tls(&mut wire).unwrap();
            client.process_new_packets()?;
        }
    }
    Ok((client, server))
}

#[test]
fn tls_is_spoken_in_both_versions_and_offers_both_protocols() {
    let folder = TempDir::new().unwrap();
    let serving = start(folder.path(), LOCAL, Clock::system().now()).unwrap();
    for (version, number) in
        [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        for (offered, agreed) in
            [(&["h2", "http/1.1"][..], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&[], None)]
        {
            let client = client(&serving.authority_pem, version, offered);
            let (_, server) = shake(&serving, client, "127.0.0.1").unwrap();
            assert_eq!(server.protocol_version(), Some(number));
            assert_eq!(server.alpn_protocol(), agreed.map(str::as_bytes));
        }
    }
}

#[test]
fn settings_narrow_what_is_spoken() {
    let suite = |name: &str| name.parse::<CipherSuite>().unwrap();
    let chacha = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
    let rsa = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    let tls13 = TlsSettings { min_version: TlsVersion::Tls13, ..TlsSettings::default() };
    let only = |name| TlsSettings { cipher_suites: vec![suite(name)], ..TlsSettings::default() };
    for (settings, version, want) in [
        (TlsSettings::default(), &version::TLS12, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        (tls13.clone(), &version::TLS13, "TLS13_AES_256_GCM_SHA384"),
        (tls13, &version::TLS12, ""),
        (only(chacha), &version::TLS12, chacha),
        (only(chacha), &version::TLS13, "TLS13_AES_256_GCM_SHA384"),
        // The certificate is not for RSA: nothing is left to agree on.
        (only(rsa), &version::TLS12, ""),
    ] {
        let folder = TempDir::new().unwrap();
        let source = CertificateSource::Folder { folder: folder.path(), address: LOCAL, host: "" };
        let serving = load(&source, &settings, &Clock::system()).unwrap();
        // HTTP/2 is off in these settings: it is not agreed on though it is offered.
        let client = client(&serving.authority_pem, version, &["h2", "http/1.1"]);
        let shaken = shake(&serving, client, "127.0.0.1");
        let got = shaken.as_ref().ok().and_then(|(_, server)| {
            assert_eq!(server.alpn_protocol(), Some(&b"http/1.1"[..]));
            server.negotiated_cipher_suite()?.suite().as_str()
        });
        assert_eq!(got.unwrap_or_default(), want, "{settings:?}");
    }
}

/// Writes a certificate for names, from an authority of its own, as `NAME.crt` and `NAME.key`.
fn write_pair(folder: &Path, name: &str, names: &[&str]) {
    let names = names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    fs::write(folder.join(format!("{name}.crt")), certificate.pem()).unwrap();
    fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

/// Which of the folder's certificates is served to a client that asks for a name.
fn served(serving: &Serving, folder: &Path, name: &str) -> String {
    let mut client = client("", &version::TLS13, &[]);
    // What is presented is looked at, not judged.
    let seen = Arc::new(Seen::default());
    client.dangerous().set_certificate_verifier(Arc::clone(&seen) as _);
    shake(serving, client, name).unwrap();
    let presented = seen.0.lock().unwrap().clone();
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let crts = all.filter(|path| path.extension().is_some_and(|it| it == "crt"));
    let same = |path: &std::path::PathBuf| {
        CertificateDer::from_pem_file(path).is_ok_and(|it| *it == presented)
    };
    let found = crts.into_iter().find(same).expect("one of the folder's");
    found.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// Keeps the certificate that a server presents.
#[derive(Debug, Default)]
struct Seen(std::sync::Mutex<Vec<u8>>);

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.0.lock().unwrap() = end_entity.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

#[test]
fn names_choose_certificates_and_changed_files_are_read_again() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let pair = |name: &str, names: &str| -> SniCertKey {
        let [certificate, key] =
            ["crt", "key"].map(|end| folder.join(format!("{name}.{end}")).display().to_string());
        format!("{certificate},{key}{names}").parse().unwrap()
    };
    write_pair(folder, "default", &["default.example"]);
    write_pair(folder, "own", &["a.example", "*.b.example"]);
    write_pair(folder, "given", &["nobody.example"]);
    write_pair(folder, "late", &["a.example", "late.example"]);
    let settings = TlsSettings {
        named: vec![pair("own", ""), pair("given", ":x.b.example,*.C.example"), pair("late", "")],
        ..TlsSettings::default()
    };
    let files = [folder.join("default.crt"), folder.join("default.key")];
    let source = CertificateSource::Files { certificate: &files[0], key: &files[1] };
    let serving = load(&source, &settings, &Clock::system()).unwrap();
    for (asked, want) in [
        ("default.example", "default"),
        ("elsewhere.example", "default"),
        ("127.0.0.1", "default"),
        ("a.example", "own"),
        ("A.Example", "own"),
        ("y.b.example", "own"),
        ("x.b.example", "given"),
        ("z.c.example", "given"),
        ("z.z.c.example", "default"),
        ("nobody.example", "default"),
        ("late.example", "late"),
    ] {
        assert_eq!(served(&serving, folder, asked), want, "{asked}");
    }
    assert_eq!(serving.certificates.paths().len(), 8);

    // Half a change is refused and what was served stays; the whole is taken.
    let kept = folder.join("kept.crt");
    fs::copy(&files[0], &kept).unwrap();
    let key = fs::read(&files[1]).unwrap();
    write_pair(folder, "default", &["default.example"]);
    let new_key = fs::read(&files[1]).unwrap();
    fs::write(&files[1], key).unwrap();
    let error = serving.certificates.reload().unwrap_err().to_string();
    assert!(error.contains("does not belong to the certificate"), "{error}");
    assert_eq!(served(&serving, folder, "default.example"), "kept");
    fs::write(&files[1], new_key).unwrap();
    serving.certificates.reload().unwrap();
    assert_eq!(served(&serving, folder, "default.example"), "default");
}
