use super::*;

#[test]
fn every_string_is_read_and_nothing_else_is() {
    for (raw, text) in [
        (r#""""#, Some("")),
        (r#""plain \u00e9""#, Some("plain \u{e9}")),
        (r#""\"\\\/\b\f\n\r\t""#, Some("\"\\/\u{8}\u{c}\n\r\t")),
        (
            r#""\u0000 \ud800 \udc00 \ud83d\ude00 \ud83d\ud83d\ude00 \ud83dx \ud83d\n""#,
            Some("\u{fffd} \u{fffd} \u{fffd} \u{1f600} \u{fffd}\u{1f600} \u{fffd}x \u{fffd}\n"),
        ),
        (r#""\uD83D\u0041 \uffff""#, Some("\u{fffd}A \u{ffff}")),
        ("7", None),
        ("null", None),
        ("[]", None),
    ] {
        assert_eq!(wiped_text(raw).as_deref().map(String::as_str), text, "{raw}");
        let mut name = String::new();
        assert_eq!(push_text(raw, &mut name).map(|()| &*name), text, "{raw}");
        // serde_json reads all but lone surrogates, and leaves NUL as it is.
        if let Ok(read) = serde_json::from_str::<String>(raw) {
            assert_eq!(Some(&*read), text, "{raw}");
        }
    }
    for broken in [r#""\x""#, r#""\u12g4""#, r#""\u12""#, r#""\""#] {
        assert_eq!(wiped_text(broken), None, "{broken}");
    }
}

#[test]
fn a_text_that_is_cut_anywhere_keeps_what_was_complete() {
    let whole =
        r#" {"a":"x\u00e9\"\\y é","b" :[1, "2", {"c":null,"d":[]}],"e":{"f":-1.5e3},"g":true} "#;
    let read = |text: &str| {
        serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    };
    let start = 2; // nothing can be kept of less
    for at in (start..=whole.len()).filter(|at| whole.is_char_boundary(*at)) {
        let cut = read(&ended(&whole[..at]));
        let is_there = |name: &str, from: &str| {
            let complete = whole.find(from).unwrap() + from.len() <= at;
            assert_eq!(complete, cut[name] == read(whole)[name], "{name} at {at}: {cut}");
        };
        is_there("a", "y é");
        is_there("b", "\"d\":[");
        is_there("e", "-1.5e3}");
        is_there("g", "true}");
    }
    for (cut, kept) in [
        ("", ""),
        ("<html", ""),
        ("{", "{}"),
        (r#"{"a"#, "{}"),
        (r#"{"a":"#, "{}"),
        (r#"{"a":""#, r#"{"a":""}"#),
        (r#"{"a":"b\"#, r#"{"a":"b"}"#),
        (r#"{"a":"b\\"#, r#"{"a":"b\\"}"#),
        (r#"{"a":"b\u00e"#, r#"{"a":"b"}"#),
        (r#"{"a":"b\u00e9"#, r#"{"a":"b\u00e9"}"#),
        (r#"{"a":{"b":1,"c":[[2,3"#, r#"{"a":{"b":1,"c":[[2]]}}"#),
        (r#"{"a":{"b":1,"c":[{"d":"e"},"#, r#"{"a":{"b":1,"c":[{"d":"e"}]}}"#),
    ] {
        assert_eq!(ended(cut), kept, "{cut}");
    }
    // Of what is no JSON nothing is known, but that it can be cut anywhere.
    let odd = r#"]}{"é\é\u12é":"\é\u😀\",é{[:"\\\ud83d😀":é,"é"#;
    for (start, _) in odd.char_indices() {
        for (end, _) in odd[start..].char_indices() {
            let _ = ended(&odd[start..start + end]);
        }
    }
}
