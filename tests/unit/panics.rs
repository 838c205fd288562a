//! A panic in any function of the ABI is that function's failure, never the end of the host. This is a module of the
//! library's unit tests, of src/ffi, since the panic is injected inside it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::env;
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::panic::catch_unwind;
use std::process::Command;
use std::ptr::{from_mut, from_ref, null_mut};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use ::http::HeaderMap;
use atlas_simulator::{ACCESS_TOKEN, PROJECT, SNAPSHOT, Simulator};

use super::client::*;
use super::config::*;
use super::error::*;
use super::handle::*;
use super::snapshot::*;
use super::version::*;
use crate::client::Client;
use crate::config::Config;
use crate::error::ErrorKind;
use crate::error::Redactor;
use crate::runtime::panic::{in_callback, silenced, tests::ACCESSORS_ARE_SILENT};
use crate::runtime::thread::spawn;
use crate::snapshot::{Snapshot, SnapshotList};

thread_local! {
    static NEXT: Cell<bool> = const { Cell::new(false) };
}

/// Called by every function of the ABI: panics if a test has set `NEXT` for this thread.
pub(super) fn panic_if_injected() {
    if NEXT.take() {
        panic!("injected");
    }
}

/// What a function returned.
#[derive(Debug, PartialEq)]
enum Returned {
    /// The value that stands for none: NULL, 0, `ATLAS_ABSENT`, ATLAS_ERROR_INTERNAL.
    Absent,
    Something,
    /// It has no result.
    Nothing,
}

use Returned::{Absent, Nothing, Something};

impl From<bool> for Returned {
    fn from(is_there: bool) -> Returned {
        if is_there { Something } else { Absent }
    }
}

impl From<()> for Returned {
    fn from((): ()) -> Returned {
        Nothing
    }
}

impl<T> From<*const T> for Returned {
    fn from(lent: *const T) -> Returned {
        (!lent.is_null()).into()
    }
}

impl From<i32> for Returned {
    fn from(number: i32) -> Returned {
        (number != 0).into()
    }
}

impl From<i64> for Returned {
    fn from(number: i64) -> Returned {
        (number != ATLAS_ABSENT).into()
    }
}

impl From<usize> for Returned {
    fn from(count: usize) -> Returned {
        (count != 0).into()
    }
}

/// A new handle is freed at once.
macro_rules! owned {
    ($($handle:ty => $free:ident),*) => { $(
        impl From<*mut $handle> for Returned {
            fn from(handle: *mut $handle) -> Returned {
                // SAFETY: NULL or just made.
                unsafe { $free(handle) };
                (!handle.is_null()).into()
            }
        }
    )* };
}

owned!(
    atlas_config => atlas_config_free,
    atlas_client => atlas_client_free,
    atlas_snapshot => atlas_snapshot_free,
    atlas_snapshot_list => atlas_snapshot_list_free
);

/// A snapshot with all that the accessors look for.
const DOCUMENT: &str = r#"{
    "id": "a", "cloudProvider": "AWS", "configServerType": "EMBEDDED", "createdAt": "2026-08-10T03:27:08Z",
    "description": "b", "expiresAt": "2026-08-11T03:28:21Z", "frequencyType": "daily", "masterKeyUUID": "c",
    "mongodVersion": "8.0.29", "replicaSetName": "d", "snapshotType": "scheduled", "status": "completed",
    "type": "replicaSet", "storageSizeBytes": 1, "copyRegions": ["e"], "policyItems": ["f"],
    "links": [{"href": "g", "rel": "h"}],
    "members": [{"id": "i", "cloudProvider": "GCP", "replicaSetName": "j"}], "snapshotIds": ["k"]
}"#;

const PAGE: &str = r#"{"results":[{}],"totalCount":1}"#;

/// Functions by name, with a call of each that succeeds.
type Calls<'a> = Vec<(&'static str, Box<dyn Fn() -> Returned + 'a>)>;

macro_rules! calls {
    ($($function:ident($($argument:expr),*);)*) => {
        vec![$((stringify!($function), Box::new(|| {
            #[allow(unused_unsafe)] // few functions are safe
            // SAFETY: handles, texts and numbers are as the header wants them.
            let returned = unsafe { $function($($argument),*) };
            returned.into()
        }) as Box<dyn Fn() -> Returned>)),*]
    };
}

