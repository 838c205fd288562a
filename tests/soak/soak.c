/*
 * The soak: sixteen threads call for half an hour while the server misbehaves in every way it knows, tokens and nonces
 * end, connections drop and calls are cancelled. Each call knows what may happen to it, so each must end in time and
 * as it should; and neither memory nor descriptors may grow. `make soak`, or SOAK_MINUTES=5 make soak.
 */

#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "atlas_backup.h"
#include "control.h"

#define THREADS 16
#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Kinds of error as a set; 0 is success. */
#define CAN(kind) (1u << ATLAS_ERROR_##kind)
#define SUCCEED CAN(NONE)
#define PASSING (CAN(NETWORK) | CAN(SERVER) | CAN(RATE_LIMITED) | CAN(TIMEOUT))

/* A deadline is kept within this, beyond what the machine keeps a thread waiting that only sleeps. */
#define LATE_MS 250
/* At most so many connections of a client are kept for later, as this many threads use it at most. */
#define IDLE_CONNECTIONS THREADS
/* What the allocator keeps goes up and down by as much from minute to minute; so the least of the first third is compared
   with the least of the last, and what grows with the calls goes far beyond. */
#define GROWTH_KIB 4096
#ifdef __SANITIZE_THREAD__
/* It looks for data races alone: all takes many times as long, and it keeps a record of each address for ever. */
#undef LATE_MS
#undef GROWTH_KIB
#define LATE_MS 5000
#define GROWTH_KIB (128 * 1024)
#endif

static const char *const PROJECT = "32b6e34b3d91647abb20e7b8";

/* ---- Time and chance ---- */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_ms(long ms)
{
    struct timespec pause;

    pause.tv_sec = ms / 1000;
    pause.tv_nsec = ms % 1000 * 1000000;
    nanosleep(&pause, NULL);
}

/* 0 … below - 1; xorshift, so that a seed repeats what each thread does. */
static unsigned chance(uint64_t *state, unsigned below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (unsigned)((*state >> 33) % below);
}

/* ---- The clients ---- */

enum credentials { SERVICE_ACCOUNT, API_KEY, ACCESS_TOKEN };

struct member {
    enum credentials credentials;
    uint32_t timeout_ms, max_retries;
    int is_cancelled; /* every now and then */
    atlas_client *client;
    unsigned cancels_begun, cancels_over;
};

enum { FIRST_SHORT = 3, CANCELLED = 6 };

/* With retries enough for whatever passes, or with so little time that anything may be cut short. */
static struct member members[] = {
    { ACCESS_TOKEN, 30000, 5, 0, NULL, 0, 0 }, { API_KEY, 30000, 5, 0, NULL, 0, 0 },
    { SERVICE_ACCOUNT, 30000, 5, 0, NULL, 0, 0 }, { ACCESS_TOKEN, 300, 1, 0, NULL, 0, 0 },
    { API_KEY, 400, 1, 0, NULL, 0, 0 },        { SERVICE_ACCOUNT, 500, 1, 0, NULL, 0, 0 },
    { SERVICE_ACCOUNT, 30000, 5, 1, NULL, 0, 0 },
};

static void join(struct member *member)
{
    atlas_config *config = atlas_config_new();
    atlas_error error;

    atlas_config_set_base_url(config, getenv("ATLAS_SIMULATOR_URL"));
    atlas_config_set_ca_file(config, getenv("ATLAS_SIMULATOR_CA_FILE"));
    atlas_config_set_proxy(config, "");
    atlas_config_set_timeout_ms(config, member->timeout_ms);
    atlas_config_set_max_retries(config, member->max_retries);
    if (member->credentials == SERVICE_ACCOUNT)
        atlas_config_set_service_account(config, getenv("ATLAS_SIMULATOR_CLIENT_ID"), getenv("ATLAS_SIMULATOR_CLIENT_SECRET"));
    else if (member->credentials == API_KEY)
        atlas_config_set_api_key(config, getenv("ATLAS_SIMULATOR_PUBLIC_KEY"), getenv("ATLAS_SIMULATOR_PRIVATE_KEY"));
    else
        atlas_config_set_access_token(config, getenv("ATLAS_SIMULATOR_ACCESS_TOKEN"));
    member->client = atlas_client_new(config, &error);
    atlas_config_free(config);
    if (member->client == NULL) {
        fprintf(stderr, "no client: %s\n", error.message);
        exit(2);
    }
}

