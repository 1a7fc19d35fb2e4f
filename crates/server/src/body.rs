//! The bodies of answers.

use bytes::Bytes;
use futures::Stream;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Why a body breaks off.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// A body that somebody else has made.
pub(crate) type AnyBody = UnsyncBoxBody<Bytes, BoxError>;

/// The body of an answer: bytes that are there, a list that is joined as it is sent, or a stream.
pub(crate) enum Body {
    /// Nothing, or everything at once.
    Full(Option<Bytes>),
    /// Pieces that are made when the client takes them.
    Pieces(Box<dyn Iterator<Item = Bytes> + Send>),
    /// Pieces that come when something happens.
    Stream(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
    /// Whatever the author of a connecter answers.
    Any(AnyBody),
}

impl Body {
    /// Everything in one piece.
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(Some(bytes.into()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Body::Full",
            Self::Pieces(_) => "Body::Pieces",
            Self::Stream(_) => "Body::Stream",
            Self::Any(_) => "Body::Any",
        })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let next = match self.get_mut() {
            Self::Full(bytes) => bytes.take().filter(|bytes| !bytes.is_empty()),
            Self::Pieces(pieces) => pieces.next(),
            Self::Stream(stream) => match stream.as_mut().poll_next(cx) {
                Poll::Ready(next) => next,
                Poll::Pending => return Poll::Pending,
            },
            Self::Any(body) => return Pin::new(body).poll_frame(cx),
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_none(),
            Self::Any(body) => body.is_end_stream(),
            Self::Pieces(_) | Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Pieces(_) | Self::Stream(_) => SizeHint::default(),
            Self::Any(body) => body.size_hint(),
        }
    }
}