/// Every function that a header declares, comments apart.
fn declared(header: &str) -> BTreeSet<&str> {
    let code = header.split("*/").map(|part| part.split("/*").next().unwrap_or_default());
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    code.flat_map(|code| code.split('(').zip(code.split('(').skip(1)))
        .map(|(before, _)| before.rsplit(|c| !is_part(c)).next().unwrap_or_default())
        .filter(|name| name.starts_with("atlas_"))
        .collect()
}

/// A call in which a panic is injected, then the same call again.
fn twice(name: &str, call: &dyn Fn() -> Returned) -> (Returned, Returned) {
    NEXT.set(true);
    let panicked = call();
    assert!(!NEXT.take(), "{name} has no guard");
    (panicked, call())
}

#[test]
fn a_panic_in_any_function_of_the_abi_is_its_failure_and_no_more() {
    let atlas = Simulator::start();
    let url = atlas.plain_url();
    let settings = || {
        let mut config = Config::new();
        config.set_access_token(Some(ACCESS_TOKEN.as_bytes()));
        config.set_base_url(Some(url.as_bytes()));
        config
    };
    let mut config = settings();
    let config: *mut atlas_config = from_mut(&mut config).cast();
    // Made without the ABI, so that the function that gets it is the first to come by.
    let new_client = || Client::new(&settings()).unwrap();
    let mut client = new_client();
    let client: *mut atlas_client = from_mut(&mut client).cast();
    let names = [PROJECT, "slow-0", SNAPSHOT].map(|name| CString::new(name).unwrap());
    let [project, cluster, id] = names.each_ref().map(|name| name.as_ptr());

    let mut headers = HeaderMap::new();
    headers.insert("name", "value".parse().unwrap());
    let document =
        Snapshot::from_response(200, headers.into(), DOCUMENT.into(), false, &Redactor::none())
            .unwrap();
    let snapshot: *const atlas_snapshot = from_ref(&document).cast();
    let page = || SnapshotList::parse(PAGE).unwrap();
    let pages = page();
    let list: *const atlas_snapshot_list = from_ref(&pages).cast();

    // Text that is printable ASCII will do for any setting here; what is wrong with it the next client would say.
    let value = c"1".as_ptr();
    let mut error = MaybeUninit::<atlas_error>::uninit();
    let error = error.as_mut_ptr();
    let mut fields = MaybeUninit::<atlas_snapshot_fields>::uninit();
    let fields = fields.as_mut_ptr();
    let mut length = 0;
    let length: *mut usize = &mut length;

    let failing: Calls = calls! {
        atlas_client_new(config, error);
        atlas_client_get_snapshot(client, project, cluster, id, 0, error);
        atlas_client_get_sharded_snapshot(client, project, cluster, id, 0, error);
        atlas_client_list_snapshots(client, project, cluster, 0, error);
        atlas_client_list_sharded_snapshots(client, project, cluster, 0, error);
        atlas_client_wait_for_snapshot(client, project, cluster, id, 0, 0, 0, None, null_mut(), error);
        atlas_client_wait_for_sharded_snapshot(client, project, cluster, id, 0, 0, 0, None, null_mut(), error);
        atlas_snapshot_parse(DOCUMENT.as_ptr().cast(), DOCUMENT.len(), error);
        atlas_snapshot_list_parse(PAGE.as_ptr().cast(), PAGE.len(), error);
    };
    let reading: Calls = calls! {
        atlas_config_new();
        atlas_config_from_env();
        atlas_snapshot_copy(snapshot);
        atlas_snapshot_id(snapshot);
        atlas_snapshot_cloud_provider(snapshot);
        atlas_snapshot_config_server_type(snapshot);
        atlas_snapshot_created_at(snapshot);
        atlas_snapshot_description(snapshot);
        atlas_snapshot_expires_at(snapshot);
        atlas_snapshot_frequency_type(snapshot);
        atlas_snapshot_master_key_uuid(snapshot);
        atlas_snapshot_mongod_version(snapshot);
        atlas_snapshot_replica_set_name(snapshot);
        atlas_snapshot_snapshot_type(snapshot);
        atlas_snapshot_status(snapshot);
        atlas_snapshot_type(snapshot);
        atlas_snapshot_status_code(snapshot);
        atlas_snapshot_cloud_provider_code(snapshot);
        atlas_snapshot_frequency_type_code(snapshot);
        atlas_snapshot_snapshot_type_code(snapshot);
        atlas_snapshot_type_code(snapshot);
        atlas_snapshot_storage_size_bytes(snapshot);
        atlas_snapshot_created_at_ms(snapshot);
        atlas_snapshot_expires_at_ms(snapshot);
        atlas_snapshot_copy_region_count(snapshot);
        atlas_snapshot_copy_region(snapshot, 0);
        atlas_snapshot_policy_item_count(snapshot);
        atlas_snapshot_policy_item(snapshot, 0);
        atlas_snapshot_link_count(snapshot);
        atlas_snapshot_link_href(snapshot, 0);
        atlas_snapshot_link_rel(snapshot, 0);
        atlas_snapshot_member_count(snapshot);
        atlas_snapshot_member_id(snapshot, 0);
        atlas_snapshot_member_cloud_provider(snapshot, 0);
        atlas_snapshot_member_replica_set_name(snapshot, 0);
        atlas_snapshot_snapshot_id_count(snapshot);
        atlas_snapshot_snapshot_id(snapshot, 0);
        atlas_snapshot_json(snapshot, length);
        atlas_snapshot_field_count(snapshot);
        atlas_snapshot_field_name(snapshot, 0);
        atlas_snapshot_field(snapshot, c"id".as_ptr());
        atlas_snapshot_http_status(snapshot);
        atlas_snapshot_header(snapshot, c"name".as_ptr());
        atlas_snapshot_header_count(snapshot);
        atlas_snapshot_header_name(snapshot, 0);
        atlas_snapshot_header_value(snapshot, 0);
        atlas_snapshot_read_fields(snapshot, fields, size_of::<atlas_snapshot_fields>());

        atlas_snapshot_list_count(list);
        atlas_snapshot_list_total_count(list);
        atlas_snapshot_list_get(list, 0);
        atlas_snapshot_list_newest(list, 0, 0, 0);
    };
    let doing: Calls = calls! {
        atlas_config_set_service_account(config, value, value);
        atlas_config_set_service_account_file(config, value, value);
        atlas_config_set_api_key(config, value, value);
        atlas_config_set_api_key_file(config, value, value);
        atlas_config_set_access_token(config, value);
        atlas_config_set_access_token_file(config, value);
        atlas_config_set_base_url(config, value);
        atlas_config_set_api_version(config, value);
        atlas_config_set_timeout_ms(config, 1);
        atlas_config_set_connect_timeout_ms(config, 1);
        atlas_config_set_max_retries(config, 1);
        atlas_config_set_ca_file(config, value);
        atlas_config_set_proxy(config, value);
        atlas_config_set_user_agent(config, value);
        atlas_config_set_token_cache(config, value);
        atlas_config_set_logger(config, 1, None, null_mut());
        atlas_config_free(into_handle::<atlas_config>(settings()));
        atlas_client_cancel(client);
        atlas_client_free(into_handle(new_client()));
        atlas_snapshot_free(into_handle(document.clone()));
        atlas_snapshot_list_free(into_handle(page()));
    };
    // SAFETY: reads what a call that can fail has filled.
    let failure = || unsafe {
        let message = CStr::from_ptr((*error).message.as_ptr());
        ((*error).kind, message.to_str().unwrap().to_owned())
    };
    let internal = ErrorKind::Internal as i32;

    let mut covered = BTreeSet::new();
    for (name, call) in &failing {
        let outcomes = twice(name, &|| {
            let returned = call();
            let (kind, message) = failure();
            if returned == Absent {
                assert_eq!(kind, internal, "{name}: {message}");
                assert!(
                    message.contains("injected") && message.contains("report"),
                    "{name}: {message}"
                );
            } else {
                assert_eq!(kind, 0, "{name}: {message}");
            }
            returned
        });
        assert_eq!(outcomes, (Absent, Something), "{name}: {}", failure().1);
        covered.insert(*name);
    }
    for (name, call) in &reading {
        assert_eq!(twice(name, call), (Absent, Something), "{name}");
        covered.insert(name);
    }
    for (name, call) in &doing {
        assert_eq!(twice(name, call), (Nothing, Nothing), "{name}");
        covered.insert(name);
    }

    // Its result is an error's number; 0 is success.
    NEXT.set(true);
    // SAFETY: as above.
    let revoked = unsafe {
        [
            atlas_client_revoke_token(client, error),
            failure().0,
            atlas_client_revoke_token(client, error),
        ]
    };
    assert_eq!(revoked, [internal, internal, 0]);
    covered.insert("atlas_client_revoke_token");

    // Its absent value is a word.
    NEXT.set(true);
    let names = [0, 1].map(|_| atlas_error_kind_name(internal));
    // SAFETY: static text.
    let names = names.map(|name| unsafe { CStr::from_ptr(name) });
    assert_eq!(names, [c"unknown", c"internal"]);
    covered.insert("atlas_error_kind_name");

    // These return a constant: nothing in them can panic.
    NEXT.set(true);
    assert_eq!(atlas_error_size(), size_of::<atlas_error>());
    assert!(!atlas_backup_version().is_null());
    assert!(atlas_backup_runtime_version() > 0);
    assert!(NEXT.take());
    covered.extend(["atlas_error_size", "atlas_backup_version", "atlas_backup_runtime_version"]);

    assert_eq!(covered, declared(include_str!("../../include/atlas_backup.h")));
}