/* ---- What may go wrong with a request, and how its call may then end ---- */

struct fault {
    const char *acts; /* one a request, then honesty */
    int for_ever;     /* the last one */
    uint32_t ends;    /* with time enough */
    int lasts;        /* for as long as the call may take, so only those with little time meet it */
};

#define STATUS(status) "{\"act\":\"respond\",\"status\":" #status ",\"body\":\"{}\"}"
#define LIMITED "{\"act\":\"respond\",\"status\":429,\"headers\":[[\"Retry-After\",\"1\"]],\"body\":\"{}\"}"
#define PAGE "{\"act\":\"respond\",\"status\":502,\"body\":\"<html><title>Bad Gateway</title></html>\"}"
#define CUT(bytes) "{\"act\":\"close_after\",\"bytes\":" #bytes "}"
#define RAW(bytes) "{\"act\":\"raw\",\"bytes\":\"" bytes "\"}"
#define BODY(bytes) "{\"act\":\"respond\",\"status\":200,\"body\":\"" bytes "\"}"
#define RESET "{\"act\":\"reset\"}"
#define CLOSE "{\"act\":\"close\"}"
#define THEN(what) "{\"act\":\"then_" what "}"

static const struct fault faults[] = {
    /* These pass, */
    { RESET, 0, SUCCEED, 0 },
    { CLOSE, 0, SUCCEED, 0 },
    { CUT(20), 0, SUCCEED, 0 },
    { CUT(300), 0, SUCCEED, 0 },
    { CUT(700), 0, SUCCEED, 0 },
    { STATUS(500), 0, SUCCEED, 0 },
    { STATUS(503), 0, SUCCEED, 0 },
    { STATUS(504), 0, SUCCEED, 0 },
    { LIMITED, 0, SUCCEED, 0 },
    { PAGE "," RESET, 0, SUCCEED, 0 },
    { CLOSE "," CUT(100), 0, SUCCEED, 0 },
    { "{\"act\":\"delay\",\"ms\":150}", 0, SUCCEED, 0 },
    { "{\"act\":\"drip_body\",\"bytes_per_second\":1000000}", 0, SUCCEED, 0 },
    { THEN("close\",\"after_ms\":0"), 0, SUCCEED, 0 },
    { THEN("say\",\"after_ms\":0,\"bytes\":\"HTTP/1.1 200 OK\""), 0, SUCCEED, 0 },
    { THEN("drop_idle\""), 0, SUCCEED, 0 },
    /* these do not, */
    { STATUS(503), 1, CAN(SERVER), 0 },
    { PAGE, 1, CAN(SERVER), 0 },
    { LIMITED, 1, CAN(RATE_LIMITED), 0 },
    { RESET, 1, CAN(NETWORK), 0 },
    { CUT(200), 1, CAN(NETWORK), 0 },
    { "{\"act\":\"respond\",\"status\":429,\"headers\":[[\"Retry-After\",\"3600\"]]}", 0, CAN(RATE_LIMITED), 0 },
    { STATUS(400), 0, CAN(BAD_REQUEST), 0 },
    { STATUS(403), 0, CAN(FORBIDDEN), 0 },
    { STATUS(404), 0, CAN(NOT_FOUND), 0 },
    { STATUS(409), 0, CAN(BAD_REQUEST), 0 },
    { STATUS(401), 1, CAN(UNAUTHENTICATED), 0 },
    { STATUS(204), 0, CAN(INVALID_RESPONSE), 0 },
    { RAW("garbage\\r\\n\\r\\n"), 0, CAN(INVALID_RESPONSE), 0 },
    { RAW("HTTP/1.1 200 OK\\r\\nContent-Length: -1\\r\\n\\r\\n{}"), 0, CAN(INVALID_RESPONSE), 0 },
    { BODY("The snapshot is fine, thank you."), 0, CAN(INVALID_RESPONSE), 0 },
    { BODY("{\\\"id\\\":\\\"32b6e3"), 0, CAN(INVALID_RESPONSE), 0 },
    { "{\"act\":\"redirect\",\"status\":302,\"location\":\"https://example.com/\"}", 0, CAN(INVALID_RESPONSE), 0 },
    { "{\"act\":\"huge_headers\",\"bytes\":100000}", 0, CAN(INVALID_RESPONSE), 0 },
    { "{\"act\":\"gzip_bomb\",\"bytes\":1000000}", 0, CAN(INVALID_RESPONSE), 0 },
    /* and these never end. */
    { "{\"act\":\"silence\"}", 1, 0, 1 },
    { "{\"act\":\"drip_head\",\"bytes_per_second\":5}", 1, 0, 1 },
    { "{\"act\":\"drip_body\",\"bytes_per_second\":5}", 1, 0, 1 },
    { "{\"act\":\"drip_chunks\",\"bytes_per_second\":5}", 1, 0, 1 },
    { "{\"act\":\"endless_1xx\",\"interval_ms\":50}", 1, 0, 1 },
};

