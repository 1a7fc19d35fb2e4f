//! Tells systemd that a server is ready, as Kubernetes' servers do; see
//! [sd_notify](https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html).

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

const READY: &[u8] = b"READY=1\n";

/// Says that requests are taken, where the program was started by somebody who wants to know.
///
/// # Errors
/// Where it cannot be said.
pub(crate) fn ready() -> io::Result<()> {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let socket = UnixDatagram::unbound()?;
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&path)?,
    };
    socket.send_to_addr(READY, &address).map(drop)
}
