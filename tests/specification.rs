//! The library against what Atlas documents: `simulator/atlas.json`, an extract of its OpenAPI document.

mod common;
#[path = "common/fields.rs"]
mod fields;

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use atlas_backup::snapshot::Status;
use atlas_backup::{
    Client, ClusterType, Error, ErrorKind, Format, Polling, Snapshot, SnapshotList,
};
use atlas_simulator::{
    Act, CLIENT_ID, CLIENT_SECRET, PRIVATE_KEY, PROJECT, PUBLIC_KEY, SNAPSHOT, Seen, Simulator,
    Target,
};
use common::{client, config};
use fields::TEXTS;
use serde_json::{Value, json};

fn specification() -> Value {
    serde_json::from_str(include_str!("simulator/atlas.json")).unwrap()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = value.as_object().unwrap().iter();
    members.map(|(name, value)| (name.as_str(), value))
}

const CLUSTER_TYPES: [ClusterType; 2] = [ClusterType::ReplicaSet, ClusterType::ShardedCluster];

fn formats() -> impl Iterator<Item = Format> {
    let flags = [(false, false), (true, false), (false, true), (true, true)];
    flags.into_iter().map(|(envelope, pretty)| Format { envelope, pretty })
}

fn get(
    client: &Client,
    cluster_type: ClusterType,
    cluster: &str,
    format: Format,
) -> Result<Snapshot, Error> {
    client.get_snapshot(cluster_type, PROJECT, cluster, SNAPSHOT, format)
}

fn list(
    client: &Client,
    cluster_type: ClusterType,
    cluster: &str,
    format: Format,
) -> Result<SnapshotList, Error> {
    client.list_snapshots(cluster_type, PROJECT, cluster, format)
}

fn wait(
    client: &Client,
    cluster_type: ClusterType,
    cluster: &str,
    format: Format,
) -> Result<Snapshot, Error> {
    let polling = Polling {
        interval: Duration::from_millis(5),
        timeout: Some(Duration::from_secs(20)),
        format,
    };
    client.wait_for_snapshot(cluster_type, PROJECT, cluster, SNAPSHOT, polling, &mut |_| true)
}

/// The call that sends requests of an operation.
fn call(client: &Client, operation: &str, format: Format) -> Result<(), Error> {
    let (one, all) = ("slow-0", "many-2");
    match operation {
        "getGroupClusterBackupSnapshot" => {
            get(client, ClusterType::ReplicaSet, one, format).map(drop)?;
            wait(client, ClusterType::ReplicaSet, one, format).map(drop)
        }
        "getGroupClusterBackupSnapshotShardedCluster" => {
            get(client, ClusterType::ShardedCluster, one, format).map(drop)?;
            wait(client, ClusterType::ShardedCluster, one, format).map(drop)
        }
        "listGroupClusterBackupSnapshots" => {
            list(client, ClusterType::ReplicaSet, all, format).map(drop)
        }
        "listGroupClusterBackupSnapshotShardedClusters" => {
            list(client, ClusterType::ShardedCluster, all, format).map(drop)
        }
        other => panic!("no call is known for the operation {other}"),
    }
}

