//! Two jobs: what the shared library promises to the loader, and, with the cargo feature `header`, writing
//! `include/atlas_backup.h`. Without that feature neither cbindgen is compiled nor the source tree touched.

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
        // Every loader since 2006 reads this table; the older one would only be larger.
        "-Wl,--hash-style=gnu".to_owned(),
    ] {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
}

#[cfg(feature = "header")]
mod header {
    use std::fmt::Write as _;
    use std::path::{Path, PathBuf};

    const TEMPLATE: &str = "src/ffi/header.txt";
    const CONFIG: &str = "cbindgen.toml";

    /// Fills the template in. `@version@` becomes the version macros, `@src/ffi/NAME.rs@` the declarations of that
    /// file, `@handles@` the opaque types of all those files, since C wants to have seen a type before its first use.
    ///
    /// Each file is a section of its own, so that types and functions that belong together stand together; cbindgen
    /// by itself puts all constants first, then all types, then all functions.
    pub fn write() {
        println!("cargo:rerun-if-env-changed=ATLAS_BACKUP_HEADER");
        println!("cargo:rerun-if-changed={TEMPLATE}");
        println!("cargo:rerun-if-changed={CONFIG}");

        let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
        // The test that compares header and code has its copy written elsewhere.
        let target = match std::env::var_os("ATLAS_BACKUP_HEADER") {
            Some(path) => PathBuf::from(path),
            None => root.join("include/atlas_backup.h"),
        };
        // If someone edits or deletes the result, the next build writes it again.
        println!("cargo:rerun-if-changed={}", target.display());

        let template = read(&root.join(TEMPLATE));
        let sources: Vec<Source> = template
            .lines()
            .filter_map(marked)
            .filter(|name| name.ends_with(".rs"))
            .map(|name| Source::read(&root, name))
            .collect();

        let mut header = String::new();
        for line in template.lines() {
            match marked(line) {
                None => writeln!(header, "{line}").expect("writing to a String"),
                Some("version") => header.push_str(&version_macros()),
                Some("handles") => {
                    let all: Vec<String> = sources
                        .iter()
                        .map(Source::handles)
                        .filter(|h| !h.is_empty())
                        .collect();
                    header.push_str(&all.join("\n"));
                }
                Some(name) => {
                    let source = sources.iter().find(|source| source.name == name);
                    let source = source.unwrap_or_else(|| panic!("{TEMPLATE}: what is @{name}@?"));
                    header.push_str(&source.declarations());
                }
            }
        }
        // Written only when it differs, so that nothing that depends on it is built again for nothing.
        if std::fs::read_to_string(&target).ok().as_deref() != Some(&header) {
            std::fs::write(&target, header)
                .unwrap_or_else(|e| panic!("cannot write {}: {e}", target.display()));
        }
    }

    /// What stands between the two `@` of a line of the template.
    fn marked(line: &str) -> Option<&str> {
        line.strip_prefix('@')?.strip_suffix('@')
    }

    /// One file of the ABI, cut into parts at its comments `// ---- Title ----`, which become headings.
    struct Source {
        name: String,
        parts: Vec<Part>,
        config: cbindgen::Config,
    }

    struct Part {
        title: Option<String>,
        file: PathBuf,
        types: Vec<String>,
    }

    impl Source {
        fn read(root: &Path, name: &str) -> Source {
            println!("cargo:rerun-if-changed={name}");
            let mut parts = vec![(None, String::new())];
            for line in read(&root.join(name)).lines() {
                if let Some(title) = line.strip_prefix("// ---- ") {
                    let title = title.trim_end_matches([' ', '-']).to_owned();
                    parts.push((Some(title), String::new()));
                } else if !(line.contains("mod ") && line.ends_with(';')) {
                    // cbindgen would follow `mod error;` and put that file here, too.
                    let (_, text) = parts.last_mut().expect("there is a first one");
                    writeln!(text, "{}", unsigned_constant(line)).expect("writing to a String");
                }
            }

            let scratch = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
            let parts = parts
                .into_iter()
                .enumerate()
                .map(|(number, (title, text))| {
                    let file = scratch.join(format!("{}-{number}.rs", name.replace('/', "-")));
                    std::fs::write(&file, &text)
                        .unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
                    Part {
                        title,
                        file,
                        types: public_types(&text),
                    }
                });
            Source {
                name: name.to_owned(),
                parts: parts.collect(),
                config: cbindgen::Config::from_file(root.join(CONFIG))
                    .unwrap_or_else(|e| panic!("{CONFIG}: {e}")),
            }
        }

