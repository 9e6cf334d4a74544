//! Who may know whom, read from the build itself.

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
fn no_room_imports_another_and_the_core_imports_none() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]))
            .unwrap();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let of = |value: &Value| value["name"].as_str().unwrap().to_owned();
        let normal = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"].is_null());
        edges.insert(of(package), normal.map(of).filter(|name| name.starts_with("jan-")).collect());
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
    for room in ["jan-llm", "jan-media", "jan-mcp", "jan-response"] {
        assert_eq!(edges[room], BTreeSet::from(["jan-core".to_owned()]), "{room} knows another room");
    }
}

/// The crates that a package pulls in on this machine, our own left out.
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
fn each_use_brings_few_crates_and_the_readme_says_how_many() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let done = output(Command::new(root.join("scripts/crates")).current_dir(&root));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let said = String::from_utf8(done.stdout).unwrap();
    let counts = said.lines().map(|line| line.trim().split_once("  ").unwrap());
    let counts: Vec<(usize, &str)> = counts.map(|(count, of)| (count.parse().unwrap(), of)).collect();
    let [(chat, _), (mounted, _), _] = counts[..] else { panic!("{said}") };
    assert!(chat <= 65 && mounted <= 165, "more crates than there should be: {said}");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for (count, of) in counts {
        let row =
            readme.lines().find(|line| line.starts_with(&format!("| {}", of.split(':').next().unwrap())));
        assert!(row.is_some_and(|row| row.ends_with(&format!("| {count} |"))), "{of}: {count}, but {row:?}");
    }
}

#[test]
fn an_embedder_of_chat_alone_pulls_no_server() {
    let crates = tree(&["-p", "jan-llm"]);
    for server in ["axum", "tower-http", "reqwest", "sqlx", "rusqlite", "clap", "utoipa", "candle-core"] {
        assert!(!crates.iter().any(|name| name.starts_with(&format!("{server} "))), "jan-llm pulls {server}");
    }
    let core = tree(&["-p", "jan-core"]);
    for socket in ["hyper ", "reqwest ", "mio ", "socket2 "] {
        assert!(!core.iter().any(|name| name.starts_with(socket)), "jan-core pulls {socket}");
    }
}

#[test]
fn an_embedder_of_the_server_pulls_nothing_of_the_binary() {
    let crates = tree(&["-p", "jan-server"]);
    for part in
        ["clap", "config", "reedline", "candle-core", "utoipa", "object_store", "reqwest", "sqlx", "rusqlite"]
    {
        assert!(!crates.iter().any(|name| name.starts_with(&format!("{part} "))), "jan-server pulls {part}");
    }
}

#[test]
fn no_type_of_a_web_framework_is_in_the_servers_tree() {
    let crates = tree(&["-p", "jan-server"]);
    assert!(!crates.iter().any(|name| name.starts_with("axum")), "a host's axum must not have to match ours");
}
