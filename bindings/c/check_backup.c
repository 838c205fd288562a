/*
 * check_backup - monitoring plugin: how old are the newest backups of MongoDB Atlas clusters?
 *
 *     check_backup [OPTION]... -w RANGE -c RANGE PROJECT CLUSTER...
 *
 * For Nagios, Icinga, Naemon, Zabbix, checkmk and whatever else runs Monitoring Plugins:
 *
 *     BACKUP OK - newest completed snapshot 5f4007f3... is 3.2 hours old (1.5 GiB) | age=11520s;93600;172800;0 ...
 *
 * is one line on standard output, and the exit code is the state: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. Of several
 * clusters that line tells how many are well, and a line for each of them follows. Whatever keeps the plugin from
 * judging, wrong usage included, is UNKNOWN; so are -h and -V, which should never look like a good backup.
 * `check_backup --help` is the manual, docs/monitoring.md has examples. Build it with
 *
 *     cc -std=c99 -o check_backup check_backup.c -latlas_backup -pthread
 *
 * with format.h, options.h and session.h, which the programs in this folder share, beside it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#define _XOPEN_SOURCE 700

#include <ctype.h>

#include "session.h"

#define PROGRAM "check_backup"

enum state { OK, WARNING, CRITICAL, UNKNOWN };

static const char *const STATE_NAMES[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

/* A snapshot created later than so many seconds from now says that a clock is wrong, and nothing about its age. */
enum { TOLERATED_SKEW = 300 };

/* As the Monitoring Plugins guidelines define it: what is not from `start` to `end` is an alert; inverted, what is. */
struct range {
    int64_t start, end; /* INT64_MIN and INT64_MAX: without end */
    int inverted;
};

struct options {
    struct common_options common;
    struct range warning, critical; /* of the age in seconds */
    struct range size;              /* in bytes */
    const char *size_argument;
    int has_warning, has_critical, has_size;
    int scheduled;
    int32_t frequency;  /* 0: any */
    enum state failure; /* what a newer snapshot that failed is */
    char kind[32];      /* of the snapshots that count, for the line: "scheduled daily " */
};

/* What is known of a cluster. */
struct result {
    const char *cluster;
    enum state state;
    char text[2048];
    char performance[512];
};

static const char HELP[] =
    "Usage: check_backup [OPTION]... -w RANGE -c RANGE PROJECT CLUSTER...\n"
    "Check the age of the newest completed cloud backup snapshots of MongoDB Atlas\n"
    "clusters: a plugin for Nagios, Icinga and others.\n"
    "\n"
    HELP_ON_IDS
    "\n"
    "Options:\n"
    "  -w, --warning RANGE      WARNING if the age is not in this range\n"
    "  -c, --critical RANGE     CRITICAL if the age is not in this range, and if there is\n"
    "                           no completed snapshot\n"
    "      --size RANGE         WARNING if the size is not in this range\n"
    "      --scheduled          only snapshots of the backup policy count, so that one on\n"
    "                           demand does not hide that the policy takes none\n"
    "      --frequency RULE     only hourly, daily, weekly, monthly, yearly or ondemand\n"
    "                           snapshots count\n"
    "      --failed STATE       warning or critical if a newer snapshot failed; it is told\n"
    "                           in any case\n"
    "  -t, --timeout TIME       UNKNOWN after so many seconds, or 1m; 30 if not given; to\n"
    "                           give a token back may take 2 seconds more\n"
    HELP_ON_COMMON_OPTIONS
    "\n"
    "Ranges:\n"
    "  10                       from 0 to 10: what is older is an alert\n"
    "  10:                      10 and more\n"
    "  ~:10                     10 and less\n"
    "  10:20                    from 10 to 20\n"
    "  @10:20                   all but from 10 to 20\n"
    "\n"
    "  An age is in hours, or 90m, 26h, 2d, 1w; a size in bytes, or 500M, 10G, 1T.\n"
    "\n"
    "Performance data:\n"
    "  age                      of the newest completed snapshot, in seconds\n"
    "  size                     its size in bytes\n"
    "  count                    how many completed snapshots there are\n"
    "\n"
    "  Of several clusters the names begin with the cluster's: Cluster0_age.\n";

