/* Lists that somebody kept, and the newest snapshot of a list. */

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From a block of exactly that size, so that valgrind sees a read beyond it. */
static atlas_snapshot_list *parse(const char *json, size_t length, atlas_error *error)
{
    char *exact = (char *)malloc(length > 0 ? length : 1);
    atlas_snapshot_list *list;

    memcpy(exact, json, length);
    spoil(error);
    list = atlas_snapshot_list_parse(exact, length, error);
    memset(exact, 'x', length); /* it is ours again */
    free(exact);
    return list;
}

static void a_page_that_was_kept_is_read_again(void)
{
    static const char *const pages[] = {
        "{\"results\":[{\"id\":\"a\",\"status\":\"completed\"},42,{\"id\":\"c\"}],\"totalCount\":7}",
        "{\"status\":200,\"content\":{\"totalCount\":7,\"results\":[{\"id\":\"a\",\"status\":\"completed\"},42,{\"id\":\"c\"}]}}",
    };
    atlas_error error;
    size_t i;

    for (i = 0; i < sizeof pages / sizeof *pages; i++) {
        atlas_snapshot_list *list = parse(pages[i], strlen(pages[i]), &error);

        CHECK_SUCCESS(error);
        CHECK_NUMBER(atlas_snapshot_list_count(list), 3);
        CHECK_NUMBER(atlas_snapshot_list_total_count(list), 7);
        CHECK_TEXT(atlas_snapshot_id(atlas_snapshot_list_get(list, 0)), "a");
        CHECK_NUMBER(atlas_snapshot_status_code(atlas_snapshot_list_get(list, 0)), ATLAS_STATUS_COMPLETED);
        CHECK_TEXT(atlas_snapshot_json(atlas_snapshot_list_get(list, 1), NULL), "42");
        CHECK_TEXT(atlas_snapshot_id(atlas_snapshot_list_get(list, 2)), "c");
        CHECK(atlas_snapshot_list_get(list, 3) == NULL);
        atlas_snapshot_list_free(list);
    }
}

static void what_is_no_page_is_refused(void)
{
    static const struct {
        const char *json;
        size_t length; /* 0: that of the text */
        int32_t kind;
        const char *says;
    } bodies[] = {
        { "", 0, ATLAS_ERROR_INVALID_RESPONSE, "" },
        { "[]", 0, ATLAS_ERROR_INVALID_RESPONSE, "" },
        { "{\"id\":\"a\"}", 0, ATLAS_ERROR_INVALID_RESPONSE, "results" },
        { "{\"results\":{}}", 0, ATLAS_ERROR_INVALID_RESPONSE, "results" },
        { "{\"results\":[\xff]}", 0, ATLAS_ERROR_INVALID_RESPONSE, "UTF-8" },
        { "\xef\xbb\xbf{\"results\":[]}", 0, ATLAS_ERROR_INVALID_RESPONSE, "" },
        { "{\"results\":[]}", 13, ATLAS_ERROR_INVALID_RESPONSE, "line 1" },
        { "{\"error\":404,\"errorCode\":\"CLUSTER_NOT_FOUND\"}", 0, ATLAS_ERROR_NOT_FOUND, "CLUSTER_NOT_FOUND" },
        { "{\"status\":503,\"content\":null}", 0, ATLAS_ERROR_SERVER, "503" },
    };
    atlas_error error;
    size_t i;

    for (i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        size_t length = bodies[i].length != 0 ? bodies[i].length : strlen(bodies[i].json);

        CHECK(parse(bodies[i].json, length, &error) == NULL);
        if (!CHECK_FAILURE(error, bodies[i].kind) || !CHECK_CONTAINS(error.message, bodies[i].says))
            printf("        (%s)\n", bodies[i].json);
    }
}

static void of_a_page_over_16_MiB_nothing_is_read(void)
{
    static const size_t lengths[] = { (size_t)-1, (size_t)-1 / 2, 16 * 1024 * 1024 + 1 };
    const size_t most = 16 * 1024 * 1024;
    char *page = (char *)malloc(most);
    atlas_error error;
    atlas_snapshot_list *list;
    size_t i;

    memset(page, ' ', most);
    memcpy(page, "{\"results\":[{}]}", 16);
    for (i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        spoil(&error);
        CHECK(atlas_snapshot_list_parse(page, lengths[i], &error) == NULL);
        CHECK_FAILURE(error, ATLAS_ERROR_INVALID_RESPONSE);
        CHECK_CONTAINS(error.message, "too large");
    }
    list = parse(page, most, &error);
    CHECK_SUCCESS(error);
    CHECK_NUMBER(atlas_snapshot_list_count(list), 1);
    atlas_snapshot_list_free(list);
    free(page);
}

#define ANY 0

