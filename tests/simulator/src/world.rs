//! The world: one project whose clusters each tell a story, so that a C or Python test can choose what
//! happens by choosing a name.
//!
//! | Cluster | Its story (for get and list, on both paths unless said otherwise) |
//! |---|---|
//! | `Cluster0` | a replica set; [`documents`] by snapshot id, 404 `RESOURCE_NOT_FOUND` for other ids, a list of two; the sharded paths refuse with 400 `CLUSTER_IS_NOT_SHARDED` (our invention: nobody recorded it) |
//! | `sharded0` | a sharded cluster with [`SHARDED_SNAPSHOT`](crate::SHARDED_SNAPSHOT); the replica-set paths refuse with 400 `CLUSTER_IS_SHARDED` (our invention) |
//! | `replica-asked-sharded` | a sharded cluster whose replica-set path answers 200 with `"type":"shardedCluster"`, as Atlas is likely to |
//! | `staged` | any snapshot id; each GET of an id is one stage on: queued, inProgress, with `mongodVersion`, with `cloudProvider`, with `createdAt` and size, completed (and stays so) |
//! | `failing` | queued, inProgress, inProgress, failed |
//! | `vanishing` | queued, inProgress, then 404 for ever |
//! | `flaky` | as `staged`, with a 503 in between each time |
//! | `stuck` | inProgress for ever |
//! | `many`, `many-N` | 10,000 snapshots, or N; number i (from 0) has the id `6a` + i as 22 hex digits, the newest first |
//! | `scheduled-N` | N likewise, with every field that a snapshot taken by a policy of an encrypted cluster has, some 810 bytes each |
//! | `empty` | an empty list, 404 for every id |
//! | `odd` | a list of three, whose second item has the wrong type in every field |
//! | `odd-scalar` | a list of three, whose second item is the number 42 |
//! | `repeating` | a list whose every page is the full first page again (of a thousand on the sharded path, which has no pages) |
//! | `endless` | a list that always has another full page, though `totalCount` says 1000 (which is true on the sharded path) |
//! | `sunset` | a completed snapshot, with the headers `Deprecation` and `Sunset` |
//! | `slow-N` | a completed snapshot (any id, a list of one), N milliseconds late |
//! | `silent`, `closing`, `resetting`, `dripping` | never answers; closes; resets; answers with a body that drips a byte a second |
//! | `error-400` | 400 `INVALID_ATTRIBUTE`, parameters of text and number |
//! | `error-400-flex` | 400 `CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API`, with `Deprecation` and `Sunset` |
//! | `error-400-fields` | 400 `VALIDATION_ERROR` with two `badRequestDetail.fields` |
//! | `error-401` | 401 whatever the credentials |
//! | `error-403`, `error-403-ip` | 403 `USER_UNAUTHORIZED`; `IP_ADDRESS_NOT_ON_ACCESS_LIST` with parameter `203.0.113.7` |
//! | `error-404`, unknown clusters | 404 `CLUSTER_NOT_FOUND` |
//! | `error-404-group`, other projects | 404 `GROUP_NOT_FOUND` |
//! | `error-404-null` | 404, `errorCode` and `parameters` null |
//! | `error-406`, `error-409`, `error-410` | 406 `INVALID_VERSION_DATE`, 409 `CONFLICT`, 410 `VERSION_GONE` |
//! | `error-429`, `error-429-bucket` | 429 `RATE_LIMITED` with `Retry-After: 1`; `RATE_LIMITED_TOKEN_BUCKET` without, whose parameters say 55 s |
//! | `error-500`, `error-503` | 500 `UNEXPECTED_ERROR`, 503 `SERVICE_UNAVAILABLE` |
//! | `error-502`, `error-503-html`, `error-504` | the gateway's HTML page |
//! | `no-content` | 204 |
//! | `not-json`, `invalid-utf8`, `empty-body`, `array`, `cut-json`, `byte-order-mark` | 200 with such a body |

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::atlas::Outcome;
use crate::errors;
use crate::script::Act;
use crate::specification::media_type;
use crate::{PROJECT, SHARDED_SNAPSHOT, SNAPSHOT};

