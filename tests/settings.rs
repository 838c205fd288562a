//! Which settings and variables count, for whom.

mod common;

use std::env;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use atlas_backup::{Client, Config, ErrorKind};
use atlas_simulator::{ACCESS_TOKEN, Simulator};
use common::{Directory, Lines, client, config_for, get, in_child, is_child};

/// What a client is made of, as its log tells it.
fn told(mut config: Config) -> String {
    let lines = Lines::default();
    config.set_logger(3, lines.sink());
    client(&config);
    lines.with("timeout").concat()
}

/// Run as a child with all variables set: are they obeyed?
fn obeys_the_environment(expected: bool) {
    let url = env::var("ATLAS_URL").unwrap();
    // Credentials, and a base URL that needs no authorities.
    let mut config = Config::from_env();
    match (expected, Client::new(&config)) {
        (true, Ok(_)) => {}
        (false, Err(error)) => {
            assert_eq!(error.kind, ErrorKind::Config, "{error}");
            assert!(error.message().contains("no credentials"), "{error}");
            assert!(error.message().contains("environment does not count"), "{error}");
        }
        (_, outcome) => panic!("{:?}", outcome.map(drop)),
    }
    // Whatever else comes from the environment.
    config.set_access_token(Some(ACCESS_TOKEN.as_bytes()));
    let told_of = told(config);
    for part in ["http://127.0.0.1:9", "timeout 4321 ms", "2023-02-01"] {
        assert_eq!(told_of.contains(part), expected, "{part}: {told_of}");
    }
    // The authorities, and the proxy, which is nowhere.
    let mut config = config_for(&url);
    config.set_proxy(Some(b""));
    let outcome = get(&client(&config)).map(drop);
    match outcome {
        Err(error) if !expected => assert_eq!(error.kind, ErrorKind::Tls, "{error}"),
        outcome => assert!(expected && outcome.is_ok(), "{outcome:?}"),
    }
    config.set_proxy(None);
    assert_eq!(told(config.clone()).contains("proxy none"), !expected);
    // Nor does the environment keep anything from the proxy that is set.
    config.set_base_url(Some(b"https://bypassed.example"));
    config.set_proxy(Some(b"http://127.0.0.1:7"));
    assert_eq!(told(config).contains("proxy none"), expected);
}

/// The variables that are obeyed or not: with secrets in them, or with files of this one.
fn variables(
    atlas: &Simulator,
    proxy: &str,
    secret_file: Option<&str>,
) -> Vec<(&'static str, String)> {
    let of = |name, value: &str| (name, value.to_owned());
    let secrets = match secret_file {
        None => [
            of("MONGODB_ATLAS_CLIENT_SECRET", "secret"),
            of("MONGODB_ATLAS_PRIVATE_API_KEY", "private"),
            of("MONGODB_ATLAS_ACCESS_TOKEN", "token"),
        ],
        Some(path) => [
            of("MONGODB_ATLAS_CLIENT_SECRET_FILE", path),
            of("MONGODB_ATLAS_PRIVATE_API_KEY_FILE", path),
            of("MONGODB_ATLAS_ACCESS_TOKEN_FILE", path),
        ],
    };
    let mut variables = vec![
        of("ATLAS_URL", &atlas.base_url()),
        of("MONGODB_ATLAS_CLIENT_ID", "id"),
        of("MONGODB_ATLAS_PUBLIC_API_KEY", "public"),
        of("MONGODB_ATLAS_BASE_URL", "http://127.0.0.1:9"),
        of("MONGODB_ATLAS_API_VERSION", "2023-02-01"),
        of("MONGODB_ATLAS_TIMEOUT_MS", "4321"),
        of("SSL_CERT_FILE", atlas.ca_file().to_str().unwrap()),
        of("https_proxy", proxy),
        of("all_proxy", proxy),
        of("no_proxy", "bypassed.example"),
    ];
    variables.extend(secrets);
    variables
}

