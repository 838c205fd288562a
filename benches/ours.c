/*
 * Our side of `make bench`: fetches or parses snapshots and reads every field.
 *
 *     ours get COUNT               one after the other
 *     ours threads COUNT THREADS   COUNT in all, by threads that share a client; prints the seconds it took
 *     ours slow COUNT THREADS      COUNT by each thread, from a server that takes 100 ms; prints the seconds it took
 *     ours list COUNT CLUSTER      a list, all its pages
 *     ours wait 0                  polls each 4 s a snapshot that does not change, until its standard input ends; prints
 *                                  the polls, the seconds of CPU until the first was answered, and until the last was
 *     ours parse COUNT             a body fetched once; prints the seconds of CPU it took
 *     ours parse-all COUNT         the same, and what is made when asked for: members by name
 *     ours parse-list COUNT        a page of 500 snapshots fetched once; prints the seconds of CPU it took
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#define _POSIX_C_SOURCE 200809L

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <atlas_backup.h>

static atlas_client *client;
static const char *cluster;

/* Adds up something of each value, so that none is read in vain. */
static long read_fields(const atlas_snapshot *s)
{
    const char *texts[] = {
        atlas_snapshot_id(s), atlas_snapshot_cloud_provider(s), atlas_snapshot_config_server_type(s),
        atlas_snapshot_created_at(s), atlas_snapshot_description(s), atlas_snapshot_expires_at(s),
        atlas_snapshot_frequency_type(s), atlas_snapshot_master_key_uuid(s), atlas_snapshot_mongod_version(s),
        atlas_snapshot_replica_set_name(s), atlas_snapshot_snapshot_type(s), atlas_snapshot_status(s),
        atlas_snapshot_type(s),
    };
    long sum = 0;
    size_t i, count;

    for (i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i] != NULL)
            sum += texts[i][0];
    sum += atlas_snapshot_status_code(s) + atlas_snapshot_cloud_provider_code(s) +
           atlas_snapshot_frequency_type_code(s) + atlas_snapshot_snapshot_type_code(s) + atlas_snapshot_type_code(s);
    sum += (long)(atlas_snapshot_storage_size_bytes(s) + atlas_snapshot_created_at_ms(s) +
                  atlas_snapshot_expires_at_ms(s));
    for (i = 0, count = atlas_snapshot_copy_region_count(s); i < count; i++)
        sum += atlas_snapshot_copy_region(s, i)[0];
    for (i = 0, count = atlas_snapshot_policy_item_count(s); i < count; i++)
        sum += atlas_snapshot_policy_item(s, i)[0];
    for (i = 0, count = atlas_snapshot_link_count(s); i < count; i++)
        sum += atlas_snapshot_link_href(s, i)[0] + atlas_snapshot_link_rel(s, i)[0];
    for (i = 0, count = atlas_snapshot_member_count(s); i < count; i++)
        sum += atlas_snapshot_member_id(s, i)[0];
    for (i = 0, count = atlas_snapshot_snapshot_id_count(s); i < count; i++)
        sum += atlas_snapshot_snapshot_id(s, i)[0];
    return sum;
}

static long read_all(const atlas_snapshot *s)
{
    return read_fields(s) + atlas_snapshot_json(s, NULL)[0] + atlas_snapshot_http_status(s);
}

static long read_members(const atlas_snapshot *s)
{
    long sum = 0;
    size_t i, count = atlas_snapshot_field_count(s);

    for (i = 0; i < count; i++)
        sum += atlas_snapshot_field(s, atlas_snapshot_field_name(s, i))[0];
    return sum;
}

static void give_up(const atlas_error *error)
{
    fprintf(stderr, "ours: %s\n", error->message);
    exit(1);
}

static atlas_snapshot *get(void)
{
    atlas_error error;
    atlas_snapshot *snapshot = atlas_client_get_snapshot(client, getenv("ATLAS_SIMULATOR_PROJECT"), cluster,
                                                         getenv("ATLAS_SIMULATOR_SNAPSHOT"), 0, &error);

    if (snapshot == NULL)
        give_up(&error);
    return snapshot;
}

static long get_many(long count)
{
    long sum = 0;

    while (count-- > 0) {
        atlas_snapshot *snapshot = get();

        sum += read_all(snapshot);
        atlas_snapshot_free(snapshot);
    }
    return sum;
}

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *thread(void *count)
{
    get_many(*(long *)count);
    return NULL;
}

static double with_threads(long each, long threads)
{
    pthread_t *ids = calloc((size_t)threads, sizeof *ids);
    double start = seconds(CLOCK_MONOTONIC);
    long i;

    if (ids == NULL)
        exit(1);
    for (i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, thread, &each) != 0)
            exit(1);
    for (i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    free(ids);
    return seconds(CLOCK_MONOTONIC) - start;
}

