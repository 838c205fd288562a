//! What curl sees of Digest and of tokens.

use atlas_simulator::{CLUSTER, NonceCount, PRIVATE_KEY, PUBLIC_KEY, UnauthorizedBody};

use super::client::{ACCEPT, Curl, account, key, one};

#[test]
fn digest_in_every_variant() {
    let Some(curl) = Curl::start() else { return };
    let url = curl.url(CLUSTER, &format!("{}?pretty=true", one()));
    for algorithm in ["MD5", "SHA-256", "MD5-sess", "SHA-256-sess", "md5", "sha-256"] {
        for qop in [Some("auth"), Some("auth,auth-int"), None] {
            curl.atlas.clear();
            curl.atlas.change(|settings| {
                settings.digest.algorithm = algorithm.into();
                settings.digest.qop = qop.map(str::to_owned);
                settings.digest.opaque = Some("5ccc069c403ebaf9f0171e9517f40e41".into());
            });
            // In a session without qop curl sends no cnonce, which the hash needs.
            if algorithm.ends_with("sess") && qop.is_none() {
                continue;
            }
            let got = curl.digest(&key(), &[&url]);
            assert_eq!(got.status(), 200, "{algorithm} {qop:?} {:#?}", curl.atlas.requests());
            assert_eq!(curl.statuses(), [401, 200], "{algorithm} {qop:?}");
            let authorization =
                curl.atlas.requests()[1].header("authorization").unwrap().to_owned();
            assert_eq!(authorization.contains("qop=auth"), qop.is_some());
        }
    }
}

#[test]
fn digest_refuses_what_is_wrong() {
    let Some(curl) = Curl::start() else { return };
    let url = curl.url(CLUSTER, &one());
    for user in [format!("{PUBLIC_KEY}:{PRIVATE_KEY}x"), format!("x{}", key())] {
        curl.atlas.clear();
        assert_eq!(curl.digest(&user, &[&url]).status(), 401);
        assert_eq!(curl.statuses(), [401, 401]);
    }
    // A good authorization that is used for another target, by another method, or again.
    curl.atlas.clear();
    assert_eq!(curl.digest(&key(), &[&url]).status(), 200);
    let authorization =
        format!("Authorization: {}", curl.atlas.requests()[1].header("authorization").unwrap());
    let again = |target: &str, method: &str| {
        let got = curl.run(&["-i", "-X", method, "-H", &authorization, "-H", ACCEPT, target]);
        (got.text().contains(" 401 "), got.text().contains("stale=true"))
    };
    assert_eq!(again(&format!("{url}?pretty=true"), "GET"), (true, false));
    assert_eq!(again(&url, "DELETE"), (true, false));
    assert_eq!(again(&url, "GET"), (true, true), "the same nc twice");
    curl.atlas.forget_nonces();
    assert_eq!(again(&url, "GET"), (true, true), "a nonce that is not known any more");
}

#[test]
fn nonces_are_used_again_until_stale() {
    let Some(curl) = Curl::start() else { return };
    // curl keeps a nonce from one attempt to the next of the same transfer alone.
    let url = curl.url("flaky", &one());
    let retry = ["--retry", "2", "--retry-delay", "1"];
    let fetch =
        || curl.digest(&key(), &[&[url.as_str()], &retry[..]].concat()).text().ends_with(" 200");
    curl.atlas.change(|settings| settings.digest.nonce_count = NonceCount::Rising);
    assert!(fetch(), "{:#?}", curl.atlas.requests());
    assert_eq!(curl.statuses(), [401, 503, 200]);
    curl.atlas.clear();
    curl.atlas.change(|settings| settings.digest.nonce_uses = 1);
    assert!(fetch(), "{:#?}", curl.atlas.requests());
    assert_eq!(curl.statuses(), [401, 503, 401, 200]);
    assert_eq!(curl.atlas.requests()[2].note, "digest: used up nonce");

    curl.atlas.clear();
    curl.atlas.change(|settings| settings.digest.nonce_per_connection = true);
    let url = curl.url(CLUSTER, &one());
    assert_eq!(curl.digest(&key(), &[&url]).status(), 200);
    let authorization =
        format!("Authorization: {}", curl.atlas.requests()[1].header("authorization").unwrap());
    curl.run(&["-H", &authorization, "-H", ACCEPT, &url]);
    assert_eq!(curl.atlas.requests()[2].note, "digest: another connection's nonce");
}

