//! What curl sees of the API.

use atlas_simulator::world::documents;
use atlas_simulator::{
    ACCESS_TOKEN, CLUSTER, PROJECT, SHARDED_CLUSTER, SHARDED_SNAPSHOT, SNAPSHOT, world,
};

use super::client::{ACCEPT, Curl, key, one};

#[test]
fn versions_ids_methods_and_credentials_are_checked() {
    let Some(curl) = Curl::start() else { return };
    let url = curl.url(CLUSTER, &one());
    let version = |accept: &str| {
        let bearer = format!("Authorization: Bearer {ACCESS_TOKEN}");
        let got = curl.run(&["-H", &bearer, "-H", accept, "-w", " %{http_code}", &url]);
        (got.status(), got.json()["errorCode"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(version("Accept: application/vnd.atlas.2023-01-01+json").0, 200);
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
        "?pageNum=%2B5",
    ];
    for rest in bad_ids {
        let got = curl.api(&curl.url(CLUSTER, rest), &["--path-as-is"]);
        assert_eq!(got.status(), 400, "{rest}");
        assert_eq!(got.json()["badRequestDetail"]["fields"].as_array().unwrap().len(), 1, "{rest}");
    }
    for method in ["POST", "DELETE", "PATCH", "PUT"] {
        assert_eq!(curl.api(&url, &["-X", method]).status(), 405);
        assert_eq!(curl.atlas.requests().last().unwrap().method, method);
    }
    assert_eq!(
        curl.run(&["-u", &key(), "-H", ACCEPT, "-w", " %{http_code}", &url]).status(),
        401,
        "Basic"
    );
    let other_project = url.replace(PROJECT, "111111111111111111111111");
    assert_eq!(curl.api(&other_project, &[]).json()["errorCode"], "GROUP_NOT_FOUND");
    assert_eq!(curl.get("nobody", &one()).json()["errorCode"], "CLUSTER_NOT_FOUND");
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
        ("?pageNum=1&pageNum=1".into(), 400, "INVALID_QUERY_PARAMETER"),
        ("?oplogTs=now".into(), 400, "VALIDATION_ERROR"),
        ("?oplogTs=1&unknown".into(), 400, "INVALID_QUERY_PARAMETER"),
        ("/shardedClusters?pageNum=1".into(), 400, "INVALID_QUERY_PARAMETER"),
        ("/shardedClusters?includeCount=true".into(), 400, "INVALID_QUERY_PARAMETER"),
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
    assert_eq!((error.status(), error.json()["status"].as_u64()), (200, Some(404)));
    assert_eq!(error.json()["content"]["errorCode"], "CLUSTER_NOT_FOUND");
    let list = curl.get(CLUSTER, "?envelope=true").json();
    assert_eq!(
        (list["status"].as_u64(), list["results"].as_array().unwrap().len()),
        (Some(200), 2)
    );
    curl.atlas.change(|settings| settings.lists_in_content = true);
    assert_eq!(curl.get(CLUSTER, "?envelope=true").json()["content"]["totalCount"], 2);
}

#[test]
fn error_clusters_answer_with_their_error() {
    let Some(curl) = Curl::start() else { return };
    for (cluster, status, code) in [
        ("error-400", 400, "INVALID_ATTRIBUTE"),
        ("error-400-flex", 400, "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API"),
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
        assert!(got.text().contains(&format!("\r\nX-Error-Code: {code}\r\n")), "{cluster}");
        let body = got.text().split_once("\r\n\r\n").unwrap().1.rsplit_once(' ').unwrap().0;
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            (&body["errorCode"], &body["error"]),
            (&code.into(), &status.into()),
            "{cluster}"
        );
        assert_eq!(got.text().contains("\r\nRetry-After: 1\r\n"), cluster == "error-429");
        assert_eq!(got.text().contains("\r\nSunset: Thu, 1 Jul 2027"), cluster == "error-400-flex");
    }
    for (cluster, status) in [("error-502", 502), ("error-503-html", 503), ("error-504", 504)] {
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
            if text.is_empty() { got.status().to_string() } else { text }
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
    assert_eq!(story("failing", &one(), 4), ["queued", "inProgress", "inProgress", "failed"]);
    assert_eq!(story("vanishing", &one(), 4), ["queued", "inProgress", "404", "404"]);
    assert_eq!(story("flaky", &one(), 4), ["503", "queued", "503", "inProgress"]);
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
        page("many", "?itemsPerPage=500&pageNum=21")["results"].as_array().unwrap().len(),
        0
    );
    assert_eq!(page("many-7", "?pageNum=2&itemsPerPage=5")["results"].as_array().unwrap().len(), 2);
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
    assert_eq!(curl.get("many", &format!("/{id}")).json(), first["results"][42]);
    assert_eq!(curl.get("many-7", "/6a0000000000000000000007").status(), 404);
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
    assert_eq!(curl.get(SHARDED_CLUSTER, "/shardedClusters").json()["results"][0], document);
    let refused = curl.get(SHARDED_CLUSTER, &format!("/{SHARDED_SNAPSHOT}"));
    assert_eq!(
        (refused.status(), &refused.json()["errorCode"]),
        (400, &"CLUSTER_IS_SHARDED".into())
    );
    assert_eq!(curl.get(CLUSTER, &path).json()["errorCode"], "CLUSTER_IS_NOT_SHARDED");
    assert_eq!(curl.get("replica-asked-sharded", &one()).json()["type"], "shardedCluster");
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
    assert_eq!(document(documents::MAX_SIZE).json()["storageSizeBytes"], i64::MAX);
    assert!(document(documents::LONE_SURROGATE).text().contains(r"\ud83d after"));
    assert!(
        document(documents::TEXT).json()["description"].as_str().unwrap().contains("nul\0 pair😀")
    );
    assert_eq!(document("000000000000000000000000").json()["errorCode"], "RESOURCE_NOT_FOUND");
}
