//! An independent client's opinion: what curl understands and lets through is not merely consistent with
//! our own code.

use std::process::Command;
use std::time::{Duration, Instant};

use atlas_simulator::world::documents;
use atlas_simulator::*;

const ACCEPT: &str = "Accept: application/vnd.atlas.2024-05-30+json";

struct Curl {
    atlas: Simulator,
}

/// What one curl process brought home: its exit status and what it wrote.
struct Got {
    exit: i32,
    bytes: Vec<u8>,
}

impl Got {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    /// The HTTP status that `api` has curl write after the body.
    fn status(&self) -> u16 {
        self.text().rsplit_once(' ').unwrap().1.parse().unwrap()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.text().rsplit_once(' ').unwrap().0).unwrap()
    }
}

impl Curl {
    /// None, and a word about it, where curl is not installed.
    fn start() -> Option<Curl> {
        if Command::new("curl").arg("--version").output().is_err() {
            eprintln!("skipped: curl is not installed");
            return None;
        }
        Some(Curl {
            atlas: Simulator::start(),
        })
    }

    fn run(&self, arguments: &[&str]) -> Got {
        let output = Command::new("curl")
            .args([
                "-q",
                "--silent",
                "--show-error",
                "--noproxy",
                "*",
                "--max-time",
                "20",
                "--cacert",
            ])
            .arg(self.atlas.ca_file())
            .args(arguments)
            .output()
            .unwrap();
        Got {
            exit: output.status.code().unwrap(),
            bytes: output.stdout,
        }
    }

    fn url(&self, cluster: &str, rest: &str) -> String {
        let base = self.atlas.base_url();
        format!("{base}/api/atlas/v2/groups/{PROJECT}/clusters/{cluster}/backup/snapshots{rest}")
    }

    /// With the ready token; body, a space, status.
    fn api(&self, url: &str, more: &[&str]) -> Got {
        let bearer = format!("Authorization: Bearer {ACCESS_TOKEN}");
        let mut arguments = vec!["-H", &bearer, "-H", ACCEPT, "-w", " %{http_code}", url];
        arguments.extend(more);
        self.run(&arguments)
    }

    fn get(&self, cluster: &str, rest: &str) -> Got {
        let got = self.api(&self.url(cluster, rest), &[]);
        assert_eq!(got.exit, 0, "{cluster}{rest}");
        got
    }

    fn digest(&self, user: &str, urls: &[&str]) -> Got {
        let mut arguments = vec!["--digest", "-u", user, "-H", ACCEPT, "-w", " %{http_code}"];
        arguments.extend(urls);
        self.run(&arguments)
    }

    fn token_endpoint(&self, path: &str, user: &str, form: &str) -> Got {
        let url = format!("{}/api/oauth/{path}", self.atlas.base_url());
        self.run(&["-u", user, "-d", form, "-w", " %{http_code}", &url])
    }

    fn statuses(&self) -> Vec<u16> {
        self.atlas
            .requests()
            .iter()
            .map(|seen| seen.status)
            .collect()
    }
}

fn key() -> String {
    format!("{PUBLIC_KEY}:{PRIVATE_KEY}")
}

fn account() -> String {
    format!("{CLIENT_ID}:{CLIENT_SECRET}")
}

fn one() -> String {
    format!("/{SNAPSHOT}")
}

#[test]
fn digest_in_every_variant() {
    let Some(curl) = Curl::start() else { return };
    let url = curl.url(CLUSTER, &format!("{}?pretty=true", one()));
    for algorithm in [
        "MD5",
        "SHA-256",
        "MD5-sess",
        "SHA-256-sess",
        "md5",
        "sha-256",
    ] {
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
            assert_eq!(
                got.status(),
                200,
                "{algorithm} {qop:?} {:#?}",
                curl.atlas.requests()
            );
            assert_eq!(curl.statuses(), [401, 200], "{algorithm} {qop:?}");
            let authorization = curl.atlas.requests()[1]
                .header("authorization")
                .unwrap()
                .to_owned();
            assert_eq!(authorization.contains("qop=auth"), qop.is_some());
        }
    }
}

