//! Merges repeated slashes in a path: some clients append their paths to a base URL that ends in a slash, and reverse
//! proxies merge them as well. It is done before anything else reads the path, so that every rule sees the same path. A
//! redirect would not work, because a preflight may not follow one and a POST loses its body. `%2F%2F` is part of an id
//! and stays.

use http::Uri;
use http::uri::PathAndQuery;

/// Replaces repeated slashes in the path by one.
pub(super) fn merge_slashes(uri: &mut Uri) {
    if !uri.path().as_bytes().windows(2).any(|pair| pair == b"//") {
        return;
    }
    let mut merged = String::with_capacity(uri.path().len());
    for letter in uri.path().chars() {
        if letter != '/' || !merged.ends_with('/') {
            merged.push(letter);
        }
    }
    if let Some(query) = uri.query() {
        merged.push('?');
        merged.push_str(query);
    }
    let mut parts = std::mem::take(uri).into_parts();
    // A valid path stays valid when slashes are merged.
    parts.path_and_query = PathAndQuery::try_from(merged).ok().or(parts.path_and_query);
    *uri = Uri::from_parts(parts).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slashes_of_the_path_are_merged() {
        for (given, merged) in [
            ("//auth/guest-login", "/auth/guest-login"),
            ("///v1////models", "/v1/models"),
            ("/llm//v1/models?next=//a//b", "/llm/v1/models?next=//a//b"),
            ("/v1/models/a%2F%2Fb", "/v1/models/a%2F%2Fb"),
            ("//v1/models/a%2F%2Fb//", "/v1/models/a%2F%2Fb/"),
            ("http://x.example//v1//models", "http://x.example/v1/models"),
            ("//", "/"),
            ("/v1/models", "/v1/models"),
            ("*", "*"),
        ] {
            let mut uri = Uri::try_from(given).unwrap();
            merge_slashes(&mut uri);
            assert_eq!(uri.to_string(), merged);
        }
    }
}
