/*
 * get_snapshot - show one cloud backup snapshot of MongoDB Atlas
 *
 *     get_snapshot [--json] PROJECT CLUSTER SNAPSHOT
 *
 * The credentials come from the environment, as for the Atlas CLI; `get_snapshot --help` lists the variables.
 * Build it with
 *
 *     cc -std=c99 -o get_snapshot get_snapshot.c -latlas_backup
 *
 * with format.h, which the programs in this folder share, beside it.
 *
 * Exit codes, which a script can tell apart:
 *
 *      0  the snapshot was printed
 *      1  it was read, but could not be written to standard output (disk full, say)
 *      2  wrong usage
 *     10 + the atlas_error_kind of atlas_backup.h: 12 settings, 13 credentials refused, 14 forbidden, 15 no such
 *         project, cluster or snapshot, 17 too many requests, 18 trouble at Atlas, 19 time was up, 20 network, ...
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include "format.h"

#define PROGRAM "get_snapshot"
#define LABEL_WIDTH 18

static void usage(FILE *out)
{
    fputs("usage: get_snapshot [--json] PROJECT CLUSTER SNAPSHOT\n"
          "\n"
          "Shows one cloud backup snapshot of MongoDB Atlas.\n"
          "\n"
          "  PROJECT   the project's id, 24 hexadecimal digits\n"
          "  CLUSTER   the cluster's name\n"
          "  SNAPSHOT  the snapshot's id, 24 hexadecimal digits\n"
          "  --json    print what Atlas sent, byte for byte, instead of a table\n"
          "\n"
          HELP_ON_CREDENTIALS "\n" HELP_ON_EXIT_CODES,
          out);
}

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
    const char *ids[3];
    int count = 0, json = 0, options = 1, i;
    atlas_config *config;
    atlas_client *client;
    atlas_snapshot *snapshot = NULL;
    atlas_error error;

    for (i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--json") == 0) {
            json = 1;
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

    config = atlas_config_from_env();
    client = atlas_client_new(config, &error);
    atlas_config_free(config); /* the client has its own copy */
    if (client != NULL) {
        snapshot = atlas_client_get_snapshot(client, ids[0], ids[1], ids[2], 0, &error);
        atlas_client_free(client); /* the snapshot does not need it any more */
    }
    if (snapshot == NULL) {
        print_error(PROGRAM, &error,
                    hint_on(&error, "MONGODB_ATLAS_TIMEOUT_MS sets how many milliseconds it may take",
                            "snapshots of sharded clusters are shown by list_snapshots --sharded"));
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
