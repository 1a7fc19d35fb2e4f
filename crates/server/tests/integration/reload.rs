//! What an operator changes in files counts without a restart.

use crate::harness::{Issuer, Served, soon};
use crate::kinds::{WIDGETS, server};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

#[tokio::test]
async fn files_that_change_count_without_a_restart() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();
    let (first, second) = (Issuer::new("first"), Issuer::new("second"));
    write(&at("clients.crt"), &first.pem());
    write(&at("tokens.csv"), "jane-token,jane,,system:masters\n");
    let config = |enabled: bool| {
        format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n\
             anonymous: {{enabled: {enabled}}}\n"
        )
    };
    write(&at("config.yaml"), &config(true));
    let mut served = Served::start_with(server(), |options| {
        options.authentication.client_ca_file = Some(at("clients.crt"));
        options.authentication.token_auth_file = Some(at("tokens.csv"));
        options.authentication.authentication_config = Some(at("config.yaml"));
    })
    .await;
    let list = format!("GET {WIDGETS}");
    let becomes = async |served: &Served, token: &str, code: u16| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let headers = if token.is_empty() { &[][..] } else { &headers };
        soon(async {
            while served.send_with(&list, headers, "").await.code != code {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    };
    becomes(&served, "jane-token", 200).await;
    becomes(&served, "", 403).await;
    let [one, two] = [&first, &second].map(|issuer| issuer.issue("root", "system:masters"));
    for (identity, code) in [(&one, 200), (&two, 401)] {
        served.show(Some(identity));
        assert_eq!(served.send(&list, "").await.code, code);
    }

    write(&at("clients.crt"), &second.pem());
    write(&at("config.yaml"), &config(false));
    for (identity, code) in [(&two, 200), (&one, 401)] {
        served.show(Some(identity));
        becomes(&served, "", code).await;
    }
    served.show(None);
    becomes(&served, "", 401).await;
    // What makes no sense changes nothing.
    write(&at("tokens.csv"), "jane-token\n");
    write(&at("clients.crt"), "nothing");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    becomes(&served, "jane-token", 200).await;
    write(&at("tokens.csv"), "joe-token,joe,,system:masters\n");
    becomes(&served, "joe-token", 200).await;
    becomes(&served, "jane-token", 401).await;
    served.show(Some(&two));
    assert_eq!(served.send(&list, "").await.code, 200);
    served.stop().await;
}
