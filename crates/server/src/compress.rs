//! Large answers in gzip, for clients that take it.
//!
//! As in Kubernetes only what is read is compressed, at the fastest level, and only from a size on: for
//! less the network is faster than the compression. See
//! [API response compression](https://kubernetes.io/docs/reference/using-api/api-concepts/#response-compression).

use crate::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Response;
use http::header::{CONTENT_ENCODING, HeaderValue, VARY};
use std::io::Write;

/// Answers up to this size are sent as they are.
const PLAIN_BYTES_MAX: usize = 128 << 10;
/// So much is compressed at a time.
const STEP_BYTES: usize = 64 << 10;
/// So much is sent at a time, but for the end.
const PACKED_BYTES: usize = 16 << 10;

/// Compresses a good answer, where it is large; for clients that take gzip.
pub(crate) fn compress(response: Response<Body>) -> Response<Body> {
    if response.status() != 200 {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let (body, compressed) = match body {
        Body::Full(Some(bytes)) if bytes.len() > PLAIN_BYTES_MAX => (pieces(steps(bytes)), true),
        Body::Pieces(pieces) => from_pieces(pieces),
        other => (other, false),
    };
    if compressed {
        parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        parts.headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    Response::from_parts(parts, body)
}

/// Looks at as much of a list as decides whether it is large.
fn from_pieces(mut rest: Box<dyn Iterator<Item = Bytes> + Send>) -> (Body, bool) {
    let (mut first, mut size) = (Vec::new(), 0);
    while size <= PLAIN_BYTES_MAX {
        let Some(piece) = rest.next() else {
            return (Body::full(first.concat()), false);
        };
        size += piece.len();
        first.push(piece);
    }
    (pieces(first.into_iter().chain(rest)), true)
}

fn steps(mut bytes: Bytes) -> impl Iterator<Item = Bytes> + Send {
    std::iter::from_fn(move || {
        let step = bytes.split_to(bytes.len().min(STEP_BYTES));
        (!step.is_empty()).then_some(step)
    })
}

fn pieces(plain: impl Iterator<Item = Bytes> + Send + 'static) -> Body {
    let encoder = GzEncoder::new(Vec::with_capacity(2 * PACKED_BYTES), Compression::fast());
    Body::Pieces(Box::new(Compressed { plain, encoder: Some(encoder) }))
}

/// Pieces that are compressed when the client takes them.
struct Compressed<I> {
    plain: I,
    /// Gone once everything has been compressed.
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl<I: Iterator<Item = Bytes>> Iterator for Compressed<I> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let encoder = self.encoder.as_mut()?;
            let Some(piece) = self.plain.next() else {
                // Compressing into memory does not fail.
                return self.encoder.take()?.finish().ok().map(Bytes::from);
            };
            encoder.write_all(&piece).ok()?;
            if encoder.get_ref().len() >= PACKED_BYTES {
                let room = Vec::with_capacity(2 * PACKED_BYTES);
                return Some(std::mem::replace(encoder.get_mut(), room).into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::negotiate::takes_gzip;
    use flate2::read::GzDecoder;
    use http::HeaderMap;
    use http::header::ACCEPT_ENCODING;
    use std::io::Read;

    fn check(accept: &str, body: Body, plain: &[u8], want: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, accept.parse().unwrap());
        let response = Response::new(body);
        let response = if takes_gzip(&headers) { compress(response) } else { response };
        let encoding = response.headers().get(CONTENT_ENCODING);
        assert_eq!(encoding.is_some(), want, "{accept} {}", plain.len());
        assert_eq!(response.headers().contains_key(VARY), want);
        let sent = match response.into_body() {
            Body::Full(bytes) => bytes.unwrap_or_default().to_vec(),
            Body::Pieces(pieces) => pieces.collect::<Vec<_>>().concat(),
            Body::Stream(_) | Body::Any(_) => panic!("nothing streams here"),
        };
        let mut got = Vec::new();
        if want {
            assert!(sent.len() < plain.len() / 2, "{} of {}", sent.len(), plain.len());
            GzDecoder::new(&sent[..]).read_to_end(&mut got).unwrap();
        } else {
            got = sent;
        }
        assert!(got == plain, "what is sent is what was to be sent");
    }

    #[test]
    fn large_answers_are_compressed() {
        let text = |size: usize| -> Vec<u8> { (0..size).map(|i| (i % 251) as u8).collect() };
        for (size, want) in [(PLAIN_BYTES_MAX, false), (PLAIN_BYTES_MAX + 1, true), (1 << 20, true)]
        {
            let plain = text(size);
            let pieces: Vec<Bytes> = plain.chunks(1000).map(Bytes::copy_from_slice).collect();
            let pieces = || Body::Pieces(Box::new(pieces.clone().into_iter()));
            for accept in ["gzip", "deflate, gzip", "br;q=1, gzip , identity"] {
                check(accept, Body::full(plain.clone()), &plain, want);
                check(accept, pieces(), &plain, want);
            }
            check("deflate", pieces(), &plain, false);
            check("gzip;q=0", pieces(), &plain, false);
        }
    }
}
