//! Finding snapshots and waiting for them, on replica sets and sharded clusters.

mod common;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use atlas_backup::{
    Client, ClusterType, Error, ErrorKind, Format, Polling, Snapshot, SnapshotList,
};
use atlas_simulator::{
    Act, CLUSTER, PROJECT, SHARDED_CLUSTER, SHARDED_SNAPSHOT, SNAPSHOT, Simulator, Target,
};
use common::{Lines, client, config, get_of};

const PLAIN: Format = Format { envelope: false, pretty: false };

fn list(client: &Client, cluster: &str) -> Result<SnapshotList, Error> {
    client.list_snapshots(ClusterType::ReplicaSet, PROJECT, cluster, PLAIN)
}

/// Waits with short pauses; the timeout is what a test can afford.
fn wait(
    client: &Client,
    cluster: &str,
    timeout: Option<Duration>,
    progress: &mut dyn FnMut(&Snapshot) -> bool,
) -> Result<Snapshot, Error> {
    let polling = Polling { interval: Duration::from_millis(20), timeout, format: PLAIN };
    client.wait_for_snapshot(ClusterType::ReplicaSet, PROJECT, cluster, SNAPSHOT, polling, progress)
}

const SOON: Option<Duration> = Some(Duration::from_secs(20));

fn statuses(client: &Client, cluster: &str) -> (Vec<String>, Result<Snapshot, Error>) {
    let mut seen = Vec::new();
    let outcome = wait(client, cluster, SOON, &mut |snapshot| {
        seen.push(snapshot.status().unwrap_or("none").to_owned());
        true
    });
    (seen, outcome)
}

#[test]
fn a_list_has_every_page_in_the_order_of_atlas() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    for (count, pages) in [(0, 1), (1, 1), (499, 1), (500, 2), (501, 2), (1250, 3)] {
        atlas.clear();
        let cluster = if count == 0 { "empty".to_owned() } else { format!("many-{count}") };
        let list = list(&client, &cluster).unwrap();
        assert_eq!(list.len(), count, "{cluster}");
        assert_eq!(list.total_count(), Some(count as i64), "{cluster}");
        assert_eq!(atlas.requests().len(), pages, "{cluster}");
        let ids: Vec<String> = list.iter().map(|item| item.id().unwrap().to_owned()).collect();
        let expected: Vec<String> = (0..count).map(|index| format!("6a{index:022x}")).collect();
        assert_eq!(ids, expected, "{cluster}");
    }
}

#[test]
fn a_list_ends_by_what_was_received_whatever_the_estimate_says() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let page = |count: usize, total: &str| {
        let item = |index: usize| format!("{{\"id\":\"{index:024x}\"}}");
        let items: Vec<String> = (0..count).map(item).collect();
        format!("{{\"results\":[{}],\"totalCount\":{total}}}", items.join(","))
    };
    for (total, expected) in
        [("7", Some(7)), ("1000000", Some(1_000_000)), ("null", None), ("\"3\"", None)]
    {
        atlas.script(Target::Api, [Act::respond(200, page(3, total))]);
        let list = list(&client, CLUSTER).unwrap();
        assert_eq!((list.len(), list.total_count()), (3, expected), "{total}");
    }
    // Items moved by one place between two pages are no loop.
    let moved =
        page(500, "900").replacen("000000000000000000000000", "00000000000000000000ffff", 1);
    atlas.script(
        Target::Api,
        [
            Act::respond(200, page(500, "900")),
            Act::respond(200, moved),
            Act::respond(200, page(0, "900")),
        ],
    );
    assert_eq!(list(&client, CLUSTER).unwrap().len(), 1000);
}

#[test]
fn pages_that_repeat_or_do_not_end_are_an_error_and_no_loop() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let error = list(&client, "repeating").unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidResponse, "{error:?}");
    assert!(error.message().contains("page 2 repeats an earlier page"), "{error}");
    assert_eq!(atlas.requests().len(), 2);

    atlas.clear();
    let mut patient = config(&atlas);
    patient.set_timeout_ms(120_000);
    let error = list(&common::client(&patient), "endless").unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidResponse, "{error:?}");
    assert!(error.message().contains("more than 50000 snapshots"), "{error}");
    assert_eq!(atlas.requests().len(), 101);
}

