/*
 * get_snapshot - show one cloud backup snapshot of MongoDB Atlas
 *
 *     get_snapshot [OPTION]... PROJECT CLUSTER SNAPSHOT
 *
 * `get_snapshot --help` is the manual. Build it with
 *
 *     cc -std=c99 -o get_snapshot get_snapshot.c -latlas_backup -pthread
 *
 * with format.h, options.h and session.h, which the programs in this folder share, beside it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#define _XOPEN_SOURCE 700

#include "session.h"

#define PROGRAM "get_snapshot"
#define LABEL_WIDTH 18

static const char HELP[] =
    "Usage: get_snapshot [OPTION]... PROJECT CLUSTER SNAPSHOT\n"
    "Show one cloud backup snapshot of MongoDB Atlas.\n"
    "\n"
    HELP_ON_IDS
    "  SNAPSHOT                 the snapshot's id; list_snapshots lists them\n"
    "\n"
    "Options:\n"
    "      --json               print what Atlas sent, byte for byte\n"
    "  -t, --timeout TIME       give up after so many seconds, or 2m; 30 if not given\n"
    HELP_ON_COMMON_OPTIONS;

static const char EXIT_STATUS[] =
    "   0  the snapshot was printed\n"
    "   1  it could not be printed: a full disk, say\n"
    "   2  wrong usage\n"
    HELP_ON_ERRORS;

static const char EXAMPLES[] =
    "  get_snapshot 32b6e34b3d91647abb20e7b8 Cluster0 5f4007f327a3bd7b6f4103c5\n"
    "  get_snapshot --env-file /etc/atlas-backup.env --json \\\n"
    "      32b6e34b3d91647abb20e7b8 Cluster0 5f4007f327a3bd7b6f4103c5 | jq .status\n";

static void print_label(const char *label)
{
    put_cell(label, LABEL_WIDTH);
}

static void print_text(const char *label, const char *value)
{
    print_label(label);
    put_text(value != NULL ? value : "-", stdout);
    putchar('\n');
}

/* "1.5 GiB (1574477824 bytes)" */
static void print_size(const char *label, int64_t bytes)
{
    short_text size;

    print_label(label);
    printf("%s", size_text(bytes, size) != NULL ? size : "-");
    if (bytes >= 1024)
        printf(" (%" PRId64 " bytes)", bytes);
    putchar('\n');
}

/* "3 hours ago", "in 2 days" */
static void print_distance(int64_t from_now)
{
    static const struct {
        const char *name;
        int64_t seconds;
        int64_t up_to; /* this many seconds are better told in the next unit */
    } units[] = {
        { "second", 1, 120 },
        { "minute", 60, 2 * 3600 },
        { "hour", 3600, 2 * 86400 },
        { "day", 86400, 60 * (int64_t)86400 },
        { "month", 2629746, 24 * (int64_t)2629746 },
        { "year", 31556952, INT64_MAX },
    };
    int64_t distance = from_now < 0 ? -from_now : from_now;
    int64_t count;
    int unit = 0;

    while (distance >= units[unit].up_to)
        unit++;
    count = distance / units[unit].seconds;
    printf("%s%" PRId64 " %s%s%s", from_now > 0 ? "in " : "", count, units[unit].name, count == 1 ? "" : "s",
           from_now > 0 ? "" : " ago");
}

/* "2026-08-10 03:27:08 UTC (3 hours ago)"; a date that cannot be read is shown as it came. */
static void print_time(const char *label, const char *text, int64_t milliseconds)
{
    short_text date;

    if (date_text(milliseconds, date) == NULL) {
        print_text(label, text);
        return;
    }
    print_label(label);
    printf("%s (", date);
    print_distance(seconds_of(milliseconds) - (int64_t)time(NULL));
    puts(")");
}

/* Several values, one a line, under a single label. */
typedef const char *item_fn(const atlas_snapshot *, size_t);

static void print_items(const char *label, const atlas_snapshot *snapshot, size_t count, item_fn *item)
{
    size_t i;

    if (count == 0)
        print_text(label, NULL);
    for (i = 0; i < count; i++)
        print_text(i == 0 ? label : "", item(snapshot, i));
}

static void print_links(const char *label, const atlas_snapshot *snapshot)
{
    size_t i, count = atlas_snapshot_link_count(snapshot);

    if (count == 0)
        print_text(label, NULL);
    for (i = 0; i < count; i++) {
        const char *rel = atlas_snapshot_link_rel(snapshot, i);
        const char *href = atlas_snapshot_link_href(snapshot, i);

        print_label(i == 0 ? label : "");
        put_text(href != NULL ? href : "-", stdout);
        fputs(" (", stdout);
        put_text(rel != NULL ? rel : "-", stdout);
        puts(")");
    }
}

