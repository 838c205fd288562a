/*
 * wait_for_snapshot - wait until a cloud backup snapshot of MongoDB Atlas is completed
 *
 *     wait_for_snapshot [--sharded] [--interval SECONDS] [--timeout SECONDS] PROJECT CLUSTER SNAPSHOT
 *
 * Tells the progress on standard error: on a terminal in one line that changes, elsewhere in a line for each change of
 * status. In the end the completed snapshot is printed. The credentials come from the environment;
 * `wait_for_snapshot --help` lists the variables. Build it with
 *
 *     cc -std=c99 -o wait_for_snapshot wait_for_snapshot.c -latlas_backup -pthread
 *
 * with format.h, which the programs in this folder share, beside it.
 *
 * Exit codes: 0 it is completed; 1 that could not be written; 2 wrong usage; 10 + atlas_error_kind, so 15 when it was
 * deleted meanwhile, 19 when the time was up, 24 when it failed. Ctrl-C and SIGTERM end it as they end any program,
 * which shells show as 130 and 143.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "format.h"

#define PROGRAM "wait_for_snapshot"

static void usage(FILE *out)
{
    fputs("usage: wait_for_snapshot [--sharded] [--interval SECONDS] [--timeout SECONDS] PROJECT CLUSTER SNAPSHOT\n"
          "\n"
          "Waits until a cloud backup snapshot of MongoDB Atlas is completed, and prints it.\n"
          "\n"
          "  PROJECT             the project's id, 24 hexadecimal digits\n"
          "  CLUSTER             the cluster's name\n"
          "  SNAPSHOT            the snapshot's id, 24 hexadecimal digits\n"
          "  --sharded           the cluster is a sharded one\n"
          "  --interval SECONDS  the pause between two looks, 4 if not given, at least 0.5; also 1m\n"
          "  --timeout SECONDS   give up after so long, never if not given; also 30m, 2h, 1.5d\n"
          "\n"
          HELP_ON_CREDENTIALS "\n" HELP_ON_EXIT_CODES
          "  24  the snapshot failed\n"
          " 130  interrupted (Ctrl-C)\n",
          out);
}

/*
 * Signals. atlas_client_cancel() must not be called from a signal handler, so there is none: the signals are blocked
 * and a thread takes them with sigwait(). Being a thread, it may call what it likes.
 */
struct watch {
    pthread_t thread;
    sigset_t signals;
    atlas_client *client;
    pthread_mutex_t lock; /* of the rest */
    int over;             /* the call has returned */
    int caught;           /* the signal that came before, or 0 */
};

static void *watch_signals(void *argument)
{
    struct watch *watch = (struct watch *)argument;
    const struct timespec pause = { 0, 50 * 1000 * 1000 };
    int number, over;

    sigwait(&watch->signals, &number);
    pthread_mutex_lock(&watch->lock);
    over = watch->over;
    if (!over)
        watch->caught = number;
    pthread_mutex_unlock(&watch->lock);

    while (!over) { /* a cancellation only ends calls that were entered before, and ours might be about to be */
        atlas_client_cancel(watch->client);
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&watch->lock);
        over = watch->over;
        pthread_mutex_unlock(&watch->lock);
    }
    return NULL;
}

/* Before any thread is started, since threads inherit what is blocked. */
static void block_signals(struct watch *watch)
{
    struct sigaction inherited;

    sigemptyset(&watch->signals);
    sigaddset(&watch->signals, SIGTERM);
    if (sigaction(SIGINT, NULL, &inherited) == 0 && inherited.sa_handler != SIG_IGN) /* as in `... &` of a script */
        sigaddset(&watch->signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &watch->signals, NULL);
}

static int begin_watch(struct watch *watch, atlas_client *client)
{
    watch->client = client;
    watch->over = watch->caught = 0;
    pthread_mutex_init(&watch->lock, NULL);
    return pthread_create(&watch->thread, NULL, watch_signals, watch) == 0;
}

/* Afterwards the client may be freed. Returns the signal that came, or 0. */
static int end_watch(struct watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->over = 1;
    pthread_mutex_unlock(&watch->lock);
    pthread_kill(watch->thread, SIGTERM); /* blocked everywhere: it only wakes sigwait() */
    pthread_join(watch->thread, NULL);
    pthread_mutex_destroy(&watch->lock);
    return watch->caught;
}

/* So that a shell knows, and ends its script too. */
static int die_of(int number, const struct watch *watch)
{
    signal(number, SIG_DFL);
    raise(number);
    pthread_sigmask(SIG_UNBLOCK, &watch->signals, NULL);
    return 128 + number; /* not reached */
}

struct progress {
    time_t begin;
    int terminal;      /* standard error is one */
    int shown;         /* the cursor is behind a line of ours */
    short_text status; /* the last one told */
};

