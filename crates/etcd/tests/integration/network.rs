//! A place in a network of its own, whose two links, to clients and to other members, can be cut one
//! by one.

use crate::etcd::Place;
use std::io::Write as _;
use std::process::Command;

/// A network namespace of Linux. Each of its two links has two addresses, of
/// [those for tests](https://www.rfc-editor.org/rfc/rfc2544): the host's and its own.
pub(crate) struct Network {
    name: String,
    clients: Link,
    peers: Link,
}

struct Link {
    name: String,
    host: String,
    own: String,
}

impl Network {
    /// Makes one; `None` where that cannot be, which is said past the capture of output.
    pub(crate) fn new() -> Option<Self> {
        let id = std::process::id();
        // Eight addresses for each process that tests.
        let start = (id % 0x3fff) * 8;
        let address = |n: u32| {
            let [_, high, middle, low] = (start + n).to_be_bytes();
            format!("198.{}.{middle}.{low}", 18 + u32::from(high))
        };
        let link = |kind: &str, n: u32| Link {
            name: format!("p{kind}{id}"),
            host: address(n + 1),
            own: address(n + 2),
        };
        let network =
            Self { name: format!("pintle{id}"), clients: link("c", 0), peers: link("p", 4) };
        let made = ip(&["netns", "add", &network.name])
            && network.connect(&network.clients)
            && network.connect(&network.peers);
        if !made {
            let why = "there is no `ip`, or it may not make networks here";
            let _ = writeln!(std::io::stderr(), "SKIPPED: a member that is cut off: {why}");
            return None;
        }
        Some(network)
    }

    fn connect(&self, link: &Link) -> bool {
        let (inside, name) = (format!("{}i", link.name), &self.name);
        let [host, own] = [&link.host, &link.own].map(|address| format!("{address}/30"));
        ip(&["link", "add", &link.name, "type", "veth", "peer", "name", &inside])
            && ip(&["link", "set", &inside, "netns", name])
            && ip(&["addr", "add", &host, "dev", &link.name])
            && ip(&["link", "set", &link.name, "up"])
            && ip(&["-n", name, "addr", "add", &own, "dev", &inside])
            && ip(&["-n", name, "link", "set", &inside, "up"])
    }

    /// Where a member is that can be cut off, and where those are that it talks to.
    pub(crate) fn places(&self) -> [Place; 2] {
        let (clients, peers) = (&self.clients, &self.peers);
        let within = Some(self.name.clone());
        [
            Place { client: clients.own.clone(), peer: peers.own.clone(), within },
            Place { client: "127.0.0.1".into(), peer: peers.host.clone(), within: None },
        ]
    }

    /// Cuts the link to the other members, or mends it. Clients do not feel it. The end inside is
    /// cut: so the address outside, which the others have among themselves, stays.
    pub(crate) fn cut(&self, cut: bool) {
        let (inside, state) = (format!("{}i", self.peers.name), if cut { "down" } else { "up" });
        assert!(ip(&["-n", &self.name, "link", "set", &inside, state]));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Either end of a link takes the other one with it.
        ip(&["link", "del", &self.clients.name]);
        ip(&["link", "del", &self.peers.name]);
        ip(&["netns", "del", &self.name]);
    }
}

fn ip(words: &[&str]) -> bool {
    Command::new("ip").args(words).output().is_ok_and(|output| output.status.success())
}
