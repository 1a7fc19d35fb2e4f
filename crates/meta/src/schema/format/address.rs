//! Addresses of machines: IP addresses and ranges of them, hardware addresses, names of hosts.

use super::{is_digits, is_hex};
use regex::Regex;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;

/// An IPv4 address, also as an IPv6 address that ends with one. Leading zeros are decimal digits, as
/// they were before Go 1.17.
pub(super) fn is_ipv4(text: &str) -> bool {
    text.contains('.') && sloppy(text).is_some()
}

/// An IPv6 address without a zone.
pub(super) fn is_ipv6(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok()
}

/// An address and the number of bits of a network, with leading zeros allowed in all of them.
pub(super) fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let bits = plain(bits).and_then(|bits| bits.parse::<u8>().ok());
    match (sloppy(address), bits) {
        (Some(IpAddr::V4(_)), Some(bits)) => bits <= 32,
        (Some(IpAddr::V6(_)), Some(bits)) => bits <= 128,
        _ => false,
    }
}

/// An address whose part in IPv4 may have leading zeros.
fn sloppy(text: &str) -> Option<IpAddr> {
    let (before, dotted) = text.split_at(text.rfind(':').map_or(0, |at| at + 1));
    if !dotted.contains('.') {
        return text.parse().ok();
    }
    let parts = dotted.split('.').map(plain).collect::<Option<Vec<_>>>()?;
    format!("{before}{}", parts.join(".")).parse().ok()
}

/// A decimal number without its leading zeros.
fn plain(digits: &str) -> Option<&str> {
    let short = digits.trim_start_matches('0');
    is_digits(digits).then_some(if short.is_empty() { "0" } else { short })
}

/// A hardware address of 6, 8 or 20 bytes: pairs of digits between colons or hyphens, four digits
/// between dots, or nothing but digits.
pub(super) fn is_mac(text: &str) -> bool {
    let groups = |separator: char, size: usize| {
        text.split(separator).all(|group| group.len() == size && is_hex(group))
            && matches!(text.split(separator).count() * size, 12 | 16 | 40)
    };
    groups(':', 2)
        || groups('-', 2)
        || groups('.', 4)
        || (is_hex(text) && matches!(text.len(), 12 | 16 | 40))
}

/// One label with at most one hyphen, which is its second character; or labels of which the last has
/// letters only.
static HOSTNAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let word = r"[a-zA-Z0-9\p{S}\p{L}]";
    let inner = r"[a-zA-Z0-9\-\p{S}\p{L}]";
    Regex::new(&format!(
        r"^(?:{word}-?{word}*|(?:{word}(?:{inner}*{word})?\.)+[a-zA-Z\p{{L}}]{{2,}})$"
    ))
    .ok()
});

/// The name of a host, in which Kubernetes takes letters and symbols of any language.
pub(super) fn is_hostname(text: &str) -> bool {
    /// RFC 1034, section 3.1.
    const HOSTNAME_BYTES_MAX: usize = 255;
    const LABEL_BYTES_MAX: usize = 63;
    text.len() <= HOSTNAME_BYTES_MAX
        && text.split('.').all(|label| label.len() <= LABEL_BYTES_MAX)
        && HOSTNAME.as_ref().is_some_and(|pattern| pattern.is_match(text))
}
