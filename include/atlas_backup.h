/*
 * atlas_backup.h - read MongoDB Atlas cloud backup snapshots
 *
 * This file is made by `make header` from the sources in src/ffi; change those, not this.
 * SPDX-License-Identifier: Apache-2.0
 *
 *
 * The core of a first program, to be linked with -latlas_backup:
 *
 *     atlas_error error;
 *     atlas_config *config = atlas_config_from_env();
 *     atlas_client *client = atlas_client_new(config, &error);
 *     atlas_snapshot *snapshot = NULL;
 *
 *     if (client != NULL)
 *         snapshot = atlas_client_get_snapshot(client, "32b6e34b3d91647abb20e7b8", "Cluster0",
 *                                              "5f3e9a1c0d8b2e4f6a7c9d01", 0, &error);
 *     if (snapshot != NULL) {
 *         const char *status = atlas_snapshot_status(snapshot);
 *         printf("%s\n", status != NULL ? status : "Atlas sent no status");
 *     } else {
 *         fprintf(stderr, "%s\n", error.message);
 *     }
 *     atlas_snapshot_free(snapshot);
 *     atlas_client_free(client);
 *     atlas_config_free(config);
 *
 * Check the client before you use it: called with NULL, the next function would report just that in `error`, in place
 * of why there is no client. Whole programs are in bindings/c: get_snapshot.c, list_snapshots.c, wait_for_snapshot.c,
 * check_backup.c, export_metrics.c.
 *
 *
 * The conventions, which hold for every function below
 *
 * Text        NUL-terminated UTF-8, whatever the locale. What you pass in is copied; you may free it as soon as the
 *             call returns. A NUL inside a text that Atlas sent shows as U+FFFD; other control characters are there as
 *             they came, so mind your terminal.
 *
 * Ownership   A `const char *` result belongs to the handle it came from and lives as long as it does, at the same
 *             address; never free it. What a `_new`, `_from_env`, `_get_`, `_list_`, `_wait_`, `_parse` or `_copy`
 *             function returns is yours: free it with the `_free` function of its type, in any order; a snapshot or
 *             list needs neither client nor config any more. Snapshots that are `const` are lent: never free them.
 *
 * Errors      A function that can fail returns NULL and fills `*error`, every byte of it; pass NULL if you do not
 *             care why. After success `kind` is ATLAS_ERROR_NONE. It need not be initialised; `errno` tells nothing.
 *             Unknown bits in `flags` are refused.
 *
 * Settings    Setters return nothing. A bad value is remembered, and atlas_client_new() reports it as
 *             ATLAS_ERROR_CONFIG, naming the setting; setting it again replaces value and error. NULL restores the
 *             default, except that NULL or empty credentials are an error.
 *
 * NULL        Where a handle or text is expected NULL never crashes: a call that can fail reports
 *             ATLAS_ERROR_INVALID_ARGUMENT, an accessor returns what it returns for an absent field, setters and
 *             `_free` do nothing.
 *
 * Absent      A field that Atlas did not send (or sent as null, or with another type than it documents) is absent:
 *             NULL for text, ATLAS_ABSENT for numbers and times, 0 for counts. An empty string is not absent. One
 *             odd field never hides the others.
 *
 * Threads     Clients, snapshots and lists may be used by many threads at once, a config by one at a time. Free a
 *             handle when nobody uses it any more: a thread that is inside a call of a client has to return first.
 *             An `atlas_error` is yours: one for each thread.
 *             Functions may be called while a thread or the process is ending, from an exit handler or the destructor
 *             of a static, thread-local or pthread_key variable: giving a token back there is fine. A thread made with
 *             64 KiB of stack will do, towards a server whose certificate comes with up to four of intermediate
 *             authorities; make it 80 for any server. No call raises a floating-point exception, should these be
 *             trapped.
 *
 * Cancelling  A thread that pthread_cancel() strikes in a call completes the call and is cancelled afterwards: with
 *             the deferred type at its next cancellation point, so that what the call returned can still be freed;
 *             with the asynchronous type as the call returns, and what it returned is lost. Callbacks run with
 *             cancellation disabled and must leave it so. To end the call itself use atlas_client_cancel().
 *
 * fork()      In the child a client of the parent starts afresh: it waits for no lock and uses no connection or
 *             half-done work of the parent, whose own connections go on working. Forking while another thread is
 *             inside a call is supported with glibc. Files and sockets of the library are closed by exec().
 *
 * Signals     never make a call fail or last longer, so a handler alone does not end one. Threads that the library
 *             starts block all signals, so your handlers run on your threads. SIGPIPE is not raised. No function may be
 *             called from a signal handler, not even atlas_client_cancel(): let a thread take the signal with sigwait()
 *             and cancel, as bindings/c/session.h does.
 *
 * Timeouts    atlas_config_set_timeout_ms() bounds each call as a whole: name lookup, token, retries, pauses, all
 *             pages of a list and the slowest answer, whatever the server does; only reading a document of many MiB may take
 *             some tenths of a second more. A wait has a timeout of its own. Times are milliseconds in 32 bits, hence at
 *             most 49 days.
 *
 * Callbacks   run on a thread that is inside a call of that client, with no lock held. They must not throw, longjmp
 *             or end the thread. `user_data` must outlive every client made from the config; once
 *             atlas_client_free() has returned nothing is called any more.
 *
 * Failures    of the library itself never unwind into your code and print nothing: they become ATLAS_ERROR_INTERNAL,
 *             with what happened in the message. So does a lack of memory for an answer and for what is made of it. Only
 *             where there is none for the little things of a call, some hundred KiB, Rust aborts the process.
 *
 * Secrets     The copies that the library owns are wiped when they are freed. What its TLS (rustls) has decrypted is
 *             not, and cannot be: an access token just fetched, which lives for an hour, stays in freed memory until
 *             that is used again. Stack, registers and swap are not wiped either. No secret ever appears in a message
 *             or a log line, nor in any text of an atlas_error, were it echoed by a server or proxy: "[secret]" stands
 *             in its place. Control characters in text from the server, and those that turn the direction of writing
 *             (U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069), become spaces in messages and log lines.
 *
 * Unloading   dlclose() does not remove the library from the process, since a thread of it may still be ending.
 *
 * Versions    Numbers and the layout of atlas_error never change meaning. New functions, error kinds, enumeration
 *             values and members at the end of atlas_snapshot_fields may be added: give every `switch` a default.
 *
 * Languages   This header is C89 and C++98, given <stdint.h>. atlas_backup.ffi.h, installed beside it, has the same
 *             declarations for tools without a preprocessor (LuaJIT, PHP, cffi, Free Pascal's h2pas).
 */

#ifndef ATLAS_BACKUP_H
#define ATLAS_BACKUP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif


/* ==== Version ================================================================================================ */

/* Of this header; the functions below tell that of the library which is loaded. */
#define ATLAS_BACKUP_VERSION_MAJOR 0 /**< Names the ABI, and stands in the SONAME. */
#define ATLAS_BACKUP_VERSION_MINOR 2 /**< Grows when something was added. */
#define ATLAS_BACKUP_VERSION_PATCH 0 /**< Grows when something was corrected. */
#define ATLAS_BACKUP_VERSION_STRING "0.2.0" /**< All three. */
#define ATLAS_BACKUP_VERSION_NUMBER 2000 /**< All three as well: major * 1000000 + minor * 1000 + patch. */

