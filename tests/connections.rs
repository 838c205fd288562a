//! What becomes of connections: which are kept, which are given up, under which numbers the system knows them, and who
//! may be in between.

mod common;

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use atlas_backup::{Client, ErrorKind};
use atlas_simulator::{CLIENT_ID, CLIENT_SECRET, Simulator};
use common::{
    Directory, client, config_for, get, get_of, in_child, is_child, overrun, read_head, server,
    until,
};

const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// A server that gives the same answer to each request until told otherwise, and keeps connections open.
#[derive(Clone)]
struct Same {
    answer: Arc<Mutex<String>>,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl Same {
    fn start(answer: &str) -> (Same, SocketAddr) {
        let same = Same {
            answer: Arc::new(Mutex::new(answer.to_owned())),
            requests: Arc::default(),
            connections: Arc::default(),
        };
        let served = same.clone();
        let address = server(move |_, mut stream| {
            served.connections.fetch_add(1, Relaxed);
            while read_head(&mut stream) {
                served.requests.fetch_add(1, Relaxed);
                let answer = served.answer.lock().unwrap().clone();
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
        });
        (same, address)
    }
}

/// What curl makes of an answer: whether it is content, and the body. `None` where curl is not installed.
fn curl(address: SocketAddr) -> Option<(bool, String)> {
    let url = format!("http://{address}/");
    let mut command = Command::new("curl");
    command.args(["--silent", "--noproxy", "*", "--max-time", "10", &url]);
    let output = command.output().ok()?;
    let body = String::from_utf8_lossy(&output.stdout).into_owned();
    Some((output.status.success(), body))
}

#[test]
fn good_framing_is_understood_however_odd_and_keeps_its_connection() {
    let chunked =
        |body: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    let cases = [
        chunked("2\r\n{}\r\n0\r\n\r\n"),
        chunked("2;name=\"a value; of some length\";another\r\n{}\r\n0;last\r\n\r\n"),
        chunked(&format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(5000))),
        chunked("0000000000000002\r\n{}\r\n00000\r\n\r\n"),
        chunked("2      \r\n{}\r\n0\r\n\r\n"),
        chunked("2\r\n{}\r\n0\r\nX-Trailer: of more than twenty bytes\r\n\r\n"),
        "HTTP/1.1 200 OK\r\ntransfer-encoding:CHUNKED\r\n\r\n2\r\n{}\r\n0\r\n\r\n".to_owned(),
        format!("HTTP/1.1 100 Continue\r\nX: y\r\n\r\n{EMPTY}"),
        format!(
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Go on\r\nX: y\r\n\r\n{EMPTY}"
        ),
        format!("HTTP/1.1 100 Continue\r\nX: y\r\n\r\n{}", chunked("2;x\r\n{}\r\n0\r\n\r\n")),
    ];
    for answer in cases {
        let (same, address) = Same::start(&answer);
        let client = client(&config_for(&format!("http://{address}")));
        for _ in 0..2 {
            let snapshot = get(&client).unwrap_or_else(|error| panic!("{answer:.200?}: {error}"));
            assert_eq!(snapshot.json(), "{}", "{answer:.200?}");
        }
        assert_eq!(same.connections.load(Relaxed), 1, "{answer:.200?}");
        match curl(address) {
            Some(seen) => assert_eq!(seen, (true, "{}".to_owned()), "curl: {answer:.200?}"),
            None => println!(
                "skipped: curl's reading of good framing: curl is not installed (package curl)"
            ),
        }
    }
}

#[test]
fn framing_with_two_readings_is_refused_and_ends_its_connection() {
    const BODY: &str = "2\r\n{}\r\n0\r\n\r\n";
    let encoded = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{BODY}");
    let chunked = |body: &str| encoded("Transfer-Encoding: chunked").replace(BODY, body);
    // Those that curl, as of 7.88, refuses too. It takes the others for content, or waits for the end of the connection.
    let as_curl = [
        encoded("Transfer-Encoding: chunked, gzip"),
        encoded("Transfer-Encoding: gzip, chunked"),
        encoded("Transfer-Encoding: xchunked\r\nContent-Length: 12"),
        encoded("Transfer-Encoding: chunked;q=1\r\nContent-Length: 12"),
        chunked("+2\r\n{}\r\n0\r\n\r\n"),
        chunked(" 2\r\n{}\r\n0\r\n\r\n"),
        chunked("0x2\r\n{}\r\n0\r\n\r\n"),
        chunked("2\r\n{}\r\n+0\r\n\r\n"),
        chunked("fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    ];
    let strictly = [
        encoded("Transfer-Encoding: chunked\r\nContent-Length: 12"),
        encoded("Content-Length: 2\r\nTransfer-Encoding: chunked"),
        encoded("Content-Length: 12\r\nTransfer-Encoding: identity"),
        encoded("Transfer-Encoding: chunked, chunked"),
        encoded("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        encoded("Transfer-Encoding:\r\nContent-Length: 12"),
        encoded("Transfer-Encoding: chunked\r\nConnection: keep-alive").replace("/1.1", "/1.0"),
        encoded("Content-Length: 12\r\nContent-Length: 2"),
        chunked("2 2\r\n{}\r\n0\r\n\r\n"),
        chunked("2;\n{}\r\n0\r\n\r\n"),
        chunked("2\n{}\n0\n\n"),
        // A body where none can be would be taken for the next response, should it come late.
        "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n".to_owned(),
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n".to_owned(),
    ];
    for (number, answer) in as_curl.iter().chain(&strictly).enumerate() {
        let (same, address) = Same::start(answer);
        let client = client(&config_for(&format!("http://{address}")));
        let error = get(&client).expect_err(answer);
        assert_eq!(error.kind, ErrorKind::InvalidResponse, "{answer:?}: {error}");
        *same.answer.lock().unwrap() = EMPTY.to_owned();
        assert_eq!(get(&client).unwrap().json(), "{}", "{answer:?}");
        assert_eq!(same.connections.load(Relaxed), 2, "{answer:?}");
        *same.answer.lock().unwrap() = answer.clone();
        if number < as_curl.len()
            && let Some((is_content, _)) = curl(address)
        {
            assert!(!is_content, "curl takes {answer:?}");
        }
    }
}

/// From now on the system drops what comes for this connection, as if the machine had vanished.
fn vanish(stream: &TcpStream) {
    let mut drop_all = libc::sock_filter {
        code: 0x06, // BPF_RET | BPF_K: return 0 bytes of the packet
        jt: 0,
        jf: 0,
        k: 0,
    };
    let program = libc::sock_fprog { len: 1, filter: &mut drop_all };
    // SAFETY: the kernel copies the program of one instruction.
    let code = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    assert_eq!(code, 0, "{}", io::Error::last_os_error());
}

#[test]
fn a_kept_connection_whose_peer_vanished_costs_a_third_of_the_time() {
    // timeout_ms, and what the vanished peer may cost of it
    for (timeout, cost) in [(9000, 3000), (2500, 1000)] {
        let vanished = Arc::new(AtomicUsize::new(0));
        let served = vanished.clone();
        let address = server(move |number, mut stream| {
            while read_head(&mut stream) {
                stream.write_all(EMPTY.as_bytes()).unwrap();
                if number == 0 {
                    vanish(&stream);
                    served.store(1, Relaxed);
                    thread::sleep(Duration::from_secs(20));
                }
            }
        });
        let mut config = config_for(&format!("http://{address}"));
        config.set_timeout_ms(timeout);
        let client = client(&config);
        get(&client).unwrap();
        until("the peer has vanished", || vanished.load(Relaxed) == 1);
        let (due, start) = (Duration::from_millis(cost), Instant::now());
        let (outcome, late) = overrun(due, || get(&client));
        outcome.unwrap();
        let early = due.saturating_sub(start.elapsed());
        assert!(early < Duration::from_millis(100), "{timeout}: {early:?} early");
        assert!(late < Duration::from_millis(700), "{timeout}: {late:?} late");
    }
}

#[test]
fn a_server_that_takes_its_time_on_a_kept_connection_is_asked_once() {
    let requests = Arc::new(AtomicUsize::new(0));
    let served = requests.clone();
    let address = server(move |_, mut stream| {
        while read_head(&mut stream) {
            if served.fetch_add(1, Relaxed) > 0 {
                thread::sleep(Duration::from_secs(3));
            }
            stream.write_all(EMPTY.as_bytes()).unwrap();
        }
    });
    let mut config = config_for(&format!("http://{address}"));
    config.set_timeout_ms(4500);
    let client = client(&config);
    get(&client).unwrap();
    get(&client).unwrap();
    assert_eq!(requests.load(Relaxed), 2);
}

/// Which of the descriptors 0 to 2 are open.
fn standard_ones() -> Vec<i32> {
    // SAFETY: asks for flags.
    let is_open = |fd: &i32| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0;
    (0..3).filter(is_open).collect()
}

#[test]
fn no_descriptor_is_0_1_or_2_though_they_are_free() {
    const TEST: &str = "no_descriptor_is_0_1_or_2_though_they_are_free";
    if is_child() {
        let url = env::var("ATLAS_URL").unwrap();
        let cache = env::var("ATLAS_CACHE").unwrap();
        let pipe = env::var("ATLAS_PIPE").unwrap();
        let _writer = File::options().read(true).write(true).open(&pipe).unwrap();
        let seen = Mutex::new(Vec::new());
        let look = |when: &str| {
            let found = standard_ones();
            if !found.is_empty() {
                seen.lock().unwrap().push(format!("{when}: {found:?}"));
            }
        };
        // What the tests' own record of log lines is written to is open from here on.
        let mut config = config_for(&url);
        // SAFETY: copies of descriptors of this process, whose only other thread waits for this one.
        let kept = [0, 1, 2].map(|fd| unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 10) });
        (0..3).for_each(|fd| assert_eq!(unsafe { libc::close(fd) }, 0));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            config.set_ca_file(Some(env::var("ATLAS_CA").unwrap().as_bytes()));
            config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(CLIENT_SECRET.as_bytes()));
            config.set_token_cache(Some(cache.as_bytes()));
            let client = client(&config);
            look("a client");
            // A pipe without an end.
            let mut waiting = config.clone();
            waiting.set_access_token_file(Some(pipe.as_bytes()));
            waiting.set_timeout_ms(300);
            thread::scope(|scope| {
                let reading = scope.spawn(|| Client::new(&waiting).unwrap_err());
                while !reading.is_finished() {
                    thread::sleep(Duration::from_millis(50));
                    look("during the reading of a secret");
                }
                assert!(reading.join().unwrap().message().contains("is a pipe"));
            });
            get(&client).unwrap();
            look("after a call");
            // Calls, on connections new and kept, that wait for the token endpoint or the API.
            thread::scope(|scope| {
                let calls: Vec<_> =
                    (0..3).map(|_| scope.spawn(|| get_of(&client, "slow-300").unwrap())).collect();
                while calls.iter().any(|call| !call.is_finished()) {
                    thread::sleep(Duration::from_millis(50));
                    look("during a call");
                }
            });
        }));
        (0..3).for_each(|fd| assert_eq!(unsafe { libc::dup2(kept[fd as usize], fd) }, fd));
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
        let seen = seen.into_inner().unwrap();
        assert!(seen.is_empty(), "{seen:?}");
        return;
    }
    let atlas = Simulator::start();
    let cache = env::temp_dir().join(format!("atlas-connections-{}", std::process::id()));
    let url = atlas.base_url();
    let place = Directory::new();
    let pipe = format!("{}/pipe", place.path());
    let name = CString::new(pipe.as_bytes()).unwrap();
    // SAFETY: the path is NUL-terminated.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let variables: [(&str, &OsStr); 4] = [
        ("ATLAS_URL", url.as_ref()),
        ("ATLAS_CA", atlas.ca_file().as_ref()),
        ("ATLAS_CACHE", cache.as_ref()),
        ("ATLAS_PIPE", pipe.as_ref()),
    ];
    in_child(TEST, &variables);
    fs::remove_dir_all(cache).unwrap();
}