static const char EXIT_STATUS[] =
    "   0  OK\n"
    "   1  WARNING\n"
    "   2  CRITICAL\n"
    "   3  UNKNOWN: nothing could be judged; also -h, -V and wrong usage\n"
    "  Of several clusters the worst: CRITICAL, WARNING, UNKNOWN, OK.\n";

static const char EXAMPLES[] =
    "  check_backup -w 26 -c 48 32b6e34b3d91647abb20e7b8 Cluster0\n"
    "  check_backup --env-file /etc/atlas-backup.env --token-cache --scheduled \\\n"
    "      --frequency daily --failed critical --size 1G: -w 26h -c 2d \\\n"
    "      32b6e34b3d91647abb20e7b8 Cluster0 Cluster1\n";

/* ==== Ranges ================================================================================================= */

static double seconds_in(char letter)
{
    return milliseconds_in(letter) / 1000;
}

static double bytes_in(char letter)
{
    switch (letter | 0x20) {
    case 'b': return 1;
    case 'k': return 1024.0;
    case 'm': return 1024.0 * 1024;
    case 'g': return 1024.0 * 1024 * 1024;
    case 't': return 1024.0 * 1024 * 1024 * 1024;
    default: return 0;
    }
}

/* Reads an end of a range, if there is one. */
static int read_end(const char **text, double (*factor_of)(char), char letter, int64_t *end)
{
    double amount;

    if (**text == ':' || **text == '\0')
        return 1;
    if (!read_amount(text, factor_of, letter, &amount))
        return 0;
    *end = (int64_t)(amount + 0.5);
    return 1;
}

/* "10", "10:", "~:10", "10:20", "@10:20"; returns 0 if it is no range, or one that everything is in, or nothing but 0. */
static int read_range(const char *text, double (*factor_of)(char), char letter, struct range *range)
{
    const char *colon = strchr(text, ':');

    range->inverted = *text == '@';
    text += range->inverted;
    range->start = 0;
    range->end = INT64_MAX;
    if (colon != NULL) {
        if (*text == '~') {
            range->start = INT64_MIN;
            text++;
        } else if (!read_end(&text, factor_of, letter, &range->start)) {
            return 0;
        }
        if (text++ != colon)
            return 0;
    }
    return read_end(&text, factor_of, letter, &range->end) && *text == '\0' && range->start <= range->end &&
           (range->end > 0 || range->inverted) && (range->start > 0 || range->end < INT64_MAX);
}

static int is_alert(const struct range *range, int64_t value)
{
    return (value >= range->start && value <= range->end) == range->inverted;
}

/* As it is written in performance data, in seconds or bytes. */
static const char *range_text(const struct range *range, short_text text)
{
    char start[24] = "", end[24] = "";

    if (range->start == INT64_MIN)
        strcpy(start, "~:");
    else if (range->start != 0 || range->end == INT64_MAX)
        snprintf(start, sizeof start, "%" PRId64 ":", range->start);
    if (range->end != INT64_MAX)
        snprintf(end, sizeof end, "%" PRId64, range->end);
    snprintf(text, sizeof(short_text), "%s%s%s", range->inverted ? "@" : "", start, end);
    return text;
}

static int range_option(struct common_options *common, const char *name, double (*factor_of)(char), char letter,
                        struct range *range)
{
    shown_text text;

    return read_range(optarg, factor_of, letter, range) ||
           wrong(common, "%s takes a range such as %s, not %s", name,
                 letter == 'h' ? "26, 2d or 12h:2d" : "1G: or 10G:2T", shown(optarg, text));
}

/* ==== Judging ================================================================================================ */

/* Which of two states stands for both: CRITICAL, WARNING, UNKNOWN, OK, the order of the Monitoring Plugins' own code. */
static enum state worse(enum state a, enum state b)
{
    static const int weight[] = { 0, 2, 3, 1 };

    return weight[a] > weight[b] ? a : b;
}

/* The state of a cluster, and the text. */
static void conclude(struct result *result, enum state state, const char *format, ...)
{
    va_list arguments;

    result->state = state;
    va_start(arguments, format);
    vsnprintf(result->text, sizeof result->text, format, arguments);
    va_end(arguments);
}

