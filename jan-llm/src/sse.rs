//! A decoder of server-sent events, without I/O: it takes bytes in pieces of any size and returns complete events.
//!
//! The published decoders do not limit the size of an event, so an upstream could fill our memory; this one does. It
//! follows the WHATWG algorithm: LF, CRLF and CR end a line, a BOM at the start is skipped, comments and unknown fields
//! are ignored, several `data` lines are joined by a line feed. An event that is incomplete at the end of the stream is
//! dropped, as the specification requires, unless the caller requests it ([`Decoder::finish`]).

use bytes::{Bytes, BytesMut};
use jan_core::{Error, Result};
use memchr::memchr2;

/// The default limit of an event's size: 8 MiB.
pub const MAX_EVENT: usize = 8 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// The value of the `event` line; empty when there was none.
    pub name: Bytes,
    /// The values of the `data` lines, joined by line feeds.
    pub data: Bytes,
}

/// Splits a stream of bytes into events.
#[derive(Debug)]
pub struct Decoder {
    /// Received bytes that are not split into lines yet.
    buffer: BytesMut,
    /// The number of bytes in `buffer` that contain no line end.
    searched: usize,
    /// The data of the current, incomplete event.
    data: Option<Data>,
    /// The name of the current event.
    name: Bytes,
    /// Whether the last line ended with CR; an LF that follows directly belongs to it.
    after_cr: bool,
    started: bool,
    limit: usize,
}

#[derive(Debug)]
enum Data {
    /// One line, which is the usual case: a slice of the received bytes, not a copy.
    One(Bytes),
    Many(BytesMut),
}

impl Default for Decoder {
    fn default() -> Self {
        Self::with_limit(MAX_EVENT)
    }
}

impl Decoder {
    /// A decoder that refuses events of more than `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            searched: 0,
            data: None,
            name: Bytes::new(),
            after_cr: false,
            started: false,
            limit,
        }
    }

    /// Adds received bytes. Call [`Decoder::next_event`] until it returns `None` before adding more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete event; `None` when more bytes are needed.
    ///
    /// # Errors
    /// `upstream_event_too_large` when an event exceeds the limit; the decoder must not be used after that.
    pub fn next_event(&mut self) -> Result<Option<Event>> {
        while let Some(line) = self.next_line() {
            if line.is_empty() {
                if let Some(event) = self.dispatch() {
                    return Ok(Some(event));
                }
                continue;
            }
            self.read(&line);
            self.check_size(0)?;
        }
        self.check_size(self.buffer.len())?;
        Ok(None)
    }

    /// The last event without its final line end or blank line. For streams that are known to have ended without an
    /// error.
    pub fn finish(&mut self) -> Option<Event> {
        let last = std::mem::take(&mut self.buffer).freeze();
        self.read(&last);
        self.dispatch()
    }

    /// Adds a line to the current event.
    fn read(&mut self, line: &Bytes) {
        if let Some(value) = field(line, b"data") {
            self.add(value);
        } else if let Some(name) = field(line, b"event") {
            self.name = name;
        }
    }

    /// Ends the current event and returns it if it has data. The next event begins without a name.
    fn dispatch(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        self.data.take().map(|data| Event { name, data: data.into_bytes() })
    }

    fn check_size(&self, unread: usize) -> Result<()> {
        let held = self.data.as_ref().map_or(0, Data::len);
        if held.saturating_add(unread) <= self.limit {
            return Ok(());
        }
        let message = format!("The model sent an event of more than {} bytes.", self.limit);
        Err(Error::upstream(message).with_code("upstream_event_too_large"))
    }

    /// Removes the next line from the buffer and returns it without its line end.
    fn next_line(&mut self) -> Option<Bytes> {
        if !self.started {
            let bom = b"\xef\xbb\xbf";
            if self.buffer.len() < bom.len() && bom.starts_with(&self.buffer) {
                return None;
            }
            self.started = true;
            if self.buffer.starts_with(bom) {
                let _ = self.buffer.split_to(bom.len());
            }
        }
        if self.after_cr && !self.buffer.is_empty() {
            self.after_cr = false;
            if self.buffer.starts_with(b"\n") {
                let _ = self.buffer.split_to(1);
            }
        }
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(found) = memchr2(b'\n', b'\r', unsearched) else {
            self.searched = self.buffer.len();
            return None;
        };
        let mut line = self.buffer.split_to(self.searched + found + 1);
        self.searched = 0;
        self.after_cr = line.ends_with(b"\r");
        line.truncate(line.len() - 1);
        Some(line.freeze())
    }

    fn add(&mut self, value: Bytes) {
        self.data = Some(match self.data.take() {
            None => Data::One(value),
            Some(Data::One(first)) => {
                let mut joined = BytesMut::with_capacity(first.len() + value.len() + 1);
                joined.extend_from_slice(&first);
                Data::join(joined, &value)
            }
            Some(Data::Many(joined)) => Data::join(joined, &value),
        });
    }
}

