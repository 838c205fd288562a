//! Who we are, proven against the simulator: Digest, tokens, the token cache, revocation. Every client here has a
//! logger at the highest level, and every log line, message and debug print is searched for secrets.

use std::ffi::CString;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use atlas_backup::client::Polling;
use atlas_backup::{
    Client, ClusterType, Config, Error, ErrorKind, Format, Level, Result, Snapshot,
};
use atlas_simulator::{
    ACCESS_TOKEN, Act, CLIENT_ID, CLIENT_SECRET, CLUSTER, NonceCount, PRIVATE_KEY, PROJECT,
    PUBLIC_KEY, SNAPSHOT, Seen, Simulator, Target,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use serde_json::{Value, json};

// ---------------------------------------------------------------------------------------------- what the tests share

/// A client whose log is kept, and searched for secrets when it is dropped.
struct Watched {
    client: Client,
    lines: Arc<Mutex<Vec<(Level, String)>>>,
}

impl Watched {
    fn new(mut config: Config) -> Watched {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        config.set_logger(
            4,
            Some(Arc::new(move |level, line: &str| {
                sink.lock().unwrap().push((level, line.to_owned()));
            })),
        );
        assert_hushed(&format!("{config:?}"));
        let client = Client::new(&config).expect("good settings");
        assert_hushed(&format!("{client:?}"));
        Watched { client, lines }
    }

    fn get(&self) -> Result<Snapshot> {
        let outcome = self.client.get_snapshot(
            ClusterType::ReplicaSet,
            PROJECT,
            CLUSTER,
            SNAPSHOT,
            Format::default(),
        );
        outcome.inspect_err(|error| assert_hushed(&format!("{error:?}")))
    }

    fn succeed(&self) {
        let snapshot = self.get().expect("a snapshot");
        assert_eq!(snapshot.id(), Some(SNAPSHOT));
    }

    fn fail(&self) -> Error {
        self.get().expect_err("a failure")
    }

    /// Waits for the snapshot at most this long.
    fn wait(&self, timeout: Duration) -> Result<Snapshot> {
        let polling = Polling {
            interval: Duration::from_millis(500),
            timeout: Some(timeout),
            format: Format::default(),
        };
        self.client.wait_for_snapshot(
            ClusterType::ReplicaSet,
            PROJECT,
            CLUSTER,
            SNAPSHOT,
            polling,
            &mut |_| true,
        )
    }

    fn warnings(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines
            .iter()
            .filter(|(level, _)| *level == Level::Warning)
            .map(|(_, line)| line.clone())
            .collect()
    }
}

impl Deref for Watched {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !thread::panicking() {
            for (_, line) in &*self.lines.lock().unwrap() {
                assert_hushed(line);
            }
        }
    }
}

fn assert_hushed(text: &str) {
    let basic = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    // All tokens of the simulator begin alike.
    let token = ACCESS_TOKEN.split('.').next().unwrap();
    for secret in [CLIENT_SECRET, PRIVATE_KEY, &basic, token] {
        assert!(!text.contains(secret), "a secret is shown: {text}");
    }
}

/// Everything but the credentials. Without TLS, which is not what is tested here.
fn settings(atlas: &Simulator) -> Config {
    let mut config = Config::new();
    config.set_base_url(Some(atlas.plain_url().as_bytes()));
    config
}

fn service_account(atlas: &Simulator) -> Config {
    let mut config = settings(atlas);
    config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(CLIENT_SECRET.as_bytes()));
    config
}

fn api_key(atlas: &Simulator) -> Config {
    let mut config = settings(atlas);
    config.set_api_key(Some(PUBLIC_KEY.as_bytes()), Some(PRIVATE_KEY.as_bytes()));
    config
}

fn caching(atlas: &Simulator, directory: &Path) -> Config {
    let mut config = service_account(atlas);
    config.set_token_cache(Some(directory.as_os_str().as_bytes()));
    config
}

/// Runs `body` on this many threads that start together.
fn together(count: usize, body: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(count);
    thread::scope(|scope| {
        for index in 0..count {
            let (barrier, body) = (&barrier, &body);
            scope.spawn(move || {
                barrier.wait();
                body(index);
            });
        }
    });
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Waits until something is so, which takes no second.
fn until(what: &str, so: impl Fn() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < ms(20_000), "never: {what}");
        thread::sleep(ms(5));
    }
}

fn to(atlas: &Simulator, path: &str) -> Vec<Seen> {
    let mut requests = atlas.requests();
    requests.retain(|seen| seen.path.starts_with(path));
    requests
}

fn to_api(atlas: &Simulator) -> Vec<Seen> {
    to(atlas, "/api/atlas/")
}

fn token_requests(atlas: &Simulator) -> usize {
    to(atlas, "/api/oauth/token").len()
}

fn bearer(seen: &Seen) -> &str {
    seen.header("authorization")
        .and_then(|header| header.strip_prefix("Bearer "))
        .expect("a token")
}

/// A parameter of a Digest `Authorization`, none of ours has a comma inside quotes.
fn digest_parameter(seen: &Seen, name: &str) -> Option<String> {
    let header = seen.header("authorization")?.strip_prefix("Digest ")?;
    header.split(", ").find_map(|part| {
        let (key, value) = part.split_once('=')?;
        (key == name).then(|| value.trim_matches('"').to_owned())
    })
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A directory of a test's own.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "atlas-credentials-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        Directory(path)
    }

    /// Names of what is inside, sorted.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The cache entry of the simulator's service account here.
    fn entry(&self, atlas: &Simulator) -> PathBuf {
        self.0.join(entry_name(atlas, CLIENT_SECRET))
    }
}

