//! Requests whose end is written down whatever happens.

use super::Record;
use super::policy::Stage;
use bytes::Bytes;
use futures::Stream;
use serde_json::json;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The event of a request until it is answered. Where that never happens, because the client has gone
/// away, it is written down too: what the request has done is done.
#[derive(Debug, Default)]
pub(crate) struct Open(pub Option<Record>);

impl Drop for Open {
    fn drop(&mut self) {
        let Some(mut record) = self.0.take() else { return };
        record.event.response_status = Some(json!({
            "metadata": {}, "status": "Success", "message": "Connection closed early", "code": 200,
        }));
        record.emit_soon(record.last, record.now());
    }
}

/// A stream whose end is written down, also where the client goes away.
pub(super) struct Ending<S> {
    pub stream: S,
    pub record: Option<Record>,
}

impl<S: Stream<Item = Bytes> + Unpin> Stream for Ending<S> {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        Pin::new(&mut self.stream).poll_next(cx)
    }
}

impl<S> Drop for Ending<S> {
    fn drop(&mut self) {
        let Some(record) = self.record.take() else { return };
        record.emit_soon(Stage::ResponseComplete, record.now());
    }
}
