//! The process as the system sees it; nothing where there is no `/proc`.

use super::{head, line};
use jiff::Timestamp;

/// How the system counts the time of processes, on every Linux: in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// Writes memory, processor time, files and network.
pub(super) fn write(out: &mut String, started: Timestamp) {
    let name = "process_start_time_seconds";
    head(out, name, "gauge", "When the process started, since the epoch.");
    line(out, name, &[], started.as_second());
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).ok();
    let status = read("status").unwrap_or_default();
    let limits = read("limits").unwrap_or_default();
    let stat = read("stat").unwrap_or_default();
    let network = read("net/dev").unwrap_or_default();
    let (received, sent) = traffic(&network);
    let figures = [
        ("process_cpu_seconds_total", "counter", "Processor time.", processor(&stat)),
        ("process_resident_memory_bytes", "gauge", "Memory.", memory(&status, "VmRSS")),
        ("process_virtual_memory_bytes", "gauge", "Address space.", memory(&status, "VmSize")),
        (
            "process_virtual_memory_max_bytes",
            "gauge",
            "The limit of the address space.",
            limit(&limits, "Max address space"),
        ),
        (
            "process_max_fds",
            "gauge",
            "The limit of open file descriptors.",
            limit(&limits, "Max open files"),
        ),
        ("process_network_receive_bytes_total", "counter", "Bytes received.", received),
        ("process_network_transmit_bytes_total", "counter", "Bytes sent.", sent),
    ];
    for (name, sort, help, value) in figures {
        if let Some(value) = value {
            head(out, name, sort, help);
            line(out, name, &[], value);
        }
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let name = "process_open_fds";
        head(out, name, "gauge", "Open file descriptors.");
        line(out, name, &[], open.count());
    }
}

fn memory(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: f64 = line.trim_start_matches(':').trim().split(' ').next()?.parse().ok()?;
    Some(kib * 1024.0)
}

/// The time in programs and in the system. The name of the program before may have spaces.
fn processor(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

/// A soft limit; -1 where there is none, as in Go's client.
fn limit(limits: &str, name: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(-1.0),
        soft => soft.parse().ok(),
    }
}

/// What went through all devices of the network.
fn traffic(network: &str) -> (Option<f64>, Option<f64>) {
    let mut sums = None;
    for fields in network.lines().filter_map(|line| line.split_once(':')) {
        let numbers: Vec<f64> =
            fields.1.split_whitespace().filter_map(|field| field.parse().ok()).collect();
        if let [received, _, _, _, _, _, _, _, sent, ..] = numbers[..] {
            let (r, s) = sums.unwrap_or((0.0, 0.0));
            sums = Some((r + received, s + sent));
        }
    }
    (sums.map(|(received, _)| received), sums.map(|(_, sent)| sent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(processor(stat), Some(2.0));
        assert_eq!(processor("nonsense"), None);
        let limits = "Max open files            1024   524288   files\nMax address space  unlimited unlimited bytes\n";
        assert_eq!(limit(limits, "Max open files"), Some(1024.0));
        assert_eq!(limit(limits, "Max address space"), Some(-1.0));
        assert_eq!(memory("VmPeak: 9 kB\nVmRSS:\t  4 kB\n", "VmRSS"), Some(4096.0));
        let network = "Inter-| Receive\n face |bytes\n  lo: 5 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n eth0: 10 1 0 0 0 0 0 0 20 1 0\n";
        assert_eq!(traffic(network), (Some(15.0), Some(27.0)));
    }
}