#[test]
fn digest_refuses_what_is_wrong() {
    let Some(curl) = Curl::start() else { return };
    let url = curl.url(CLUSTER, &one());
    for user in [
        format!("{PUBLIC_KEY}:{PRIVATE_KEY}x"),
        format!("x{}", key()),
    ] {
        curl.atlas.clear();
        assert_eq!(curl.digest(&user, &[&url]).status(), 401);
        assert_eq!(curl.statuses(), [401, 401]);
    }
    // A good authorization that is used for another target, by another method, or again.
    curl.atlas.clear();
    assert_eq!(curl.digest(&key(), &[&url]).status(), 200);
    let authorization = format!(
        "Authorization: {}",
        curl.atlas.requests()[1].header("authorization").unwrap()
    );
    let again = |target: &str, method: &str| {
        let got = curl.run(&[
            "-i",
            "-X",
            method,
            "-H",
            &authorization,
            "-H",
            ACCEPT,
            target,
        ]);
        (
            got.text().contains(" 401 "),
            got.text().contains("stale=true"),
        )
    };
    assert_eq!(again(&format!("{url}?pretty=true"), "GET"), (true, false));
    assert_eq!(again(&url, "DELETE"), (true, false));
    assert_eq!(again(&url, "GET"), (true, true), "the same nc twice");
    curl.atlas.forget_nonces();
    assert_eq!(
        again(&url, "GET"),
        (true, true),
        "a nonce that is not known any more"
    );
}

#[test]
fn nonces_are_used_again_until_stale() {
    let Some(curl) = Curl::start() else { return };
    // curl keeps a nonce from one attempt to the next of the same transfer alone.
    let url = curl.url("flaky", &one());
    let retry = ["--retry", "2", "--retry-delay", "1"];
    let fetch = || {
        curl.digest(&key(), &[&[url.as_str()], &retry[..]].concat())
            .text()
            .ends_with(" 200")
    };
    curl.atlas
        .change(|settings| settings.digest.nonce_count = NonceCount::Rising);
    assert!(fetch(), "{:#?}", curl.atlas.requests());
    assert_eq!(curl.statuses(), [401, 503, 200]);
    curl.atlas.clear();
    curl.atlas.change(|settings| settings.digest.nonce_uses = 1);
    assert!(fetch(), "{:#?}", curl.atlas.requests());
    assert_eq!(curl.statuses(), [401, 503, 401, 200]);
    assert_eq!(curl.atlas.requests()[2].note, "digest: used up nonce");

    curl.atlas.clear();
    curl.atlas
        .change(|settings| settings.digest.nonce_per_connection = true);
    let url = curl.url(CLUSTER, &one());
    assert_eq!(curl.digest(&key(), &[&url]).status(), 200);
    let authorization = format!(
        "Authorization: {}",
        curl.atlas.requests()[1].header("authorization").unwrap()
    );
    curl.run(&["-H", &authorization, "-H", ACCEPT, &url]);
    assert_eq!(
        curl.atlas.requests()[2].note,
        "digest: another connection's nonce"
    );
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
        curl.atlas
            .change(|settings| settings.unauthorized_body = kind);
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
    assert_eq!(
        (curl.atlas.tokens_issued(), curl.atlas.live_tokens()),
        (1, 1)
    );
    let token = got.json()["access_token"].as_str().unwrap().to_owned();
    let bearer = format!("Authorization: Bearer {token}");
    let status = || {
        let url = curl.url(CLUSTER, &one());
        curl.run(&["-H", &bearer, "-H", ACCEPT, "-w", " %{http_code}", &url])
            .status()
    };
    assert_eq!(status(), 200);
    let form = format!("token={token}&token_type_hint=access_token");
    assert_eq!(
        curl.token_endpoint("revoke", &format!("{}x", account()), &form)
            .status(),
        401
    );
    assert_eq!(status(), 200);
    assert_eq!(
        curl.token_endpoint("revoke", &account(), &form).status(),
        200
    );
    assert_eq!(status(), 401);
    assert_eq!(curl.atlas.live_tokens(), 0);
}

