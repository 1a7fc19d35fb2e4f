//! What a process costs: its CPU time and resident memory, as Linux tells them in `/proc`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::failure::Failure;

/// Processes that are looked at when searching for the one that listens on a port.
const PROCESS_LIMIT: usize = 100_000;
/// Open files of one process that are looked at in that search.
const FILE_LIMIT: usize = 100_000;
/// `st` of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// A process of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: u32,
}

impl Process {
    /// A process by its number.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn new(pid: u32) -> Result<Self, Failure> {
        let process = Self { pid };
        process.cpu().map(|_| process)
    }

    /// This program.
    pub(crate) fn this() -> Self {
        Self { pid: std::process::id() }
    }

    /// The process that listens on a TCP port, if this user may see it.
    pub(crate) fn listening_on(port: u16) -> Option<Self> {
        let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .filter_map(|table| fs::read_to_string(table).ok())
            .flat_map(|table| listening_inodes(&table, port))
            .map(|inode| format!("socket:[{inode}]"))
            .collect();
        let mut processes = fs::read_dir("/proc").ok()?.flatten().take(PROCESS_LIMIT);
        processes.find_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            has_open(&entry.path().join("fd"), &sockets).then_some(Self { pid })
        })
    }

    /// CPU time used so far, user and system together. The kernel counts it in ticks of mostly 10 ms.
    ///
    /// # Errors
    /// When the process has ended.
    pub(crate) fn cpu(self) -> Result<Duration, Failure> {
        let text = self.read("stat")?;
        let ticks = cpu_ticks(&text)
            .ok_or_else(|| Failure::new(format!("/proc/{}/stat is not understood", self.pid)))?;
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
    }

    /// Resident memory in KiB.
    ///
    /// # Errors
    /// When the process has ended.
    pub(crate) fn resident_kib(self) -> Result<u64, Failure> {
        self.kib("VmRSS:")
    }

    /// The most resident memory that there ever was, in KiB.
    ///
    /// # Errors
    /// When the process has ended.
    pub(crate) fn peak_kib(self) -> Result<u64, Failure> {
        self.kib("VmHWM:")
    }

    fn kib(self, field: &str) -> Result<u64, Failure> {
        let text = self.read("status")?;
        status_kib(&text, field)
            .ok_or_else(|| Failure::new(format!("/proc/{}/status has no {field}", self.pid)))
    }

    fn read(self, file: &str) -> Result<String, Failure> {
        fs::read_to_string(format!("/proc/{}/{file}", self.pid))
            .map_err(|error| Failure::caused(format!("look at process {}", self.pid), &error))
    }
}

/// `utime` and `stime` of a `stat` line. The name of a process may hold blanks and brackets, so what
/// is counted begins after the last bracket.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn status_kib(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// The inodes of the sockets that listen on a port, from a table like `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> Vec<u64> {
    let suffix = format!(":{port:04X}");
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        (local.ends_with(&suffix) && *state == LISTENING).then(|| inode.parse().ok())?
    };
    table.lines().skip(1).filter_map(inode).collect()
}

fn has_open(folder: &Path, targets: &[String]) -> bool {
    let Ok(files) = fs::read_dir(folder) else { return false };
    files.flatten().take(FILE_LIMIT).any(|file| {
        fs::read_link(file.path())
            .is_ok_and(|target| targets.iter().any(|want| target.as_os_str() == want.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines() {
        let check = |line: &str, want: Option<u64>| assert_eq!(cpu_ticks(line), want, "{line}");
        check("7 (x) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 0 0 20 0", Some(300));
        check("7 (a b) c) S 1 7 7 0 -1 4194560 1 2 3 4 1 2 0 0 20 0", Some(3));
        check("7 (x) S 1 7", None);
        check("", None);
    }

    #[test]
    fn status_fields() {
        let status = "Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(status_kib(status, "VmRSS:"), Some(1024));
        assert_eq!(status_kib(status, "VmHWM:"), Some(2048));
        assert_eq!(status_kib(status, "VmSwap:"), None);
    }

    #[test]
    fn tables_of_sockets() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n\
            1: 0100007F:192B 0100007F:A000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n\
            2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1\n";
        assert_eq!(listening_inodes(table, 6443), [4711]);
        assert_eq!(listening_inodes(table, 80), [4713]);
        assert!(listening_inodes(table, 81).is_empty());
    }

    #[test]
    fn finds_itself_by_its_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(Process::listening_on(port), Some(Process::this()));
        // Other tests make the process grow: the peak is one of what was there before it is asked for.
        let resident = Process::this().resident_kib().unwrap();
        assert!(resident > 0);
        assert!(Process::this().peak_kib().unwrap() >= resident);
        drop(listener);
        assert_eq!(Process::listening_on(port), None);
        assert!(Process::new(u32::MAX).unwrap_err().to_string().contains("look at process"));
    }
}
