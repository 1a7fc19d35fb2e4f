//! A token among the protocols of a WebSocket: for browsers, which let no program set the
//! `Authorization` header there.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CONNECTION, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, HeaderValue};

/// The protocol that is a token.
const PROTOCOL_PREFIX: &str = "base64url.bearer.authorization.k8s.io.";

/// The token among the protocols of a WebSocket, and the other protocols.
///
/// # Errors
/// With what is wrong, in Kubernetes' words.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<(String, String)>, &'static str> {
    if !is_websocket(headers) {
        return Ok(None);
    }
    let (mut token, mut others) = (None, Vec::new());
    for protocols in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        for protocol in protocols.to_str().unwrap_or_default().split(',').map(str::trim) {
            match protocol.strip_prefix(PROTOCOL_PREFIX) {
                None => others.push(protocol),
                Some(_) if token.is_some() => {
                    return Err("multiple base64.bearer.authorization tokens specified");
                }
                Some(encoded) => token = Some(encoded),
            }
        }
    }
    let Some(encoded) = token else { return Ok(None) };
    let invalid = |_| "invalid base64.bearer.authorization token encoding";
    let decoded = URL_SAFE_NO_PAD.decode(encoded).map_err(invalid)?;
    let token =
        String::from_utf8(decoded).map_err(|_| "invalid base64.bearer.authorization token")?;
    if others.is_empty() {
        // One must be left to be agreed on.
        return Err("missing additional subprotocol");
    }
    Ok(Some((token, others.join(","))).filter(|(token, _)| !token.is_empty()))
}

/// Leaves the protocols that are none of a token.
pub(super) fn strip(headers: &mut HeaderMap, others: &str) {
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if let Ok(value) = HeaderValue::from_str(others) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
}

fn is_websocket(headers: &HeaderMap) -> bool {
    let says = |name, word: &str| {
        headers.get_all(name).iter().any(|value| {
            let mut words = value.to_str().unwrap_or_default().split(',').map(str::trim);
            words.any(|it| it.eq_ignore_ascii_case(word))
        })
    };
    says(UPGRADE, "websocket") && says(CONNECTION, "upgrade")
}
