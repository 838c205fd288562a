/*
 * list_snapshots - list the cloud backup snapshots of a MongoDB Atlas cluster
 *
 *     list_snapshots [--sharded] [--json] PROJECT CLUSTER
 *
 * The order is Atlas' own. The credentials come from the environment; `list_snapshots --help` lists the variables.
 * Build it with
 *
 *     cc -std=c99 -o list_snapshots list_snapshots.c -latlas_backup
 *
 * with format.h, which the programs in this folder share, beside it.
 *
 * Exit codes: 0 the list was printed, were it empty; 1 it could not be written; 2 wrong usage; 10 + atlas_error_kind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include "format.h"

#define PROGRAM "list_snapshots"

static void usage(FILE *out)
{
    fputs("usage: list_snapshots [--sharded] [--json] PROJECT CLUSTER\n"
          "\n"
          "Lists the cloud backup snapshots of a MongoDB Atlas cluster, in Atlas' order.\n"
          "\n"
          "  PROJECT    the project's id, 24 hexadecimal digits\n"
          "  CLUSTER    the cluster's name\n"
          "  --sharded  the cluster is a sharded one\n"
          "  --json     JSON Lines instead of a table: each line one snapshot as Atlas sent it\n"
          "\n"
          HELP_ON_CREDENTIALS "\n" HELP_ON_EXIT_CODES,
          out);
}

/* Wide enough for every value that Atlas documents; a longer one moves the rest of its line. */
static void print_row(const char *id, const char *status, const char *type, const char *created, const char *size,
                      const char *expires)
{
    put_cell(id, 26);
    put_cell(status, 12);
    put_cell(type, 11);
    put_cell(created, 25);
    put_cell(size, 12);
    put_cell(expires, 0);
    putchar('\n');
}

static void print_table(const atlas_snapshot_list *list)
{
    size_t i, count = atlas_snapshot_list_count(list);

    if (count > 0)
        print_row("ID", "STATUS", "TYPE", "CREATED", "SIZE", "EXPIRES");
    for (i = 0; i < count; i++) {
        const atlas_snapshot *s = atlas_snapshot_list_get(list, i); /* belongs to the list */
        const char *created = atlas_snapshot_created_at(s);
        const char *expires = atlas_snapshot_expires_at(s);
        short_text size, created_date, expires_date;

        /* A date that cannot be read is shown as it came. */
        if (date_text(atlas_snapshot_created_at_ms(s), created_date) != NULL)
            created = created_date;
        if (date_text(atlas_snapshot_expires_at_ms(s), expires_date) != NULL)
            expires = expires_date;
        print_row(atlas_snapshot_id(s), atlas_snapshot_status(s), atlas_snapshot_snapshot_type(s), created,
                  size_text(atlas_snapshot_storage_size_bytes(s), size), expires);
    }
    printf("%lu snapshot%s\n", (unsigned long)count, count == 1 ? "" : "s");
}

/* What Atlas sent for each snapshot; a line break, which can only stand between tokens, becomes a blank. */
static void print_json_lines(const atlas_snapshot_list *list)
{
    size_t i, k, count = atlas_snapshot_list_count(list);

    for (i = 0; i < count; i++) {
        size_t length;
        const char *json = atlas_snapshot_json(atlas_snapshot_list_get(list, i), &length);

        for (k = 0; k < length; k++)
            putchar(json[k] == '\n' || json[k] == '\r' ? ' ' : json[k]);
        putchar('\n');
    }
}

int main(int argc, char **argv)
{
    const char *ids[2];
    int count = 0, json = 0, sharded = 0, options = 1, i;
    atlas_config *config;
    atlas_client *client;
    atlas_snapshot_list *list = NULL;
    atlas_error error;

    for (i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--json") == 0) {
            json = 1;
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
        } else if (count < 2) {
            ids[count++] = argv[i];
        } else {
            count = 3;
        }
    }
    if (count != 2) {
        fprintf(stderr, PROGRAM ": %s\n\n", count < 2 ? "too few arguments" : "too many arguments");
        usage(stderr);
        return EXIT_USAGE;
    }

    config = atlas_config_from_env();
    client = atlas_client_new(config, &error);
    atlas_config_free(config); /* the client has its own copy */
    if (client != NULL) {
        list = (sharded ? atlas_client_list_sharded_snapshots : atlas_client_list_snapshots)(client, ids[0], ids[1], 0,
                                                                                             &error);
        atlas_client_free(client); /* the list does not need it any more */
    }
    if (list == NULL) {
        print_error(PROGRAM, &error,
                    hint_on(&error, "MONGODB_ATLAS_TIMEOUT_MS sets how many milliseconds it may take",
                            sharded ? "leave out --sharded" : "add --sharded"));
        return EXIT_ERROR + error.kind;
    }

    if (json)
        print_json_lines(list);
    else
        print_table(list);
    atlas_snapshot_list_free(list); /* and the snapshots in it */
    return finish_output(PROGRAM);
}
