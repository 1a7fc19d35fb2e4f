//! Whether anything is under way on a connection.
//!
//! A request is under way from its headers to the last of its response, so that a watch counts
//! for as long as it lasts. A connection on which nothing is under way for long is closed: it
//! holds a place that another client may want.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// The requests of one connection, counted.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    under_way: AtomicUsize,
    /// When the last request ended, in milliseconds after `opened`.
    ended_ms: AtomicU64,
}

/// A request that is under way for as long as this lives.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Activity>);

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Activity {
            opened: Instant::now(),
            under_way: AtomicUsize::new(0),
            ended_ms: AtomicU64::new(0),
        })
    }

    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        UnderWay(Arc::clone(self))
    }

    /// Completes when, from now on, nothing has been under way for this long; found out with a
    /// delay of at most as long again.
    pub(super) async fn quiet_for(&self, time: Duration) {
        let asked = self.opened.elapsed();
        let mut wait = time;
        loop {
            tokio::time::sleep(wait).await;
            wait = if self.under_way.load(Ordering::Acquire) > 0 {
                time
            } else {
                let ended = Duration::from_millis(self.ended_ms.load(Ordering::Acquire));
                time.saturating_sub(self.opened.elapsed().saturating_sub(ended.max(asked)))
            };
            if wait.is_zero() {
                return;
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let now = self.0.opened.elapsed().as_millis();
        self.0.ended_ms.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Release);
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

pin_project! {
    /// A response's body, whose request is under way until it is dropped.
    #[derive(Debug)]
    pub(super) struct Tracked<B> {
        #[pin]
        body: B,
        under_way: UnderWay,
    }
}

impl<B> Tracked<B> {
    pub(super) fn new(body: B, under_way: UnderWay) -> Self {
        Tracked { body, under_way }
    }
}

impl<B: Body> Body for Tracked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