static double parse_many(long count, int all)
{
    atlas_snapshot *fetched = get();
    size_t length;
    const char *json = atlas_snapshot_json(fetched, &length);
    double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
    long sum = 0, i;

    for (i = 0; i < count; i++) {
        atlas_error error;
        atlas_snapshot *snapshot = atlas_snapshot_parse(json, length, &error);

        if (snapshot == NULL)
            give_up(&error);
        sum += read_all(snapshot);
        if (all)
            sum += read_members(snapshot);
        atlas_snapshot_free(snapshot);
    }
    start = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    atlas_snapshot_free(fetched);
    return sum == 0 ? 0 : start;
}

static atlas_snapshot_list *list(const char *name)
{
    atlas_error error;
    atlas_snapshot_list *found =
        atlas_client_list_snapshots(client, getenv("ATLAS_SIMULATOR_PROJECT"), name, 0, &error);

    if (found == NULL)
        give_up(&error);
    return found;
}

static long read_list(const atlas_snapshot_list *found)
{
    size_t i, count = atlas_snapshot_list_count(found);
    long sum = 0;

    for (i = 0; i < count; i++)
        sum += read_fields(atlas_snapshot_list_get(found, i));
    return sum;
}

static long list_many(long count, const char *name)
{
    long sum = 0;

    while (count-- > 0) {
        atlas_snapshot_list *found = list(name);

        sum += read_list(found);
        atlas_snapshot_list_free(found);
    }
    return sum;
}

/* A page as Atlas sends it, but for its links. */
static char *page(size_t *length)
{
    static const char begin[] = "{\"results\":[", end[] = "]}";
    atlas_snapshot_list *found = list("scheduled-500");
    size_t i, count = atlas_snapshot_list_count(found), room = sizeof begin + sizeof end;
    char *text, *at;

    for (i = 0; i < count; i++) {
        size_t more;

        atlas_snapshot_json(atlas_snapshot_list_get(found, i), &more);
        room += more + 1;
    }
    at = text = malloc(room);
    if (text == NULL)
        exit(1);
    at += sprintf(at, "%s", begin);
    for (i = 0; i < count; i++)
        at += sprintf(at, "%s%s", i == 0 ? "" : ",", atlas_snapshot_json(atlas_snapshot_list_get(found, i), NULL));
    at += sprintf(at, "%s", end);
    *length = (size_t)(at - text);
    atlas_snapshot_list_free(found);
    return text;
}

static double parse_lists(long count)
{
    size_t length;
    char *text = page(&length);
    double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
    long sum = 0, i;

    for (i = 0; i < count; i++) {
        atlas_error error;
        atlas_snapshot_list *found = atlas_snapshot_list_parse(text, length, &error);

        if (found == NULL)
            give_up(&error);
        sum += read_list(found);
        atlas_snapshot_list_free(found);
    }
    start = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    free(text);
    return sum == 0 ? 0 : start;
}

struct polls {
    long count;
    double first, last;
};

static int32_t polled(void *user_data, const atlas_snapshot *latest)
{
    struct polls *polls = user_data;
    struct pollfd input;
    char byte;

    read_all(latest);
    polls->last = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (polls->count++ == 0)
        polls->first = polls->last;
    input.fd = 0;
    input.events = POLLIN;
    return poll(&input, 1, 0) > 0 && read(0, &byte, 1) == 0;
}

static void wait_long(void)
{
    struct polls polls = { 0, 0, 0 };
    atlas_error error;

    if (atlas_client_wait_for_snapshot(client, getenv("ATLAS_SIMULATOR_PROJECT"), "stuck",
                                       getenv("ATLAS_SIMULATOR_SNAPSHOT"), 0, 0, 0, polled, &polls, &error) != NULL ||
        error.kind != ATLAS_ERROR_CANCELLED)
        give_up(&error);
    printf("%ld %.9f %.9f\n", polls.count, polls.first, polls.last);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[1] : "";
    long count = argc > 2 ? atol(argv[2]) : 0, threads = argc > 3 ? atol(argv[3]) : 1;
    atlas_config *config = atlas_config_from_env();
    atlas_error error;

    client = atlas_client_new(config, &error);
    atlas_config_free(config);
    if (client == NULL)
        give_up(&error);
    cluster = getenv("ATLAS_SIMULATOR_CLUSTER");
    if (strcmp(mode, "get") == 0) {
        printf("%ld\n", get_many(count));
    } else if (strcmp(mode, "threads") == 0) {
        printf("%f\n", with_threads(count / threads, threads));
    } else if (strcmp(mode, "slow") == 0) {
        cluster = "slow-100";
        printf("%f\n", with_threads(count, threads));
    } else if (strcmp(mode, "list") == 0 && argc > 3) {
        printf("%ld\n", list_many(count, argv[3]));
    } else if (strcmp(mode, "wait") == 0) {
        wait_long();
    } else if (strcmp(mode, "parse") == 0 || strcmp(mode, "parse-all") == 0) {
        printf("%.9f\n", parse_many(count, strcmp(mode, "parse-all") == 0));
    } else if (strcmp(mode, "parse-list") == 0) {
        printf("%.9f\n", parse_lists(count));
    } else {
        fputs("usage: ours get|threads|slow|list|wait|parse|parse-all|parse-list COUNT [THREADS|CLUSTER]\n", stderr);
        return 2;
    }
    atlas_client_free(client);
    return 0;
}
