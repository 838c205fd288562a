//! JSON as text, so that what no parser keeps (lone surrogates, duplicate keys, huge numbers) survives.

/// Indents as Atlas does: `"key" : value`, arrays on their line, two spaces a level.
pub(crate) fn indent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut objects = 0;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                out.push('"');
                while let Some(inner) = characters.next() {
                    out.push(inner);
                    match inner {
                        '\\' => out.extend(characters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '{' | '[' => {
                while characters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if characters.next_if(|next| *next == closing(character)).is_some() {
                    out.extend([character, ' ', closing(character)]);
                } else if character == '{' {
                    objects += 1;
                    out.push('{');
                    line(&mut out, objects);
                } else {
                    out.push_str("[ ");
                }
            }
            '}' => {
                objects -= 1;
                line(&mut out, objects);
                out.push('}');
            }
            ']' => out.push_str(" ]"),
            ':' => out.push_str(" : "),
            // Only an object's comma is followed by a key.
            ',' => {
                while characters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if follows_key(characters.clone()) {
                    out.push(',');
                    line(&mut out, objects);
                } else {
                    out.push_str(", ");
                }
            }
            _ if character.is_ascii_whitespace() => {}
            _ => out.push(character),
        }
    }
    out
}

fn closing(opening: char) -> char {
    if opening == '{' { '}' } else { ']' }
}

fn line(out: &mut String, level: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", level));
}

fn follows_key(mut rest: impl Iterator<Item = char>) -> bool {
    if rest.next() != Some('"') {
        return false;
    }
    while let Some(character) = rest.next() {
        match character {
            '\\' => drop(rest.next()),
            '"' => return rest.find(|next| !next.is_ascii_whitespace()) == Some(':'),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::indent;

    #[test]
    fn indents_as_atlas_does() {
        let text = r#"{"a":1, "b":["x","y:,"],"c":[],"d":{},"e":[{"f":null},{"g":"\"{"}]}"#;
        let expected = "{\n  \"a\" : 1,\n  \"b\" : [ \"x\", \"y:,\" ],\n  \"c\" : [ ],\n  \"d\" : { },\n  \
            \"e\" : [ {\n    \"f\" : null\n  }, {\n    \"g\" : \"\\\"{\"\n  } ]\n}";
        assert_eq!(indent(text), expected);
        let before: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(before, serde_json::from_str::<serde_json::Value>(expected).unwrap());
    }
}
