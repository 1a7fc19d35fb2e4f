//! What else a client asks to be: the extra values of a user.

use pintle_meta::FieldErrors;
use pintle_meta::validation::is_dns1123_subdomain;
use std::collections::BTreeMap;

/// Extra values by key.
pub(super) type Extra = BTreeMap<String, Vec<String>>;

/// From how many groups or values on it is asked first whether all are allowed.
pub(super) const MANY: usize = 4;

const FIELD: &str = "extra.key";

/// Looks at what a constrained mode is strict about, in the words of Kubernetes.
pub(super) fn validate(extra: &Extra) -> Result<(), String> {
    let not_allowed = |what: &str| Err(format!("impersonating {what} in extra is not allowed"));
    for (key, values) in extra {
        if key.is_empty() {
            return not_allowed("the empty string key");
        }
        let errors = domain_prefixed(key);
        if !errors.is_empty() {
            return Err(format!("impersonating an invalid key in extra is not allowed: {errors}"));
        }
        if *key != key.to_lowercase() {
            let key = pintle_meta::json::quote(key);
            return Err(format!(
                "impersonating a non-lowercase key in extra is not allowed: {key}"
            ));
        }
        if values.iter().any(String::is_empty) {
            return not_allowed("the empty string value");
        }
    }
    Ok(())
}

/// What is wrong with a key that must look like `example.com/key`.
fn domain_prefixed(key: &str) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let parts = key.split_once('/').filter(|(host, path)| !host.is_empty() && !path.is_empty());
    let Some((host, path)) = parts else {
        let why = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        errors.invalid(FIELD, key, why);
        return errors;
    };
    for why in is_dns1123_subdomain(host) {
        errors.invalid(FIELD, host, why);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:".contains(c);
    if !path.chars().all(allowed) {
        let why = "Invalid path (regex used for validation is \
                   '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
        errors.invalid(FIELD, path, why);
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, value: &str, want: &str) {
        let extra = Extra::from([(key.to_owned(), vec!["a".to_owned(), value.to_owned()])]);
        assert_eq!(validate(&extra).err().unwrap_or_default(), want, "{key}");
    }

    #[test]
    fn keys_and_values() {
        let invalid = |why: &str| {
            format!(
                "impersonating an invalid key in extra is not allowed: extra.key: Invalid value: {why}"
            )
        };
        check("example.com/a/b-~%x", "b", "");
        check("", "b", "impersonating the empty string key in extra is not allowed");
        check("a.b/c", "", "impersonating the empty string value in extra is not allowed");
        for key in ["team", "/team", "a.b/"] {
            let why =
                format!("\"{key}\": must be a domain-prefixed path (such as \"acme.io/foo\")");
            check(key, "b", &invalid(&why));
        }
        let why = r"Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')";
        check("a.b/c d", "b", &invalid(&format!("\"c d\": {why}")));
        check("a.b/C", "b", "impersonating a non-lowercase key in extra is not allowed: \"a.b/C\"");
        let host = is_dns1123_subdomain("A").remove(0);
        check("A/c", "b", &invalid(&format!("\"A\": {host}")));
    }
}