#[test]
fn the_list_of_a_sharded_cluster_is_one_request_whatever_its_length() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    for (cluster, length) in [("empty", 0), ("many-500", 500), ("many-1234", 1234)] {
        atlas.clear();
        let list =
            client.list_snapshots(ClusterType::ShardedCluster, PROJECT, cluster, PLAIN).unwrap();
        assert_eq!(list.len(), length, "{cluster}");
        let requests = atlas.requests();
        assert_eq!(requests.len(), 1, "{cluster}");
        assert_eq!(requests[0].query, "", "{cluster}");
    }
}

/// Answers of a list, each with so many snapshots, all different.
fn pages(lengths: &[usize]) -> Vec<Act> {
    let mut number = 0;
    let mut page = |length: &usize| {
        let items: Vec<String> =
            (number..number + length).map(|it| format!("{{\"id\":\"{it:024x}\"}}")).collect();
        number += length;
        Act::respond(200, format!("{{\"results\":[{}]}}", items.join(",")))
    };
    lengths.iter().map(&mut page).collect()
}

#[test]
fn fifty_thousand_snapshots_are_listed_and_one_more_is_an_error() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let replica_set: &[(&[usize], usize, bool)] = &[
        (&[[500; 100].as_slice(), &[0]].concat(), 101, true),
        (&[[500; 100].as_slice(), &[1]].concat(), 101, false),
        // More than was asked for.
        (&[25_000, 25_000, 0], 3, true),
        (&[49_999, 1], 2, true),
        (&[49_999, 2], 2, false),
        // What is over is not read on.
        (&[30_000, 30_000, 500, 0], 2, false),
        (&[50_001, 0], 1, false),
    ];
    let sharded: &[(&[usize], usize, bool)] = &[(&[50_000], 1, true), (&[50_001], 1, false)];
    let replica_set = replica_set.iter().map(|case| (ClusterType::ReplicaSet, case));
    let sharded = sharded.iter().map(|case| (ClusterType::ShardedCluster, case));
    for (cluster_type, &(lengths, requests, is_listed)) in replica_set.chain(sharded) {
        atlas.clear();
        atlas.script(Target::Api, pages(lengths));
        let outcome = client.list_snapshots(cluster_type, PROJECT, CLUSTER, PLAIN);
        let what = format!("{cluster_type:?} {:?}", &lengths[..lengths.len().min(4)]);
        assert_eq!(atlas.requests().len(), requests, "{what}");
        match outcome {
            Ok(list) => assert_eq!((list.len(), is_listed), (50_000, true), "{what}"),
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::InvalidResponse, "{what}: {error}");
                assert!(error.message().contains("more than 50000 snapshots"), "{what}: {error}");
                assert!(!is_listed, "{what}");
            }
        }
    }
}

#[test]
fn a_list_is_given_up_when_it_would_take_a_quarter_of_a_gibibyte() {
    let atlas = Simulator::start();
    let mut plain = common::config_for(&atlas.plain_url());
    plain.set_timeout_ms(120_000);
    // Pages of 15 MiB, whose snapshots take twice that with what is read out of them.
    let mut number = 0;
    let page = || {
        let items: Vec<String> = (number..number + 500)
            .map(|it| {
                // Texts that are equal are kept once.
                format!("{{\"id\":\"{it:024x}\",\"description\":\"{it:x<30000}\"}}")
            })
            .collect();
        number += 500;
        Act::respond(200, format!("{{\"results\":[{}]}}", items.join(",")))
    };
    let acts: Vec<Act> = std::iter::repeat_with(page).take(12).collect();
    atlas.script(Target::Api, acts);
    let error = list(&client(&plain), CLUSTER).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidResponse, "{error:?}");
    assert!(error.message().contains("more than 256 MiB"), "{error}");
    // Nine pages and a part of the tenth would be too much.
    let requests = atlas.requests().len();
    assert!((8..=10).contains(&requests), "{requests}");
}