        /// The opaque types, with their documentation.
        fn handles(&self) -> String {
            let parts = self
                .parts
                .iter()
                .map(|part| part.generate(&self.config, &[cbindgen::ItemType::OpaqueItems]));
            parts
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join("\n")
        }

        /// Everything else.
        fn declarations(&self) -> String {
            use cbindgen::ItemType::{Constants, Enums, Functions, Structs, Typedefs};
            let mut all = Vec::new();
            for part in &self.parts {
                let text = part.generate(
                    &self.config,
                    &[Constants, Enums, Functions, Structs, Typedefs],
                );
                match &part.title {
                    Some(title) if !text.is_empty() => {
                        all.push(format!("\n/* ---- {title} ---- */\n\n{text}"))
                    }
                    _ if !text.is_empty() => all.push(text),
                    _ => {}
                }
            }
            all.join("\n").trim_start().to_owned()
        }
    }

    impl Part {
        fn generate(&self, config: &cbindgen::Config, kinds: &[cbindgen::ItemType]) -> String {
            let mut config = config.clone();
            config.export.item_types = kinds.to_vec();
            // No function needs the enumerations: numbers travel as int32_t, so that a new one is no undefined value.
            config.export.include.clone_from(&self.types);
            let bindings = cbindgen::Builder::new()
                .with_config(config)
                .with_src(&self.file)
                .generate()
                .unwrap_or_else(|e| panic!("{}: {e}", self.file.display()));
            let mut text = Vec::new();
            bindings.write(&mut text);
            tidy(&String::from_utf8(text).expect("cbindgen writes UTF-8"))
        }
    }

    /// `pub const FLAG: u32 = 1;` with a suffix at the number: in C the type of a constant is its number's.
    fn unsigned_constant(line: &str) -> String {
        match line.strip_suffix(';') {
            Some(start) if line.starts_with("pub const ") && line.contains(": u32 = ") => {
                format!("{}u32;", start.trim_end_matches("u32"))
            }
            _ => line.to_owned(),
        }
    }

    /// Names of the types that a text declares for C.
    fn public_types(text: &str) -> Vec<String> {
        let mut names = Vec::new();
        for line in text.lines() {
            for start in ["pub enum ", "pub struct ", "pub type "] {
                if let Some(rest) = line.strip_prefix(start) {
                    let name = rest
                        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                        .next();
                    names.extend(name.filter(|n| n.starts_with("atlas_")).map(str::to_owned));
                }
            }
        }
        names
    }

    /// What a person would have written: comments of one line on one line, structs that also have a tag, no blanks at
    /// the ends of lines.
    fn tidy(text: &str) -> String {
        let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
        let mut out = String::new();
        let mut rest = lines.as_slice();
        while let [line, after @ ..] = rest {
            rest = after;
            out.push_str(line);
            if let ([comment, end, ..], true) = (after, line.ends_with("/**"))
                && end.ends_with(" */")
            {
                let comment = comment.trim_start().trim_start_matches('*').trim_start();
                write!(out, " {comment} */").expect("writing to a String");
                rest = &after[2..];
            } else if matches!(*line, "typedef struct {" | "typedef enum {") {
                let end = after
                    .iter()
                    .find_map(|l| l.strip_prefix("} ")?.strip_suffix(';'));
                out.truncate(out.len() - 1);
                write!(out, "{} {{", end.expect("every typedef ends"))
                    .expect("writing to a String");
            }
            out.push('\n');
        }
        out
    }

    fn version_macros() -> String {
        format!(
            "#define ATLAS_BACKUP_VERSION_MAJOR {} /**< Names the ABI, and stands in the SONAME. */\n\
             #define ATLAS_BACKUP_VERSION_MINOR {} /**< Grows when something was added. */\n\
             #define ATLAS_BACKUP_VERSION_PATCH {} /**< Grows when something was corrected. */\n\
             #define ATLAS_BACKUP_VERSION \"{}\" /**< All three. */\n",
            env!("CARGO_PKG_VERSION_MAJOR"),
            env!("CARGO_PKG_VERSION_MINOR"),
            env!("CARGO_PKG_VERSION_PATCH"),
            env!("CARGO_PKG_VERSION"),
        )
    }

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path)
            .unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()))
    }
}
