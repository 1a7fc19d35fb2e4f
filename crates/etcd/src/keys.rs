//! Which keys start with a prefix, in the terms of etcd: from a first key to one that is left out.

use bytes::Bytes;

/// The first key that a range with this prefix and start can hold.
pub(crate) fn first(prefix: &str, start: &str) -> Bytes {
    let first = prefix.max(start);
    // etcd has no empty key; a zero byte is its least.
    Bytes::from(if first.is_empty() { vec![0] } else { first.as_bytes().to_vec() })
}

/// The least key after all that start with the prefix.
pub(crate) fn end(prefix: &str) -> Bytes {
    let mut end = prefix.as_bytes().to_vec();
    // No byte of UTF-8 is 0xff, so there is always one to raise.
    match end.last_mut() {
        Some(last) => *last += 1,
        // A zero byte stands for the end of all keys.
        None => end.push(0),
    }
    Bytes::from(end)
}

/// The least key after this one.
pub(crate) fn next(key: &[u8]) -> Bytes {
    [key, &[0]].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_range_is_a_prefix() {
        assert_eq!(end("/foos/"), "/foos0");
        assert_eq!(end("a"), "b");
        assert_eq!((first("", ""), end("")), (vec![0].into(), vec![0].into()));
        assert_eq!(first("/a/", "/a/b"), "/a/b");
        assert_eq!(first("/a/", "/A"), "/a/");
    }

    proptest! {
        #[test]
        fn the_range_of_a_prefix_holds_what_starts_with_it(prefix in ".+", key in ".*") {
            for key in [key.clone(), format!("{prefix}{key}")] {
                let (first, end) = (first(&prefix, ""), end(&prefix));
                let inside = first[..] <= *key.as_bytes() && *key.as_bytes() < end[..];
                prop_assert_eq!(inside, key.starts_with(&prefix));
            }
        }
    }
}