#[test]
fn one_odd_item_hides_no_other() {
    let atlas = Simulator::start();
    let lines = Lines::default();
    let mut logging = config(&atlas);
    logging.set_logger(2, lines.sink());
    let client = client(&logging);
    for cluster in ["odd", "odd-scalar"] {
        let list = list(&client, cluster).unwrap();
        assert_eq!(list.len(), 3, "{cluster}");
        for index in [0, 2] {
            let item = list.get(index).unwrap();
            assert_eq!(item.status(), Some("completed"), "{cluster}");
        }
        let odd = list.get(1).unwrap();
        assert_eq!((odd.status(), odd.storage_size_bytes()), (None, None), "{cluster}");
        assert!(!odd.json().is_empty(), "{cluster}");
    }
    assert!(!lines.with("another type than documented").is_empty(), "{:?}", lines.all());
}

#[test]
fn ten_thousand_snapshots_take_twenty_round_trips_and_thirty_megabytes() {
    // In a process of its own, so that no other test's memory counts.
    if !common::is_child() {
        let name = "ten_thousand_snapshots_take_twenty_round_trips_and_thirty_megabytes";
        return common::in_child(name, &[]);
    }

    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    get_of(&client, CLUSTER).unwrap();
    // The simulator lives in this process and makes its pages here too; a first list takes that memory.
    drop(list(&client, "many").unwrap());
    atlas.clear();
    let before = resident_kib();
    let list = list(&client, "many").unwrap();
    let grown = resident_kib().saturating_sub(before);
    assert_eq!(list.len(), 10_000);
    assert_eq!(atlas.requests().len(), 21, "the last, empty page ends the list");
    assert!(grown < 30 * 1024, "{grown} KiB");
    let ids: HashSet<&str> = list.iter().filter_map(Snapshot::id).collect();
    assert_eq!(ids.len(), 10_000);
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn an_item_copied_from_a_list_outlives_it_without_status_and_headers() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let kept = {
        let list = list(&client, "many-2").unwrap();
        list.get(1).unwrap().clone()
    };
    assert_eq!(kept.id(), Some("6a0000000000000000000001"));
    assert_eq!((kept.http_status(), kept.header("date")), (None, None));
    assert!(kept.json().starts_with('{') && kept.json().ends_with('}'));
}

#[test]
fn lists_come_in_envelopes_too() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let format = Format { envelope: true, pretty: true };
    for in_content in [false, true] {
        atlas.change(|settings| settings.lists_in_content = in_content);
        let list =
            client.list_snapshots(ClusterType::ReplicaSet, PROJECT, "many-501", format).unwrap();
        assert_eq!(list.len(), 501, "in content: {in_content}");
    }
    let error =
        client.list_snapshots(ClusterType::ReplicaSet, PROJECT, "error-404", format).unwrap_err();
    assert_eq!((error.kind, error.http_status), (ErrorKind::NotFound, 404), "{error:?}");
}

#[test]
fn a_sharded_cluster_has_members_and_no_fields_of_its_own_for_them() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let snapshot = client
        .get_snapshot(
            ClusterType::ShardedCluster,
            PROJECT,
            SHARDED_CLUSTER,
            SHARDED_SNAPSHOT,
            PLAIN,
        )
        .unwrap();
    assert_eq!(snapshot.cluster_type(), Some("shardedCluster"));
    assert_eq!((snapshot.cloud_provider(), snapshot.replica_set_name()), (None, None));
    assert_eq!(snapshot.members().len(), 3);
    let list = client
        .list_snapshots(ClusterType::ShardedCluster, PROJECT, SHARDED_CLUSTER, PLAIN)
        .unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list.get(0).unwrap().members().len(), 3);
    let paths: Vec<String> = atlas.requests().into_iter().map(|seen| seen.path).collect();
    assert!(paths[0].ends_with(&format!("/shardedCluster/{SHARDED_SNAPSHOT}")), "{paths:?}");
    assert!(paths[1].ends_with("/shardedClusters"), "{paths:?}");
}