/* A snapshot of a sharded cluster has one member per shard and config server. */
static void print_members(const atlas_snapshot *snapshot)
{
    size_t i, count = atlas_snapshot_member_count(snapshot);

    for (i = 0; i < count; i++) {
        const char *values[3];
        size_t k;

        values[0] = atlas_snapshot_member_id(snapshot, i);
        values[1] = atlas_snapshot_member_replica_set_name(snapshot, i);
        values[2] = atlas_snapshot_member_cloud_provider(snapshot, i);
        print_label(i == 0 ? "members" : "");
        for (k = 0; k < 3; k++) {
            put_text(values[k] != NULL ? values[k] : "-", stdout);
            putchar(k < 2 ? ' ' : '\n');
        }
    }
}

static void print_table(const atlas_snapshot *s)
{
    print_text("id", atlas_snapshot_id(s));
    print_text("status", atlas_snapshot_status(s));
    print_text("description", atlas_snapshot_description(s));
    print_time("created", atlas_snapshot_created_at(s), atlas_snapshot_created_at_ms(s));
    print_time("expires", atlas_snapshot_expires_at(s), atlas_snapshot_expires_at_ms(s));
    print_size("size", atlas_snapshot_storage_size_bytes(s));
    print_text("snapshot type", atlas_snapshot_snapshot_type(s));
    print_text("frequency", atlas_snapshot_frequency_type(s));
    print_text("cluster type", atlas_snapshot_type(s));
    print_text("replica set", atlas_snapshot_replica_set_name(s));
    print_text("mongod version", atlas_snapshot_mongod_version(s));
    print_text("cloud provider", atlas_snapshot_cloud_provider(s));
    print_text("master key", atlas_snapshot_master_key_uuid(s));
    print_items("copy regions", s, atlas_snapshot_copy_region_count(s), atlas_snapshot_copy_region);
    print_items("policy items", s, atlas_snapshot_policy_item_count(s), atlas_snapshot_policy_item);
    print_links("links", s);
    if (atlas_snapshot_config_server_type(s) != NULL)
        print_text("config servers", atlas_snapshot_config_server_type(s));
    print_members(s);
    if (atlas_snapshot_snapshot_id_count(s) > 0)
        print_items("snapshot ids", s, atlas_snapshot_snapshot_id_count(s), atlas_snapshot_snapshot_id);
}

int main(int argc, char **argv)
{
    enum { OPTION_JSON = OPTION_OWN };
    static const struct option names[] = { { "json", no_argument, NULL, OPTION_JSON }, COMMON_NAMES };
    struct common_options options;
    struct session session;
    int json = 0, option, good = 1;
    atlas_client *client;
    atlas_snapshot *snapshot = NULL;
    atlas_error error;

    memset(&options, 0, sizeof options);
    opterr = 0; /* getopt_long() would show an unknown option as it is */
    while (good && (option = getopt_long(argc, argv, COMMON_LETTERS, names, NULL)) != -1) {
        switch (option) {
        case OPTION_JSON:
            json = 1;
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
    if (good && argc - optind == 2) {
        shown_text project, cluster;

        wrong(&options, "no id of a snapshot; list_snapshots%s %s %s lists them", options.sharded ? " --sharded" : "",
              shown(argv[optind], project), shown(argv[optind + 1], cluster));
        return wrong_usage(PROGRAM, options.problem, HELP);
    }
    if (!good || !count_is(&options, argc, argv, 3, 3))
        return wrong_usage(PROGRAM, options.problem, HELP);

    client = open_session(&session, PROGRAM, &options, &error);
    if (client != NULL) {
        begin_call(&session, 0);
        snapshot = (options.sharded ? atlas_client_get_sharded_snapshot : atlas_client_get_snapshot)(
            client, argv[optind], argv[optind + 1], argv[optind + 2], 0, &error);
        end_call(&session);
    }
    close_session(&session); /* the snapshot does not need the client any more */
    if (snapshot == NULL) {
        print_error(PROGRAM, &error,
                    hint_on(&error, "--timeout sets how long it may take",
                            options.sharded ? "leave out --sharded" : "add --sharded"));
        return EXIT_ERROR + error.kind;
    }

    if (json) {
        size_t length;
        const char *text = atlas_snapshot_json(snapshot, &length);

        fwrite(text, 1, length, stdout);
    } else {
        print_table(snapshot);
    }
    atlas_snapshot_free(snapshot);
    return finish_output(PROGRAM);
}
