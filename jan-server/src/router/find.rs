//! Looks a request up in the table.

use std::sync::LazyLock;

use http::Method;

use super::row::Row;
use super::table::TABLE;

/// A path that was found: its variable parts, and whether it was asked for under its service's prefix.
pub(crate) struct Path {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) prefixed: bool,
}

/// What the table has for a method and a path.
pub(crate) enum Found {
    Row(&'static Row, Path),
    /// The path exists with these methods only.
    OtherMethods(String),
    Nothing,
}

/// The rows of one path, by method.
struct Place {
    rows: Vec<&'static Row>,
    prefixed: bool,
}

static INDEX: LazyLock<matchit::Router<Place>> = LazyLock::new(|| {
    let mut places: Vec<(String, Place)> = Vec::new();
    for row in TABLE {
        for (path, prefixed) in row.paths() {
            match places.iter_mut().find(|(known, _)| *known == path) {
                Some((_, place)) => place.rows.push(row),
                None => places.push((path, Place { rows: vec![row], prefixed })),
            }
        }
    }
    let mut index = matchit::Router::new();
    for (path, place) in places {
        // Two paths that contradict each other would be a fault of the table, which the test below finds.
        if let Err(error) = index.insert(path.clone(), place) {
            tracing::error!(path, %error, "a route of the table cannot be reached");
        }
    }
    index
});

/// Looks a request up.
pub(crate) fn find(method: &Method, path: &str) -> Found {
    let Ok(matched) = INDEX.at(path) else { return Found::Nothing };
    let place = matched.value;
    let of = |wanted: &Method| place.rows.iter().find(|row| row.method == *wanted);
    // A HEAD is a GET whose body is left out on the way to the client.
    match of(method).or_else(|| (*method == Method::HEAD).then(|| of(&Method::GET)).flatten()) {
        Some(row) => {
            let variables =
                matched.params.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            Found::Row(row, Path { variables, prefixed: place.prefixed })
        }
        None => {
            let mut methods: Vec<_> = place.rows.iter().map(|row| row.method.as_str()).collect();
            if methods.contains(&"GET") && !methods.contains(&"HEAD") {
                methods.push("HEAD");
            }
            Found::OtherMethods(methods.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_reached_by_each_of_its_paths() {
        for row in TABLE {
            for (path, prefixed) in row.paths() {
                let path = path
                    .replace("{*id}", "org/model:tag")
                    .replace("{*file}", "index.html")
                    .replace(['{', '}'], "");
                match find(&row.method, &path) {
                    Found::Row(found, at) => {
                        assert!(std::ptr::eq(found, row) && at.prefixed == prefixed, "{path}")
                    }
                    _ => panic!("{path} is not reached"),
                }
            }
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        assert!(matches!(find(&Method::PUT, "/v1/models"), Found::OtherMethods(m) if m == "GET, HEAD"));
        assert!(matches!(find(&Method::HEAD, "/v1/models"), Found::Row(..)));
        assert!(matches!(find(&Method::GET, "/v2/models"), Found::Nothing));
    }
}
