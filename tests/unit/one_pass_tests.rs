use super::*;

/// All that Atlas documents in one snapshot, as no answer has it.
const FULL: &str = r#"{"cloudProvider":"AWS","configServerType":"EMBEDDED","copyRegions":["US_EAST_1","EU_WEST_1"],
"createdAt":"2024-03-01T10:20:30Z","description":"é","expiresAt":"2024-03-08T10:20:30Z","frequencyType":"hourly",
"id":"32b6e34b3d91647abb20e7b8","links":[{"href":"https://cloud.mongodb.com/api","rel":"self"},{"rel":"up"}],
"masterKeyUUID":"72659f08","members":[{"cloudProvider":"GCP","id":"c","replicaSetName":"config"}],"mongodVersion":"7.0.5",
"policyItems":["32b6e34b3d91647abb20e7b9"],"replicaSetName":"shard-0","snapshotIds":["b","c"],"snapshotType":"onDemand",
"status":"queued","storageSizeBytes":1574477824,"type":"replicaSet"}"#;

const PAGE: &str = r#"{"links":[{"href":"h","rel":"self"}],"results":[{"id":"a","links":[{"href":"h"}],"status":"failed"},
{"copyRegions":["x"],"id":"b","links":[{"href":"h"}],"status":"failed"}],"totalCount":2}"#;

/// Values of every type, good and odd, and what is no value.
#[rustfmt::skip]
const VALUES: &[&str] = &[
    "null", "true", "0", "-0", "7", "-7", "1.5", "1e3", "1E400", "400", "503", "18446744073709551616",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    r#""""#, r#""x""#, r#""é😀""#, r#""\u0041""#, r#""\ud800""#, r#""\u0000""#, r#""\n""#, "\"\u{7f}\"",
    "[]", "[ ]", "[null]", r#"["a"]"#, r#"["a","a"]"#, r#"["a",7]"#, "[{}]", "[{},{}]", "[[[]]]",
    r#"[{"href":"a","href":7}]"#, r#"[{"id":"a","id":"b"}]"#, r#"[{"rel":null,"rel":"b","x":[[]]}]"#,
    "{}", "{ }", r#"{"a":{}}"#, r#"{"id":"a"}"#, r#"{"error":404}"#, r#"{"results":[]}"#,
    "", "nul", "nulll", "tru", "01", "00", "+1", "--1", "7.", "\"\n\"", "\"\u{1f}\"", r#""open"#, r#"open""#, r#""\x""#,
    "-", "-01", "1e", "0x1", "NaN", "Infinity", "truee", r#""\u12g4""#, r#""\ud8""#, "'x'", "[1,]", "[1 2]", "{,}",
    r#"["a",]"#, r#"["a""#, r#"[,"a"]"#, r#"{"id":"a",}"#, r#"{"id""#, r#"{id:1}"#, "{7:1}", "{null:1}", "]", "}", ",",
];

/// A JSON text with each value in it replaced by others, and each member in it there twice, in any order, or renamed.
fn variants(raw: &str) -> Vec<String> {
    let mut variants: Vec<String> = VALUES.iter().map(|value| (*value).to_owned()).collect();
    let (mut members, mut elements) = (Vec::new(), Vec::new());
    let is_object = json::members(raw, |name, value| members.push((name, value))).is_ok();
    let is_array = raw.starts_with('[');
    json::elements(raw, |element| elements.push(element));
    let parts: Vec<String> = match is_object {
        true => members.iter().map(|(name, value)| format!("{name}:{value}")).collect(),
        false => elements.iter().map(|element| (*element).to_owned()).collect(),
    };
    let mut with = |at: usize, part: String| {
        let mut parts = parts.clone();
        parts[at] = part;
        let text = parts.join(",");
        variants.push(if is_object { format!("{{{text}}}") } else { format!("[{text}]") });
    };
    if is_object {
        for (at, (name, value)) in members.iter().enumerate() {
            let (first, rest) = (name.as_bytes()[1], &name[2..]);
            with(at, format!("\"\\u{first:04x}{rest}:{value}"));
            for other in self::variants(value) {
                with(at, format!("{name}:{other}"));
            }
            for other in VALUES {
                with(at, format!("{name}:{value},{name}:{other}"));
                with(at, format!("{name}:{other},{name}:{value}"));
                for unknown in ["x", "error", "content", "results", "status", "totalCount"] {
                    with(at, format!("{name}:{value},\"{unknown}\":{other}"));
                }
            }
        }
    }
    if is_array {
        for (at, element) in elements.iter().enumerate() {
            for other in self::variants(element) {
                with(at, format!("{other},{element}"));
                with(at, other);
            }
        }
    }
    variants
}

