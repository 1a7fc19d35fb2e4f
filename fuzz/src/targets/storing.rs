//! What is read on the way to a storage: configurations, addresses, sealed values.

use pintle::fuzz;
use pintle_etcd::Cluster;

pub(super) fn encryption_config(data: &[u8]) -> bool {
    fuzz::encryption_configuration(data)
}

pub(super) fn authentication_config(data: &[u8]) -> bool {
    fuzz::authentication_configuration(data)
}

pub(super) fn token_file(data: &[u8]) -> bool {
    fuzz::token_file(data)
}

pub(super) fn audit_policy(data: &[u8]) -> bool {
    fuzz::audit_policy(data)
}

pub(super) fn sealed_object(data: &[u8]) -> bool {
    fuzz::sealed_object(data)
}

/// The address of an etcd. What names files is left out: whatever the file is, it would be read.
pub(super) fn etcd_address(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    if text.contains("file") || text.contains('%') {
        return false;
    }
    // Nothing is connected before the first question.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let _inside = runtime.enter();
    Cluster::open(text).is_ok()
}
