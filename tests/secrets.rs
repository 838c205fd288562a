//! Copies of secrets are wiped before their memory is freed: an allocator looks into every block that is given back.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::ffi::OsStr;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, OnceLock};
use std::{env, fs, mem, thread};

use atlas_backup::{Client, ClusterType, Config, Format};
use atlas_simulator::{
    ACCESS_TOKEN, Act, CLIENT_ID, CLIENT_SECRET, CLUSTER, PRIVATE_KEY, PROJECT, PUBLIC_KEY,
    Payload, Seen, Simulator, Target,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use common::{Lines, client, config_for, fork, get, get_of, in_child, is_child, read_head, server};
use md5::{Digest, Md5};

const PROXY_USER: &str = "somebody";
const PROXY_PASSWORD: &str = "a/long:and,secret-password";
const PROXY_PASSWORD_IN_URL: &str = "a%2Flong%3Aand%2Csecret-password";

/// Looks into what is freed, on threads where it may.
struct Watchful;

#[global_allocator]
static ALLOCATOR: Watchful = Watchful;

/// What to look for, once there is anything; never freed.
static SECRETS: OnceLock<&[(&str, Vec<u8>)]> = OnceLock::new();
/// What was found: which secret, and who freed it.
static FOUND: Mutex<Vec<(&str, String)>> = Mutex::new(Vec::new());

thread_local! {
    static LOOKING: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: the system's allocator with a look at memory that is still allocated; growing, by default, is a new block, a
// copy and a block that is freed.
unsafe impl GlobalAlloc for Watchful {
    // Zeroed, so that nobody is blamed for what another left in the same memory.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(secrets) = SECRETS.get()
            && !LOOKING.replace(true)
        {
            for (name, secret) in *secrets {
                // SAFETY: reads within the block.
                let at = unsafe {
                    libc::memmem(block.cast(), layout.size(), secret.as_ptr().cast(), secret.len())
                };
                if !at.is_null() {
                    let trace = Backtrace::force_capture().to_string();
                    FOUND.lock().unwrap().push((name, trace));
                }
            }
            LOOKING.set(false);
        }
        unsafe { System.dealloc(block, layout) }
    }
}

/// Who freed a secret: the innermost function, or type that was dropped, that is neither std's nor this file's.
fn freed_by(trace: &str) -> &str {
    let functions = trace.lines().filter_map(|line| line.trim().split_once(": "));
    let mut functions = functions.map(|(_, name)| {
        let dropped = name.trim_start_matches("core::ptr::drop_in_place");
        dropped.trim_start_matches(['<', '&'])
    });
    let is_std = |name: &str| {
        ["std::", "core::", "alloc::", "__rust", "secrets::Watchful"]
            .iter()
            .any(|std| name.starts_with(std))
    };
    functions.find(|name| !is_std(name)).unwrap_or_default()
}

/// Runs `body` and returns what it left in freed memory.
fn left_behind(body: impl FnOnce()) -> Vec<(&'static str, String)> {
    FOUND.lock().unwrap().clear();
    body();
    mem::take(&mut FOUND.lock().unwrap())
}

/// The secrets in every form that the library has to make of them, cut so that a part of one is recognized too.
fn watch() {
    let base64 = |text: String| BASE64_STANDARD.encode(text);
    let hash = Md5::digest(format!("{PUBLIC_KEY}:MMS Public API:{PRIVATE_KEY}"));
    let mut secrets = Vec::new();
    for (name, secret) in [
        ("the client secret", CLIENT_SECRET.to_owned()),
        // Without its beginning, which is the client id's.
        (
            "Basic of the service account",
            base64(format!("{CLIENT_ID}:{CLIENT_SECRET}"))[52..].to_owned(),
        ),
        ("the private key", PRIVATE_KEY.to_owned()),
        ("H(A1)", hash.iter().map(|byte| format!("{byte:02x}")).collect()),
        ("the access token", ACCESS_TOKEN.to_owned()),
        ("the proxy's password", PROXY_PASSWORD.to_owned()),
        ("the proxy's password in its URL", PROXY_PASSWORD_IN_URL.to_owned()),
        ("Basic of the proxy", base64(format!("{PROXY_USER}:{PROXY_PASSWORD}"))[12..].to_owned()),
    ] {
        let bytes = secret.as_bytes();
        for part in [&bytes[..16], &bytes[bytes.len() - 16..]] {
            secrets.push((name, part.to_vec()));
        }
    }
    assert!(SECRETS.set(secrets.leak()).is_ok());
}

/// What the test does itself with secrets is its own affair.
fn unwatched<T>(body: impl FnOnce() -> T) -> T {
    let before = LOOKING.replace(true);
    let value = body();
    LOOKING.set(before);
    value
}

/// Ways for a token endpoint to answer, by the name in the path of its base URL.
fn token_answers() -> Vec<(&'static str, Act)> {
    let token = ACCESS_TOKEN;
    let json = format!(r#"{{"access_token":"{token}","expires_in":3600,"token_type":"Bearer"}}"#);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let raw = |text: String| Act::Raw { bytes: Payload::from(text) };
    let chunks: String = json
        .as_bytes()
        .chunks(7)
        .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)))
        .collect();
    let padding = " ".repeat(20_000);
    let packed = Act::Respond {
        status: 200,
        headers: vec![("Content-Encoding".into(), "gzip".into())],
        body: json.clone().into(),
    };
    vec![
        ("plainly", Act::respond(200, &json)),
        (
            "in-chunks",
            raw(format!(
                "{head}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
            )),
        ),
        ("without-length", raw(format!("{head}\r\n{json}{padding}"))),
        (
            "escaped",
            Act::respond(
                200,
                json.replace('-', "\\u002d").replace("sim", "\\u0073im"),
            ),
        ),
        (
            "cut-off",
            raw(format!("{head}Content-Length: 5000\r\n\r\n{json}")),
        ),
        ("no-json", Act::respond(200, &json[1..])),
        (
            "wrong-type",
            Act::respond(200, json.replace("Bearer", "Mac")),
        ),
        (
            "too-long",
            Act::respond(
                200,
                json.replace(token, &format!("{token}{padding}").replace(' ', "x")),
            ),
        ),
        (
            "no-header",
            Act::respond(200, json.replace(token, &format!("{token}\u{e9}"))),
        ),
        ("packed", packed),
        (
            "escaped-echo",
            Act::respond(
                401,
                format!(r#"{{"error":"invalid_client","error_description":"{CLIENT_SECRET}","parameters":["{CLIENT_SECRET}"]}}"#)
                    .replace('-', "\\u002d"),
            ),
        ),
        (
            "echo-in-a-page",
            Act::respond(503, format!("<title>{CLIENT_SECRET}</title>")),
        ),
        (
            "echo",
            Act::respond(
                401,
                format!(r#"{{"error":"invalid_client","error_description":"{CLIENT_SECRET}"}}"#),
            ),
        ),
    ]
}

/// Copies what comes from one side to the other, both ways, until both have ended.
fn connect_through(stream: TcpStream, to: &str) {
    let Ok(far) = TcpStream::connect(to) else {
        return;
    };
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    let (back, forth) = (far.try_clone().unwrap(), stream.try_clone().unwrap());
    let backwards = thread::spawn(move || copy(back, forth));
    copy(stream, far);
    let _ = backwards.join();
}

/// A SOCKS5 proxy that asks for a password and answers with this status.
fn socks(stream: &mut TcpStream, status: u8) -> io::Result<()> {
    let take = |stream: &mut TcpStream, count: usize| {
        let mut bytes = vec![0; count];
        stream.read_exact(&mut bytes).map(|()| bytes)
    };
    take(stream, 4)?;
    stream.write_all(&[5, 2])?;
    let length = take(stream, 2)?[1].into();
    take(stream, length)?;
    let length = take(stream, 1)?[0].into();
    take(stream, length)?;
    stream.write_all(&[1, status])?;
    let length: usize = take(stream, 5)?[4].into();
    take(stream, length + 2)?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
}

#[test]
fn secrets_are_wiped_before_their_memory_is_freed() {
    const TEST: &str = "secrets_are_wiped_before_their_memory_is_freed";
    if is_child() {
        in_the_child();
        return;
    }
    let atlas = Simulator::start();
    for (name, act) in token_answers() {
        atlas.script_forever(Target::Path(format!("/{name}/api/oauth/token")), [act]);
        let api = Target::Path(format!("/{name}/api/atlas"));
        atlas.script_forever(api, [Act::respond(200, "{}")]);
    }
    // As the usual token endpoint does, but with a token that the child knows.
    let granted =
        format!(r#"{{"access_token":"{ACCESS_TOKEN}","expires_in":3600,"token_type":"Bearer"}}"#);
    atlas.script_forever(Target::Token, [Act::respond(200, &granted)]);
    // Once refused.
    let refused = Act::respond(401, r#"{"error":"invalid_client"}"#);
    let path = |path: &str| Target::Path(format!("/once/api/{path}"));
    atlas.script_forever(path("oauth/token"), [refused, Act::respond(200, &granted)]);
    atlas.script_forever(path("atlas"), [Act::respond(200, "{}")]);

    let (plain, url) = (atlas.plain_url(), atlas.base_url());
    let to = url.trim_start_matches("https://").to_owned();
    let http = server(move |_, mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        connect_through(stream, &to);
    });
    let refusing_http = server(|_, mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 407 No\r\n\r\n");
    });
    let to = url.trim_start_matches("https://").to_owned();
    let socks5 = server(move |_, mut stream| {
        if socks(&mut stream, 0).is_ok() {
            connect_through(stream, &to);
        }
    });
    let refusing_socks5 = server(|_, mut stream| {
        let _ = socks(&mut stream, 1);
    });
    let login = format!("{PROXY_USER}:{PROXY_PASSWORD_IN_URL}");
    let proxies = [
        format!("http://{login}@{http}"),
        format!("http://{login}@{refusing_http}"),
        format!("socks5h://{login}@{socks5}"),
        format!("socks5h://{login}@{refusing_socks5}"),
        format!("socks4://{login}@{http}"),
        format!("{login}@{http}:99999"),
    ]
    .join(" ");
    let variables: [(&str, &OsStr); 11] = [
        ("ALL_PROXY", proxies.split(' ').next().unwrap().as_ref()),
        ("ATLAS_PLAIN_URL", plain.as_ref()),
        ("ATLAS_URL", url.as_ref()),
        ("ATLAS_CA", atlas.ca_file().as_ref()),
        ("ATLAS_PROXIES", proxies.as_ref()),
        ("ATLAS_CACHE", atlas.ca_file().parent().unwrap().as_ref()),
        ("MONGODB_ATLAS_CLIENT_ID", CLIENT_ID.as_ref()),
        ("MONGODB_ATLAS_CLIENT_SECRET", CLIENT_SECRET.as_ref()),
        ("MONGODB_ATLAS_PUBLIC_API_KEY", PUBLIC_KEY.as_ref()),
        ("MONGODB_ATLAS_PRIVATE_API_KEY", PRIVATE_KEY.as_ref()),
        ("MONGODB_ATLAS_ACCESS_TOKEN", ACCESS_TOKEN.as_ref()),
    ];
    in_child(TEST, &variables);
    // Otherwise nothing was looked at but failures.
    let answered = |seen: &&Seen| seen.status == 200 && seen.path.starts_with("/api/atlas");
    assert!(atlas.requests().iter().filter(answered).count() > 20);
}

type LogIn = fn(&mut Config);

/// The credentials with which clients are made here.
const KINDS: [(&str, LogIn); 3] = [
    ("a service account", |config| {
        config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(CLIENT_SECRET.as_bytes()));
    }),
    ("an API key", |config| {
        config.set_api_key(Some(PUBLIC_KEY.as_bytes()), Some(PRIVATE_KEY.as_bytes()));
    }),
    ("an access token", |config| config.set_access_token(Some(ACCESS_TOKEN.as_bytes()))),
];