impl Deref for Directory {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn entry_name(atlas: &Simulator, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let entry = format!("{}\0{CLIENT_ID}", atlas.plain_url());
    let sum = hmac::sign(&key, entry.as_bytes());
    sum.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn write_private(path: &Path, text: &str) {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// What a process of its own is to do, by an environment variable; see [`a_process_of_its_own`].
const ROLE: &str = "ATLAS_BACKUP_TEST_ROLE";

/// This test program once more, which then only plays `role`, with its settings in the environment.
fn process(program: &Path, role: &str, atlas: &Simulator, cache: &str) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--exact", "a_process_of_its_own", "--nocapture"])
        .env_clear()
        .env(ROLE, role)
        .env("MONGODB_ATLAS_BASE_URL", atlas.plain_url())
        .env("MONGODB_ATLAS_CLIENT_ID", CLIENT_ID)
        .env("MONGODB_ATLAS_CLIENT_SECRET", CLIENT_SECRET)
        .env("MONGODB_ATLAS_TOKEN_CACHE", cache)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn this_program() -> PathBuf {
    std::env::current_exe().unwrap()
}

fn output(command: &mut Command) -> (bool, String) {
    let start = Instant::now();
    let output = loop {
        match command.output() {
            // A program just copied: another test's child may have the descriptor it was written with.
            Err(error)
                if error.kind() == std::io::ErrorKind::ExecutableFileBusy
                    && start.elapsed() < ms(20_000) =>
            {
                thread::sleep(ms(20));
            }
            output => break output.unwrap(),
        }
    };
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// No test by itself: what the processes do that other tests start.
#[test]
fn a_process_of_its_own() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    if role == "get when told" {
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
    let mut config = Config::from_env();
    if role == "get with settings" {
        // No variable counts with others' rights, so that the program has to read them itself.
        let variable = |name| std::env::var(name).unwrap();
        config.set_base_url(Some(variable("MONGODB_ATLAS_BASE_URL").as_bytes()));
        config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(CLIENT_SECRET.as_bytes()));
        config.set_token_cache(Some(variable("MONGODB_ATLAS_TOKEN_CACHE").as_bytes()));
    }
    let client = match Client::new(&config) {
        Ok(_) => Watched::new(config),
        Err(error) => panic!("{error}"),
    };
    client.succeed();
    for (_, line) in &*client.lines.lock().unwrap() {
        println!("{line}");
    }
}

// ------------------------------------------------------------------------------------------------------------ digest

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
        assert_eq!(digest_parameter(seen, "nc"), Some(count));
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
        counts.push(u32::from_str_radix(&digest_parameter(seen, "nc").unwrap(), 16).unwrap());
        nonces.push(digest_parameter(seen, "nonce").unwrap());
    }
    counts.sort();
    nonces.dedup();
    assert_eq!(counts, (1..=321).collect::<Vec<u32>>());
    assert_eq!(nonces.len(), 1);
}

#[test]
fn a_thread_whose_nonce_went_stale_takes_the_one_that_another_has_got_since() {
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
    let nonces: Vec<_> = requests
        .iter()
        .map(|seen| digest_parameter(seen, "nonce"))
        .collect();
    assert_eq!(nonces.len(), 4);
    assert_eq!(nonces[3], nonces[2]);
    assert_ne!(nonces[3], nonces[0]);
    // Each of the server's nonces has one of ours, which nobody can foresee.
    let ours: Vec<_> = requests
        .iter()
        .map(|seen| digest_parameter(seen, "cnonce"))
        .collect();
    assert_eq!(ours[3], ours[2]);
    assert_ne!(ours[3], ours[0]);
}

#[test]
fn the_log_says_why_a_request_is_made_once_more() {
    let atlas = Simulator::start();
    for (config, reasons) in [
        (
            api_key(&atlas),
            ["the server challenged", "the nonce was stale"],
        ),
        (
            service_account(&atlas),
            ["", "the access token was refused"],
        ),
    ] {
        let client = Watched::new(config);
        for reason in reasons {
            client.lines.lock().unwrap().clear();
            client.succeed();
            let lines = client.lines.lock().unwrap();
            let again = |line: &String| line.split_once("again because ").map(|it| it.1.to_owned());
            let told: Vec<String> = lines.iter().filter_map(|(_, line)| again(line)).collect();
            assert_eq!(told.join(", "), reason);
            atlas.forget_nonces();
            atlas.revoke_all_tokens();
        }
    }
}

#[test]
fn ten_thousand_requests_over_eight_threads_cost_ten_round_trips_more_at_most() {
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
    assert!(
        (10_001..=10_010).contains(&round_trips),
        "{round_trips} round trips"
    );
}

#[test]
fn a_401_with_a_new_nonce_is_answered_once_whether_it_says_stale_or_not() {
    for stale in [
        "",
        ", stale={stale}",
        ", stale=TRUE",
        ", stale=\"true\"",
        ", stale=false",
    ] {
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
    for (public, private) in [
        (PUBLIC_KEY, "5e1f0c9d-0000-0000-0000-000000000000"),
        ("nobody", PRIVATE_KEY),
    ] {
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
    assert_eq!(
        Watched::new(api_key(&atlas)).fail().kind,
        ErrorKind::Unauthenticated
    );
    assert_eq!(atlas.requests().len(), 5);
}

fn unauthorized(challenge: &str) -> Act {
    Act::Respond {
        status: 401,
        headers: vec![("WWW-Authenticate".into(), challenge.into())],
        body: "".into(),
    }
}

#[test]
fn challenges_are_answered_as_the_wild_has_them() {
    const PLAIN: &str = r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth""#;
    // The lines, then algorithm and qop of the answer.
    let cases: [(&[&str], Option<&str>, Option<&str>); 24] = [
        (&[PLAIN], None, Some("auth")),
        (&[r#"Basic realm="x""#, PLAIN], None, Some("auth")),
        (&[PLAIN, r#"Basic realm="x""#], None, Some("auth")),
        (&["Negotiate", "Bearer", PLAIN], None, Some("auth")),
        (
            &[r#"Basic realm="a, b", Digest realm="MMS Public API", nonce="{nonce}", qop="auth""#],
            None,
            Some("auth"),
        ),
        (
            &[
                r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", Basic realm="Digest nonce=\"x\"""#,
            ],
            None,
            Some("auth"),
        ),
        (
            &[r#"Negotiate, Digest realm="MMS Public API",nonce="{nonce}",qop="auth""#],
            None,
            Some("auth"),
        ),
        (
            &[r#"  Digest   realm = "MMS Public API" ,, nonce= "{nonce}"	,qop ="auth" ,"#],
            None,
            Some("auth"),
        ),
        (
            &[
                r#"Digest x="1, nonce=\"no\", 2", realm="MMS Public API", charset=UTF-8, y=z, nonce="{nonce}", userhash=false, qop="auth""#,
            ],
            None,
            Some("auth"),
        ),
        (
            &[r#"Digest flag, realm="MMS Public API", nonce="{nonce}", qop="auth""#],
            None,
            Some("auth"),
        ),
        (
            &[
                r#"digest REALM="MMS Public API", NONCE="{nonce}", QOP="AUTH", ALGORITHM=md5, Stale=FALSE"#,
            ],
            Some("md5"),
            Some("auth"),
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", qop=auth, algorithm="MD5""#],
            Some("MD5"),
            Some("auth"),
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth,auth-int""#],
            None,
            Some("auth"),
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth-int , auth""#],
            None,
            Some("auth"),
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}""#],
            None,
            None,
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", algorithm=MD5-sess"#],
            Some("MD5-sess"),
            None,
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=MD5-sess"#],
            Some("MD5-sess"),
            Some("auth"),
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=SHA-256"#],
            Some("SHA-256"),
            Some("auth"),
        ),
        (
            &[
                r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=sha-256-SESS"#,
            ],
            Some("sha-256-SESS"),
            Some("auth"),
        ),
        (
            &[r#"Digest realm="MMS Public API", nonce="{nonce}", algorithm=SHA-256"#],
            Some("SHA-256"),
            None,
        ),
        // The strongest that we know.
        (
            &[
                r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=MD5"#,
                r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=SHA-256"#,
            ],
            Some("SHA-256"),
            Some("auth"),
        ),
        (
            &[
                r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=SHA-999, Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=MD5"#,
            ],
            Some("MD5"),
            Some("auth"),
        ),
        // Of two alike the first.
        (
            &[
                PLAIN,
                r#"Digest realm="another", nonce="{nonce}", qop="auth""#,
            ],
            None,
            Some("auth"),
        ),
        (
            &[
                r#"Digest realm="another", nonce="{nonce}", qop="auth-int""#,
                PLAIN,
            ],
            None,
            Some("auth"),
        ),
    ];
    let atlas = Simulator::start();
    for (lines, algorithm, qop) in cases {
        atlas.clear();
        atlas.change(|settings| {
            settings.digest.challenges = Some(lines.iter().map(|&line| line.into()).collect());
        });
        let client = Watched::new(api_key(&atlas));
        client.succeed();
        client.succeed();
        let requests = atlas.requests();
        assert_eq!(requests.len(), 3, "{lines:?}: {}", requests[1].note);
        for seen in &requests[1..] {
            assert_eq!(
                digest_parameter(seen, "algorithm").as_deref(),
                algorithm,
                "{lines:?}"
            );
            assert_eq!(digest_parameter(seen, "qop").as_deref(), qop, "{lines:?}");
            assert_eq!(
                digest_parameter(seen, "nc").is_some(),
                qop.is_some(),
                "{lines:?}"
            );
        }
    }
}

#[test]
fn realm_and_opaque_are_repeated_as_they_came() {
    let atlas = Simulator::start();
    let lines = r#"Digest realm="a, \"b\" \\ c", nonce="{nonce}", qop="auth", opaque="x\"y=,""#;
    atlas.change(|settings| {
        settings.digest.realm = r#"a, "b" \ c"#.into();
        settings.digest.opaque = Some(r#"x"y=,"#.into());
        settings.digest.challenges = Some(vec![lines.into()]);
    });
    Watched::new(api_key(&atlas)).succeed();
    assert_eq!(atlas.requests().len(), 2);
}

#[test]
fn a_key_is_never_sent_in_a_way_the_server_did_not_ask_for() {
    let cases = [
        r#"Basic realm="MMS Public API""#,
        "Bearer",
        r#"Basic realm="MMS Public API", nonce="{nonce}", qop="auth""#,
        r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth-int""#,
        r#"Digest realm="MMS Public API", nonce="{nonce}", qop="auth", algorithm=SHA-1"#,
        r#"Digest realm="MMS Public API", qop="auth""#,
        r#"Digest nonce="{nonce}", qop="auth""#,
        r#"Basic realm="Digest realm=\"MMS Public API\", nonce=\"{nonce}\"""#,
        "",
        ",=\"",
    ];
    let atlas = Simulator::start();
    for line in cases {
        atlas.clear();
        atlas.change(|settings| settings.digest.challenges = Some(vec![line.into()]));
        let error = Watched::new(api_key(&atlas)).fail();
        assert_eq!(error.kind, ErrorKind::Unauthenticated, "{line}");
        assert!(
            error.message().contains("no Digest authentication"),
            "{error}"
        );
        let requests = atlas.requests();
        assert_eq!(requests.len(), 1, "{line}");
        assert_eq!(requests[0].header("authorization"), None, "{line}");
    }
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

// ------------------------------------------------------------------------------------------------------------ tokens

#[test]
fn sixteen_threads_in_need_of_a_token_fetch_one() {
    let atlas = Simulator::start();
    atlas.script(Target::Token, [Act::Delay { ms: 200 }]);
    let client = Watched::new(service_account(&atlas));
    together(16, |_| client.succeed());
    assert_eq!(token_requests(&atlas), 1);
    let api = to_api(&atlas);
    assert_eq!(api.len(), 16);
    assert!(api.iter().all(|seen| bearer(seen) == bearer(&api[0])));
    let asked = &to(&atlas, "/api/oauth/token")[0];
    assert_eq!(asked.method, "POST");
    assert_eq!(asked.body, "grant_type=client_credentials");
}

#[test]
fn one_thread_refreshes_ahead_while_the_others_use_the_old_token() {
    let atlas = Simulator::start();
    atlas.change(|settings| settings.expires_in = json!(4));
    let client = Watched::new(service_account(&atlas));
    let start = Instant::now();
    client.succeed();
    thread::sleep(ms(3650).saturating_sub(start.elapsed()));
    atlas.clear();
    atlas.script(Target::Token, [Act::Delay { ms: 1000 }]);
    let slow = AtomicU32::new(0);
    together(8, |_| {
        let start = Instant::now();
        client.succeed();
        if start.elapsed() >= ms(900) {
            slow.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert_eq!(slow.into_inner(), 1, "threads that waited");
    assert_eq!(token_requests(&atlas), 1);
    let api = to_api(&atlas);
    let old = api.iter().filter(|seen| bearer(seen) == bearer(&api[0]));
    assert_eq!(old.count(), 7);
}

#[test]
fn the_old_token_is_used_on_when_the_refresh_fails() {
    let html = Act::Respond {
        status: 503,
        headers: vec![("Content-Type".into(), "text/html".into())],
        body: "<html><title>503</title></html>".into(),
    };
    let refused = r#"{"error":"invalid_client","error_description":"expired"}"#;
    let failures = [
        Act::respond(500, "{}"),
        Act::respond(401, refused),
        Act::respond(200, "[]"),
        Act::respond(404, "{}"),
        html,
        Act::Close,
        Act::Reset,
        Act::Silence,
        Act::DripHead {
            bytes_per_second: 1,
        },
    ];
    thread::scope(|scope| {
        for failure in failures {
            scope.spawn(move || {
                let atlas = Simulator::start();
                atlas.change(|settings| settings.expires_in = json!(5));
                let mut config = service_account(&atlas);
                config.set_timeout_ms(800);
                let client = Watched::new(config);
                let start = Instant::now();
                client.succeed();
                let token = bearer(&to_api(&atlas)[0]).to_owned();
                thread::sleep(ms(4550).saturating_sub(start.elapsed()));
                atlas.clear();
                atlas.script_forever(Target::Token, [failure.clone()]);
                // The second asks no more.
                client.succeed();
                client.succeed();
                let api = to_api(&atlas);
                assert!(api.iter().all(|seen| bearer(seen) == token), "{failure:?}");
                assert!(token_requests(&atlas) <= 2, "{failure:?}");
                let warnings = client.warnings();
                assert_eq!(warnings.len(), 1, "{failure:?}: {warnings:?}");
                assert!(warnings[0].contains("is used on"), "{warnings:?}");
            });
        }
    });
}

#[test]
fn whoever_waits_for_a_token_waits_no_longer_than_its_own_deadline() {
    let atlas = Simulator::start();
    atlas.script(Target::Token, [Act::Delay { ms: 1500 }]);
    let client = Watched::new(service_account(&atlas));
    thread::scope(|scope| {
        scope.spawn(|| client.succeed());
        until("the fetch", || token_requests(&atlas) == 1);
        let start = Instant::now();
        let error = client.wait(ms(300)).expect_err("no time");
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert!(
            (ms(290)..ms(450)).contains(&start.elapsed()),
            "{:?}",
            start.elapsed()
        );
    });
    assert_eq!(token_requests(&atlas), 1);
}

#[test]
fn a_fetcher_out_of_time_does_not_fail_those_who_waited_for_it() {
    let atlas = Simulator::start();
    atlas.script(Target::Token, [Act::Silence]);
    let client = Watched::new(service_account(&atlas));
    thread::scope(|scope| {
        scope.spawn(|| {
            let error = client.wait(ms(300)).expect_err("no time");
            assert_eq!(error.kind, ErrorKind::Timeout);
        });
        until("the fetch", || token_requests(&atlas) == 1);
        for _ in 0..4 {
            scope.spawn(|| client.succeed());
        }
    });
    assert_eq!(token_requests(&atlas), 2);
}

#[test]
fn a_call_that_joined_a_cancelled_fetch_fetches_for_itself() {
    let atlas = Simulator::start();
    let client = Watched::new(service_account(&atlas));
    for _ in 0..20 {
        atlas.revoke_all_tokens();
        atlas.clear();
        let _ = client.revoke_token();
        atlas.clear();
        atlas.script(Target::Token, [Act::Silence]);
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(client.fail().kind, ErrorKind::Cancelled));
            until("the fetch", || token_requests(&atlas) == 1);
            client.cancel();
            client.succeed();
        });
        assert_eq!(token_requests(&atlas), 2);
    }
}

#[test]
fn a_refused_token_is_replaced_once() {
    let atlas = Simulator::start();
    let client = Watched::new(service_account(&atlas));
    client.succeed();
    atlas.clear();
    atlas.revoke_all_tokens();
    client.succeed();
    let statuses: Vec<u16> = atlas.requests().iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [401, 200, 200]);

    atlas.clear();
    atlas.revoke_all_tokens();
    together(8, |_| client.succeed());
    assert_eq!(token_requests(&atlas), 1, "for eight threads");

    atlas.clear();
    atlas.script_forever(Target::Api, [Act::respond(401, "{}")]);
    let error = client.fail();
    assert_eq!(error.kind, ErrorKind::Unauthenticated);
    assert!(error.message().contains(CLIENT_ID), "{error}");
    assert_eq!((to_api(&atlas).len(), token_requests(&atlas)), (2, 1));
}

#[test]
fn a_refused_token_is_not_used_on_though_it_would_have_lived() {
    let atlas = Simulator::start();
    atlas.change(|settings| settings.expires_in = json!(5));
    let mut config = service_account(&atlas);
    config.set_max_retries(0);
    let client = Watched::new(config);
    let start = Instant::now();
    client.succeed();
    thread::sleep(ms(4200).saturating_sub(start.elapsed()));
    atlas.clear();
    atlas.revoke_all_tokens();
    // When the refusal comes, the token is due for a refresh.
    atlas.script(Target::Api, [Act::Delay { ms: 500 }]);
    atlas.script_forever(Target::Token, [Act::respond(500, "{}")]);
    assert_eq!(client.fail().kind, ErrorKind::Server);
    assert_eq!((to_api(&atlas).len(), token_requests(&atlas)), (1, 1));
}

#[test]
fn any_expires_in_is_survived() {
    let lives = [
        "0",
        "-1",
        "-1e300",
        "1e-300",
        "0.001",
        "1",
        "3600",
        "3600.5",
        "\"3600\"",
        "\" 60 \"",
        "\"soon\"",
        "\"\"",
        "null",
        "true",
        "[]",
        "{}",
        "1e300",
        "1e999",
        "-1e999",
        "9223372036854775807",
        "18446744073709551616",
        "",
    ];
    let atlas = Simulator::start();
    for life in lives {
        atlas.clear();
        let member = match life {
            "" => String::new(),
            _ => format!(r#","expires_in":{life}"#),
        };
        let body = format!(r#"{{"access_token":"{ACCESS_TOKEN}","token_type":"bearer"{member}}}"#);
        atlas.script(Target::Token, [Act::respond(200, body)]);
        let client = Watched::new(service_account(&atlas));
        client.succeed();
        client.succeed();
        assert_eq!(token_requests(&atlas), 1, "{life}");
    }
}

#[test]
fn what_goes_wrong_at_the_token_endpoint_is_said() {
    let text = |status: u16, kind: &str, body: &str| Act::Respond {
        status,
        headers: vec![
            ("Content-Type".into(), kind.into()),
            ("Retry-After".into(), "7".into()),
        ],
        body: body.into(),
    };
    let basic = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    let cases = [
        (
            Act::respond(
                401,
                r#"{"error":"invalid_client","error_description":"Client authentication failed."}"#,
            ),
            (
                ErrorKind::Unauthenticated,
                401,
                "invalid_client",
                "Client authentication failed.",
            ),
            "check client id and secret",
        ),
        (
            Act::respond(400, r#"{"error":"invalid_client"}"#),
            (ErrorKind::Unauthenticated, 400, "invalid_client", ""),
            CLIENT_ID,
        ),
        (
            Act::respond(
                403,
                r#"{"error":"access_denied","error_description":"too many"}"#,
            ),
            (ErrorKind::Forbidden, 403, "access_denied", "too many"),
            "(100): share a token cache",
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
        (
            Act::respond(500, ""),
            (ErrorKind::Server, 500, "", ""),
            "status.mongodb.com",
        ),
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
            Act::Redirect {
                status: 302,
                location: "https://evil.example/".into(),
            },
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
        assert!(
            error.message().contains("fetch an access token: "),
            "{error}"
        );
        assert_eq!(
            (token_requests(&atlas), to_api(&atlas).len()),
            (1, 0),
            "{error}"
        );
    }
}

#[test]
fn a_token_that_a_server_echoes_is_not_shown() {
    let atlas = Simulator::start();
    // Also where only its beginning would fit into the message.
    for body in [
        ACCESS_TOKEN.to_owned(),
        format!("{}{ACCESS_TOKEN}", "x".repeat(60)),
    ] {
        let (headers, body) = (vec![], body.into());
        let act = Act::Respond {
            status: 418,
            headers,
            body,
        };
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
    let format = Format {
        envelope: true,
        pretty: false,
    };
    let error = client
        .get_snapshot(ClusterType::ReplicaSet, PROJECT, CLUSTER, SNAPSHOT, format)
        .expect_err("a failure");
    assert_eq!(error.detail, "[secret]");
    assert_hushed(&format!("{error:?}"));
}

#[test]
fn tokens_come_from_where_the_api_is() {
    let atlas = Simulator::start();
    let token = format!(r#"{{"access_token":"{ACCESS_TOKEN}","expires_in":3600}}"#);
    atlas.script(
        Target::Path("/gov/base/api/oauth/token".into()),
        [Act::respond(200, token)],
    );
    atlas.script(
        Target::Path("/gov/base/api/atlas".into()),
        [Act::respond(200, format!(r#"{{"id":"{SNAPSHOT}"}}"#))],
    );
    let mut config = service_account(&atlas);
    config.set_base_url(Some(format!("{}/gov/base/", atlas.plain_url()).as_bytes()));
    let client = Watched::new(config);
    client.succeed();
    client
        .revoke_token()
        .expect_err("the simulator knows no such path");
    let paths: Vec<String> = atlas.requests().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths[0], "/gov/base/api/oauth/token");
    assert!(
        paths[1].starts_with("/gov/base/api/atlas/v2/groups/"),
        "{paths:?}"
    );
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

// ------------------------------------------------------------------------------------------------------- token cache

#[test]
fn a_cached_token_serves_every_client_with_the_right_secret() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let cache = directory.join("made").join("here");
    Watched::new(caching(&atlas, &cache)).succeed();
    for made in [&cache, cache.parent().unwrap()] {
        assert_eq!(made.metadata().unwrap().mode() & 0o7777, 0o700);
    }
    let entry = cache.join(entry_name(&atlas, CLIENT_SECRET));
    let mut names: Vec<PathBuf> = fs::read_dir(&cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    assert_eq!(names, [entry.clone(), entry.with_extension("lock")]);
    for file in &names {
        assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o600, "{file:?}");
    }
    let document: Value = serde_json::from_slice(&fs::read(&entry).unwrap()).unwrap();
    assert_eq!(document["access_token"], bearer(&to_api(&atlas)[0]));
    let life = document["expires_at"].as_u64().unwrap() - document["issued_at"].as_u64().unwrap();
    assert!((3599..=3600).contains(&life));

    let other = Watched::new(caching(&atlas, &cache));
    other.succeed();
    assert_eq!((token_requests(&atlas), other.warnings().len()), (1, 0));

    // A wrong or rotated secret finds nothing: it gets its own refusal, not somebody's token.
    atlas.clear();
    let mut config = caching(&atlas, &cache);
    config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(b"mdb_sa_sk_another"));
    assert_eq!(Watched::new(config).fail().kind, ErrorKind::Unauthenticated);
    assert_eq!((token_requests(&atlas), to_api(&atlas).len()), (1, 0));
}

#[test]
fn what_is_not_ours_is_left_alone_with_one_warning() {
    type Spoil = fn(&Path, &Path);
    let cases: [(&str, Spoil, &str, bool); 12] = [
        (
            "a symbolic link",
            |entry, _| symlink("/etc/passwd", entry).unwrap(),
            "symbolic link",
            false,
        ),
        (
            "a link to a good entry",
            |entry, directory| {
                let target = directory.join("target");
                write_private(&target, &good_entry(ACCESS_TOKEN, 3600, 3000));
                symlink(target, entry).unwrap();
            },
            "symbolic link",
            false,
        ),
        ("a FIFO", |entry, _| fifo(entry), "no plain file", false),
        (
            "a directory",
            |entry, _| fs::create_dir(entry).unwrap(),
            "no plain file",
            false,
        ),
        (
            "a readable file",
            |entry, _| {
                write_private(entry, &good_entry(ACCESS_TOKEN, 3600, 3000));
                fs::set_permissions(entry, Permissions::from_mode(0o640)).unwrap();
            },
            "mode 0640, not 0600",
            false,
        ),
        (
            "another's file",
            |entry, _| {
                write_private(entry, &good_entry(ACCESS_TOKEN, 3600, 3000));
                chown(entry, Some(12345), None).unwrap();
            },
            "belongs to another user",
            true,
        ),
        (
            "a FIFO for a lock",
            |entry, _| fifo(&entry.with_extension("lock")),
            "no plain file",
            false,
        ),
        (
            "a link for a lock",
            |entry, directory| {
                symlink(directory.join("new"), entry.with_extension("lock")).unwrap();
            },
            "symbolic link",
            false,
        ),
        (
            "another's lock",
            |entry, _| {
                write_private(&entry.with_extension("lock"), "");
                chown(entry.with_extension("lock"), Some(12345), None).unwrap();
            },
            "belongs to another user",
            true,
        ),
        (
            "a group's directory",
            |_, directory| {
                fs::set_permissions(directory, Permissions::from_mode(0o770)).unwrap();
            },
            "writable by others",
            false,
        ),
        (
            "everybody's directory",
            |_, directory| {
                fs::set_permissions(directory, Permissions::from_mode(0o1703)).unwrap();
            },
            "writable by others",
            false,
        ),
        (
            "another's directory",
            |_, directory| chown(directory, Some(12345), None).unwrap(),
            "belongs to another user",
            true,
        ),
    ];
    let atlas = Simulator::start();
    for (what, spoil, why, as_root) in cases {
        if as_root && !is_root() {
            eprintln!("skipped, as it needs root: {what}");
            continue;
        }
        let directory = Directory::new();
        let entry = directory.entry(&atlas);
        spoil(&entry, &directory);
        let before = portrait(&directory);
        atlas.clear();
        let client = Watched::new(caching(&atlas, &directory));
        client.succeed();
        client.succeed();
        let warnings = client.warnings();
        assert_eq!(warnings.len(), 1, "{what}: {warnings:?}");
        assert!(warnings[0].contains(why), "{what}: {warnings:?}");
        assert_eq!(atlas.tokens_issued(), 1, "{what}");
        let mut after = portrait(&directory);
        // The lock of our own may be there now.
        after.retain(|line| before.contains(line) || !line.contains(".lock "));
        assert_eq!(after, before, "{what}");
        let _ = fs::set_permissions(&*directory, Permissions::from_mode(0o700));
    }
}

#[test]
fn what_stands_in_the_directorys_place_is_neither_opened_nor_waited_for() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let place = directory.join("place");
    fifo(&place);
    let client = Watched::new(caching(&atlas, &place));
    let start = Instant::now();
    client.succeed();
    assert!(start.elapsed() < ms(5000), "{:?}", start.elapsed());
    assert!(client.warnings()[0].contains("Not a directory"));
}

fn fifo(path: &Path) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path is NUL-terminated.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

/// What is in a directory, in every respect that matters.
fn portrait(directory: &Path) -> Vec<String> {
    let mut lines: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let meta = entry.path().symlink_metadata().unwrap();
            let content = match meta.file_type() {
                kind if kind.is_file() => fs::read_to_string(entry.path()).unwrap(),
                kind if kind.is_fifo() => "fifo".into(),
                kind if kind.is_symlink() => format!("{:?}", fs::read_link(entry.path()).unwrap()),
                _ => String::new(),
            };
            format!(
                "{} {:o} {} {} {content}",
                entry.path().display(),
                meta.mode(),
                meta.uid(),
                meta.ino()
            )
        })
        .collect();
    lines.sort();
    lines
}

/// An entry with this much of life granted, of which so much is left.
fn good_entry(token: &str, life: u64, left: u64) -> String {
    let end = unix_now() + left;
    json!({"access_token": token, "issued_at": end - life, "expires_at": end}).to_string()
}

#[test]
fn an_entry_that_makes_no_sense_is_rewritten() {
    let now = unix_now();
    let with = |token: Value, issued: Value, expires: Value| {
        json!({"access_token": token, "issued_at": issued, "expires_at": expires}).to_string()
    };
    let good = good_entry("some-token", 3600, 3000);
    let entries = [
        String::new(),
        "null".into(),
        "[]".into(),
        "7".into(),
        "{}".into(),
        "\0\0\0\0".into(),
        good[..good.len() - 1].into(),
        format!("{{\"x\":\"{}\",{}", "x".repeat(100_000), &good[1..]),
        format!("{good}x"),
        with(json!(null), json!(now), json!(now + 3600)),
        with(json!(""), json!(now), json!(now + 3600)),
        with(json!("a\r\nb"), json!(now), json!(now + 3600)),
        with(json!("ä"), json!(now), json!(now + 3600)),
        with(json!("t"), json!("now"), json!(now + 3600)),
        with(json!("t"), json!(now), json!(-1)),
        with(json!("t"), json!(now), json!(1e300)),
        with(json!("t"), json!(now), json!(u64::MAX)),
        with(json!("t"), json!(u64::MAX), json!(u64::MAX)),
        with(json!("t"), json!(0), json!(i64::MAX)),
        // Longer than any token lives; begun in the future; ended before it began; over.
        with(json!("t"), json!(now), json!(now + 30 * 86400)),
        with(json!("t"), json!(now + 7200), json!(now + 10800)),
        with(json!("t"), json!(now + 3600), json!(now + 1800)),
        with(json!("t"), json!(now - 3600), json!(now)),
        with(json!("t"), json!(now - 7200), json!(now - 3600)),
    ];
    let atlas = Simulator::start();
    for text in entries {
        let directory = Directory::new();
        let entry = directory.entry(&atlas);
        write_private(&entry, &text);
        atlas.clear();
        Watched::new(caching(&atlas, &directory)).succeed();
        let second = Watched::new(caching(&atlas, &directory));
        second.succeed();
        let api = to_api(&atlas);
        assert_eq!((api.len(), atlas.tokens_issued()), (2, 1), "{text:.200}");
        assert!(second.warnings().is_empty());
        assert_eq!(entry.metadata().unwrap().mode() & 0o7777, 0o600);
    }
}

#[test]
fn a_cached_token_nearly_over_is_refreshed_or_used_on() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let old = good_entry(ACCESS_TOKEN, 3600, 200);
    write_private(&directory.entry(&atlas), &old);

    atlas.script_forever(Target::Token, [Act::respond(500, "{}")]);
    let client = Watched::new(caching(&atlas, &directory));
    client.succeed();
    client.succeed();
    assert_eq!(bearer(&to_api(&atlas)[0]), ACCESS_TOKEN);
    assert_eq!((token_requests(&atlas), client.warnings().len()), (1, 1));
    assert_eq!(fs::read_to_string(directory.entry(&atlas)).unwrap(), old);

    atlas.clear();
    Watched::new(caching(&atlas, &directory)).succeed();
    Watched::new(caching(&atlas, &directory)).succeed();
    assert_eq!(token_requests(&atlas), 1);
    assert!(
        to_api(&atlas)
            .iter()
            .all(|seen| bearer(seen) != ACCESS_TOKEN)
    );
}

#[test]
fn whoever_has_a_living_token_does_not_wait_for_another_process_to_refresh_it() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let old = good_entry(ACCESS_TOKEN, 3600, 200);
    write_private(&directory.entry(&atlas), &old);
    atlas.script(Target::Token, [Act::Delay { ms: 1500 }]);
    thread::scope(|scope| {
        scope.spawn(|| Watched::new(caching(&atlas, &directory)).succeed());
        until("the refresh", || token_requests(&atlas) == 1);
        let start = Instant::now();
        Watched::new(caching(&atlas, &directory)).succeed();
        assert!(start.elapsed() < ms(1000), "{:?}", start.elapsed());
    });
    assert_eq!(token_requests(&atlas), 1);
}

#[test]
fn a_left_over_temporary_file_is_no_obstacle() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let temporary = directory.entry(&atlas).with_extension("tmp");
    write_private(&temporary, "half a tok");
    Watched::new(caching(&atlas, &directory)).succeed();
    assert!(directory.entry(&atlas).exists() && !temporary.exists());
}

/// A file system of one page, until dropped.
struct SmallDisk(CString);

impl SmallDisk {
    fn mount_on(directory: &Path) -> std::io::Result<SmallDisk> {
        let target = CString::new(directory.as_os_str().as_bytes()).unwrap();
        let (kind, options) = (c"tmpfs".as_ptr(), c"size=4096,mode=0700".as_ptr().cast());
        // SAFETY: all texts are NUL-terminated.
        match unsafe { libc::mount(kind, target.as_ptr(), kind, 0, options) } {
            0 => Ok(SmallDisk(target)),
            _ => Err(std::io::Error::last_os_error()),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Detached, as a process started meanwhile by another test may have our descriptors for a moment.
        // SAFETY: the path is NUL-terminated.
        unsafe { libc::umount2(self.0.as_ptr(), libc::MNT_DETACH) };
    }
}

#[test]
fn a_full_disk_costs_only_the_cache() {
    let directory = Directory::new();
    let _disk = match SmallDisk::mount_on(&directory) {
        Ok(disk) => disk,
        Err(error) => {
            eprintln!("skipped: a file system of one page cannot be mounted ({error})");
            return;
        }
    };
    let atlas = Simulator::start();
    fs::write(directory.join("filler"), [0; 4096]).unwrap();
    let client = Watched::new(caching(&atlas, &directory));
    client.succeed();
    client.succeed();
    let (warnings, names) = (client.warnings(), directory.names());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("No space left"), "{warnings:?}");
    assert_eq!(token_requests(&atlas), 1);
    // Nothing half-written stays beside filler and lock.
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_read_only_place_costs_only_the_cache() {
    let atlas = Simulator::start();
    let place = Directory::new();
    let (cache, program) = (place.join("cache"), place.join("program"));
    fs::copy(this_program(), &program).unwrap();
    fs::set_permissions(&*place, Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, Permissions::from_mode(0o555)).unwrap();
    let mut command = process(&program, "get", &atlas, cache.to_str().unwrap());
    if is_root() {
        command.uid(65534).gid(65534); // root may write anywhere
    }
    let (good, text) = output(&mut command);
    assert!(good, "{text}");
    assert_eq!(
        text.matches("is not used: Permission denied").count(),
        1,
        "{text}"
    );
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
}

#[test]
fn the_cache_is_off_in_a_program_with_anothers_rights() {
    if !is_root() {
        eprintln!("skipped: making a set-user-id program of another user needs root");
        return;
    }
    let atlas = Simulator::start();
    let place = Directory::new();
    let (cache, program) = (place.join("cache"), place.join("program"));
    fs::copy(this_program(), &program).unwrap();
    fs::set_permissions(&*place, Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(&cache).unwrap();
    chown(&cache, Some(65534), Some(65534)).unwrap();
    fs::set_permissions(&cache, Permissions::from_mode(0o700)).unwrap();
    chown(&program, Some(65534), Some(65534)).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o4755)).unwrap();
    let (good, text) = output(&mut process(
        &program,
        "get with settings",
        &atlas,
        cache.to_str().unwrap(),
    ));
    assert!(good, "{text}");
    assert!(text.contains("token_cache is off"), "{text}");
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
}

#[test]
fn the_default_place_is_the_users_cache_directory() {
    let atlas = Simulator::start();
    // XDG_CACHE_HOME, HOME, and where the cache is then.
    let cases = [
        (Some("xdg"), Some("home"), Some("xdg/atlas-backup")),
        (Some("deep/er/xdg"), Some("home"), None), // a hole that deep is a mistyped path
        (None, Some("home"), Some("home/.cache/atlas-backup")),
    ];
    for (xdg, home, expected) in cases {
        let place = Directory::new();
        fs::create_dir(place.join("home")).unwrap();
        let mut command = process(&this_program(), "get", &atlas, "default");
        for (name, value) in [("XDG_CACHE_HOME", xdg), ("HOME", home)] {
            if let Some(value) = value {
                command.env(name, place.join(value));
            }
        }
        let (good, text) = output(&mut command);
        assert!(good, "{text}");
        match expected {
            Some(expected) => {
                let directory = place.join(expected);
                assert_eq!(directory.metadata().unwrap().mode() & 0o7777, 0o700);
                assert!(directory.join(entry_name(&atlas, CLIENT_SECRET)).exists());
            }
            None => assert!(text.contains("No such file"), "{text}"),
        }
    }
    // The standard says to ignore a relative one.
    let place = Directory::new();
    let mut command = process(&this_program(), "get", &atlas, "default");
    command
        .env("XDG_CACHE_HOME", "relative")
        .env("HOME", &*place);
    assert!(output(&mut command).0);
    assert!(place.join(".cache/atlas-backup").exists());
    // And with neither there is none.
    for home in [None, Some(""), Some("relative")] {
        let mut command = process(&this_program(), "get", &atlas, "default");
        if let Some(home) = home {
            command.env("HOME", home);
        }
        let (good, text) = output(&mut command);
        assert!(good, "{text}");
        let warning = "token_cache is off: it is \"default\", and neither XDG_CACHE_HOME nor HOME";
        assert_eq!(text.matches(warning).count(), 1, "{text}");
    }
}

#[test]
fn a_hundred_processes_starting_at_once_make_one_token_request() {
    let atlas = Simulator::start();
    atlas.script(Target::Token, [Act::Delay { ms: 300 }]);
    let directory = Directory::new();
    let mut children: Vec<Child> = (0..100)
        .map(|_| {
            let cache = directory.to_str().unwrap();
            let mut command = process(&this_program(), "get when told", &atlas, cache);
            command.stdin(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in &mut children {
        drop(child.stdin.take());
    }
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
    }
    assert_eq!(token_requests(&atlas), 1);
    assert_eq!(to_api(&atlas).len(), 100);
    assert!(to_api(&atlas).iter().all(|seen| seen.status == 200));
}

#[test]
fn a_stopped_process_that_holds_the_lock_does_not_stop_the_others() {
    let atlas = Simulator::start();
    atlas.script(Target::Token, [Act::Silence]);
    let directory = Directory::new();
    let mut stopped = process(&this_program(), "get", &atlas, directory.to_str().unwrap())
        .spawn()
        .unwrap();
    until("the fetch", || token_requests(&atlas) == 1);
    let pid = stopped.id() as libc::pid_t;
    // SAFETY: a signal to a child of ours that was not yet waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGSTOP) }, 0);
    let mut config = caching(&atlas, &directory);
    config.set_timeout_ms(2000);
    let client = Watched::new(config);
    let start = Instant::now();
    client.succeed();
    let took = start.elapsed();
    stopped.kill().unwrap();
    stopped.wait().unwrap();
    assert!((ms(950)..ms(1900)).contains(&took), "{took:?}");
    assert_eq!(token_requests(&atlas), 2);
    // The dead hold no locks.
    let start = Instant::now();
    Watched::new(caching(&atlas, &directory)).succeed();
    assert!(start.elapsed() < ms(1000));
}

#[test]
fn a_program_started_meanwhile_inherits_neither_lock_nor_directory() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let client = Watched::new(caching(&atlas, &directory));
    atlas.script(Target::Token, [Act::Delay { ms: 300 }]);
    thread::scope(|scope| {
        scope.spawn(|| client.succeed());
        let held = || {
            let all = fs::read_dir("/proc/self/fd").unwrap().flatten();
            let ours = all.filter(|it| {
                fs::read_link(it.path()).is_ok_and(|target| target.starts_with(&*directory))
            });
            ours.map(|it| it.file_name()).collect::<Vec<_>>()
        };
        until("the entry is locked", || held().len() == 2);
        for descriptor in held() {
            let path = Path::new("/proc/self/fdinfo").join(descriptor);
            let text = fs::read_to_string(path).unwrap();
            let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
            let flags = i32::from_str_radix(flags.unwrap().trim(), 8).unwrap();
            assert!(flags & libc::O_CLOEXEC != 0, "{text}");
        }
    });
}

#[test]
fn waiting_for_the_lock_ends_with_a_cancellation() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    atlas.script(Target::Token, [Act::Silence]);
    let (holder, waiter) = (
        Watched::new(caching(&atlas, &directory)),
        Watched::new(caching(&atlas, &directory)),
    );
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(holder.fail().kind, ErrorKind::Cancelled));
        until("the fetch", || token_requests(&atlas) == 1);
        let waiting = scope.spawn(|| (waiter.fail().kind, Instant::now()));
        thread::sleep(ms(200));
        let start = Instant::now();
        waiter.cancel();
        let (kind, end) = waiting.join().unwrap();
        assert_eq!(kind, ErrorKind::Cancelled);
        assert!(end - start < ms(100));
        holder.cancel();
    });
    assert_eq!(token_requests(&atlas), 1);
}

#[test]
fn a_fork_while_the_lock_is_held_keeps_nobody_waiting() {
    let atlas = Simulator::start();
    atlas.script(Target::Token, [Act::Delay { ms: 800 }]);
    let directory = Directory::new();
    let client = Watched::new(caching(&atlas, &directory));
    let child = thread::scope(|scope| {
        scope.spawn(|| client.succeed());
        until("the fetch", || token_requests(&atlas) == 1);
        // SAFETY: the child calls the library, which promises to work there, and ends without running any handler.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let code = i32::from(client.get().is_err());
            // It lives on with the descriptor of the lock that it inherited.
            thread::sleep(ms(4000));
            // SAFETY: ends this process.
            unsafe { libc::_exit(code) };
        }
        child
    });
    assert!(child > 0);
    atlas.revoke_all_tokens();
    let start = Instant::now();
    Watched::new(caching(&atlas, &directory)).succeed();
    assert!(start.elapsed() < ms(2000), "{:?}", start.elapsed());
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child's call failed");
    // The child found its parent's token in the cache; the second was fetched after the revocation.
    assert_eq!(token_requests(&atlas), 2);
}

#[test]
fn a_revoked_token_in_the_cache_is_replaced_by_one_client_for_all() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let clients: Vec<Watched> = (0..8)
        .map(|_| Watched::new(caching(&atlas, &directory)))
        .collect();
    clients.iter().for_each(Watched::succeed);
    for knows in [true, false] {
        atlas.clear();
        atlas.revoke_all_tokens();
        together(8, |index| match knows {
            true => clients[index].succeed(),
            false => Watched::new(caching(&atlas, &directory)).succeed(),
        });
        assert_eq!(
            token_requests(&atlas),
            1,
            "clients that know the old token: {knows}"
        );
        let api = to_api(&atlas);
        let refused = api.iter().filter(|seen| seen.status == 401).count();
        assert!((1..=8).contains(&refused) && api.len() == 8 + refused);
    }
}

// -------------------------------------------------------------------------------------------------------- revocation

#[test]
fn a_token_is_given_back_and_its_entry_emptied() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let client = Watched::new(caching(&atlas, &directory));
    let other = Watched::new(caching(&atlas, &directory));
    client.succeed();
    other.succeed();
    let token = bearer(&to_api(&atlas)[0]).to_owned();
    client.revoke_token().unwrap();
    assert_eq!(atlas.live_tokens(), 0);
    assert!(!directory.entry(&atlas).exists());
    let revoked = to(&atlas, "/api/oauth/revoke");
    assert_eq!(revoked.len(), 1);
    let basic = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    assert_eq!(
        revoked[0].header("authorization"),
        Some(format!("Basic {basic}").as_str())
    );
    assert_eq!(
        revoked[0].body,
        format!("token={token}&token_type_hint=access_token")
    );
    assert_eq!(
        revoked[0].header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    // Once more, with nothing to give back.
    client.revoke_token().unwrap();
    assert_eq!(to(&atlas, "/api/oauth/revoke").len(), 1);

    atlas.clear();
    client.succeed();
    other.succeed();
    let statuses: Vec<u16> = to_api(&atlas).iter().map(|seen| seen.status).collect();
    assert_eq!(
        statuses,
        [200, 401, 200],
        "the other client met the refusal once"
    );
    assert_eq!(token_requests(&atlas), 1);
}

#[test]
fn the_token_of_the_cache_is_given_back_by_a_client_that_never_used_it() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    Watched::new(caching(&atlas, &directory)).succeed();
    Watched::new(caching(&atlas, &directory))
        .revoke_token()
        .unwrap();
    assert_eq!(atlas.live_tokens(), 0);
    assert!(!directory.entry(&atlas).exists());
}

#[test]
fn a_token_with_odd_characters_is_form_encoded() {
    let atlas = Simulator::start();
    let body = r#"{"access_token":"a+b/c=&d%~.-_","expires_in":3600}"#;
    atlas.script_forever(Target::Token, [Act::respond(200, body)]);
    let client = Watched::new(service_account(&atlas));
    client.fail();
    client.revoke_token().unwrap();
    assert_eq!(
        to(&atlas, "/api/oauth/revoke")[0].body,
        "token=a%2Bb%2Fc%3D%26d%25~.-_&token_type_hint=access_token"
    );
}

#[test]
fn nothing_to_revoke_is_fine() {
    let atlas = Simulator::start();
    let mut token = settings(&atlas);
    token.set_access_token(Some(ACCESS_TOKEN.as_bytes()));
    for config in [service_account(&atlas), api_key(&atlas), token] {
        Watched::new(config).revoke_token().unwrap();
    }
    assert!(atlas.requests().is_empty());
}

#[test]
fn a_failed_revocation_keeps_the_token() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let mut config = caching(&atlas, &directory);
    config.set_max_retries(0);
    config.set_timeout_ms(1000);
    let client = Watched::new(config);
    client.succeed();
    let token = bearer(&to_api(&atlas)[0]).to_owned();
    let failures = [
        (Act::respond(500, "{}"), ErrorKind::Server),
        (
            Act::respond(401, r#"{"error":"invalid_client"}"#),
            ErrorKind::Unauthenticated,
        ),
        (
            Act::respond(
                400,
                format!(r#"{{"error":"x","error_description":"{token}"}}"#),
            ),
            ErrorKind::BadRequest,
        ),
        (Act::respond(404, "{}"), ErrorKind::InvalidResponse),
        (Act::Silence, ErrorKind::Timeout),
        (Act::Reset, ErrorKind::Network),
    ];
    for (failure, kind) in failures {
        atlas.clear();
        atlas.script_forever(Target::Revoke, [failure]);
        let error = client.revoke_token().expect_err("a failure");
        assert_eq!(error.kind, kind, "{error}");
        assert!(
            error.message().starts_with("revoke the access token: "),
            "{error}"
        );
        assert_hushed(&format!("{error:?}"));
        client.succeed();
        assert_eq!(token_requests(&atlas), 0, "{error}");
        assert!(directory.entry(&atlas).exists());
    }
    // A passing failure is retried.
    atlas.clear();
    let client = Watched::new(caching(&atlas, &directory));
    atlas.script(Target::Revoke, [Act::respond(503, "{}")]);
    client.revoke_token().unwrap();
    assert_eq!(to(&atlas, "/api/oauth/revoke").len(), 2);
    assert_eq!(atlas.live_tokens(), 0);
}

#[test]
fn what_is_echoed_by_a_failing_revocation_is_not_shown() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    Watched::new(caching(&atlas, &directory)).succeed();
    let token = bearer(&to_api(&atlas)[0]).to_owned();
    let basic = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    for secret in [&token, &basic] {
        for body in [
            // Only its beginning would fit into the message.
            format!("{}{secret}", "x".repeat(50)),
            format!(r#"{{"error":"x","error_description":"{secret}"}}"#),
        ] {
            atlas.script_forever(Target::Revoke, [Act::respond(400, body)]);
            // The token is known from the cache alone.
            let client = Watched::new(caching(&atlas, &directory));
            let error = client.revoke_token().expect_err("a failure");
            assert!(!format!("{error:?}").contains(&secret[..8]), "{error:?}");
        }
    }
}

#[test]
fn calls_in_flight_survive_a_revocation() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let clients: Vec<Watched> = (0..2)
        .map(|_| Watched::new(caching(&atlas, &directory)))
        .collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for index in 0..6 {
            let (clients, done) = (&clients, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    clients[index % 2].succeed();
                }
            });
        }
        // Far enough apart that no call meets two of them.
        for _ in 0..5 {
            thread::sleep(ms(300));
            clients[0].revoke_token().unwrap();
        }
        thread::sleep(ms(300));
        done.store(true, Ordering::Relaxed);
    });
    assert!(
        atlas.tokens_issued() <= 8,
        "{} tokens",
        atlas.tokens_issued()
    );
}
