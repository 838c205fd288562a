//! When memory is short: what an answer decides the size of is asked for and may be refused, which is an error. Only
//! the little things of a call are not asked for.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::env;
use std::ffi::{OsStr, c_char, c_void};
use std::fs;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use atlas_backup::{Client, ClusterType, ErrorKind, Format, Snapshot, SnapshotList};
use atlas_simulator::{
    ACCESS_TOKEN, Act, CLIENT_ID, CLIENT_SECRET, PROJECT, Payload, Simulator, Target,
};
use common::{client, config_for, get, get_of, in_child, is_child};

/// The system's allocator, as far as it may.
struct Limited;

#[global_allocator]
static ALLOCATOR: Limited = Limited;

/// The largest block that is to be had.
static LARGEST: AtomicUsize = AtomicUsize::new(usize::MAX);

// SAFETY: the system's allocator, or NULL, which stands for no memory.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST.load(Relaxed) {
            return ptr::null_mut();
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size().max(LARGEST.load(Relaxed)) {
            return ptr::null_mut();
        }
        unsafe { System.realloc(block, layout, size) }
    }
}

/// Runs `body` where no block of more than `largest` bytes is to be had.
fn in_blocks_of<T>(largest: usize, body: impl FnOnce() -> T) -> T {
    LARGEST.store(largest, Relaxed);
    let value = body();
    LARGEST.store(usize::MAX, Relaxed);
    value
}

fn in_small_blocks<T>(body: impl FnOnce() -> T) -> T {
    in_blocks_of(64 * 1024, body)
}