type SetFile = fn(&mut Config, &[u8]);

/// The same with secrets in a file.
const FILES: [(&str, &str, SetFile); 3] = [
    ("a service account", CLIENT_SECRET, |config, path| {
        config.set_service_account_file(Some(CLIENT_ID.as_bytes()), Some(path));
    }),
    ("an API key", PRIVATE_KEY, |config, path| {
        config.set_api_key_file(Some(PUBLIC_KEY.as_bytes()), Some(path));
    }),
    ("an access token", ACCESS_TOKEN, |config, path| config.set_access_token_file(Some(path))),
];

/// Settings that say much, for what they are told.
fn talkative(url: &str) -> Config {
    let mut config = config_for(url);
    config.set_logger(4, Lines::default().sink());
    config
}

/// Clients with calls that succeed and calls that fail in all kinds of ways.
fn live(config: &Config) {
    let clusters =
        ["error-401", "error-503", "closing", "resetting", "silent", "not-json", "many-1000"];
    for cluster in [CLUSTER].into_iter().chain(clusters) {
        let mut config = config.clone();
        config.set_max_retries((cluster == "error-503").into());
        config.set_timeout_ms(if cluster == "silent" { 100 } else { 5000 });
        let client = client(&config);
        for _ in 0..2 {
            let outcome = get_of(&client, cluster);
            assert_eq!(outcome.is_ok(), cluster == CLUSTER, "{cluster}: {outcome:?}");
        }
        let _ = client.list_snapshots(ClusterType::ReplicaSet, PROJECT, cluster, Format::default());
        client.revoke_token().unwrap();
    }
}