static const struct fault none = { "", 0, SUCCEED, 0 };

/* ---- What all threads share ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int stop, pause, paused;
    unsigned mishaps_begun, mishaps_over; /* tokens or nonces that went bad before their time */
    int64_t oversleep_ms;                 /* of the thread that only sleeps, at most, since the last minute */
    int64_t latest_ms;                    /* a call beyond its deadline */
    unsigned long calls[32];              /* by kind of error */
    unsigned long complaints;
} shared = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0, 0, 0, 0, { 0 }, 0 };

static int is_over(void)
{
    int over;

    pthread_mutex_lock(&shared.lock);
    over = shared.stop;
    pthread_mutex_unlock(&shared.lock);
    return over;
}

/* Between two calls a thread stops here while the main thread counts what is open. */
static void rest(void)
{
    pthread_mutex_lock(&shared.lock);
    if (shared.pause) {
        shared.paused++;
        pthread_cond_broadcast(&shared.changed);
        while (shared.pause)
            pthread_cond_wait(&shared.changed, &shared.lock);
        shared.paused--;
    }
    pthread_mutex_unlock(&shared.lock);
}

static void complain(const char *what, const struct fault *fault, const atlas_error *error)
{
    pthread_mutex_lock(&shared.lock);
    if (shared.complaints++ < 20)
        printf("NOT OK - %s; the fault: [%s]; the error: %s: %s\n", what, fault->acts, atlas_error_kind_name(error->kind),
               error->message);
    pthread_mutex_unlock(&shared.lock);
}

/* ---- One call ---- */

struct worker {
    int number;
    uint64_t chance;
    unsigned count;
    struct control control;
    char faulty[64]; /* the path that still has a fault, "" for none */
};

struct call {
    struct member *member;
    const struct fault *fault;
    uint32_t ends; /* the set of kinds it may end with */
    uint32_t limit_ms;
    int64_t start;
    unsigned cancels_over, mishaps_over;
};

static void misbehave(struct worker *worker, const char *path, const struct fault *fault)
{
    char body[700];

    if (worker->faulty[0] != '\0') { /* what the last call has not used up would meet another */
        snprintf(body, sizeof body, "{\"target\":{\"path\":\"%s\"},\"acts\":[]}", worker->faulty);
        control(&worker->control, "POST", "script", body);
        worker->faulty[0] = '\0';
    }
    if (fault->acts[0] != '\0') {
        snprintf(body, sizeof body, "{\"target\":{\"path\":\"%s\"},\"acts\":[%s],\"forever\":%s}", path, fault->acts,
                 fault->for_ever ? "true" : "false");
        control(&worker->control, "POST", "script", body);
        snprintf(worker->faulty, sizeof worker->faulty, "%s", path);
    }
}