/// Answers that are large in different ways, by the name of a cluster; the first are snapshots, the others pages.
fn large_answers() -> Vec<(&'static str, String)> {
    let many = |element: &str, count: usize| vec![element; count].join(",");
    let x = "x".repeat(300_000);
    let escapes = format!("\\u0078{}", &x[..1000]);
    let item = format!("{{\"links\":[{}]}}", many("{}", 35));
    let members: Vec<String> = (0..20_000).map(|i| format!("\"m{i}\":{i}")).collect();
    vec![
        ("text", format!(r#"{{"id":"a","description":"{x}"}}"#)),
        ("escapes", format!(r#"{{"id":"a","description":"{}"}}"#, escapes.repeat(540))),
        ("name", format!(r#"{{"id":"a","\u0078{x}":1}}"#)),
        ("texts", format!(r#"{{"id":"a","copyRegions":[{}]}}"#, many("\"\"", 50_000))),
        ("objects", format!(r#"{{"id":"a","links":[{}]}}"#, many("{}", 50_000))),
        ("members", format!(r#"{{"id":"a",{}}}"#, members.join(","))),
        ("items", format!(r#"{{"results":[{}]}}"#, many(&item, 499))),
        ("large-items", format!(r#"{{"results":[{{"description":"{x}"}}]}}"#)),
    ]
}

/// The functions of the header that the Rust interface has in another form.
mod abi {
    use super::c_void;
    unsafe extern "C" {
        pub fn atlas_snapshot_copy(snapshot: *const c_void) -> *mut c_void;
        pub fn atlas_snapshot_free(snapshot: *mut c_void);
        pub fn atlas_snapshot_read_fields(
            snapshot: *const c_void,
            fields: *mut super::Fields,
            size: usize,
        ) -> usize;
        pub fn atlas_snapshot_parse(
            json: *const u8,
            length: usize,
            error: *mut c_void,
        ) -> *mut c_void;
    }
}

/// The struct atlas_snapshot_fields.
#[repr(C)]
struct Fields {
    texts: [*const c_char; 13],
    numbers: [i64; 3],
    codes: [i32; 6],
    arrays: [Array; 5],
}

#[repr(C)]
struct Array {
    count: usize,
    elements: *const c_void,
}

#[test]
fn arrays_of_pointers_without_memory_for_them_are_empty() {
    let list = |name: &str, element: &str| {
        format!(r#"{{"id":"a","{name}":[{}]}}"#, vec![element; 10_000].join(","))
    };
    for (at, texts, name, element) in
        [(0, 1, "copyRegions", "\"\""), (3, 2, "links", "{}"), (4, 3, "members", r#"{"id":"b"}"#)]
    {
        let snapshot = Snapshot::parse(list(name, element)).unwrap();
        let read = || {
            let mut fields = MaybeUninit::<Fields>::uninit();
            let handle: *const c_void = ptr::from_ref(&snapshot).cast();
            // SAFETY: behind the handle of the ABI is a Snapshot; the struct is filled whatever happens.
            unsafe {
                let size = size_of::<Fields>();
                let known = abi::atlas_snapshot_read_fields(handle, fields.as_mut_ptr(), size);
                assert_eq!(known, size);
                fields.assume_init()
            }
        };
        let without = in_blocks_of(10_000 * texts * size_of::<*const c_char>() - 1, read);
        assert!(!without.texts[0].is_null(), "{name}");
        for array in &without.arrays {
            assert!(array.count == 0 && array.elements.is_null(), "{name}");
        }
        let with = read();
        assert_eq!(with.arrays[at].count, 10_000, "{name}");
        assert!(!with.arrays[at].elements.is_null(), "{name}");
        assert_eq!((with.numbers[0], with.codes[5]), (i64::MIN, 0), "{name}");
    }
}

#[test]
fn an_answer_without_memory_for_it_is_an_error_and_the_next_call_works() {
    const TEST: &str = "an_answer_without_memory_for_it_is_an_error_and_the_next_call_works";
    if is_child() {
        let with_tls = {
            let mut config = config_for(&env::var("ATLAS_URL").unwrap());
            config.set_ca_file(Some(env::var("ATLAS_CA").unwrap().as_bytes()));
            client(&config)
        };
        let plain = client(&config_for(&env::var("ATLAS_PLAIN_URL").unwrap()));
        for client in [&with_tls, &plain] {
            assert_eq!(in_small_blocks(|| get(client)).unwrap().status(), Some("completed"));
            for (name, _) in large_answers() {
                for cluster in [name.to_owned(), format!("{name}-unmeasured")] {
                    fails_for_want_of_memory(client, &cluster);
                }
            }
            // Of a long error the beginning is told.
            let error = in_small_blocks(|| get_of(client, "error")).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Internal, "{error}");
            let error = get_of(client, "error").unwrap_err();
            assert_eq!(error.code, "X");
            assert!(error.parameters.len() <= 256 * 1024, "{}", error.parameters.len());
        }
        for (name, text) in large_answers() {
            is_read_or_fails(name, &text);
        }
        // A copy takes no larger block than its JSON text.
        let (_, text) = &large_answers()[0];
        let snapshot = Snapshot::parse(text.as_str()).unwrap();
        assert_eq!(in_blocks_of(text.len() + 1, || snapshot.clone()).json(), text);
        let mut config = config_for(&format!("{}/prefix", env::var("ATLAS_PLAIN_URL").unwrap()));
        config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(CLIENT_SECRET.as_bytes()));
        let error = in_small_blocks(|| get(&client(&config))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Internal, "{error}");
        let error = get(&client(&config)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidResponse, "{error}");
        return;
    }
    let atlas = Simulator::start();
    let answer = |cluster: &str, act: Act| {
        atlas.script_forever(Target::Path(format!("/{cluster}/backup")), [act]);
    };
    for (name, body) in large_answers() {
        answer(name, Act::respond(200, &body));
        let unmeasured = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{body}");
        answer(&format!("{name}-unmeasured"), Act::Raw { bytes: Payload::from(unmeasured) });
    }
    let zeros = vec!["0"; 200_000].join(",");
    answer("error", Act::respond(500, format!(r#"{{"errorCode":"X","parameters":[{zeros}]}}"#)));
    let token = format!(r#"{{"access_token":"{ACCESS_TOKEN}","x":[{zeros}]}}"#);
    atlas
        .script_forever(Target::Path("/prefix/api/oauth/token".into()), [Act::respond(200, token)]);
    let (plain, url) = (atlas.plain_url(), atlas.base_url());
    let variables: [(&str, &OsStr); 3] = [
        ("ATLAS_PLAIN_URL", plain.as_ref()),
        ("ATLAS_URL", url.as_ref()),
        ("ATLAS_CA", atlas.ca_file().as_ref()),
    ];
    in_child(TEST, &variables);
}

fn fails_for_want_of_memory(client: &Client, cluster: &str) {
    let list =
        || client.list_snapshots(ClusterType::ReplicaSet, PROJECT, cluster, Format::default());
    let is_page = cluster.contains("items");
    let failure = in_small_blocks(|| match is_page {
        true => list().err(),
        false => get_of(client, cluster).err(),
    });
    let error = failure.unwrap_or_else(|| panic!("{cluster}: memory was had"));
    assert_eq!(error.kind, ErrorKind::Internal, "{cluster}: {error}");
    assert!(error.message().contains("not enough memory"), "{cluster}: {error}");

    if is_page {
        assert!(!list().unwrap().is_empty());
        return;
    }
    let snapshot = get_of(client, cluster).unwrap();
    // What is made of it later is not to be had either.
    let handle: *const c_void = ptr::from_ref(&snapshot).cast();
    // SAFETY: behind the handle of the ABI is a Snapshot.
    let copy = |handle| unsafe { abi::atlas_snapshot_copy(handle) };
    assert!(in_small_blocks(|| copy(handle)).is_null(), "{cluster}");
    assert!(in_small_blocks(|| snapshot.field("id").is_none()), "{cluster}");
    assert_eq!(snapshot.field("id"), Some("\"a\""));
    let json = snapshot.json();
    // SAFETY: as many bytes as it has; the results are given back.
    unsafe {
        let parse = || abi::atlas_snapshot_parse(json.as_ptr(), json.len(), ptr::null_mut());
        assert!(in_small_blocks(parse).is_null(), "{cluster}");
        abi::atlas_snapshot_free(parse());
        abi::atlas_snapshot_free(copy(handle));
    }
}

/// Where there is memory for the body, there may be none for what is made of it.
fn is_read_or_fails(name: &str, text: &str) {
    let mut read = 0;
    for largest in (12..24).flat_map(|bits| [2 << bits, 3 << bits]) {
        let body = text.as_bytes().to_vec();
        let outcome = in_blocks_of(largest, || match name.contains("items") {
            true => SnapshotList::parse(body).map(drop),
            false => Snapshot::parse(body).map(|snapshot| {
                snapshot.field("id");
            }),
        });
        match outcome {
            Ok(()) => read += 1,
            Err(error) => assert_eq!(error.kind, ErrorKind::Internal, "{name}, {largest}: {error}"),
        }
    }
    assert!((1..24).contains(&read), "{name}: {read}");
}

#[test]
fn a_limit_on_the_address_space_is_met_with_an_error_or_at_worst_an_abort() {
    const TEST: &str = "a_limit_on_the_address_space_is_met_with_an_error_or_at_worst_an_abort";
    if is_child() {
        let mut config = config_for(&env::var("ATLAS_URL").unwrap());
        config.set_ca_file(Some(env::var("ATLAS_CA").unwrap().as_bytes()));
        let client = client(&config);
        get(&client).unwrap();
        let mut failed = 0;
        for kib in [0, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536, 1 << 20] {
            let ended = under_limit(kib * 1024, || {
                let outcomes = [
                    get(&client).err(),
                    get_of(&client, "large").err(),
                    client
                        .list_snapshots(
                            ClusterType::ReplicaSet,
                            PROJECT,
                            "many-2000",
                            Format::default(),
                        )
                        .err(),
                ];
                for error in outcomes.iter().flatten() {
                    let is_honest = matches!(error.kind, ErrorKind::Internal | ErrorKind::Network);
                    assert!(is_honest, "{kib} KiB: {error}");
                }
                outcomes.iter().flatten().count() as i32
            });
            println!("{kib} KiB: {ended:?}");
            match ended {
                Ended::Failures(count) => failed += count,
                Ended::Aborted => assert!(kib < 1024, "{kib} KiB are enough for the little things"),
            }
        }
        assert!(failed > 3, "{failed}");
        return;
    }
    let atlas = Simulator::start();
    let body = format!(r#"{{"id":"a","description":"{}"}}"#, "x".repeat(12_000_000));
    atlas.script_forever(Target::Path("/large/".into()), [Act::respond(200, body)]);
    let url = atlas.base_url();
    let variables: [(&str, &OsStr); 4] = [
        ("ATLAS_URL", url.as_ref()),
        ("ATLAS_CA", atlas.ca_file().as_ref()),
        // Otherwise each thread has 64 MiB in advance, and what was freed once is not asked for again.
        ("MALLOC_ARENA_MAX", "1".as_ref()),
        ("MALLOC_MMAP_THRESHOLD_", "131072".as_ref()),
    ];
    in_child(TEST, &variables);
}

#[derive(Debug)]
enum Ended {
    /// So many calls failed, honestly.
    Failures(i32),
    /// Rust had no memory for something little.
    Aborted,
}

/// Runs `body` in a forked child that may have `spare` bytes more than now.
fn under_limit(spare: u64, body: impl FnOnce() -> i32) -> Ended {
    // SAFETY: the child ends below; limits and status are ours.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            let pages = fs::read_to_string("/proc/self/statm").unwrap();
            let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
            let most = pages * libc::sysconf(libc::_SC_PAGESIZE) as u64 + spare;
            let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
            libc::setrlimit(libc::RLIMIT_AS, &limit);
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            libc::_exit(outcome.unwrap_or(99));
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
        if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGABRT {
            return Ended::Aborted;
        }
        assert!(libc::WIFEXITED(status), "ended by signal {}", libc::WTERMSIG(status));
        assert!(libc::WEXITSTATUS(status) < 99, "see above");
        Ended::Failures(libc::WEXITSTATUS(status))
    }
}
