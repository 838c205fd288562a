//! What the documents say of the code is so.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_reliability_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let mut named = 0;
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        for link in row.split("](../").skip(1).zip(row.split("](../")) {
            let file = link.0.split(')').next().unwrap();
            let name = link.1.rsplit('[').next().unwrap();
            let source = fs::read_to_string(root.join("docs/..").join(file))
                .unwrap_or_else(|error| panic!("{file}: {error}"));
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
    assert!(named > 100, "{named}");
}
