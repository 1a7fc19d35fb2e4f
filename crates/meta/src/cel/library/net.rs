//! Addresses and networks.
//!
//! See [IP address](https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-ip-address-library) and
//! [CIDR library](https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-cidr-library).

use super::{Args, failed, flag, global, member, number, opaque, string, text};
use cel::common::types::{STRING_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use std::net::IpAddr;

/// An address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ip(IpAddr);

opaque!(Ip, "net.IP");

/// An address and how many of its bits stand for the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cidr {
    address: IpAddr,
    bits: u8,
}

opaque!(Cidr, "net.CIDR");

impl Cidr {
    /// The address with nothing but the bits of the network.
    fn masked(self) -> Self {
        let kept = |all: u32| u128::MAX.checked_shl(all - u32::from(self.bits)).unwrap_or(0);
        let address = match self.address {
            IpAddr::V4(address) => IpAddr::V4((address.to_bits() & kept(32) as u32).into()),
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() & kept(128)).into()),
        };
        Self { address, ..self }
    }

    fn contains(self, other: Self) -> bool {
        self.address.is_ipv4() == other.address.is_ipv4()
            && self.bits <= other.bits
            && Self { bits: self.bits, ..other }.masked() == self.masked()
    }

    fn of(address: IpAddr) -> Self {
        Self { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }
}

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    global(env, "isIP", &[STRING_TYPE], |args| Ok(flag(address(text(&args, 0)?).is_ok())))?;
    global(env, "ip", &[STRING_TYPE], |args| {
        address(text(&args, 0)?).map(|address| CowVal::owned(Ip(address)))
    })?;
    global(env, "ip.isCanonical", &[STRING_TYPE], |args| {
        let source = text(&args, 0)?;
        Ok(flag(address(source)?.to_string() == source))
    })?;
    global(env, "isCIDR", &[STRING_TYPE], |args| Ok(flag(network(text(&args, 0)?).is_ok())))?;
    global(env, "cidr", &[STRING_TYPE], |args| network(text(&args, 0)?).map(CowVal::owned))?;
    global(env, "string", &[Ip::cel_type().to_owned()], |args| {
        Ok(string(ip(&args, 0)?.to_string()))
    })?;
    global(env, "string", &[Cidr::cel_type().to_owned()], |args| {
        let Cidr { address, bits } = cidr(&args, 0)?;
        Ok(string(format!("{address}/{bits}")))
    })?;
    of_addresses(env)?;
    of_networks(env)
}

fn of_addresses(env: &mut Env) -> Result<(), DeclarationError> {
    let on: &Type = Ip::cel_type();
    member(env, on, "family", &[], |args| Ok(number(if ip(&args, 0)?.is_ipv4() { 4 } else { 6 })))?;
    member(env, on, "isUnspecified", &[], |args| Ok(flag(ip(&args, 0)?.is_unspecified())))?;
    member(env, on, "isLoopback", &[], |args| Ok(flag(ip(&args, 0)?.is_loopback())))?;
    member(env, on, "isLinkLocalMulticast", &[], |args| {
        Ok(flag(match ip(&args, 0)? {
            IpAddr::V4(address) => address.octets()[..3] == [224, 0, 0],
            IpAddr::V6(address) => address.segments()[0] & 0xff0f == 0xff02,
        }))
    })?;
    member(env, on, "isLinkLocalUnicast", &[], |args| Ok(flag(is_link_local(ip(&args, 0)?))))?;
    member(env, on, "isGlobalUnicast", &[], |args| {
        let address = ip(&args, 0)?;
        let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
        let not = address.is_unspecified() || address.is_loopback() || address.is_multicast();
        Ok(flag(!(not || broadcast || is_link_local(address))))
    })
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn of_networks(env: &mut Env) -> Result<(), DeclarationError> {
    let on: &Type = Cidr::cel_type();
    member(env, on, "containsIP", &[STRING_TYPE], |args| {
        Ok(flag(cidr(&args, 0)?.contains(Cidr::of(address(text(&args, 1)?)?))))
    })?;
    member(env, on, "containsIP", &[Ip::cel_type().to_owned()], |args| {
        Ok(flag(cidr(&args, 0)?.contains(Cidr::of(ip(&args, 1)?))))
    })?;
    member(env, on, "containsCIDR", &[STRING_TYPE], |args| {
        Ok(flag(cidr(&args, 0)?.contains(network(text(&args, 1)?)?)))
    })?;
    member(env, on, "containsCIDR", &[on.to_owned()], |args| {
        Ok(flag(cidr(&args, 0)?.contains(cidr(&args, 1)?)))
    })?;
    member(env, on, "ip", &[], |args| Ok(CowVal::owned(Ip(cidr(&args, 0)?.address))))?;
    member(env, on, "masked", &[], |args| Ok(CowVal::owned(cidr(&args, 0)?.masked())))?;
    member(env, on, "prefixLength", &[], |args| Ok(number(cidr(&args, 0)?.bits.into())))
}

/// Reads an address: no zone, and not one of IPv4 in the dress of IPv6, as Kubernetes wants it.
fn address(source: &str) -> Result<IpAddr, ExecutionError> {
    let parsed: Result<IpAddr, _> = source.parse();
    match parsed {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => {
            Err(failed(format!("IPv4-mapped IPv6 address {source:?} is not allowed")))
        }
        Ok(address) => Ok(address),
        Err(_) => {
            let why = format!("IP Address {source:?} parse error during conversion from string");
            Err(failed(why))
        }
    }
}

fn network(source: &str) -> Result<Cidr, ExecutionError> {
    let unreadable =
        || failed(format!("network address parse error during conversion from string: {source:?}"));
    let (address, bits) = source.split_once('/').ok_or_else(unreadable)?;
    let address = self::address(address)?;
    let plain = bits.bytes().all(|b| b.is_ascii_digit()) && (bits == "0" || !bits.starts_with('0'));
    let max = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.parse().ok().filter(|bits| plain && *bits <= max).ok_or_else(unreadable)?;
    Ok(Cidr { address, bits })
}

fn ip(args: &Args<'_, '_>, at: usize) -> Result<IpAddr, ExecutionError> {
    let ip = args.get(at).and_then(|arg| arg.downcast_ref::<Ip>());
    ip.map(|ip| ip.0).ok_or_else(|| failed("no such overload"))
}

fn cidr(args: &Args<'_, '_>, at: usize) -> Result<Cidr, ExecutionError> {
    let cidr = args.get(at).and_then(|arg| arg.downcast_ref::<Cidr>());
    cidr.copied().ok_or_else(|| failed("no such overload"))
}
