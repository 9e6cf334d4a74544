//! Which file may import which, read from the sources themselves: the layers of jan-server, and no circle of more than
//! three files in any crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::imports::{Crate, circles};

const CRATES: [&str; 7] =
    ["jan-core", "jan-llm", "jan-media", "jan-mcp", "jan-response", "jan-server", "jan-cli"];

fn sources(name: &str) -> Crate {
    Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src"))
}

#[test]
fn no_more_than_three_files_import_each_other_in_a_circle() {
    for name in CRATES {
        let large: Vec<_> =
            circles(&sources(name).imports()).into_iter().filter(|circle| circle.len() > 3).collect();
        assert!(large.is_empty(), "files of {name} import each other in a circle: {large:#?}");
    }
}

/// What the files below `folder` import that is below none of `allowed`.
fn strays(
    imports: &BTreeMap<String, BTreeSet<String>>,
    folder: &str,
    allowed: &[&str],
) -> Vec<(String, String)> {
    let is_in = |file: &str, folder: &str| file.starts_with(folder);
    let from = imports.iter().filter(|(file, _)| is_in(file, folder));
    let pairs = from.flat_map(|(file, to)| to.iter().map(|to| (file.clone(), to.clone())));
    pairs.filter(|(_, to)| !allowed.iter().any(|folder| is_in(to, folder))).collect()
}

#[test]
fn each_layer_of_the_server_imports_only_those_below_it() {
    let imports = sources("jan-server").imports();
    assert!(imports.len() > 50, "the sources were not read");
    for (layer, below) in [
        ("http/", &["http/"][..]),
        ("gateway/", &["gateway/", "http/"]),
        ("routes/", &["routes/", "gateway/", "http/", "openapi/", "media/", "services.rs"]),
        ("router/", &["router/", "routes/", "gateway/", "http/", "openapi/", "services.rs"]),
    ] {
        let strays = strays(&imports, layer, below);
        assert!(strays.is_empty(), "{layer} imports what is above it: {strays:#?}");
    }
}

#[test]
fn what_is_http_alone_knows_no_service() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../jan-server/src");
    for folder in ["http", "gateway"] {
        for (file, text) in crate::imports::files(&root.join(folder)) {
            for service in ["jan_llm", "jan_media", "jan_mcp", "jan_response"] {
                assert!(!text.contains(service), "{folder}/{file} knows {service}");
            }
        }
    }
    assert!(fs::read_to_string(root.join("router/table.rs")).unwrap().lines().all(|line| {
        // A line of the table begins with a method or a service; the rest is code and its comments.
        !line.contains("=>") || line.chars().count() <= 110
    }));
}