/**
 * The version of the library that is loaded: "1.2.3". ATLAS_BACKUP_VERSION_STRING is that of the header you compiled
 * with. Static text: never free it.
 */
const char *atlas_backup_version(void);

/**
 * The same as a number, major * 1000000 + minor * 1000 + patch: 1002003. For languages where splitting text is work.
 * ATLAS_BACKUP_VERSION_NUMBER is that of the header you compiled with.
 */
int32_t atlas_backup_runtime_version(void);


/* ==== Handles ================================================================================================ */

/**
 * A client of the Atlas Administration API: connections, credentials, settings.
 *
 * Many threads may use one at once, and should: they share its connections and its token. After `fork()` the child may
 * go on using its copy, which starts afresh.
 */
typedef struct atlas_client atlas_client;

/**
 * Settings for a client. Make one, set what differs from the defaults, make clients of it, free it.
 *
 * One thread at a time may use it. `atlas_client_new()` copies it, so it can be freed or changed afterwards.
 */
typedef struct atlas_config atlas_config;

/**
 * One backup snapshot, as Atlas described it in one answer; of a replica set or of a sharded cluster.
 *
 * It never changes: many threads may read it at once, without a lock. It is independent of the client it came from and
 * may outlive it. What an accessor returns is the same at every call, stays at the same address and lives until the
 * snapshot is freed. Snapshots that you got from `atlas_client_get_...`, `atlas_client_wait_...`, `atlas_snapshot_parse()`
 * or `atlas_snapshot_copy()` are yours: free them with `atlas_snapshot_free()`. Those that come as `const` (from a list or
 * as the argument of a callback) are lent: never free them, copy them to keep them.
 */
typedef struct atlas_snapshot atlas_snapshot;

/**
 * All snapshots of a cluster, in Atlas' order, from `atlas_client_list_snapshots()`, its sharded sibling or
 * `atlas_snapshot_list_parse()`.
 *
 * It never changes: many threads may read it at once. It is yours: free it with `atlas_snapshot_list_free()`, which
 * frees the snapshots in it as well.
 */
typedef struct atlas_snapshot_list atlas_snapshot_list;


/* ==== Errors ================================================================================================= */

/** Flag of `atlas_error`: the same call may succeed later (RATE_LIMITED, SERVER, TIMEOUT and NETWORK). */
#define ATLAS_ERROR_FLAG_RETRYABLE 1u

/**
 * Flag of `atlas_error`: some text in the struct was cut, at a character boundary; or the body of the error was longer
 * than 256 KiB, and what lies beyond that is missing.
 */
#define ATLAS_ERROR_FLAG_TRUNCATED 2u

/**
 * What went wrong, as a number. Numbers never change meaning; new ones may be added, so treat a number you do not
 * know like `ATLAS_ERROR_INTERNAL`. `atlas_error_kind_name()` spells them.
 */
typedef enum atlas_error_kind {
    /** No error. */
    ATLAS_ERROR_NONE = 0,
    /** An argument is NULL, not UTF-8, or against its documented pattern. Nothing was sent. Correct the call. */
    ATLAS_ERROR_INVALID_ARGUMENT = 1,
    /** A setting is missing, contradictory or unreadable. The message names the setting. */
    ATLAS_ERROR_CONFIG = 2,
    /** Atlas refused the credentials: 401, or the token endpoint's `invalid_client`. */
    ATLAS_ERROR_UNAUTHENTICATED = 3,
    /** 403: the role is missing, or this machine's address is not on the access list (see `code`). */
    ATLAS_ERROR_FORBIDDEN = 4,
    /** 404: no such project, cluster or snapshot. An expired or deleted snapshot is gone. */
    ATLAS_ERROR_NOT_FOUND = 5,
    /** 400 and every other 4xx: Atlas did not accept the request; `code` and `detail` say why. */
    ATLAS_ERROR_BAD_REQUEST = 6,
    /** 429 after the retries: too many requests. `retry_after` says how long to wait, if Atlas did. */
    ATLAS_ERROR_RATE_LIMITED = 7,
    /** 5xx after the retries, gateways' HTML pages included: the trouble is on Atlas' side. */
    ATLAS_ERROR_SERVER = 8,
    /** The time set by the caller was up, or Atlas answered 408. */
    ATLAS_ERROR_TIMEOUT = 9,
    /** DNS, connect, proxy (its 407 too), reset, cut off. */
    ATLAS_ERROR_NETWORK = 10,
    /** The certificate was not accepted or the TLS handshake failed. The message says which. */
    ATLAS_ERROR_TLS = 11,
    /**
     * The answer is not what Atlas promises: not a JSON object, invalid UTF-8, 204, too large, a redirect. Also a 404 of
     * the token or revoke endpoint: it tells nothing of a snapshot, and the base URL is probably wrong.
     */
    ATLAS_ERROR_INVALID_RESPONSE = 12,
    /** The call was cancelled. */
    ATLAS_ERROR_CANCELLED = 13,
    /** Waiting for a snapshot ended because it failed. */
    ATLAS_ERROR_SNAPSHOT_FAILED = 14,
    /**
     * A defect of this library: please report it with the message. Or something that it cannot do without was denied or
     * taken away, which the message names: memory, random numbers, waiting (a sandbox), a file descriptor.
     */
    ATLAS_ERROR_INTERNAL = 15
} atlas_error_kind;

/**
 * Why a call failed. 2048 bytes, 4-byte aligned, without pointers: frozen for ever.
 *
 * You own it: put it on the stack and pass its address, or pass NULL if you do not care why. Every call that takes
 * one sets every byte of it; after success `kind` is `ATLAS_ERROR_NONE`, `retry_after` -1 and all else zero. All
 * text is NUL-terminated UTF-8 and "" when there is none. No secret is ever in it.
 */
typedef struct atlas_error {
    /** An `atlas_error_kind`. */
    int32_t kind;
    /** HTTP status of Atlas, the inner one of an envelope; 0: no HTTP answer. */
    int32_t http_status;
    /**
     * Seconds Atlas asked to wait before the next try, in `Retry-After` or in the body of a 429; -1: it named none. 0
     * seconds are none.
     */
    int32_t retry_after;
    /** `ATLAS_ERROR_FLAG_RETRYABLE`, `ATLAS_ERROR_FLAG_TRUNCATED`; other bits are zero today. */
    uint32_t flags;
    /** Atlas' `errorCode` ("CLUSTER_NOT_FOUND"), or the OAuth error ("invalid_client"). */
    char code[96];
    /** Atlas' `reason` ("Not Found"). */
    char reason[64];
    /** Atlas' `detail` or OAuth's `error_description`, then each faulty field as "; field: description". */
    char detail[768];
    /** Atlas' `parameters`, as JSON text: `["cluster-209","b0123456789abcdef012345b"]`. */
    char parameters[256];
    /** One line for people: what was tried, what happened, what to do. */
    char message[768];
    /** Zero. */
    uint8_t reserved[80];
} atlas_error;

/**
 * The name of an error kind: "not_found" for `ATLAS_ERROR_NOT_FOUND`, "none" for 0; "unknown" for a number this
 * version does not know. Static text: never free it.
 */
const char *atlas_error_kind_name(int32_t kind);