/// The operation that documents this request with every parameter and the `Accept` that it has.
fn documented<'a>(specification: &'a Value, seen: &Seen) -> &'a str {
    let is_placeholder = |part: &str| part.starts_with('{');
    let here = |operation: &Value| {
        let template = operation["path"].as_str().unwrap();
        let parts = || template.split('/').zip(seen.path.split('/'));
        template.split('/').count() == seen.path.split('/').count()
            && parts().all(|(part, value)| part == value || is_placeholder(part))
    };
    let (name, operation) = members(&specification["operations"])
        .filter(|(_, operation)| here(operation))
        .min_by_key(|(_, operation)| operation["path"].as_str().unwrap().matches('{').count())
        .unwrap_or_else(|| panic!("no operation has this path: {seen:?}"));
    assert_eq!(operation["method"], seen.method, "{seen:?}");

    for pair in seen.query.split('&').filter(|pair| !pair.is_empty()) {
        let (parameter, value) = pair.split_once('=').expect("a value");
        let known = &operation["query"][parameter];
        let number = value.parse::<i64>();
        let fits = match known["type"].as_str() {
            Some("boolean") => matches!(value, "true" | "false"),
            Some("integer") => number.is_ok_and(|number| {
                known["minimum"].as_i64().is_none_or(|it| it <= number)
                    && known["maximum"].as_i64().is_none_or(|it| number <= it)
            }),
            _ => panic!("{name} documents no parameter {parameter}: {seen:?}"),
        };
        assert!(fits, "{name}, {parameter}: {seen:?}");
    }

    let date = |media: &str| {
        let date = media.strip_prefix("application/vnd.atlas.")?;
        Some(date.strip_suffix("+json")?.to_owned())
    };
    let accepted = seen.header("accept").and_then(date).expect("a version");
    let media = members(&operation["answers"]["200"]["media"]).filter_map(|(it, _)| date(it));
    assert!(media.min().unwrap() <= accepted, "{seen:?}");
    name
}

#[test]
fn every_request_with_every_flag_is_one_that_atlas_documents() {
    let specification = specification();
    let atlas = Simulator::start();
    let mut clients = [config(&atlas), config(&atlas), config(&atlas)];
    clients[1].set_api_key(Some(PUBLIC_KEY.as_bytes()), Some(PRIVATE_KEY.as_bytes()));
    clients[2].set_service_account(Some(CLIENT_ID.as_bytes()), Some(CLIENT_SECRET.as_bytes()));
    let mut seen = BTreeSet::new();
    for client in clients.iter().map(client) {
        for format in formats() {
            for cluster_type in CLUSTER_TYPES {
                atlas.clear();
                get(&client, cluster_type, "slow-0", format).unwrap();
                assert_eq!(
                    wait(&client, cluster_type, "staged", format).unwrap().status_code(),
                    Status::Completed
                );
                let listed = list(&client, cluster_type, "many-1001", format).unwrap();
                assert_eq!(listed.len(), 1001);
                for request in atlas.requests() {
                    if request.path.starts_with("/api/oauth/") {
                        continue; // not in the specification; see below
                    }
                    let operation = documented(&specification, &request);
                    seen.insert((operation.to_owned(), format.envelope, format.pretty));
                    for (flag, asked) in [("envelope", format.envelope), ("pretty", format.pretty)]
                    {
                        let sent = request.query.contains(&format!("{flag}=true"));
                        assert_eq!(sent, asked, "{request:?}");
                    }
                    assert!(!request.query.contains("includeCount"), "{request:?}");
                    assert!(request.body.is_empty(), "{request:?}");
                }
            }
        }
    }
    // Every operation of the specification, and each of the four ways to ask for it.
    let operations = members(&specification["operations"]).count();
    assert_eq!(seen.len(), 4 * operations, "{seen:?}");

    // The two endpoints for tokens, which the specification does not describe.
    atlas.clear();
    let client = client(&clients[2]);
    get(&client, ClusterType::ReplicaSet, "slow-0", Format::default()).unwrap();
    client.revoke_token().unwrap();
    let sent: Vec<(String, String, String)> = atlas
        .requests()
        .into_iter()
        .filter(|request| request.method == "POST")
        .map(|request| (request.path, request.query, request.body))
        .collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
    let token = ("/api/oauth/token", "grant_type=client_credentials");
    assert_eq!((&*sent[0].0, &*sent[0].2), token);
    assert_eq!(sent[1].0, "/api/oauth/revoke");
    assert!(
        sent[1].2.starts_with("token=") && sent[1].2.ends_with("&token_type_hint=access_token")
    );
    assert!(sent.iter().all(|(_, query, _)| query.is_empty()), "{sent:?}");
}

