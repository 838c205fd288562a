//! The operations, the C side.

use std::ffi::{c_char, c_void};
use std::ptr::from_ref;
use std::time::Duration;

use super::error::atlas_error;
use super::handle::{
    atlas_client, atlas_config, atlas_snapshot, atlas_snapshot_list, borrow, free,
};
use super::{attempt, blocking, cancellation, guard, null, required};
use crate::client::ClusterType::{ReplicaSet, ShardedCluster};
use crate::client::{Client, Format, Polling};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::panic::in_callback;
use crate::snapshot::Snapshot;

/// Flag: Atlas wraps its answer with its status (`envelope=true`). The snapshot is found inside.
pub const ATLAS_ENVELOPE: u32 = 1u32;
/// Flag: Atlas indents its answer (`pretty=true`), for `atlas_snapshot_json()`.
pub const ATLAS_PRETTY: u32 = 2u32;

/// The body of a call that may block: it borrows the handle, reads the texts that name what the call is about, and
/// fills `*error`.
macro_rules! call {
    ($error:ident, $handle:ident, |$inner:ident $(, $text:ident)*| $body:expr) => {{
        let body = || {
            // SAFETY: the header demands that a handle is NULL or alive.
            let $inner = unsafe { borrow($handle) }.ok_or_else(|| null(stringify!($handle)))?;
            $(
                // SAFETY: the header demands that text is NULL or NUL-terminated.
                let $text = unsafe { required($text, what(stringify!($text))) }?;
            )*
            $body
        };
        // SAFETY: the header demands that `error` is NULL or writable.
        unsafe { blocking($error, body) }
    }};
}

/// What messages call a parameter, in words that suit every language.
fn what(parameter: &'static str) -> &'static str {
    match parameter {
        "group_id" => "the project id",
        "cluster_name" => "the cluster name",
        "snapshot_id" => "the snapshot id",
        other => other,
    }
}

/// A client with a copy of these settings. Nothing is sent yet.
///
/// Free it with `atlas_client_free()`. On failure NULL: ATLAS_ERROR_CONFIG names the setting that is missing,
/// contradictory or unreadable; no credentials at all is one. The proxy's environment variables, SSL_CERT_FILE and
/// SSL_CERT_DIR are read here, and nothing is read from the environment later.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_client_new(
    config: *const atlas_config,
    error: *mut atlas_error,
) -> *mut atlas_client {
    call!(error, config, |config| Client::new(config))
}

/// Frees a client, wipes its secrets and closes its connections. Nobody may be inside one of its calls. NULL does
/// nothing. Snapshots it returned live on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_client_free(client: *mut atlas_client) {
    // SAFETY: NULL or a client the caller gives back.
    cancellation::deferred(|| unsafe { free(client) })
}

/// Ends every call of this client that was entered before, with ATLAS_ERROR_CANCELLED and within a tenth of a second,
/// wherever it blocks. Calls entered later are not touched. To cancel one call alone give it a client of its own.
///
/// Any thread and any callback may call it, but no signal handler. If the call may be about to be entered by another
/// thread, cancel again until it has returned; that costs nothing. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_client_cancel(client: *mut atlas_client) {
    // SAFETY: the caller's handle is NULL or alive.
    if let Some(client) = unsafe { borrow(client) } {
        cancellation::deferred(|| guard((), || client.cancel()));
    }
}

/// Gives the service account's access token back to Atlas and empties its entry in the token cache. Later calls fetch a
/// new one; calls in flight, also in processes that share the cache, are answered 401 and try once more by themselves.
///
/// Returns an `atlas_error_kind`: ATLAS_ERROR_NONE when the token was given back or there was none, which is always so
/// for an API key or an access token of yours. On failure the token is kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_client_revoke_token(
    client: *mut atlas_client,
    error: *mut atlas_error,
) -> i32 {
    let revoke = || {
        // SAFETY: the caller's handle is NULL or alive.
        let client = unsafe { borrow(client) }.ok_or_else(|| null("client"))?;
        client.revoke_token()
    };
    // SAFETY: the caller's error is NULL or writable.
    let outcome = cancellation::deferred(|| unsafe { attempt(error, revoke) });
    outcome.map_or_else(|kind| kind as i32, |()| 0)
}