/// Snapshot ids of `Cluster0` that select a document for readers' tests. [`SNAPSHOT`] is the documentation's
/// example: every field present.
pub mod documents {
    /// As the live service answers: `ondemand`, empty arrays, no `masterKeyUUID`, `8.0.24-rc0`.
    pub const LIVE: &str = "00000000000000000000d001";
    /// `{}`
    pub const NOTHING: &str = "00000000000000000000d002";
    /// Every field null.
    pub const NULLS: &str = "00000000000000000000d003";
    /// Every field of a wrong JSON type, but `id`.
    pub const WRONG_TYPES: &str = "00000000000000000000d004";
    /// Enumerations with values that nobody documented.
    pub const UNKNOWN_ENUMS: &str = "00000000000000000000d005";
    /// The example and five fields more: text, number, array, object, null.
    pub const UNKNOWN_FIELDS: &str = "00000000000000000000d006";
    /// `storageSizeBytes` 2^63 − 1.
    pub const MAX_SIZE: &str = "00000000000000000000d007";
    /// `storageSizeBytes` 2^63.
    pub const OVERSIZE: &str = "00000000000000000000d008";
    /// `storageSizeBytes` 1.5.
    pub const FRACTION: &str = "00000000000000000000d009";
    /// `description` with escapes, `\u0000`, a surrogate pair and astral characters as they are.
    pub const TEXT: &str = "00000000000000000000d00a";
    /// `description` with a lone surrogate.
    pub const LONE_SURROGATE: &str = "00000000000000000000d00b";
    /// `status` twice, first of a wrong type, then `completed`.
    pub const DUPLICATE_KEYS: &str = "00000000000000000000d00c";
    /// Dates with an offset and with fractions.
    pub const OTHER_DATES: &str = "00000000000000000000d00d";
    /// Dates that are none.
    pub const NO_DATES: &str = "00000000000000000000d00e";
    /// inProgress, although `createdAt` and the final size are there.
    pub const IN_PROGRESS_WITH_SIZE: &str = "00000000000000000000d00f";
    /// A field nested 1,000 deep.
    pub const DEEP: &str = "00000000000000000000d010";
    /// Whitespace and order of keys unlike Atlas' own.
    pub const SPACED: &str = "00000000000000000000d011";
    /// Arrays with a null and with a number among their elements.
    pub const ODD_ELEMENTS: &str = "00000000000000000000d012";
}

/// How many snapshots `many` has.
pub const MANY: usize = 10_000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    ReplicaSet,
    Sharded,
}

#[derive(Clone, Copy)]
pub(crate) enum Asked<'a> {
    One(&'a str),
    Page {
        number: usize,
        size: usize,
        count: bool,
    },
    /// A list in one answer.
    All,
}

/// How often each snapshot of a story was asked for.
#[derive(Default)]
pub(crate) struct Stories(Mutex<HashMap<String, usize>>);

impl Stories {
    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// How often before.
    fn count(&self, path: &str) -> usize {
        let mut asked = self.0.lock().unwrap();
        let count = asked.entry(path.to_owned()).or_default();
        *count += 1;
        *count - 1
    }
}

/// `path` tells the snapshots of a story apart.
pub(crate) fn tell(
    stories: &Stories,
    cluster: &str,
    form: Form,
    asked: Asked,
    path: &str,
) -> Outcome {
    if let Some(answer) = strange_answer(cluster).or_else(|| errors::of_cluster(cluster, PROJECT)) {
        return answer.into();
    }
    match (cluster, form) {
        ("Cluster0", Form::Sharded) => {
            let detail = "Cluster Cluster0 is not a sharded cluster.";
            return errors::api_error(400, "CLUSTER_IS_NOT_SHARDED", detail, json!([cluster]))
                .into();
        }
        ("sharded0", Form::ReplicaSet) => {
            let detail =
                "Cluster sharded0 is a sharded cluster; use the sharded cluster's resource.";
            return errors::api_error(400, "CLUSTER_IS_SHARDED", detail, json!([cluster])).into();
        }
        _ => {}
    }
    // Atlas answers with what the cluster is, not with what was asked.
    let form = if cluster == "replica-asked-sharded" { Form::Sharded } else { form };
    let told = match asked {
        Asked::One(id) => one(stories, cluster, form, id, path),
        Asked::Page { number, size, count } => {
            list(cluster, form).map(|list| page(&list, path, number, size, count))
        }
        Asked::All => list(cluster, form).map(|list| whole(&list, path)),
    };
    let mut outcome = told.unwrap_or_else(|| errors::cluster_not_found(cluster, PROJECT).into());
    let late = cluster.strip_prefix("slow-").and_then(|ms| ms.parse().ok());
    outcome.act = match cluster {
        "silent" => Act::Silence,
        "closing" => Act::Close,
        "resetting" => Act::Reset,
        "dripping" => Act::DripBody { bytes_per_second: 1 },
        _ => late.map_or(Act::Honest, |ms| Act::Delay { ms }),
    };
    if cluster == "sunset" {
        outcome.answer = errors::sunset(outcome.answer);
    }
    outcome
}

