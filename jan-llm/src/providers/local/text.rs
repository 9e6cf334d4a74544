//! Converts the bytes of tokens to text that may be sent. Characters are never split, and a stop sequence is never
//! sent, even if it extends over several tokens.

/// Joins the bytes of tokens to whole characters. An incomplete character is held back until it is complete; invalid
/// bytes become U+FFFD.
#[derive(Default)]
pub(super) struct Utf8Joiner {
    held: Vec<u8>,
}

impl Utf8Joiner {
    /// Adds a token's bytes and returns the characters that are complete now.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut out = String::new();
        let mut rest = self.held.as_slice();
        let unfinished = loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    out.push_str(text);
                    break Vec::new();
                }
                Err(error) => {
                    let (valid, tail) = rest.split_at(error.valid_up_to());
                    out.push_str(&String::from_utf8_lossy(valid));
                    match error.error_len() {
                        None => break tail.to_vec(),
                        Some(bad) => {
                            out.push(char::REPLACEMENT_CHARACTER);
                            rest = tail.get(bad..).unwrap_or_default();
                        }
                    }
                }
            }
        };
        self.held = unfinished;
        out
    }

    /// The held-back bytes as text, after the last token.
    pub(super) fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned()
    }
}

/// Passes text on until the first stop sequence, which is dropped.
pub(super) struct StopMatcher {
    stops: Vec<String>,
    held: String,
}

impl StopMatcher {
    /// A matcher for these stop sequences; none may be empty.
    pub(super) fn new(stops: Vec<String>) -> Self {
        Self { stops, held: String::new() }
    }

    /// Adds text. Returns the text that may be sent, and whether a stop sequence was found.
    pub(super) fn push(&mut self, text: &str) -> (String, bool) {
        self.held.push_str(text);
        let found = self.stops.iter().filter_map(|stop| self.held.find(stop)).min();
        if let Some(at) = found {
            self.held.truncate(at);
            return (std::mem::take(&mut self.held), true);
        }
        let keep = unfinished(&self.held, self.stops.iter().map(String::as_str));
        let rest = self.held.split_off(self.held.len() - keep);
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// The held-back text, after the last piece.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// How many bytes at the end of `text` could be an incomplete beginning of one of `marks`.
pub(super) fn unfinished<'a>(text: &str, marks: impl Iterator<Item = &'a str>) -> usize {
    let longest = |mark: &str| {
        mark.char_indices()
            .rev()
            .map(|(at, _)| at)
            .find(|at| mark.get(..*at).is_some_and(|head| text.ends_with(head)))
    };
    marks.filter_map(longest).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_of_three_tokens_is_returned_whole() {
        let mut joiner = Utf8Joiner::default();
        let euro = "€".as_bytes();
        assert_eq!(joiner.push(b"a"), "a");
        assert_eq!(joiner.push(&euro[..1]), "");
        assert_eq!(joiner.push(&euro[1..2]), "");
        assert_eq!(joiner.push(&[euro[2], b'b']), "€b");
        assert_eq!(joiner.finish(), "");
    }

    #[test]
    fn invalid_bytes_are_replaced_and_the_others_kept() {
        let mut joiner = Utf8Joiner::default();
        assert_eq!(joiner.push(&[b'x', 0xff, b'y', 0xf0, 0x9f]), "x\u{fffd}y");
        assert_eq!(joiner.push(b"z"), "\u{fffd}z");
        assert_eq!(joiner.push(&[0xe2]), "");
        assert_eq!(joiner.finish(), "\u{fffd}");
    }

    fn through(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut matcher = StopMatcher::new(stops.iter().map(|s| (*s).to_owned()).collect());
        let mut out = String::new();
        for piece in pieces {
            let (text, stopped) = matcher.push(piece);
            out.push_str(&text);
            if stopped {
                return (out, true);
            }
        }
        out.push_str(&matcher.finish());
        (out, false)
    }

    #[test]
    fn stop_sequences_are_never_sent() {
        let table: [(&[&str], &[&str], &str, bool); 7] = [
            (&["END"], &["one E", "N", "D two"], "one ", true),
            (&["END"], &["one EN", "ough"], "one ENough", false),
            (&["\n\n"], &["a\n", "b\n", "\nc"], "a\nb", true),
            (&["aab"], &["a", "a", "a", "b"], "a", true),
            (&["long stop", "op"], &["a long st", "op"], "a ", true),
            (&["né"], &["anné", "e"], "an", true),
            (&[], &["all ", "of it"], "all of it", false),
        ];
        for (stops, pieces, want, stopped) in table {
            assert_eq!(through(stops, pieces), (want.to_owned(), stopped), "{stops:?} {pieces:?}");
        }
    }
}