static int counts(const atlas_snapshot *snapshot, const struct options *options)
{
    return (!options->scheduled || atlas_snapshot_snapshot_type_code(snapshot) == ATLAS_SNAPSHOT_TYPE_SCHEDULED) &&
           (options->frequency == 0 || atlas_snapshot_frequency_type_code(snapshot) == options->frequency);
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

/* Adds "; snapshot 5f40... failed" to the text if that is news; returns whether it is. */
static int mention(char *text, size_t size, const atlas_snapshot *snapshot, const atlas_snapshot *completed)
{
    const char *status = atlas_snapshot_status(snapshot);
    size_t length = strlen(text);

    if (snapshot == NULL || !is_newer(snapshot, completed))
        return 0;
    snprintf(text + length, size - length, "; snapshot %s %s%s", id_of(snapshot),
             atlas_snapshot_status_code(snapshot) == ATLAS_STATUS_FAILED ? "" : "is ",
             status != NULL ? status : "of unknown status");
    return 1;
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

/* "age=11520s;93600;172800;0 size=1574477824B count=2", the names with `prefix` before them. */
static void write_performance(struct result *result, const char *prefix, const struct options *options, int64_t age,
                              int64_t size, unsigned long count)
{
    short_text warning, critical, range, number;

    snprintf(number, sizeof number, "%" PRId64 "B", size);
    snprintf(result->performance, sizeof result->performance, "%sage=%" PRId64 "s;%s;%s;0 %ssize=%s%s%s%s %scount=%lu",
             prefix, age, range_text(&options->warning, warning), range_text(&options->critical, critical), prefix,
             size != ATLAS_ABSENT ? number : "U", /* undetermined */
             options->has_size ? ";" : "", options->has_size ? range_text(&options->size, range) : "",
             options->has_size ? ";;0" : "", prefix, count);
}

static void judge(const atlas_snapshot_list *list, const struct options *options, const char *prefix,
                  struct result *result)
{
    /* The newest of each sort. */
    const atlas_snapshot *completed = NULL, *failed = NULL, *unfinished = NULL, *snapshot;
    size_t i;
    unsigned long count = 0;
    char news[512] = "", size_news[96] = "";
    short_text words, size_words;
    int64_t created_ms, age, size;
    enum state state = OK;

    for (i = 0; (snapshot = atlas_snapshot_list_get(list, i)) != NULL; i++) {
        int32_t status = atlas_snapshot_status_code(snapshot);
        const atlas_snapshot **newest = status == ATLAS_STATUS_COMPLETED ? &completed
                                        : status == ATLAS_STATUS_FAILED  ? &failed
                                                                         : &unfinished;

        if (!counts(snapshot, options))
            continue;
        count += status == ATLAS_STATUS_COMPLETED;
        if (is_newer(snapshot, *newest))
            *newest = snapshot;
    }
    if (mention(news, sizeof news, failed, completed))
        state = options->failure;
    mention(news, sizeof news, unfinished, completed);
    if (completed == NULL) {
        snprintf(result->performance, sizeof result->performance, "%scount=0", prefix);
        conclude(result, CRITICAL, "no completed %ssnapshot%s", options->kind, news);
        return;
    }

    created_ms = atlas_snapshot_created_at_ms(completed);
    age = (int64_t)time(NULL) - seconds_of(created_ms);
    if (created_ms == ATLAS_ABSENT) {
        conclude(result, worse(state, UNKNOWN), "newest completed %ssnapshot %s has no date that can be read%s",
                 options->kind, id_of(completed), news);
        return;
    }
    if (age < -TOLERATED_SKEW) {
        conclude(result, worse(state, UNKNOWN),
                 "newest completed %ssnapshot %s is from the future (%s): is the clock right?%s", options->kind,
                 id_of(completed), atlas_snapshot_created_at(completed), news);
        return;
    }
    if (age < 0)
        age = 0;
    state = worse(state, is_alert(&options->critical, age) ? CRITICAL : is_alert(&options->warning, age) ? WARNING : OK);

    size = atlas_snapshot_storage_size_bytes(completed);
    if (options->has_size && (size == ATLAS_ABSENT || is_alert(&options->size, size))) {
        state = worse(state, size == ATLAS_ABSENT ? UNKNOWN : WARNING);
        if (size != ATLAS_ABSENT)
            snprintf(size_news, sizeof size_news, "; its size is an alert by --size %s", options->size_argument);
    }
    write_performance(result, prefix, options, age, size, count);
    conclude(result, state, "newest completed %ssnapshot %s is %s old (%s)%s%s", options->kind, id_of(completed),
             age_text(age, words), size_text(size, size_words) != NULL ? size_words : "size unknown", size_news, news);
}

/* ==== Output ================================================================================================= */

/* Text that may come from elsewhere: it must not begin another line, nor with a "|" the performance data. */
static void put_field(const char *text)
{
    char copy[2048], *at;

    snprintf(copy, sizeof copy, "%s", text);
    for (at = copy; *at != '\0'; at++)
        if (*at == '|')
            *at = '/';
    put_text(copy, stdout);
}

/* A cluster as it was given; what is no name of one is shown in quotes. */
static void put_cluster(const char *cluster)
{
    shown_text text;
    size_t i = 0;

    while (isalnum((unsigned char)cluster[i]) || cluster[i] == '-')
        i++;
    put_field(i > 0 && cluster[i] == '\0' ? cluster : shown(cluster, text));
}

static enum state usage_error(const char *problem)
{
    printf("BACKUP UNKNOWN - ");
    put_field(problem);
    printf("; see %s --help\n", PROGRAM);
    return UNKNOWN;
}

/* "3 clusters: 1 CRITICAL (Cluster1), 2 OK" */
static void print_summary(const struct result *results, int count)
{
    static const enum state order[] = { CRITICAL, WARNING, UNKNOWN, OK };
    const char *comma = ":";
    int i, k;

    printf("%d clusters", count);
    for (i = 0; i < 4; i++) {
        int found = 0;

        for (k = 0; k < count; k++)
            found += results[k].state == order[i];
        if (found == 0)
            continue;
        printf("%s %d %s", comma, found, STATE_NAMES[order[i]]);
        comma = ",";
        for (k = 0, found = 0; k < count && order[i] != OK; k++)
            if (results[k].state == order[i]) {
                fputs(found++ == 0 ? " (" : " ", stdout);
                put_cluster(results[k].cluster);
            }
        fputs(found > 0 ? ")" : "", stdout);
    }
}

/* The line that everybody shows, then, of several clusters, a line for each. */
static enum state print_results(const struct result *results, int count)
{
    const char *separator = " | ";
    enum state state = OK;
    int i;

    for (i = 0; i < count; i++)
        state = worse(state, results[i].state);
    printf("BACKUP %s - ", STATE_NAMES[state]);
    if (count == 1)
        put_field(results[0].text);
    else
        print_summary(results, count);
    for (i = 0; i < count; i++)
        if (results[i].performance[0] != '\0') {
            printf("%s%s", separator, results[i].performance);
            separator = " ";
        }
    putchar('\n');
    for (i = 0; i < count && count > 1; i++) {
        put_cluster(results[i].cluster);
        printf(" %s - ", STATE_NAMES[results[i].state]);
        put_field(results[i].text);
        putchar('\n');
    }
    return state;
}

/* ==== Checking =============================================================================================== */

static enum state check(const struct options *options, const char *project, char **clusters, int count)
{
    struct result *results = (struct result *)calloc((size_t)count, sizeof *results);
    struct session session;
    atlas_error error;
    enum state state;
    int64_t end_ms;
    int i;

    if (results == NULL)
        return usage_error("there is no memory for so many clusters");
    open_session(&session, PROGRAM, &options->common, &error);
    end_ms = now_ms() + session.timeout_ms;
    for (i = 0; i < count && session.caught == 0; i++) {
        atlas_snapshot_list *list = NULL;
        char prefix[80] = "";

        results[i].cluster = clusters[i];
        if (session.client != NULL)
            list = list_in_time(&session, options->common.sharded, project, clusters[i], count - i, end_ms, &error);
        if (list != NULL) { /* so the name is one, of at most 64 letters, digits and hyphens */
            if (count > 1)
                snprintf(prefix, sizeof prefix, "%s_", clusters[i]);
            judge(list, options, prefix, &results[i]);
        } else {
            const char *hint = hint_on(&error, "-t sets how long it may take",
                                       options->common.sharded ? "leave out --sharded" : "add --sharded");

            conclude(&results[i], UNKNOWN, "%s%s%s", error.message, hint != NULL ? "; " : "", hint != NULL ? hint : "");
        }
        atlas_snapshot_list_free(list); /* and the snapshots in it */
    }
    close_session(&session);
    state = print_results(results, count);
    free(results);
    return state;
}

enum { OPTION_SIZE = OPTION_OWN, OPTION_SCHEDULED, OPTION_FREQUENCY, OPTION_FAILED };

/* Takes an option; returns 0 if something is wrong with it. */
static int takes_option(struct options *options, int option, char **argv, const struct option *names)
{
    static const struct word states[] = { { "warning", WARNING }, { "critical", CRITICAL }, { NULL, 0 } };
    struct common_options *common = &options->common;
    int32_t failure = OK;

    switch (option) {
    case 'w':
        return options->has_warning = range_option(common, "-w", seconds_in, 'h', &options->warning);
    case 'c':
        return options->has_critical = range_option(common, "-c", seconds_in, 'h', &options->critical);
    case OPTION_SIZE:
        options->size_argument = optarg;
        return options->has_size = range_option(common, "--size", bytes_in, 'b', &options->size);
    case OPTION_SCHEDULED:
        options->scheduled = 1;
        return 1;
    case OPTION_FREQUENCY:
        return word_option(common, "--frequency", FREQUENCIES, &options->frequency);
    case OPTION_FAILED:
        if (!word_option(common, "--failed", states, &failure))
            return 0;
        options->failure = (enum state)failure;
        return 1;
    default:
        return common_option(common, option, argv, names);
    }
}

static enum state run(int argc, char **argv)
{
    static const struct option names[] = {
        { "warning", required_argument, NULL, 'w' },
        { "critical", required_argument, NULL, 'c' },
        { "size", required_argument, NULL, OPTION_SIZE },
        { "scheduled", no_argument, NULL, OPTION_SCHEDULED },
        { "frequency", required_argument, NULL, OPTION_FREQUENCY },
        { "failed", required_argument, NULL, OPTION_FAILED },
        COMMON_NAMES
    };
    struct options options;
    const struct word *rule;
    int option;

    memset(&options, 0, sizeof options);
    opterr = 0; /* what is wrong belongs in the line */
    while ((option = getopt_long(argc, argv, COMMON_LETTERS "w:c:", names, NULL)) != -1) {
        if (option == 'h') {
            print_help(HELP, EXIT_STATUS, EXAMPLES);
            return UNKNOWN;
        }
        if (option == 'V') {
            print_version(PROGRAM);
            return UNKNOWN;
        }
        if (!takes_option(&options, option, argv, names))
            return usage_error(options.common.problem);
    }
    if (!options.has_warning || !options.has_critical)
        return usage_error("both -w and -c are needed");
    if (options.warning.start == 0 && options.critical.start == 0 && !options.warning.inverted &&
        !options.critical.inverted && options.warning.end > options.critical.end)
        return usage_error("the age for -w is greater than that for -c");
    if (!count_is(&options.common, argc, argv, 2, argc))
        return usage_error("too few arguments: PROJECT CLUSTER are needed");
    if (!are_different(&options.common, argc, argv))
        return usage_error(options.common.problem);
    for (rule = FREQUENCIES; rule->text != NULL && rule->number != options.frequency; rule++)
        ;
    snprintf(options.kind, sizeof options.kind, "%s%s%s", options.scheduled ? "scheduled " : "",
             rule->text != NULL ? rule->text : "", rule->text != NULL ? " " : "");
    return check(&options, argv[optind], argv + optind + 1, argc - optind - 1);
}

int main(int argc, char **argv)
{
    enum state state;

    /* Written once, at the end, where a failure tells its reason: musl would write, and lose it, at the end of the line. */
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    state = run(argc, argv);
    return finish_output(PROGRAM) == EXIT_OK ? (int)state : (int)UNKNOWN;
}
