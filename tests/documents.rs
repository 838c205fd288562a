//! What the documents say of the code is so, and both can be read.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: impl AsRef<Path>) -> String {
    let file = root().join(file);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The files below a folder with one of these extensions, without what was built.
fn files_of(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if (path.extension()).is_some_and(|it| extensions.iter().any(|&e| it == e)) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn every_test_that_the_reliability_document_names_exists() {
    let text = read("docs/reliability.md");
    let definition = |line: &str| {
        let (name, file) = line.strip_prefix('[')?.split_once("]: ../")?;
        Some((name.to_owned(), file.to_owned()))
    };
    let references: HashMap<String, String> = text.lines().filter_map(definition).collect();
    let mut used = BTreeSet::new();
    let mut named = 0;
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        // [name of the test][name of the file, defined at the end]
        for (before, after) in row.split("][").zip(row.split("][").skip(1)) {
            let name = before.rsplit('[').next().unwrap();
            let reference = after.split(']').next().unwrap();
            let file = references
                .get(reference)
                .unwrap_or_else(|| panic!("docs/reliability.md has no line [{reference}]: ../…"));
            used.insert(reference.to_owned());
            let source = read(file);
            let head = match file.rsplit('.').next() {
                Some("py") => format!("\ndef {name}("),
                Some("sh") => format!("\"{}", name.replace('_', " ")),
                Some("c") => format!("\nstatic void {name}(void)\n"),
                _ => format!("fn {name}()"),
            };
            let Some(at) = source.find(&head) else {
                panic!("{file} has no test {name}");
            };
            let before = source[..at].trim_end();
            let is_test = match file.rsplit('.').next() {
                Some("py" | "sh") => true,
                Some("c") => source.contains(&format!("RUN({name});")),
                _ => before.ends_with("#[test]"),
            };
            assert!(is_test, "{name} in {file} is no test");
            named += 1;
        }
    }
    assert!(named > 200, "{named}");
    assert_eq!(used, references.into_keys().collect(), "unused references");
}

#[test]
fn every_link_of_a_document_leads_to_a_file() {
    let mut documents = files_of("docs", &["md"]);
    let roots = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];
    documents.extend(roots.map(|file| root().join(file)));
    let mut count = 0;
    for document in documents {
        let text = read(&document);
        let inline = text.split("](").skip(1).map(|it| it.split(')').next());
        let defined = text.split("]: ").skip(1).map(|it| it.lines().next());
        for link in inline.chain(defined).flatten() {
            let path = link.split('#').next().unwrap();
            if path.is_empty() || path.contains("://") || path.contains(char::is_whitespace) {
                continue;
            }
            let there = document.parent().unwrap().join(path).exists();
            assert!(there, "{}: {link}", document.display());
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

#[test]
fn no_line_of_a_document_is_too_long_to_read() {
    // A row of a table cannot be wrapped. Markdown that a program writes, and code in it, are as they are.
    for (file, text, row) in [
        ("docs/reliability.md", 120, 300),
        ("docs/test-results.md", 120, 300),
        ("CONTRIBUTING.md", 130, 200),
        ("CHANGELOG.md", 120, 120),
    ] {
        for (number, line) in read(file).lines().enumerate() {
            let limit = if line.starts_with('|') { row } else { text };
            let length = line.chars().count();
            assert!(length <= limit, "{file}:{}: {length} characters", number + 1);
        }
    }
}

/// The names of the tests of a source file.
fn tests(file: &Path) -> Vec<String> {
    let text = read(file);
    let part = |text: &str| {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
        text[..end.unwrap_or(text.len())].to_owned()
    };
    match file.extension().and_then(|it| it.to_str()) {
        Some("py") => {
            let lines = text.lines().map(str::trim_start);
            let names = lines.filter_map(|line| line.strip_prefix("def "));
            names.map(part).filter(|it| it.starts_with("test_")).collect()
        }
        Some("c" | "cpp") => {
            let names = text.split("RUN(").skip(1);
            names.map(part).collect()
        }
        _ => {
            let found = text.split("#[test]").skip(1);
            let names = found.filter_map(|it| it.split("fn ").nth(1));
            names.map(part).collect()
        }
    }
}

#[test]
fn no_name_of_a_test_has_more_than_70_characters() {
    let mut count = 0;
    for file in ["src", "tests", "fuzz/src", "bindings"]
        .into_iter()
        .flat_map(|folder| files_of(folder, &["rs", "c", "cpp", "py"]))
    {
        for name in tests(&file) {
            assert!(name.len() <= 70, "{}: {name}", file.display());
            count += 1;
        }
    }
    assert!(count > 500, "{count}");
}

#[test]
fn no_file_of_tests_has_more_than_800_lines() {
    for file in files_of("tests", &["rs", "c", "cpp", "h", "py", "sh"]) {
        let lines = read(&file).lines().count();
        assert!(lines <= 800, "{}: {lines} lines", file.display());
    }
}

#[test]
fn each_error_kind_and_code_that_the_library_knows_is_explained() {
    let explained = read("docs/error-codes.md");
    let hints = read("src/error/message.rs");
    let of_response = hints.split("fn of_response").nth(1).unwrap().split("#[cfg(test)]");
    let codes: Vec<&str> = (of_response.take(1).flat_map(|it| it.split('"')))
        .filter(|it| it.contains('_') && it.bytes().all(|b| b == b'_' || b.is_ascii_alphabetic()))
        .collect();
    assert!(codes.len() > 5, "{codes:?}");
    for code in codes {
        assert!(explained.contains(&format!("`{code}`")), "{code}");
    }
    let classes = read("bindings/python/src/atlas_backup/_errors.py");
    let kinds: Vec<_> = (classes.split("\nclass ").skip(1))
        .filter_map(|it| Some((it.split('(').next()?, it.split("kind=ErrorKind.").nth(1)?)))
        .collect();
    assert!(kinds.len() > 12, "{kinds:?}");
    for (class, kind) in kinds {
        let kind = kind.split(')').next().unwrap();
        let found = explained.lines().find(|line| line.contains(&format!(" `{kind}` |")));
        assert!(found.is_some_and(|line| line.contains(&format!("`{class}`"))), "{kind}, {class}");
    }
}
