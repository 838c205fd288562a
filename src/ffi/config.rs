//! Settings, the C side.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use super::handle::{atlas_config, borrow_mut, free, into_handle};
use super::{bytes, guard};
use crate::config::Config;
use crate::log::{Level, Sink};
use crate::runtime::panic::in_callback;

/// Settings with their defaults. No `MONGODB_ATLAS_*` variable is read.
///
/// Free it with `atlas_config_free()`. NULL only if the library has a defect.
#[unsafe(no_mangle)]
pub extern "C" fn atlas_config_new() -> *mut atlas_config {
    guard(std::ptr::null_mut(), || into_handle(Config::new()))
}

/// Settings with their defaults, then what the environment says. An empty variable is as good as unset.
///
/// Credentials:   MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET (a service account), else
///                MONGODB_ATLAS_PUBLIC_API_KEY and MONGODB_ATLAS_PRIVATE_API_KEY (or MONGODB_ATLAS_PUBLIC_KEY and
///                MONGODB_ATLAS_PRIVATE_KEY), else MONGODB_ATLAS_ACCESS_TOKEN. The first complete one counts; half a
///                pair is an error only when nothing is complete.
/// Secrets in     MONGODB_ATLAS_CLIENT_SECRET_FILE, MONGODB_ATLAS_PRIVATE_API_KEY_FILE (or
/// files:         MONGODB_ATLAS_PRIVATE_KEY_FILE) and MONGODB_ATLAS_ACCESS_TOKEN_FILE, each in the place of the variable
///                without _FILE: see `atlas_config_set_service_account_file()`. Both of a pair set are an error.
/// Base URL:      MONGODB_ATLAS_OPS_MANAGER_URL, else MONGODB_ATLAS_BASE_URL, else MONGODB_ATLAS_SERVICE ("cloud", or
///                "cloudgov" for https://cloud.mongodbgov.com).
/// Others:        MONGODB_ATLAS_API_VERSION, MONGODB_ATLAS_CA_FILE, MONGODB_ATLAS_TOKEN_CACHE,
///                MONGODB_ATLAS_TIMEOUT_MS.
///
/// The variables are those of the Atlas CLI and the Terraform provider, the last three are ours. Do not change the
/// environment from another thread meanwhile. Free the result with `atlas_config_free()`.
///
/// In a program that was started with rights its caller does not have (set-user-id, set-group-id, file capabilities) no
/// variable counts: neither these nor those of proxies nor SSL_CERT_FILE and SSL_CERT_DIR.
#[unsafe(no_mangle)]
pub extern "C" fn atlas_config_from_env() -> *mut atlas_config {
    guard(std::ptr::null_mut(), || into_handle(Config::from_env()))
}

/// Frees settings and wipes the secrets in them. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_free(config: *mut atlas_config) {
    // SAFETY: NULL or a config the caller gives back.
    unsafe { free(config) }
}

/// The body of a setter: it borrows the config and reads the texts. NULL for the config and panics do nothing.
macro_rules! set {
    ($config:ident, $setter:expr $(, $text:ident)*) => {{
        $(
            // SAFETY: the header demands that text is NULL or NUL-terminated.
            let $text = unsafe { bytes($text) };
        )*
        // SAFETY: the header demands that a config is NULL or alive, and that one thread at a time uses it.
        if let Some(config) = unsafe { borrow_mut($config) } {
            guard((), || ($setter)(config $(, $text)*));
        }
    }};
}

/// Authenticates as a service account (OAuth 2.0 client credentials; "mdb_sa_id_…" and "mdb_sa_sk_…"). Of this and the
/// next five functions the last one called wins and forgets the others.
///
/// NULL, empty or otherwise unusable text is reported by `atlas_client_new()`, so that a getenv() that found nothing
/// does not vanish silently. A newline at the end, the commonest slip, is named there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_service_account(
    config: *mut atlas_config,
    client_id: *const c_char,
    client_secret: *const c_char,
) {
    set!(config, Config::set_service_account, client_id, client_secret)
}

/// Authenticates with an API key: its public and private half (HTTP Digest). NULL as for a service account.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_api_key(
    config: *mut atlas_config,
    public_key: *const c_char,
    private_key: *const c_char,
) {
    set!(config, Config::set_api_key, public_key, private_key)
}

/// Authenticates with an access token that somebody else fetched; it is sent until Atlas refuses it. NULL as for a
/// service account.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_access_token(
    config: *mut atlas_config,
    access_token: *const c_char,
) {
    set!(config, Config::set_access_token, access_token)
}

