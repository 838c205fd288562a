//! Two jobs: what the shared library promises to the loader, and, with the cargo feature `header`, writing
//! `include/atlas_backup.h` and `include/atlas_backup.ffi.h`. Without that feature neither cbindgen is compiled nor the
//! source tree touched.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    link_arguments();
    #[cfg(feature = "header")]
    header::write();
}

/// Arguments for the shared library alone; tests and the static library are linked as usual.
fn link_arguments() {
    let target_os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if matches!(target_os.as_str(), "macos" | "ios" | "windows") {
        return; // these do not speak ELF
    }
    // MAJOR names the ABI, 0 too: docs/abi-policy.md.
    let soname = format!("libatlas_backup.so.{}", env!("CARGO_PKG_VERSION_MAJOR"));
    for argument in [
        format!("-Wl,-soname,{soname}"),
        // A thread of ours may outlive dlclose(); unmapping its code would crash the host.
        "-Wl,-z,nodelete".to_owned(),
        // Function pointers are resolved at load time and read-only from then on; no stack is executable.
        "-Wl,-z,relro,-z,now,-z,noexecstack".to_owned(),
        // By which debuggers find the symbols that lie apart; not every linker writes one unasked.
        "-Wl,--build-id=sha1".to_owned(),
        // Every loader since 2006 reads this table; the older one would only be larger.
        "-Wl,--hash-style=gnu".to_owned(),
    ] {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
}

#[cfg(feature = "header")]
mod header {
    use std::path::{Path, PathBuf};

    const TEMPLATE: &str = "src/ffi/header.txt";
    const CONFIG: &str = "cbindgen.toml";
    const FLAT: &str = "src/ffi/header_flat.txt";

    /// Fills the template in: a line `@FILE@` becomes what that source file declares, `@VERSION...@` a number or text.
    ///
    /// One run of cbindgen over the whole crate would put all constants first, then all types, then all functions;
    /// with one run for each file what belongs together stands together.
    pub fn write() {
        println!("cargo:rerun-if-env-changed=ATLAS_BACKUP_HEADER");
        println!("cargo:rerun-if-changed={CONFIG}");
        let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
        // The test that compares header and code has its copy written elsewhere.
        let target = std::env::var_os("ATLAS_BACKUP_HEADER")
            .map_or_else(|| root.join("include/atlas_backup.h"), PathBuf::from);

        let version: Vec<&str> = env!("CARGO_PKG_VERSION").split(['.', '-']).collect();
        let number = format!("{}{:0>3}{:0>3}", version[0], version[1], version[2]);
        let template = read(&root.join(TEMPLATE))
            .replace("@VERSION_MAJOR@", version[0])
            .replace("@VERSION_MINOR@", version[1])
            .replace("@VERSION_PATCH@", version[2])
            .replace("@VERSION_NUMBER@", number.trim_start_matches('0'))
            .replace("@VERSION_STRING@", env!("CARGO_PKG_VERSION"));
        let mut header = String::new();
        for line in template.lines() {
            match line.strip_prefix('@').and_then(|line| line.strip_suffix('@')) {
                None => header.push_str(line),
                Some(file) => header.push_str(&declarations(&root, file)),
            }
            header.push('\n');
        }
        let flat = flat(&root, &header);
        for (target, text) in [(target.with_extension("ffi.h"), flat), (target, header)] {
            // If someone edits or deletes the result, the next build writes it again; but only when it differs, so that
            // nothing that depends on it is built again for nothing.
            println!("cargo:rerun-if-changed={}", target.display());
            if std::fs::read_to_string(&target).ok().as_deref() != Some(&text) {
                std::fs::write(&target, text)
                    .unwrap_or_else(|e| panic!("cannot write {}: {e}", target.display()));
            }
        }
    }

    /// The same without preprocessor and comments; what was a number by `#define` is an enumerator.
    fn flat(root: &Path, header: &str) -> String {
        let code: String = header.split("*/").filter_map(|part| part.split("/*").next()).collect();
        let (mut conditions, mut numbers, mut declarations) = (0, String::new(), String::new());
        for line in code.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["#ifdef" | "#ifndef", _] => conditions += 1,
                ["#endif"] => conditions -= 1,
                ["#define", name, value] if value.starts_with(|c: char| c.is_ascii_digit()) => {
                    numbers += &format!("    {name} = {},\n", value.trim_end_matches('u'));
                }
                // One is around it all, and within others is nothing but what compilers alone can read.
                _ if conditions == 1 && !line.starts_with('#') => declarations.extend([line, "\n"]),
                _ => {}
            }
        }
        read(&root.join(FLAT))
            .replace("@NUMBERS@", numbers.trim_end_matches(",\n"))
            .replace("@DECLARATIONS@", declarations.trim_end())
    }

    /// What a source file declares, as cbindgen writes it.
    fn declarations(root: &Path, file: &str) -> String {
        println!("cargo:rerun-if-changed={file}");
        let config = cbindgen::Config::from_file(root.join(CONFIG))
            .unwrap_or_else(|e| panic!("{CONFIG}: {e}"));
        let mut text = Vec::new();
        cbindgen::Builder::new()
            .with_config(config)
            .with_src(root.join(file))
            .generate()
            .unwrap_or_else(|e| panic!("{file}: {e}"))
            .write(&mut text);
        let text = String::from_utf8(text).expect("cbindgen writes UTF-8");
        // cbindgen qualifies enumerators with the name of their type, and C has no type `atlas_snapshot_type`, since
        // that is a function. And it ends the last one with a comma, which C89 and C++98 do not allow.
        let text = text
            .replace("ATLAS_SNAPSHOT_TYPE_KIND_", "ATLAS_SNAPSHOT_TYPE_")
            .replace(",\n}", "\n}");
        let mut parts = text.trim().split("/**\n");
        let mut tidy = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (comment, code) = part.split_once("*/").expect("the end of a comment");
            // A comment of one line takes one line: enumerations and structs are read like tables.
            tidy += &match comment.trim().trim_start_matches('*') {
                text if text.contains('\n') => format!("/**\n{comment}*/{code}"),
                text => format!("/**{text} */{code}"),
            };
        }
        // cbindgen ends some lines of comments with a blank.
        tidy.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    fn read(path: &Path) -> String {
        println!("cargo:rerun-if-changed={}", path.display());
        std::fs::read_to_string(path)
            .unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()))
    }
}