fn run(program: &Path, test: &str, privileged: bool, variables: &[(&str, String)]) {
    let mut command = Command::new(program);
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("ATLAS_TEST_CHILD", "1")
        .env("ATLAS_PRIVILEGED", if privileged { "yes" } else { "" })
        .env_remove("ATLAS_TEST_RECORD")
        .current_dir("/")
        .uid(65534)
        .gid(65534);
    for (name, value) in variables {
        command.env(name, value);
    }
    let Output { status, stdout, stderr } = command.output().expect("a child");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(
        status.success() && stdout.contains("1 passed"),
        "{}: {status}\n{stdout}{stderr}",
        program.display()
    );
    stdout.lines().filter(|line| line.starts_with("skipped: ")).for_each(|line| println!("{line}"));
}

#[test]
fn a_program_with_anothers_rights_obeys_no_variable() {
    const TEST: &str = "a_program_with_anothers_rights_obeys_no_variable";
    if is_child() {
        let privileged = env::var_os("ATLAS_PRIVILEGED").unwrap() == "yes";
        // SAFETY: reads a number the kernel left.
        if privileged && unsafe { libc::getauxval(libc::AT_SECURE) } == 0 {
            println!("skipped: this file system gives programs no rights of others (nosuid)");
            return;
        }
        return obeys_the_environment(!privileged);
    }
    // SAFETY: asks for a number.
    if unsafe { libc::geteuid() } != 0 {
        println!("skipped: making a set-user-id program of another user needs root");
        return;
    }
    let atlas = Simulator::start();
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let proxy = format!("http://{}", trap.local_addr().unwrap());
    // For the other user to read.
    let place = Directory::with_mode(0o755);
    let ca_file = place.0.join("ca.pem");
    fs::copy(atlas.ca_file(), &ca_file).unwrap();
    let secret_file = place.write("secret", "s3cret");
    let all = [None, Some(secret_file.as_str())].map(|secret_file| {
        let mut variables = variables(&atlas, &proxy, secret_file);
        for (name, value) in &mut variables {
            if *name == "SSL_CERT_FILE" {
                *value = ca_file.to_str().unwrap().to_owned();
            }
        }
        variables
    });
    let run = |program: &Path, privileged| {
        all.iter().for_each(|variables| run(program, TEST, privileged, variables));
    };
    let copy = |name: &str, mode| {
        let program = place.0.join(name);
        // By a process of its own: a child of another test could have the descriptor it is written with, and a program
        // that somebody writes cannot be run.
        let mut copy = Command::new("cp");
        copy.arg(env::current_exe().unwrap()).arg(&program);
        assert!(copy.status().unwrap().success());
        chown(&program, Some(1), Some(1)).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(mode)).unwrap();
        program
    };
    run(&copy("ordinary", 0o755), false);
    run(&copy("set-user-id", 0o4755), true);
    run(&copy("set-group-id", 0o2755), true);
    let capable = copy("capable", 0o755);
    let setcap =
        Command::new("/usr/sbin/setcap").arg("cap_net_bind_service+ep").arg(&capable).output();
    match setcap {
        Ok(output) if output.status.success() => run(&capable, true),
        _ => println!("skipped: a program with capabilities: setcap does not work here"),
    }
    assert!(trap.accept().is_err(), "the caller's proxy was asked");
}