/** The size of `atlas_error` in the library that is loaded: 2048. Bindings compare it with their own when they load. */
size_t atlas_error_size(void);

#ifndef ATLAS_BACKUP_NO_ASSERT
/**
 * Never used: an array of negative size, hence a compile error, if your compiler's options (packing, say) lay
 * `atlas_error` out otherwise than the library does. A tool that reads C but cannot work this out does without it if
 * ATLAS_BACKUP_NO_ASSERT is defined.
 */
typedef char atlas_error_layout_is_frozen[
    sizeof(atlas_error) == 2048 && offsetof(atlas_error, kind) == 0 && offsetof(atlas_error, http_status) == 4 &&
    offsetof(atlas_error, retry_after) == 8 && offsetof(atlas_error, flags) == 12 &&
    offsetof(atlas_error, code) == 16 && offsetof(atlas_error, reason) == 112 &&
    offsetof(atlas_error, detail) == 176 && offsetof(atlas_error, parameters) == 944 &&
    offsetof(atlas_error, message) == 1200 && offsetof(atlas_error, reserved) == 1968 ? 1 : -1];
#endif


/* ==== Settings =============================================================================================== */

/** Log level: a call failed. */
#define ATLAS_LOG_ERROR 1

/** Log level: something is odd, but the call goes on. */
#define ATLAS_LOG_WARNING 2

/** Log level: one line for each round trip, and the settings in force when a client is made. */
#define ATLAS_LOG_INFO 3

/** Log level: what else helps to find a fault. */
#define ATLAS_LOG_DEBUG 4

/**
 * Takes a log line: UTF-8 without a newline, at most 4 KiB with its NUL, lent until it returns. No line holds a secret.
 *
 * It runs on a thread that is inside a call of the client, on several at once if there are several, with no lock held.
 * It may call only `atlas_client_cancel()` and accessors, and must not throw, longjmp or end the thread.
 */
typedef void (*atlas_log_fn)(void *user_data, int32_t level, const char *line);

/**
 * Settings with their defaults. No `MONGODB_ATLAS_*` variable is read.
 *
 * Free it with `atlas_config_free()`. NULL only if the library has a defect.
 */
atlas_config *atlas_config_new(void);

/**
 * Settings with their defaults, then what the environment says. An empty variable is as good as unset.
 *
 * Credentials:   MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET (a service account), else
 *                MONGODB_ATLAS_PUBLIC_API_KEY and MONGODB_ATLAS_PRIVATE_API_KEY (or MONGODB_ATLAS_PUBLIC_KEY and
 *                MONGODB_ATLAS_PRIVATE_KEY), else MONGODB_ATLAS_ACCESS_TOKEN. The first complete one counts; half a
 *                pair is an error only when nothing is complete.
 * Secrets in     MONGODB_ATLAS_CLIENT_SECRET_FILE, MONGODB_ATLAS_PRIVATE_API_KEY_FILE (or
 * files:         MONGODB_ATLAS_PRIVATE_KEY_FILE) and MONGODB_ATLAS_ACCESS_TOKEN_FILE, each in the place of the variable
 *                without _FILE: see `atlas_config_set_service_account_file()`. Both of a pair set are an error.
 * Base URL:      MONGODB_ATLAS_OPS_MANAGER_URL, else MONGODB_ATLAS_BASE_URL, else MONGODB_ATLAS_SERVICE ("cloud", or
 *                "cloudgov" for https://cloud.mongodbgov.com).
 * Others:        MONGODB_ATLAS_API_VERSION, MONGODB_ATLAS_CA_FILE, MONGODB_ATLAS_TOKEN_CACHE,
 *                MONGODB_ATLAS_TIMEOUT_MS.
 *
 * The variables are those of the Atlas CLI and the Terraform provider, the last three are ours. Do not change the
 * environment from another thread meanwhile. Free the result with `atlas_config_free()`.
 *
 * In a program that was started with rights its caller does not have (set-user-id, set-group-id, file capabilities) no
 * variable counts: neither these nor those of proxies nor SSL_CERT_FILE and SSL_CERT_DIR.
 */
atlas_config *atlas_config_from_env(void);

/** Frees settings and wipes the secrets in them. NULL does nothing. */
void atlas_config_free(atlas_config *config);

/**
 * Authenticates as a service account (OAuth 2.0 client credentials; "mdb_sa_id_…" and "mdb_sa_sk_…"). Of this and the
 * next five functions the last one called wins and forgets the others.
 *
 * NULL, empty or otherwise unusable text is reported by `atlas_client_new()`, so that a getenv() that found nothing
 * does not vanish silently. A newline at the end, the commonest slip, is named there.
 */
void atlas_config_set_service_account(atlas_config *config, const char *client_id, const char *client_secret);

/** Authenticates with an API key: its public and private half (HTTP Digest). NULL as for a service account. */
void atlas_config_set_api_key(atlas_config *config, const char *public_key, const char *private_key);

/**
 * Authenticates with an access token that somebody else fetched; it is sent until Atlas refuses it. NULL as for a
 * service account.
 */
void atlas_config_set_access_token(atlas_config *config, const char *access_token);

/**
 * Authenticates as a service account whose secret is in a file: a container's secret, a credential of systemd, or one
 * that is replaced while the program runs. `atlas_client_new()` reads the file, and it is read again when Atlas has
 * refused what it held; if it then holds something else, the call goes on with that, once, and no call fails for a
 * secret that was replaced in time. A token that has merely ended reads nothing.
 *
 * One newline at the end (LF or CRLF) is not part of the secret. A file of more than 16 KiB, or that cannot be read, is
 * an error of `atlas_client_new()`; at a later reading it leaves the refusal as it was, and the message names the file.
 * Replace the file whole, by renaming another to its name. No permission is demanded of it; one that every user may
 * read is a warning for the logger. A symbolic link is followed.
 *
 * It may be a pipe, such as `<(command)` of a shell or /dev/stdin: `atlas_client_new()` waits for its end at most as
 * long as a call may take. A pipe can be read once: a second client, or a second reading, finds nothing in it. Other
 * devices, a terminal among them, are refused.
 */
void atlas_config_set_service_account_file(atlas_config *config, const char *client_id, const char *client_secret_path);

/** Authenticates with an API key whose private half is in a file, as `atlas_config_set_service_account_file()` says. */
void atlas_config_set_api_key_file(atlas_config *config, const char *public_key, const char *private_key_path);

/**
 * Authenticates with an access token in a file that somebody else keeps fresh, as
 * `atlas_config_set_service_account_file()` says.
 */
void atlas_config_set_access_token_file(atlas_config *config, const char *access_token_path);

/**
 * Where Atlas is: `https://host[:port][/path]`, without user info, query or fragment. NULL:
 * "https://cloud.mongodb.com". Plain `http://` only for 127.0.0.0/8, [::1] and localhost, and then without a proxy.
 * localhost means 127.0.0.1 and [::1], whatever a hosts file or DNS server says.
 */
void atlas_config_set_base_url(atlas_config *config, const char *url);

/**
 * The API version asked for, as a date. NULL: "2024-05-30". Atlas answers with the newest version of the resource that
 * is not younger.
 */
void atlas_config_set_api_version(atlas_config *config, const char *date);

/**
 * How long a call may take as a whole, in milliseconds: token, retries, pauses and the slowest answer included.
 * Default 30000; 0 is an error. In a wait it bounds each poll.
 */
