/*
 * list_snapshots - list the cloud backup snapshots of a MongoDB Atlas cluster
 *
 *     list_snapshots [OPTION]... PROJECT CLUSTER
 *
 * The order is Atlas' own. `list_snapshots --help` is the manual. Build it with
 *
 *     cc -std=c99 -o list_snapshots list_snapshots.c -latlas_backup -pthread
 *
 * with format.h, options.h and session.h, which the programs in this folder share, beside it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#define _XOPEN_SOURCE 700

#include "session.h"

#define PROGRAM "list_snapshots"

static const char HELP[] =
    "Usage: list_snapshots [OPTION]... PROJECT CLUSTER\n"
    "List the cloud backup snapshots of a MongoDB Atlas cluster, in Atlas' order.\n"
    "\n"
    HELP_ON_IDS
    "\n"
    "Options:\n"
    "      --newest             only the newest of those that the next four let through\n"
    "      --status STATUS      only queued, inProgress, completed or failed ones\n"
    "      --frequency RULE     only hourly, daily, weekly, monthly, yearly or ondemand\n"
    "      --type TYPE          only scheduled, onDemand or fallback ones\n"
    "      --since TIME         only those of the last 12h, 7d or 4w; a number counts days.\n"
    "                           One that was not taken counts from when it was asked for\n"
    "      --json               print what Atlas sent, as a JSON array, one on each line\n"
    "  -t, --timeout TIME       give up after so many seconds, or 2m; 30 if not given\n"
    HELP_ON_COMMON_OPTIONS;

static const char EXIT_STATUS[] =
    "   0  the list was printed, were it empty\n"
    "   1  it could not be printed: a full disk, say\n"
    "   2  wrong usage\n"
    HELP_ON_ERRORS;

static const char EXAMPLES[] =
    "  list_snapshots --newest --status completed 32b6e34b3d91647abb20e7b8 Cluster0\n"
    "  list_snapshots --since 7d --json 32b6e34b3d91647abb20e7b8 Cluster0 |\n"
    "      jq -r '.[].id'\n";

/* Which snapshots are shown; 0 is any. */
struct filter {
    int newest;
    int32_t status, frequency, type;
    int64_t since_ms;
};

static int is_recent(const atlas_snapshot *snapshot, const struct filter *filter)
{
    return filter->since_ms == 0 || moment_of(snapshot) >= filter->since_ms;
}

