//! What etcd refuses or cannot do, from the words and codes of its answers.
//!
//! The words are those of etcd's [errors](https://github.com/etcd-io/etcd/blob/main/api/v3rpc/rpctypes/error.go).

use pintle_storage::Error;
use std::error::Error as _;
use std::fmt;
use tonic::{Code, ConnectError, Status};

/// Why a question has no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The revision asked for is gone.
    Compacted,
    /// The revision asked for is not there yet.
    Future,
    /// The request is larger than etcd takes.
    TooLarge,
    /// The answer is longer than this client takes: ask for less.
    TooLong,
    /// Nobody answered; a write may have happened.
    Unavailable(Cause),
    /// The answer is an error that asking again does not mend.
    Internal(Cause),
}

/// What a member said, or why it said nothing.
#[derive(Clone, Debug)]
pub(crate) struct Cause(String);

impl Cause {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    /// What a member's answer, or its absence, says.
    pub(crate) fn of(member: &str, status: &Status) -> Self {
        let mut why = format!("{member}: {}", status.message());
        let mut source = status.source();
        // Each cause often repeats the words of the one below it.
        while let Some(below) = source {
            let words = below.to_string();
            if !why.contains(&words) {
                why = format!("{why}: {words}");
            }
            source = below.source();
        }
        Self(why)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

impl From<Failure> for Error {
    /// The error where the caller knows nothing more: revisions and sizes are for those who asked.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable(cause) => Self::Unavailable(cause.into()),
            Failure::Internal(cause) => Self::Internal(cause.into()),
            Failure::Compacted | Failure::Future | Failure::TooLarge | Failure::TooLong => {
                Self::Internal(Cause::new(format!("etcd: unexpected answer {failure:?}")).into())
            }
        }
    }
}

/// What to do about an answer that is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Compacted,
    Future,
    TooLarge,
    TooLong,
    /// The token is not taken any more.
    Login,
    /// Another member may do better; `sent` says whether this one may have done something.
    Elsewhere {
        sent: bool,
    },
    Internal,
}

/// Judges an answer that is an error.
pub(crate) fn judge(status: &Status) -> Verdict {
    let message = status.message();
    let says = |words: &str| message.contains(words);
    // What comes from the other side has no source; what went wrong on the way has.
    let on_the_way = status.source().is_some();
    match status.code() {
        _ if never_connected(status) => Verdict::Elsewhere { sent: false },
        Code::OutOfRange if says("has been compacted") => Verdict::Compacted,
        Code::OutOfRange if says("is a future revision") => Verdict::Future,
        Code::OutOfRange if says("message length too large") => Verdict::TooLong,
        Code::InvalidArgument if says("request is too large") => Verdict::TooLarge,
        Code::ResourceExhausted if says("larger than max") => Verdict::TooLarge,
        // A member that is behind says it without the code that belongs to it.
        Code::ResourceExhausted | Code::Unknown if says("too many requests") => {
            Verdict::Elsewhere { sent: false }
        }
        Code::InvalidArgument if says("revision of auth store is old") => Verdict::Login,
        Code::InvalidArgument if says("user name is empty") => Verdict::Login,
        Code::Unauthenticated => Verdict::Login,
        Code::Unavailable if says("no leader") => Verdict::Elsewhere { sent: false },
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Aborted => {
            Verdict::Elsewhere { sent: true }
        }
        _ if on_the_way => Verdict::Elsewhere { sent: true },
        _ => Verdict::Internal,
    }
}

/// Whether there was no connection to send anything on.
fn never_connected(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_etcd_are_understood() {
        let check = |status: Status, want: Verdict| assert_eq!(judge(&status), want, "{status:?}");
        let etcd = |code, words: &str| Status::new(code, format!("etcdserver: {words}"));
        let compacted = "mvcc: required revision has been compacted";
        check(etcd(Code::OutOfRange, compacted), Verdict::Compacted);
        check(
            etcd(Code::OutOfRange, "mvcc: required revision is a future revision"),
            Verdict::Future,
        );
        check(etcd(Code::InvalidArgument, "request is too large"), Verdict::TooLarge);
        let grpc = "grpc: received message larger than max (3145728 vs. 2097152)";
        check(Status::resource_exhausted(grpc), Verdict::TooLarge);
        check(etcd(Code::Unauthenticated, "invalid auth token"), Verdict::Login);
        check(etcd(Code::InvalidArgument, "revision of auth store is old"), Verdict::Login);
        check(etcd(Code::Unavailable, "no leader"), Verdict::Elsewhere { sent: false });
        check(
            etcd(Code::ResourceExhausted, "too many requests"),
            Verdict::Elsewhere { sent: false },
        );
        check(etcd(Code::Unknown, "too many requests"), Verdict::Elsewhere { sent: false });
        check(etcd(Code::Unavailable, "leader changed"), Verdict::Elsewhere { sent: true });
        check(etcd(Code::Unavailable, "request timed out"), Verdict::Elsewhere { sent: true });
        check(etcd(Code::PermissionDenied, "permission denied"), Verdict::Internal);
        let full = "mvcc: database space exceeded";
        check(etcd(Code::ResourceExhausted, full), Verdict::Internal);
        let broken = Status::from_error(Box::new(std::io::Error::other("the pipe broke")));
        check(broken, Verdict::Elsewhere { sent: true });
        let refused = ConnectError(Box::new(std::io::Error::other("refused")));
        check(Status::from_error(Box::new(refused)), Verdict::Elsewhere { sent: false });
    }
}
