//! Reading requests with as little work as can be: the upstream of a bench must not cost more than what it measures.

use std::io;

use bytes::{Buf, BytesMut};
use memchr::memmem;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A chat in one piece.
    Chat,
    /// A chat as a stream.
    Stream,
    /// The list of models.
    Models,
    /// The knobs turned (the query), the counters shown.
    Control(String),
    /// Something that is not here.
    Else,
}

const LARGEST: usize = 16 * 1024 * 1024;

/// Reads the next request; `None` when the client has no more. Bodies need a `content-length`.
pub(crate) async fn next(socket: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<Option<Wanted>> {
    let head = loop {
        if let Some(end) = memmem::find(buffer, b"\r\n\r\n") {
            break end + 4;
        }
        if buffer.len() > LARGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if socket.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let body = content_length(buffer.get(..head).unwrap_or_default());
    if body > LARGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    while buffer.len() < head + body {
        if socket.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let wanted =
        wanted(buffer.get(..head).unwrap_or_default(), buffer.get(head..head + body).unwrap_or_default());
    buffer.advance(head + body);
    Ok(Some(wanted))
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

fn wanted(head: &[u8], body: &[u8]) -> Wanted {
    let target = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let target = String::from_utf8_lossy(target);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    match path {
        "/v1/chat/completions" => {
            let streams = [&b"\"stream\":true"[..], b"\"stream\": true"];
            if streams.iter().any(|asked| memmem::find(body, asked).is_some()) {
                Wanted::Stream
            } else {
                Wanted::Chat
            }
        }
        "/v1/models" => Wanted::Models,
        "/__fake" => Wanted::Control(query.to_owned()),
        _ => Wanted::Else,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_far_as_needed() {
        assert_eq!(content_length(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 42\r\n\r\n"), 42);
        assert_eq!(content_length(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
        let post = b"POST /v1/chat/completions HTTP/1.1\r\n";
        assert_eq!(wanted(post, b"{\"model\":\"m\"}"), Wanted::Chat);
        assert_eq!(wanted(post, b"{\"stream\": true}"), Wanted::Stream);
        assert_eq!(wanted(b"GET /__fake?chunks=3 HTTP/1.1\r\n", b""), Wanted::Control("chunks=3".into()));
    }
}