#[test]
fn challenges_can_be_replaced() {
    let Some(curl) = Curl::start() else { return };
    curl.atlas.change(|settings| {
        settings.digest.realm = "a, \"b\"".into();
        settings.digest.challenges = Some(vec![
            "Basic realm=\"no\"".into(),
            "Digest qop=\"auth\", new=\"x\", nonce=\"{nonce}\", realm=\"a, \\\"b\\\"\", algorithm=SHA-256, stale={stale}"
                .into(),
        ]);
    });
    let got = curl.digest(&key(), &[&curl.url(CLUSTER, &one())]);
    assert_eq!(got.status(), 200, "{:#?}", curl.atlas.requests());
}

#[test]
fn the_three_bodies_of_a_401() {
    let Some(curl) = Curl::start() else { return };
    let url = curl.url(CLUSTER, &one());
    for (kind, code, length) in [
        (UnauthorizedBody::Full, true, 142),
        (UnauthorizedBody::WithoutCode, false, 106),
        (UnauthorizedBody::Empty, false, 0),
    ] {
        curl.atlas.change(|settings| settings.unauthorized_body = kind);
        let got = curl.run(&["-i", "-H", ACCEPT, &url]);
        let (head, body) = got.text().split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 401 "));
        assert!(head.contains("Digest realm=\"MMS Public API\", domain=\"\", nonce=\""));
        assert_eq!(body.contains("errorCode"), code);
        assert_eq!(body.len(), length, "as recorded");
        assert_eq!(head.contains("Content-Type"), length > 0);
    }
}

#[test]
fn a_token_from_issue_to_revocation() {
    let Some(curl) = Curl::start() else { return };
    let got = curl.token_endpoint("token", &account(), "grant_type=client_credentials");
    assert_eq!(got.status(), 200);
    assert_eq!(got.json()["expires_in"], 3600);
    assert_eq!(got.json()["token_type"], "Bearer");
    assert_eq!((curl.atlas.tokens_issued(), curl.atlas.live_tokens()), (1, 1));
    let token = got.json()["access_token"].as_str().unwrap().to_owned();
    let bearer = format!("Authorization: Bearer {token}");
    let status = || {
        let url = curl.url(CLUSTER, &one());
        curl.run(&["-H", &bearer, "-H", ACCEPT, "-w", " %{http_code}", &url]).status()
    };
    assert_eq!(status(), 200);
    let form = format!("token={token}&token_type_hint=access_token");
    assert_eq!(curl.token_endpoint("revoke", &format!("{}x", account()), &form).status(), 401);
    assert_eq!(status(), 200);
    assert_eq!(curl.token_endpoint("revoke", &account(), &form).status(), 200);
    assert_eq!(status(), 401);
    assert_eq!(curl.atlas.live_tokens(), 0);
}

#[test]
fn the_token_endpoint_refuses_in_the_shape_of_oauth() {
    let Some(curl) = Curl::start() else { return };
    let good = "grant_type=client_credentials";
    let error = |user: &str, form: &str| {
        let got = curl.token_endpoint("token", user, form);
        (got.status(), got.json()["error"].as_str().unwrap().to_owned())
    };
    assert_eq!(error(&format!("{}x", account()), good), (401, "invalid_client".into()));
    assert_eq!(error(&account(), "grant_type=password"), (400, "unsupported_grant_type".into()));
    assert_eq!(error(&account(), "scope=all"), (400, "invalid_request".into()));
    curl.atlas.change(|settings| settings.max_live_tokens = 1);
    assert_eq!(curl.token_endpoint("token", &account(), good).status(), 200);
    assert_eq!(error(&account(), good), (403, "access_denied".into()));
    curl.atlas.revoke_all_tokens();
    assert_eq!(curl.token_endpoint("token", &account(), good).status(), 200);
    // Tokens of no lifetime at all, and an odd announcement.
    curl.atlas.change(|settings| {
        settings.token_lifetime_ms = 0;
        settings.max_live_tokens = 5;
        settings.expires_in = "soon".into();
    });
    assert_eq!(curl.token_endpoint("token", &account(), good).json()["expires_in"], "soon");
    assert_eq!(curl.atlas.live_tokens(), 1);
    curl.atlas.change(|settings| settings.omit_expires_in = true);
    assert!(curl.token_endpoint("token", &account(), good).json().get("expires_in").is_none());
}
