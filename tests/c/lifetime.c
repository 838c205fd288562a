/* Who may be freed when, what stays where it is, and many threads at once. */

#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void a_config_may_be_freed_or_changed_before_its_client_is_used(void)
{
    static const enum credentials kinds[] = { SERVICE_ACCOUNT, API_KEY, ACCESS_TOKEN };
    size_t i;

    for (i = 0; i < 3; i++) {
        atlas_config *config = simulator_config(kinds[i]);
        atlas_client *client = atlas_client_new(config, NULL);
        atlas_snapshot *snapshot;
        atlas_error error;

        atlas_config_set_base_url(config, "nonsense");
        atlas_config_set_access_token(config, "nonsense");
        atlas_config_free(config);
        snapshot = atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, &error);
        CHECK_SUCCESS(error);
        CHECK_TEXT(atlas_snapshot_id(snapshot), SNAPSHOT);
        atlas_snapshot_free(snapshot);
        atlas_client_free(client);
    }
}

static void a_snapshot_outlives_its_client(void)
{
    atlas_client *client = simulator_client();
    atlas_snapshot *snapshot = atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, NULL);

    atlas_client_free(client);
    CHECK_TEXT(atlas_snapshot_id(snapshot), SNAPSHOT);
    CHECK_TEXT(atlas_snapshot_field(snapshot, "status"), "\"completed\"");
    CHECK_TEXT(atlas_snapshot_header(snapshot, "server"), "mdbws");
    CHECK_CONTAINS(atlas_snapshot_json(snapshot, NULL), SNAPSHOT);
    atlas_snapshot_free(snapshot);
}

static void one_config_makes_several_clients(void)
{
    atlas_config *config = simulator_config(ACCESS_TOKEN);
    atlas_client *first = atlas_client_new(config, NULL), *second;
    atlas_error error;

    atlas_config_set_access_token(config, "another-token");
    second = atlas_client_new(config, NULL);
    atlas_config_free(config);
    CHECK(atlas_client_get_snapshot(second, PROJECT, CLUSTER, SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_UNAUTHENTICATED);
    atlas_client_free(second);
    atlas_snapshot_free(atlas_client_get_snapshot(first, PROJECT, CLUSTER, SNAPSHOT, 0, &error));
    CHECK_SUCCESS(error);
    atlas_client_free(first);
}

static void a_copy_lives_on_by_itself(void)
{
    atlas_client *client = simulator_client();
    atlas_snapshot *original = atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, NULL);
    atlas_snapshot *copy = atlas_snapshot_copy(original), *second;
    char json[4096];

    CHECK(copy != NULL && copy != original);
    snprintf(json, sizeof json, "%s", or_empty(atlas_snapshot_json(original, NULL)));
    atlas_snapshot_free(original);
    second = atlas_snapshot_copy(copy);
    atlas_snapshot_free(copy);
    CHECK_TEXT(atlas_snapshot_id(second), SNAPSHOT);
    CHECK_TEXT(atlas_snapshot_link_rel(second, 0), "self");
    CHECK_TEXT(atlas_snapshot_json(second, NULL), json);
    CHECK_TEXT(atlas_snapshot_field(second, "type"), "\"replicaSet\"");
    CHECK_NUMBER(atlas_snapshot_http_status(second), 200);
    CHECK_TEXT(atlas_snapshot_header(second, "server"), "mdbws");
    atlas_snapshot_free(second);
    atlas_client_free(client);
}