#[test]
fn the_token_endpoint_refuses_in_the_shape_of_oauth() {
    let Some(curl) = Curl::start() else { return };
    let good = "grant_type=client_credentials";
    let error = |user: &str, form: &str| {
        let got = curl.token_endpoint("token", user, form);
        (
            got.status(),
            got.json()["error"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(
        error(&format!("{}x", account()), good),
        (401, "invalid_client".into())
    );
    assert_eq!(
        error(&account(), "grant_type=password"),
        (400, "unsupported_grant_type".into())
    );
    assert_eq!(
        error(&account(), "scope=all"),
        (400, "invalid_request".into())
    );
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
    assert_eq!(
        curl.token_endpoint("token", &account(), good).json()["expires_in"],
        "soon"
    );
    assert_eq!(curl.atlas.live_tokens(), 1);
    curl.atlas
        .change(|settings| settings.omit_expires_in = true);
    assert!(
        curl.token_endpoint("token", &account(), good)
            .json()
            .get("expires_in")
            .is_none()
    );
}

#[test]
fn versions_ids_methods_and_credentials_are_checked() {
    let Some(curl) = Curl::start() else { return };
    let url = curl.url(CLUSTER, &one());
    let version = |accept: &str| {
        let bearer = format!("Authorization: Bearer {ACCESS_TOKEN}");
        let got = curl.run(&["-H", &bearer, "-H", accept, "-w", " %{http_code}", &url]);
        (
            got.status(),
            got.json()["errorCode"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    assert_eq!(
        version("Accept: application/vnd.atlas.2023-01-01+json").0,
        200
    );
    for bad in [
        "*/*",
        "application/json",
        "application/vnd.atlas.2022-12-31+json",
        "application/vnd.atlas.2024-13-01+json",
    ] {
        assert_eq!(
            version(&format!("Accept: {bad}")),
            (406, "INVALID_VERSION_DATE".into()),
            "{bad}"
        );
    }
    assert_eq!(
        version("Accept: application/vnd.atlas.2023-02-01+json"),
        (410, "VERSION_GONE".into())
    );
    let bad_ids = [
        "/5F4007F327A3BD7B6F4103C5",
        "/5f40",
        "/%2e%2e",
        "?pageNum=0",
        "?itemsPerPage=501",
    ];
    for rest in bad_ids {
        let got = curl.api(&curl.url(CLUSTER, rest), &["--path-as-is"]);
        assert_eq!(got.status(), 400, "{rest}");
        assert_eq!(
            got.json()["badRequestDetail"]["fields"]
                .as_array()
                .unwrap()
                .len(),
            1,
            "{rest}"
        );
    }
    for method in ["POST", "DELETE", "PATCH", "PUT"] {
        assert_eq!(curl.api(&url, &["-X", method]).status(), 405);
        assert_eq!(curl.atlas.requests().last().unwrap().method, method);
    }
    assert_eq!(
        curl.run(&["-u", &key(), "-H", ACCEPT, "-w", " %{http_code}", &url])
            .status(),
        401,
        "Basic"
    );
    let other_project = url.replace(PROJECT, "111111111111111111111111");
    assert_eq!(
        curl.api(&other_project, &[]).json()["errorCode"],
        "GROUP_NOT_FOUND"
    );
    assert_eq!(
        curl.get("nobody", &one()).json()["errorCode"],
        "CLUSTER_NOT_FOUND"
    );
}

#[test]
fn what_the_specification_does_not_document_is_refused() {
    let Some(curl) = Curl::start() else { return };
    let sharded = format!("/shardedCluster/{SNAPSHOT}");
    for (rest, status, code) in [
        (one() + "?includeCount=true", 400, "INVALID_QUERY_PARAMETER"),
        (one() + "?pageNum=1", 400, "INVALID_QUERY_PARAMETER"),
        (one() + "?Envelope=true", 400, "INVALID_QUERY_PARAMETER"),
        (one() + "?envelope", 400, "VALIDATION_ERROR"),
        (one() + "?pretty=yes", 400, "VALIDATION_ERROR"),
        (sharded + "?itemsPerPage=1", 400, "INVALID_QUERY_PARAMETER"),
        ("?oplogTs=now".into(), 400, "VALIDATION_ERROR"),
        ("?oplogTs=1&unknown".into(), 400, "INVALID_QUERY_PARAMETER"),
        (
            "/shardedClusters?pageNum=1".into(),
            400,
            "INVALID_QUERY_PARAMETER",
        ),
        (
            "/shardedClusters?includeCount=true".into(),
            400,
            "INVALID_QUERY_PARAMETER",
        ),
        ("/shardedCluster".into(), 400, "VALIDATION_ERROR"),
        ("/".into(), 400, "VALIDATION_ERROR"),
        (one() + "/", 404, "RESOURCE_NOT_FOUND"),
        ("/exports/jobs".into(), 404, "RESOURCE_NOT_FOUND"),
    ] {
        let got = curl.get("staged", &rest);
        assert_eq!(got.status(), status, "{rest}");
        assert_eq!(got.json()["errorCode"], code, "{rest}");
    }
    for rest in [
        "?pointInTimeUtcSeconds=1&oplogTs=-1&oplogInc=2&pretty=false",
        "/shardedClusters?envelope=false&pretty=true",
    ] {
        assert_eq!(curl.get("staged", rest).status(), 200, "{rest}");
    }
    // A list without pages ends, though its pages would not.
    for (cluster, length) in [("many-1234", 1234), ("endless", 1000), ("empty", 0)] {
        let list = curl.get(cluster, "/shardedClusters").json();
        assert_eq!(list["results"].as_array().unwrap().len(), length);
        assert_eq!(list["links"].as_array().unwrap().len(), 1, "{cluster}");
    }
}

#[test]
fn envelope_and_pretty() {
    let Some(curl) = Curl::start() else { return };
    let plain = curl.get(CLUSTER, &one());
    let enveloped = curl.get(CLUSTER, &format!("{}?envelope=true&pretty=true", one()));
    assert!(enveloped.text().starts_with(
        "{\n  \"status\" : 200,\n  \"content\" : {\n    \"cloudProvider\" : \"AWS\","
    ));
    assert_eq!(enveloped.json()["content"], plain.json());
    let error = curl.get("error-404", &format!("{}?envelope=true", one()));
    assert_eq!(
        (error.status(), error.json()["status"].as_u64()),
        (200, Some(404))
    );
    assert_eq!(error.json()["content"]["errorCode"], "CLUSTER_NOT_FOUND");
    let list = curl.get(CLUSTER, "?envelope=true").json();
    assert_eq!(
        (
            list["status"].as_u64(),
            list["results"].as_array().unwrap().len()
        ),
        (Some(200), 2)
    );
    curl.atlas
        .change(|settings| settings.lists_in_content = true);
    assert_eq!(
        curl.get(CLUSTER, "?envelope=true").json()["content"]["totalCount"],
        2
    );
}

#[test]
fn error_clusters_answer_with_their_error() {
    let Some(curl) = Curl::start() else { return };
    for (cluster, status, code) in [
        ("error-400", 400, "INVALID_ATTRIBUTE"),
        (
            "error-400-flex",
            400,
            "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API",
        ),
        ("error-400-fields", 400, "VALIDATION_ERROR"),
        ("error-403", 403, "USER_UNAUTHORIZED"),
        ("error-403-ip", 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST"),
        ("error-404", 404, "CLUSTER_NOT_FOUND"),
        ("error-404-group", 404, "GROUP_NOT_FOUND"),
        ("error-406", 406, "INVALID_VERSION_DATE"),
        ("error-409", 409, "CONFLICT"),
        ("error-410", 410, "VERSION_GONE"),
        ("error-429", 429, "RATE_LIMITED"),
        ("error-429-bucket", 429, "RATE_LIMITED_TOKEN_BUCKET"),
        ("error-500", 500, "UNEXPECTED_ERROR"),
        ("error-503", 503, "SERVICE_UNAVAILABLE"),
    ] {
        let got = curl.api(&curl.url(cluster, &one()), &["-i"]);
        assert_eq!(got.status(), status, "{cluster}");
        assert!(
            got.text()
                .contains(&format!("\r\nX-Error-Code: {code}\r\n")),
            "{cluster}"
        );
        let body = got
            .text()
            .split_once("\r\n\r\n")
            .unwrap()
            .1
            .rsplit_once(' ')
            .unwrap()
            .0;
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            (&body["errorCode"], &body["error"]),
            (&code.into(), &status.into()),
            "{cluster}"
        );
        assert_eq!(
            got.text().contains("\r\nRetry-After: 1\r\n"),
            cluster == "error-429"
        );
        assert_eq!(
            got.text().contains("\r\nSunset: Thu, 1 Jul 2027"),
            cluster == "error-400-flex"
        );
    }
    for (cluster, status) in [
        ("error-502", 502),
        ("error-503-html", 503),
        ("error-504", 504),
    ] {
        let got = curl.get(cluster, "");
        assert_eq!(got.status(), status);
        assert!(got.text().starts_with("<html>"));
    }
    assert_eq!(curl.get("error-401", &one()).status(), 401);
    let null = curl.get("error-404-null", &one()).json();
    assert!(null["errorCode"].is_null() && null["parameters"].is_null() && null["error"] == 404);
    assert_eq!(curl.get("no-content", &one()).status(), 204);
    assert_eq!(curl.get("empty-body", &one()).text(), " 200");
    assert!(std::str::from_utf8(&curl.get("invalid-utf8", &one()).bytes).is_err());
}

#[test]
fn stories_pass_through_their_stages() {
    let Some(curl) = Curl::start() else { return };
    let story = |cluster: &str, path: &str, times: usize| -> Vec<String> {
        let tell = |_| {
            let got = curl.get(cluster, path);
            let text = got.json()["status"].as_str().unwrap_or_default().to_owned();
            if text.is_empty() {
                got.status().to_string()
            } else {
                text
            }
        };
        (0..times).map(tell).collect()
    };
    let four = ["inProgress"; 4];
    let staged = story("staged", &one(), 7);
    assert_eq!(staged[0], "queued");
    assert_eq!(staged[1..5], four);
    assert_eq!(staged[5..], ["completed", "completed"]);
    let sharded = story("staged", &format!("/shardedCluster/{SNAPSHOT}"), 6);
    assert_eq!(
        (sharded[0].as_str(), sharded[5].as_str()),
        ("queued", "completed"),
        "another path, another story"
    );
    assert_eq!(
        story("failing", &one(), 4),
        ["queued", "inProgress", "inProgress", "failed"]
    );
    assert_eq!(
        story("vanishing", &one(), 4),
        ["queued", "inProgress", "404", "404"]
    );
    assert_eq!(
        story("flaky", &one(), 4),
        ["503", "queued", "503", "inProgress"]
    );
    curl.atlas.clear();
    assert_eq!(story("staged", &one(), 1), ["queued"]);
    let fields = |_| curl.get("staged", &one()).json().as_object().unwrap().len();
    assert_eq!((0..5).map(fields).collect::<Vec<_>>(), [12, 13, 14, 15, 15]);
}

#[test]
fn lists_have_pages() {
    let Some(curl) = Curl::start() else { return };
    let page = |cluster: &str, query: &str| curl.get(cluster, query).json();
    let first = page("many", "?itemsPerPage=500");
    assert_eq!(first["results"].as_array().unwrap().len(), 500);
    assert_eq!(first["totalCount"], world::MANY);
    assert_eq!(first["links"].as_array().unwrap().len(), 2);
    let last = page("many", "?itemsPerPage=500&pageNum=20&includeCount=false");
    assert_eq!(last["results"][499]["id"], "6a000000000000000000270f");
    assert!(last.get("totalCount").is_none());
    assert_eq!(last["links"][1]["rel"], "previous");
    assert_eq!(
        page("many", "?itemsPerPage=500&pageNum=21")["results"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    assert_eq!(
        page("many-7", "?pageNum=2&itemsPerPage=5")["results"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(page("empty", "")["results"].as_array().unwrap().len(), 0);
    assert_eq!(page("odd", "")["results"][1]["status"], 3);
    assert_eq!(page("odd-scalar", "")["results"][1], 42);
    let (one, two) = (page("repeating", ""), page("repeating", "?pageNum=6"));
    assert_eq!(one["results"], two["results"]);
    let far = page("endless", "?pageNum=1000&itemsPerPage=500");
    assert_eq!(far["results"].as_array().unwrap().len(), 500);
    assert_ne!(far["results"][0], page("endless", "")["results"][0]);
    // What is listed can be got.
    let id = first["results"][42]["id"].as_str().unwrap();
    assert_eq!(
        curl.get("many", &format!("/{id}")).json(),
        first["results"][42]
    );
    assert_eq!(
        curl.get("many-7", "/6a0000000000000000000007").status(),
        404
    );
}

#[test]
fn sharded_clusters_have_members() {
    let Some(curl) = Curl::start() else { return };
    let path = format!("/shardedCluster/{SHARDED_SNAPSHOT}");
    let document = curl.get(SHARDED_CLUSTER, &path).json();
    assert_eq!(document["type"], "shardedCluster");
    assert_eq!(document["members"].as_array().unwrap().len(), 3);
    assert_eq!(document["members"][2]["id"], document["snapshotIds"][2]);
    for absent in ["cloudProvider", "copyRegions", "replicaSetName"] {
        assert!(document.get(absent).is_none(), "{absent}");
    }
    assert_eq!(
        curl.get(SHARDED_CLUSTER, "/shardedClusters").json()["results"][0],
        document
    );
    let refused = curl.get(SHARDED_CLUSTER, &format!("/{SHARDED_SNAPSHOT}"));
    assert_eq!(
        (refused.status(), &refused.json()["errorCode"]),
        (400, &"CLUSTER_IS_SHARDED".into())
    );
    assert_eq!(
        curl.get(CLUSTER, &path).json()["errorCode"],
        "CLUSTER_IS_NOT_SHARDED"
    );
    assert_eq!(
        curl.get("replica-asked-sharded", &one()).json()["type"],
        "shardedCluster"
    );
}

#[test]
fn documents_arrive_as_written() {
    let Some(curl) = Curl::start() else { return };
    let document = |id: &str| curl.get(CLUSTER, &format!("/{id}"));
    assert_eq!(document(SNAPSHOT).json().as_object().unwrap().len(), 16);
    assert_eq!(document(documents::NOTHING).text(), "{} 200");
    assert!(
        document(documents::NULLS)
            .json()
            .as_object()
            .unwrap()
            .values()
            .all(serde_json::Value::is_null)
    );
    assert_eq!(
        document(documents::MAX_SIZE).json()["storageSizeBytes"],
        i64::MAX
    );
    assert!(
        document(documents::LONE_SURROGATE)
            .text()
            .contains(r"\ud83d after")
    );
    assert!(
        document(documents::TEXT).json()["description"]
            .as_str()
            .unwrap()
            .contains("nul\0 pair😀")
    );
    assert_eq!(
        document("000000000000000000000000").json()["errorCode"],
        "RESOURCE_NOT_FOUND"
    );
}

#[test]
fn scripts_run_out_and_clear_restores() {
    let Some(curl) = Curl::start() else { return };
    curl.atlas.script(
        Target::Api,
        [
            Act::respond(500, "{}"),
            Act::Honest,
            Act::respond(502, "{}"),
        ],
    );
    let status = || curl.get(CLUSTER, &one()).status();
    assert_eq!(
        [status(), status(), status(), status()],
        [500, 200, 502, 200]
    );
    curl.atlas.script_forever(
        Target::Path("Cluster0".into()),
        [Act::respond(500, "{}"), Act::respond(503, "{}")],
    );
    assert_eq!([status(), status(), status()], [500, 503, 503]);
    assert_eq!(curl.get("staged", &one()).status(), 200, "not this path");
    curl.atlas.clear();
    assert_eq!(curl.atlas.requests().len(), 0);
    assert_eq!(curl.atlas.connections(), 0);
    assert_eq!(status(), 200);
    assert_eq!(curl.statuses(), [200]);
}

#[test]
fn faults_look_to_curl_like_what_they_are() {
    let Some(curl) = Curl::start() else { return };
    let url = curl.url(CLUSTER, &one());
    let suffer = |act: Act, more: &[&str]| {
        curl.atlas.script(Target::Api, [act]);
        let start = Instant::now();
        let got = curl.api(&url, more);
        (got, start.elapsed())
    };
    const EMPTY_REPLY: i32 = 52;
    const TIMED_OUT: i32 = 28;
    const RECEIVE_ERROR: i32 = 56;
    const PARTIAL_FILE: i32 = 18;
    let short = ["--max-time", "0.5"];
    assert_eq!(suffer(Act::Close, &[]).0.exit, EMPTY_REPLY);
    assert_eq!(suffer(Act::Reset, &[]).0.exit, RECEIVE_ERROR);
    assert_eq!(suffer(Act::Silence, &short).0.exit, TIMED_OUT);
    assert_eq!(
        suffer(Act::Endless1xx { interval_ms: 20 }, &short).0.exit,
        TIMED_OUT
    );
    assert_eq!(curl.statuses(), [0, 0, 0, 0]);
    let cut = suffer(Act::CloseAfter { bytes: 1000 }, &["-i"]).0;
    assert!(
        [PARTIAL_FILE, RECEIVE_ERROR].contains(&cut.exit),
        "{}",
        cut.exit
    );
    assert!(
        cut.text().starts_with("HTTP/1.1 200 OK\r\n") && cut.text().contains("\"cloudProvider\"")
    );

    let honest = curl.get(CLUSTER, &one());
    let slow = Duration::from_millis(250);
    for act in [
        Act::Delay { ms: 250 },
        Act::DripHead {
            bytes_per_second: 2000,
        },
        Act::DripBody {
            bytes_per_second: 2000,
        },
        Act::DripChunks {
            bytes_per_second: 8000,
        },
    ] {
        let (got, time) = suffer(act.clone(), &[]);
        assert_eq!((got.exit, &got.bytes), (0, &honest.bytes), "{act:?}");
        assert!(time >= slow, "{act:?} took {time:?}");
    }
    assert_eq!(
        suffer(
            Act::DripHead {
                bytes_per_second: 1
            },
            &short
        )
        .0
        .exit,
        TIMED_OUT
    );

    let huge = suffer(
        Act::HugeHeaders { bytes: 90_000 },
        &["-o", "/dev/null", "-w", "%{size_header} %{http_code}"],
    )
    .0;
    assert!(
        huge.text()
            .split(' ')
            .next()
            .unwrap()
            .parse::<usize>()
            .unwrap()
            > 90_000
    );
    for content_length in [true, false] {
        let got = suffer(
            Act::HugeBody {
                bytes: 3_000_000,
                content_length,
            },
            &["-w", ""],
        )
        .0;
        assert_eq!(got.bytes.len(), 3_000_000);
        assert!(serde_json::from_slice::<serde_json::Value>(&got.bytes).is_ok());
    }
    for bytes in [0, 1, 258, 259, 1_000_000] {
        let got = suffer(Act::GzipBomb { bytes }, &["--compressed", "-w", ""]).0;
        assert_eq!((got.exit, got.bytes.len()), (0, bytes as usize));
        assert!(got.bytes.iter().all(|byte| *byte == 0));
    }
    let redirect = Act::Redirect {
        status: 302,
        location: "https://elsewhere.example/x".into(),
    };
    assert_eq!(
        suffer(redirect, &["-w", "%{redirect_url} %{http_code}"])
            .0
            .text(),
        "https://elsewhere.example/x 302"
    );
    let raw = Act::Raw {
        bytes: "HTTP/1.1 200 Fine\r\nX: y\r\n\r\nuntil the end".into(),
    };
    assert_eq!(suffer(raw, &[]).0.text(), "until the end 200");
}

#[test]
fn kept_connections_can_be_closed_without_a_word() {
    let Some(curl) = Curl::start() else { return };
    let url = curl.url(CLUSTER, &one());
    let connects = |pause: Option<Act>| {
        curl.atlas.script(Target::Api, pause);
        let got = curl.api(
            &url,
            &[
                "-o",
                "/dev/null",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code} %{num_connects};",
                &url,
            ],
        );
        assert_eq!(got.exit, 0);
        got.text().to_owned()
    };
    assert_eq!(connects(None), "200 1;200 0;");
    // Closed at once, curl may notice before it sends or after; either way it comes back with a new connection.
    let before = curl.atlas.connections();
    assert!(connects(Some(Act::ThenClose { after_ms: 0 })).ends_with("200 1;"));
    assert_eq!(curl.atlas.connections() - before, 2);
    let before = curl.atlas.connections();
    assert!(connects(Some(Act::ThenClose { after_ms: 200 })).starts_with("200 1;200 "));
    assert_eq!(
        curl.atlas.connections() - before,
        2,
        "the request into the closing connection was sent again"
    );
    assert!(connects(Some(Act::ThenDropIdle)).ends_with("200 1;"));
    for act in [
        Act::DripBody {
            bytes_per_second: 50_000,
        },
        Act::HugeHeaders { bytes: 10 },
    ] {
        assert_eq!(connects(Some(act)), "200 1;200 0;", "these go on living");
    }
}

#[test]
fn the_control_channel_does_what_rust_does() {
    let Some(curl) = Curl::start() else { return };
    let control = |method: &str, name: &str, body: &str| {
        let url = format!("{}/_simulator/{name}", curl.atlas.plain_url());
        curl.run(&["-X", method, "-d", body, "-w", " %{http_code}", &url])
    };
    for act in [
        r#"{"act":"respond","status":418,"headers":[["X-Y","z"]],"body":"{}"}"#,
        r#"{"act":"raw","bytes":{"base64":"SFRUUC8xLjEgNDE4IE5vDQoNCg=="}}"#,
    ] {
        let script = format!(r#"{{"target":{{"path":"Cluster0"}},"acts":[{act}]}}"#);
        assert_eq!(control("POST", "script", &script).status(), 200);
        assert_eq!(curl.get(CLUSTER, &one()).status(), 418);
        assert_eq!(curl.get(CLUSTER, &one()).status(), 200);
    }
    let forever = r#"{"target":"api","acts":[{"act":"respond","status":500}],"forever":true}"#;
    assert_eq!(control("POST", "script", forever).status(), 200);
    assert_eq!(curl.get(CLUSTER, &one()).status(), 500);
    assert_eq!(curl.get(CLUSTER, &one()).status(), 500);
    for bad in [
        r#"{"target":"api","acts":[{"act":"dance"}]}"#,
        r#"{"target":"api","acts":[{"act":"respond","status":100}]}"#,
        r#"{"target":"api","acts":[{"act":"respond","status":200,"headers":[["Content-Length","5"]]}]}"#,
        r#"{"target":"api","acts":[{"act":"redirect","status":302,"location":"a\nb"}]}"#,
    ] {
        assert_eq!(control("POST", "script", bad).status(), 400, "{bad}");
    }
    let settings = control(
        "POST",
        "settings",
        r#"{"digest":{"nonce_uses":3},"expires_in":null}"#,
    )
    .json();
    assert_eq!(
        (
            &settings["digest"]["nonce_uses"],
            &settings["digest"]["realm"]
        ),
        (&3.into(), &"MMS Public API".into())
    );
    assert_eq!(curl.atlas.settings().digest.nonce_uses, 3);
    assert_eq!(
        control("POST", "settings", r#"{"no_such":1}"#).status(),
        400
    );
    let requests = control("GET", "requests", "").json();
    assert_eq!(
        requests.as_array().unwrap().len(),
        6,
        "and the control channel is not among them"
    );
    assert_eq!(requests[0]["status"], 418);
    assert_eq!(control("GET", "tokens", "").json()["live"], 0);
    assert_eq!(control("GET", "connections", "").json()["open"], 1);
    assert_eq!(control("POST", "clear", "").status(), 200);
    assert_eq!(control("GET", "requests", "").json(), serde_json::json!([]));
    assert_eq!(control("GET", "nothing", "").status(), 400);
    curl.atlas.change(|settings| settings.record = false);
    assert_eq!(curl.get(CLUSTER, &one()).status(), 200);
    assert_eq!(curl.atlas.requests().len(), 0);
}

#[test]
fn bad_tls_is_refused_for_the_right_reason() {
    let Some(curl) = Curl::start() else { return };
    const CONNECT_ERROR: i32 = 35;
    const NOT_TRUSTED: i32 = 60;
    const TIMED_OUT: i32 = 28;
    let reason = |kind: BadTls| {
        let url = curl.atlas.bad_tls_url(kind);
        assert_eq!(url, curl.atlas.bad_tls_url(kind), "one listener");
        let output = Command::new("curl")
            .args(["-q", "-sS", "--noproxy", "*", "--max-time", "2", "--cacert"])
            .arg(curl.atlas.ca_file())
            .arg(url)
            .output()
            .unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stderr).unwrap().to_lowercase(),
        )
    };
    for (kind, exit) in [
        (BadTls::Expired, NOT_TRUSTED),
        (BadTls::NotYetValid, NOT_TRUSTED),
        (BadTls::WrongHost, NOT_TRUSTED),
        (BadTls::SelfSigned, NOT_TRUSTED),
        (BadTls::Untrusted, NOT_TRUSTED),
        (BadTls::PlainText, CONNECT_ERROR),
        (BadTls::StalledHandshake, TIMED_OUT),
        (BadTls::DrippedHandshake, TIMED_OUT),
    ] {
        let (got, message) = reason(kind);
        assert_eq!(got, exit, "{kind:?}: {message}");
    }
    // The words are OpenSSL's, which not every curl is built with.
    if String::from_utf8_lossy(
        &Command::new("curl")
            .arg("--version")
            .output()
            .unwrap()
            .stdout,
    )
    .contains("OpenSSL")
    {
        assert!(reason(BadTls::Expired).1.contains("expired"));
        assert!(reason(BadTls::NotYetValid).1.contains("not yet valid"));
        assert!(
            reason(BadTls::WrongHost)
                .1
                .contains("no alternative certificate subject name")
        );
        assert!(reason(BadTls::SelfSigned).1.contains("self"));
    }
}