/// Authenticates as a service account whose secret is in a file: a container's secret, a credential of systemd, or one
/// that is replaced while the program runs. `atlas_client_new()` reads the file, and it is read again when Atlas has
/// refused what it held; if it then holds something else, the call goes on with that, once, and no call fails for a
/// secret that was replaced in time. A token that has merely ended reads nothing.
///
/// One newline at the end (LF or CRLF) is not part of the secret. A file of more than 16 KiB, or that cannot be read, is
/// an error of `atlas_client_new()`; at a later reading it leaves the refusal as it was, and the message names the file.
/// Replace the file whole, by renaming another to its name. No permission is demanded of it; one that every user may
/// read is a warning for the logger. A symbolic link is followed.
///
/// It may be a pipe, such as `<(command)` of a shell or /dev/stdin: `atlas_client_new()` waits for its end at most as
/// long as a call may take. A pipe can be read once: a second client, or a second reading, finds nothing in it. Other
/// devices, a terminal among them, are refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_service_account_file(
    config: *mut atlas_config,
    client_id: *const c_char,
    client_secret_path: *const c_char,
) {
    set!(config, Config::set_service_account_file, client_id, client_secret_path)
}

/// Authenticates with an API key whose private half is in a file, as `atlas_config_set_service_account_file()` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_api_key_file(
    config: *mut atlas_config,
    public_key: *const c_char,
    private_key_path: *const c_char,
) {
    set!(config, Config::set_api_key_file, public_key, private_key_path)
}

/// Authenticates with an access token in a file that somebody else keeps fresh, as
/// `atlas_config_set_service_account_file()` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_access_token_file(
    config: *mut atlas_config,
    access_token_path: *const c_char,
) {
    set!(config, Config::set_access_token_file, access_token_path)
}

/// Where Atlas is: `https://host[:port][/path]`, without user info, query or fragment. NULL:
/// "https://cloud.mongodb.com". Plain `http://` only for 127.0.0.0/8, [::1] and localhost, and then without a proxy.
/// localhost means 127.0.0.1 and [::1], whatever a hosts file or DNS server says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_base_url(config: *mut atlas_config, url: *const c_char) {
    set!(config, Config::set_base_url, url)
}

/// The API version asked for, as a date. NULL: "2024-05-30". Atlas answers with the newest version of the resource that
/// is not younger.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_api_version(
    config: *mut atlas_config,
    date: *const c_char,
) {
    set!(config, Config::set_api_version, date)
}

/// How long a call may take as a whole, in milliseconds: token, retries, pauses and the slowest answer included.
/// Default 30000; 0 is an error. In a wait it bounds each poll.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_timeout_ms(config: *mut atlas_config, milliseconds: u32) {
    set!(config, |config: &mut Config| config.set_timeout_ms(milliseconds))
}

/// How long connecting may take, in milliseconds: name lookup, proxy and TLS handshake included. Default 10000; 0 is
/// an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_connect_timeout_ms(
    config: *mut atlas_config,
    milliseconds: u32,
) {
    set!(config, |config: &mut Config| config.set_connect_timeout_ms(milliseconds))
}

/// How often a request is tried again after a passing failure: no connection, a reset, 429, 500, 502, 503, 504; after a
/// pause that grows, or that Atlas asks for (Retry-After, or the body of a 429; no seconds count as none), all within the
/// timeout. After a 429 that does not say how long the pauses are 10, 20, then 40 s, each times 0.8 to 1.25, as Atlas
/// advises; what the timeout leaves no time for fails at once. Default 3; 0: never.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_max_retries(config: *mut atlas_config, count: u32) {
    set!(config, |config: &mut Config| config.set_max_retries(count))
}

/// A PEM file of certificate authorities to trust besides the system's: a company's, say. NULL: none. It is read by
/// `atlas_client_new()`, and must be a regular file of at most 16 MiB; so must the file that SSL_CERT_FILE names. That
/// and SSL_CERT_DIR, a list of directories with colons between them, are trusted instead of the system's.
///
/// A server's own certificate in such a file, self-signed or not, is trusted as well, as by curl, for the hosts and the
/// time it names; the hosts in its subjectAltName, since a common name counts for none. Signatures of certificates can
/// be RSA (2048 bits and more) with SHA-256, SHA-384 or SHA-512, ECDSA of P-256 or P-384 with SHA-256 or SHA-384, and
/// Ed25519. What P-256 or P-384 signed with SHA-512, or P-521 at all, cannot be checked and is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_ca_file(
    config: *mut atlas_config,
    pem_path: *const c_char,
) {
    set!(config, Config::set_ca_file, pem_path)
}