/// A value of the type that a schema describes.
fn example(specification: &Value, schema: &Value) -> Value {
    if let Some(name) = schema.as_str().or(schema["schema"].as_str()) {
        let named = &specification["schemas"][name];
        return members(&named["properties"])
            .map(|(property, schema)| (property.to_owned(), example(specification, schema)))
            .collect();
    }
    let one_of = schema["enum"].get(0).and_then(Value::as_str);
    match (schema["type"].as_str().unwrap(), schema["format"].as_str()) {
        ("string", Some("date-time")) => json!("2026-08-10T03:27:08Z"),
        ("string", Some("uuid")) => json!("72659f08-8b3c-4913-bb4e-a8a68e036502"),
        ("string", None) => match schema["pattern"].as_str() {
            Some("^([a-f0-9]{24})$") => json!(SNAPSHOT),
            Some("([\\d]+\\.[\\d]+\\.[\\d]+)") => json!("8.0.13"),
            None => json!(one_of.unwrap_or("some text")),
            Some(other) => panic!("no example is known for the pattern {other}"),
        },
        ("integer", Some("int64")) => json!(1_574_477_824_000_i64),
        ("integer", Some("int32")) => json!(7),
        ("array", _) => json!([
            example(specification, &schema["items"]),
            example(specification, &schema["items"])
        ]),
        ("object", _) => json!({"name": "value"}),
        other => panic!("no example is known for {other:?}"),
    }
}

/// What the accessor for a documented field says.
fn read(snapshot: &Snapshot, field: &str) -> Value {
    match field {
        "copyRegions" => snapshot.copy_regions().collect(),
        "createdAt" => {
            assert_eq!(snapshot.created_at_ms(), Some(1_786_332_428_000));
            json!(snapshot.created_at())
        }
        "expiresAt" => {
            assert_eq!(snapshot.expires_at_ms(), Some(1_786_332_428_000));
            json!(snapshot.expires_at())
        }
        "links" => {
            let links = snapshot.links();
            links.map(|it| json!({"href": it.href, "rel": it.rel})).collect()
        }
        "members" => snapshot
            .members()
            .map(|it| json!({"id": it.id, "cloudProvider": it.cloud_provider, "replicaSetName": it.replica_set_name}))
            .collect(),
        "policyItems" => snapshot.policy_items().collect(),
        "snapshotIds" => snapshot.snapshot_ids().collect(),
        "storageSizeBytes" => json!(snapshot.storage_size_bytes()),
        other => match TEXTS.iter().find(|(name, _)| *name == other) {
            Some((_, accessor)) => json!(accessor(snapshot)),
            None => panic!(
                "no accessor is known for the documented field {other}; see CONTRIBUTING.md, Adding a text field"
            ),
        },
    }
}

/// The code for the value of an enumeration; none for those that are text alone.
fn code(snapshot: &Snapshot, field: &str) -> Option<String> {
    Some(match field {
        "cloudProvider" => format!("{:?}", snapshot.cloud_provider_code()),
        "frequencyType" => format!("{:?}", snapshot.frequency_type_code()),
        "snapshotType" => format!("{:?}", snapshot.snapshot_type_code()),
        "status" => format!("{:?}", snapshot.status_code()),
        "type" => format!("{:?}", snapshot.cluster_type_code()),
        "configServerType" => return None,
        other => panic!("no code is known for the documented field {other}"),
    })
}

#[test]
fn every_documented_field_is_read() {
    let specification = specification();
    for schema in ["DiskBackupReplicaSet", "DiskBackupShardedClusterSnapshot"] {
        let document = example(&specification, &json!(schema));
        let page = json!({"results": [document, document], "totalCount": 7, "links": []});
        let list = SnapshotList::parse(page.to_string()).unwrap();
        assert_eq!(list.total_count(), Some(7));
        for snapshot in [
            Snapshot::parse(document.to_string()).unwrap(),
            Snapshot::parse(json!({"status": 200, "content": document}).to_string()).unwrap(),
            list.get(1).unwrap().clone(),
        ] {
            assert_eq!(snapshot.odd_fields().count(), 0, "{document}");
            for (field, value) in members(&document) {
                assert_eq!(&read(&snapshot, field), value, "{schema}: {field}");
            }
        }
    }
    // The rest of what a page has: a list is read by the numbers of its pages, not by their links.
    let page = "PaginatedCloudBackupReplicaSetView";
    let names = members(&specification["schemas"][page]["properties"]).map(|(name, _)| name);
    assert_eq!(names.collect::<Vec<_>>(), ["links", "results", "totalCount"]);
}

