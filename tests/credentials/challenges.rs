//! API keys: which challenges of a server are answered, and how.

use atlas_backup::ErrorKind;
use atlas_simulator::Simulator;

use super::support::{Watched, api_key};
use crate::common::digest_parameter;

#[test]
fn challenges_are_answered_as_the_wild_has_them() {
    const PLAIN: &str = r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth""#;
    // The lines, then algorithm and qop of the answer.
    let cases: [(&[&str], Option<&str>, Option<&str>); 24] = [
        (&[PLAIN], None, Some("auth")),
        (&[r#"Basic realm="x""#, PLAIN], None, Some("auth")),
        (&[PLAIN, r#"Basic realm="x""#], None, Some("auth")),
        (&["Negotiate", "Bearer", PLAIN], None, Some("auth")),
        (
            &[r#"Basic realm="a, b", Digest realm="MMS Public API", nonce="{nonce}", qop="auth""#],
            None,
            Some("auth"),
        ),
        (
            &[
                r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", Basic realm="Digest nonce=\"x\"""#,
            ],
            None,
            Some("auth"),
        ),
        (
            &[r#"Negotiate, Digest realm="MMS Public API",nonce="{nonce}",qop="auth""#],
            None,
            Some("auth"),
        ),
        (
            &[r#"  Digest   realm = "MMS Public API" ,, nonce= "{nonce}"	,qop ="auth" ,"#],
            None,
            Some("auth"),
        ),
        (
            &[
                r#"Digest x="1, nonce=\"no\", 2", realm="MMS Public API", charset=UTF-8, y=z, nonce="{nonce}", userhash=false, qop="auth""#,
            ],
            None,
            Some("auth"),
        ),
        (
            &[r#"Digest flag, realm="MMS Public API", nonce="{nonce}", qop="auth""#],
            None,
            Some("auth"),
        ),
        (
            &[
                r#"digest REALM="MMS Public API", NONCE="{nonce}", QOP="AUTH", ALGORITHM=md5, Stale=FALSE"#,
            ],
            Some("md5"),
            Some("auth"),
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", qop=auth, algorithm="MD5""#],
            Some("MD5"),
            Some("auth"),
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth,auth-int""#],
            None,
            Some("auth"),
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth-int , auth""#],
            None,
            Some("auth"),
        ),
        (&[r#"Digest realm="MMS Public API", nonce="{nonce}""#], None, None),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", algorithm=MD5-sess"#],
            Some("MD5-sess"),
            None,
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=MD5-sess"#],
            Some("MD5-sess"),
            Some("auth"),
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=SHA-256"#],
            Some("SHA-256"),
            Some("auth"),
        ),
        (
            &[
                r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=sha-256-SESS"#,
            ],
            Some("sha-256-SESS"),
            Some("auth"),
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", algorithm=SHA-256"#],
            Some("SHA-256"),
            None,
        ),
        // The strongest that we know.
        (
            &[
                r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=MD5"#,
                r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=SHA-256"#,
            ],
            Some("SHA-256"),
            Some("auth"),
        ),
        (
            &[
                r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=SHA-999, Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=MD5"#,
            ],
            Some("MD5"),
            Some("auth"),
        ),
        // Of two alike the first.
        (&[PLAIN, r#"Digest realm="another", nonce="{nonce}", qop="auth""#], None, Some("auth")),
        (
            &[r#"Digest realm="another", nonce="{nonce}", qop="auth-int""#, PLAIN],
            None,
            Some("auth"),
        ),
    ];
    let atlas = Simulator::start();
    for (lines, algorithm, qop) in cases {
        atlas.clear();
        atlas.change(|settings| {
            settings.digest.challenges = Some(lines.iter().map(|&line| line.into()).collect());
        });
        let client = Watched::new(api_key(&atlas));
        client.succeed();
        client.succeed();
        let requests = atlas.requests();
        assert_eq!(requests.len(), 3, "{lines:?}: {}", requests[1].note);
        for seen in &requests[1..] {
            assert_eq!(digest_parameter(seen, "algorithm"), algorithm, "{lines:?}");
            assert_eq!(digest_parameter(seen, "qop"), qop, "{lines:?}");
            assert_eq!(digest_parameter(seen, "nc").is_some(), qop.is_some(), "{lines:?}");
        }
    }
}

#[test]
fn realm_and_opaque_are_repeated_as_they_came() {
    let atlas = Simulator::start();
    let lines = r#"Digest realm="a, \"b\" \\ c", nonce="{nonce}", qop="auth", opaque="x\"y=,""#;
    atlas.change(|settings| {
        settings.digest.realm = r#"a, "b" \ c"#.into();
        settings.digest.opaque = Some(r#"x"y=,"#.into());
        settings.digest.challenges = Some(vec![lines.into()]);
    });
    Watched::new(api_key(&atlas)).succeed();
    assert_eq!(atlas.requests().len(), 2);
}

#[test]
fn a_key_is_never_sent_in_a_way_the_server_did_not_ask_for() {
    let cases = [
        r#"Basic realm="MMS Public API""#,
        "Bearer",
        r#"Basic realm="MMS Public API", nonce="{nonce}", qop="auth""#,
        r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth-int""#,
        r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=SHA-1"#,
        r#"Digest realm="MMS Public API", qop="auth""#,
        r#"Digest nonce="{nonce}", qop="auth""#,
        r#"Basic realm="Digest realm=\"MMS Public API\", nonce=\"{nonce}\"""#,
        "",
        ",=\"",
    ];
    let atlas = Simulator::start();
    for line in cases {
        atlas.clear();
        atlas.change(|settings| settings.digest.challenges = Some(vec![line.into()]));
        let error = Watched::new(api_key(&atlas)).fail();
        assert_eq!(error.kind, ErrorKind::Unauthenticated, "{line}");
        assert!(error.message().contains("no Digest authentication"), "{error}");
        let requests = atlas.requests();
        assert_eq!(requests.len(), 1, "{line}");
        assert_eq!(requests[0].header("authorization"), None, "{line}");
    }
}
