//! HTTP/2 by hand, for what no client would send.

use crate::harness::Served;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// How long a server is listened to that says nothing.
const SILENCE: Duration = Duration::from_secs(2);

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let stream = stream.to_be_bytes();
    [&length[1..], &[kind, flags], &stream, payload].concat()
}

/// The headers of a request, without compression.
pub(crate) fn request(post: bool, path: &str, token: &str) -> Vec<u8> {
    let method = if post { 0x83 } else { 0x82 };
    let mut block = vec![method, 0x87, 0x01];
    text(&mut block, "x");
    block.push(0x04);
    text(&mut block, path);
    // `authorization` is the 23rd of the names that are known.
    block.extend([0x0f, 0x08]);
    text(&mut block, &format!("Bearer {token}"));
    block
}

/// A text by its length, which is a number with a prefix of 7 bits.
pub(crate) fn text(block: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(length) if length < 127 => block.push(length),
        _ => {
            block.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                block.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            block.push(u8::try_from(rest).unwrap());
        }
    }
    block.extend_from_slice(text.as_bytes());
}

/// Sends frames, as many of them as are taken, and says how that ends: `GOAWAY` with its code, the
/// status of the first answer, `closed`, or `open`.
pub(crate) async fn send(served: &Served, frames: impl Iterator<Item = Vec<u8>> + Send) -> String {
    let (mut from, mut to) = tokio::io::split(served.connect(b"h2").await);
    let sending = async {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        to.write_all(&[&preface[..], &frame(SETTINGS, 0, 0, &[])].concat()).await?;
        for frame in frames {
            to.write_all(&frame).await?;
        }
        to.flush().await
    };
    let mut heard = Vec::new();
    let listening = async {
        let mut part = vec![0; 1 << 16];
        loop {
            match tokio::time::timeout(SILENCE, from.read(&mut part)).await {
                Err(_) => return "open",
                Ok(Ok(0) | Err(_)) => return "closed",
                Ok(Ok(read)) => heard.extend_from_slice(&part[..read]),
            }
        }
    };
    // Who is cut off while sending has heard all the same why.
    let (_, end) = tokio::join!(tokio::time::timeout(SILENCE, sending), listening);
    verdict(&heard).unwrap_or_else(|| end.to_owned())
}

fn verdict(mut heard: &[u8]) -> Option<String> {
    let mut status = None;
    while heard.len() >= 9 {
        let length =
            usize::from(heard[0]) << 16 | usize::from(heard[1]) << 8 | usize::from(heard[2]);
        let (kind, rest) = (heard[3], &heard[9..]);
        let payload = &rest[..length.min(rest.len())];
        match kind {
            GOAWAY if payload.len() >= 8 && payload[4..8] != [0; 4] => {
                return Some(format!("GOAWAY {}", payload[7]));
            }
            RST_STREAM if payload.len() == 4 && status.is_none() => {
                status = Some(format!("RST_STREAM {}", payload[3]));
            }
            HEADERS if status.is_none() => status = status_of(payload),
            _ => {}
        }
        heard = &rest[payload.len()..];
    }
    status
}

/// The status is the first header: one of those that are known, or three digits.
fn status_of(block: &[u8]) -> Option<String> {
    let known = ["200", "204", "206", "304", "400", "404", "500"];
    match block.first()? {
        code @ 0x88..=0x8e => Some(known[usize::from(code - 0x88)].to_owned()),
        _ => {
            let huffman = block.get(1)? & 0x80 != 0;
            let length = usize::from(block.get(1)? & 0x7f);
            let bytes = block.get(2..2 + length)?;
            Some(if huffman { digits(bytes) } else { String::from_utf8_lossy(bytes).into_owned() })
        }
    }
}

/// Digits in the code of HPACK: 0, 1 and 2 have five bits, the others six.
fn digits(bytes: &[u8]) -> String {
    let bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).map(move |i| byte >> (7 - i) & 1)).collect();
    let value = |bits: &[u8]| bits.iter().fold(0, |sum, bit| sum * 2 + u32::from(*bit));
    let (mut at, mut text) = (0, String::new());
    while text.len() < 3 && bits.len() - at >= 5 {
        let short = value(&bits[at..at + 5]);
        let (digit, length) = match short {
            0..=2 => (short, 5),
            _ if bits.len() - at >= 6 => (value(&bits[at..at + 6]).saturating_sub(0x16), 6),
            _ => break,
        };
        text.extend(char::from_digit(digit.min(9), 10));
        at += length;
    }
    text
}
