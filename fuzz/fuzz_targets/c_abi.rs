//! The C ABI: any sequence of calls that the header allows, on handles that are alive or NULL, with text that may be
//! anything, towards a server that answers with anything. Every call ends in time, sets its error as documented, shows
//! no secret, and what it hands out can be read, copied and freed in any order.
#![no_main]

use std::collections::VecDeque;
use std::ffi::{CStr, CString, c_char, c_void};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use atlas_backup::fuzzing::c::*;
use atlas_backup_fuzz::*;
use libfuzzer_sys::fuzz_target;

const SECRET: &CStr = c"s3cret-of-the-fuzzer";
/// `fuzzer:` and the secret, as a token is asked for.
const BASIC: &str = "ZnV6emVyOnMzY3JldC1vZi10aGUtZnV6emVy";
const TOKEN: &str = "t0ken-of-the-fuzzer";
const GROUP: &CStr = c"5f0123456789abcdef012345";
const SNAPSHOT: &CStr = c"6a0123456789abcdef012345";
/// Calls take up to 40 ms by their own time; a busy machine, sanitized, needs its own.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Arbitrary, Debug)]
struct Input {
    /// Whose client is there from the beginning.
    who: Who,
    answers: Vec<Answer>,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
enum Who {
    Nobodys,
    ServiceAccounts,
    ApiKeys,
    Tokens,
}

#[derive(Arbitrary, Debug)]
enum Text {
    Good,
    Null,
    Bytes(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Answer {
    /// The bytes and the end of the connection.
    Raw(Vec<u8>),
    /// HTTP, kept alive.
    Http {
        status: Status,
        headers: Vec<(Header, Vec<u8>)>,
        body: Body,
        chunked: bool,
    },
    Socks {
        code: u8,
        then: Vec<u8>,
    },
}

#[derive(Arbitrary, Debug)]
enum Status {
    Ok,
    Unauthorized,
    Other(u16),
}

#[derive(Arbitrary, Debug)]
enum Header {
    Digest,
    Challenge,
    RetryAfter,
    ErrorCode,
    Encoding,
    Location,
    Length,
    Other,
}

#[derive(Arbitrary, Debug)]
enum Body {
    Completed,
    InProgress,
    Failed,
    Page,
    Enveloped,
    Token,
    Error,
    /// What was sent, in an error and in a page.
    Echo,
    EchoPage,
    Bytes(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Base {
    Server,
    /// TLS towards the server, which speaks none.
    Tls,
    /// Nobody listens.
    Closed,
    Text(Text),
}

#[derive(Arbitrary, Debug)]
enum Proxy {
    Http,
    Socks,
    Socksh,
    Text(Text),
}

#[derive(Arbitrary, Debug)]
enum Setting {
    ServiceAccount(Text, Text),
    ApiKey(Text, Text),
    Token(Text),
    Base(Base),
    Version(Text),
    ConnectTimeout(u8),
    Retries(u32),
    CaFile(Text),
    Proxy(Proxy),
    Agent(Text),
    Cache(Text),
    Logger(i8, bool),
    AccountFile(Text, Text),
    KeyFile(Text, Text),
    TokenFile(Text),
}

#[derive(Arbitrary, Debug)]
enum Step {
    Config {
        from_env: bool,
    },
    Set {
        config: u8,
        setting: Setting,
    },
    FreeConfig {
        config: u8,
    },
    Client {
        config: u8,
        timeout_ms: u8,
    },
    Cancel {
        client: u8,
    },
    FreeClient {
        client: u8,
    },
    Get {
        client: u8,
        sharded: bool,
        ids: Ids,
        flags: u8,
        error: bool,
    },
    List {
        client: u8,
        sharded: bool,
        ids: Ids,
        flags: u8,
        error: bool,
    },
    Wait {
        client: u8,
        sharded: bool,
        ids: Ids,
        flags: u8,
        timeout_ms: u8,
        stop: bool,
        report: bool,
    },
    Revoke {
        client: u8,
        error: bool,
    },
    Parse {
        json: Vec<u8>,
        error: bool,
    },
    ParseList {
        json: Vec<u8>,
        error: bool,
    },
    Copy {
        snapshot: u8,
    },
    CopyItem {
        list: u8,
        item: u8,
    },
    Read {
        snapshot: u8,
        i: usize,
        name: Text,
    },
    /// The struct by a program of another header.
    ReadFields {
        snapshot: u8,
        size: u16,
    },
    FreeSnapshot {
        snapshot: u8,
    },
    ReadList {
        list: u8,
        i: usize,
    },
    Newest {
        list: u8,
        codes: [i8; 3],
    },
    FreeList {
        list: u8,
    },
    Nulls,
    Static {
        kind: i32,
    },
}

#[derive(Arbitrary, Debug)]
enum Ids {
    Good,
    Any(Text, Text, Text),
}

/// A client, and whether its calls stay on this machine.
struct Client {
    handle: *mut atlas_client,
    is_tame: bool,
}

struct Config {
    handle: *mut atlas_config,
    base_is_tame: bool,
    base_is_plain: bool,
    proxy_is_tame: bool,
}

#[derive(Default)]
struct World {
    configs: Vec<Config>,
    clients: Vec<Client>,
    snapshots: Vec<Owned>,
    lists: Vec<*mut atlas_snapshot_list>,
}

fuzz_target!(|input: Input| {
    LazyLock::force(&PORT);
    *ANSWERS.lock().unwrap() = input.answers.iter().map(Answer::prepare).collect();
    let mut world = World::default();
    let login = match input.who {
        Who::Nobodys => None,
        Who::ServiceAccounts => Some(Setting::ServiceAccount(Text::Good, Text::Good)),
        Who::ApiKeys => Some(Setting::ApiKey(Text::Good, Text::Good)),
        Who::Tokens => Some(Setting::Token(Text::Good)),
    };
    if let Some(setting) = login {
        let config = 0;
        for step in [
            Step::Config { from_env: false },
            Step::Set { config, setting },
            Step::Client { config, timeout_ms: 40 },
        ] {
            // SAFETY: as below.
            unsafe { world.step(&step) };
        }
        assert_eq!(world.clients.len(), 1);
    }
    for step in input.steps.iter().take(32) {
        let start = Instant::now();
        // SAFETY: the world knows which handles are alive.
        unsafe { world.step(step) };
        assert!(start.elapsed() < PATIENCE, "{step:?} took {:?}", start.elapsed());
    }
    // SAFETY: each is alive and freed once.
    unsafe {
        world.clients.drain(..).for_each(|client| atlas_client_free(client.handle));
        world.configs.drain(..).for_each(|config| atlas_config_free(config.handle));
        for snapshot in &world.snapshots {
            check_snapshot(snapshot.0);
        }
        world.lists.drain(..).for_each(|list| atlas_snapshot_list_free(list));
    }
});

impl World {
    unsafe fn step(&mut self, step: &Step) {
        // SAFETY: as demanded by each function, with handles that are alive or NULL.
        unsafe {
            match step {
                Step::Config { from_env } => {
                    let handle =
                        if *from_env { atlas_config_from_env() } else { atlas_config_new() };
                    assert!(!handle.is_null());
                    let mut config = Config {
                        handle,
                        base_is_tame: true,
                        base_is_plain: true,
                        proxy_is_tame: true,
                    };
                    config.set(&Setting::Base(Base::Server));
                    config.set(&Setting::Proxy(Proxy::Text(Text::Good)));
                    self.configs.push(config);
                }
                Step::Set { config, setting } => match pick(&mut self.configs, *config) {
                    Some(config) => config.set(setting),
                    None => Config {
                        handle: null_mut(),
                        base_is_tame: false,
                        base_is_plain: false,
                        proxy_is_tame: false,
                    }
                    .set(setting),
                },
                Step::FreeConfig { config } => {
                    atlas_config_free(
                        take(&mut self.configs, *config).map_or(null_mut(), |config| config.handle),
                    );
                }
                Step::Client { config, timeout_ms } => {
                    let config = pick(&mut self.configs, *config);
                    let handle = config.as_ref().map_or(null_mut(), |config| config.handle);
                    atlas_config_set_timeout_ms(handle, u32::from(*timeout_ms) % 41);
                    let (client, _) = shown(call(
                        |error| atlas_client_new(handle, error),
                        |client| client.is_null(),
                    ));
                    if let (false, Some(config)) = (client.is_null(), config) {
                        let is_tame =
                            config.base_is_tame && (config.proxy_is_tame || config.base_is_plain);
                        self.clients.push(Client { handle: client, is_tame });
                    }
                }
                Step::Cancel { client } => {
                    atlas_client_cancel(
                        pick(&mut self.clients, *client).map_or(null_mut(), |client| client.handle),
                    );
                }
                Step::FreeClient { client } => {
                    atlas_client_free(
                        take(&mut self.clients, *client).map_or(null_mut(), |client| client.handle),
                    );
                }
                Step::Get { client, sharded, ids, flags, error } => {
                    let Some(client) = self.client(*client) else {
                        return;
                    };
                    let [group, cluster, id] = ids.texts();
                    let get = if *sharded {
                        atlas_client_get_sharded_snapshot
                    } else {
                        atlas_client_get_snapshot
                    };
                    let get = |error| {
                        get(
                            client,
                            pointer(&group),
                            pointer(&cluster),
                            pointer(&id),
                            u32::from(*flags) % 5,
                            error,
                        )
                    };
                    let snapshot = ask(*error, get, |snapshot| snapshot.is_null());
                    self.keep(snapshot);
                }
                Step::List { client, sharded, ids, flags, error } => {
                    let Some(client) = self.client(*client) else {
                        return;
                    };
                    let [group, cluster, _] = ids.texts();
                    let list = if *sharded {
                        atlas_client_list_sharded_snapshots
                    } else {
                        atlas_client_list_snapshots
                    };
                    let list = |error| {
                        list(
                            client,
                            pointer(&group),
                            pointer(&cluster),
                            u32::from(*flags) % 5,
                            error,
                        )
                    };
                    let list = ask(*error, list, |list| list.is_null());
                    if !list.is_null() {
                        self.lists.push(list);
                    }
                }
                Step::Wait { client, sharded, ids, flags, timeout_ms, stop, report } => {
                    let Some(client) = self.client(*client) else {
                        return;
                    };
                    let [group, cluster, id] = ids.texts();
                    let wait = if *sharded {
                        atlas_client_wait_for_sharded_snapshot
                    } else {
                        atlas_client_wait_for_snapshot
                    };
                    let mut stop = i32::from(*stop);
                    let wait = |error| {
                        wait(
                            client,
                            pointer(&group),
                            pointer(&cluster),
                            pointer(&id),
                            u32::from(*flags) % 5,
                            u32::from(*timeout_ms),
                            1 + u32::from(*timeout_ms) % 40,
                            report.then_some(progress as _),
                            (&raw mut stop).cast(),
                            error,
                        )
                    };
                    let snapshot = ask(true, wait, |snapshot| snapshot.is_null());
                    self.keep(snapshot);
                }
                Step::Revoke { client, error } => {
                    let Some(client) = self.client(*client) else {
                        return;
                    };
                    ask(
                        *error,
                        |error| atlas_client_revoke_token(client, error),
                        |kind| *kind != 0,
                    );
                }
                Step::Parse { json, error } => {
                    let parse =
                        |error| atlas_snapshot_parse(json.as_ptr().cast(), json.len(), error);
                    let snapshot = ask(*error, parse, |snapshot| snapshot.is_null());
                    self.keep(snapshot);
                }
                Step::ParseList { json, error } => {
                    let parse =
                        |error| atlas_snapshot_list_parse(json.as_ptr().cast(), json.len(), error);
                    let list = ask(*error, parse, |list| list.is_null());
                    if !list.is_null() {
                        self.lists.push(list);
                    }
                }
                Step::Copy { snapshot } => {
                    let original = pick(&mut self.snapshots, *snapshot)
                        .map_or(null_mut(), |snapshot| snapshot.0);
                    let copy = atlas_snapshot_copy(original);
                    assert_eq!(copy.is_null(), original.is_null());
                    self.keep(copy);
                }
                Step::CopyItem { list, item } => {
                    let list = pick(&mut self.lists, *list).map_or(null_mut(), |list| *list);
                    let copy = atlas_snapshot_copy(atlas_snapshot_list_get(list, (*item).into()));
                    self.keep(copy);
                }
                Step::Read { snapshot, i, name } => {
                    let snapshot = pick(&mut self.snapshots, *snapshot)
                        .map_or(null(), |snapshot| snapshot.0.cast_const());
                    let name = name.given(c"id");
                    text(atlas_snapshot_field(snapshot, pointer(&name)));
                    text(atlas_snapshot_header(snapshot, pointer(&name)));
                    text(atlas_snapshot_field_name(snapshot, *i));
                    text(atlas_snapshot_header_name(snapshot, *i));
                    text(atlas_snapshot_header_value(snapshot, *i));
                    for (_, count, parts) in ARRAYS {
                        for (_, element) in parts {
                            assert!(text(element(snapshot, *i)).is_none() || *i < count(snapshot));
                        }
                    }
                    if !snapshot.is_null() {
                        check_snapshot(snapshot);
                    }
                }
                Step::ReadFields { snapshot, size } => {
                    let snapshot = pick(&mut self.snapshots, *snapshot)
                        .map_or(null(), |snapshot| snapshot.0.cast_const());
                    let size = usize::from(*size) % 1024;
                    let mut bytes = vec![0xa5; size + 1];
                    atlas_snapshot_read_fields(snapshot, bytes.as_mut_ptr().cast(), size);
                    let fields = read_fields(snapshot);
                    let known = std::slice::from_raw_parts(
                        (&raw const fields).cast::<u8>(),
                        size_of_val(&fields),
                    );
                    let both = size.min(known.len());
                    assert_eq!(bytes[..both], known[..both]);
                    assert!(bytes[both..size].iter().all(|byte| *byte == 0));
                    assert_eq!(bytes[size], 0xa5);
                }
                Step::FreeSnapshot { snapshot } => match take(&mut self.snapshots, *snapshot) {
                    Some(snapshot) => drop(snapshot),
                    None => atlas_snapshot_free(null_mut()),
                },
                Step::ReadList { list, i } => {
                    let list = pick(&mut self.lists, *list).map_or(null_mut(), |list| *list);
                    let count = atlas_snapshot_list_count(list);
                    atlas_snapshot_list_total_count(list);
                    assert_eq!(atlas_snapshot_list_get(list, *i).is_null(), *i >= count);
                    for i in 0..count.min(8) {
                        check_snapshot(atlas_snapshot_list_get(list, i));
                    }
                }
                Step::Newest { list, codes } => {
                    let list = pick(&mut self.lists, *list).map_or(null_mut(), |list| *list);
                    newest(list, codes.map(i32::from));
                }
                Step::FreeList { list } => {
                    atlas_snapshot_list_free(take(&mut self.lists, *list).unwrap_or(null_mut()));
                }
                Step::Nulls => nulls(),
                Step::Static { kind } => {
                    assert!(
                        text(atlas_error_kind_name(*kind)).is_some_and(|name| !name.is_empty())
                    );
                    assert_eq!(atlas_error_size(), 2048);
                    assert!(text(atlas_backup_version()).is_some());
                }
            }
        }
    }

    /// A client to call; NULL if there is none, `None` if it would leave this machine.
    fn client(&mut self, which: u8) -> Option<*mut atlas_client> {
        let client = pick(&mut self.clients, which);
        let (handle, is_tame) =
            client.map_or((null_mut(), true), |client| (client.handle, client.is_tame));
        CALLING.store(handle, Ordering::Relaxed);
        is_tame.then_some(handle)
    }

    unsafe fn keep(&mut self, snapshot: *mut atlas_snapshot) {
        if !snapshot.is_null() {
            self.snapshots.push(Owned(snapshot));
        }
    }
}

/// A call with an error or with NULL instead.
fn ask<T>(
    with_error: bool,
    run: impl FnOnce(*mut atlas_error) -> T,
    failed: impl FnOnce(&T) -> bool,
) -> T {
    if with_error { shown(call(run, failed)).0 } else { run(null_mut()) }
}

fn shown<T>((result, error): (T, atlas_error)) -> (T, atlas_error) {
    for field in [&error.code[..], &error.reason, &error.detail, &error.parameters, &error.message]
    {
        // SAFETY: texts of an error end in a NUL.
        check_hidden(unsafe { CStr::from_ptr(field.as_ptr()) });
    }
    (result, error)
}

fn check_hidden(text: &CStr) {
    let text = text.to_str().expect("text is UTF-8");
    for secret in [SECRET.to_str().unwrap(), BASIC, TOKEN] {
        assert!(!text.contains(secret), "{text:?}");
    }
}

/// The newest of those with these codes is in the list, has the codes, and none of them is newer.
///
/// # Safety
/// `list` is NULL or alive.
unsafe fn newest(list: *const atlas_snapshot_list, wanted: [i32; 3]) {
    // SAFETY: NULL or alive, as demanded above, and so what is in it.
    unsafe {
        let fits = |snapshot: *const atlas_snapshot| {
            let codes = [
                atlas_snapshot_status_code(snapshot),
                atlas_snapshot_frequency_type_code(snapshot),
                atlas_snapshot_snapshot_type_code(snapshot),
            ];
            codes.iter().zip(wanted).all(|(code, wanted)| wanted == 0 || *code == wanted)
        };
        let age = |snapshot: *const atlas_snapshot| {
            (atlas_snapshot_created_at_ms(snapshot), text(atlas_snapshot_id(snapshot)))
        };
        let items = (0..atlas_snapshot_list_count(list)).map(|i| atlas_snapshot_list_get(list, i));
        let items: Vec<_> = items.filter(|item| fits(*item)).collect();
        let [status, frequency_type, snapshot_type] = wanted;
        let newest = atlas_snapshot_list_newest(list, status, frequency_type, snapshot_type);
        assert_eq!(newest.is_null(), items.is_empty());
        assert!(newest.is_null() || items.contains(&newest));
        assert!(items.iter().all(|item| age(*item) <= age(newest)));
    }
}

fn nulls() {
    // SAFETY: NULL is allowed everywhere.
    unsafe {
        atlas_config_free(null_mut());
        atlas_client_free(null_mut());
        atlas_snapshot_free(null_mut());
        atlas_snapshot_list_free(null_mut());
        atlas_client_cancel(null_mut());
        assert!(atlas_snapshot_copy(null()).is_null());
        assert!(atlas_snapshot_list_get(null(), 0).is_null());
        assert!(atlas_snapshot_list_newest(null(), 0, 0, 0).is_null());
        assert_eq!(atlas_snapshot_read_fields(null(), null_mut(), 8), 0);
        assert_eq!(read_fields(null()).storage_size_bytes, ATLAS_ABSENT);
        assert_eq!(atlas_snapshot_list_count(null()), 0);
        assert_eq!(atlas_snapshot_list_total_count(null()), ATLAS_ABSENT);
        assert_eq!(atlas_snapshot_storage_size_bytes(null()), ATLAS_ABSENT);
        assert_eq!(atlas_snapshot_created_at_ms(null()), ATLAS_ABSENT);
        assert_eq!(atlas_snapshot_http_status(null()), 0);
        assert_eq!(atlas_snapshot_status_code(null()), 0);
        let mut length = 1;
        assert!(atlas_snapshot_json(null(), &mut length).is_null());
        assert_eq!(length, 0);
        let (_, error) =
            call(|error| atlas_snapshot_parse(null(), 7, error), |snapshot| snapshot.is_null());
        assert_eq!(error.kind, 1);
        let (_, error) =
            call(|error| atlas_snapshot_list_parse(null(), 7, error), |list| list.is_null());
        assert_eq!(error.kind, 1);
        let (_, error) = call(|error| atlas_client_new(null(), error), |client| client.is_null());
        assert_eq!(error.kind, 1);
    }
}

impl Config {
    unsafe fn set(&mut self, setting: &Setting) {
        let config = self.handle;
        // SAFETY: NULL or alive, as are the texts during each call.
        unsafe {
            match setting {
                Setting::ServiceAccount(id, secret) => {
                    let (id, secret) = (id.given(c"fuzzer"), secret.given(SECRET));
                    atlas_config_set_service_account(config, pointer(&id), pointer(&secret));
                }
                Setting::ApiKey(public, private) => {
                    let (public, private) = (public.given(c"public"), private.given(SECRET));
                    atlas_config_set_api_key(config, pointer(&public), pointer(&private));
                }
                Setting::Token(token) => {
                    atlas_config_set_access_token(config, pointer(&token.given(SECRET)))
                }
                // Never of the root, as for certificates.
                Setting::AccountFile(id, path) => {
                    let (id, path) = (id.given(c"fuzzer"), relative(path.given(c"secret")));
                    atlas_config_set_service_account_file(config, pointer(&id), pointer(&path));
                }
                Setting::KeyFile(public, path) => {
                    let (public, path) = (public.given(c"public"), relative(path.given(c"secret")));
                    atlas_config_set_api_key_file(config, pointer(&public), pointer(&path));
                }
                Setting::TokenFile(path) => {
                    let path = relative(path.given(c"secret"));
                    atlas_config_set_access_token_file(config, pointer(&path));
                }
                Setting::Base(base) => {
                    let scheme = match base {
                        Base::Tls => "https",
                        _ => "http",
                    };
                    let port = match base {
                        Base::Closed => 1,
                        _ => *PORT,
                    };
                    let tame = CString::new(format!("{scheme}://127.0.0.1:{port}")).unwrap();
                    let url = match base {
                        Base::Text(text) => text.given(&tame),
                        _ => Some(tame),
                    };
                    self.base_is_plain =
                        url.as_ref().is_some_and(|url| url.to_bytes().starts_with(b"http:"));
                    self.base_is_tame = url.as_ref().is_some_and(|url| {
                        let url = url.to_bytes();
                        url.strip_prefix(scheme.as_bytes())
                            .is_some_and(|rest| rest == format!("://127.0.0.1:{port}").as_bytes())
                    });
                    atlas_config_set_base_url(config, pointer(&url));
                }
                Setting::Version(date) => {
                    atlas_config_set_api_version(config, pointer(&date.given(c"2024-05-30")))
                }
                Setting::ConnectTimeout(ms) => {
                    atlas_config_set_connect_timeout_ms(config, (*ms).into())
                }
                Setting::Retries(count) => atlas_config_set_max_retries(config, *count),
                // Never of the root: what lies there is not ours to read or to write.
                Setting::CaFile(path) => {
                    atlas_config_set_ca_file(config, pointer(&relative(path.given(c"missing.pem"))))
                }
                Setting::Cache(path) => {
                    let directory = match path {
                        Text::Good => Some(DIRECTORY.clone()),
                        path => relative(path.given(c"")),
                    };
                    if directory.as_deref() != Some(c"default") {
                        atlas_config_set_token_cache(config, pointer(&directory));
                    }
                }
                Setting::Proxy(proxy) => {
                    let scheme = match proxy {
                        Proxy::Http => "http",
                        Proxy::Socks => "socks5",
                        Proxy::Socksh => "socks5h",
                        Proxy::Text(_) => "",
                    };
                    let url = match proxy {
                        Proxy::Text(text) => text.given(c""),
                        _ => Some(
                            CString::new(format!("{scheme}://user:pass@127.0.0.1:{}", *PORT))
                                .unwrap(),
                        ),
                    };
                    self.proxy_is_tame =
                        !scheme.is_empty() || url.as_ref().is_none_or(|url| url.is_empty());
                    atlas_config_set_proxy(config, pointer(&url));
                }
                Setting::Agent(product) => {
                    atlas_config_set_user_agent(config, pointer(&product.given(c"fuzzer/1")))
                }
                Setting::Logger(level, function) => {
                    atlas_config_set_logger(
                        config,
                        (*level).into(),
                        function.then_some(log as _),
                        null_mut(),
                    );
                }
            }
        }
    }
}

/// The client whose call is going on, for a logger that cancels it.
static CALLING: AtomicPtr<atlas_client> = AtomicPtr::new(null_mut());

unsafe extern "C" fn log(_: *mut c_void, level: i32, line: *const c_char) {
    // SAFETY: a line ends in a NUL, and the client is alive during its calls.
    unsafe {
        check_hidden(CStr::from_ptr(line));
        let line = text(line).expect("a line");
        assert!((1..=4).contains(&level) && !line.contains(char::is_control), "{line:?}");
        if line.contains(" 401 ") {
            atlas_client_cancel(CALLING.load(Ordering::Relaxed));
        }
    }
}

unsafe extern "C" fn progress(user_data: *mut c_void, latest: *const atlas_snapshot) -> i32 {
    // SAFETY: what we handed over, and a snapshot that lives until this returns.
    unsafe {
        check_snapshot(latest);
        user_data.cast::<i32>().read()
    }
}

impl Text {
    fn given(&self, good: &CStr) -> Option<CString> {
        match self {
            Text::Good => Some(good.to_owned()),
            Text::Null => None,
            Text::Bytes(bytes) => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                CString::new(&bytes[..end]).ok()
            }
        }
    }
}

impl Ids {
    fn texts(&self) -> [Option<CString>; 3] {
        match self {
            Ids::Good => [GROUP, c"Cluster0", SNAPSHOT].map(|text| Some(text.to_owned())),
            Ids::Any(group, cluster, snapshot) => {
                [group.given(GROUP), cluster.given(c"Cluster0"), snapshot.given(SNAPSHOT)]
            }
        }
    }
}

fn relative(path: Option<CString>) -> Option<CString> {
    let path = path?.into_bytes();
    let start = path.iter().position(|byte| !matches!(byte, b'/' | b'.')).unwrap_or(path.len());
    CString::new(&path[start..]).ok()
}

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

fn pick<T>(all: &mut [T], which: u8) -> Option<&mut T> {
    let count = all.len();
    // One more than there are: NULL.
    all.get_mut(usize::from(which) % (count + 1))
}

fn take<T>(all: &mut Vec<T>, which: u8) -> Option<T> {
    let which = usize::from(which) % (all.len() + 1);
    (which < all.len()).then(|| all.swap_remove(which))
}

/// An answer in the making: its start, its body if that is framed, and whether the connection goes on.
struct Prepared {
    start: Vec<u8>,
    body: Option<Vec<u8>>,
    chunked: bool,
    goes_on: bool,
}

impl Answer {
    fn prepare(&self) -> Prepared {
        let (start, body, chunked, goes_on) = match self {
            Answer::Raw(bytes) => (bytes.clone(), None, false, false),
            Answer::Socks { code, then } => {
                let mut bytes = vec![5, *code, 5, 0, 0, 1, 127, 0, 0, 1, 0, 80];
                bytes.extend_from_slice(then);
                (bytes, None, false, true)
            }
            Answer::Http { status, headers, body, chunked } => {
                let status = match status {
                    Status::Ok => 200,
                    Status::Unauthorized => 401,
                    Status::Other(status) => 100 + status % 500,
                };
                let mut bytes = format!("HTTP/1.1 {status} Why\r\n").into_bytes();
                for (name, value) in headers {
                    let (name, fixed) = name.parts();
                    bytes.extend_from_slice(name.as_bytes());
                    bytes.extend_from_slice(if fixed.is_empty() { value } else { fixed });
                    bytes.extend_from_slice(b"\r\n");
                }
                (bytes, Some(body.bytes().to_vec()), *chunked, true)
            }
        };
        Prepared { start, body, chunked, goes_on }
    }
}

impl Prepared {
    /// The bytes for a request with that `Authorization`.
    fn bytes(self, sent: &[u8]) -> Vec<u8> {
        let mut bytes = self.start;
        let Some(body) = self.body else { return bytes };
        let mut echoed = Vec::new();
        let mut rest = &body[..];
        while let Some(at) = rest.windows(5).position(|window| window == b"@SENT") {
            echoed.extend_from_slice(&rest[..at]);
            echoed.extend_from_slice(sent);
            rest = &rest[at + 5..];
        }
        echoed.extend_from_slice(rest);
        if self.chunked {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for chunk in echoed.chunks(64) {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        } else {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", echoed.len()).as_bytes());
            bytes.extend_from_slice(&echoed);
        }
        bytes
    }
}

impl Header {
    fn parts(&self) -> (&'static str, &'static [u8]) {
        match self {
            Header::Digest => {
                ("WWW-Authenticate: ", br#"Digest realm="r", nonce="n", qop="auth", stale=true"#)
            }
            Header::Challenge => ("WWW-Authenticate: ", b""),
            Header::RetryAfter => ("Retry-After: ", b""),
            Header::ErrorCode => ("X-Error-Code: ", b""),
            Header::Encoding => ("Content-Encoding: ", b""),
            Header::Location => ("Location: ", b""),
            Header::Length => ("Content-Length: ", b""),
            Header::Other => ("", b""),
        }
    }
}

impl Body {
    fn bytes(&self) -> &[u8] {
        match self {
            Body::Completed => {
                br#"{"id":"6a0123456789abcdef012345","status":"completed","links":[{"href":"h"}]}"#
            }
            Body::InProgress => {
                br#"{"id":"6a0123456789abcdef012345","status":"inProgress","storageSizeBytes":0}"#
            }
            Body::Failed => {
                br#"{"id":"6a0123456789abcdef012345","status":"failed","policyItems":["a"]}"#
            }
            Body::Page => {
                br#"{"results":[{"id":"a"},{"id":"b","status":"queued"},7],"totalCount":3}"#
            }
            Body::Enveloped => br#"{"status":200,"content":{"id":"a","status":"completed"}}"#,
            Body::Token => {
                br#"{"access_token":"t0ken-of-the-fuzzer","expires_in":3600,"token_type":"Bearer"}"#
            }
            Body::Error => br#"{"error":404,"errorCode":"CLUSTER_NOT_FOUND","parameters":["x"]}"#,
            Body::Echo => {
                br#"{"error":403,"errorCode":"@SENT","detail":"@SENT","parameters":["@SENT"]}"#
            }
            Body::EchoPage => b"<html><title>No @SENT here</title></html>",
            Body::Bytes(bytes) => bytes,
        }
    }
}

/// What the server answers, in this order, whoever asks; then it closes.
static ANSWERS: Mutex<VecDeque<Prepared>> = Mutex::new(VecDeque::new());

static PORT: LazyLock<u16> = LazyLock::new(|| {
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        // SAFETY: before there is a second thread.
        unsafe { std::env::remove_var(name) };
    }
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    // As many as connections may be kept at once, and never ending: a thread that comes or goes looks like a leak.
    for _ in 0..16 {
        let listener = listener.clone();
        thread::spawn(move || {
            loop {
                if let Ok((stream, _)) = listener.accept() {
                    serve(stream);
                }
            }
        });
    }
    port
});

static DIRECTORY: LazyLock<CString> = LazyLock::new(|| {
    let directory = std::env::temp_dir().join(format!("atlas-backup-fuzz-{}", std::process::id()));
    CString::new(directory.into_os_string().into_encoded_bytes()).unwrap()
});

/// One answer for whatever comes at once, which is a request, unless it is a TLS handshake or a proxy's client.
fn serve(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let answer = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(answer) = answer else { return };
        let request = String::from_utf8_lossy(&buffer[..count]);
        let sent = request
            .lines()
            .find_map(|line| line.strip_prefix("authorization: "))
            .unwrap_or_default();
        let goes_on = answer.goes_on;
        if stream.write_all(&answer.bytes(sent.as_bytes())).is_err() || !goes_on {
            return;
        }
    }
}