fn ok(body: impl Into<bytes::Bytes>) -> Answer {
    Answer::new(200, &format!("{};charset=utf-8", media_type()), body)
}

fn strange_answer(cluster: &str) -> Option<Answer> {
    Some(match cluster {
        "error-401" => Answer::empty(401),
        "no-content" => Answer { status: 204, ..ok("") },
        "not-json" => ok("The snapshot is fine, thank you."),
        "invalid-utf8" => {
            ok(&b"{\"id\":\"32b6e34b3d91647abb20e7b8\",\"description\":\"caf\xe9\"}"[..])
        }
        "empty-body" => ok(""),
        "array" => ok("[{\"id\":\"32b6e34b3d91647abb20e7b8\"}]"),
        "cut-json" => ok("{\"id\":\"32b6e34b3d91647abb20e7b8\",\"status\":\"comp"),
        "byte-order-mark" => ok("\u{feff}{\"id\":\"32b6e34b3d91647abb20e7b8\"}"),
        _ => return None,
    })
}

fn one(stories: &Stories, cluster: &str, form: Form, id: &str, path: &str) -> Option<Outcome> {
    let document = |value: Value| Some(ok(value.to_string()).into());
    let not_found = || Some(errors::resource_not_found(path).into());
    let stages: &[Stage] = match cluster {
        "Cluster0" => {
            return document_by_id(id).map(|text| ok(text).into()).or_else(not_found);
        }
        "sharded0" if id != SHARDED_SNAPSHOT => return not_found(),
        "staged" | "flaky" => &STAGES,
        "failing" => &[Stage::Queued, Stage::InProgress, Stage::WithVersion, Stage::Failed],
        "vanishing" => &[Stage::Queued, Stage::InProgress, Stage::Gone],
        "stuck" => &[Stage::WithProvider],
        _ => {
            let list = list(cluster, form)?;
            return match (list.any_id, number_of(id)) {
                (true, _) => document(snapshot(cluster, form, id, Stage::Completed, FIRST_DAY)),
                (false, Some(index)) if index < list.length => Some(ok((list.item)(index)).into()),
                _ => not_found(),
            };
        }
    };
    let mut count = stories.count(path);
    if cluster == "flaky" {
        if count.is_multiple_of(2) {
            return Some(errors::service_unavailable().into());
        }
        count /= 2;
    }
    match stages[count.min(stages.len() - 1)] {
        Stage::Gone => not_found(),
        stage => document(snapshot(cluster, form, id, stage, FIRST_DAY)),
    }
}

struct List<'a> {
    length: usize,
    total: usize,
    item: Box<dyn Fn(usize) -> String + 'a>,
    /// Whether every id is answered, not only those listed.
    any_id: bool,
}