/// What a child under a tool that wraps connect() does: two requests over TLS.
fn get_twice() {
    let mut config = config_for(&env::var("ATLAS_URL").unwrap());
    config.set_ca_file(Some(env::var("ATLAS_CA").unwrap().as_bytes()));
    let client = client(&config);
    get(&client).unwrap();
    get(&client).unwrap();
}

/// Builds the library that wraps functions of libc, and removes it when dropped.
struct Wrapper(PathBuf);

impl Wrapper {
    fn build(name: &str) -> Wrapper {
        let path = env::temp_dir().join(format!("atlas-{name}-{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/preload/wrap.c");
        let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
        let built = Command::new(compiler)
            .args(["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", source, "-ldl", "-o"])
            .arg(&path)
            .status();
        assert!(built.expect("a C compiler").success());
        Wrapper(path)
    }
}

impl Drop for Wrapper {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_library_that_wraps_connect_sees_every_connection() {
    const TEST: &str = "a_library_that_wraps_connect_sees_every_connection";
    if is_child() {
        return get_twice();
    }
    let wrapper = Wrapper::build("connect");
    let atlas = Simulator::start();
    let url = atlas.base_url();
    let port = url.rsplit(':').next().unwrap();
    // Nobody listens there.
    let wrong = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let wrong = wrong.port().to_string();
    let wrong_url = url.replace(port, &wrong);
    let variables: [(&str, &OsStr); 5] = [
        ("ATLAS_URL", wrong_url.as_ref()),
        ("ATLAS_CA", atlas.ca_file().as_ref()),
        ("LD_PRELOAD", wrapper.0.as_ref()),
        ("WRAP_FROM", wrong.as_ref()),
        ("WRAP_TO", port.as_ref()),
    ];
    in_child(TEST, &variables);
}

#[test]
fn a_token_for_localhost_stays_here_though_the_resolver_says_otherwise() {
    const TEST: &str = "a_token_for_localhost_stays_here_though_the_resolver_says_otherwise";
    if is_child() {
        let port = env::var("ATLAS_PORT").unwrap();
        let found = format!("elsewhere.example:{port}").to_socket_addrs();
        let found: Vec<_> = found.unwrap().map(|it| it.to_string()).collect();
        assert_eq!(found, [format!("127.0.0.9:{port}")], "the resolver");
        for host in ["localhost", "LOCALHOST"] {
            get(&client(&config_for(&format!("http://{host}:{port}")))).unwrap();
        }
        return;
    }
    let wrapper = Wrapper::build("names");
    let (same, address) = Same::start(EMPTY);
    let port = address.port().to_string();
    let variables: [(&str, &OsStr); 3] = [
        ("ATLAS_PORT", port.as_ref()),
        ("LD_PRELOAD", wrapper.0.as_ref()),
        ("WRAP_NAMES", "127.0.0.9".as_ref()),
    ];
    in_child(TEST, &variables);
    assert_eq!(same.requests.load(Relaxed), 2);
}

#[test]
fn proxychains_leads_connections_through_its_proxy() {
    const TEST: &str = "proxychains_leads_connections_through_its_proxy";
    if is_child() {
        return get_twice();
    }
    // An HTTP proxy that connects to whatever it is asked for.
    let tunnels = Arc::new(AtomicUsize::new(0));
    let counted = tunnels.clone();
    let proxy = server(move |_, mut stream| {
        let mut head = String::new();
        let mut byte = [0];
        while !head.ends_with("\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
            head.push(byte[0].into());
        }
        let target = head.split(' ').nth(1).unwrap_or_default();
        let Ok(mut there) = TcpStream::connect(target) else {
            return;
        };
        counted.fetch_add(1, Relaxed);
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
        let (mut from, mut to) = (there.try_clone().unwrap(), stream.try_clone().unwrap());
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        let _ = io::copy(&mut stream, &mut there);
        let _ = there.shutdown(Shutdown::Both);
    });
    let settings = env::temp_dir().join(format!("atlas-proxychains-{}.conf", std::process::id()));
    let text = format!("strict_chain\n[ProxyList]\nhttp 127.0.0.1 {}\n", proxy.port());
    fs::write(&settings, text).unwrap();
    // It runs a program with its library preloaded; which that is, it tells a program.
    let told = Command::new("proxychains4")
        .args(["-q", "-f"])
        .arg(&settings)
        .arg("env")
        .stderr(Stdio::null())
        .output();
    let Ok(told) = told else {
        println!("skipped: {TEST}: proxychains4 is not installed (package proxychains4)");
        fs::remove_file(settings).unwrap();
        return;
    };
    let told = String::from_utf8(told.stdout).unwrap();
    let value = |name: &str| told.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let atlas = Simulator::start();
    let url = atlas.base_url();
    let variables: [(&str, &OsStr); 5] = [
        ("ATLAS_URL", url.as_ref()),
        ("ATLAS_CA", atlas.ca_file().as_ref()),
        ("LD_PRELOAD", value("LD_PRELOAD=").as_ref()),
        ("PROXYCHAINS_CONF_FILE", settings.as_ref()),
        ("PROXYCHAINS_QUIET_MODE", "1".as_ref()),
    ];
    in_child(TEST, &variables);
    assert_eq!(tunnels.load(Relaxed), 1);
    fs::remove_file(settings).unwrap();
}