fn in_the_child() {
    watch();
    let found = left_behind(|| drop(black_box(CLIENT_SECRET.to_owned())));
    assert_eq!(found.len(), 2, "the allocator sees nothing");

    let variable = |name: &str| unwatched(|| env::var(name).unwrap());
    let url = variable("ATLAS_PLAIN_URL");
    // ureq reads the proxies of the environment, for nothing, and leaves their passwords behind; but once per process.
    let before_forking = unwatched(|| client(&config_for(&url)));
    assert_wiped("another client", || {
        get(&client(&config_for(&url))).unwrap();
    });
    fork(|| assert_wiped("a child", || drop(get(&before_forking).unwrap()))).succeeds();
    let mut by_tls = Vec::new();
    for (kind, log_in) in KINDS {
        let mut config = talkative(&url);
        log_in(&mut config);
        assert_wiped(kind, || live(&config));
        config.set_base_url(Some(variable("ATLAS_URL").as_bytes()));
        config.set_ca_file(Some(variable("ATLAS_CA").as_bytes()));
        by_tls.extend(left_behind(|| live(&config)));
    }
    // rustls does not wipe what it has decrypted, and offers no way to. Nothing else is left, and of this only tokens.
    assert!(!by_tls.is_empty(), "rustls wipes by now; docs/reliability.md says otherwise");
    for (secret, trace) in by_tls {
        let is_known = secret == "the access token" && freed_by(&trace).starts_with("rustls::");
        assert!(is_known, "{secret} was freed by {}:\n{trace}", freed_by(&trace));
    }

    for (name, _) in unwatched(token_answers) {
        let mut config = talkative(&format!("{url}/{name}"));
        KINDS[0].1(&mut config);
        let works = ["plainly", "in-chunks", "without-length", "escaped"].contains(&name);
        assert_wiped(name, || {
            let outcome = get(&client(&config));
            assert_eq!(outcome.is_ok(), works, "{name}: {outcome:?}");
        });
    }

    assert_wiped("the token cache", || {
        let directory = format!("{}/cache", variable("ATLAS_CACHE"));
        let mut config = talkative(&url);
        KINDS[0].1(&mut config);
        config.set_token_cache(Some(directory.as_bytes()));
        get(&client(&config)).unwrap();
        get(&client(&config)).unwrap();
        let entries = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
        let entry = entries.into_iter().find(|path| path.extension().is_none()).unwrap();
        unwatched(|| {
            let text = fs::read(&entry).unwrap();
            fs::write(&entry, &text[..text.len() - 1]).unwrap();
        });
        get(&client(&config)).unwrap();
        client(&config).revoke_token().unwrap();
        assert!(!entry.exists());
    });

    let secret_file = unwatched(|| format!("{}/secret", variable("ATLAS_CACHE")));
    let write = |text: &str| unwatched(|| fs::write(&secret_file, format!("{text}\n")).unwrap());
    for (kind, secret, set) in FILES {
        assert_wiped(&format!("{kind} in a file"), || {
            let is_account = secret == CLIENT_SECRET;
            let mut config =
                talkative(&if is_account { format!("{url}/once") } else { url.clone() });
            set(&mut config, secret_file.as_bytes());
            // It is refused and read again.
            write("wrong");
            let client = client(&config);
            write(secret);
            get(&client).unwrap();
            // It is the same still, or two of them.
            let _ = get_of(&client, "error-401");
            let twice = unwatched(|| format!("{secret}\n{secret}"));
            write(&twice);
            unwatched(|| drop(twice));
            let _ = get_of(&client, "error-401");
            Client::new(&config).unwrap_err();
        });
    }

    let proxies = variable("ATLAS_PROXIES");
    for (number, proxy) in proxies.split(' ').enumerate() {
        let mut config = talkative(&variable("ATLAS_URL"));
        config.set_ca_file(Some(variable("ATLAS_CA").as_bytes()));
        assert_wiped(&format!("proxy {number}"), || {
            config.set_proxy(Some(proxy.as_bytes()));
            let outcome = Client::new(&config).and_then(|client| get(&client));
            assert_eq!(outcome.is_ok(), matches!(number, 0 | 2), "{number}: {outcome:?}");
            config.set_proxy(None);
        });
    }
    unwatched(|| drop(proxies));

    assert_wiped("settings", || {
        drop(Config::from_env());
        let mut config = Config::from_env();
        config.set_base_url(Some(url.as_bytes()));
        get(&client(&config)).unwrap();
        let newline = unwatched(|| format!("{CLIENT_SECRET}\n"));
        for secret in [CLIENT_SECRET.as_bytes(), newline.as_bytes(), b""] {
            config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(secret));
            let _ = Client::new(&config.clone());
            config.set_access_token(Some(secret));
            let _ = Client::new(&config);
        }
        unwatched(|| drop(newline));
    });
}

fn assert_wiped(what: &str, body: impl FnOnce()) {
    let found = left_behind(body);
    if let Some((secret, trace)) = found.first() {
        panic!("{what}: {secret} was freed by {}:\n{trace}", freed_by(trace));
    }
}