void atlas_config_set_timeout_ms(atlas_config *config, uint32_t milliseconds);

/**
 * How long connecting may take, in milliseconds: name lookup, proxy and TLS handshake included. Default 10000; 0 is
 * an error.
 */
void atlas_config_set_connect_timeout_ms(atlas_config *config, uint32_t milliseconds);

/**
 * How often a request is tried again after a passing failure: no connection, a reset, 429, 500, 502, 503, 504; after a
 * pause that grows, or that Atlas asks for (Retry-After, or the body of a 429; no seconds count as none), all within the
 * timeout. After a 429 that does not say how long the pauses are 10, 20, then 40 s, each times 0.8 to 1.25, as Atlas
 * advises; what the timeout leaves no time for fails at once. Default 3; 0: never.
 */
void atlas_config_set_max_retries(atlas_config *config, uint32_t count);

/**
 * A PEM file of certificate authorities to trust besides the system's: a company's, say. NULL: none. It is read by
 * `atlas_client_new()`, and must be a regular file of at most 16 MiB; so must the file that SSL_CERT_FILE names. That
 * and SSL_CERT_DIR, a list of directories with colons between them, are trusted instead of the system's.
 *
 * A server's own certificate in such a file, self-signed or not, is trusted as well, as by curl, for the hosts and the
 * time it names; the hosts in its subjectAltName, since a common name counts for none. Signatures of certificates can
 * be RSA (2048 bits and more) with SHA-256, SHA-384 or SHA-512, ECDSA of P-256 or P-384 with SHA-256 or SHA-384, and
 * Ed25519. What P-256 or P-384 signed with SHA-512, or P-521 at all, cannot be checked and is refused.
 */
void atlas_config_set_ca_file(atlas_config *config, const char *pem_path);

/**
 * The proxy: `http://`, `socks5://` (names looked up here) or `socks5h://` (names looked up there), then
 * `[user[:password]@]host[:port]`, port 1080 if none is given. "": no proxy. NULL: what https_proxy, HTTPS_PROXY,
 * all_proxy or ALL_PROXY says. A proxy that cannot be honoured is an error, never a silent direct connection; a
 * variable that is not used may be any.
 *
 * Hosts in no_proxy or NO_PROXY are reached directly in any case, as with curl: "*" and nothing else for all, or names
 * (for themselves and the hosts below them, with or without a leading dot), addresses and CIDR blocks, with commas
 * between them, or blanks, which newer curls do not take. As with curl, "*.name", "name:port", "*" in a list and an
 * address in brackets count for nothing, and a block of length 0 is one address.
 */
void atlas_config_set_proxy(atlas_config *config, const char *url);

/** Your product, to be put before ours in User-Agent: "backup-audit/2.1". Printable ASCII. NULL: ours alone. */
void atlas_config_set_user_agent(atlas_config *config, const char *product);

/**
 * A directory in which the processes of this machine share a service account's access token, since Atlas allows few
 * token requests a minute and few live tokens: an absolute path, or "default" (`$XDG_CACHE_HOME/atlas-backup`, else
 * `~/.cache/atlas-backup`). NULL: no cache, the default.
 *
 * A live token lies on disk there, in a file only you can read (mode 0600, made in a directory of mode 0700, whatever
 * the umask). A file or directory that others could have written is not used; a full disk or a read-only place costs the
 * cache alone. The directory may be a symbolic link: what it leads to counts; a file that is one is not used. Without
 * an absolute path in XDG_CACHE_HOME or HOME there is no "default". Such things are warnings for the logger, never
 * failures. Off in set-user-id programs.
 */
void atlas_config_set_token_cache(atlas_config *config, const char *directory);

/**
 * Who gets the log lines up to `level` (ATLAS_LOG_ERROR to ATLAS_LOG_DEBUG). Level 0 or a NULL function: nobody, the
 * default. `user_data` must outlive every client made from this config.
 */
void atlas_config_set_logger(atlas_config *config, int32_t level, atlas_log_fn logger, void *user_data);


/* ==== Client ================================================================================================= */

/** Flag: Atlas wraps its answer with its status (`envelope=true`). The snapshot is found inside. */
#define ATLAS_ENVELOPE 1u

/** Flag: Atlas indents its answer (`pretty=true`), for `atlas_snapshot_json()`. */
#define ATLAS_PRETTY 2u

/**
 * Sees every answer while a snapshot is waited for, the last one ("completed", "failed") included, but no poll that
 * failed. Returning 0 goes on, anything else ends the wait with ATLAS_ERROR_CANCELLED, even at the last one.
 *
 * `latest` is lent until it returns; `atlas_snapshot_copy()` keeps it. It runs on the thread that waits and may call
 * anything but `atlas_client_free()`. It must not throw, longjmp or end the thread.
 */
typedef int32_t (*atlas_progress_fn)(void *user_data, const atlas_snapshot *latest);

/**
 * A client with a copy of these settings. Nothing is sent yet.
 *
 * Free it with `atlas_client_free()`. On failure NULL: ATLAS_ERROR_CONFIG names the setting that is missing,
 * contradictory or unreadable; no credentials at all is one. The proxy's environment variables, SSL_CERT_FILE and
 * SSL_CERT_DIR are read here, and nothing is read from the environment later.
 */
atlas_client *atlas_client_new(const atlas_config *config, atlas_error *error);

/**
 * Frees a client, wipes its secrets and closes its connections. Nobody may be inside one of its calls. NULL does
 * nothing. Snapshots it returned live on.
 */
void atlas_client_free(atlas_client *client);

/**
 * Ends every call of this client that was entered before, with ATLAS_ERROR_CANCELLED and within a tenth of a second,
 * wherever it blocks. Calls entered later are not touched. To cancel one call alone give it a client of its own.
 *
 * Any thread and any callback may call it, but no signal handler. If the call may be about to be entered by another
 * thread, cancel again until it has returned; that costs nothing. NULL does nothing.
 */
void atlas_client_cancel(atlas_client *client);

/**
 * Gives the service account's access token back to Atlas and empties its entry in the token cache. Later calls fetch a
 * new one; calls in flight, also in processes that share the cache, are answered 401 and try once more by themselves.
 *
 * Returns an `atlas_error_kind`: ATLAS_ERROR_NONE when the token was given back or there was none, which is always so
 * for an API key or an access token of yours. On failure the token is kept.
 */
int32_t atlas_client_revoke_token(atlas_client *client, atlas_error *error);

/**
 * One snapshot of a replica set: Atlas' getGroupClusterBackupSnapshot, which needs the role Project Read Only or
 * Project Backup Manager.
 *
 * group_id       the project's id, 24 lower-case hexadecimal digits
 * cluster_name   1 to 64 ASCII letters, digits and hyphens; the first is no hyphen
 * snapshot_id    24 lower-case hexadecimal digits
 * flags          0, or ATLAS_ENVELOPE and ATLAS_PRETTY
 *
 * Blocks until the answer is there, at most the timeout of the settings. Free the result with
 * `atlas_snapshot_free()`. On failure NULL, with any kind but ATLAS_ERROR_SNAPSHOT_FAILED. Should Atlas answer for a
 * sharded cluster, the snapshot says so (`atlas_snapshot_type()`); should it refuse, the message says which call to use.
 */