static void begin(struct call *call, struct member *member, const struct fault *fault)
{
    call->member = member;
    call->fault = fault;
    call->ends = fault->ends;
    call->limit_ms = member->timeout_ms;
    /* Little time may be up at any moment, and when that is during a try after a failure, the failure is the error. */
    if (member->timeout_ms < 1000)
        call->ends |= fault != &none && (fault->ends & (SUCCEED | PASSING)) != 0 ? PASSING : CAN(TIMEOUT);
    /* Any try, the last one too, may fail at the token endpoint already. */
    if (member->credentials == SERVICE_ACCOUNT && (member->timeout_ms < 1000 || (fault->ends & PASSING) != 0))
        call->ends |= PASSING;
    pthread_mutex_lock(&shared.lock);
    call->cancels_over = member->cancels_over;
    call->mishaps_over = shared.mishaps_over;
    pthread_mutex_unlock(&shared.lock);
    call->start = now_ms();
}

/* `is_right` says whether the answer, if there is one, is that to what was asked. */
static void end(struct call *call, int is_answer, int is_right, const atlas_error *error)
{
    int64_t late = now_ms() - call->start - call->limit_ms;
    int64_t oversleep;

    pthread_mutex_lock(&shared.lock);
    if (call->member->cancels_begun > call->cancels_over)
        call->ends |= CAN(CANCELLED);
    /* One is made good; of two, one after the other, the second would rightly be the error. */
    if (shared.mishaps_begun >= call->mishaps_over + 2)
        call->ends |= CAN(UNAUTHENTICATED);
    if (late > shared.latest_ms)
        shared.latest_ms = late;
    oversleep = shared.oversleep_ms;
    shared.calls[error->kind & 31]++;
    pthread_mutex_unlock(&shared.lock);

    if ((call->ends & 1u << (error->kind & 31)) == 0)
        complain("a call ended as it should not", call->fault, error);
    if (is_answer != (error->kind == ATLAS_ERROR_NONE))
        complain("an answer and an error, or neither", call->fault, error);
    if (is_answer && !is_right)
        complain("an answer to another question", call->fault, error);
    if (late > LATE_MS + 2 * oversleep)
        complain("a call outlasted its deadline", call->fault, error);
}

