//! Reads which files of a crate import which others. A name that a file only re-exports (`pub use`) counts for the file
//! that defines it, so a `mod.rs` that re-exports its folder creates no cycle. Imports in `mod tests` do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module's path in its crate, without `crate`.
type Module = Vec<String>;

/// The files of one crate.
pub(crate) struct Crate {
    files: BTreeMap<Module, File>,
}

/// One file.
#[derive(Default)]
struct File {
    /// The path below `src`.
    name: String,
    /// The paths that its code uses, from the crate's root.
    used: Vec<Module>,
    /// The names that it imports, and the paths that they come from.
    names: BTreeMap<String, Module>,
    /// The modules from which it imports all names (`*`).
    globs: Vec<Module>,
}

/// The Rust files below a folder, without tests: path and text, without comments.
pub(crate) fn files(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            if name == "tests" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                let code: Vec<&str> =
                    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                found.push((name, code.join("\n")));
            }
        }
    }
    found
}

impl Crate {
    /// Reads the sources below `src`.
    pub(crate) fn read(src: &Path) -> Self {
        let texts: BTreeMap<Module, (String, String)> =
            files(src).into_iter().map(|(name, text)| (module(&name), (name, text))).collect();
        let known: BTreeSet<Module> = texts.keys().cloned().collect();
        let files = texts.into_iter().map(|(at, (name, text))| {
            let file = File::read(name, &text, &at, &known);
            (at, file)
        });
        Self { files: files.collect() }
    }

    /// Each file with the files that it imports.
    pub(crate) fn imports(&self) -> BTreeMap<String, BTreeSet<String>> {
        let imported_by = |file: &File| {
            let used = file.used.iter().filter_map(|path| self.defined(path, 0));
            used.map(|other| other.name.clone()).filter(|name| *name != file.name).collect()
        };
        self.files.values().map(|file| (file.name.clone(), imported_by(file))).collect()
    }

    /// The file that defines what a path names.
    fn defined(&self, path: &[String], depth: usize) -> Option<&File> {
        let (file, rest) = (0..=path.len()).rev().find_map(|length| {
            let (module, rest) = path.split_at(length);
            Some((self.files.get(module)?, rest))
        })?;
        let Some((first, rest)) = rest.split_first().filter(|_| depth < 8) else { return Some(file) };
        if let Some(from) = file.names.get(first) {
            let path = [from, rest].concat();
            return self.defined(&path, depth + 1).or(Some(file));
        }
        let in_globs = file.globs.iter().find_map(|from| {
            let found = self.defined(&[from, &[first.clone()][..], rest].concat(), depth + 1)?;
            (found.name != file.name && !found.name.ends_with("mod.rs")).then_some(found)
        });
        in_globs.or(Some(file))
    }
}

impl File {
    fn read(name: String, text: &str, at: &[String], known: &BTreeSet<Module>) -> Self {
        let mut file = Self { name, ..Self::default() };
        let mut code = String::new();
        for statement in text.split(';') {
            let start = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "].iter().find_map(|word| {
                let start = statement.rfind(&format!("\n{word}")).map(|at| at + 1);
                let start = start.or_else(|| statement.starts_with(word).then_some(0))?;
                Some((start, word))
            });
            let Some((start, word)) = start else {
                code.push_str(statement);
                continue;
            };
            code.push_str(&statement[..start]);
            for (path, name) in tree(&statement[start + word.len()..]) {
                let Some(path) = absolute(&path, at, known) else { continue };
                match name.as_str() {
                    "*" => file.globs.push(path[..path.len() - 1].to_vec()),
                    _ => drop(file.names.insert(name, path.clone())),
                }
                if *word == "use " {
                    file.used.push(path);
                }
            }
        }
        // The path in `pub(in path)` is a visibility and not an import.
        let code: Vec<&str> = code
            .split("pub(in ")
            .enumerate()
            .map(|(n, part)| if n == 0 { part } else { part.split_once(')').map_or("", |(_, rest)| rest) })
            .collect();
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        for word in code.concat().split(|c| !is_path(c)) {
            let path: Vec<String> = word.split("::").map(str::to_owned).collect();
            if matches!(path[0].as_str(), "crate" | "super" | "self") && path.len() > 1 {
                file.used.extend(absolute(&path, at, known));
            }
        }
        file
    }
}

