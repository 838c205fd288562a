//! Against programs that are not ours: HTTP and SOCKS proxies, and Apache as a digest server. Each test runs where its
//! program is installed, and says so where it is not.

mod common;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, process};

use atlas_backup::{Config, Error, ErrorKind};
use atlas_simulator::{CLUSTER, PRIVATE_KEY, PROJECT, PUBLIC_KEY, SNAPSHOT, Simulator};
use common::{Lines, client, config, config_for, get, in_child, is_child, server};

/// The programs, and the packages of Debian they are in.
const PROGRAMS: [(&str, &str); 6] = [
    ("tinyproxy", "tinyproxy-bin"),
    ("squid", "squid"),
    ("microsocks", "microsocks"),
    ("danted", "dante-server"),
    ("apache2", "apache2"),
    ("curl", "curl"),
];

/// Where a program is; otherwise says that `what` is skipped.
fn installed(what: &str, program: &str) -> Option<PathBuf> {
    let known = PROGRAMS.iter().find(|(name, _)| *name == program);
    let (_, package) = known.expect("a program of the list");
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    let found = env::split_paths(&path)
        .chain(system)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: {what}: {program} is not installed (package {package})");
    }
    found
}

/// A directory that a program which gives up its rights can read and write.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Relaxed);
        let path = env::temp_dir().join(format!("atlas-programs-{}-{number}", process::id()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        Directory(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program that serves on a port of 127.0.0.1 until dropped. What it says goes into the file `output`.
struct Served {
    child: Child,
    address: SocketAddr,
    directory: Directory,
}

impl Served {
    /// `command` is told the directory and the port.
    fn start(command: impl Fn(&Directory, u16) -> Command) -> Served {
        // A free port may be another's by the time it is used.
        for _ in 0..5 {
            let directory = Directory::new();
            let port = TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| listener.local_addr())
                .unwrap()
                .port();
            let output = fs::File::create(directory.0.join("output")).unwrap();
            let mut command = command(&directory, port);
            command
                .stdin(Stdio::null())
                .stdout(output.try_clone().unwrap())
                .stderr(output);
            // SAFETY: only system calls between fork and exec. The program ends with this thread, even if that is
            // killed; a group of its own, so that its children end with it.
            unsafe {
                command.process_group(0).pre_exec(|| {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    Ok(())
                });
            }
            let mut served = Served {
                child: command.spawn().unwrap(),
                address: SocketAddr::from(([127, 0, 0, 1], port)),
                directory,
            };
            let start = Instant::now();
            while served.child.try_wait().unwrap().is_none() {
                if TcpStream::connect(served.address).is_ok() {
                    return served;
                }
                let patience = Duration::from_secs(20);
                assert!(start.elapsed() < patience, "{}", served.output());
                thread::sleep(Duration::from_millis(20));
            }
            eprintln!("{}{}", served.output(), served.directory.read("log"));
        }
        panic!("the program does not start");
    }

    fn url(&self, scheme: &str, login: &str) -> String {
        format!("{scheme}://{login}{}", self.address)
    }

    fn output(&self) -> String {
        self.directory.read("output")
    }

    /// What the program wrote to `file` once that has `count` lines with `part`.
    fn lines(&self, file: &str, part: &str, count: usize) -> Vec<String> {
        let start = Instant::now();
        loop {
            let text = self.directory.read(file);
            let lines = text.lines().filter(|line| line.contains(part));
            let lines: Vec<String> = lines.map(str::to_owned).collect();
            if lines.len() >= count {
                return lines;
            }
            let patience = Duration::from_secs(5);
            assert!(start.elapsed() < patience, "{part} in {file}: {text}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // SAFETY: the group of a child of ours that was not yet waited for.
        unsafe { libc::kill(-(self.child.id() as libc::pid_t), libc::SIGKILL) };
        let _ = self.child.wait();
    }
}

/// A user and a password that need to be percent-encoded, and both encoded.
const USER: &str = "some@one";
const PASSWORD: &str = "p:ss w%rd";
const LOGIN: &str = "some%40one:p%3Ass%20w%25rd@";

fn through(atlas: &Simulator, proxy: &str) -> Config {
    let mut config = config(atlas);
    config.set_proxy(Some(proxy.as_bytes()));
    config
}

fn works(atlas: &Simulator, proxy: &str) {
    let before = atlas.requests().len();
    let client = client(&through(atlas, proxy));
    for _ in 0..3 {
        get(&client).unwrap_or_else(|error| panic!("{proxy}: {error}"));
    }
    assert_eq!(atlas.requests().len(), before + 3);
}

/// Fails as a network failure whose message has these words, and nothing reaches Atlas or shows the password.
fn fails(atlas: &Simulator, proxy: &str, words: &[&str]) -> Error {
    let before = atlas.connections();
    let error = get(&client(&through(atlas, proxy))).expect_err(proxy);
    assert_eq!(error.kind, ErrorKind::Network, "{error}");
    for words in words {
        assert!(error.message().contains(words), "{words}: {error}");
    }
    assert!(!error.message().contains("p:ss") && !error.message().contains("%3A"));
    assert_eq!(atlas.connections(), before, "there was a direct connection");
    error
}

/// What is true of each proxy that asks for the login.
fn asks_for_the_login(atlas: &Simulator, proxy: &Served, scheme: &str, code: &str) {
    works(atlas, &proxy.url(scheme, LOGIN));
    let refused = format!("{code}refused the user name or password");
    for wrong in ["some%40one:wrong@", "other:p%3Ass%20w%25rd@"] {
        fails(atlas, &proxy.url(scheme, wrong), &[&refused]);
    }
    let asks = format!("{code}asks for a user name and password in the proxy setting");
    fails(
        atlas,
        &proxy.url(scheme, ""),
        &[&asks, &proxy.url(scheme, "")],
    );
}

fn tinyproxy(program: &Path, lines: &str) -> Served {
    Served::start(|directory, port| {
        let log = directory.write("log", "");
        let settings = directory.write(
            "tinyproxy.conf",
            &format!("Port {port}\nListen 127.0.0.1\nTimeout 30\nLogFile \"{log}\"\nLogLevel Info\n{lines}\n"),
        );
        let mut command = Command::new(program);
        command.args(["-d", "-c", &settings]);
        command
    })
}

#[test]
fn tinyproxy_is_tunnelled_through() {
    let Some(program) = installed("tunnels through tinyproxy", "tinyproxy") else {
        return;
    };
    let atlas = Simulator::start();
    let proxy = tinyproxy(&program, "");
    works(&atlas, &proxy.url("http", ""));
    let target = atlas.base_url().replace("https://", "CONNECT ");
    assert_eq!(proxy.lines("log", &target, 1).len(), 1, "kept alive");

    // A login it did not ask for does no harm.
    works(&atlas, &proxy.url("http", LOGIN));
}

#[test]
fn tinyproxy_is_given_the_login_it_asks_for() {
    let Some(program) = installed("a login at tinyproxy", "tinyproxy") else {
        return;
    };
    let atlas = Simulator::start();
    // Its settings have no way to quote.
    let proxy = tinyproxy(&program, "BasicAuth someone password");
    works(&atlas, &proxy.url("http", "someone:password@"));
    // That is how this one says it.
    let url = proxy.url("http", "someone:wrong@");
    fails(&atlas, &url, &["401", "refused the user name"]);
    fails(
        &atlas,
        &proxy.url("http", ""),
        &["407", "asks for a user name"],
    );
}

#[test]
fn a_port_that_tinyproxy_does_not_connect_to_is_an_error() {
    let Some(program) = installed("a port that tinyproxy refuses", "tinyproxy") else {
        return;
    };
    let atlas = Simulator::start();
    let proxy = tinyproxy(&program, "ConnectPort 443");
    fails(
        &atlas,
        &proxy.url("http", ""),
        &["answered 403", "CONNECT localhost:"],
    );
}

#[test]
fn no_proxy_keeps_requests_from_a_proxy_and_the_environments_variables_choose_one() {
    const TEST: &str =
        "no_proxy_keeps_requests_from_a_proxy_and_the_environments_variables_choose_one";
    if is_child() {
        let mut config = Config::from_env();
        config.set_max_retries(0);
        let outcome = get(&client(&config)).map(drop);
        assert_eq!(
            outcome.is_ok(),
            env::var_os("FAILS").is_none(),
            "{outcome:?}"
        );
        return;
    }
    let Some(program) = installed("proxies from the environment", "tinyproxy") else {
        return;
    };
    let atlas = Simulator::start();
    let proxy = tinyproxy(&program, "");
    let (url, plain) = (atlas.base_url(), atlas.plain_url());
    let port = url.rsplit(':').next().unwrap();
    let this = proxy.url("http", "");
    let closed = "http://127.0.0.1:1";
    let with_port = format!("other.example, localhost:{port}");
    let other_port = format!("localhost:1{port}");
    // (what, the base URL, variables, whether it comes through the proxy, whether it fails)
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], bool, bool);
    let cases: [Case; 15] = [
        ("none", &url, &[], false, false),
        ("https_proxy", &url, &[("https_proxy", &this)], true, false),
        ("HTTPS_PROXY", &url, &[("HTTPS_PROXY", &this)], true, false),
        ("ALL_PROXY", &url, &[("ALL_PROXY", &this)], true, false),
        ("all_proxy", &url, &[("all_proxy", &this)], true, false),
        (
            "HTTP_PROXY",
            &url,
            &[("HTTP_PROXY", closed), ("http_proxy", closed)],
            false,
            false,
        ),
        (
            "the special before ALL",
            &url,
            &[("https_proxy", &this), ("ALL_PROXY", closed)],
            true,
            false,
        ),
        (
            "a proxy that is down",
            &url,
            &[("HTTPS_PROXY", closed)],
            false,
            true,
        ),
        ("empty", &url, &[("HTTPS_PROXY", "")], false, false),
        (
            "NO_PROXY",
            &url,
            &[("HTTPS_PROXY", &this), ("NO_PROXY", "localhost")],
            false,
            false,
        ),
        (
            "no_proxy",
            &url,
            &[("HTTPS_PROXY", closed), ("no_proxy", "*")],
            false,
            false,
        ),
        (
            "a port, which curl does not know there",
            &url,
            &[("HTTPS_PROXY", &this), ("NO_PROXY", &with_port)],
            true,
            false,
        ),
        (
            "another port",
            &url,
            &[("HTTPS_PROXY", &this), ("NO_PROXY", &other_port)],
            true,
            false,
        ),
        (
            "another host",
            &url,
            &[("HTTPS_PROXY", &this), ("NO_PROXY", "host,example.com")],
            true,
            false,
        ),
        (
            "plain, to this machine",
            &plain,
            &[("HTTPS_PROXY", closed), ("ALL_PROXY", closed)],
            false,
            false,
        ),
    ];
    let mut tunnels = 0;
    for (what, url, proxies, comes_through, fails) in cases {
        let before = atlas.connections();
        let mut variables: Vec<(&str, &OsStr)> = vec![
            ("MONGODB_ATLAS_BASE_URL", url.as_ref()),
            ("MONGODB_ATLAS_CA_FILE", atlas.ca_file().as_ref()),
            (
                "MONGODB_ATLAS_ACCESS_TOKEN",
                atlas_simulator::ACCESS_TOKEN.as_ref(),
            ),
        ];
        for name in [
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
            "HTTP_PROXY",
            "http_proxy",
            "NO_PROXY",
            "no_proxy",
        ] {
            // An empty one is as good as none; the tests' own may have others.
            variables.push((name, "".as_ref()));
        }
        variables.extend(
            proxies
                .iter()
                .map(|(name, value)| (*name, OsStr::new(*value))),
        );
        if fails {
            variables.push(("FAILS", "1".as_ref()));
        }
        in_child(TEST, &variables);
        tunnels += usize::from(comes_through);
        let lines = proxy.lines("log", "CONNECT localhost", tunnels);
        assert_eq!(lines.len(), tunnels, "{what}");
        let reached = usize::from(!fails);
        assert_eq!(atlas.connections(), before + reached, "{what}");
    }
}

#[test]
fn a_proxy_that_is_down_is_an_error_and_nothing_goes_directly() {
    let atlas = Simulator::start();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for scheme in ["http", "socks5", "socks5h"] {
        let url = format!("{scheme}://{closed}");
        fails(&atlas, &url, &["cannot connect to the proxy", &url]);
    }
}

fn squid(program: &Path, login: bool, rules: &str) -> Served {
    Served::start(|directory, port| {
        let path = directory.path();
        let login = if login {
            // Squid says user and password in a line, some characters percent-encoded.
            let password = PASSWORD.replace('%', "%25").replace(' ', "%20");
            let helper = directory.write(
                "helper",
                &format!(
                    "#!/bin/sh\nwhile read -r line; do\n  case $line in\n    '{USER} {password}') echo OK ;;\n    *) echo ERR ;;\n  esac\ndone\n"
                ),
            );
            fs::set_permissions(&helper, Permissions::from_mode(0o755)).unwrap();
            format!(
                "auth_param basic program {helper}\nauth_param basic children 1\nacl known proxy_auth REQUIRED\n"
            )
        } else {
            String::new()
        };
        let settings = directory.write(
            "squid.conf",
            &format!(
                "http_port 127.0.0.1:{port}\npid_filename none\ncache deny all\ncache_log {path}/cache.log\n\
                 access_log stdio:{path}/log\nlogfile_rotate 0\ncoredump_dir {path}\nshutdown_lifetime 0 seconds\n\
                 cache_mem 8 MB\npinger_enable off\nnetdb_filename none\nvisible_hostname proxy.test\n\
                 max_filedescriptors 1024\n{login}{rules}\n"
            ),
        );
        let mut command = Command::new(program);
        command.args(["-N", "-f", &settings]);
        command
    })
}

#[test]
fn squid_is_tunnelled_through() {
    let Some(program) = installed("tunnels through squid", "squid") else {
        return;
    };
    let atlas = Simulator::start();
    let proxy = squid(&program, false, "http_access allow all");
    works(&atlas, &proxy.url("http", ""));
    works(&atlas, &proxy.url("http", LOGIN));
}

#[test]
fn squid_is_given_the_login_it_asks_for() {
    let Some(program) = installed("a login at squid", "squid") else {
        return;
    };
    let atlas = Simulator::start();
    let rules = "http_access allow known\nhttp_access deny all";
    let proxy = squid(&program, true, rules);
    asks_for_the_login(&atlas, &proxy, "http", "407: it ");
}

#[test]
fn a_port_that_squid_denies_is_an_error() {
    let Some(program) = installed("a port that squid denies", "squid") else {
        return;
    };
    let atlas = Simulator::start();
    let rules = "acl tls port 443\nhttp_access deny CONNECT !tls\nhttp_access allow all";
    let proxy = squid(&program, false, rules);
    fails(
        &atlas,
        &proxy.url("http", ""),
        &["answered 403", "CONNECT localhost:"],
    );
}

fn microsocks(program: &Path, login: &[&str]) -> Served {
    Served::start(|_, port| {
        let mut command = Command::new(program);
        command.args(["-i", "127.0.0.1", "-p", &port.to_string()]);
        command.args(login);
        command
    })
}

#[test]
fn microsocks_is_told_a_name_by_socks5h_and_an_address_by_socks5() {
    let Some(program) = installed("SOCKS5 through microsocks", "microsocks") else {
        return;
    };
    let atlas = Simulator::start();
    let proxy = microsocks(&program, &[]);
    let port = atlas.base_url().rsplit(':').next().unwrap().to_owned();
    works(&atlas, &proxy.url("socks5h", ""));
    proxy.lines("output", &format!("connected to localhost:{port}"), 1);
    works(&atlas, &proxy.url("socks5", ""));
    let lines = proxy.lines("output", &format!(":{port}"), 2);
    assert_eq!(lines.len(), 2, "kept alive: {lines:?}");
    assert!(!lines[1].contains("localhost"), "{lines:?}");
    // The name is not there for the proxy to be found either.
    let before = atlas.connections();
    let mut config = through(&atlas, &proxy.url("socks5h", ""));
    config.set_base_url(Some(b"https://no-such-host.invalid"));
    let error = get(&client(&config)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Network, "{error}");
    assert!(
        error
            .message()
            .contains("could not connect to no-such-host.invalid"),
        "{error}"
    );
    config.set_proxy(Some(proxy.url("socks5", "").as_bytes()));
    let error = get(&client(&config)).unwrap_err();
    assert!(
        error.message().contains("cannot find the address"),
        "{error}"
    );
    assert_eq!(atlas.connections(), before);
}

#[test]
fn microsocks_is_given_the_login_it_asks_for() {
    let Some(program) = installed("a login at microsocks", "microsocks") else {
        return;
    };
    let atlas = Simulator::start();
    let proxy = microsocks(&program, &["-u", USER, "-P", PASSWORD]);
    asks_for_the_login(&atlas, &proxy, "socks5h", "");
    asks_for_the_login(&atlas, &proxy, "socks5", "");
}

fn dante(program: &Path, rules: &str) -> Served {
    Served::start(|directory, port| {
        let path = directory.path();
        let settings = directory.write(
            "danted.conf",
            &format!(
                "logoutput: {path}/log\ninternal: 127.0.0.1 port = {port}\nexternal: 127.0.0.1\nclientmethod: none\n\
                 socksmethod: none\nuser.privileged: root\nuser.unprivileged: nobody\n\
                 client pass {{ from: 0/0 to: 0/0 }}\n{rules}\n"
            ),
        );
        let mut command = Command::new(program);
        command.args(["-f", &settings, "-p", &format!("{path}/pid")]);
        command
    })
}

#[test]
fn dante_is_tunnelled_through_and_its_rules_are_told() {
    let Some(program) = installed("SOCKS5 through Dante", "danted") else {
        return;
    };
    let atlas = Simulator::start();
    let proxy = dante(&program, "socks pass { from: 0/0 to: 0/0 log: connect }");
    works(&atlas, &proxy.url("socks5h", ""));
    works(&atlas, &proxy.url("socks5", ""));
    drop(proxy);
    let rules = "socks block { from: 0/0 to: 0/0 port gt 1023 }\nsocks pass { from: 0/0 to: 0/0 }";
    let proxy = dante(&program, rules);
    for scheme in ["socks5", "socks5h"] {
        let url = proxy.url(scheme, "");
        fails(
            &atlas,
            &url,
            &[
                "could not connect to localhost:",
                "not allowed by its rules",
            ],
        );
    }
}

/// Apache with one snapshot behind `mod_auth_digest`, and with these directives for it.
fn apache(program: &Path, lifetime: u32, directives: &str) -> Served {
    let resource =
        format!("api/atlas/v2/groups/{PROJECT}/clusters/{CLUSTER}/backup/snapshots/{SNAPSHOT}");
    Served::start(|directory, port| {
        let path = directory.path();
        let file = directory.0.join("public").join(&resource);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(
            &file,
            format!(r#"{{"id":"{SNAPSHOT}","status":"completed"}}"#),
        )
        .unwrap();
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
    assert!(
        statuses[1..].iter().all(|status| status == "200"),
        "{statuses:?}"
    );
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
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length.map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    message.extend(body);
    Some(message)
}

#[test]
fn a_connection_that_dies_costs_apache_no_challenge_though_it_checks_counts() {
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
    let error = get(&client(&with_key(
        &server,
        "00000000-0000-0000-0000-000000000000",
    )))
    .unwrap_err();
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
    curl.stdout
        .take()
        .unwrap()
        .read_to_string(&mut theirs)
        .unwrap();
    assert!(curl.wait().unwrap().success());
    assert_eq!(ours.json(), theirs);
    // Both were challenged once, and said the same but for nonces and counts.
    let lines = server.lines("log", "kept=", 4);
    let cluster_type = |line: &str| {
        let names = line
            .split([' ', ','])
            .filter_map(|it| it.split_once('='))
            .map(|it| it.0);
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(
        cluster_type(&lines[1]),
        cluster_type(&lines[3]),
        "{lines:?}"
    );
}
