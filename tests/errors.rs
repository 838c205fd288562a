//! Every documented error of Atlas, as the user of the Rust API meets it.

use atlas_backup::{Client, ClusterType, Config, Error, ErrorKind, Format};
use atlas_simulator::{
    ACCESS_TOKEN, Act, CLIENT_ID, CLIENT_SECRET, CLUSTER, PRIVATE_KEY, PROJECT, PUBLIC_KEY,
    SEEN_ADDRESS, SNAPSHOT, Simulator, Target,
};

fn config(atlas: &Simulator) -> Config {
    let mut config = Config::new();
    config.set_base_url(Some(atlas.plain_url().as_bytes()));
    config.set_max_retries(0);
    config
}

fn client(atlas: &Simulator) -> Client {
    let mut config = config(atlas);
    config.set_access_token(Some(ACCESS_TOKEN.as_bytes()));
    Client::new(&config).unwrap()
}

fn get(client: &Client, cluster: &str, format: Format) -> Error {
    client
        .get_snapshot(ClusterType::ReplicaSet, PROJECT, cluster, SNAPSHOT, format)
        .expect_err(cluster)
}

const PLAIN: Format = Format { envelope: false, pretty: false };
const ENVELOPE: Format = Format { envelope: true, pretty: false };

/// cluster, kind, status, code, reason, part of the detail, part of what the message advises
type Case = (&'static str, ErrorKind, u16, &'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    ("error-400", ErrorKind::BadRequest, 400, "INVALID_ATTRIBUTE", "Bad Request", "", ""),
    (
        "error-400-flex",
        ErrorKind::BadRequest,
        400,
        "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API",
        "Bad Request",
        "Flex cluster",
        "flex clusters are not read",
    ),
    (
        "error-400-fields",
        ErrorKind::BadRequest,
        400,
        "VALIDATION_ERROR",
        "Bad Request",
        "; groupId: must not be null",
        "",
    ),
    (
        "error-403",
        ErrorKind::Forbidden,
        403,
        "USER_UNAUTHORIZED",
        "Forbidden",
        "",
        "Project Read Only",
    ),
    (
        "error-403-ip",
        ErrorKind::Forbidden,
        403,
        "IP_ADDRESS_NOT_ON_ACCESS_LIST",
        "Forbidden",
        SEEN_ADDRESS,
        "the address Atlas saw, to the API access list",
    ),
    (
        "error-404",
        ErrorKind::NotFound,
        404,
        "CLUSTER_NOT_FOUND",
        "Not Found",
        "No cluster",
        "cluster's name",
    ),
    (
        "error-404-group",
        ErrorKind::NotFound,
        404,
        "GROUP_NOT_FOUND",
        "Not Found",
        "No group",
        "project id",
    ),
    ("error-404-null", ErrorKind::NotFound, 404, "", "Not Found", "", "expired or was deleted"),
    (
        "error-406",
        ErrorKind::BadRequest,
        406,
        "INVALID_VERSION_DATE",
        "Not Acceptable",
        "",
        "API version",
    ),
    ("error-409", ErrorKind::BadRequest, 409, "CONFLICT", "Conflict", "", ""),
    ("error-410", ErrorKind::BadRequest, 410, "VERSION_GONE", "Gone", "", "API version"),
    ("error-429", ErrorKind::RateLimited, 429, "RATE_LIMITED", "Too Many Requests", "", "wait 1 s"),
    (
        "error-429-bucket",
        ErrorKind::RateLimited,
        429,
        "RATE_LIMITED_TOKEN_BUCKET",
        "Too Many Requests",
        "",
        "wait 55 s",
    ),
    (
        "error-500",
        ErrorKind::Server,
        500,
        "UNEXPECTED_ERROR",
        "Internal Server Error",
        "",
        "on Atlas' side",
    ),
];

#[test]
fn what_may_pass_is_said_to_be_worth_another_try() {
    use ErrorKind::{Network, RateLimited, Server, Timeout};
    for kind in ErrorKind::ALL {
        let passing = [RateLimited, Server, Timeout, Network].contains(&kind);
        assert_eq!(kind.is_retryable(), passing, "{kind:?}");
    }
}

#[test]
fn each_documented_error_keeps_what_atlas_said_enveloped_or_not() {
    let atlas = Simulator::start();
    let client = client(&atlas);
    for &(cluster, kind, status, code, reason, detail, advice) in CASES {
        for format in [PLAIN, ENVELOPE] {
            let error = get(&client, cluster, format);
            let seen = format!("{cluster} {format:?}: {error:?}");
            assert_eq!(error.kind, kind, "{seen}");
            assert_eq!(error.http_status, status, "{seen}");
            assert_eq!(error.code, code, "{seen}");
            assert_eq!(error.reason, reason, "{seen}");
            assert!(error.detail.contains(detail) && !error.detail.is_empty(), "{seen}");
            assert!(error.message().contains(advice), "{seen}");
            let operation =
                format!("get snapshot {SNAPSHOT} of cluster {cluster} in project {PROJECT}: ");
            assert!(error.message().starts_with(&operation), "{seen}");
        }
    }
}

