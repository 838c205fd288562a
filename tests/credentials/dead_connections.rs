//! API keys where connections die: each request that is sent is signed by itself, and a reset stays one.

use std::time::Duration;

use atlas_backup::client::Polling;
use atlas_backup::{ClusterType, ErrorKind, Format};
use atlas_simulator::{
    Act, CLUSTER, DigestSettings, NonceCount, PROJECT, SNAPSHOT, Simulator, Target,
};

use crate::common::{api_key, client, config, digest_parameter, get};

/// The requests so far: of those that were signed the number of the nonce, from 1, and its count; then the status. No
/// two may be signed alike.
fn sent(atlas: &Simulator) -> Vec<String> {
    let mut nonces: Vec<String> = Vec::new();
    let mut sent: Vec<String> = Vec::new();
    for seen in atlas.requests() {
        let Some(nonce) = digest_parameter(&seen, "nonce") else {
            sent.push(format!("unsigned {}", seen.status));
            continue;
        };
        if !nonces.iter().any(|known| known == nonce) {
            nonces.push(nonce.to_owned());
        }
        let number = nonces.iter().position(|known| known == nonce).unwrap() + 1;
        let count = digest_parameter(&seen, "nc").unwrap().trim_start_matches('0');
        let signed = format!("{number}/{count} ");
        assert!(sent.iter().all(|it| !it.starts_with(&signed)), "{signed}");
        sent.push(format!("{signed}{}", seen.status));
    }
    sent
}

/// A change of the digest's settings.
type Rule = fn(&mut DigestSettings);

/// Each name has with it how many requests it takes to see that a nonce does no good.
const RULES: [(&str, Rule, usize); 2] = [
    ("each count once", |digest| digest.nonce_count = NonceCount::Once, 2),
    ("rising counts", |digest| digest.nonce_count = NonceCount::Rising, 2),
];

/// A nonce that is no good on a new connection; the last one does not say that it is stale.
const RULES_OF_CONNECTIONS: [(&str, Rule, usize); 3] = [
    ("a nonce for each connection", |digest| digest.nonce_per_connection = true, 3),
    ("a nonce for each request", |digest| digest.nonce_uses = 1, 4),
    (
        "a nonce for each connection, in silence",
        |digest| {
            digest.nonce_per_connection = true;
            let challenge = r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth""#;
            digest.challenges = Some(vec![challenge.into()]);
        },
        3,
    ),
];

#[test]
fn a_key_at_a_server_that_only_resets_ends_as_a_network_failure() {
    let same_nonce = ["unsigned 401", "1/1 200", "1/2 200"];
    let new_nonce = ["unsigned 401", "1/1 200", "1/2 401", "2/1 200"];
    let same = RULES.map(|rule| (rule, &same_nonce[..]));
    let new = RULES_OF_CONNECTIONS.map(|rule| (rule, &new_nonce[..]));
    for ((rule, set, requests), expected) in same.into_iter().chain(new) {
        let atlas = Simulator::start();
        atlas.change(|settings| set(&mut settings.digest));
        atlas.script_forever(Target::Api, [Act::ResetIfLetIn]);
        let client = client(&api_key(config(&atlas)));
        let error = get(&client).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Network, "{rule}: {error}");
        assert!(error.kind.is_retryable() && error.http_status == 0, "{rule}");
        assert_eq!(sent(&atlas), expected, "{rule}");

        // And with a nonce that has worked.
        atlas.script(Target::Api, []);
        get(&client).unwrap();
        atlas.script_forever(Target::Api, [Act::ResetIfLetIn]);
        let before = atlas.requests().len();
        let error = get(&client).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Network, "{rule}: {error}");
        let sent = sent(&atlas);
        assert_eq!(sent.len() - before, requests, "{rule}: {sent:?}");
    }
}

#[test]
fn a_kept_connection_that_dies_costs_a_strict_server_no_challenge() {
    for (rule, set, _) in RULES {
        let atlas = Simulator::start();
        atlas.change(|settings| set(&mut settings.digest));
        let client = client(&api_key(config(&atlas)));
        get(&client).unwrap();
        for act in [Act::ResetIfLetIn, Act::CloseAfter { bytes: 0 }] {
            atlas.script(Target::Api, [act]);
            get(&client).unwrap();
        }
        let expected = ["unsigned 401", "1/1 200", "1/2 200", "1/3 200", "1/4 200", "1/5 200"];
        assert_eq!(sent(&atlas), expected, "{rule}");
    }
}

#[test]
fn a_nonce_that_ended_with_its_connection_is_replaced() {
    for (rule, set, _) in RULES_OF_CONNECTIONS {
        let atlas = Simulator::start();
        atlas.change(|settings| set(&mut settings.digest));
        // The first request that is signed at all, and one with a nonce that has worked.
        atlas.script(Target::Api, [Act::Honest, Act::ResetIfLetIn]);
        let client = client(&api_key(config(&atlas)));
        get(&client).unwrap_or_else(|error| panic!("{rule}: {error}"));
        assert_eq!(sent(&atlas).len(), 4, "{rule}: {:?}", sent(&atlas));
        atlas.script(Target::Api, [Act::ResetIfLetIn]);
        get(&client).unwrap_or_else(|error| panic!("{rule}: {error}"));
    }
}

#[test]
fn a_wait_with_a_key_goes_on_when_connections_die() {
    for (rule, set, _) in RULES.into_iter().chain(RULES_OF_CONNECTIONS) {
        let atlas = Simulator::start();
        atlas.change(|settings| set(&mut settings.digest));
        let client = client(&api_key(config(&atlas)));
        get(&client).unwrap();
        atlas.script(Target::Api, vec![Act::ResetIfLetIn; 4]);
        let polling = Polling {
            interval: Duration::from_millis(500),
            timeout: Some(Duration::from_secs(60)),
            format: Format::default(),
        };
        let cluster_type = ClusterType::ReplicaSet;
        let outcome = client.wait_for_snapshot(
            cluster_type,
            PROJECT,
            CLUSTER,
            SNAPSHOT,
            polling,
            &mut |_| true,
        );
        outcome.unwrap_or_else(|error| panic!("{rule}: {error}"));
    }
}
