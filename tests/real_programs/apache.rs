//! Apache as a server that asks for Digest.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::{fs, thread};

use atlas_backup::{Config, ErrorKind};
use atlas_simulator::{CLUSTER, PRIVATE_KEY, PROJECT, PUBLIC_KEY, SNAPSHOT};

use super::programs::{Served, installed};
use crate::common::{Lines, client, config_for, get, server};

/// Apache with one snapshot behind `mod_auth_digest`, and with these directives for it.
fn apache(program: &Path, lifetime: u32, directives: &str) -> Served {
    let resource =
        format!("api/atlas/v2/groups/{PROJECT}/clusters/{CLUSTER}/backup/snapshots/{SNAPSHOT}");
    Served::start(|directory, port| {
        let path = directory.path();
        let file = directory.0.join("public").join(&resource);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!(r#"{{"id":"{SNAPSHOT}","status":"completed"}}"#)).unwrap();
        // The HA1 of RFC 7616, as `htdigest` would write it.
        let key = md5(&format!("{PUBLIC_KEY}:MMS Public API:{PRIVATE_KEY}"));
        directory.write("keys", &format!("{PUBLIC_KEY}:MMS Public API:{key}\n"));
        let modules = [
            ("mpm_event", "mpm_event"),
            ("authn_core", "authn_core"),
            ("authn_file", "authn_file"),
            ("authz_core", "authz_core"),
            ("authz_user", "authz_user"),
            ("auth_digest", "auth_digest"),
        ]
        .map(|(name, file)| {
            format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{file}.so\n")
        })
        .concat();
        let user = if rustix::process::geteuid().is_root() {
            "User www-data\nGroup www-data\n"
        } else {
            ""
        };
        let settings = directory.write(
            "apache.conf",
            &format!(
                "{modules}{user}ServerRoot {path}\nDefaultRuntimeDir {path}\nPidFile {path}/pid\nServerName localhost\n\
                 Listen 127.0.0.1:{port}\nDocumentRoot {path}/public\nErrorLog {path}/errors\nKeepAlive On\n\
                 KeepAliveTimeout 30\nMaxKeepAliveRequests 0\n\
                 LogFormat \"%>s kept=%k %{{Authorization}}i\" short\nCustomLog {path}/log short\n\
                 <Directory {path}/public>\n  ForceType application/vnd.atlas.2023-01-01+json\n  AuthType Digest\n\
                 \x20 AuthName \"MMS Public API\"\n  AuthDigestProvider file\n  AuthUserFile {path}/keys\n\
                 \x20 AuthDigestNonceLifetime {lifetime}\n  {directives}\n  Require valid-user\n</Directory>\n"
            ),
        );
        let mut command = Command::new(program);
        command.args(["-D", "FOREGROUND", "-f", &settings]);
        command
    })
}

fn md5(text: &str) -> String {
    use md5::Digest;
    let sum = md5::Md5::digest(text.as_bytes());
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn with_key(server: &Served, key: &str) -> Config {
    let mut config = config_for(&server.url("http", ""));
    config.set_api_key(Some(PUBLIC_KEY.as_bytes()), Some(key.as_bytes()));
    config
}

/// The statuses in Apache's log, once it has `count` lines.
fn statuses(server: &Served, count: usize) -> Vec<String> {
    let lines = server.lines("log", "kept=", count);
    lines.iter().map(|line| line[..3].to_owned()).collect()
}

#[test]
fn apaches_digest_costs_one_round_trip_once_challenged() {
    let Some(program) = installed("digest at Apache", "apache2") else {
        return;
    };
    let server = apache(&program, 300, "");
    let client = client(&with_key(&server, PRIVATE_KEY));
    for _ in 0..5 {
        assert_eq!(get(&client).unwrap().id(), Some(SNAPSHOT));
    }
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| get(&client).unwrap());
        }
    });
    let statuses = statuses(&server, 10);
    assert_eq!(statuses.len(), 10, "{statuses:?}");
    assert_eq!(statuses[0], "401");
    assert!(statuses[1..].iter().all(|status| status == "200"), "{statuses:?}");
}

