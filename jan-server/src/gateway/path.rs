//! Repeated slashes in a path are one: clients put base URLs that end in a slash before their paths, and servers in front
//! of such APIs merge them. It is done before anything looks at the path, so that every rule sees the same; a redirect would
//! not do, because a preflight may not follow one and a POST loses its body. `%2F%2F` belongs to an id and stays.

use http::Uri;
use http::uri::PathAndQuery;

/// Makes repeated slashes in the path one.
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
    // What was a path with more slashes is one with fewer.
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
