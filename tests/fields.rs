//! A text field of the snapshot is in every place where it has to be. A new one is a row in src/snapshot/fields.rs; this
//! test then says, place by place, what else to add.

use std::fmt::Write;
use std::fs;
use std::path::Path;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Atlas' name of each text field and its accessor in Rust, from the table in src/snapshot/fields.rs.
fn text_fields() -> Vec<(String, String)> {
    let source = read("src/snapshot/fields.rs");
    let table = source.split("\n    [texts]\n").nth(1).expect("a table");
    let rows = table.lines().take_while(|line| *line != "    [others]");
    let fields: Vec<_> = rows
        .map(str::trim)
        .filter(|row| !row.starts_with("//"))
        .map(|row| {
            let cells: Vec<&str> = row.trim_end_matches(';').split(", ").collect();
            let [_, accessor, name] = cells[..] else {
                panic!("src/snapshot/fields.rs: {row}");
            };
            (name.trim_matches('"').to_owned(), accessor.to_owned())
        })
        .collect();
    assert!(fields.len() >= 13, "{fields:?}");
    fields
}

/// As C and Python spell Atlas' name: `master_key_uuid` for `masterKeyUUID`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut previous = 'A';
    for c in name.chars() {
        if c.is_uppercase() && previous.is_lowercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
        previous = c;
    }
    snake
}

#[test]
fn a_text_field_is_in_every_place_where_it_has_to_be() {
    let mut missing = String::new();
    for (name, rust) in text_fields() {
        let c = snake_case(&name);
        // The file, the line to add there, and where or what then.
        let places = [
            (
                "tests/simulator/atlas.json",
                format!("\"{name}\": {{"),
                "in the schema of the snapshot, as Atlas' specification has it",
            ),
            (
                "src/ffi/snapshot/text.rs",
                format!("fn atlas_snapshot_{c}("),
                "with a comment for the header that ends with: Atlas' field \"NAME\".",
            ),
            (
                "src/ffi/snapshot/read_fields.rs",
                format!("/// `atlas_snapshot_{c}()`\n    pub "),
                "at the end of atlas_snapshot_fields, and where that is filled",
            ),
            ("include/atlas_backup.h", format!("atlas_snapshot_{c}("), "not by hand: make header"),
            (
                "packaging/abi/functions",
                format!("atlas_snapshot_{c}\n"),
                "not by hand: make abi (it needs abidw)",
            ),
            (
                "bindings/python/src/atlas_backup/_library.py",
                format!("(\"{c}\", c_char_p),"),
                "at the end of SnapshotFields",
            ),
            (
                "bindings/python/src/atlas_backup/_snapshot.py",
                format!("    {c}: Field["),
                "in class Snapshot: Field[Optional[str]] = Text(\"\"\"What it is.\"\"\")",
            ),
            (
                "bindings/c/get_snapshot.c",
                format!("atlas_snapshot_{c}(s)"),
                "in print_table: print_text(\"label\", …); and one hyphen more in tests/c/get_snapshot.sh",
            ),
            ("tests/common/fields.rs", format!("(\"{name}\", Snapshot::{rust}),"), "in TEXTS"),
            ("tests/c/fields.h", format!("X(\"{name}\", {c})"), "in TEXT_FIELDS"),
            ("tests/unit/panics.rs", format!("\"{name}\": "), "in DOCUMENT, with some text"),
            (
                "tests/unit/panics.rs",
                format!("atlas_snapshot_{c}(snapshot);"),
                "in the calls named reading",
            ),
            (
                "fuzz/src/lib.rs",
                format!("(\"{name}\", atlas_snapshot_{c}, |fields| fields."),
                "in TEXTS",
            ),
        ];
        for (file, text, hint) in places {
            if !read(file).contains(&text) {
                let hint = hint.replace("NAME", &name);
                writeln!(missing, "  {file}: {}    ({hint})", text.trim()).unwrap();
            }
        }
    }
    assert!(missing.is_empty(), "To be added:\n{missing}");
}
