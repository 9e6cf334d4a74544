//! Runs the code blocks of the README, as its reader would. (Its Rust blocks are compiled by the doc tests of this
//! crate.)

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use jan_tests::{WAIT_LIMIT, output_within, tool};

use crate::app::App;
use crate::media::png;

const README: &str = include_str!("../../../README.md");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The code blocks of a page, in order: language and text.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let (mut blocks, mut open): (Vec<(&str, String)>, bool) = (Vec::new(), false);
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                open = true;
                blocks.push((language, String::new()));
            }
            None if open => {
                let (_, text) = blocks.last_mut().unwrap();
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    assert!(!open, "a block is not closed");
    blocks
}

/// One script of all blocks that a reader pastes; the first failure ends it.
fn script(folder: &Path, address: &str) -> String {
    // Like the reader's curl, but an error status is a failure, and there is a time limit.
    let mut script =
        "curl() { command curl --fail-with-body --no-progress-meter --max-time 60 \"$@\"; }\n".to_owned();
    for (n, (language, text)) in blocks(README).into_iter().enumerate() {
        let text = text.replace("localhost:8000", address);
        let file = folder.join(format!("{n}.{}", if language == "js" { "mjs" } else { language }));
        match language {
            // These tests are themselves run by `make`.
            "sh" if text.starts_with("make ") => {}
            "sh" => write!(script, "{text}\necho '[done]'\n").unwrap(),
            "python" | "js" => {
                let (program, named) = if language == "js" {
                    (Some("node".into()), tool("JAN_TEST_NODE_MODULES"))
                } else {
                    (tool("JAN_TEST_PYTHON"), Some("python".into()))
                };
                let (Some(program), Some(_)) = (program, named) else { continue };
                fs::write(&file, text).unwrap();
                writeln!(script, "'{}' '{}'\necho '[done]'", program.display(), file.display()).unwrap();
            }
            _ => {}
        }
    }
    script
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_code_blocks_of_the_readme_work() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: curl is not installed");
        return;
    }
    let app = App::start(|_| {}).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cat.png"), png(8, 8, b"")).unwrap();
    if let Some(modules) = tool("JAN_TEST_NODE_MODULES") {
        std::os::unix::fs::symlink(modules, folder.path().join("node_modules")).unwrap();
    }
    let script = script(folder.path(), app.url.strip_prefix("http://").unwrap());
    let wanted = script.matches("[done]").count();
    assert!(wanted >= 5, "{script}");
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script]).current_dir(folder.path());
    let done = tokio::task::spawn_blocking(move || output_within(5 * WAIT_LIMIT, &mut bash)).await.unwrap();
    let (printed, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{printed}\n{errors}");
    let parts: Vec<&str> = printed.split("[done]").collect();
    assert_eq!(parts.len(), wanted + 1, "{printed}");
    // Blocks with a chat print the answer; those that only set a variable print nothing.
    let answers =
        parts.iter().filter(|part| part.contains("Hello!") || part.contains("What is this?")).count();
    assert!(answers >= 3, "{printed}");
    assert!(!printed.contains("\"error\""), "{printed}");
}

#[test]
fn pages_have_complete_tables_and_valid_links() {
    let crates = ["jan-core", "jan-llm", "jan-media", "jan-mcp", "jan-response", "jan-server", "jan-cli"];
    let pages = crates.map(|name| format!("{name}/README.md"));
    for page in pages.into_iter().chain(["README.md".into(), "ARCHITECTURE.md".into()]) {
        let text = fs::read_to_string(Path::new(ROOT).join(&page)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (n, line) in lines.iter().enumerate() {
            let begins = line.starts_with('|') && (n == 0 || !lines[n - 1].starts_with('|'));
            let ruled =
                lines.get(n + 1).is_some_and(|next| next.starts_with("|-") || next.starts_with("| -"));
            assert!(!begins || ruled, "{page}:{}: a table begins without its head: {line}", n + 1);
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            let outside = link.starts_with("http") || file.is_empty();
            let here = Path::new(ROOT).join(&page).parent().unwrap().join(file);
            assert!(outside || here.exists(), "{page}: {link} does not exist");
        }
    }
}

#[test]
fn the_readme_names_the_versions_of_rusqlite_that_are_built() {
    let lock = fs::read_to_string(Path::new(ROOT).join("Cargo.lock")).unwrap();
    let version = |name: &str| {
        let at = lock.split(&format!("name = \"{name}\"\nversion = \"")).nth(1).unwrap_or_default();
        at.split('.').take(2).collect::<Vec<_>>().join(".")
    };
    for name in ["rusqlite", "libsqlite3-sys"] {
        let expected = format!("{name} {}", version(name));
        assert!(README.contains(&expected), "the README does not contain {expected}");
    }
}