fn list(cluster: &str, form: Form) -> Option<List<'_>> {
    let item = move |index: usize| {
        let created = FIRST_DAY - 3600 * index as i64;
        snapshot(cluster, form, &id_of(index), Stage::Completed, created).to_string()
    };
    let plain = |length: usize| List { length, total: length, item: Box::new(item), any_id: false };
    let odd = |strange: &'static str| List {
        item: Box::new(move |index| if index == 1 { strange.to_owned() } else { item(index) }),
        ..plain(3)
    };
    Some(match cluster {
        "Cluster0" => List {
            item: Box::new(|index| {
                document_by_id([SNAPSHOT, documents::LIVE][index]).expect("it is there")
            }),
            ..plain(2)
        },
        "sharded0" | "replica-asked-sharded" => List {
            item: Box::new(move |_| {
                snapshot(cluster, form, SHARDED_SNAPSHOT, Stage::Completed, FIRST_DAY).to_string()
            }),
            any_id: true,
            ..plain(1)
        },
        "many" => plain(MANY),
        "empty" => plain(0),
        "odd" => odd(WRONG_TYPES),
        "odd-scalar" => odd("42"),
        "repeating" => List {
            length: usize::MAX,
            total: 1000,
            item: Box::new(move |index| item(index % 500)),
            any_id: false,
        },
        "endless" => List { total: 1000, ..plain(usize::MAX) },
        "staged" | "flaky" | "failing" | "vanishing" | "stuck" | "sunset" | "silent"
        | "closing" | "resetting" | "dripping" => List { any_id: true, ..plain(1) },
        _ => match (length_of(cluster), cluster.strip_prefix("slow-")) {
            (Some(length), _) => plain(length),
            (None, Some(ms)) if ms.parse::<u64>().is_ok() => List { any_id: true, ..plain(1) },
            _ => return None,
        },
    })
}

/// N of `many-N` and `scheduled-N`.
fn length_of(cluster: &str) -> Option<usize> {
    let length = cluster.strip_prefix("many-").or_else(|| cluster.strip_prefix(SCHEDULED))?;
    length.parse().ok()
}

fn page(list: &List, path: &str, number: usize, size: usize, count: bool) -> Outcome {
    // "repeating" repeats pages of any size.
    let start = (number - 1).saturating_mul(size).min(list.length);
    let end = start.saturating_add(size).min(list.length);
    let link = |rel: &str, number: usize| {
        let href =
            format!("{LINKS}{path}?includeCount={count}&pageNum={number}&itemsPerPage={size}");
        json!({"href": href, "rel": rel})
    };
    let mut links = vec![link("self", number)];
    if number > 1 {
        links.push(link("previous", number - 1));
    }
    if end < list.length {
        links.push(link("next", number + 1));
    }
    results(list, start..end, links, count)
}

/// A list that has no pages. One without end, which pages can have, ends here where it says it does.
fn whole(list: &List, path: &str) -> Outcome {
    let length = match list.length {
        usize::MAX => list.total,
        length => length,
    };
    let link = json!({"href": format!("{LINKS}{path}"), "rel": "self"});
    results(list, 0..length, vec![link], true)
}

fn results(list: &List, items: std::ops::Range<usize>, links: Vec<Value>, count: bool) -> Outcome {
    let mut body = format!("{{\"links\":{},\"results\":[", Value::from(links));
    for index in items.clone() {
        if index > items.start {
            body.push(',');
        }
        body.push_str(&(list.item)(index));
    }
    body.push(']');
    if count {
        body.push_str(&format!(",\"totalCount\":{}", list.total));
    }
    body.push('}');
    Outcome { is_page: true, ..ok(body).into() }
}

const SCHEDULED: &str = "scheduled-";

/// Links are Atlas' own, wherever the simulator listens: nobody needs to follow them.
const LINKS: &str = "https://cloud.mongodb.com";

/// 2026-03-01T06:00:00Z
const FIRST_DAY: i64 = 1_772_344_800;

fn id_of(index: usize) -> String {
    format!("6a{index:022x}")
}

fn number_of(id: &str) -> Option<usize> {
    usize::from_str_radix(id.strip_prefix("6a")?, 16).ok()
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Queued,
    InProgress,
    WithVersion,
    WithProvider,
    WithSize,
    Completed,
    Failed,
    Gone,
}

const STAGES: [Stage; 6] = [
    Stage::Queued,
    Stage::InProgress,
    Stage::WithVersion,
    Stage::WithProvider,
    Stage::WithSize,
    Stage::Completed,
];

