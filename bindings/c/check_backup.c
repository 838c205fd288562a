/*
 * check_backup - monitoring plugin: how old is the newest backup of a MongoDB Atlas cluster?
 *
 *     check_backup [--sharded] -w HOURS -c HOURS [-t SECONDS] [-v] PROJECT CLUSTER
 *
 * For Nagios, Icinga, Naemon, Zabbix, checkmk and whatever else runs Monitoring Plugins:
 *
 *     BACKUP OK - newest completed snapshot 5f4007f3... is 3.2 hours old (1.5 GiB) | age=11520s;93600;172800;0 ...
 *
 * is one line on standard output, and the exit code is the state: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. Whatever
 * keeps the plugin from judging, wrong usage included, is UNKNOWN; so are -h and -V, which should never look like a
 * good backup. The credentials come from the environment; `check_backup -h` lists the variables. Build it with
 *
 *     cc -std=c99 -o check_backup check_backup.c -latlas_backup
 *
 * with format.h, which the programs in this folder share, beside it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include <getopt.h>
#include <stdarg.h>

#include "format.h"

#define PROGRAM "check_backup"

enum state { OK, WARNING, CRITICAL, UNKNOWN };

/* A snapshot created later than so many seconds from now says that a clock is wrong, and nothing about its age. */
enum { TOLERATED_SKEW = 300 };

struct options {
    int64_t warning, critical; /* seconds */
    int64_t timeout_ms;        /* 0: as the environment says, else 30 seconds */
    int sharded, verbosity;
    const char *project, *cluster;
};

static const char HELP[] =
    "usage: check_backup [--sharded] -w HOURS -c HOURS [-t SECONDS] [-v] PROJECT CLUSTER\n"
    "\n"
    "Checks the age of the newest completed cloud backup snapshot of a MongoDB Atlas cluster.\n"
    "\n"
    "  PROJECT              the project's id, 24 hexadecimal digits\n"
    "  CLUSTER              the cluster's name\n"
    "  -w, --warning AGE    WARNING if it is older: hours, or with a unit: 90m, 26h, 2d\n"
    "  -c, --critical AGE   CRITICAL if it is older, or if there is none\n"
    "  -t, --timeout TIME   UNKNOWN after so many seconds, 30 if not given; also 1m\n"
    "      --sharded        the cluster is a sharded one\n"
    "  -v, --verbose        log requests to standard error; twice: everything\n"
    "  -h, --help           this text\n"
    "  -V, --version        the versions of plugin and library\n"
    "\n"
    "Performance data: age and thresholds in seconds, size of that snapshot, count of completed snapshots.\n"
    "\n"
    HELP_ON_CREDENTIALS
    "\n"
    "Exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (also for -h, -V and wrong usage)\n";

/* The line and its state. What comes from elsewhere may hold a "|", at which performance data would begin. */
static enum state report(enum state state, const char *performance, const char *format, ...)
{
    static const char *const names[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };
    char text[2048], *at;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (at = text; *at != '\0'; at++)
        if (*at == '|')
            *at = '/';
    printf("BACKUP %s - ", names[state]);
    put_text(text, stdout);
    printf("%s%s\n", performance != NULL ? " | " : "", performance != NULL ? performance : "");
    return state;
}

static enum state usage_error(const char *what, const char *which)
{
    return report(UNKNOWN, NULL, "%s%s; see %s --help", what, which, PROGRAM);
}

/*
 * Whether `a` is newer than `b`, which may be NULL. Atlas tells when a snapshot was taken, but not of one that is not
 * taken yet or failed; there the ids say it, which begin with the time at which they were given.
 */
static int is_newer(const atlas_snapshot *a, const atlas_snapshot *b)
{
    int64_t a_ms = atlas_snapshot_created_at_ms(a), b_ms = atlas_snapshot_created_at_ms(b);
    const char *a_id = atlas_snapshot_id(a), *b_id = atlas_snapshot_id(b);

    if (b == NULL)
        return 1;
    if (a_ms != ATLAS_ABSENT && b_ms != ATLAS_ABSENT)
        return a_ms > b_ms;
    return a_id != NULL && b_id != NULL && strcmp(a_id, b_id) > 0;
}

