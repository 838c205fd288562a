//! API keys: how many round trips a request costs, and what nonces and their counts are.

use std::sync::Barrier;
use std::thread;

use atlas_backup::{Client, ClusterType, ErrorKind, Format};
use atlas_simulator::{
    Act, CLUSTER, NonceCount, PRIVATE_KEY, PROJECT, PUBLIC_KEY, SNAPSHOT, Simulator, Target,
};

use super::support::{Watched, api_key, service_account, together};
use crate::common::{digest_parameter, until};

#[test]
fn digest_costs_one_round_trip_once_challenged() {
    let atlas = Simulator::start();
    let client = Watched::new(api_key(&atlas));
    for _ in 0..5 {
        client.succeed();
    }
    let requests = atlas.requests();
    let statuses: Vec<u16> = requests.iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [401, 200, 200, 200, 200, 200]);
    assert_eq!(requests[0].header("authorization"), None);
    for (index, seen) in requests[1..].iter().enumerate() {
        let count = format!("{:08x}", index + 1);
        assert_eq!(digest_parameter(seen, "nc"), Some(&*count));
        let nonce = digest_parameter(seen, "nonce");
        assert_eq!(nonce, digest_parameter(&requests[1], "nonce"));
    }
}

#[test]
fn threads_share_the_nonce_and_no_two_requests_count_alike() {
    let atlas = Simulator::start();
    let client = Watched::new(api_key(&atlas));
    client.succeed();
    together(8, |_| (0..40).for_each(|_| client.succeed()));
    let mut counts: Vec<u32> = Vec::new();
    let mut nonces: Vec<String> = Vec::new();
    for seen in &atlas.requests()[1..] {
        assert_eq!(seen.status, 200, "{}", seen.note);
        counts.push(u32::from_str_radix(digest_parameter(seen, "nc").unwrap(), 16).unwrap());
        nonces.push(digest_parameter(seen, "nonce").unwrap().to_owned());
    }
    counts.sort();
    nonces.dedup();
    assert_eq!(counts, (1..=321).collect::<Vec<u32>>());
    assert_eq!(nonces.len(), 1);
}

#[test]
fn a_thread_with_a_stale_nonce_takes_the_one_another_has_got_since() {
    let atlas = Simulator::start();
    let client = Watched::new(api_key(&atlas));
    client.succeed();
    atlas.clear();
    let late = Target::Path(SNAPSHOT.into());
    atlas.script(late, [Act::Delay { ms: 300 }]);
    thread::scope(|scope| {
        scope.spawn(|| client.succeed());
        until("it was asked", || atlas.requests().len() == 1);
        atlas.forget_nonces();
        let format = Format::default();
        let list = client.list_snapshots(ClusterType::ReplicaSet, PROJECT, CLUSTER, format);
        assert_eq!(list.expect("a list").len(), 2);
    });
    // The late one, the list twice, the late one again.
    let requests = atlas.requests();
    let nonces: Vec<_> = requests.iter().map(|seen| digest_parameter(seen, "nonce")).collect();
    assert_eq!(nonces.len(), 4);
    assert_eq!(nonces[3], nonces[2]);
    assert_ne!(nonces[3], nonces[0]);
    // Each of the server's nonces has one of ours, which nobody can foresee.
    let ours: Vec<_> = requests.iter().map(|seen| digest_parameter(seen, "cnonce")).collect();
    assert_eq!(ours[3], ours[2]);
    assert_ne!(ours[3], ours[0]);
}

#[test]
fn the_log_says_why_a_request_is_made_once_more() {
    let atlas = Simulator::start();
    for (config, reasons) in [
        (api_key(&atlas), ["the server challenged", "the nonce was stale"]),
        (service_account(&atlas), ["", "the access token was refused"]),
    ] {
        let client = Watched::new(config);
        for reason in reasons {
            client.lines.clear();
            client.succeed();
            let lines = client.lines.all();
            let again = |line: &String| line.split_once("again because ").map(|it| it.1.to_owned());
            let told: Vec<String> = lines.iter().filter_map(|(_, line)| again(line)).collect();
            assert_eq!(told.join(", "), reason);
            atlas.forget_nonces();
            atlas.revoke_all_tokens();
        }
    }
}

#[test]
fn ten_thousand_requests_on_eight_threads_cost_ten_more_round_trips() {
    let atlas = Simulator::start();
    let mut config = api_key(&atlas);
    config.set_timeout_ms(120_000);
    let client = Client::new(&config).unwrap();
    together(8, |_| {
        for _ in 0..1250 {
            let format = Format::default();
            client
                .get_snapshot(ClusterType::ReplicaSet, PROJECT, CLUSTER, SNAPSHOT, format)
                .unwrap();
        }
    });
    let round_trips = atlas.requests().len();
    assert!((10_001..=10_010).contains(&round_trips), "{round_trips} round trips");
}