atlas_snapshot *atlas_client_get_snapshot(atlas_client *client,
                                          const char *group_id,
                                          const char *cluster_name,
                                          const char *snapshot_id,
                                          uint32_t flags,
                                          atlas_error *error);

/**
 * One snapshot of a sharded cluster: Atlas' getGroupClusterBackupSnapshotShardedCluster. The same as
 * `atlas_client_get_snapshot()` otherwise; the result has members, one for each shard and config server.
 */
atlas_snapshot *atlas_client_get_sharded_snapshot(atlas_client *client,
                                                  const char *group_id,
                                                  const char *cluster_name,
                                                  const char *snapshot_id,
                                                  uint32_t flags,
                                                  atlas_error *error);

/**
 * All snapshots of a replica set, in Atlas' order: Atlas' listGroupClusterBackupSnapshots, every page of it.
 *
 * Parameters, role and failures are those of `atlas_client_get_snapshot()`; the timeout bounds all pages together. Free
 * the result with `atlas_snapshot_list_free()`. A cluster without snapshots gives an empty list, not NULL. Atlas does
 * not promise an order. Pages that repeat, more than 50,000 snapshots, and snapshots that would take more than 256 MiB of
 * memory together are ATLAS_ERROR_INVALID_RESPONSE. An item that is no JSON object is there with all its fields absent.
 */
atlas_snapshot_list *atlas_client_list_snapshots(atlas_client *client,
                                                 const char *group_id,
                                                 const char *cluster_name,
                                                 uint32_t flags,
                                                 atlas_error *error);

/**
 * All snapshots of a sharded cluster: Atlas' listGroupClusterBackupSnapshotShardedClusters, which has no pages: one answer
 * of at most 16 MiB. The same as `atlas_client_list_snapshots()` otherwise.
 */
atlas_snapshot_list *atlas_client_list_sharded_snapshots(atlas_client *client,
                                                         const char *group_id,
                                                         const char *cluster_name,
                                                         uint32_t flags,
                                                         atlas_error *error);

/**
 * Waits until a snapshot of a replica set is completed, asking for it again and again. It asks at once, and goes on
 * at any status but "completed" and "failed", those that this version does not know included.
 *
 * poll_interval_ms   the pause between two polls, give or take a tenth; 0: 4000; less than 500 is raised to 500. Atlas
 *                    may ask for a longer one, up to a day (Retry-After, or the body of a 429); after polls in a row that
 *                    were answered 429 and did not say how long it is at least 10, 20, then 40 s, each times 0.8 to 1.25
 * timeout_ms         how long to wait as a whole; 0: for ever. The timeout of the settings bounds each poll besides
 * progress           sees every answer; may be NULL
 * user_data          handed to `progress`
 *
 * The other parameters are those of `atlas_client_get_snapshot()`. Returns the completed snapshot, which is yours: free
 * it with `atlas_snapshot_free()`. On failure NULL: ATLAS_ERROR_SNAPSHOT_FAILED when its status is "failed",
 * ATLAS_ERROR_NOT_FOUND also when it was deleted meanwhile, ATLAS_ERROR_TIMEOUT with the last status seen in the
 * message, ATLAS_ERROR_CANCELLED by `progress` or `atlas_client_cancel()`. Failures that may pass
 * (ATLAS_ERROR_FLAG_RETRYABLE) are ridden out until the time is up, without a timeout for ever; each is a warning for
 * the logger. Those that will not pass (401, 403, TLS), and an id that was not found at first, end the wait.
 */
atlas_snapshot *atlas_client_wait_for_snapshot(atlas_client *client,
                                               const char *group_id,
                                               const char *cluster_name,
                                               const char *snapshot_id,
                                               uint32_t flags,
                                               uint32_t poll_interval_ms,
                                               uint32_t timeout_ms,
                                               atlas_progress_fn progress,
                                               void *user_data,
                                               atlas_error *error);

/** Waits until a snapshot of a sharded cluster is completed. The same as `atlas_client_wait_for_snapshot()` otherwise. */
atlas_snapshot *atlas_client_wait_for_sharded_snapshot(atlas_client *client,
                                                       const char *group_id,
                                                       const char *cluster_name,
                                                       const char *snapshot_id,
                                                       uint32_t flags,
                                                       uint32_t poll_interval_ms,
                                                       uint32_t timeout_ms,
                                                       atlas_progress_fn progress,
                                                       void *user_data,
                                                       atlas_error *error);


/* ==== Snapshot =============================================================================================== */

/* ---- Snapshots: making and freeing ---- */

/**
 * Reads a body that you kept, such as the output of `atlas_snapshot_json()` or a recorded answer. The body may be plain
 * or enveloped (an object "content" beside an integer "status"). Needs no client and no network.
 *
 * `json` are `length` bytes of UTF-8, which need no NUL at the end; they are copied, you may free them at once.
 *
 * Returns a snapshot that is yours (`atlas_snapshot_free()`), or NULL with `*error` filled:
 * - `ATLAS_ERROR_INVALID_ARGUMENT`: `json` is NULL.
 * - `ATLAS_ERROR_INTERNAL`: there is no memory for it.
 * - `ATLAS_ERROR_INVALID_RESPONSE`: not a JSON object in valid UTF-8, empty, with a byte-order mark, larger than 16 MiB
 *   (then nothing of it is read) or nested more than 128 levels deep; the message says line, column and what.
 * - The kind that the error had from the server, if the body is one: an envelope with a "status" from 300 to 599 (a
 *   redirect is `ATLAS_ERROR_INVALID_RESPONSE`), or an object with an integer "error" from 400 to 599 and no "id". Other
 *   numbers are no status of an error.
 *
 * A field of another type than documented is no error: it is absent, and `atlas_snapshot_field()` still has its text.
 */
atlas_snapshot *atlas_snapshot_parse(const char *json, size_t length, atlas_error *error);

/**
 * Copies a snapshot, so that it can be kept beyond its list or callback. The copy is independent of the original and is
 * yours: free it with `atlas_snapshot_free()`. NULL for NULL, and when there is no memory for it.
 */
atlas_snapshot *atlas_snapshot_copy(const atlas_snapshot *snapshot);

/**
 * Frees a snapshot that is yours, and with it every pointer an accessor of it returned. NULL does nothing. Nobody may be
 * using it any more.
 */
void atlas_snapshot_free(atlas_snapshot *snapshot);

/* ---- Text, as Atlas spells it. Absent: NULL ---- */

/** The snapshot's id, 24 hexadecimal digits: "32b6e34b3d91647abb20e7b8". Atlas' field "id". */
const char *atlas_snapshot_id(const atlas_snapshot *snapshot);

/**
 * Who stores the snapshot: "AWS", "AZURE" or "GCP". Atlas names it only once it works on the snapshot. Absent for
 * sharded clusters, where each member has its own. Atlas' field "cloudProvider".
 */
const char *atlas_snapshot_cloud_provider(const atlas_snapshot *snapshot);

/**
 * How the config servers of a sharded cluster run: "EMBEDDED" or "DEDICATED". Absent for replica sets. Atlas' field
 * "configServerType".
 */
const char *atlas_snapshot_config_server_type(const atlas_snapshot *snapshot);

/**
 * When Atlas took the snapshot, ISO 8601 in UTC: "2026-08-10T03:27:08Z". Absent until it was taken.
 * `atlas_snapshot_created_at_ms()` has it as a number. Atlas' field "createdAt".
 */