static int ends_with(const char *text, const char *end)
{
    return text != NULL && strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

static int is_text(const char *text, const char *expected)
{
    return text != NULL && strcmp(text, expected) == 0;
}

/* Ids of one thread begin alike, which is how its faults find it; none comes twice. */
static void new_id(struct worker *worker, char id[25])
{
    snprintf(id, 25, "5a%02x%020x", (unsigned)worker->number, worker->count++);
}

static void get(struct worker *worker, struct member *member, const struct fault *fault)
{
    char id[25], path[64];
    atlas_snapshot *snapshot;
    atlas_error error;
    struct call call;
    size_t length = 0;
    int is_right;

    new_id(worker, id);
    snprintf(path, sizeof path, "/snapshots/%.4s", id);
    misbehave(worker, path, fault);
    begin(&call, member, fault);
    snapshot = atlas_client_get_snapshot(member->client, PROJECT, "slow-2", id, chance(&worker->chance, 4), &error);
    is_right = is_text(atlas_snapshot_id(snapshot), id) && ends_with(atlas_snapshot_link_href(snapshot, 0), id) &&
               atlas_snapshot_status_code(snapshot) == ATLAS_STATUS_COMPLETED && atlas_snapshot_field_count(snapshot) > 10 &&
               strstr(atlas_snapshot_json(snapshot, &length), id) != NULL && length > 400;
    end(&call, snapshot != NULL, is_right, &error);
    atlas_snapshot_free(snapshot);
}

static void list(struct worker *worker, struct member *member, const struct fault *fault)
{
    static const unsigned hundreds[] = { 0, 1, 5, 10 };
    unsigned length = 100 * hundreds[chance(&worker->chance, LENGTH(hundreds))] + 50 + (unsigned)worker->number;
    unsigned at = chance(&worker->chance, length);
    char cluster[32], path[64], id[25];
    atlas_snapshot_list *snapshots;
    atlas_error error;
    struct call call;
    int is_right;

    snprintf(cluster, sizeof cluster, "many-%u", length);
    snprintf(path, sizeof path, "/%s/", cluster);
    snprintf(id, sizeof id, "6a%022x", at);
    misbehave(worker, path, fault);
    begin(&call, member, fault);
    snapshots = atlas_client_list_snapshots(member->client, PROJECT, cluster, chance(&worker->chance, 4), &error);
    is_right = atlas_snapshot_list_count(snapshots) == length && atlas_snapshot_list_total_count(snapshots) == length &&
               is_text(atlas_snapshot_id(atlas_snapshot_list_get(snapshots, at)), id);
    end(&call, snapshots != NULL, is_right, &error);
    atlas_snapshot_list_free(snapshots);
}

static int32_t progress(void *seen, const atlas_snapshot *latest)
{
    *(atlas_snapshot **)seen = (atlas_snapshot_free(*(atlas_snapshot **)seen), atlas_snapshot_copy(latest));
    return 0;
}

static void wait_for(struct worker *worker, struct member *member)
{
    static const struct {
        const char *cluster;
        uint32_t timeout_ms, ends;
    } stories[] = {
        { "staged", 60000, SUCCEED },
        { "failing", 60000, CAN(SNAPSHOT_FAILED) },
        { "vanishing", 60000, CAN(NOT_FOUND) },
        { "stuck", 700, CAN(TIMEOUT) },
    };
    unsigned story = chance(&worker->chance, LENGTH(stories));
    char id[25];
    atlas_snapshot *snapshot, *seen = NULL;
    atlas_error error;
    struct call call;
    int is_right;

    new_id(worker, id);
    misbehave(worker, "", &none);
    begin(&call, member, &none);
    call.ends = stories[story].ends;
    call.limit_ms = stories[story].timeout_ms;
    snapshot = atlas_client_wait_for_snapshot(member->client, PROJECT, stories[story].cluster, id,
                                              chance(&worker->chance, 4), 500, call.limit_ms, progress, &seen, &error);
    is_right = is_text(atlas_snapshot_id(snapshot), id) && is_text(atlas_snapshot_id(seen), id) &&
               atlas_snapshot_status_code(snapshot) == ATLAS_STATUS_COMPLETED;
    end(&call, snapshot != NULL, is_right, &error);
    atlas_snapshot_free(snapshot);
    atlas_snapshot_free(seen);
}

/* ---- The threads ---- */

static const struct fault *some_fault(struct worker *worker, const struct member *member)
{
    const struct fault *fault;

    if (chance(&worker->chance, 100) < 60)
        return &none;
    do
        fault = &faults[chance(&worker->chance, LENGTH(faults))];
    while (fault->lasts && member->timeout_ms > 1000 && !member->is_cancelled);
    return fault;
}

static void *work(void *argument)
{
    struct worker *worker = (struct worker *)argument;

    while (!is_over()) {
        struct member *member = &members[chance(&worker->chance, LENGTH(members))];
        struct member fresh = members[chance(&worker->chance, FIRST_SHORT)];
        unsigned kind = chance(&worker->chance, 100);

        rest();
        if (kind < 2) {
            join(&fresh); /* clients that come and go leave nothing behind */
            get(worker, &fresh, &none);
            atlas_client_free(fresh.client);
        } else if (kind < 3)
            wait_for(worker, &members[chance(&worker->chance, FIRST_SHORT)]);
        else if (kind < 15)
            list(worker, member, some_fault(worker, member));
        else
            get(worker, member, some_fault(worker, member));
        sleep_ms((long)chance(&worker->chance, 60));
    }
    return NULL;
}

/* Now the tokens end in their time, which clients know, now before, which they do not; nonces just end. */
static void *spoil(void *argument)
{
    static const char *const tokens[] = { STATUS(503), RESET, LIMITED, CUT(50), "{\"act\":\"delay\",\"ms\":100}" };
    struct worker *worker = (struct worker *)argument;
    int64_t phase = 0;
    int is_early = 1;

    while (!is_over()) {
        char body[200];

        if (now_ms() >= phase) {
            is_early = !is_early;
            control(&worker->control, "POST", "settings",
                    is_early ? "{\"expires_in\":3600,\"token_lifetime_ms\":3600000,\"digest\":{\"nonce_uses\":0}}"
                             : "{\"expires_in\":2,\"token_lifetime_ms\":60000,\"digest\":{\"nonce_uses\":50}}");
            phase = now_ms() + 30000;
            sleep_ms(4000); /* by then each token is of this phase, and none is just being fetched ahead */
        }
        if (chance(&worker->chance, 2) == 0) {
            snprintf(body, sizeof body, "{\"target\":\"token\",\"acts\":[%s]}",
                     tokens[chance(&worker->chance, LENGTH(tokens))]);
            control(&worker->control, "POST", "script", body);
        }
        if (is_early) {
            pthread_mutex_lock(&shared.lock);
            shared.mishaps_begun++;
            pthread_mutex_unlock(&shared.lock);
            control(&worker->control, "DELETE", chance(&worker->chance, 2) == 0 ? "tokens" : "nonces", "");
            pthread_mutex_lock(&shared.lock);
            shared.mishaps_over++;
            pthread_mutex_unlock(&shared.lock);
        }
        control(&worker->control, "DELETE", "connections", "");
        sleep_ms(500 + (long)chance(&worker->chance, 2000));
    }
    return NULL;
}

static void *cancel(void *argument)
{
    struct worker *worker = (struct worker *)argument;
    struct member *member = &members[CANCELLED];

    while (!is_over()) {
        sleep_ms(100 + (long)chance(&worker->chance, 400));
        pthread_mutex_lock(&shared.lock);
        member->cancels_begun++;
        pthread_mutex_unlock(&shared.lock);
        atlas_client_cancel(member->client);
        pthread_mutex_lock(&shared.lock);
        member->cancels_over++;
        pthread_mutex_unlock(&shared.lock);
    }
    return NULL;
}

/* How long the machine, as busy as it is, keeps a thread waiting that asks for nothing but to be woken. */
static void *oversleep(void *argument)
{
    (void)argument;
    while (!is_over()) {
        int64_t start = now_ms(), over;

        sleep_ms(20);
        over = now_ms() - start - 20;
        pthread_mutex_lock(&shared.lock);
        if (over > shared.oversleep_ms)
            shared.oversleep_ms = over;
        pthread_mutex_unlock(&shared.lock);
    }
    return NULL;
}

/* ---- What the process holds ---- */

static long memory_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long total = 0, resident = 0;

    if (file == NULL || fscanf(file, "%ld %ld", &total, &resident) != 2) {
        perror("/proc/self/statm");
        exit(2);
    }
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static int descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count - 3; /* ".", ".." and that of the folder itself */
}