fn unauthorized(challenge: &str) -> Act {
    Act::Respond {
        status: 401,
        headers: vec![("WWW-Authenticate".into(), challenge.into())],
        body: "".into(),
    }
}

#[test]
fn a_401_with_a_new_nonce_is_answered_once_whether_it_says_stale_or_not() {
    for stale in ["", ", stale={stale}", ", stale=TRUE", ", stale=\"true\"", ", stale=false"] {
        let atlas = Simulator::start();
        atlas.change(|settings| {
            settings.digest.challenges = Some(vec![format!(
                r#"Digest realm="MMS Public API", nonce="{{nonce}}", qop="auth"{stale}"#
            )]);
        });
        let client = Watched::new(api_key(&atlas));
        client.succeed();
        atlas.forget_nonces();
        client.succeed();
        client.succeed();
        let statuses: Vec<u16> = atlas.requests().iter().map(|seen| seen.status).collect();
        assert_eq!(statuses, [401, 200, 401, 200, 200], "{stale}");
    }
}

#[test]
fn a_nonce_good_for_one_request_costs_a_round_trip_but_no_error() {
    let atlas = Simulator::start();
    atlas.change(|settings| settings.digest.nonce_uses = 1);
    let client = Watched::new(api_key(&atlas));
    together(4, |_| (0..10).for_each(|_| client.succeed()));
}

#[test]
fn a_refused_key_costs_two_round_trips() {
    for (public, private) in
        [(PUBLIC_KEY, "5e1f0c9d-0000-0000-0000-000000000000"), ("nobody", PRIVATE_KEY)]
    {
        let atlas = Simulator::start();
        let mut config = api_key(&atlas);
        config.set_api_key(Some(public.as_bytes()), Some(private.as_bytes()));
        let client = Watched::new(config);
        let error = client.fail();
        assert_eq!(error.kind, ErrorKind::Unauthenticated);
        assert_eq!(error.http_status, 401);
        let wanted = format!("the API key with the public key {public} was refused");
        assert!(error.message().contains(&wanted), "{error}");
        assert!(!error.message().contains(private), "{error}");
        assert_eq!(atlas.requests().len(), 2, "{public}");
    }
}

#[test]
fn a_key_refused_after_it_worked_costs_two_round_trips() {
    let atlas = Simulator::start();
    let client = Watched::new(api_key(&atlas));
    client.succeed();
    atlas.clear();
    let challenge = r#"Digest realm="MMS Public API", nonce="new", qop="auth", stale=false"#;
    atlas.script_forever(Target::Api, [unauthorized(challenge)]);
    assert_eq!(client.fail().kind, ErrorKind::Unauthenticated);
    assert_eq!(atlas.requests().len(), 2);
}

#[test]
fn a_server_that_calls_every_nonce_stale_is_given_up() {
    let atlas = Simulator::start();
    let challenge = r#"Digest realm="MMS Public API", nonce="n", qop="auth", stale=true"#;
    atlas.script_forever(Target::Api, [unauthorized(challenge)]);
    assert_eq!(Watched::new(api_key(&atlas)).fail().kind, ErrorKind::Unauthenticated);
    assert_eq!(atlas.requests().len(), 5);
}

#[test]
fn threads_that_overtake_each_other_at_a_strict_server_all_succeed() {
    let atlas = Simulator::start();
    atlas.change(|settings| settings.digest.nonce_count = NonceCount::Rising);
    let client = Watched::new(api_key(&atlas));
    together(8, |_| (0..100).for_each(|_| client.succeed()));
}

#[test]
fn a_nonce_going_stale_for_all_threads_costs_each_one_round_trip_at_most() {
    let atlas = Simulator::start();
    let client = Watched::new(api_key(&atlas));
    client.succeed();
    atlas.clear();
    let half = Barrier::new(9);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for round in 0..60 {
                    if round == 30 {
                        half.wait();
                    }
                    client.succeed();
                }
            });
        }
        atlas.forget_nonces();
        half.wait();
        atlas.forget_nonces();
    });
    let more = atlas.requests().len() - 8 * 60;
    // Each thread may meet each of the two once; a third time only by the other's fresh nonce being forgotten too.
    assert!((2..=24).contains(&more), "{more} round trips more");
}
