//! HTTP and SOCKS proxies.

use std::ffi::OsStr;
use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use atlas_backup::{Config, Error, ErrorKind};
use atlas_simulator::Simulator;

use super::programs::{Served, installed};
use crate::common::{client, config, get, in_child, is_child};

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
    fails(atlas, &proxy.url(scheme, ""), &[&asks, &proxy.url(scheme, "")]);
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
    fails(&atlas, &proxy.url("http", ""), &["407", "asks for a user name"]);
}

#[test]
fn a_port_that_tinyproxy_does_not_connect_to_is_an_error() {
    let Some(program) = installed("a port that tinyproxy refuses", "tinyproxy") else {
        return;
    };
    let atlas = Simulator::start();
    let proxy = tinyproxy(&program, "ConnectPort 443");
    fails(&atlas, &proxy.url("http", ""), &["answered 403", "CONNECT localhost:"]);
}

#[test]
fn the_environments_variables_choose_a_proxy_and_no_proxy_bypasses_it() {
    const TEST: &str =
        "proxies::the_environments_variables_choose_a_proxy_and_no_proxy_bypasses_it";
    if is_child() {
        let mut config = Config::from_env();
        config.set_max_retries(0);
        let outcome = get(&client(&config)).map(drop);
        assert_eq!(outcome.is_ok(), env::var_os("FAILS").is_none(), "{outcome:?}");
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
        ("HTTP_PROXY", &url, &[("HTTP_PROXY", closed), ("http_proxy", closed)], false, false),
        (
            "the special before ALL",
            &url,
            &[("https_proxy", &this), ("ALL_PROXY", closed)],
            true,
            false,
        ),
        ("a proxy that is down", &url, &[("HTTPS_PROXY", closed)], false, true),
        ("empty", &url, &[("HTTPS_PROXY", "")], false, false),
        ("NO_PROXY", &url, &[("HTTPS_PROXY", &this), ("NO_PROXY", "localhost")], false, false),
        ("no_proxy", &url, &[("HTTPS_PROXY", closed), ("no_proxy", "*")], false, false),
        (
            "a port, which curl does not know there",
            &url,
            &[("HTTPS_PROXY", &this), ("NO_PROXY", &with_port)],
            true,
            false,
        ),
        ("another port", &url, &[("HTTPS_PROXY", &this), ("NO_PROXY", &other_port)], true, false),
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
            ("MONGODB_ATLAS_ACCESS_TOKEN", atlas_simulator::ACCESS_TOKEN.as_ref()),
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
        variables.extend(proxies.iter().map(|(name, value)| (*name, OsStr::new(*value))));
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
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
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
    fails(&atlas, &proxy.url("http", ""), &["answered 403", "CONNECT localhost:"]);
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
    assert!(error.message().contains("could not connect to no-such-host.invalid"), "{error}");
    config.set_proxy(Some(proxy.url("socks5", "").as_bytes()));
    let error = get(&client(&config)).unwrap_err();
    assert!(error.message().contains("cannot find the address"), "{error}");
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
        fails(&atlas, &url, &["could not connect to localhost:", "not allowed by its rules"]);
    }
}
