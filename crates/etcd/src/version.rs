//! What a member can do, by its version.

/// Whether an answer to a request for progress says that nothing before it is missing.
///
/// Before 3.4.31 and 3.5.13 it could overtake the changes that it speaks for; see
/// [etcd#15220](https://github.com/etcd-io/etcd/issues/15220).
pub(crate) fn progress_can_be_trusted(version: &str) -> bool {
    let core = version.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
    let mut numbers = core.split('.').map(str::parse::<u64>);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(3)), Some(Ok(4)), Some(Ok(patch))) => patch >= 31,
        (Some(Ok(3)), Some(Ok(5)), Some(Ok(patch))) => patch >= 13,
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(_))) => (major, minor) > (3, 5),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::progress_can_be_trusted;

    #[test]
    fn versions() {
        for trusted in ["3.4.31", "3.5.13", "3.5.21", "3.6.0", "3.6.13-rc.1", "v3.6.1", "4.0.0"] {
            assert!(progress_can_be_trusted(trusted), "{trusted}");
        }
        for not in ["3.3.30", "3.4.23", "3.4.30", "3.5.1", "3.5.12", "2.9.9", "3.6", "", "x.y.z"] {
            assert!(!progress_can_be_trusted(not), "{not}");
        }
    }
}