#[test]
fn a_panic_prints_nothing_and_is_told_in_the_error_unless_it_is_the_hosts() {
    const CHILD: &str = "ATLAS_BACKUP_TEST_OF_PANICS";
    if env::var_os(CHILD).is_some() {
        return panic_everywhere();
    }
    let name =
        "ffi::panics::a_panic_prints_nothing_and_is_told_in_the_error_unless_it_is_the_hosts";
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    let printed = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}{printed}");
    assert!(said.contains("(injected, in src/ffi/../../tests/unit/panics.rs:"), "{said}");
    assert!(!printed.contains("injected"), "{printed}");
    for of_the_host in ["by itself", "in a callback"] {
        assert!(printed.contains(of_the_host), "{printed}");
    }
    assert_eq!(printed.matches("panicked").count(), 2, "{printed}");
}

/// In a process of its own, since its standard error is looked at.
fn panic_everywhere() {
    let mut error = MaybeUninit::<atlas_error>::uninit();
    NEXT.set(true);
    // SAFETY: a text of this length, and an error to be filled; then it is.
    let message = unsafe {
        let parsed =
            atlas_snapshot_parse(DOCUMENT.as_ptr().cast(), DOCUMENT.len(), error.as_mut_ptr());
        assert!(parsed.is_null());
        CStr::from_ptr(error.assume_init_ref().message.as_ptr())
    };
    println!("{}", message.to_str().unwrap());

    NEXT.set(true);
    assert!(atlas_config_new().is_null());

    let document = Snapshot::parse(DOCUMENT).unwrap();
    ACCESSORS_ARE_SILENT.store(true, Ordering::Relaxed);
    NEXT.set(true);
    // SAFETY: a living snapshot.
    let id = unsafe { atlas_snapshot_id(from_ref(&document).cast()) };
    ACCESSORS_ARE_SILENT.store(false, Ordering::Relaxed);
    assert!(id.is_null());

    let (ended, end) = std::sync::mpsc::channel::<()>();
    spawn("ours", move || {
        let _ended = ended;
        panic!("injected");
    })
    .unwrap();
    end.recv_timeout(Duration::from_secs(10)).unwrap_err();

    let host = thread::spawn(|| panic!("by itself"));
    assert!(host.join().is_err());
    let callback = || silenced(|| in_callback(|| panic!("in a callback")));
    assert!(catch_unwind(callback).is_err());
}
