/*
 * wait_for_snapshot - wait until a cloud backup snapshot of MongoDB Atlas is completed
 *
 *     wait_for_snapshot [OPTION]... PROJECT CLUSTER SNAPSHOT
 *
 * Tells the progress on standard error: on a terminal in one line that changes, elsewhere in a line for each change of
 * status. In the end the completed snapshot is printed. `wait_for_snapshot --help` is the manual. Build it with
 *
 *     cc -std=c99 -o wait_for_snapshot wait_for_snapshot.c -latlas_backup -pthread
 *
 * with format.h, options.h and session.h, which the programs in this folder share, beside it; the last shows how Ctrl-C
 * and SIGTERM end a call.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#define _XOPEN_SOURCE 700

#include "session.h"

#define PROGRAM "wait_for_snapshot"

static const char HELP[] =
    "Usage: wait_for_snapshot [OPTION]... PROJECT CLUSTER SNAPSHOT\n"
    "Wait until a cloud backup snapshot of MongoDB Atlas is completed, and show it.\n"
    "\n"
    HELP_ON_IDS
    "  SNAPSHOT                 the snapshot's id; list_snapshots lists them\n"
    "\n"
    "Options:\n"
    "      --interval TIME      the pause between two looks: seconds, or 1m; 4 if not\n"
    "                           given, at least 0.5\n"
    "  -t, --timeout TIME       give up after so many seconds, or 30m, 2h, 1.5d; never if\n"
    "                           not given; MONGODB_ATLAS_TIMEOUT_MS is for each look\n"
    HELP_ON_COMMON_OPTIONS;

static const char EXIT_STATUS[] =
    "   0  the snapshot is completed\n"
    "   1  it could not be printed: a full disk, say\n"
    "   2  wrong usage\n"
    HELP_ON_ERRORS
    "  24  the snapshot failed\n"
    " 130  interrupted (Ctrl-C); 143 by SIGTERM\n"
    "  A snapshot that was deleted meanwhile is 15.\n";

static const char EXAMPLES[] =
    "  wait_for_snapshot --timeout 2h \\\n"
    "      32b6e34b3d91647abb20e7b8 Cluster0 5f4007f327a3bd7b6f4103c5 && ./migrate\n";

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
    enum { OPTION_INTERVAL = OPTION_OWN };
    static const struct option names[] = { { "interval", required_argument, NULL, OPTION_INTERVAL }, COMMON_NAMES };
    struct common_options options;
    struct session session;
    int64_t interval_ms = 0, timeout_ms;
    struct progress progress;
    int option, good = 1;
    atlas_client *client;
    atlas_snapshot *snapshot = NULL;
    atlas_error error;

    memset(&options, 0, sizeof options);
    opterr = 0; /* getopt_long() would show an unknown option as it is */
    while (good && (option = getopt_long(argc, argv, COMMON_LETTERS, names, NULL)) != -1) {
        switch (option) {
        case OPTION_INTERVAL:
            good = time_option(&options, "--interval", 's', UINT32_MAX, &interval_ms);
            break;
        case 'h':
            print_help(HELP, EXIT_STATUS, EXAMPLES);
            return finish_output(PROGRAM);
        case 'V':
            print_version(PROGRAM);
            return finish_output(PROGRAM);
        default:
            good = common_option(&options, option, argv, names);
        }
    }
    if (!good || !count_is(&options, argc, argv, 3, 3))
        return wrong_usage(PROGRAM, options.problem, HELP);
    timeout_ms = options.timeout_ms; /* of the wait; that of each look is the settings' */
    options.timeout_ms = 0;

    memset(&progress, 0, sizeof progress);
    progress.begin = time(NULL);
    progress.terminal = isatty(STDERR_FILENO);

    client = open_session(&session, PROGRAM, &options, &error);
    if (client != NULL) {
        begin_call(&session, 0);
        snapshot = (options.sharded ? atlas_client_wait_for_sharded_snapshot : atlas_client_wait_for_snapshot)(
            client, argv[optind], argv[optind + 1], argv[optind + 2], 0, (uint32_t)interval_ms, (uint32_t)timeout_ms,
            tell, &progress, &error);
        end_call(&session);
    }
    if (progress.shown)
        putc('\n', stderr);
    if (snapshot == NULL && session.caught != 0)
        fputs(PROGRAM ": interrupted; Atlas goes on with the snapshot\n", stderr);
    close_session(&session); /* the snapshot does not need the client any more */
    if (snapshot == NULL) {
        print_error(PROGRAM, &error,
                    hint_on(&error, "--timeout sets how long to wait, MONGODB_ATLAS_TIMEOUT_MS how long a look may take",
                            options.sharded ? "leave out --sharded" : "add --sharded"));
        return EXIT_ERROR + error.kind;
    }

    print_snapshot(snapshot);
    atlas_snapshot_free(snapshot);
    return finish_output(PROGRAM);
}