/* The next snapshot that is shown; NULL if there is none. `*i` is 0 at first. */
static const atlas_snapshot *next(const atlas_snapshot_list *list, const struct filter *filter, size_t *i)
{
    const atlas_snapshot *s; /* belongs to the list */

    if (filter->newest) {
        s = atlas_snapshot_list_newest(list, filter->status, filter->frequency, filter->type);
        return (*i)++ == 0 && s != NULL && is_recent(s, filter) ? s : NULL;
    }
    while ((s = atlas_snapshot_list_get(list, (*i)++)) != NULL)
        if ((filter->status == 0 || filter->status == atlas_snapshot_status_code(s)) &&
            (filter->frequency == 0 || filter->frequency == atlas_snapshot_frequency_type_code(s)) &&
            (filter->type == 0 || filter->type == atlas_snapshot_snapshot_type_code(s)) && is_recent(s, filter))
            return s;
    return NULL;
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

static void print_table(const atlas_snapshot_list *list, const struct filter *filter)
{
    unsigned long shown_count = 0, count = (unsigned long)atlas_snapshot_list_count(list);
    const atlas_snapshot *s;
    size_t i = 0;

    while ((s = next(list, filter, &i)) != NULL) {
        const char *created = atlas_snapshot_created_at(s);
        const char *expires = atlas_snapshot_expires_at(s);
        short_text size, created_date, expires_date;

        if (shown_count++ == 0)
            print_row("ID", "STATUS", "TYPE", "CREATED", "SIZE", "EXPIRES");
        /* A date that cannot be read is shown as it came. */
        if (date_text(atlas_snapshot_created_at_ms(s), created_date) != NULL)
            created = created_date;
        if (date_text(atlas_snapshot_expires_at_ms(s), expires_date) != NULL)
            expires = expires_date;
        print_row(atlas_snapshot_id(s), atlas_snapshot_status(s), atlas_snapshot_snapshot_type(s), created,
                  size_text(atlas_snapshot_storage_size_bytes(s), size), expires);
    }
    if (shown_count < count)
        printf("%lu of ", shown_count);
    printf("%lu snapshot%s\n", count, count == 1 ? "" : "s");
}

/* What Atlas sent for each snapshot; a line break, which can only stand between tokens, becomes a blank. */
static void print_json(const atlas_snapshot_list *list, const struct filter *filter)
{
    const atlas_snapshot *s;
    size_t i = 0, k, count = 0;

    while ((s = next(list, filter, &i)) != NULL) {
        size_t length;
        const char *json = atlas_snapshot_json(s, &length);

        fputs(count++ == 0 ? "[\n" : ",\n", stdout);
        for (k = 0; k < length; k++)
            putchar(json[k] == '\n' || json[k] == '\r' ? ' ' : json[k]);
    }
    puts(count == 0 ? "[]" : "\n]");
}

int main(int argc, char **argv)
{
    enum { OPTION_JSON = OPTION_OWN, OPTION_NEWEST, OPTION_STATUS, OPTION_FREQUENCY, OPTION_TYPE, OPTION_SINCE };
    static const struct option names[] = {
        { "json", no_argument, NULL, OPTION_JSON },
        { "newest", no_argument, NULL, OPTION_NEWEST },
        { "status", required_argument, NULL, OPTION_STATUS },
        { "frequency", required_argument, NULL, OPTION_FREQUENCY },
        { "type", required_argument, NULL, OPTION_TYPE },
        { "since", required_argument, NULL, OPTION_SINCE },
        COMMON_NAMES
    };
    const int64_t longest = INT64_C(36500) * 86400 * 1000; /* a hundred years */
    struct common_options options;
    struct session session;
    struct filter filter;
    int json = 0, option, good = 1;
    atlas_client *client;
    atlas_snapshot_list *list = NULL;
    atlas_error error;

    memset(&options, 0, sizeof options);
    memset(&filter, 0, sizeof filter);
    opterr = 0; /* getopt_long() would show an unknown option as it is */
    while (good && (option = getopt_long(argc, argv, COMMON_LETTERS, names, NULL)) != -1) {
        switch (option) {
        case OPTION_JSON:
            json = 1;
            break;
        case OPTION_NEWEST:
            filter.newest = 1;
            break;
        case OPTION_STATUS:
            good = word_option(&options, "--status", STATUSES, &filter.status);
            break;
        case OPTION_FREQUENCY:
            good = word_option(&options, "--frequency", FREQUENCIES, &filter.frequency);
            break;
        case OPTION_TYPE:
            good = word_option(&options, "--type", TYPES, &filter.type);
            break;
        case OPTION_SINCE:
            good = time_option(&options, "--since", 'd', longest, &filter.since_ms);
            filter.since_ms = (int64_t)time(NULL) * 1000 - filter.since_ms;
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
    if (!good || !count_is(&options, argc, argv, 2, 2))
        return wrong_usage(PROGRAM, options.problem, HELP);

    client = open_session(&session, PROGRAM, &options, &error);
    if (client != NULL) {
        begin_call(&session, 0);
        list = (options.sharded ? atlas_client_list_sharded_snapshots : atlas_client_list_snapshots)(
            client, argv[optind], argv[optind + 1], 0, &error);
        end_call(&session);
    }
    close_session(&session); /* the list does not need the client any more */
    if (list == NULL) {
        print_error(PROGRAM, &error,
                    hint_on(&error, "--timeout sets how long it may take",
                            options.sharded ? "leave out --sharded" : "add --sharded"));
        return EXIT_ERROR + error.kind;
    }

    if (json)
        print_json(list, &filter);
    else
        print_table(list, &filter);
    atlas_snapshot_list_free(list); /* and the snapshots in it */
    return finish_output(PROGRAM);
}
