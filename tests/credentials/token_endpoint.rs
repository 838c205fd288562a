//! Service accounts: what goes wrong at the token endpoint, and where tokens are sent.

use atlas_backup::{ClusterType, ErrorKind, Format};
use atlas_simulator::{
    ACCESS_TOKEN, Act, CLIENT_ID, CLIENT_SECRET, CLUSTER, PROJECT, SNAPSHOT, Simulator, Target,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::support::{
    Watched, api_key, assert_no_secret, service_account, settings, to_api, token_requests,
};

#[test]
fn what_goes_wrong_at_the_token_endpoint_is_said() {
    let text = |status: u16, kind: &str, body: &str| Act::Respond {
        status,
        headers: vec![("Content-Type".into(), kind.into()), ("Retry-After".into(), "7".into())],
        body: body.into(),
    };
    let basic = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    let cases = [
        (
            Act::respond(
                401,
                r#"{"error":"invalid_client","error_description":"Client authentication failed."}"#,
            ),
            (ErrorKind::Unauthenticated, 401, "invalid_client", "Client authentication failed."),
            "check client id and secret",
        ),
        (
            Act::respond(400, r#"{"error":"invalid_client"}"#),
            (ErrorKind::Unauthenticated, 400, "invalid_client", ""),
            CLIENT_ID,
        ),
        (
            Act::respond(403, r#"{"error":"access_denied","error_description":"too many"}"#),
            (ErrorKind::Forbidden, 403, "access_denied", "too many"),
            "share a token cache between processes, or have each program give its token back",
        ),
        (
            text(
                429,
                "application/json",
                r#"{"detail":"Slow down.","error":429,"errorCode":"RATE_LIMITED","parameters":[],"reason":"Too Many Requests"}"#,
            ),
            (ErrorKind::RateLimited, 429, "RATE_LIMITED", "Slow down."),
            "Atlas asks to wait 7 s",
        ),
        (
            text(
                503,
                "text/html",
                "<html><head><title>503 Service Unavailable</title></head></html>",
            ),
            (ErrorKind::Server, 503, "", ""),
            "an HTML page titled \"503 Service Unavailable\"",
        ),
        (Act::respond(500, ""), (ErrorKind::Server, 500, "", ""), "status.mongodb.com"),
        // The snapshot may well be there.
        (
            Act::respond(404, r#"{"error":404,"errorCode":"RESOURCE_NOT_FOUND"}"#),
            (ErrorKind::InvalidResponse, 404, "RESOURCE_NOT_FOUND", ""),
            "check the base URL",
        ),
        (
            Act::respond(200, "<html>Log in to the hotel's network</html>"),
            (ErrorKind::InvalidResponse, 200, "", ""),
            "did not answer with a JSON object",
        ),
        (
            Act::respond(200, r#"{"access_token":7}"#),
            (ErrorKind::InvalidResponse, 200, "", ""),
            "gave no access_token",
        ),
        (
            Act::respond(200, r#"{"access_token":""}"#),
            (ErrorKind::InvalidResponse, 200, "", ""),
            "gave no access_token",
        ),
        (
            Act::respond(200, r#"{"access_token":"x","token_type":"mac"}"#),
            (ErrorKind::InvalidResponse, 200, "", ""),
            "not a bearer token",
        ),
        (
            Act::respond(200, r#"{"access_token":"a\r\nX-Evil: b"}"#),
            (ErrorKind::InvalidResponse, 200, "", ""),
            "characters no header can carry",
        ),
        (
            Act::respond(200, r#"{"access_token":"caf\u00e9"}"#),
            (ErrorKind::InvalidResponse, 200, "", ""),
            "characters no header can carry",
        ),
        (
            Act::respond(200, r#"{"access_token":"a\ud800"}"#),
            (ErrorKind::InvalidResponse, 200, "", ""),
            "gave no access_token",
        ),
        (
            Act::Redirect { status: 302, location: "https://evil.example/".into() },
            (ErrorKind::InvalidResponse, 302, "", ""),
            "redirects to evil.example",
        ),
        // Servers that echo, also where only the beginning would be shown.
        (
            text(418, "text/plain", &format!("no: {basic}")),
            (ErrorKind::BadRequest, 418, "", ""),
            "no: [secret]",
        ),
        (
            Act::respond(
                400,
                format!(r#"{{"error":"x","error_description":"{CLIENT_SECRET} and {basic}"}}"#),
            ),
            (ErrorKind::BadRequest, 400, "x", "[secret]"),
            "[secret] and [secret]",
        ),
    ];
    let atlas = Simulator::start();
    for (act, (kind, status, code, detail), said) in cases {
        atlas.clear();
        atlas.script_forever(Target::Token, [act]);
        let mut config = service_account(&atlas);
        config.set_max_retries(0);
        let error = Watched::new(config).fail();
        assert_eq!(
            (error.kind, error.http_status, error.code.as_str()),
            (kind, status, code),
            "{error}"
        );
        assert!(error.detail.starts_with(detail), "{}", error.detail);
        assert!(error.message().contains(said), "{error}");
        assert!(error.message().contains("fetch an access token: "), "{error}");
        assert_eq!((token_requests(&atlas), to_api(&atlas).len()), (1, 0), "{error}");
    }
}

#[test]
fn too_many_live_tokens_are_told_with_both_ways_out() {
    let atlas = Simulator::start();
    atlas.change(|settings| settings.max_live_tokens = 1);
    let (holder, other) =
        (Watched::new(service_account(&atlas)), Watched::new(service_account(&atlas)));
    holder.succeed();
    let error = other.fail();
    assert_eq!((error.kind, error.http_status), (ErrorKind::Forbidden, 403));
    for said in [
        "too many live access tokens (Atlas allows 100, and each lives an hour)",
        "share a token cache between processes",
        "have each program give its token back before it ends",
    ] {
        assert!(error.message().contains(said), "{error}");
    }
    holder.revoke_token().unwrap();
    other.succeed();
}

#[test]
fn a_token_that_a_server_echoes_is_not_shown() {
    let atlas = Simulator::start();
    // Also where only its beginning would fit into the message.
    for body in [ACCESS_TOKEN.to_owned(), format!("{}{ACCESS_TOKEN}", "x".repeat(60))] {
        let (headers, body) = (vec![], body.into());
        let act = Act::Respond { status: 418, headers, body };
        atlas.script_forever(Target::Api, [act]);
        let mut config = settings(&atlas);
        config.set_access_token(Some(ACCESS_TOKEN.as_bytes()));
        let error = Watched::new(config).fail();
        assert!(!error.message().contains(&ACCESS_TOKEN[..3]), "{error}");
        assert!(error.message().contains("[secret]"), "{error}");
    }
    let enveloped =
        format!(r#"{{"status":418,"content":{{"error":418,"detail":"{ACCESS_TOKEN}"}}}}"#);
    atlas.script_forever(Target::Api, [Act::respond(200, enveloped)]);
    let mut config = settings(&atlas);
    config.set_access_token(Some(ACCESS_TOKEN.as_bytes()));
    let client = Watched::new(config);
    let format = Format { envelope: true, pretty: false };
    let error = client
        .get_snapshot(ClusterType::ReplicaSet, PROJECT, CLUSTER, SNAPSHOT, format)
        .expect_err("a failure");
    assert_eq!(error.detail, "[secret]");
    assert_no_secret(&format!("{error:?}"));
}

#[test]
fn tokens_come_from_where_the_api_is() {
    let atlas = Simulator::start();
    let token = format!(r#"{{"access_token":"{ACCESS_TOKEN}","expires_in":3600}}"#);
    atlas.script(Target::Path("/gov/base/api/oauth/token".into()), [Act::respond(200, token)]);
    atlas.script(
        Target::Path("/gov/base/api/atlas".into()),
        [Act::respond(200, format!(r#"{{"id":"{SNAPSHOT}"}}"#))],
    );
    let mut config = service_account(&atlas);
    config.set_base_url(Some(format!("{}/gov/base/", atlas.plain_url()).as_bytes()));
    let client = Watched::new(config);
    client.succeed();
    client.revoke_token().expect_err("the simulator knows no such path");
    let paths: Vec<String> = atlas.requests().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths[0], "/gov/base/api/oauth/token");
    assert!(paths[1].starts_with("/gov/base/api/atlas/v2/groups/"), "{paths:?}");
    assert_eq!(paths[2], "/gov/base/api/oauth/revoke");
}

#[test]
fn no_credentials_follow_a_redirect() {
    let (atlas, elsewhere) = (Simulator::start(), Simulator::start());
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/api/atlas/v2/", elsewhere.plain_url());
        atlas.script_forever(Target::Api, [Act::Redirect { status, location }]);
        let mut token = settings(&atlas);
        token.set_access_token(Some(ACCESS_TOKEN.as_bytes()));
        for config in [api_key(&atlas), service_account(&atlas), token] {
            assert_eq!(Watched::new(config).fail().kind, ErrorKind::InvalidResponse);
        }
    }
    assert!(elsewhere.requests().is_empty());
}
