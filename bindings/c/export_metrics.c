/*
 * export_metrics - tell Prometheus of the cloud backups of MongoDB Atlas clusters
 *
 *     export_metrics [OPTION]... PROJECT CLUSTER...
 *
 * Writes gauges as text that is both OpenMetrics 1.0 and Prometheus' own format 0.0.4, to which the last line, "# EOF",
 * is a comment: to standard output, or to a file for the textfile collector of Prometheus' node exporter.
 * `export_metrics --help` is the manual, docs/monitoring.md has examples, rules and a panel. Build it with
 *
 *     cc -std=c99 -o export_metrics export_metrics.c -latlas_backup -pthread
 *
 * with format.h, options.h and session.h, which the programs in this folder share, beside it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#define _XOPEN_SOURCE 700

#include "session.h"

#define PROGRAM "export_metrics"

static const char HELP[] =
    "Usage: export_metrics [OPTION]... PROJECT CLUSTER...\n"
    "Write metrics on the cloud backup snapshots of MongoDB Atlas clusters, for\n"
    "Prometheus.\n"
    "\n"
    HELP_ON_IDS
    "\n"
    "Options:\n"
    "  -o, --output FILE        write to FILE instead of standard output; the old FILE is\n"
    "                           replaced when the new one is complete\n"
    "  -t, --timeout TIME       give up after so many seconds, or 2m; 30 if not given\n"
    HELP_ON_COMMON_OPTIONS
    "\n"
    "Metrics:\n"
    "  atlas_backup_newest_completed_timestamp_seconds\n"
    "                           when the newest completed snapshot was taken\n"
    "  atlas_backup_newest_completed_age_seconds\n"
    "                           how old it is now\n"
    "  atlas_backup_newest_completed_size_bytes\n"
    "                           its size\n"
    "  atlas_backup_newest_completed_expiry_timestamp_seconds\n"
    "                           when Atlas deletes it\n"
    "  atlas_backup_snapshots   how many snapshots there are\n"
    "  atlas_backup_scrape_success\n"
    "                           1, or 0 if Atlas could not be asked\n"
    "  atlas_backup_scrape_duration_seconds\n"
    "                           how long asking took\n"
    "\n"
    "  All have the labels project and cluster; those on the newest snapshot are there\n"
    "  for each frequency, the number for each status. Without success a cluster has\n"
    "  the last two alone.\n";

static const char EXIT_STATUS[] =
    "   0  the metrics were written\n"
    "   1  they could not be written: a full disk, say\n"
    "   2  wrong usage\n"
    "  Metrics were written, but of some cluster Atlas could not be asked; why, of the\n"
    "  first such cluster:\n"
    HELP_ON_ERRORS;

static const char EXAMPLES[] =
    "  export_metrics --env-file /etc/atlas-backup.env --token-cache \\\n"
    "      --output /var/lib/prometheus/node-exporter/atlas_backup.prom \\\n"
    "      32b6e34b3d91647abb20e7b8 Cluster0 Cluster1\n";

/* By number: what the library does not know, and what Atlas does not send, is number 0. */
enum { STATUS_COUNT = ATLAS_STATUS_FAILED + 1, FREQUENCY_COUNT = ATLAS_FREQUENCY_ON_DEMAND + 1 };

/* What is known of a cluster, of the newest completed snapshot with each frequency. ATLAS_ABSENT: not known. */
struct cluster {
    const char *name;
    int success;
    double seconds;
    unsigned long count[STATUS_COUNT];
    int64_t created_ms[FREQUENCY_COUNT], expires_ms[FREQUENCY_COUNT], bytes[FREQUENCY_COUNT];
};

static void read_list(struct cluster *cluster, const atlas_snapshot_list *list)
{
    const atlas_snapshot *snapshot;
    size_t i;
    int k;

    for (k = 0; k < FREQUENCY_COUNT; k++)
        cluster->created_ms[k] = cluster->expires_ms[k] = cluster->bytes[k] = ATLAS_ABSENT;
    for (i = 0; (snapshot = atlas_snapshot_list_get(list, i)) != NULL; i++) {
        int32_t status = atlas_snapshot_status_code(snapshot);
        int32_t frequency = atlas_snapshot_frequency_type_code(snapshot);
        int64_t created_ms = atlas_snapshot_created_at_ms(snapshot);

        if (status >= STATUS_COUNT) /* of a later version of the library */
            status = 0;
        if (frequency >= FREQUENCY_COUNT)
            frequency = 0;
        cluster->count[status]++;
        if (status == ATLAS_STATUS_COMPLETED && created_ms > cluster->created_ms[frequency]) {
            cluster->created_ms[frequency] = created_ms;
            cluster->expires_ms[frequency] = atlas_snapshot_expires_at_ms(snapshot);
            cluster->bytes[frequency] = atlas_snapshot_storage_size_bytes(snapshot);
        }
    }
    cluster->success = 1;
}