/* One line, with all threads at rest. */
static void report(int minute, long *memory, int *open)
{
    unsigned long calls = 0;
    size_t i;

    pthread_mutex_lock(&shared.lock);
    shared.pause = 1;
    while (shared.paused < THREADS)
        pthread_cond_wait(&shared.changed, &shared.lock);
    *memory = memory_kib();
    *open = descriptors();
    for (i = 0; i < LENGTH(shared.calls); i++)
        calls += shared.calls[i];
    printf("minute %2d: %lu calls, %lu of them answered; %ld KiB, %d descriptors; the latest %" PRId64
           " ms after its deadline, a sleeper %" PRId64 " ms\n",
           minute, calls, shared.calls[0], *memory, *open, shared.latest_ms > 0 ? shared.latest_ms : 0, shared.oversleep_ms);
    shared.oversleep_ms = 0;
    shared.latest_ms = 0;
    shared.pause = 0;
    pthread_cond_broadcast(&shared.changed);
    pthread_mutex_unlock(&shared.lock);
}

int main(int count, char **arguments)
{
    int minutes = count > 1 ? atoi(arguments[1]) : 30, warm = minutes > 9 ? 3 : 1, minute, before, open, open_warm = 0;
    const char *seed = getenv("SOAK_SEED");
    uint64_t first = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    struct worker workers[THREADS + 2];
    pthread_t threads[THREADS + 3];
    long memory, memory_early = 0, memory_late = 0;
    struct control control_of_main;
    size_t i;

    if (minutes < 2) {
        fprintf(stderr, "usage: %s [MINUTES, 2 at least]\n", arguments[0]);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%d threads, %d minutes, SOAK_SEED=%" PRIu64 "\n", THREADS, minutes, first);
    control_open(&control_of_main);
    control(&control_of_main, "POST", "settings", "{\"record\":false,\"max_live_tokens\":100000}");
    for (i = 0; i < LENGTH(workers); i++) {
        memset(&workers[i], 0, sizeof workers[i]);
        workers[i].number = (int)i;
        workers[i].chance = (first + 1) * 0x9E3779B97F4A7C15u + i * 0xBF58476D1CE4E5B9u;
        control_open(&workers[i].control);
    }
    before = descriptors();
    for (i = 0; i < LENGTH(members); i++)
        join(&members[i]);
    for (i = 0; i < LENGTH(threads); i++)
        if (pthread_create(&threads[i], NULL, i < THREADS ? work : i == THREADS ? spoil : i == THREADS + 1 ? cancel : oversleep,
                           &workers[i < LENGTH(workers) ? i : 0]) != 0) {
            fprintf(stderr, "no thread\n");
            return 2;
        }

    for (minute = 1; minute <= minutes; minute++) {
        sleep_ms(60000);
        report(minute, &memory, &open);
        if (minute == warm)
            open_warm = open;
        if (minute >= warm && minute < warm + (minutes + 2) / 3 && (memory_early == 0 || memory < memory_early))
            memory_early = memory;
        if (minute > minutes - (minutes + 2) / 3 && (memory_late == 0 || memory < memory_late))
            memory_late = memory;
        if (open > before + (int)LENGTH(members) * (IDLE_CONNECTIONS + 4)) {
            printf("NOT OK - %d descriptors are open, %d of them not ours\n", open, before);
            shared.complaints++;
            break;
        }
    }
    pthread_mutex_lock(&shared.lock);
    shared.stop = 1;
    pthread_mutex_unlock(&shared.lock);
    for (i = 0; i < LENGTH(threads); i++)
        pthread_join(threads[i], NULL);
    for (i = 0; i < LENGTH(members); i++)
        atlas_client_free(members[i].client);

    printf("\nCalls by how they ended:\n");
    for (i = 0; i < LENGTH(shared.calls); i++)
        if (shared.calls[i] > 0)
            printf("  %-17s %lu\n", i == 0 ? "answered" : atlas_error_kind_name((int32_t)i), shared.calls[i]);
    printf("Memory: from %ld KiB in the first third (after minute %d), from %ld KiB in the last, %ld KiB at the end.\n",
           memory_early, warm, memory_late, memory);
    printf("Descriptors: %d after minute %d, %d at the end; %d before the clients, %d after them.\n", open_warm, warm, open,
           before, descriptors());
    if (memory_late > memory_early + GROWTH_KIB) {
        printf("NOT OK - memory grew\n");
        shared.complaints++;
    }
    if (descriptors() != before) {
        printf("NOT OK - descriptors are left\n");
        shared.complaints++;
    }
    printf("%lu complaints\n", shared.complaints);
    return shared.complaints == 0 ? 0 : 1;
}