#[test]
fn the_wrong_call_for_a_kind_of_cluster_works_or_names_the_right_one() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let snapshot = get_of(&client, "replica-asked-sharded").unwrap();
    assert_eq!(snapshot.cluster_type(), Some("shardedCluster"));

    let error = get_of(&client, SHARDED_CLUSTER).unwrap_err();
    assert!(error.message().contains("use the calls for sharded clusters"), "{error}");
    let error = list(&client, SHARDED_CLUSTER).unwrap_err();
    assert!(error.message().contains("use the calls for sharded clusters"), "{error}");
    let error = client
        .get_snapshot(ClusterType::ShardedCluster, PROJECT, CLUSTER, SNAPSHOT, PLAIN)
        .unwrap_err();
    assert!(error.message().contains("use the calls for replica sets"), "{error}");
}

#[test]
fn a_wait_sees_every_stage_and_ends_when_the_snapshot_is_completed() {
    let atlas = Simulator::start();
    let (seen, outcome) = statuses(&client(&config(&atlas)), "staged");
    assert_eq!(seen.first().map(String::as_str), Some("queued"));
    assert_eq!(seen.last().map(String::as_str), Some("completed"));
    assert_eq!(seen.len(), atlas.requests().len());
    assert!(outcome.unwrap().storage_size_bytes().unwrap() > 0);
}

#[test]
fn only_the_status_tells_that_a_snapshot_is_done() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let body = |status: &str| {
        format!(
            "{{\"id\":\"{SNAPSHOT}\",\"status\":{status},\"storageSizeBytes\":9,\
             \"createdAt\":\"2026-08-10T03:27:08Z\"}}"
        )
    };
    let bodies = ["\"inProgress\"", "null", "7", "\"somethingNew\"", "\"COMPLETED\""];
    atlas.script(Target::Api, bodies.map(|status| Act::respond(200, body(status))));
    let (seen, outcome) = statuses(&client, CLUSTER);
    assert_eq!(seen, ["inProgress", "none", "none", "somethingNew", "COMPLETED"]);
    outcome.unwrap();
}

#[test]
fn a_failed_snapshot_ends_the_wait_with_an_error_that_names_it() {
    let atlas = Simulator::start();
    let (seen, outcome) = statuses(&client(&config(&atlas)), "failing");
    let error = outcome.unwrap_err();
    assert_eq!(seen.last().map(String::as_str), Some("failed"));
    assert_eq!((error.kind, error.http_status), (ErrorKind::SnapshotFailed, 200), "{error:?}");
    assert!(error.message().contains(&format!("snapshot {SNAPSHOT} failed")), "{error}");
    assert!(!error.kind.is_retryable());
}

#[test]
fn a_snapshot_that_vanishes_was_deleted_and_one_never_seen_is_not_found() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let (_, outcome) = statuses(&client, "vanishing");
    let error = outcome.unwrap_err();
    assert_eq!((error.kind, error.http_status), (ErrorKind::NotFound, 404), "{error:?}");
    assert!(error.message().contains("deleted meanwhile"), "{error}");

    let (seen, outcome) = statuses(&client, "error-404");
    let error = outcome.unwrap_err();
    assert_eq!((seen.len(), error.kind), (0, ErrorKind::NotFound), "{error:?}");
    assert!(!error.message().contains("deleted meanwhile"), "{error}");
}