/// One snapshot of a replica set: Atlas' getGroupClusterBackupSnapshot, which needs the role Project Read Only or
/// Project Backup Manager.
///
/// group_id       the project's id, 24 lower-case hexadecimal digits
/// cluster_name   1 to 64 ASCII letters, digits and hyphens; the first is no hyphen
/// snapshot_id    24 lower-case hexadecimal digits
/// flags          0, or ATLAS_ENVELOPE and ATLAS_PRETTY
///
/// Blocks until the answer is there, at most the timeout of the settings. Free the result with
/// `atlas_snapshot_free()`. On failure NULL, with any kind but ATLAS_ERROR_SNAPSHOT_FAILED. Should Atlas answer for a
/// sharded cluster, the snapshot says so (`atlas_snapshot_type()`); should it refuse, the message says which call to use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_client_get_snapshot(
    client: *mut atlas_client,
    group_id: *const c_char,
    cluster_name: *const c_char,
    snapshot_id: *const c_char,
    flags: u32,
    error: *mut atlas_error,
) -> *mut atlas_snapshot {
    call!(error, client, |client, group_id, cluster_name, snapshot_id| {
        client.get_snapshot(ReplicaSet, group_id, cluster_name, snapshot_id, format(flags)?)
    })
}

/// One snapshot of a sharded cluster: Atlas' getGroupClusterBackupSnapshotShardedCluster. The same as
/// `atlas_client_get_snapshot()` otherwise; the result has members, one for each shard and config server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_client_get_sharded_snapshot(
    client: *mut atlas_client,
    group_id: *const c_char,
    cluster_name: *const c_char,
    snapshot_id: *const c_char,
    flags: u32,
    error: *mut atlas_error,
) -> *mut atlas_snapshot {
    call!(error, client, |client, group_id, cluster_name, snapshot_id| {
        client.get_snapshot(ShardedCluster, group_id, cluster_name, snapshot_id, format(flags)?)
    })
}

/// All snapshots of a replica set, in Atlas' order: Atlas' listGroupClusterBackupSnapshots, every page of it.
///
/// Parameters, role and failures are those of `atlas_client_get_snapshot()`; the timeout bounds all pages together. Free
/// the result with `atlas_snapshot_list_free()`. A cluster without snapshots gives an empty list, not NULL. Atlas does
/// not promise an order. Pages that repeat, more than 50,000 snapshots, and snapshots that would take more than 256 MiB of
/// memory together are ATLAS_ERROR_INVALID_RESPONSE. An item that is no JSON object is there with all its fields absent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_client_list_snapshots(
    client: *mut atlas_client,
    group_id: *const c_char,
    cluster_name: *const c_char,
    flags: u32,
    error: *mut atlas_error,
) -> *mut atlas_snapshot_list {
    call!(error, client, |client, group_id, cluster_name| {
        client.list_snapshots(ReplicaSet, group_id, cluster_name, format(flags)?)
    })
}

/// All snapshots of a sharded cluster: Atlas' listGroupClusterBackupSnapshotShardedClusters, which has no pages: one answer
/// of at most 16 MiB. The same as `atlas_client_list_snapshots()` otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_client_list_sharded_snapshots(
    client: *mut atlas_client,
    group_id: *const c_char,
    cluster_name: *const c_char,
    flags: u32,
    error: *mut atlas_error,
) -> *mut atlas_snapshot_list {
    call!(error, client, |client, group_id, cluster_name| {
        client.list_snapshots(ShardedCluster, group_id, cluster_name, format(flags)?)
    })
}

/// Sees every answer while a snapshot is waited for, the last one ("completed", "failed") included, but no poll that
/// failed. Returning 0 goes on, anything else ends the wait with ATLAS_ERROR_CANCELLED, even at the last one.
///
/// `latest` is lent until it returns; `atlas_snapshot_copy()` keeps it. It runs on the thread that waits and may call
/// anything but `atlas_client_free()`. It must not throw, longjmp or end the thread.
#[allow(non_camel_case_types)]
pub type atlas_progress_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, latest: *const atlas_snapshot) -> i32>;

