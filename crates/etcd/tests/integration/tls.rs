//! TLS with a client certificate, and what is said where it does not fit.

use crate::etcd::{Etcd, newest, ready};
use pintle_etcd::Cluster;
use pintle_storage::{Error, Storage};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_both_sides() {
    let Some(program) = newest() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    authority(folder.path(), "ca", &["server", "client"]);
    authority(folder.path(), "other", &["stranger"]);
    let etcd = Etcd::start_with(
        &program,
        &[
            "--cert-file",
            &at("server.crt"),
            "--key-file",
            &at("server.key"),
            "--trusted-ca-file",
            &at("ca.crt"),
            "--client-cert-auth",
        ],
    );
    let address = |ca: &str, client: &str| {
        let (certificate, key) = (at(&format!("{client}.crt")), at(&format!("{client}.key")));
        let files = format!("cafile={}&certfile={certificate}&keyfile={key}", at(ca));
        format!("{}&{files}", etcd.address())
    };
    let cluster = ready(&address("ca.crt", "client")).await;
    let created = cluster.create("/t/a", "one".into()).await.unwrap();
    assert_eq!(cluster.get("/t/a").await.unwrap().item.unwrap().revision, created);

    for (ca, client) in [("other.crt", "client"), ("ca.crt", "stranger")] {
        let stranger = Cluster::open(&address(ca, client)).unwrap();
        let refused = stranger.get("/t/a").await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable(_)), "{ca} {client}: {refused}");
    }
    let missing = Cluster::open(&address("missing.crt", "client")).unwrap_err().to_string();
    assert!(missing.contains("missing.crt"), "{missing}");
    std::fs::write(folder.path().join("empty.crt"), "").unwrap();
    let empty = Cluster::open(&address("empty.crt", "client")).unwrap_err().to_string();
    assert!(empty.contains("there is no certificate in it"), "{empty}");
}

/// Makes an authority and certificates that it signed.
fn authority(folder: &Path, name: &str, signed: &[&str]) {
    let write = |name: &str, ending: &str, text: String| {
        std::fs::write(folder.join(name).with_extension(ending), text).unwrap();
    };
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write(name, "crt", params.self_signed(&key).unwrap().pem());
    let issuer = Issuer::new(params, key);
    for name in signed {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        write(name, "crt", params.signed_by(&key, &issuer).unwrap().pem());
        write(name, "key", key.serialize_pem());
    }
}
