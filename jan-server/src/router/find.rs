//! Finds the row of the table for a request.

use std::sync::LazyLock;

use http::Method;

use super::row::Row;
use super::table::TABLE;

/// A matched path: its variable parts, and whether the request has the prefix of its service.
pub(crate) struct MatchedPath {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) prefixed: bool,
}

/// The result of looking up a method and a path.
pub(crate) enum Lookup {
    Row(&'static Row, MatchedPath),
    /// The path exists, with these methods only (`GET, HEAD`).
    OtherMethods(String),
    /// There is no such path.
    NoPath,
}

/// The rows of one path, one for each method.
struct PathRows {
    rows: Vec<&'static Row>,
    prefixed: bool,
}

static INDEX: LazyLock<matchit::Router<PathRows>> = LazyLock::new(|| {
    let mut paths: Vec<(String, PathRows)> = Vec::new();
    for row in TABLE {
        for (path, prefixed) in row.paths() {
            match paths.iter_mut().find(|(known, _)| *known == path) {
                Some((_, path_rows)) => path_rows.rows.push(row),
                None => paths.push((path, PathRows { rows: vec![row], prefixed })),
            }
        }
    }
    let mut index = matchit::Router::new();
    for (path, path_rows) in paths {
        // Two conflicting paths would be a fault of the table, which the test below finds.
        if let Err(error) = index.insert(path.clone(), path_rows) {
            tracing::error!(path, %error, "a route of the table cannot be reached");
        }
    }
    index
});

/// Finds the row for a method and a path.
pub(crate) fn find(method: &Method, path: &str) -> Lookup {
    let Ok(matched) = INDEX.at(path) else { return Lookup::NoPath };
    let path_rows = matched.value;
    let row_of = |wanted: &Method| path_rows.rows.iter().find(|row| row.method == *wanted);
    // HEAD is answered like GET; hyper does not send the body.
    match row_of(method).or_else(|| (*method == Method::HEAD).then(|| row_of(&Method::GET)).flatten()) {
        Some(row) => {
            let variables =
                matched.params.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            Lookup::Row(row, MatchedPath { variables, prefixed: path_rows.prefixed })
        }
        None => {
            let mut methods: Vec<_> = path_rows.rows.iter().map(|row| row.method.as_str()).collect();
            if methods.contains(&"GET") && !methods.contains(&"HEAD") {
                methods.push("HEAD");
            }
            Lookup::OtherMethods(methods.join(", "))
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
                    Lookup::Row(found, at) => {
                        assert!(std::ptr::eq(found, row) && at.prefixed == prefixed, "{path}")
                    }
                    _ => panic!("{path} is not reached"),
                }
            }
        }
    }

    #[test]
    fn a_lookup_with_a_wrong_method_returns_the_methods_of_the_path() {
        assert!(matches!(find(&Method::PUT, "/v1/models"), Lookup::OtherMethods(m) if m == "GET, HEAD"));
        assert!(matches!(find(&Method::HEAD, "/v1/models"), Lookup::Row(..)));
        assert!(matches!(find(&Method::GET, "/v2/models"), Lookup::NoPath));
    }
}