/// Waits until a snapshot of a replica set is completed, asking for it again and again. It asks at once, and goes on
/// at any status but "completed" and "failed", those that this version does not know included.
///
/// poll_interval_ms   the pause between two polls, give or take a tenth; 0: 4000; less than 500 is raised to 500. Atlas
///                    may ask for a longer one, up to a day (Retry-After, or the body of a 429); after polls in a row that
///                    were answered 429 and did not say how long it is at least 10, 20, then 40 s, each times 0.8 to 1.25
/// timeout_ms         how long to wait as a whole; 0: for ever. The timeout of the settings bounds each poll besides
/// progress           sees every answer; may be NULL
/// user_data          handed to `progress`
///
/// The other parameters are those of `atlas_client_get_snapshot()`. Returns the completed snapshot, which is yours: free
/// it with `atlas_snapshot_free()`. On failure NULL: ATLAS_ERROR_SNAPSHOT_FAILED when its status is "failed",
/// ATLAS_ERROR_NOT_FOUND also when it was deleted meanwhile, ATLAS_ERROR_TIMEOUT with the last status seen in the
/// message, ATLAS_ERROR_CANCELLED by `progress` or `atlas_client_cancel()`. Failures that may pass
/// (ATLAS_ERROR_FLAG_RETRYABLE) are ridden out until the time is up, without a timeout for ever; each is a warning for
/// the logger. Those that will not pass (401, 403, TLS), and an id that was not found at first, end the wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_client_wait_for_snapshot(
    client: *mut atlas_client,
    group_id: *const c_char,
    cluster_name: *const c_char,
    snapshot_id: *const c_char,
    flags: u32,
    poll_interval_ms: u32,
    timeout_ms: u32,
    progress: atlas_progress_fn,
    user_data: *mut c_void,
    error: *mut atlas_error,
) -> *mut atlas_snapshot {
    call!(error, client, |client, group_id, cluster_name, snapshot_id| {
        let polling = polling(poll_interval_ms, timeout_ms, flags)?;
        let progress = &mut reporter(progress, user_data);
        client.wait_for_snapshot(ReplicaSet, group_id, cluster_name, snapshot_id, polling, progress)
    })
}

/// Waits until a snapshot of a sharded cluster is completed. The same as `atlas_client_wait_for_snapshot()` otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_client_wait_for_sharded_snapshot(
    client: *mut atlas_client,
    group_id: *const c_char,
    cluster_name: *const c_char,
    snapshot_id: *const c_char,
    flags: u32,
    poll_interval_ms: u32,
    timeout_ms: u32,
    progress: atlas_progress_fn,
    user_data: *mut c_void,
    error: *mut atlas_error,
) -> *mut atlas_snapshot {
    call!(error, client, |client, group_id, cluster_name, snapshot_id| {
        let polling = polling(poll_interval_ms, timeout_ms, flags)?;
        let progress = &mut reporter(progress, user_data);
        let sharded = ShardedCluster;
        client.wait_for_snapshot(sharded, group_id, cluster_name, snapshot_id, polling, progress)
    })
}

fn polling(poll_interval_ms: u32, timeout_ms: u32, flags: u32) -> Result<Polling> {
    let interval_ms = match poll_interval_ms {
        0 => 4000,
        milliseconds => milliseconds.max(500),
    };
    Ok(Polling {
        interval: Duration::from_millis(interval_ms.into()),
        timeout: (timeout_ms != 0).then(|| Duration::from_millis(timeout_ms.into())),
        format: format(flags)?,
    })
}

/// The caller's progress function, which sees each snapshot and says whether to go on.
fn reporter(progress: atlas_progress_fn, user_data: *mut c_void) -> impl FnMut(&Snapshot) -> bool {
    move |latest| {
        progress.is_none_or(|progress| {
            // SAFETY: the caller's function, with what it asked to be handed and a snapshot that outlives the call.
            in_callback(|| unsafe { progress(user_data, from_ref(latest).cast()) }) == 0
        })
    }
}

fn format(flags: u32) -> Result<Format> {
    let unknown = flags & !(ATLAS_ENVELOPE | ATLAS_PRETTY);
    if unknown != 0 {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("the flags have unknown bits: {unknown:#x}"),
        ));
    }
    Ok(Format { envelope: flags & ATLAS_ENVELOPE != 0, pretty: flags & ATLAS_PRETTY != 0 })
}