static void text_stays_at_its_address(void)
{
    static const char json[] = "{\"id\":\"1\",\"description\":\"\\u0041\",\"copyRegions\":[\"A\"],\"links\":[{\"rel\":\"r\",\"href\":\"h\"}]}";
    atlas_snapshot *s = atlas_snapshot_parse(json, sizeof json - 1, NULL);
    const char *id = atlas_snapshot_id(s), *description = atlas_snapshot_description(s), *body = atlas_snapshot_json(s, NULL),
               *field = atlas_snapshot_field(s, "links"), *name = atlas_snapshot_field_name(s, 2),
               *region = atlas_snapshot_copy_region(s, 0), *rel = atlas_snapshot_link_rel(s, 0);

    CHECK_TEXT(field, "[{\"rel\":\"r\",\"href\":\"h\"}]");
    CHECK_TEXT(atlas_snapshot_field(s, "id"), "\"1\"");
    CHECK_TEXT(atlas_snapshot_field(s, "description"), "\"\\u0041\"");
    CHECK(atlas_snapshot_id(s) == id);
    CHECK(atlas_snapshot_description(s) == description);
    CHECK(atlas_snapshot_json(s, NULL) == body);
    CHECK(atlas_snapshot_field(s, "links") == field);
    CHECK(atlas_snapshot_field_name(s, 2) == name);
    CHECK(atlas_snapshot_copy_region(s, 0) == region);
    CHECK(atlas_snapshot_link_rel(s, 0) == rel);
    CHECK_TEXT(id, "1");
    CHECK_TEXT(description, "A");
    CHECK_TEXT(body, json);
    CHECK_TEXT(name, "copyRegions");
    CHECK_TEXT(region, "A");
    CHECK_TEXT(rel, "r");
    atlas_snapshot_free(s);
}

/* ---- Threads ---- */

enum { THREADS = 8, ROUNDS = 10 };

struct shared {
    atlas_client *client;
    const atlas_snapshot *snapshot;
};

/* Returns NULL if all went well, and otherwise what did not; CHECK is for one thread. */
static void *ask(void *argument)
{
    struct shared *shared = (struct shared *)argument;
    static char no_snapshot[] = "a snapshot was not read", no_error[] = "an error was not as expected",
                wrong_text[] = "a shared snapshot was not as expected";
    int round;

    for (round = 0; round < ROUNDS; round++) {
        atlas_error error;
        atlas_snapshot *snapshot = atlas_client_get_snapshot(shared->client, PROJECT, CLUSTER, SNAPSHOT, 0, &error);
        int same = strcmp(or_empty(atlas_snapshot_id(snapshot)), SNAPSHOT) == 0;

        atlas_snapshot_free(snapshot);
        if (!same || error.kind != ATLAS_ERROR_NONE)
            return no_snapshot;
        if (atlas_client_get_snapshot(shared->client, PROJECT, "error-404", SNAPSHOT, 0, &error) != NULL ||
            error.kind != ATLAS_ERROR_NOT_FOUND)
            return no_error;
        if (strcmp(or_empty(atlas_snapshot_field(shared->snapshot, "status")), "\"completed\"") != 0 ||
            strcmp(or_empty(atlas_snapshot_header(shared->snapshot, "server")), "mdbws") != 0)
            return wrong_text;
    }
    return NULL;
}

static void threads_share(enum credentials kind)
{
    atlas_config *config = simulator_config(kind);
    struct shared shared;
    pthread_t threads[THREADS];
    atlas_snapshot *snapshot;
    atlas_client *first;
    int i;

    first = simulator_client();
    snapshot = atlas_client_get_snapshot(first, PROJECT, CLUSTER, SNAPSHOT, 0, NULL);
    atlas_client_free(first);
    shared.client = atlas_client_new(config, NULL); /* not used before the threads do, all at once */
    shared.snapshot = snapshot;
    atlas_config_free(config);
    for (i = 0; i < THREADS; i++)
        CHECK_NUMBER(pthread_create(&threads[i], NULL, ask, &shared), 0);
    for (i = 0; i < THREADS; i++) {
        void *problem;

        pthread_join(threads[i], &problem);
        CHECK_TEXT((const char *)problem, NULL);
    }
    atlas_client_free(shared.client);
    atlas_snapshot_free(snapshot);
}

static void eight_threads_share_a_client_with_a_service_account(void)
{
    threads_share(SERVICE_ACCOUNT);
}

static void eight_threads_share_a_client_with_an_api_key(void)
{
    threads_share(API_KEY);
}

static void eight_threads_share_a_client_with_a_token(void)
{
    threads_share(ACCESS_TOKEN);
}

void lifetime_tests(void)
{
    RUN(a_config_may_be_freed_or_changed_before_its_client_is_used);
    RUN(a_snapshot_outlives_its_client);
    RUN(one_config_makes_several_clients);
    RUN(a_copy_lives_on_by_itself);
    RUN(text_stays_at_its_address);
    RUN(eight_threads_share_a_client_with_a_service_account);
    RUN(eight_threads_share_a_client_with_an_api_key);
    RUN(eight_threads_share_a_client_with_a_token);
}