static const char *id_of(const atlas_snapshot *snapshot)
{
    const char *id = atlas_snapshot_id(snapshot);

    return id != NULL ? id : "without id";
}

/* Adds "; snapshot 5f40... failed" to the text if that is news. */
static void mention(char *text, size_t size, const atlas_snapshot *snapshot, const atlas_snapshot *completed)
{
    const char *status = atlas_snapshot_status(snapshot);
    size_t length = strlen(text);

    if (snapshot != NULL && is_newer(snapshot, completed))
        snprintf(text + length, size - length, "; snapshot %s %s%s", id_of(snapshot),
                 atlas_snapshot_status_code(snapshot) == ATLAS_STATUS_FAILED ? "" : "is ",
                 status != NULL ? status : "of unknown status");
}

/* "12 minutes", "3.2 hours", "2.5 days" */
static const char *age_text(int64_t seconds, short_text text)
{
    if (seconds < 3600)
        snprintf(text, sizeof(short_text), "%d minutes", (int)(seconds / 60));
    else if (seconds < 48 * 3600)
        snprintf(text, sizeof(short_text), "%.1f hours", (double)seconds / 3600);
    else
        snprintf(text, sizeof(short_text), "%.1f days", (double)seconds / 86400);
    return text;
}

static enum state judge(const atlas_snapshot_list *list, const struct options *options)
{
    /* The newest of each sort. */
    const atlas_snapshot *completed = NULL, *failed = NULL, *unfinished = NULL;
    size_t i, count = 0;
    char news[512] = "", performance[256], size_value[32] = "U"; /* undetermined */
    short_text age_words, size_words;
    int64_t created_ms, age, size;
    enum state state;

    for (i = 0; i < atlas_snapshot_list_count(list); i++) {
        const atlas_snapshot *snapshot = atlas_snapshot_list_get(list, i);
        int32_t status = atlas_snapshot_status_code(snapshot);
        const atlas_snapshot **newest = status == ATLAS_STATUS_COMPLETED ? &completed
                                        : status == ATLAS_STATUS_FAILED  ? &failed
                                                                         : &unfinished;

        count += status == ATLAS_STATUS_COMPLETED;
        if (is_newer(snapshot, *newest))
            *newest = snapshot;
    }
    mention(news, sizeof news, failed, completed);
    mention(news, sizeof news, unfinished, completed);
    if (completed == NULL)
        return report(CRITICAL, "count=0", "no completed snapshot%s", news);

    created_ms = atlas_snapshot_created_at_ms(completed);
    if (created_ms == ATLAS_ABSENT)
        return report(UNKNOWN, NULL, "newest completed snapshot %s has no date that can be read%s",
                      id_of(completed), news);
    age = (int64_t)time(NULL) - seconds_of(created_ms);
    if (age < -TOLERATED_SKEW)
        return report(UNKNOWN, NULL, "newest completed snapshot %s is from the future (%s): is the clock right?%s",
                      id_of(completed), atlas_snapshot_created_at(completed), news);
    if (age < 0)
        age = 0;

    size = atlas_snapshot_storage_size_bytes(completed);
    if (size != ATLAS_ABSENT)
        snprintf(size_value, sizeof size_value, "%" PRId64 "B", size);
    snprintf(performance, sizeof performance, "age=%" PRId64 "s;%" PRId64 ";%" PRId64 ";0 size=%s count=%lu", age,
             options->warning, options->critical, size_value, (unsigned long)count);
    state = age > options->critical ? CRITICAL : age > options->warning ? WARNING : OK;
    return report(state, performance, "newest completed snapshot %s is %s old (%s)%s", id_of(completed),
                  age_text(age, age_words), size_text(size, size_words) != NULL ? size_words : "size unknown", news);
}