/// The module that a file contains.
fn module(name: &str) -> Module {
    let mut path: Module = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        path.pop();
    }
    path
}

/// A path that is written in the module `at`, from the crate's root; `None` for a path of another crate.
fn absolute(path: &[String], at: &[String], known: &BTreeSet<Module>) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([at, rest].concat()),
        "super" => {
            let parent = &at[..at.len().saturating_sub(1)];
            let more = rest.first().is_some_and(|next| next == "super");
            if more { absolute(rest, parent, known) } else { Some([parent, rest].concat()) }
        }
        _ => known.contains(&[at, &[first.clone()][..]].concat()).then(|| [at, path].concat()),
    }
}

/// The paths of a `use` with braces, each with the name that it imports.
fn tree(text: &str) -> Vec<(Module, String)> {
    let Some((before, inside)) = text.split_once('{') else {
        let (path, name) = text.split_once(" as ").unwrap_or((text, ""));
        let mut path: Module = path.trim().split("::").map(|part| part.trim().to_owned()).collect();
        let renamed = (!name.trim().is_empty()).then(|| name.trim().to_owned());
        let last = path.last().cloned().unwrap_or_default();
        if last == "self" && path.len() > 1 {
            path.pop();
        }
        let name = renamed.or_else(|| path.last().cloned()).unwrap_or_default();
        return vec![(path, name)];
    };
    let before: Module = before.split("::").map(|part| part.trim().to_owned()).collect();
    let before: Module = before.into_iter().filter(|part| !part.is_empty()).collect();
    let inside = &inside[..inside.rfind('}').unwrap_or(inside.len())];
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in inside.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[start..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    let with_before = |(path, name): (Module, String)| {
        let path: Module = [&before[..], &path].concat();
        let is_self = path.last().is_some_and(|last| last == "self");
        match is_self {
            true => (before.clone(), before.last().cloned().unwrap_or_default()),
            false => (path, name),
        }
    };
    parts.flat_map(tree).map(with_before).collect()
}

/// The import cycles: groups of files of which each imports each other, directly or through others.
pub(crate) fn cycles(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<BTreeSet<String>> {
    let reached = |from: &String| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(file) = next.pop() {
            let more = imports.get(file).into_iter().flatten();
            next.extend(more.filter(|to| seen.insert((*to).clone())));
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        imports.keys().map(|file| (file, reached(file))).collect();
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (file, from) in &reached {
        if !from.contains(*file) || found.iter().any(|cycle| cycle.contains(*file)) {
            continue;
        }
        let back = |other: &&String| reached.get(*other).is_some_and(|reached| reached.contains(*file));
        found.push(from.iter().filter(back).cloned().collect());
    }
    found
}

#[test]
fn a_cycle_is_found_and_re_exports_create_none() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a;\npub use a::{One, two::Two};\n");
    write("a/mod.rs", "pub(crate) mod one;\npub(crate) mod two;\npub use one::One;\n");
    write("a/one.rs", "use super::two::Two; // use crate::a::three\npub struct One;\n");
    write("a/two.rs", "pub struct Two;\n#[cfg(test)]\nmod tests {\n    use crate::One;\n}\n");
    assert!(cycles(&Crate::read(folder.path()).imports()).is_empty());
    write("a/two.rs", "pub struct Two(crate::One);\n");
    let cycle = BTreeSet::from(["a/one.rs".to_owned(), "a/two.rs".to_owned()]);
    assert_eq!(cycles(&Crate::read(folder.path()).imports()), [cycle]);
}
