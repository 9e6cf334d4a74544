//! From bytes of tokens to text that may be sent: characters are never cut in half, and a stop string never gets
//! out, also when it is spread over tokens.

/// Joins the bytes of tokens into whole characters. A character of several tokens is held until it is complete; bytes
/// that can never become one turn into U+FFFD.
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

    /// Whatever is left when no more tokens come.
    pub(super) fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned()
    }
}

/// Lets text through up to the first stop string, which is swallowed.
pub(super) struct StopMatcher {
    stops: Vec<String>,
    held: String,
}

impl StopMatcher {
    /// A matcher for these strings; none of them may be empty.
    pub(super) fn new(stops: Vec<String>) -> Self {
        Self { stops, held: String::new() }
    }

    /// Adds text; returns what may be sent, and true when a stop string was met.
    pub(super) fn push(&mut self, text: &str) -> (String, bool) {
        self.held.push_str(text);
        let met = self.stops.iter().filter_map(|stop| self.held.find(stop)).min();
        if let Some(at) = met {
            self.held.truncate(at);
            return (std::mem::take(&mut self.held), true);
        }
        let keep = unfinished(&self.held, self.stops.iter().map(String::as_str));
        let rest = self.held.split_off(self.held.len() - keep);
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// What was held back, when no more text comes.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// How many bytes at the end of `text` could be the beginning of one of `marks`.
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
    fn a_character_of_three_tokens_comes_out_whole() {
        let mut joiner = Utf8Joiner::default();
        let euro = "€".as_bytes();
        assert_eq!(joiner.push(b"a"), "a");
        assert_eq!(joiner.push(&euro[..1]), "");
        assert_eq!(joiner.push(&euro[1..2]), "");
        assert_eq!(joiner.push(&[euro[2], b'b']), "€b");
        assert_eq!(joiner.finish(), "");
    }

    #[test]
    fn bytes_that_are_no_character_are_replaced_and_lose_nothing_else() {
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
    fn stop_strings_are_never_sent() {
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