/// The proxy: `http://`, `socks5://` (names looked up here) or `socks5h://` (names looked up there), then
/// `[user[:password]@]host[:port]`, port 1080 if none is given. "": no proxy. NULL: what https_proxy, HTTPS_PROXY,
/// all_proxy or ALL_PROXY says. A proxy that cannot be honoured is an error, never a silent direct connection; a
/// variable that is not used may be any.
///
/// Hosts in no_proxy or NO_PROXY are reached directly in any case, as with curl: "*" and nothing else for all, or names
/// (for themselves and the hosts below them, with or without a leading dot), addresses and CIDR blocks, with commas
/// between them, or blanks, which newer curls do not take. As with curl, "*.name", "name:port", "*" in a list and an
/// address in brackets count for nothing, and a block of length 0 is one address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_proxy(config: *mut atlas_config, url: *const c_char) {
    set!(config, Config::set_proxy, url)
}

/// Your product, to be put before ours in User-Agent: "backup-audit/2.1". Printable ASCII. NULL: ours alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_user_agent(
    config: *mut atlas_config,
    product: *const c_char,
) {
    set!(config, Config::set_user_agent, product)
}

/// A directory in which the processes of this machine share a service account's access token, since Atlas allows few
/// token requests a minute and few live tokens: an absolute path, or "default" (`$XDG_CACHE_HOME/atlas-backup`, else
/// `~/.cache/atlas-backup`). NULL: no cache, the default.
///
/// A live token lies on disk there, in a file only you can read (mode 0600, made in a directory of mode 0700, whatever
/// the umask). A file or directory that others could have written is not used; a full disk or a read-only place costs the
/// cache alone. The directory may be a symbolic link: what it leads to counts; a file that is one is not used. Without
/// an absolute path in XDG_CACHE_HOME or HOME there is no "default". Such things are warnings for the logger, never
/// failures. Off in set-user-id programs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_token_cache(
    config: *mut atlas_config,
    directory: *const c_char,
) {
    set!(config, Config::set_token_cache, directory)
}

/// Log level: a call failed.
pub const ATLAS_LOG_ERROR: i32 = 1;
/// Log level: something is odd, but the call goes on.
pub const ATLAS_LOG_WARNING: i32 = 2;
/// Log level: one line for each round trip, and the settings in force when a client is made.
pub const ATLAS_LOG_INFO: i32 = 3;
/// Log level: what else helps to find a fault.
pub const ATLAS_LOG_DEBUG: i32 = 4;

const _: () = assert!(
    Level::Error as i32 == ATLAS_LOG_ERROR
        && Level::Warning as i32 == ATLAS_LOG_WARNING
        && Level::Info as i32 == ATLAS_LOG_INFO
        && Level::Debug as i32 == ATLAS_LOG_DEBUG
);

/// Takes a log line: UTF-8 without a newline, at most 4 KiB with its NUL, lent until it returns. No line holds a secret.
///
/// It runs on a thread that is inside a call of the client, on several at once if there are several, with no lock held.
/// It may call only `atlas_client_cancel()` and accessors, and must not throw, longjmp or end the thread.
#[allow(non_camel_case_types)]
pub type atlas_log_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, level: i32, line: *const c_char)>;

/// Who gets the log lines up to `level` (ATLAS_LOG_ERROR to ATLAS_LOG_DEBUG). Level 0 or a NULL function: nobody, the
/// default. `user_data` must outlive every client made from this config.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_config_set_logger(
    config: *mut atlas_config,
    level: i32,
    logger: atlas_log_fn,
    user_data: *mut c_void,
) {
    let sink = logger.map(|log| {
        let host = Host { log, user_data };
        Arc::new(move |level, line: &str| host.write(level, line)) as Arc<Sink>
    });
    set!(config, |config: &mut Config| config.set_logger(level, sink))
}

/// The host's logger.
struct Host {
    log: unsafe extern "C" fn(*mut c_void, i32, *const c_char),
    user_data: *mut c_void,
}

// SAFETY: the host promises that its logger may run on several threads at once.
unsafe impl Send for Host {}
// SAFETY: the same.
unsafe impl Sync for Host {}

impl Host {
    fn write(&self, level: Level, line: &str) {
        // Control characters, NUL among them, were replaced before.
        if let Ok(line) = CString::new(line) {
            // SAFETY: the host's function, with what it asked to be handed and a line that outlives the call.
            in_callback(|| unsafe { (self.log)(self.user_data, level as i32, line.as_ptr()) });
        }
    }
}