#[test]
fn a_nonce_that_apache_calls_stale_is_replaced() {
    let Some(program) = installed("stale nonces at Apache", "apache2") else {
        return;
    };
    let server = apache(&program, 1, "");
    let mut config = with_key(&server, PRIVATE_KEY);
    let lines = Lines::default();
    config.set_logger(3, lines.sink());
    let client = client(&config);
    get(&client).unwrap();
    get(&client).unwrap();
    thread::sleep(Duration::from_millis(1500));
    get(&client).unwrap();
    get(&client).unwrap();
    let statuses = statuses(&server, 6);
    assert_eq!(statuses, ["401", "200", "200", "401", "200", "200"]);
    assert_eq!(lines.with("the nonce was stale").len(), 1);
}

/// A request or an answer, with the body that its head announces; none at the end of the connection.
fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    let mut byte = [0];
    while !message.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        message.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&message);
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length.map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    message.extend(body);
    Some(message)
}

#[test]
fn a_dead_connection_costs_apache_no_challenge_though_it_checks_counts() {
    let Some(program) = installed("counts checked by Apache", "apache2") else {
        return;
    };
    let apache = apache(&program, 300, "AuthDigestNcCheck On");
    // Between the two: takes requests to Apache one by one, and answers back unless the connection is to die then.
    let dies: &'static AtomicBool = Box::leak(Box::default());
    let to = apache.address;
    let relay = server(move |_, mut stream| {
        let mut far = TcpStream::connect(to).unwrap();
        while let Some(request) = message(&mut stream) {
            far.write_all(&request).unwrap();
            let answer = message(&mut far).unwrap();
            if dies.swap(false, Relaxed) || stream.write_all(&answer).is_err() {
                return;
            }
        }
    });
    let mut config = with_key(&apache, PRIVATE_KEY);
    config.set_base_url(Some(format!("http://{relay}").as_bytes()));
    let client = client(&config);
    get(&client).unwrap();
    dies.store(true, Relaxed);
    get(&client).unwrap();
    get(&client).unwrap();
    let statuses = statuses(&apache, 5);
    assert_eq!(statuses, ["401", "200", "200", "200", "200"]);
}

#[test]
fn a_key_that_apache_refuses_is_an_error() {
    let Some(program) = installed("a wrong key at Apache", "apache2") else {
        return;
    };
    let server = apache(&program, 300, "");
    let error =
        get(&client(&with_key(&server, "00000000-0000-0000-0000-000000000000"))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthenticated, "{error}");
    assert_eq!(error.http_status, 401);
    assert!(error.message().contains(PUBLIC_KEY), "{error}");
    assert_eq!(statuses(&server, 2), ["401", "401"]);
}

#[test]
fn curl_reads_the_same_from_apache() {
    let what = "curl and Apache's digest";
    let Some(program) = installed(what, "apache2") else {
        return;
    };
    let Some(curl) = installed(what, "curl") else {
        return;
    };
    let server = apache(&program, 300, "");
    let ours = get(&client(&with_key(&server, PRIVATE_KEY))).unwrap();
    let url = format!(
        "{}/api/atlas/v2/groups/{PROJECT}/clusters/{CLUSTER}/backup/snapshots/{SNAPSHOT}",
        server.url("http", "")
    );
    let mut curl = Command::new(curl)
        .args(["--silent", "--noproxy", "*", "--digest", "--user"])
        .args([&format!("{PUBLIC_KEY}:{PRIVATE_KEY}"), &url])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut theirs = String::new();
    curl.stdout.take().unwrap().read_to_string(&mut theirs).unwrap();
    assert!(curl.wait().unwrap().success());
    assert_eq!(ours.json(), theirs);
    // Both were challenged once, and said the same but for nonces and counts.
    let lines = server.lines("log", "kept=", 4);
    let cluster_type = |line: &str| {
        let names = line.split([' ', ',']).filter_map(|it| it.split_once('=')).map(|it| it.0);
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(cluster_type(&lines[1]), cluster_type(&lines[3]), "{lines:?}");
}
