/* The calls beside get: lists, sharded clusters, waiting, cancelling, giving the token back, the logger, the cache. */

#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void sleep_ms(long ms)
{
    struct timespec pause;

    pause.tv_sec = ms / 1000;
    pause.tv_nsec = ms % 1000 * 1000000;
    nanosleep(&pause, NULL);
}

/* ---- Lists ---- */

static void a_list_has_every_snapshot_of_every_page_in_order(void)
{
    static const uint32_t flags[] = { 0, ATLAS_ENVELOPE, ATLAS_PRETTY, ATLAS_ENVELOPE | ATLAS_PRETTY };
    atlas_client *client = simulator_client();
    size_t i, k;

    for (k = 0; k < 4; k++) {
        atlas_error error;
        atlas_snapshot_list *list;

        spoil(&error);
        list = atlas_client_list_snapshots(client, PROJECT, "many-1100", flags[k], &error);
        CHECK_SUCCESS(error);
        CHECK_NUMBER(atlas_snapshot_list_count(list), 1100);
        CHECK_NUMBER(atlas_snapshot_list_total_count(list), 1100);
        for (i = 0; i < atlas_snapshot_list_count(list); i++) {
            char id[32];

            snprintf(id, sizeof id, "6a%022x", (unsigned)i);
            if (!CHECK_TEXT(atlas_snapshot_id(atlas_snapshot_list_get(list, i)), id))
                break;
        }
        atlas_snapshot_list_free(list);
    }
    atlas_client_free(client);
}

static void an_item_of_a_list_is_a_snapshot_that_belongs_to_the_list(void)
{
    atlas_client *client = simulator_client();
    atlas_snapshot_list *list = atlas_client_list_snapshots(client, PROJECT, CLUSTER, 0, NULL);
    const atlas_snapshot *item = atlas_snapshot_list_get(list, 0);
    atlas_snapshot *copy;

    atlas_client_free(client);
    CHECK_NUMBER(atlas_snapshot_list_count(list), 2);
    CHECK(atlas_snapshot_list_get(list, 0) == item);
    CHECK_TEXT(atlas_snapshot_id(item), SNAPSHOT);
    CHECK_TEXT(atlas_snapshot_copy_region(item, 1), "EU_WEST_1");
    CHECK(or_empty(atlas_snapshot_json(item, NULL))[0] == '{');
    CHECK_TEXT(atlas_snapshot_field(item, "type"), "\"replicaSet\"");
    CHECK_NUMBER(atlas_snapshot_http_status(item), 0);
    CHECK_NUMBER(atlas_snapshot_header_count(item), 0);
    CHECK(atlas_snapshot_list_get(list, 2) == NULL);
    CHECK(atlas_snapshot_list_get(list, SIZE_MAX) == NULL);
    copy = atlas_snapshot_copy(item);
    atlas_snapshot_list_free(list);
    CHECK_TEXT(atlas_snapshot_id(copy), SNAPSHOT);
    CHECK_TEXT(atlas_snapshot_field(copy, "type"), "\"replicaSet\"");
    atlas_snapshot_free(copy);
}