fn snapshot(cluster: &str, form: Form, id: &str, stage: Stage, created: i64) -> Value {
    let group = format!("{LINKS}/api/atlas/v2/groups/{PROJECT}/clusters/{cluster}");
    let path =
        if form == Form::Sharded { "backup/snapshots/shardedCluster" } else { "backup/snapshots" };
    let mut document = json!({
        "description": "nightly, before the migration",
        // Moves when the snapshot completes.
        "expiresAt": date(created + 86_400 + if stage == Stage::Completed { 527 } else { 0 }),
        "frequencyType": "ondemand",
        "id": id,
        "links": [
            {"href": format!("{group}/{path}/{id}"), "rel": "self"},
            {"href": group, "rel": "https://cloud.mongodb.com/cluster"},
        ],
        "policyItems": [],
        "snapshotType": "onDemand",
        "status": match stage {
            Stage::Queued => "queued",
            Stage::Completed => "completed",
            Stage::Failed => "failed",
            _ => "inProgress",
        },
        "storageSizeBytes": 0,
        "type": "replicaSet",
    });
    let provider_known = (Stage::WithProvider..=Stage::Completed).contains(&stage);
    if stage >= Stage::WithVersion {
        document["mongodVersion"] = "8.0.13".into();
    }
    if (Stage::WithSize..=Stage::Completed).contains(&stage) {
        document["createdAt"] = date(created).into();
        document["storageSizeBytes"] = 1_610_612_736_i64.into();
    }
    match form {
        Form::ReplicaSet => {
            document["copyRegions"] = json!([]);
            document["replicaSetName"] = cluster.into();
            if provider_known {
                document["cloudProvider"] = "AWS".into();
            }
            if cluster.starts_with(SCHEDULED) {
                document["copyRegions"] = json!(["US_EAST_1", "EU_WEST_1"]);
                document["frequencyType"] = "hourly".into();
                document["masterKeyUUID"] = "72659f08-8b3c-4913-bb4e-a8a68e036502".into();
                document["policyItems"] = json!(["32b6e34b3d91647abb20e7b9"]);
                document["snapshotType"] = "scheduled".into();
            }
        }
        Form::Sharded => {
            document["type"] = "shardedCluster".into();
            document["configServerType"] = "DEDICATED".into();
            let members =
                if provider_known { &["shard-0", "shard-1", "config-0"][..] } else { &[] };
            let member_id = |index: usize| format!("{}{index:02x}", &id[..22]);
            document["members"] = members
                .iter()
                .enumerate()
                .map(|(index, name)| {
                    let name = format!("atlas-{cluster}-{name}");
                    json!({"cloudProvider": "AWS", "id": member_id(index), "replicaSetName": name})
                })
                .collect();
            document["snapshotIds"] = (0..members.len()).map(member_id).collect();
        }
    }
    document
}

/// `2026-03-01T06:00:00Z`; the calendar is Howard Hinnant's `civil_from_days`.
fn date(seconds: i64) -> String {
    let (day, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        time / 3600,
        time / 60 % 60,
        time % 60
    )
}