impl Data {
    fn join(mut joined: BytesMut, line: &[u8]) -> Self {
        joined.extend_from_slice(b"\n");
        joined.extend_from_slice(line);
        Self::Many(joined)
    }

    fn len(&self) -> usize {
        match self {
            Self::One(data) => data.len(),
            Self::Many(data) => data.len(),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::One(data) => data,
            Self::Many(data) => data.freeze(),
        }
    }
}

/// The value of a line that sets this field; `None` for every other line.
fn field(line: &Bytes, name: &[u8]) -> Option<Bytes> {
    let value = line.strip_prefix(name)?;
    let value = match value {
        [] => value,
        [b':', b' ', rest @ ..] | [b':', rest @ ..] => rest,
        _ => return None,
    };
    Some(if value.is_empty() { Bytes::new() } else { line.slice_ref(value) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let (mut decoder, mut events) = (Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.push(piece);
            while let Some(event) = decoder.next_event().unwrap() {
                events.push(String::from_utf8(event.data.to_vec()).unwrap());
            }
        }
        events
    }

    #[test]
    fn lines_fields_and_events_follow_the_specification() {
        let cases: &[(&str, &[&str])] = &[
            ("data: a\n\ndata: b\n\n", &["a", "b"]),
            ("data:a\r\n\r\ndata:  b\r\n\r\n", &["a", " b"]),
            ("data: a\r\rdata: b\r\r", &["a", "b"]),
            (": ping\n\nevent: x\nid: 1\ndata: a\nretry: 5\n\n", &["a"]),
            ("data: a\ndata: b\ndata\ndata:\n\n", &["a\nb\n\n"]),
            ("\u{feff}data: a\n\n", &["a"]),
            ("database: a\n\ndata: b\n\n", &["b"]),
            ("data: never finished", &[]),
            ("data: never finished\n", &[]),
            ("\n\n\n", &[]),
        ];
        for (text, events) in cases {
            assert_eq!(decode(&[text.as_bytes()]), *events, "{text:?}");
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(decode(&bytes), *events, "byte by byte: {text:?}");
        }
    }

    #[test]
    fn events_have_names_and_an_incomplete_last_one_can_be_requested() {
        let mut decoder = Decoder::default();
        let event = |name: &'static str, data: &'static str| Event { name: name.into(), data: data.into() };
        decoder.push(b"event: error\ndata: a\n\nevent: lost\n\ndata: b\n\nevent:x\ndata: c");
        assert_eq!(decoder.next_event().unwrap(), Some(event("error", "a")));
        assert_eq!(decoder.next_event().unwrap(), Some(event("", "b")), "a name applies to one event only");
        assert_eq!(decoder.next_event().unwrap(), None);
        assert_eq!(decoder.finish(), Some(event("x", "c")));
        assert_eq!(decoder.finish(), None);
        decoder.push(b"data: d\n");
        assert_eq!((decoder.next_event().unwrap(), decoder.finish()), (None, Some(event("", "d"))));
    }

    #[test]
    fn an_event_over_the_limit_is_refused_before_it_is_complete() {
        for start in ["data: ", "data: a\ndata: ", "x: "] {
            let mut decoder = Decoder::with_limit(100);
            decoder.push(start.as_bytes());
            assert!(decoder.next_event().unwrap().is_none());
            decoder.push(&[b'x'; 101]);
            assert_eq!(decoder.next_event().unwrap_err().code(), "upstream_event_too_large");
        }
    }

    proptest! {
        #[test]
        fn the_size_of_pieces_does_not_change_the_events(text in "(data: [a-z]{0,9}|:|event: x|\r|\n|\r\n|\n\n|é){0,30}", cut in 1usize..9) {
            let whole = decode(&[text.as_bytes()]);
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
            prop_assert_eq!(whole, decode(&pieces));
        }

        #[test]
        fn no_input_causes_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut decoder = Decoder::with_limit(64);
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.next_event() {}
        }
    }
}