/* ==== Text =================================================================================================== */

/* A label's value: UTF-8, in which three characters are escaped. */
static void put_label(FILE *out, const char *name, const char *value)
{
    const unsigned char *at = (const unsigned char *)value;

    fprintf(out, "%s=\"", name);
    while (*at != '\0') {
        int length = character_length(at);

        if (*at == '\n')
            fputs("\\n", out);
        else if (*at == '"' || *at == '\\')
            fprintf(out, "\\%c", *at);
        else if (length == 0)
            fputs("\xEF\xBF\xBD", out); /* U+FFFD */
        else
            fwrite(at, 1, (size_t)length, out);
        at += length > 0 ? length : 1;
    }
    putc('"', out);
}

static void put_family(FILE *out, const char *name, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

/* The name and labels of a sample; `label` NULL: that of the cluster alone. A value is to follow. */
static void put_name(FILE *out, const char *name, const char *project, const struct cluster *cluster, const char *label,
                     const char *value)
{
    fprintf(out, "%s{", name);
    put_label(out, "project", project);
    putc(',', out);
    put_label(out, "cluster", cluster->name);
    if (label != NULL) {
        putc(',', out);
        put_label(out, label, value);
    }
    fputs("} ", out);
}

static const char *word_of(const struct word *words, int32_t number)
{
    while (words->text != NULL && words->number != number)
        words++;
    return words->text != NULL ? words->text : "unknown";
}

/* What a family on the newest snapshots has as its value. Returns 0 if that is not known. */
typedef int value_fn(const struct cluster *cluster, int frequency, int64_t now_s, int64_t *value);

static int timestamp_of(const struct cluster *cluster, int frequency, int64_t now_s, int64_t *value)
{
    (void)now_s;
    *value = seconds_of(cluster->created_ms[frequency]);
    return 1;
}

static int age_of(const struct cluster *cluster, int frequency, int64_t now_s, int64_t *value)
{
    *value = now_s - seconds_of(cluster->created_ms[frequency]);
    return 1;
}

static int size_of(const struct cluster *cluster, int frequency, int64_t now_s, int64_t *value)
{
    (void)now_s;
    *value = cluster->bytes[frequency];
    return *value != ATLAS_ABSENT;
}

static int expiry_of(const struct cluster *cluster, int frequency, int64_t now_s, int64_t *value)
{
    (void)now_s;
    *value = seconds_of(cluster->expires_ms[frequency]);
    return cluster->expires_ms[frequency] != ATLAS_ABSENT;
}

static void put_newest(FILE *out, const char *project, const struct cluster *clusters, int count)
{
    static const struct {
        const char *name, *help;
        value_fn *value;
    } families[] = {
        { "atlas_backup_newest_completed_timestamp_seconds", "When the newest completed snapshot was taken.",
          timestamp_of },
        { "atlas_backup_newest_completed_age_seconds", "How old the newest completed snapshot was at the scrape.",
          age_of },
        { "atlas_backup_newest_completed_size_bytes", "Size of the newest completed snapshot.", size_of },
        { "atlas_backup_newest_completed_expiry_timestamp_seconds",
          "When Atlas deletes the newest completed snapshot.", expiry_of },
    };
    int64_t now_s = (int64_t)time(NULL), value;
    size_t i;
    int k, frequency;

    for (i = 0; i < sizeof families / sizeof *families; i++) {
        put_family(out, families[i].name, families[i].help);
        for (k = 0; k < count; k++)
            for (frequency = 0; clusters[k].success && frequency < FREQUENCY_COUNT; frequency++)
                if (clusters[k].created_ms[frequency] != ATLAS_ABSENT &&
                    families[i].value(&clusters[k], frequency, now_s, &value)) {
                    put_name(out, families[i].name, project, &clusters[k], "frequency",
                             word_of(FREQUENCIES, frequency));
                    fprintf(out, "%" PRId64 "\n", value);
                }
    }
}

static void put_metrics(FILE *out, const char *project, const struct cluster *clusters, int count)
{
    int i, status;

    put_newest(out, project, clusters, count);
    put_family(out, "atlas_backup_snapshots", "How many snapshots there are.");
    for (i = 0; i < count; i++)
        for (status = 0; clusters[i].success && status < STATUS_COUNT; status++) {
            put_name(out, "atlas_backup_snapshots", project, &clusters[i], "status", word_of(STATUSES, status));
            fprintf(out, "%lu\n", clusters[i].count[status]);
        }
    put_family(out, "atlas_backup_scrape_success", "Whether Atlas could be asked.");
    for (i = 0; i < count; i++) {
        put_name(out, "atlas_backup_scrape_success", project, &clusters[i], NULL, NULL);
        fprintf(out, "%d\n", clusters[i].success);
    }
    put_family(out, "atlas_backup_scrape_duration_seconds", "How long asking Atlas took.");
    for (i = 0; i < count; i++) {
        put_name(out, "atlas_backup_scrape_duration_seconds", project, &clusters[i], NULL, NULL);
        fprintf(out, "%.3f\n", clusters[i].seconds);
    }
    fputs("# EOF\n", out);
}

/* ==== Writing ================================================================================================ */

static int cannot_write(const char *path, int number)
{
    shown_text text;

    fprintf(stderr, "%s: cannot write %s: %s\n", PROGRAM, shown(path, text), strerror(number));
    return EXIT_OUTPUT;
}

/*
 * A reader sees the old file or the new one, and so it is after a crash: written beside it, in the same folder, then
 * renamed. The name in between does not end with ".prom", so that the textfile collector leaves it alone.
 */
static int write_file(const char *path, const char *project, const struct cluster *clusters, int count)
{
    char *copy = (char *)malloc(strlen(path) + sizeof ".XXXXXX"), *slash;
    int file, folder, number = 0;
    FILE *out;

    if (copy == NULL)
        return cannot_write(path, ENOMEM);
    sprintf(copy, "%s.XXXXXX", path);
    file = mkstemp(copy);
    out = file >= 0 ? fdopen(file, "w") : NULL;
    if (out == NULL) {
        number = errno;
    } else {
        put_metrics(out, project, clusters, count);
        errno = EIO; /* should the next line tell no reason */
        if (ferror(out) || fflush(out) != 0 || fchmod(file, 0644) != 0 || fsync(file) != 0)
            number = errno;
        fclose(out);
        if (number == 0 && rename(copy, path) != 0)
            number = errno;
    }
    if (number != 0) {
        if (file >= 0)
            unlink(copy);
        free(copy);
        return cannot_write(path, number);
    }
    /* The new name, too, is on the disk once the folder is. */
    slash = strrchr(copy, '/');
    if (slash != NULL)
        slash[slash == copy] = '\0';
    folder = open(slash != NULL ? copy : ".", O_RDONLY | O_CLOEXEC);
    if (folder >= 0) {
        fsync(folder);
        close(folder);
    }
    free(copy);
    return EXIT_OK;
}

static int export_metrics(const struct common_options *options, const char *output, const char *project, char **names,
                          int count)
{
    struct cluster *clusters = (struct cluster *)calloc((size_t)count, sizeof *clusters);
    struct session session;
    atlas_error error;
    int64_t end_ms;
    int i, failure = EXIT_OK, written;

    if (clusters == NULL) {
        fprintf(stderr, "%s: there is no memory for so many clusters\n", PROGRAM);
        return EXIT_OUTPUT;
    }
    open_session(&session, PROGRAM, options, &error);
    end_ms = now_ms() + session.timeout_ms;
    for (i = 0; i < count && session.caught == 0; i++) {
        int64_t begin_ms = now_ms();
        atlas_snapshot_list *list = NULL;

        clusters[i].name = names[i];
        if (session.client != NULL)
            list = list_in_time(&session, options->sharded, project, names[i], count - i, end_ms, &error);
        clusters[i].seconds = (double)(now_ms() - begin_ms) / 1000;
        if (list != NULL) {
            read_list(&clusters[i], list);
        } else if (session.client != NULL || i == 0) { /* without a client all fail for the same reason */
            print_error(PROGRAM, &error,
                        hint_on(&error, "--timeout sets how long it may take",
                                options->sharded ? "leave out --sharded" : "add --sharded"));
            if (failure == EXIT_OK)
                failure = EXIT_ERROR + error.kind;
        }
        atlas_snapshot_list_free(list); /* and the snapshots in it */
    }
    close_session(&session);
    if (output != NULL) {
        written = write_file(output, project, clusters, count);
    } else {
        put_metrics(stdout, project, clusters, count);
        written = finish_output(PROGRAM);
    }
    free(clusters);
    return written != EXIT_OK ? written : failure;
}

int main(int argc, char **argv)
{
    static const struct option names[] = { { "output", required_argument, NULL, 'o' }, COMMON_NAMES };
    struct common_options options;
    const char *output = NULL;
    int option, good = 1;

    memset(&options, 0, sizeof options);
    opterr = 0; /* getopt_long() would show an unknown option as it is */
    while (good && (option = getopt_long(argc, argv, COMMON_LETTERS "o:", names, NULL)) != -1) {
        switch (option) {
        case 'o':
            output = optarg;
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
    if (!good || !count_is(&options, argc, argv, 2, argc) || !are_different(&options, argc, argv))
        return wrong_usage(PROGRAM, options.problem, HELP);
    return export_metrics(&options, output, argv[optind], argv + optind + 1, argc - optind - 1);
}