static void an_empty_list_is_no_error(void)
{
    atlas_client *client = simulator_client();
    atlas_error error;
    atlas_snapshot_list *list;

    spoil(&error);
    list = atlas_client_list_snapshots(client, PROJECT, "empty", 0, &error);
    CHECK(list != NULL);
    CHECK_SUCCESS(error);
    CHECK_NUMBER(atlas_snapshot_list_count(list), 0);
    CHECK_NUMBER(atlas_snapshot_list_total_count(list), 0);
    CHECK(atlas_snapshot_list_get(list, 0) == NULL);
    atlas_snapshot_list_free(list);
    spoil(&error);
    CHECK(atlas_client_list_snapshots(client, PROJECT, "error-404", 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_NOT_FOUND);
    CHECK_TEXT(error.code, "CLUSTER_NOT_FOUND");
    atlas_client_free(client);
}

/* ---- Sharded clusters ---- */

static void sharded_clusters_have_calls_of_their_own(void)
{
    const char *id = or_empty(getenv("ATLAS_SIMULATOR_SHARDED_SNAPSHOT"));
    atlas_client *client = simulator_client();
    atlas_error error;
    atlas_snapshot *snapshot;
    atlas_snapshot_list *list;

    spoil(&error);
    snapshot = atlas_client_get_sharded_snapshot(client, PROJECT, "sharded0", id, 0, &error);
    CHECK_SUCCESS(error);
    CHECK_TEXT(atlas_snapshot_id(snapshot), id);
    CHECK_NUMBER(atlas_snapshot_type_code(snapshot), ATLAS_CLUSTER_TYPE_SHARDED_CLUSTER);
    CHECK_NUMBER(atlas_snapshot_member_count(snapshot), 3);
    CHECK_TEXT(atlas_snapshot_member_replica_set_name(snapshot, 0), "atlas-sharded0-shard-0");
    CHECK_NUMBER(atlas_snapshot_http_status(snapshot), 200);
    atlas_snapshot_free(snapshot);
    spoil(&error);
    list = atlas_client_list_sharded_snapshots(client, PROJECT, "sharded0", 0, &error);
    CHECK_SUCCESS(error);
    CHECK_NUMBER(atlas_snapshot_list_count(list), 1);
    CHECK_NUMBER(atlas_snapshot_member_count(atlas_snapshot_list_get(list, 0)), 3);
    atlas_snapshot_list_free(list);
    /* Asked the wrong way, the error says which call to use. */
    spoil(&error);
    CHECK(atlas_client_get_snapshot(client, PROJECT, "sharded0", id, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_BAD_REQUEST);
    CHECK_CONTAINS(error.message, "sharded");
    atlas_client_free(client);
}

/* ---- Waiting ---- */

struct seen {
    int answers;
    int32_t last_status;
    int stop_after;
    atlas_snapshot *kept;
};

static int32_t progress(void *user_data, const atlas_snapshot *latest)
{
    struct seen *seen = (struct seen *)user_data;

    seen->answers++;
    seen->last_status = atlas_snapshot_status_code(latest);
    atlas_snapshot_free(seen->kept);
    seen->kept = atlas_snapshot_copy(latest);
    return seen->answers == seen->stop_after;
}

static void waiting_ends_when_the_snapshot_is_completed(void)
{
    static const char id[] = "5f3e9a1c0d8b2e4f6a7c9d02";
    atlas_client *client = simulator_client();
    struct seen seen = { 0, 0, 0, NULL };
    atlas_error error;
    atlas_snapshot *snapshot;

    spoil(&error);
    snapshot = atlas_client_wait_for_snapshot(client, PROJECT, "staged", id, 0, 1, 60000, progress, &seen, &error);
    CHECK_SUCCESS(error);
    CHECK_TEXT(atlas_snapshot_id(snapshot), id);
    CHECK_NUMBER(atlas_snapshot_status_code(snapshot), ATLAS_STATUS_COMPLETED);
    CHECK_NUMBER(seen.answers, 6);
    CHECK_NUMBER(seen.last_status, ATLAS_STATUS_COMPLETED);
    CHECK_TEXT(atlas_snapshot_id(seen.kept), id);
    atlas_snapshot_free(seen.kept);
    atlas_snapshot_free(snapshot);
    /* Completed already, so one question is enough, and progress may be NULL. */
    snapshot = atlas_client_wait_for_snapshot(client, PROJECT, "staged", id, 0, 0, 0, NULL, NULL, &error);
    CHECK_SUCCESS(error);
    CHECK_NUMBER(atlas_snapshot_status_code(snapshot), ATLAS_STATUS_COMPLETED);
    atlas_snapshot_free(snapshot);
    snapshot = atlas_client_wait_for_sharded_snapshot(
        client, PROJECT, "sharded0", or_empty(getenv("ATLAS_SIMULATOR_SHARDED_SNAPSHOT")), 0, 0, 0, NULL, NULL, &error);
    CHECK_SUCCESS(error);
    CHECK_NUMBER(atlas_snapshot_member_count(snapshot), 3);
    atlas_snapshot_free(snapshot);
    atlas_client_free(client);
}

static void waiting_in_vain_says_why(void)
{
    static const char id[] = "5f3e9a1c0d8b2e4f6a7c9d03";
    atlas_client *client = simulator_client();
    struct seen seen = { 0, 0, 2, NULL };
    atlas_error error;

    spoil(&error);
    CHECK(atlas_client_wait_for_snapshot(client, PROJECT, "failing", id, 0, 500, 0, NULL, NULL, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_SNAPSHOT_FAILED);
    CHECK_CONTAINS(error.message, id);
    spoil(&error);
    CHECK(atlas_client_wait_for_snapshot(client, PROJECT, "vanishing", id, 0, 500, 0, NULL, NULL, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_NOT_FOUND);
    CHECK_CONTAINS(error.message, "deleted");
    spoil(&error);
    CHECK(atlas_client_wait_for_snapshot(client, PROJECT, "stuck", id, 0, 500, 700, NULL, NULL, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_TIMEOUT);
    CHECK_CONTAINS(error.message, "inProgress");
    spoil(&error);
    CHECK(atlas_client_wait_for_snapshot(client, PROJECT, "stuck", id, 0, 500, 0, progress, &seen, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_CANCELLED);
    CHECK_NUMBER(seen.answers, 2);
    atlas_snapshot_free(seen.kept);
    spoil(&error);
    CHECK(atlas_client_wait_for_snapshot(client, PROJECT, "error-403", id, 0, 500, 0, NULL, NULL, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_FORBIDDEN);
    atlas_client_free(client);
}

/* ---- Cancelling ---- */

struct blocked {
    atlas_client *client;
    atlas_error error;
    int wait;
};

static void *block(void *argument)
{
    struct blocked *blocked = (struct blocked *)argument;

    spoil(&blocked->error);
    return blocked->wait
               ? atlas_client_wait_for_snapshot(blocked->client, PROJECT, "stuck", SNAPSHOT, 0, 60000, 0, NULL, NULL, &blocked->error)
               : atlas_client_get_snapshot(blocked->client, PROJECT, "silent", SNAPSHOT, 0, &blocked->error);
}

static void cancelling_ends_the_calls_in_progress_and_no_later_one(void)
{
    struct blocked blocked[2];
    pthread_t threads[2];
    atlas_client *client = simulator_client();
    atlas_snapshot *snapshot;
    atlas_error error;
    struct timespec before, after;
    int i;

    for (i = 0; i < 2; i++) {
        blocked[i].client = client;
        blocked[i].wait = i;
        CHECK_NUMBER(pthread_create(&threads[i], NULL, block, &blocked[i]), 0);
    }
    sleep_ms(500);
    clock_gettime(CLOCK_MONOTONIC, &before);
    atlas_client_cancel(client);
    for (i = 0; i < 2; i++) {
        void *result;

        pthread_join(threads[i], &result);
        CHECK(result == NULL);
        CHECK_FAILURE(blocked[i].error, ATLAS_ERROR_CANCELLED);
    }
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK(after.tv_sec - before.tv_sec < 5); /* the Rust tests measure it closely; here may be valgrind */
    spoil(&error);
    snapshot = atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, &error);
    CHECK_SUCCESS(error);
    atlas_snapshot_free(snapshot);
    atlas_client_cancel(client); /* nothing is in progress */
    atlas_client_free(client);
}

/* ---- Giving the token back ---- */

static void a_token_given_back_is_fetched_anew_when_needed(void)
{
    atlas_config *config = simulator_config(SERVICE_ACCOUNT);
    atlas_client *client = atlas_client_new(config, NULL);
    atlas_error error;
    int again;

    atlas_config_free(config);
    spoil(&error);
    CHECK_NUMBER(atlas_client_revoke_token(client, &error), ATLAS_ERROR_NONE); /* there is none yet */
    CHECK_SUCCESS(error);
    for (again = 0; again < 2; again++) {
        atlas_snapshot_free(atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, &error));
        CHECK_SUCCESS(error);
        spoil(&error);
        CHECK_NUMBER(atlas_client_revoke_token(client, &error), ATLAS_ERROR_NONE);
        CHECK_SUCCESS(error);
    }
    CHECK_NUMBER(atlas_client_revoke_token(client, NULL), ATLAS_ERROR_NONE);
    atlas_client_free(client);
    client = simulator_client(); /* a token of somebody else is not ours to give back */
    spoil(&error);
    CHECK_NUMBER(atlas_client_revoke_token(client, &error), ATLAS_ERROR_NONE);
    CHECK_SUCCESS(error);
    atlas_snapshot_free(atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, &error));
    CHECK_SUCCESS(error);
    atlas_client_free(client);
}

/* ---- The logger ---- */

struct log {
    int lines, problems, requests;
    int32_t most_verbose;
};

static void write_log(void *user_data, int32_t level, const char *line)
{
    struct log *log = (struct log *)user_data;
    const unsigned char *at;

    log->lines++;
    if (level > log->most_verbose)
        log->most_verbose = level;
    for (at = (const unsigned char *)line; *at != '\0'; at++)
        log->problems += *at < 0x20 || *at == 0x7f;
    log->problems += contains_secret(line, strlen(line)) || level < ATLAS_LOG_ERROR || level > ATLAS_LOG_DEBUG;
    log->requests += strstr(line, "/clusters/" CLUSTER "/backup/snapshots/" SNAPSHOT) != NULL && strstr(line, "200") != NULL;
}

static void the_logger_sees_each_request_and_no_secret(void)
{
    static const enum credentials kinds[] = { SERVICE_ACCOUNT, API_KEY, ACCESS_TOKEN };
    int32_t level;
    size_t i;

    for (i = 0; i < 3; i++) {
        for (level = 0; level <= ATLAS_LOG_DEBUG; level++) {
            struct log log = { 0, 0, 0, 0 };
            atlas_config *config = simulator_config(kinds[i]);
            atlas_client *client;

            atlas_config_set_logger(config, level, write_log, &log);
            client = atlas_client_new(config, NULL);
            atlas_config_free(config);
            atlas_snapshot_free(atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, NULL));
            CHECK(atlas_client_get_snapshot(client, PROJECT, "error-404", SNAPSHOT, 0, NULL) == NULL);
            atlas_client_free(client);
            CHECK_NUMBER(log.problems, 0);
            CHECK(log.most_verbose <= level);
            CHECK((log.lines == 0) == (level == 0) || level == ATLAS_LOG_ERROR || level == ATLAS_LOG_WARNING);
            CHECK((log.requests > 0) == (level >= ATLAS_LOG_INFO));
        }
    }
}

static void a_logger_of_NULL_or_of_no_level_is_none_or_an_error(void)
{
    atlas_config *config = simulator_config(ACCESS_TOKEN);
    struct log log = { 0, 0, 0, 0 };
    atlas_client *client;
    atlas_error error;

    atlas_config_set_logger(config, ATLAS_LOG_DEBUG, write_log, &log);
    atlas_config_set_logger(config, ATLAS_LOG_DEBUG, NULL, NULL);
    client = atlas_client_new(config, &error);
    CHECK_SUCCESS(error);
    atlas_snapshot_free(atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, NULL));
    CHECK_NUMBER(log.lines, 0);
    atlas_client_free(client);
    atlas_config_set_logger(config, 5, write_log, &log);
    CHECK(atlas_client_new(config, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_CONFIG);
    CHECK_CONTAINS(error.message, "logger");
    atlas_config_free(config);
}

/* ---- The token cache ---- */

static void a_token_cache_lies_in_its_directory_for_its_owner_alone(void)
{
    char directory[] = "/tmp/atlas-backup-test-XXXXXX", path[400];
    atlas_config *config = simulator_config(SERVICE_ACCOUNT);
    atlas_client *client;
    atlas_error error;
    struct dirent *entry;
    struct stat status;
    DIR *files;
    int tokens = 0;

    CHECK(mkdtemp(directory) != NULL);
    atlas_config_set_token_cache(config, directory);
    client = atlas_client_new(config, &error);
    CHECK_SUCCESS(error);
    atlas_snapshot_free(atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, &error));
    CHECK_SUCCESS(error);
    atlas_client_free(client);
    files = opendir(directory);
    while ((entry = readdir(files)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
            CHECK_NUMBER(status.st_mode & 0777, 0600);
            tokens += status.st_size > 0;
            unlink(path);
        }
    }
    closedir(files);
    CHECK_NUMBER(tokens, 1);
    CHECK_NUMBER(rmdir(directory), 0);
    /* It is only ever off by choice: a path that cannot be meant is an error. */
    atlas_config_set_token_cache(config, "relative/path");
    CHECK(atlas_client_new(config, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_CONFIG);
    CHECK_CONTAINS(error.message, "token_cache");
    atlas_config_set_token_cache(config, NULL);
    client = atlas_client_new(config, &error);
    CHECK_SUCCESS(error);
    atlas_client_free(client);
    atlas_config_free(config);
}

void call_tests(void)
{
    RUN(a_list_has_every_snapshot_of_every_page_in_order);
    RUN(an_item_of_a_list_is_a_snapshot_that_belongs_to_the_list);
    RUN(an_empty_list_is_no_error);
    RUN(sharded_clusters_have_calls_of_their_own);
    RUN(waiting_ends_when_the_snapshot_is_completed);
    RUN(waiting_in_vain_says_why);
    RUN(cancelling_ends_the_calls_in_progress_and_no_later_one);
    RUN(a_token_given_back_is_fetched_anew_when_needed);
    RUN(the_logger_sees_each_request_and_no_secret);
    RUN(a_logger_of_NULL_or_of_no_level_is_none_or_an_error);
    RUN(a_token_cache_lies_in_its_directory_for_its_owner_alone);
}