const char *atlas_snapshot_created_at(const atlas_snapshot *snapshot);

/**
 * The label that somebody gave an on-demand snapshot: "before the migration". It may be empty. Absent for snapshots of
 * the backup policy. Atlas' field "description".
 */
const char *atlas_snapshot_description(const atlas_snapshot *snapshot);

/**
 * When Atlas will delete the snapshot, ISO 8601 in UTC: "2026-08-11T03:28:21Z". Atlas changes it when the snapshot is
 * completed. `atlas_snapshot_expires_at_ms()` has it as a number. Atlas' field "expiresAt".
 */
const char *atlas_snapshot_expires_at(const atlas_snapshot *snapshot);

/**
 * Which rule of the backup policy took the snapshot: "hourly", "daily", "weekly", "monthly", "yearly", or "ondemand"
 * when it was none. `atlas_snapshot_frequency_type_code()` has it as a number. Atlas' field "frequencyType".
 */
const char *atlas_snapshot_frequency_type(const atlas_snapshot *snapshot);

/**
 * The key in your key management that encrypts the snapshot: "72659f08-8b3c-4913-bb4e-a8a68e036502". Absent where Atlas
 * uses its own. Atlas' field "masterKeyUUID".
 */
const char *atlas_snapshot_master_key_uuid(const atlas_snapshot *snapshot);

/**
 * Version of the MongoDB server that was saved: "8.0.29", "8.0.24-rc0". Absent while the snapshot is queued. Atlas' field
 * "mongodVersion".
 */
const char *atlas_snapshot_mongod_version(const atlas_snapshot *snapshot);

/**
 * Name of the replica set that was saved: "cluster-989". Absent for sharded clusters, where each member has its own.
 * Atlas' field "replicaSetName".
 */
const char *atlas_snapshot_replica_set_name(const atlas_snapshot *snapshot);

/**
 * Why the snapshot was taken: "onDemand", "scheduled" or "fallback". `atlas_snapshot_snapshot_type_code()` has it as a
 * number. Atlas' field "snapshotType".
 */
const char *atlas_snapshot_snapshot_type(const atlas_snapshot *snapshot);

/**
 * How far Atlas is: "queued", "inProgress", "completed" or "failed". Only this tells whether a snapshot can be restored:
 * its size and dates may be there before it is completed. `atlas_snapshot_status_code()` has it as a number. Atlas' field
 * "status".
 */
const char *atlas_snapshot_status(const atlas_snapshot *snapshot);

/** What was saved: "replicaSet" or "shardedCluster". `atlas_snapshot_type_code()` has it as a number. Atlas' field "type". */
const char *atlas_snapshot_type(const atlas_snapshot *snapshot);

/* ---- The same as numbers to switch on. Absent, or new to this version: 0, then look at the text ---- */

/** How far Atlas is with a snapshot: what `atlas_snapshot_status_code()` returns. New values may be added. */
typedef enum atlas_status {
    /** Absent, or a value that this version of the library does not know: look at the text. */
    ATLAS_STATUS_UNKNOWN = 0,
    /** Atlas has accepted the request and has not begun. */
    ATLAS_STATUS_QUEUED = 1,
    /** Atlas is taking the snapshot. */
    ATLAS_STATUS_IN_PROGRESS = 2,
    /** The snapshot can be restored. */
    ATLAS_STATUS_COMPLETED = 3,
    /** The snapshot could not be taken. */
    ATLAS_STATUS_FAILED = 4
} atlas_status;

/** Who stores a snapshot: what `atlas_snapshot_cloud_provider_code()` returns. New values may be added. */
typedef enum atlas_cloud_provider {
    /** Absent, or a value that this version of the library does not know: look at the text. */
    ATLAS_CLOUD_PROVIDER_UNKNOWN = 0,
    /** Amazon Web Services. */
    ATLAS_CLOUD_PROVIDER_AWS = 1,
    /** Microsoft Azure. */
    ATLAS_CLOUD_PROVIDER_AZURE = 2,
    /** Google Cloud. */
    ATLAS_CLOUD_PROVIDER_GCP = 3
} atlas_cloud_provider;

/**
 * Which rule of the backup policy took a snapshot: what `atlas_snapshot_frequency_type_code()` returns. New values may be
 * added.
 */
typedef enum atlas_frequency {
    /** Absent, or a value that this version of the library does not know: look at the text. */
    ATLAS_FREQUENCY_UNKNOWN = 0,
    /** The hourly rule. */
    ATLAS_FREQUENCY_HOURLY = 1,
    /** The daily rule. */
    ATLAS_FREQUENCY_DAILY = 2,
    /** The weekly rule. */
    ATLAS_FREQUENCY_WEEKLY = 3,
    /** The monthly rule. */
    ATLAS_FREQUENCY_MONTHLY = 4,
    /** The yearly rule. */
    ATLAS_FREQUENCY_YEARLY = 5,
    /** None: somebody asked for the snapshot. Live Atlas says so, its specification does not list it. */
    ATLAS_FREQUENCY_ON_DEMAND = 6
} atlas_frequency;

/** Why a snapshot was taken: what `atlas_snapshot_snapshot_type_code()` returns. New values may be added. */
typedef enum atlas_snapshot_type_kind {
    /** Absent, or a value that this version of the library does not know: look at the text. */
    ATLAS_SNAPSHOT_TYPE_UNKNOWN = 0,
    /** Somebody asked for it. */
    ATLAS_SNAPSHOT_TYPE_ON_DEMAND = 1,
    /** The backup policy asked for it. */
    ATLAS_SNAPSHOT_TYPE_SCHEDULED = 2,
    /** Atlas took it in place of one that it could not take as planned. */
    ATLAS_SNAPSHOT_TYPE_FALLBACK = 3
} atlas_snapshot_type_kind;

/** What was saved: what `atlas_snapshot_type_code()` returns. New values may be added. */
typedef enum atlas_cluster_type {
    /** Absent, or a value that this version of the library does not know: look at the text. */
    ATLAS_CLUSTER_TYPE_UNKNOWN = 0,
    /** A replica set. */
    ATLAS_CLUSTER_TYPE_REPLICA_SET = 1,
    /** A sharded cluster, whose snapshot has members. */
    ATLAS_CLUSTER_TYPE_SHARDED_CLUSTER = 2
} atlas_cluster_type;

/** `atlas_snapshot_status()` as an `atlas_status`, compared without case. */
int32_t atlas_snapshot_status_code(const atlas_snapshot *snapshot);

/** `atlas_snapshot_cloud_provider()` as an `atlas_cloud_provider`, compared without case. */
int32_t atlas_snapshot_cloud_provider_code(const atlas_snapshot *snapshot);

/** `atlas_snapshot_frequency_type()` as an `atlas_frequency`, compared without case. */
int32_t atlas_snapshot_frequency_type_code(const atlas_snapshot *snapshot);

/** `atlas_snapshot_snapshot_type()` as an `ATLAS_SNAPSHOT_TYPE_...` number, compared without case. */
int32_t atlas_snapshot_snapshot_type_code(const atlas_snapshot *snapshot);

/** `atlas_snapshot_type()` as an `atlas_cluster_type`, compared without case. */
int32_t atlas_snapshot_type_code(const atlas_snapshot *snapshot);