static int32_t tell(void *user_data, const atlas_snapshot *latest)
{
    struct progress *progress = (struct progress *)user_data;
    const char *status = atlas_snapshot_status(latest);
    short_text now;

    snprintf(now, sizeof now, "%s", status != NULL ? status : "status unknown");
    if (progress->terminal || strcmp(now, progress->status) != 0) {
        fputs(progress->terminal ? "\r" : "", stderr);
        put_text(now, stderr);
        fprintf(stderr, " after %ld s%s", (long)(time(NULL) - progress->begin), progress->terminal ? "      " : "\n");
        fflush(stderr);
        progress->shown = progress->terminal;
        memcpy(progress->status, now, sizeof now);
    }
    return 0; /* goes on */
}

static void print_line(const char *label, const char *value, const char *better)
{
    put_cell(label, 9);
    put_cell(better != NULL ? better : value, 0);
    putchar('\n');
}

static void print_snapshot(const atlas_snapshot *s)
{
    short_text text;

    print_line("id", atlas_snapshot_id(s), NULL);
    print_line("status", atlas_snapshot_status(s), NULL);
    print_line("created", atlas_snapshot_created_at(s), date_text(atlas_snapshot_created_at_ms(s), text));
    print_line("expires", atlas_snapshot_expires_at(s), date_text(atlas_snapshot_expires_at_ms(s), text));
    print_line("size", size_text(atlas_snapshot_storage_size_bytes(s), text), NULL);
}

int main(int argc, char **argv)
{
    const char *ids[3];
    int count = 0, sharded = 0, options = 1, number = 0, i;
    uint32_t interval_ms = 0, timeout_ms = 0;
    struct progress progress;
    struct watch watch;
    atlas_config *config;
    atlas_client *client;
    atlas_snapshot *snapshot = NULL;
    atlas_error error;

    for (i = 1; i < argc; i++) {
        uint32_t *time_ms = !options                              ? NULL
                            : strcmp(argv[i], "--interval") == 0 ? &interval_ms
                            : strcmp(argv[i], "--timeout") == 0  ? &timeout_ms
                                                                 : NULL;

        if (time_ms != NULL) {
            *time_ms = i + 1 < argc ? (uint32_t)read_duration(argv[i + 1], 's', UINT32_MAX) : 0;
            if (*time_ms == 0) {
                fprintf(stderr, PROGRAM ": %s needs a time of at most 49 days, such as 30, 5m or 2h\n\n", argv[i]);
                usage(stderr);
                return EXIT_USAGE;
            }
            i++;
        } else if (options && strcmp(argv[i], "--sharded") == 0) {
            sharded = 1;
        } else if (options && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            usage(stdout);
            return finish_output(PROGRAM);
        } else if (options && strcmp(argv[i], "--") == 0) {
            options = 0;
        } else if (options && argv[i][0] == '-') {
            print_unknown_option(PROGRAM, argv[i]);
            usage(stderr);
            return EXIT_USAGE;
        } else if (count < 3) {
            ids[count++] = argv[i];
        } else {
            count = 4;
        }
    }
    if (count != 3) {
        fprintf(stderr, PROGRAM ": %s\n\n", count < 3 ? "too few arguments" : "too many arguments");
        usage(stderr);
        return EXIT_USAGE;
    }

    memset(&progress, 0, sizeof progress);
    progress.begin = time(NULL);
    progress.terminal = isatty(STDERR_FILENO);

    block_signals(&watch);
    config = atlas_config_from_env();
    client = atlas_client_new(config, &error);
    atlas_config_free(config); /* the client has its own copy */
    if (client != NULL) {
        if (!begin_watch(&watch, client)) {
            fputs(PROGRAM ": cannot start a thread\n", stderr);
            return EXIT_OUTPUT;
        }
        snapshot = (sharded ? atlas_client_wait_for_sharded_snapshot : atlas_client_wait_for_snapshot)(
            client, ids[0], ids[1], ids[2], 0, interval_ms, timeout_ms, tell, &progress, &error);
        number = end_watch(&watch);
        atlas_client_free(client); /* the snapshot does not need it any more */
    }
    if (progress.shown)
        putc('\n', stderr);
    if (snapshot == NULL && number != 0) {
        fputs(PROGRAM ": interrupted; Atlas goes on with the snapshot\n", stderr);
        return die_of(number, &watch);
    }
    if (snapshot == NULL) {
        print_error(PROGRAM, &error,
                    hint_on(&error, "--timeout sets how long to wait, MONGODB_ATLAS_TIMEOUT_MS how long a look may take",
                            sharded ? "leave out --sharded" : "add --sharded"));
        return EXIT_ERROR + error.kind;
    }

    print_snapshot(snapshot);
    atlas_snapshot_free(snapshot);
    return finish_output(PROGRAM);
}
