//! Reads requests with as little work as possible: the upstream of a benchmark must cost little compared with the
//! server.

use std::io;

use bytes::{Buf, BytesMut};
use memchr::memmem;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// The kind of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// A chat, not streamed.
    Chat,
    /// A streamed chat.
    Stream,
    /// The list of models.
    Models,
    /// A change of the pace (the query), answered with the counters.
    Control(String),
    /// Any other path.
    Unknown,
}

const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Reads the next request; `None` at the end of the connection. Bodies need a `content-length`.
pub(crate) async fn next(socket: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<Option<RequestKind>> {
    let head = loop {
        if let Some(end) = memmem::find(buffer, b"\r\n\r\n") {
            break end + 4;
        }
        if buffer.len() > MAX_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if socket.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let body = content_length(buffer.get(..head).unwrap_or_default());
    if body > MAX_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    while buffer.len() < head + body {
        if socket.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let kind =
        kind_of(buffer.get(..head).unwrap_or_default(), buffer.get(head..head + body).unwrap_or_default());
    buffer.advance(head + body);
    Ok(Some(kind))
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    let mut lines = head.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then_some(value)
    });
    let digits = value.unwrap_or_default().iter().filter(|byte| byte.is_ascii_digit());
    digits.fold(0_usize, |sum, digit| sum.saturating_mul(10).saturating_add(usize::from(digit - b'0')))
}

fn kind_of(head: &[u8], body: &[u8]) -> RequestKind {
    let target = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let target = String::from_utf8_lossy(target);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    match path {
        "/v1/chat/completions" => {
            let streams = [&b"\"stream\":true"[..], b"\"stream\": true"];
            if streams.iter().any(|member| memmem::find(body, member).is_some()) {
                RequestKind::Stream
            } else {
                RequestKind::Chat
            }
        }
        "/v1/models" => RequestKind::Models,
        "/__fake" => RequestKind::Control(query.to_owned()),
        _ => RequestKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_needed_parts_of_heads_and_bodies_are_read() {
        assert_eq!(content_length(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 42\r\n\r\n"), 42);
        assert_eq!(content_length(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
        let post = b"POST /v1/chat/completions HTTP/1.1\r\n";
        assert_eq!(kind_of(post, b"{\"model\":\"m\"}"), RequestKind::Chat);
        assert_eq!(kind_of(post, b"{\"stream\": true}"), RequestKind::Stream);
        assert_eq!(
            kind_of(b"GET /__fake?chunks=3 HTTP/1.1\r\n", b""),
            RequestKind::Control("chunks=3".into())
        );
    }
}