#[test]
fn a_wait_out_of_time_names_the_last_status_seen() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let timeout = Duration::from_millis(300);
    let (outcome, late) =
        common::overrun(timeout, || wait(&client, "stuck", Some(timeout), &mut |_| true));
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout, "{error:?}");
    assert!(error.message().contains("the last status seen was inProgress"), "{error}");
    assert!(late < Duration::from_millis(150), "{late:?}");
    // Nothing was seen: the trouble is named instead.
    let error = wait(&client, "error-500", Some(timeout), &mut |_| true).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout, "{error:?}");
    assert!(
        error.message().contains("seen was none") && error.message().contains("500"),
        "{error}"
    );
}

#[test]
fn a_wait_survives_passing_failures_and_ends_with_a_lasting_one() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let (_, outcome) = statuses(&client, "flaky");
    outcome.unwrap();
    let busy = Act::Respond {
        status: 429,
        headers: vec![("Retry-After".into(), "1".into())],
        body: "{}".into(),
    };
    for act in [busy, Act::respond(502, "<html>"), Act::respond(408, "{}"), Act::Close, Act::Reset]
    {
        atlas.script(Target::Api, [act.clone(), act]);
        let (_, outcome) = statuses(&client, CLUSTER);
        outcome.unwrap();
    }
    for status in [400, 401, 403, 404, 410] {
        atlas.clear();
        atlas.script_forever(Target::Api, [Act::respond(status, "{}")]);
        let (_, outcome) = statuses(&client, CLUSTER);
        assert_eq!(outcome.unwrap_err().http_status, status);
        assert_eq!(atlas.requests().len(), 1, "{status}");
    }
}

#[test]
fn retry_after_lengthens_the_pause_between_polls() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let busy = Act::Respond {
        status: 429,
        headers: vec![("Retry-After".into(), "1".into())],
        body: "{}".into(),
    };
    atlas.script(Target::Api, [busy]);
    let start = Instant::now();
    statuses(&client, CLUSTER).1.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn a_poll_that_hangs_ends_with_the_clients_timeout_and_the_wait_goes_on() {
    let atlas = Simulator::start();
    let mut hasty = config(&atlas);
    hasty.set_timeout_ms(300);
    atlas.script(Target::Api, [Act::Silence]);
    let start = Instant::now();
    statuses(&client(&hasty), CLUSTER).1.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(atlas.requests().len(), 2);
}

#[test]
fn progress_can_end_a_wait_even_at_its_last_answer() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    for (cluster, answers) in [("stuck", 3), (CLUSTER, 1)] {
        let mut left = answers;
        let outcome = wait(&client, cluster, SOON, &mut |_| {
            left -= 1;
            left > 0
        });
        let error = outcome.unwrap_err();
        assert_eq!((error.kind, left), (ErrorKind::Cancelled, 0), "{cluster}: {error:?}");
    }
}

#[test]
fn a_wait_polls_at_the_interval_give_or_take_a_tenth() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let polling = Polling { interval: Duration::from_millis(200), timeout: SOON, format: PLAIN };
    let mut count = 0;
    let outcome = client.wait_for_snapshot(
        ClusterType::ReplicaSet,
        PROJECT,
        "stuck",
        SNAPSHOT,
        polling,
        &mut |_| {
            count += 1;
            count < 18
        },
    );
    outcome.unwrap_err();
    let times: Vec<u64> = atlas.requests().iter().map(|seen| seen.at_ms).collect();
    let pauses: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.iter().all(|pause| (178..=500).contains(pause)), "{pauses:?}");
    // No pause is shorter than the interval unless it was drawn so.
    assert!(pauses.iter().any(|pause| *pause < 198), "no jitter: {pauses:?}");
}

#[test]
fn a_sharded_snapshot_is_waited_for_as_well() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let polling = Polling {
        interval: Duration::from_millis(20),
        timeout: SOON,
        format: Format { envelope: true, pretty: false },
    };
    let cluster_type = ClusterType::ShardedCluster;
    let snapshot = client
        .wait_for_snapshot(
            cluster_type,
            PROJECT,
            SHARDED_CLUSTER,
            SHARDED_SNAPSHOT,
            polling,
            &mut |_| true,
        )
        .unwrap();
    assert_eq!(snapshot.members().len(), 3);
}
