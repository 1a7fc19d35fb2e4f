//! Puts straight into etcd: what a server that stores in it could reach at most.
//!
//! The two calls are gRPC by hand, over the same HTTP/2 connections as everything else here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::Method;
use hyper::header::{HeaderName, TE};

use crate::client::{Target, Template};
use crate::failure::Failure;
use crate::feed::Next;

/// All keys begin with this, and none of a server does.
const PREFIX: &str = "/pintle-bench/";
/// What stands after [`PREFIX`] in the order of bytes.
const PREFIX_END: &str = "/pintle-bench0";
const GRPC: &str = "application/grpc";
const HEADERS: &[(HeaderName, &str)] = &[(TE, "trailers")];

/// How a key is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Whatever is there.
    Plain,
    /// In a transaction, where there is no such key: what a server asks for to create an object.
    IfAbsent,
}

/// Puts of new keys with equal values. Clones share the counter.
#[derive(Clone)]
pub(crate) struct Puts {
    template: Template,
    how: How,
    value: Bytes,
    next: Arc<AtomicU64>,
}

impl Puts {
    /// Puts of values of so many bytes.
    ///
    /// # Errors
    /// When no request can be made for the target.
    pub(crate) fn new(target: &Target, how: How, value_bytes: usize) -> Result<Self, Failure> {
        let path = match how {
            How::Plain => "/etcdserverpb.KV/Put",
            How::IfAbsent => "/etcdserverpb.KV/Txn",
        };
        let template = target.template(Method::POST, path, HEADERS)?.with_body(GRPC, Bytes::new());
        let value = Bytes::from(vec![b'x'; value_bytes]);
        Ok(Self { template, how, value, next: Arc::default() })
    }

    /// The next put.
    pub(crate) fn next(&self) -> Next {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // No key is there before, whoever put keys in another way.
        let key = format!("{PREFIX}{:?}/{number:010}", self.how);
        let put = [(1, key.as_bytes()), (2, &self.value)];
        let body = match self.how {
            How::Plain => message(&put),
            How::IfAbsent => {
                // The revision of the key's last change (2) is (equal, which is not said) zero.
                let mut absent = fields(&[(3, key.as_bytes())]);
                absent.put_slice(&[2 << 3, 2, 6 << 3, 0]);
                message(&[(1, &absent), (2, &fields(&[(2, &fields(&put))]))])
            }
        };
        self.template.request_with(body)
    }
}

/// Removes everything that was put.
///
/// # Errors
/// When etcd does not answer, or refuses.
pub(crate) async fn clean(target: &Target) -> Result<(), Failure> {
    let body = message(&[(1, PREFIX.as_bytes()), (2, PREFIX_END.as_bytes())]);
    let template = target
        .template(Method::POST, "/etcdserverpb.KV/DeleteRange", HEADERS)?
        .with_body(GRPC, body);
    let answer = target.connect().await?.call(&template).await?;
    // A call that failed has no message, only a status behind it.
    if answer.body.is_empty() {
        return Err(Failure::new("etcd did not remove the keys that were put"));
    }
    Ok(())
}

/// Fields by their numbers, which are strings, bytes or messages.
fn fields(fields: &[(u8, &[u8])]) -> BytesMut {
    let mut text = BytesMut::new();
    for (number, field) in fields {
        text.put_u8((number << 3) | 2);
        put_length(&mut text, field.len());
        text.put_slice(field);
    }
    text
}

/// A gRPC message of such fields.
fn message(of: &[(u8, &[u8])]) -> Bytes {
    let text = fields(of);
    let mut framed = BytesMut::with_capacity(text.len() + 5);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    framed.put_slice(&text);
    framed.freeze()
}

fn put_length(text: &mut BytesMut, mut length: usize) {
    while length > 0x7f {
        text.put_u8((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    text.put_u8(length as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let check = |fields: &[(u8, &[u8])], want: &[u8]| assert_eq!(message(fields), want);
        check(&[(1, b"a"), (2, b"")], &[0, 0, 0, 0, 5, 0x0a, 1, b'a', 0x12, 0]);
        let long = [b'x'; 300];
        let framed = message(&[(1, &long)]);
        assert_eq!(framed[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 0x02]);
        assert_eq!(framed.len(), 8 + 300);
    }
}