static void the_newest_is_chosen_by_date_then_by_id_and_by_its_codes(void)
{
    static const char page[] =
        "{\"results\":["
        "{\"id\":\"60\",\"createdAt\":\"2026-08-02T00:00:00Z\",\"status\":\"completed\",\"frequencyType\":\"daily\","
        "\"snapshotType\":\"scheduled\"},"
        "{\"id\":\"10\",\"createdAt\":\"2026-08-04T00:00:00+02:00\",\"status\":\"failed\",\"frequencyType\":\"hourly\","
        "\"snapshotType\":\"scheduled\"},"
        "{\"id\":\"20\",\"createdAt\":\"2026-08-03T22:00:00Z\",\"status\":\"FAILED\",\"frequencyType\":\"daily\","
        "\"snapshotType\":\"fallback\"},"
        "{\"createdAt\":\"2026-08-03T22:00:00Z\",\"status\":\"failed\",\"snapshotType\":\"scheduled\"},"
        "{\"id\":\"95\",\"createdAt\":\"tomorrow\",\"status\":\"queued\",\"frequencyType\":\"ondemand\",\"snapshotType\":\"onDemand\"},"
        "{\"status\":\"queued\",\"frequencyType\":\"ondemand\",\"snapshotType\":\"onDemand\"},"
        "{\"id\":\"97\",\"status\":\"queued\",\"frequencyType\":\"ondemand\",\"snapshotType\":\"onDemand\"},"
        "{\"id\":\"99\",\"status\":\"paused\"},"
        "42]}";
    static const struct {
        int32_t status, frequency_type, snapshot_type;
        const char *id;
    } cases[] = {
        { ANY, ANY, ANY, "20" },
        { ATLAS_STATUS_COMPLETED, ANY, ANY, "60" },
        { ATLAS_STATUS_FAILED, ANY, ANY, "20" },
        { ATLAS_STATUS_FAILED, ATLAS_FREQUENCY_HOURLY, ANY, "10" },
        { ANY, ATLAS_FREQUENCY_DAILY, ANY, "20" },
        { ANY, ATLAS_FREQUENCY_DAILY, ATLAS_SNAPSHOT_TYPE_SCHEDULED, "60" },
        { ANY, ANY, ATLAS_SNAPSHOT_TYPE_SCHEDULED, "10" },
        { ANY, ANY, ATLAS_SNAPSHOT_TYPE_FALLBACK, "20" },
        { ATLAS_STATUS_QUEUED, ANY, ANY, "97" },
        { ATLAS_STATUS_QUEUED, ATLAS_FREQUENCY_ON_DEMAND, ATLAS_SNAPSHOT_TYPE_ON_DEMAND, "97" },
        { ATLAS_STATUS_IN_PROGRESS, ANY, ANY, NULL },
        { ATLAS_STATUS_COMPLETED, ATLAS_FREQUENCY_HOURLY, ANY, NULL },
        { ANY, ATLAS_FREQUENCY_WEEKLY, ANY, NULL },
        { 77, ANY, ANY, NULL },
        { -1, ANY, ANY, NULL },
        { ANY, 77, ANY, NULL },
        { ANY, ANY, INT32_MIN, NULL },
    };
    atlas_error error;
    atlas_snapshot_list *list = parse(page, sizeof page - 1, &error);
    size_t i, j;

    CHECK_SUCCESS(error);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const atlas_snapshot *newest =
            atlas_snapshot_list_newest(list, cases[i].status, cases[i].frequency_type, cases[i].snapshot_type);
        int lent = newest == NULL;

        if (!CHECK_TEXT(atlas_snapshot_id(newest), cases[i].id))
            printf("        (case %lu)\n", (unsigned long)i);
        for (j = 0; j < atlas_snapshot_list_count(list); j++)
            lent |= newest == atlas_snapshot_list_get(list, j);
        CHECK(lent);
    }
    atlas_snapshot_list_free(list);

    list = parse("{\"results\":[]}", 14, &error);
    CHECK(atlas_snapshot_list_newest(list, ANY, ANY, ANY) == NULL);
    atlas_snapshot_list_free(list);
}

static void the_newest_of_a_fetched_list_can_be_kept(void)
{
    atlas_client *client = simulator_client();
    atlas_snapshot_list *list = atlas_client_list_snapshots(client, PROJECT, "many-1234", 0, NULL);
    atlas_snapshot *kept = atlas_snapshot_copy(atlas_snapshot_list_newest(list, ATLAS_STATUS_COMPLETED, ANY, ANY));
    int64_t latest = ATLAS_ABSENT;
    size_t i;

    for (i = 0; i < atlas_snapshot_list_count(list); i++)
        if (atlas_snapshot_created_at_ms(atlas_snapshot_list_get(list, i)) > latest)
            latest = atlas_snapshot_created_at_ms(atlas_snapshot_list_get(list, i));
    atlas_snapshot_list_free(list);
    CHECK(latest > 0);
    CHECK_NUMBER(atlas_snapshot_created_at_ms(kept), latest);
    atlas_snapshot_free(kept);
    atlas_client_free(client);
}

void list_tests(void)
{
    RUN(a_page_that_was_kept_is_read_again);
    RUN(what_is_no_page_is_refused);
    RUN(of_a_page_over_16_MiB_nothing_is_read);
    RUN(the_newest_is_chosen_by_date_then_by_id_and_by_its_codes);
    RUN(the_newest_of_a_fetched_list_can_be_kept);
}