#[test]
fn a_proxy_variable_that_is_not_used_may_be_any() {
    const TEST: &str = "a_proxy_variable_that_is_not_used_may_be_any";
    if is_child() {
        let mut config = config_for(&env::var("ATLAS_URL").unwrap());
        config.set_proxy(None);
        match Client::new(&config) {
            Ok(_) => assert!(env::var_os("ATLAS_REFUSED").is_none()),
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Config, "{error}");
                let name = env::var("ATLAS_REFUSED").expect("no refusal");
                assert!(error.message().contains(&name), "{error}");
            }
        }
        return;
    }
    let https = "https://cloud.mongodb.com";
    let plain = "http://127.0.0.1:9";
    for proxy in
        ["https://proxy.example", "socks4://proxy.example", "http://p:99999", "nonsense://"]
    {
        // The variables, the base URL, the variable that is refused.
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<&'a str>);
        let cases: [Case; 7] = [
            (&[("https_proxy", proxy)], https, Some("https_proxy")),
            (&[("ALL_PROXY", proxy)], https, Some("ALL_PROXY")),
            (&[("https_proxy", proxy), ("NO_PROXY", "mongodb.com")], https, None),
            (&[("https_proxy", proxy), ("no_proxy", "*")], https, None),
            (&[("HTTPS_PROXY", proxy), ("no_proxy", "example.com")], https, Some("HTTPS_PROXY")),
            (&[("https_proxy", proxy)], plain, None),
            // The first one counts.
            (&[("https_proxy", "http://p:1"), ("all_proxy", proxy)], https, None),
        ];
        for (proxies, url, refused) in cases {
            let names =
                ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];
            let mut variables: Vec<(&str, &OsStr)> =
                names.map(|name| (name, OsStr::new(""))).to_vec();
            variables.extend(proxies.iter().map(|(name, value)| (*name, OsStr::new(*value))));
            variables.push(("ATLAS_URL", url.as_ref()));
            variables.extend(refused.map(|name| ("ATLAS_REFUSED", OsStr::new(name))));
            in_child(TEST, &variables);
        }
    }
    // The setting is the program's own.
    let mut config = config_for(plain);
    config.set_proxy(Some(b"socks4://proxy.example"));
    assert_eq!(Client::new(&config).unwrap_err().kind, ErrorKind::Config);
}

#[test]
fn brackets_in_a_base_url_are_for_ipv6_addresses_alone() {
    let cases = [
        ("https://[::1]", true),
        ("https://[2001:db8::1]:8443/path", true),
        ("https://[::ffff:127.0.0.1]", true),
        ("https://localhost", true),
        ("https://127.0.0.1", true),
        ("https://[localhost]", false),
        ("https://[127.0.0.1]", false),
        ("https://[cloud.mongodb.com]", false),
        ("https://[]", false),
        ("https://[::1%25lo]", false),
        ("https://[::1", false),
        ("https://::1", false),
        ("http://[localhost]", false),
        ("http://[127.0.0.1]:8080", false),
        ("http://[::1]:8080", true),
    ];
    for (url, good) in cases {
        let outcome = Client::new(&config_for(url)).map(drop);
        assert_eq!(outcome.is_ok(), good, "{url}: {outcome:?}");
        if let Err(error) = outcome {
            assert_eq!(error.kind, ErrorKind::Config, "{error}");
            assert!(error.message().contains("base_url"), "{error}");
        }
    }
}

#[test]
fn what_the_system_says_of_a_file_is_told_without_a_number() {
    const TEST: &str = "what_the_system_says_of_a_file_is_told_without_a_number";
    let missing = "/no/such/place";
    if is_child() {
        let mut config = config_for("https://localhost:1");
        if let Ok(setting) = env::var("ATLAS_SETTING") {
            match setting.as_str() {
                "ca_file" => config.set_ca_file(Some(missing.as_bytes())),
                _ => config.set_access_token_file(Some(missing.as_bytes())),
            }
        }
        let error = Client::new(&config).unwrap_err().message();
        assert!(error.contains(missing), "{error}");
        assert!(error.ends_with("No such file or directory"), "{error}");
        return;
    }
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        in_child(TEST, &[(name, missing.as_ref())]);
    }
    for setting in ["ca_file", "access_token_file"] {
        in_child(TEST, &[("ATLAS_SETTING", setting.as_ref())]);
    }
    let lines = Lines::default();
    let atlas = Simulator::start();
    let mut config = common::service_account(common::config(&atlas));
    config.set_logger(2, lines.sink());
    config.set_token_cache(Some(b"/no/such/place/at/all"));
    get(&client(&config)).unwrap();
    let line = lines.all().remove(0).1;
    assert!(line.ends_with("is not used: No such file or directory"), "{line}");
}