fn document_by_id(id: &str) -> Option<String> {
    let example = || -> Value {
        json!({
            "cloudProvider": "AWS",
            "copyRegions": ["US_EAST_1", "EU_WEST_1"],
            "createdAt": "2019-08-24T14:15:22Z",
            "description": "string",
            "expiresAt": "2019-08-31T14:15:22Z",
            "frequencyType": "hourly",
            "id": SNAPSHOT,
            "links": [{
                "href": format!("{LINKS}/api/atlas/v2/groups/{PROJECT}/clusters/Cluster0/backup/snapshots/{SNAPSHOT}"),
                "rel": "self",
            }],
            "masterKeyUUID": "72659f08-8b3c-4913-bb4e-a8a68e036502",
            "mongodVersion": "8.0.13",
            "policyItems": ["32b6e34b3d91647abb20e7b9"],
            "replicaSetName": "atlas-abc123-shard-0",
            "snapshotType": "scheduled",
            "status": "completed",
            "storageSizeBytes": 3_221_225_472_i64,
            "type": "replicaSet",
        })
    };
    let with = |changes: Value| -> Value {
        let mut document = example();
        document["id"] = id.into();
        for (name, value) in changes.as_object().expect("an object") {
            document[name] = value.clone();
        }
        document
    };
    let live = || snapshot("Cluster0", Form::ReplicaSet, id, Stage::Completed, FIRST_DAY);
    // What no JSON library writes goes in as text, in the place of "string".
    let with_description = |text: &str| with(json!({})).to_string().replace("\"string\"", text);
    let text = match id {
        SNAPSHOT => example().to_string(),
        documents::LIVE => {
            let mut document = live();
            document["mongodVersion"] = "8.0.24-rc0".into();
            document.to_string()
        }
        documents::NOTHING => "{}".to_owned(),
        documents::NULLS => {
            let mut document = example();
            document.as_object_mut().expect("an object").values_mut().for_each(|value| *value = Value::Null);
            document.to_string()
        }
        documents::WRONG_TYPES => WRONG_TYPES.to_owned(),
        documents::UNKNOWN_ENUMS => with(json!({
            "cloudProvider": "HETZNER", "frequencyType": "fortnightly", "snapshotType": "copied",
            "status": "paused", "type": "serverless",
        }))
        .to_string(),
        documents::UNKNOWN_FIELDS => with(json!({
            "aNull": null, "aNumber": -1.25e3, "aText": "new", "anArray": [1, [2]], "anObject": {"deep": {"er": true}},
        }))
        .to_string(),
        documents::MAX_SIZE => with(json!({"storageSizeBytes": i64::MAX})).to_string(),
        documents::OVERSIZE => with(json!({"storageSizeBytes": i64::MAX as u64 + 1})).to_string(),
        documents::FRACTION => with(json!({"storageSizeBytes": 1.5})).to_string(),
        documents::TEXT => with_description(r#""tab\t quote\" slash\/ nul\u0000 pair\ud83d\ude00 as they are: é 💾""#),
        documents::LONE_SURROGATE => with_description(r#""before \ud83d after""#),
        documents::DUPLICATE_KEYS => {
            with(json!({})).to_string().replace("\"status\":", "\"status\":17,\"status\":")
        }
        documents::OTHER_DATES => with(json!({
            "createdAt": "2026-03-01T08:00:00+02:00", "expiresAt": "2026-03-08T06:00:00.250Z",
        }))
        .to_string(),
        documents::NO_DATES => with(json!({"createdAt": "yesterday", "expiresAt": "2026-02-30T06:00:00Z"})).to_string(),
        documents::IN_PROGRESS_WITH_SIZE => {
            let mut document = live();
            document["status"] = "inProgress".into();
            document.to_string()
        }
        documents::DEEP => with_description(&format!("{}{}", "[".repeat(1000), "]".repeat(1000))),
        documents::SPACED => {
            format!(" {{ \"status\" :\t\"completed\",\r\n \"id\":\"{id}\" , \"copyRegions\":[ \"US_EAST_1\" ] }}\n")
        }
        documents::ODD_ELEMENTS => with(json!({
            "copyRegions": ["US_EAST_1", null], "policyItems": ["32b6e34b3d91647abb20e7b9", 7],
        }))
        .to_string(),
        _ => return None,
    };
    Some(text)
}

const WRONG_TYPES: &str = concat!(
    r#"{"cloudProvider":1,"copyRegions":"US_EAST_1","createdAt":1772344800,"description":{"text":"no"},"#,
    r#""expiresAt":[],"frequencyType":false,"id":"00000000000000000000d004","links":{"self":"x"},"#,
    r#""masterKeyUUID":["72659f08"],"mongodVersion":8.0,"policyItems":{"0":"x"},"replicaSetName":true,"#,
    r#""snapshotType":[],"status":3,"storageSizeBytes":"1024","type":{}}"#
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        assert_eq!(date(FIRST_DAY), "2026-03-01T06:00:00Z");
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(951_782_400 + 86_399), "2000-02-29T23:59:59Z");
    }

    #[test]
    fn wrong_types_are_wrong_everywhere() {
        let example: Value = serde_json::from_str(&document_by_id(SNAPSHOT).unwrap()).unwrap();
        let wrong: Value = serde_json::from_str(WRONG_TYPES).unwrap();
        for (name, value) in example.as_object().unwrap() {
            let same = std::mem::discriminant(value) == std::mem::discriminant(&wrong[name]);
            assert_eq!(same, name == "id", "{name}");
        }
    }

    #[test]
    fn the_documents_are_there_and_what_they_claim() {
        let all = (1..=0x12).map(|number| format!("{:020}d{number:03x}", 0));
        for id in all {
            assert!(document_by_id(&id).is_some(), "{id}");
        }
        assert!(document_by_id(documents::LONE_SURROGATE).unwrap().contains(r"\ud83d after"));
        assert!(
            document_by_id(documents::DUPLICATE_KEYS)
                .unwrap()
                .contains(r#""status":17,"status":"completed""#)
        );
        assert!(document_by_id(documents::DEEP).unwrap().contains("[[[["));
    }
}