/* ---- Numbers and times ---- */

/**
 * What an absent number or time is: the least `int64_t`, which is no size and no time that Atlas sends. It shows that a
 * field is missing, null, of another type than documented, or (for a time) text that is no date.
 */
#define ATLAS_ABSENT INT64_MIN

/**
 * Size of the snapshot in bytes: 1574477824; 0 until Atlas knows it. `ATLAS_ABSENT` if absent, which a number with a
 * fraction, with an exponent or out of the range of `int64_t` is, too. Atlas' field "storageSizeBytes".
 */
int64_t atlas_snapshot_storage_size_bytes(const atlas_snapshot *snapshot);

/**
 * When Atlas took the snapshot, in milliseconds since 1970-01-01T00:00:00Z (rounded down; leap seconds do not count),
 * 1786332428000 say. Divide by 1000 for a `time_t`. `ATLAS_ABSENT` if absent or no date in the form of RFC 3339, which allows a
 * blank for the T; second 60 is the second after 59, as in POSIX time. Whatever it is, `atlas_snapshot_created_at()` has the
 * text. Atlas' field "createdAt".
 */
int64_t atlas_snapshot_created_at_ms(const atlas_snapshot *snapshot);

/**
 * When Atlas will delete the snapshot, in milliseconds since 1970-01-01T00:00:00Z, as in
 * `atlas_snapshot_created_at_ms()`. `ATLAS_ABSENT` if absent or no date. Atlas' field "expiresAt".
 */
int64_t atlas_snapshot_expires_at_ms(const atlas_snapshot *snapshot);

/* ---- Arrays. Elements are counted from 0; at or beyond the count: NULL ---- */

/** To how many regions Atlas copies the snapshot; 0 if absent, or if an element is no text. Atlas' field "copyRegions". */
size_t atlas_snapshot_copy_region_count(const atlas_snapshot *snapshot);

/** The region number `i` that Atlas copies the snapshot to: "US_EAST_1". NULL if there are not that many. */
const char *atlas_snapshot_copy_region(const atlas_snapshot *snapshot, size_t i);

/**
 * How many items of the backup policy took the snapshot; 0 if absent, or if an element is no text. Atlas' field
 * "policyItems".
 */
size_t atlas_snapshot_policy_item_count(const atlas_snapshot *snapshot);

/** The id of the policy item number `i`, 24 hexadecimal digits. NULL if there are not that many. */
const char *atlas_snapshot_policy_item(const atlas_snapshot *snapshot, size_t i);

/**
 * How many web links to the snapshot, and to what it belongs to, Atlas sent; 0 if absent, or if an element is no object.
 * Atlas' field "links".
 */
size_t atlas_snapshot_link_count(const atlas_snapshot *snapshot);

/**
 * The address of link number `i`: "https://cloud.mongodb.com/api/atlas/v2/groups/...". NULL if the link has none, or if there
 * are not that many. Atlas' field "href".
 */
const char *atlas_snapshot_link_href(const atlas_snapshot *snapshot,
                                     size_t i);

/**
 * What is behind link number `i`: "self", or a URL that names the relation. NULL if the link does not say, or if there are
 * not that many. Atlas' field "rel".
 */
const char *atlas_snapshot_link_rel(const atlas_snapshot *snapshot, size_t i);

/* ---- Sharded clusters: one member per shard and config server ---- */

/**
 * How many shards and config servers the snapshot consists of; 0 for a replica set, if absent, or if an element is no
 * object. Atlas' field "members".
 */
size_t atlas_snapshot_member_count(const atlas_snapshot *snapshot);

/**
 * The id of member number `i`, 24 hexadecimal digits. NULL if it has none, or if there are not that many. Atlas' field
 * "id" of a member.
 */
const char *atlas_snapshot_member_id(const atlas_snapshot *snapshot, size_t i);

/**
 * Who stores member number `i`: "AWS", "AZURE" or "GCP". NULL if Atlas does not say, or if there are not that many. Atlas'
 * field "cloudProvider" of a member.
 */
const char *atlas_snapshot_member_cloud_provider(const atlas_snapshot *snapshot, size_t i);

/**
 * The name of the shard or config server number `i`: "cluster-989-shard-0". NULL if it has none, or if there are not that
 * many. Atlas' field "replicaSetName" of a member.
 */
const char *atlas_snapshot_member_replica_set_name(const atlas_snapshot *snapshot, size_t i);

/**
 * How many snapshots of single members the snapshot consists of; 0 for a replica set, if absent, or if an element is no
 * text. Atlas' field "snapshotIds".
 */
size_t atlas_snapshot_snapshot_id_count(const atlas_snapshot *snapshot);

/** The id of the member's snapshot number `i`, 24 hexadecimal digits. NULL if there are not that many. */
const char *atlas_snapshot_snapshot_id(const atlas_snapshot *snapshot, size_t i);

/* ---- All of these fields in one call ---- */

/** A link of a snapshot. This struct stays as it is, since there are arrays of it. */
typedef struct atlas_link {
    /** `atlas_snapshot_link_href()` */
    const char *href;
    /** `atlas_snapshot_link_rel()` */
    const char *rel;
} atlas_link;

/** A member of a sharded cluster's snapshot. This struct stays as it is, since there are arrays of it. */
typedef struct atlas_member {
    /** `atlas_snapshot_member_id()` */
    const char *id;
    /** `atlas_snapshot_member_cloud_provider()` */
    const char *cloud_provider;
    /** `atlas_snapshot_member_replica_set_name()` */
    const char *replica_set_name;
} atlas_member;

/**
 * What `atlas_snapshot_read_fields()` fills: each member is what the function named beside it returns, and absent as that
 * says. An empty array is a count of 0 and NULL. Members are only ever added at the end.
 */
typedef struct atlas_snapshot_fields {
    /** `atlas_snapshot_id()` */
    const char *id;
    /** `atlas_snapshot_cloud_provider()` */
    const char *cloud_provider;
    /** `atlas_snapshot_config_server_type()` */
    const char *config_server_type;
    /** `atlas_snapshot_created_at()` */
    const char *created_at;
    /** `atlas_snapshot_description()` */
    const char *description;
    /** `atlas_snapshot_expires_at()` */
    const char *expires_at;
    /** `atlas_snapshot_frequency_type()` */
    const char *frequency_type;
    /** `atlas_snapshot_master_key_uuid()` */
    const char *master_key_uuid;
    /** `atlas_snapshot_mongod_version()` */
    const char *mongod_version;
    /** `atlas_snapshot_replica_set_name()` */
    const char *replica_set_name;
    /** `atlas_snapshot_snapshot_type()` */
    const char *snapshot_type;
    /** `atlas_snapshot_status()` */
    const char *status;
    /** `atlas_snapshot_type()` */
    const char *type;
    /** `atlas_snapshot_storage_size_bytes()` */
    int64_t storage_size_bytes;
    /** `atlas_snapshot_created_at_ms()` */
    int64_t created_at_ms;
    /** `atlas_snapshot_expires_at_ms()` */
    int64_t expires_at_ms;
    /** `atlas_snapshot_status_code()` */
    int32_t status_code;
    /** `atlas_snapshot_cloud_provider_code()` */
    int32_t cloud_provider_code;
    /** `atlas_snapshot_frequency_type_code()` */
    int32_t frequency_type_code;
    /** `atlas_snapshot_snapshot_type_code()` */
    int32_t snapshot_type_code;
    /** `atlas_snapshot_type_code()` */
    int32_t type_code;
    /** `atlas_snapshot_http_status()` */
    int32_t http_status;
    /** `atlas_snapshot_copy_region_count()` */
    size_t copy_region_count;
    /** `atlas_snapshot_copy_region()` of each */
    const char *const *copy_regions;
    /** `atlas_snapshot_policy_item_count()` */
    size_t policy_item_count;
    /** `atlas_snapshot_policy_item()` of each */
    const char *const *policy_items;
    /** `atlas_snapshot_snapshot_id_count()` */
    size_t snapshot_id_count;
    /** `atlas_snapshot_snapshot_id()` of each */
    const char *const *snapshot_ids;
    /** `atlas_snapshot_link_count()` */
    size_t link_count;
    /** Each link */
    const struct atlas_link *links;
    /** `atlas_snapshot_member_count()` */
    size_t member_count;
    /** Each member */
    const struct atlas_member *members;
} atlas_snapshot_fields;