#[test]
fn parameters_are_json_text_and_absent_ones_are_empty() {
    let atlas = Simulator::start();
    let client = client(&atlas);
    for (cluster, parameters) in [
        ("error-403-ip", format!("[\"{SEEN_ADDRESS}\"]")),
        ("error-404", format!("[\"error-404\",\"{PROJECT}\"]")),
        ("error-404-null", String::new()),
        ("error-500", "[]".to_owned()),
    ] {
        assert_eq!(get(&client, cluster, PLAIN).parameters, parameters, "{cluster}");
    }
}

#[test]
fn retry_after_is_told_in_seconds() {
    let atlas = Simulator::start();
    let client = client(&atlas);
    assert_eq!(get(&client, "error-429", PLAIN).retry_after, Some(1));
    assert_eq!(get(&client, "error-429-bucket", PLAIN).retry_after, Some(55));
}

#[test]
fn an_odd_value_in_an_error_hides_nothing_else_of_it() {
    let atlas = Simulator::start();
    let client = client(&atlas);
    // Half an emoji, cut by somebody; a number that no float holds; more nesting than anybody reads.
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for odd in [r#""\ud83d""#, r#"["\ud83d"]"#, "[1e999]", &deep] {
        for (before, after) in [
            (format!(r#""parameters":{odd},"#), String::new()),
            (String::new(), format!(r#","new":{odd}"#)),
        ] {
            let body = format!(
                r#"{{{before}"detail":"d","error":404,"errorCode":"CLUSTER_NOT_FOUND","reason":"r"{after}}}"#
            );
            atlas.script(Target::Api, [Act::respond(404, body.clone())]);
            let error = get(&client, CLUSTER, PLAIN);
            let told =
                (error.kind, error.code.as_str(), error.reason.as_str(), error.detail.as_str());
            assert_eq!(told, (ErrorKind::NotFound, "CLUSTER_NOT_FOUND", "r", "d"), "{body}");
        }
    }
}

#[test]
fn an_enveloped_error_under_a_status_of_its_own_keeps_what_atlas_said() {
    let atlas = Simulator::start();
    let client = client(&atlas);
    let told = r#"{"detail":"d","error":404,"errorCode":"CLUSTER_NOT_FOUND","parameters":["p"],"reason":"r"}"#;
    for (status, body, expected) in [
        (404, format!(r#"{{"status":404,"content":{told}}}"#), 404),
        (404, format!(r#"{{"status":404,{}"#, &told[1..]), 404),
        // The inner one counts, if it is one of an error.
        (400, format!(r#"{{"content":{told},"status":404}}"#), 404),
        (503, format!(r#"{{"status":404,"content":{told}}}"#), 404),
        (404, format!(r#"{{"status":200,"content":{told}}}"#), 404),
        (404, format!(r#"{{"status":70000,"content":{told}}}"#), 404),
    ] {
        for format in [PLAIN, ENVELOPE] {
            atlas.script(Target::Api, [Act::respond(status, body.clone())]);
            let error = get(&client, CLUSTER, format);
            let seen = format!("{status} {body}: {error:?}");
            assert_eq!(error.http_status, expected, "{seen}");
            assert_eq!(error.kind, ErrorKind::NotFound, "{seen}");
            assert_eq!(
                [&error.code, &error.reason, &error.detail, &error.parameters],
                ["CLUSTER_NOT_FOUND", "r", "d", r#"["p"]"#],
                "{seen}"
            );
            assert!(error.message().contains("check the cluster's name"), "{seen}");
        }
    }
}

#[test]
fn of_a_huge_error_what_lies_in_its_beginning_is_told() {
    let atlas = Simulator::start();
    let client = client(&atlas);
    let long = "x".repeat(300_000);
    for (body, code, detail) in [
        (format!(r#"{{"errorCode":"A","detail":"d","error":404,"more":"{long}"}}"#), "A", "d"),
        (format!(r#"{{"errorCode":"A","detail":"{long}","reason":"r"}}"#), "A", "xxx"),
        (
            format!(
                r#"{{"status":404,"content":{{"errorCode":"A","detail":"d","more":["{long}"]}}}}"#
            ),
            "A",
            "d",
        ),
        (
            format!(
                r#"{{"errorCode":"A","badRequestDetail":{{"fields":[{{"field":"f","description":"d"}},{{"field":"{long}"}}]}}}}"#
            ),
            "A",
            "f: d; xxx",
        ),
        (format!(r#"{{"more":"{long}","errorCode":"A"}}"#), "", ""),
    ] {
        atlas.script(Target::Api, [Act::respond(404, body.clone())]);
        let error = get(&client, CLUSTER, PLAIN);
        assert_eq!((error.kind, &*error.code), (ErrorKind::NotFound, code));
        let beginning: String = error.detail.chars().take(9).collect();
        assert!(beginning.starts_with(detail), "{beginning}");
    }
}

#[test]
fn a_gateways_page_is_a_server_error_that_names_the_page() {
    let atlas = Simulator::start();
    let client = client(&atlas);
    for (cluster, status) in [("error-502", 502), ("error-503-html", 503), ("error-504", 504)] {
        let error = get(&client, cluster, PLAIN);
        assert_eq!((error.kind, error.http_status), (ErrorKind::Server, status), "{error:?}");
        assert!(error.message().contains("an HTML page titled"), "{error}");
    }
}

#[test]
fn a_401_says_which_credentials_were_refused_and_never_the_secret() {
    let atlas = Simulator::start();
    type Set = fn(&mut Config);
    let cases: &[(&str, Set)] = &[
        ("the API key with the public key simulate", |config| {
            config.set_api_key(Some(PUBLIC_KEY.as_bytes()), Some(b"wr0ng-secret"));
        }),
        ("the service account mdb_sa_id_", |config| {
            config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(b"wr0ng-secret"));
        }),
        ("the access token was refused", |config| config.set_access_token(Some(b"wr0ng-secret"))),
    ];
    for (who, set) in cases {
        let mut config = config(&atlas);
        set(&mut config);
        let error = get(&Client::new(&config).unwrap(), CLUSTER, PLAIN);
        assert_eq!((error.kind, error.http_status), (ErrorKind::Unauthenticated, 401), "{error:?}");
        assert!(error.message().contains(who), "{who}: {error}");
        assert!(!format!("{error:?}").contains("wr0ng-secret"), "{error:?}");
    }
}

#[test]
fn each_way_of_authenticating_reads_a_snapshot() {
    let atlas = Simulator::start();
    type Set = fn(&mut Config);
    let cases: &[(&str, Set)] = &[
        ("api key", |config| {
            config.set_api_key(Some(PUBLIC_KEY.as_bytes()), Some(PRIVATE_KEY.as_bytes()));
        }),
        ("service account", |config| {
            config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(CLIENT_SECRET.as_bytes()));
        }),
        ("access token", |config| config.set_access_token(Some(ACCESS_TOKEN.as_bytes()))),
    ];
    for (name, set) in cases {
        let mut config = Config::new();
        config.set_base_url(Some(atlas.base_url().as_bytes()));
        config.set_ca_file(Some(atlas.ca_file().as_os_str().as_encoded_bytes()));
        set(&mut config);
        let client = Client::new(&config).unwrap();
        let snapshot =
            client.get_snapshot(ClusterType::ReplicaSet, PROJECT, CLUSTER, SNAPSHOT, PLAIN);
        assert_eq!(snapshot.unwrap().id(), Some(SNAPSHOT), "{name}");
    }
}

#[test]
fn an_answer_that_is_no_snapshot_is_an_invalid_response() {
    let atlas = Simulator::start();
    let client = client(&atlas);
    for (cluster, part) in [
        ("no-content", "204"),
        ("not-json", "line 1"),
        ("invalid-utf8", "UTF-8"),
        ("empty-body", "empty"),
        ("array", "object"),
        ("cut-json", "line 1"),
        ("byte-order-mark", "byte-order mark"),
    ] {
        let error = get(&client, cluster, PLAIN);
        assert_eq!(error.kind, ErrorKind::InvalidResponse, "{cluster}: {error:?}");
        assert!(error.message().contains(part), "{cluster}: {error}");
    }
}

#[test]
fn nothing_is_sent_for_arguments_against_their_pattern() {
    let atlas = Simulator::start();
    let client = client(&atlas);
    let huge = "a".repeat(10_000_000);
    let upper = SNAPSHOT.to_uppercase();
    let bad_ids = [
        "",
        "..",
        "../..",
        "5f4007f3/27a3bd7b6f4103c5",
        "%2e%2e",
        "5f4007f327a3bd7b6f4103c5\r\n",
        &upper,
        &huge,
    ];
    let bad_names = ["", "-a", "a/b", "..", "a%2eb", "a\r\nb", "ü", &huge, &"a".repeat(65)];
    let ids = bad_ids.iter().flat_map(|id| [(*id, CLUSTER, SNAPSHOT), (PROJECT, CLUSTER, *id)]);
    let names = bad_names.iter().map(|name| (PROJECT, *name, SNAPSHOT));
    for (group, cluster, snapshot) in ids.chain(names) {
        let error = client
            .get_snapshot(ClusterType::ReplicaSet, group, cluster, snapshot, PLAIN)
            .expect_err("a bad argument was sent");
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{error:?}");
        assert!(
            error.message().starts_with("get snapshot: ") && error.message().len() < 200,
            "{error}"
        );
    }
    assert!(atlas.requests().is_empty(), "{:?}", atlas.requests());
}

#[test]
fn a_cluster_type_that_is_neither_is_an_invalid_argument() {
    let atlas = Simulator::start();
    let client = client(&atlas);
    let unknown = ClusterType::Unknown;
    let error =
        client.get_snapshot(unknown, PROJECT, CLUSTER, SNAPSHOT, Format::default()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument, "{error}");
    assert!(atlas.requests().is_empty());
}
