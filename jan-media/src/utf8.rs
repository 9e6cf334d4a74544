//! Checks whether a text that arrives in pieces is UTF-8.

/// Checks bytes piece by piece; a character may be split between two pieces.
#[derive(Default)]
pub(crate) struct Utf8 {
    cut: [u8; 4],
    /// The number of bytes of a split character that wait for the rest.
    waiting: usize,
    broken: bool,
}

impl Utf8 {
    pub(crate) fn take(&mut self, mut piece: &[u8]) {
        while self.waiting > 0 && !self.broken {
            let Some((first, rest)) = piece.split_first() else { return };
            piece = rest;
            if let Some(place) = self.cut.get_mut(self.waiting) {
                *place = *first;
            }
            self.waiting += 1;
            match std::str::from_utf8(self.cut.get(..self.waiting).unwrap_or_default()) {
                Ok(_) => self.waiting = 0,
                Err(error) => self.broken = error.error_len().is_some() || self.waiting >= self.cut.len(),
            }
        }
        let Err(error) = std::str::from_utf8(piece) else { return };
        let cut = piece.get(error.valid_up_to()..).unwrap_or_default();
        match self.cut.get_mut(..cut.len()) {
            Some(place) if error.error_len().is_none() => {
                place.copy_from_slice(cut);
                self.waiting = cut.len();
            }
            _ => self.broken = true,
        }
    }

    /// Ends the text: a character that is still incomplete is an error.
    pub(crate) fn end(&mut self) {
        self.broken |= self.waiting > 0;
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_are_checked_as_the_standard_library_checks_the_whole(bytes in prop_oneof![
            any::<String>().prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..12),
        ], sizes in proptest::collection::vec(1..4usize, 1..8)) {
            let (mut utf8, mut rest, mut sizes) = (Utf8::default(), &bytes[..], sizes.iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                utf8.take(piece);
                rest = after;
            }
            utf8.end();
            prop_assert_eq!(!utf8.is_broken(), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
