//! Public ids: a prefix that names the kind of object, and random characters that nobody can guess.

/// How many characters follow the prefix of a short id (about 82 bits).
const SHORT: usize = 16;
const ALPHABET: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Crockford's base 32 alphabet in lower case. Text in it sorts in the same order as the numbers that it encodes.
const CROCKFORD: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new id: `prefix` and 16 characters of `[0-9a-z]` from the system's secure source, for example
/// `short("conv_")` → `conv_4k2…`.
pub fn short(prefix: &str) -> String {
    random(prefix, SHORT)
}

/// A new id with `length` random characters of `[0-9a-z]`.
pub fn random(prefix: &str, length: usize) -> String {
    letters(prefix, length, ALPHABET)
}

/// `length` random characters of `[0-9A-Za-z]`, for ids that are part of links.
pub fn base62(length: usize) -> String {
    letters("", length, BASE62)
}

/// `prefix` and a ULID in lower case: 48 bits of `millis` since the epoch, so that ids sort by creation time, and 80
/// random bits.
pub fn ulid(prefix: &str, millis: i64) -> String {
    let mut random = [0u8; 16];
    fill(&mut random);
    let random = u128::from_be_bytes(random) >> 48;
    let millis = u128::from(u64::try_from(millis).unwrap_or_default() & 0xffff_ffff_ffff);
    let bits = millis << 80 | random;
    let letter =
        |place: u32| CROCKFORD.get((bits >> (place * 5)) as usize & 31).map(|letter| char::from(*letter));
    prefix.chars().chain((0..26).rev().filter_map(letter)).collect()
}

fn letters(prefix: &str, length: usize, alphabet: &[u8]) -> String {
    let mut id = String::with_capacity(prefix.len() + length);
    id.push_str(prefix);
    // 256 is no multiple of the alphabet's length. The bytes above the largest multiple would make the first letters
    // of the alphabet more likely than the others, so those bytes are skipped.
    let unbiased = 256 / alphabet.len() * alphabet.len();
    let mut pool = [0u8; 32];
    while id.len() < prefix.len() + length {
        fill(&mut pool);
        let letters = pool
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < unbiased)
            .filter_map(|byte| alphabet.get(byte % alphabet.len()));
        let missing = prefix.len() + length - id.len();
        id.extend(letters.take(missing).map(|letter| char::from(*letter)));
    }
    id
}

/// Random bytes from the system's secure source.
///
/// Aborts the process when the system has no such source: ids and keys made without one would not be secret.
pub fn fill(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_prefix_length_and_alphabet_and_differ() {
        let (a, b) = (short("conv_"), short("conv_"));
        assert_eq!(a.len(), 21);
        assert!(a.starts_with("conv_") && a.bytes().skip(5).all(|c| ALPHABET.contains(&c)));
        assert_ne!(a, b);
        assert_eq!(random("", 200).len(), 200);
        let ids = [ulid("jan_", 1_700_000_000_000), ulid("jan_", 1_700_000_000_001)];
        assert!(ids[0].starts_with("jan_01hf7yat00") && ids[0].len() == 30 && ids[0] < ids[1], "{ids:?}");
        assert_eq!(ulid("", i64::MAX).len(), 26);
        let long = base62(2000);
        assert!(long.len() == 2000 && BASE62.iter().all(|letter| long.as_bytes().contains(letter)));
    }
}