static void log_line(void *user_data, int32_t level, const char *line)
{
    (void)user_data;
    (void)level;
    fprintf(stderr, "%s: %s\n", PROGRAM, line);
}

static enum state check(const struct options *options)
{
    atlas_config *config = atlas_config_from_env();
    atlas_client *client;
    atlas_snapshot_list *list = NULL;
    atlas_error error;
    enum state state;

    if (options->timeout_ms != 0)
        atlas_config_set_timeout_ms(config, (uint32_t)options->timeout_ms);
    if (options->verbosity > 0)
        atlas_config_set_logger(config, options->verbosity > 1 ? ATLAS_LOG_DEBUG : ATLAS_LOG_INFO, log_line, NULL);
    atlas_config_set_user_agent(config, PROGRAM "/" ATLAS_BACKUP_VERSION_STRING);
    client = atlas_client_new(config, &error);
    atlas_config_free(config); /* the client has its own copy */
    if (client != NULL) {
        list = (options->sharded ? atlas_client_list_sharded_snapshots : atlas_client_list_snapshots)(
            client, options->project, options->cluster, 0, &error);
        atlas_client_free(client); /* the list does not need it any more */
    }
    if (list != NULL) {
        state = judge(list, options);
    } else {
        const char *hint = hint_on(&error, "-t sets how long it may take",
                                   options->sharded ? "leave out --sharded" : "add --sharded");

        state = report(UNKNOWN, NULL, "%s%s%s", error.message, hint != NULL ? "; " : "", hint != NULL ? hint : "");
    }
    atlas_snapshot_list_free(list); /* and the snapshots in it */
    return state;
}

static enum state run(int argc, char **argv)
{
    static const struct option names[] = {
        { "warning", required_argument, NULL, 'w' }, { "critical", required_argument, NULL, 'c' },
        { "timeout", required_argument, NULL, 't' }, { "sharded", no_argument, NULL, 's' },
        { "verbose", no_argument, NULL, 'v' },       { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },       { NULL, 0, NULL, 0 },
    };
    const int64_t longest = INT64_C(36500) * 86400 * 1000; /* a hundred years */
    struct options options;
    int option;

    memset(&options, 0, sizeof options);
    opterr = 0; /* what is wrong belongs in the line */
    while ((option = getopt_long(argc, argv, ":w:c:t:vhV", names, NULL)) != -1) {
        switch (option) {
        case 'w':
            if ((options.warning = read_duration(optarg, 'h', longest) / 1000) == 0)
                return usage_error("not an age: -w ", optarg);
            break;
        case 'c':
            if ((options.critical = read_duration(optarg, 'h', longest) / 1000) == 0)
                return usage_error("not an age: -c ", optarg);
            break;
        case 't':
            if ((options.timeout_ms = read_duration(optarg, 's', UINT32_MAX)) == 0)
                return usage_error("not a time: -t ", optarg);
            break;
        case 's':
            options.sharded = 1;
            break;
        case 'v':
            options.verbosity++;
            break;
        case 'h':
            fputs(HELP, stdout);
            return UNKNOWN;
        case 'V':
            printf("%s %s (libatlas_backup %s)\n", PROGRAM, ATLAS_BACKUP_VERSION_STRING, atlas_backup_version());
            return UNKNOWN;
        case ':':
            return usage_error("an argument is missing after ", argv[optind - 1]);
        default:
            return usage_error("unknown option in ", argv[optind - 1]);
        }
    }
    if (options.warning == 0 || options.critical == 0)
        return usage_error("both -w and -c are needed", "");
    if (options.warning > options.critical)
        return usage_error("the age for -w is greater than that for -c", "");
    if (argc - optind != 2)
        return usage_error(argc - optind < 2 ? "too few" : "too many", " arguments: PROJECT CLUSTER are needed");
    options.project = argv[optind];
    options.cluster = argv[optind + 1];
    return check(&options);
}

int main(int argc, char **argv)
{
    enum state state = run(argc, argv);

    return finish_output(PROGRAM) == EXIT_OK ? (int)state : (int)UNKNOWN;
}