#[test]
fn every_documented_value_of_an_enumeration_has_its_code() {
    let specification = specification();
    for schema in ["DiskBackupReplicaSet", "DiskBackupShardedClusterSnapshot"] {
        for (field, property) in members(&specification["schemas"][schema]["properties"]) {
            let mut codes = HashSet::new();
            for value in property["enum"].as_array().unwrap_or(&Vec::new()) {
                let snapshot = Snapshot::parse(json!({field: value}).to_string()).unwrap();
                assert_eq!(&read(&snapshot, field), value, "{schema}: {field}");
                if let Some(code) = code(&snapshot, field) {
                    assert_ne!(code, "Unknown", "{schema}: {field} {value}");
                    assert!(codes.insert(code), "{schema}: {field} {value}");
                }
            }
        }
    }
}

#[test]
fn every_documented_answer_is_understood() {
    let specification = specification();
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let mut told = example(&specification, &json!("ApiError"));
    let fields = json!({"fields": [{"field": "f", "description": "d"}]});
    assert_eq!(members(&told["badRequestDetail"]["fields"][0]).count(), 2);
    told["badRequestDetail"] = fields;
    for (operation, documented) in members(&specification["operations"]) {
        for (status, answer) in members(&documented["answers"]) {
            let status: u16 = status.parse().unwrap();
            let headers: Vec<(String, String)> = answer["headers"]
                .as_array()
                .unwrap()
                .iter()
                .map(|name| (name.as_str().unwrap().to_owned(), "17".to_owned()))
                .collect();
            let kind = match status {
                200 => None,
                400 => Some(ErrorKind::BadRequest),
                401 => Some(ErrorKind::Unauthenticated),
                403 => Some(ErrorKind::Forbidden),
                404 => Some(ErrorKind::NotFound),
                429 => Some(ErrorKind::RateLimited),
                500 => Some(ErrorKind::Server),
                other => panic!("no kind of error is known for the documented answer {other}"),
            };
            let Some(kind) = kind else {
                assert_eq!(headers.len(), 2, "{headers:?}");
                call(&client, operation, Format::default()).unwrap();
                continue;
            };
            told["error"] = json!(status);
            for format in formats() {
                for enveloped in [false, true] {
                    let body = match enveloped {
                        true => json!({"status": status, "content": told}),
                        false => told.clone(),
                    };
                    let act = Act::Respond {
                        status,
                        headers: headers.clone(),
                        body: body.to_string().into(),
                    };
                    atlas.script(Target::Api, [act]);
                    let error = call(&client, operation, format).unwrap_err();
                    let seen = format!("{operation} {format:?} {body}: {error:?}");
                    assert_eq!((error.kind, error.http_status), (kind, status), "{seen}");
                    let text = "some text";
                    assert_eq!((&*error.code, &*error.reason), (text, text), "{seen}");
                    assert_eq!(error.detail, "some text; f: d", "{seen}");
                    assert_eq!(error.parameters, told["parameters"].to_string(), "{seen}");
                    let asked = headers.iter().any(|(name, _)| name == "Retry-After");
                    assert_eq!(error.retry_after, asked.then_some(17), "{seen}");
                }
            }
        }
    }
    // Headers of success are there by their names.
    let snapshot = get(&client, ClusterType::ReplicaSet, "slow-0", Format::default()).unwrap();
    for name in ["RateLimit-Limit", "RateLimit-Remaining"] {
        assert!(snapshot.header(name).is_some(), "{name}");
    }
}