/**
 * Reads all documented fields at once, which for languages where a call costs much is cheaper than the accessors above.
 *
 * `size` is `sizeof(atlas_snapshot_fields)` in your program. So many bytes of `*fields` are filled: with what this version
 * of the library knows, which may be less than a later header has, and zeros behind it and in gaps between members.
 * Pointers live as long as the snapshot, and are the same at every call. Many threads may call it at once. Without memory
 * for the arrays of pointers, which the first call makes, these arrays are empty.
 *
 * Returns `sizeof(atlas_snapshot_fields)` in the library. Returns 0 if `snapshot` is NULL; everything is absent then. If
 * `fields` is NULL nothing is written.
 */
size_t atlas_snapshot_read_fields(const atlas_snapshot *snapshot, struct atlas_snapshot_fields *fields, size_t size);

/* ---- Everything else: nothing that Atlas sends is lost ---- */

/**
 * The whole body byte for byte, envelope included; of an item of a list its bytes in the page. NUL-terminated, so that it
 * can be printed; its length without the NUL goes to `*length`, unless `length` is NULL. `atlas_snapshot_parse()` reads it
 * again, but for an item of a list that is no snapshot: `42`, say, is in the list with all its fields absent, and
 * `atlas_snapshot_parse()` refuses it. NULL, and a length of 0, only if `snapshot` is NULL.
 */
const char *atlas_snapshot_json(const atlas_snapshot *snapshot, size_t *length);

/**
 * How many members the snapshot's object (inside "content" of an envelope) has, documented or not, of any type. A name that
 * comes twice counts once, at its first place and with its last value. The first call of this or of the next two functions
 * builds an index; many threads may do that at once. Without memory for it there are no members.
 */
size_t atlas_snapshot_field_count(const atlas_snapshot *snapshot);

/**
 * The name of member number `i`, counted from 0 in the order they came in: "storageSizeBytes". NULL if there are not that
 * many.
 */
const char *atlas_snapshot_field_name(const atlas_snapshot *snapshot, size_t i);

/**
 * A member of the snapshot's object by its name, which is case-sensitive, as the JSON text received: `"completed"` with its
 * quotes, `1574477824`, `["US_EAST_1"]`, `null`. For what this library has no accessor for, and for fields of another type
 * than documented. Of a name that came twice the last. NULL if there is no such member, or `name` is NULL or not UTF-8.
 */
const char *atlas_snapshot_field(const atlas_snapshot *snapshot, const char *name);

/** Status of the HTTP answer that the snapshot came in: 200. 0 if it was parsed from text or is an item of a list. */
int32_t atlas_snapshot_http_status(const atlas_snapshot *snapshot);

/**
 * A header of the HTTP answer by its name, in any case: "RateLimit-Remaining" gives "1186". Of several the first. NULL if
 * there is none, if the snapshot was parsed from text or is an item of a list, or if `name` is NULL.
 */
const char *atlas_snapshot_header(const atlas_snapshot *snapshot, const char *name);

/**
 * How many headers the HTTP answer had; of those that came several times each counts. 0 if the snapshot was parsed from text
 * or is an item of a list.
 */
size_t atlas_snapshot_header_count(const atlas_snapshot *snapshot);

/** The name of header number `i`, counted from 0, in lower case: "ratelimit-remaining". NULL if there are not that many. */
const char *atlas_snapshot_header_name(const atlas_snapshot *snapshot, size_t i);

/**
 * The value of header number `i`; U+FFFD stands for bytes that are not UTF-8. It may be empty. NULL if there are not that
 * many.
 */
const char *atlas_snapshot_header_value(const atlas_snapshot *snapshot, size_t i);

/* ---- Lists ---- */

/**
 * Reads a page of a list that you kept, plain or enveloped: an object with an array "results". Needs no client and no
 * network.
 *
 * `json` are `length` bytes of UTF-8, as for `atlas_snapshot_parse()`: at most 16 MiB, copied, without a NUL at the end.
 * The page may have 50,000 snapshots.
 *
 * Returns a list that is yours (`atlas_snapshot_list_free()`), or NULL with `*error` filled, as by
 * `atlas_snapshot_parse()`; a page without "results" is ATLAS_ERROR_INVALID_RESPONSE.
 */
atlas_snapshot_list *atlas_snapshot_list_parse(const char *json, size_t length, atlas_error *error);

/** How many snapshots are in the list; 0 if `list` is NULL. */
size_t atlas_snapshot_list_count(const atlas_snapshot_list *list);

/**
 * How many snapshots there are by Atlas' own estimate, which may differ from `atlas_snapshot_list_count()`. This library
 * does not ask for it, as counting slows long lists down, so it is often `ATLAS_ABSENT`. Atlas' field "totalCount".
 */
int64_t atlas_snapshot_list_total_count(const atlas_snapshot_list *list);

/**
 * Snapshot number `i` of the list, counted from 0 in Atlas' order. It belongs to the list and dies with it: never free it,
 * `atlas_snapshot_copy()` keeps it. Its JSON is that of the item; it has neither HTTP status nor headers. NULL if there are
 * not that many.
 */
const atlas_snapshot *atlas_snapshot_list_get(const atlas_snapshot_list *list, size_t i);

/**
 * The newest snapshot of the list, by "createdAt", of those whose codes are these: `atlas_snapshot_status_code()`
 * (ATLAS_STATUS_COMPLETED for what can be restored), `atlas_snapshot_frequency_type_code()` and
 * `atlas_snapshot_snapshot_type_code()`; 0 takes any. NULL if there is none.
 *
 * Those without a readable date are older than all that have one. Of several at the same time, or without a date, it is
 * the one with the greatest id, whose first eight digits are a time; one without an id comes last. The snapshot belongs
 * to the list, as in `atlas_snapshot_list_get()`.
 */
const atlas_snapshot *atlas_snapshot_list_newest(const atlas_snapshot_list *list,
                                                 int32_t status,
                                                 int32_t frequency_type,
                                                 int32_t snapshot_type);

/** Frees a list and the snapshots in it. NULL does nothing. Nobody may be using them any more. */
void atlas_snapshot_list_free(atlas_snapshot_list *list);

#ifdef __cplusplus
}
#endif

#endif /* ATLAS_BACKUP_H */