/// The same with white space wherever it may be.
fn spaced(text: &str) -> String {
    let (mut spaced, mut in_string) = (String::new(), false);
    for c in text.chars() {
        in_string ^= c == '"';
        match c {
            '{' | '}' | '[' | ']' | ',' | ':' if !in_string => {
                spaced.extend([" \t", c.encode_utf8(&mut [0; 4]), "\r\n"]);
            }
            c => spaced.push(c),
        }
    }
    spaced
}

#[test]
fn one_pass_does_for_all_that_atlas_documents() {
    for text in [FULL, "{}", r#"{"id":null,"links":[],"new":{"a":[7.5,"\n"]}}"#] {
        for text in [text, &spaced(text)] {
            assert_eq!(assert_same(text.as_bytes()), (true, false), "{text}");
        }
    }
    let both = format!(r#"{{"totalCount":7,"results":[{FULL},{FULL}],"links":[]}}"#);
    for text in [PAGE, &both, r#"{"results":[],"new":{}}"#] {
        for text in [text, &spaced(text)] {
            assert_eq!(assert_same(text.as_bytes()), (true, true), "{text}");
        }
    }
}

#[test]
fn one_pass_says_the_same_as_a_careful_reading_of_odd_documents() {
    let mut in_one_pass = [0, 0];
    let mut compare = |text: &str| {
        let (snapshot, page) = assert_same(text.as_bytes());
        in_one_pass[0] += usize::from(snapshot);
        in_one_pass[1] += usize::from(page);
    };
    let mut count = 0;
    for text in [FULL, PAGE].iter().flat_map(|text| variants(text)) {
        compare(&text);
        count += 1;
    }
    for text in [FULL, PAGE] {
        for (at, c) in text.char_indices() {
            compare(&text[..at]);
            let (before, behind) = (&text[..at], &text[at + c.len_utf8()..]);
            for other in ["", " ", ",", "\"", "\\", "}", "]", "\0", "7", "é"] {
                compare(&format!("{before}{other}{behind}"));
                count += 1;
            }
        }
    }
    assert!(count > 20_000, "{count}");
    assert!(
        in_one_pass.iter().all(|read| (count / 50..count / 2).contains(read)),
        "{in_one_pass:?} of {count}"
    );
}

#[test]
fn one_pass_says_the_same_of_recorded_answers_of_the_live_service() {
    let Some(folder) = std::env::var_os("ATLAS_BACKUP_FIXTURES") else {
        println!("skipped: ATLAS_BACKUP_FIXTURES does not name the folder of recorded answers");
        return;
    };
    let mut in_one_pass = 0;
    for entry in std::fs::read_dir(&folder).expect("ATLAS_BACKUP_FIXTURES names a folder") {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "http") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let (snapshot, page) = assert_same(body.as_bytes());
        let is_answer = head.split(' ').nth(1) == Some("200");
        assert_eq!(snapshot, is_answer, "{}", path.display());
        assert_eq!(page, is_answer && body.contains("\"results\""), "{}", path.display());
        in_one_pass += usize::from(snapshot);
        // Some of them, since there are many.
        for text in variants(body).iter().step_by(7) {
            assert_same(text.as_bytes());
        }
        assert_same(spaced(body).as_bytes());
    }
    assert!(in_one_pass >= 10, "only {in_one_pass} in {}", folder.display());
}

#[test]
fn what_was_read_of_an_odd_item_before_it_was_odd_is_forgotten() {
    let odd = r#"{"results":[{"id":"a","links":[{"rel":"b"}],"status":7},
        {"id":"c","x":"\n","status":"\n","copyRegions":["d",{}]}]}"#;
    let page = Page::read(odd, 2).ok().unwrap();
    assert_eq!(page.body.lengths(), ("a b c \n ".len(), 2));
}
