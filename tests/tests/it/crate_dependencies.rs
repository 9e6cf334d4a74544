//! The dependencies between crates, read from Cargo's metadata.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use jan_tests::output;
use serde_json::Value;

fn cargo(args: &[&str]) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let done = output(Command::new(env!("CARGO")).args(args).current_dir(root));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn no_service_crate_depends_on_another_and_the_core_on_none() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]))
            .unwrap();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name_of = |value: &Value| value["name"].as_str().unwrap().to_owned();
        let normal = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"].is_null());
        edges.insert(name_of(package), normal.map(name_of).filter(|name| name.starts_with("jan-")).collect());
    }
    let names: Vec<_> = edges.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "jan-cli",
            "jan-core",
            "jan-examples",
            "jan-llm",
            "jan-mcp",
            "jan-media",
            "jan-response",
            "jan-server",
            "jan-tests"
        ]
    );
    assert!(edges["jan-core"].is_empty());
    for name in ["jan-llm", "jan-media", "jan-mcp", "jan-response"] {
        assert_eq!(
            edges[name],
            BTreeSet::from(["jan-core".to_owned()]),
            "{name} depends on another service crate"
        );
    }
}

/// The crates on which a package depends on this machine, without our own.
fn tree(args: &[&str]) -> BTreeSet<String> {
    let mut all = vec!["tree", "--edges", "normal,build", "--prefix", "none", "--offline"];
    all.extend(args);
    let names = cargo(&all);
    let names =
        names.lines().filter_map(|line| line.split(" (").next()).filter(|line| !line.starts_with("jan-"));
    names.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn each_use_needs_few_crates_and_the_readme_lists_the_numbers() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let done = output(Command::new(root.join("scripts/crates")).current_dir(&root));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let printed = String::from_utf8(done.stdout).unwrap();
    let counts = printed.lines().map(|line| line.trim().split_once("  ").unwrap());
    let counts: Vec<(usize, &str)> = counts.map(|(count, label)| (count.parse().unwrap(), label)).collect();
    let [(chat, _), (mounted, _), _] = counts[..] else { panic!("{printed}") };
    assert!(chat <= 65 && mounted <= 165, "more crates than allowed: {printed}");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for (count, label) in counts {
        let row =
            readme.lines().find(|line| line.starts_with(&format!("| {}", label.split(':').next().unwrap())));
        assert!(
            row.is_some_and(|row| row.ends_with(&format!("| {count} |"))),
            "{label}: {count}, but {row:?}"
        );
    }
}

#[test]
fn jan_llm_depends_on_no_server() {
    let crates = tree(&["-p", "jan-llm"]);
    for server in ["axum", "tower-http", "reqwest", "sqlx", "rusqlite", "clap", "utoipa", "candle-core"] {
        assert!(
            !crates.iter().any(|name| name.starts_with(&format!("{server} "))),
            "jan-llm depends on {server}"
        );
    }
    let core = tree(&["-p", "jan-core"]);
    for socket in ["hyper ", "reqwest ", "mio ", "socket2 "] {
        assert!(!core.iter().any(|name| name.starts_with(socket)), "jan-core depends on {socket}");
    }
}

#[test]
fn jan_server_depends_on_nothing_that_only_the_binary_needs() {
    let crates = tree(&["-p", "jan-server"]);
    for part in
        ["clap", "config", "reedline", "candle-core", "utoipa", "object_store", "reqwest", "sqlx", "rusqlite"]
    {
        assert!(
            !crates.iter().any(|name| name.starts_with(&format!("{part} "))),
            "jan-server depends on {part}"
        );
    }
}

#[test]
fn jan_server_depends_on_no_web_framework() {
    let crates = tree(&["-p", "jan-server"]);
    assert!(!crates.iter().any(|name| name.starts_with("axum")), "a host app may use any version of axum");
}
