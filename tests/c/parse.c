/* atlas_snapshot_parse: bodies that somebody kept, and bodies that nobody should have sent. */

#include "check.h"
#include "fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From a block of exactly that size, so that valgrind sees a read beyond it. */
static atlas_snapshot *parse_bytes(const char *json, size_t length, atlas_error *error)
{
    char *exact = (char *)malloc(length > 0 ? length : 1);
    atlas_snapshot *snapshot;

    memcpy(exact, json, length);
    spoil(error);
    snapshot = atlas_snapshot_parse(exact, length, error);
    memset(exact, 'x', length); /* it is ours again */
    free(exact);
    return snapshot;
}

static atlas_snapshot *parse(const char *json)
{
    atlas_error error;
    atlas_snapshot *snapshot = parse_bytes(json, strlen(json), &error);

    if (!CHECK(snapshot != NULL) || !CHECK_SUCCESS(error))
        printf("        (%.80s)\n", json);
    return snapshot;
}

static void refused_as(const char *json, size_t length, int32_t kind, const char *message_says)
{
    atlas_error error;
    atlas_snapshot *snapshot = parse_bytes(json, length, &error);

    CHECK(snapshot == NULL);
    CHECK_NUMBER(error.http_status, 0);
    if (!CHECK_FAILURE(error, kind) || !CHECK_CONTAINS(error.message, message_says))
        printf("        (%.80s)\n", json);
    atlas_snapshot_free(snapshot);
}

static void a_body_is_kept_byte_for_byte(void)
{
    static const char json[] = " {\"status\" : \"completed\",\r\n\t\"id\":\"1\" , \"x\": [ 1.50e+3 ] }\n";
    atlas_snapshot *s = parse(json);
    size_t length = 0;

    CHECK_TEXT(atlas_snapshot_json(s, &length), json);
    CHECK_NUMBER(length, sizeof json - 1);
    CHECK_TEXT(atlas_snapshot_field(s, "x"), "[ 1.50e+3 ]");
    CHECK_NUMBER(atlas_snapshot_http_status(s), 0);
    CHECK_NUMBER(atlas_snapshot_header_count(s), 0);
    CHECK_TEXT(atlas_snapshot_header(s, "Server"), NULL);
    atlas_snapshot_free(s);
}

static void an_envelope_is_opened(void)
{
    static const char json[] = "{\"status\":200,\"content\":{\"id\":\"1\",\"status\":\"queued\"}}";
    atlas_snapshot *s = parse(json);

    CHECK_TEXT(atlas_snapshot_id(s), "1");
    CHECK_TEXT(atlas_snapshot_status(s), "queued");
    CHECK_TEXT(atlas_snapshot_json(s, NULL), json);
    CHECK_NUMBER(atlas_snapshot_field_count(s), 2);
    atlas_snapshot_free(s);
    /* The other way round, as another version of Atlas may write it. */
    s = parse("{\"content\":{\"id\":\"1\",\"status\":\"queued\"},\"status\":200}");
    CHECK_TEXT(atlas_snapshot_status(s), "queued");
    atlas_snapshot_free(s);
    /* A snapshot that happens to have a field "content" is no envelope. */
    s = parse("{\"content\":{\"id\":\"1\"},\"status\":\"failed\",\"id\":\"2\"}");
    CHECK_TEXT(atlas_snapshot_id(s), "2");
    CHECK_NUMBER(atlas_snapshot_status_code(s), ATLAS_STATUS_FAILED);
    atlas_snapshot_free(s);
}

static void of_a_length_over_the_limit_nothing_is_read(void)
{
    /* As long as they are; the length is wrong, as is one that was negative. */
    static const size_t lengths[] = { (size_t)-1, (size_t)-1 / 2, 16 * 1024 * 1024 + 1 };
    atlas_error error;
    size_t i;

    for (i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char *json = (char *)malloc(2);

        memcpy(json, "{}", 2);
        spoil(&error);
        CHECK(atlas_snapshot_parse(json, lengths[i], &error) == NULL);
        CHECK_FAILURE(error, ATLAS_ERROR_INVALID_RESPONSE);
        CHECK_CONTAINS(error.message, "too large");
        free(json);
    }
    CHECK(atlas_snapshot_parse(NULL, (size_t)-1, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_INVALID_ARGUMENT);
}

static void a_huge_error_is_told_in_part_and_says_so(void)
{
    const size_t length = 300 * 1024;
    char *body = (char *)malloc(length);
    atlas_error error;

    memset(body, ' ', length);
    memcpy(body, "{\"error\":404,\"errorCode\":\"X\",\"reason\":\"R\"", 41);
    body[length - 1] = '}';
    CHECK(parse_bytes(body, length, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_NOT_FOUND);
    CHECK_TEXT(error.code, "X");
    CHECK_TEXT(error.reason, "R");
    CHECK((error.flags & ATLAS_ERROR_FLAG_TRUNCATED) != 0);
    body[200 * 1024] = '}';
    CHECK(parse_bytes(body, 200 * 1024 + 1, &error) == NULL);
    CHECK_TEXT(error.code, "X");
    CHECK((error.flags & ATLAS_ERROR_FLAG_TRUNCATED) == 0);
    free(body);
}

static void an_error_body_fails_as_it_would_from_the_server(void)
{
    static const char plain[] = "{\"detail\":\"No.\",\"error\":404,\"errorCode\":\"CLUSTER_NOT_FOUND\",\"parameters\":[\"a\"],"
                                "\"reason\":\"Not Found\"}";
    static const char enveloped[] = "{\"status\":403,\"content\":{\"detail\":\"No.\",\"error\":403,\"errorCode\":\"X\","
                                    "\"reason\":\"Forbidden\"}}";
    atlas_error error;

    CHECK(parse_bytes(plain, sizeof plain - 1, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_NOT_FOUND);
    CHECK_NUMBER(error.http_status, 404);
    CHECK_TEXT(error.code, "CLUSTER_NOT_FOUND");
    CHECK_TEXT(error.reason, "Not Found");
    CHECK_TEXT(error.detail, "No.");
    CHECK_TEXT(error.parameters, "[\"a\"]");
    CHECK(parse_bytes(enveloped, sizeof enveloped - 1, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_FORBIDDEN);
    CHECK_NUMBER(error.http_status, 403);
    CHECK_TEXT(error.code, "X");
}

static void a_snapshot_with_a_field_named_error_is_a_snapshot(void)
{
    atlas_snapshot *s = parse("{\"id\":\"1\",\"error\":404}");

    CHECK_TEXT(atlas_snapshot_id(s), "1");
    CHECK_TEXT(atlas_snapshot_field(s, "error"), "404");
    atlas_snapshot_free(s);
}

static void what_is_no_JSON_object_is_an_invalid_response(void)
{
    static const struct {
        const char *json, *message_says;
    } cases[] = {
        { "", "" },
        { " ", "" },
        { "[]", "" },
        { "[{\"id\":\"1\"}]", "" },
        { "null", "" },
        { "42", "" },
        { "\"text\"", "" },
        { "{", "line 1" },
        { "{\"id\":\"1\"", "line 1" },
        { "{\"id\":\"1\",}", "line 1" },
        { "{\"id\" \"1\"}", "line 1" },
        { "{\n  \"id\": \"1\",\n  oops\n}", "line 3" },
        { "{\"id\":\"1\"} and more", "line 1" },
        { "{\"id\":\"1\"}{}", "line 1" },
        { "{'id':'1'}", "line 1" },
        { "{\"id\":NaN}", "line 1" },
        { "\xef\xbb\xbf{\"id\":\"1\"}", "" }, /* a byte-order mark */
        { "{\"id\":\"caf\xe9\"}", "UTF-8" },
        { "{\"x\":\"\xed\xa0\x80\"}", "UTF-8" },
        { "<html></html>", "" },
    };
    size_t i;

    for (i = 0; i < sizeof cases / sizeof *cases; i++)
        refused_as(cases[i].json, strlen(cases[i].json), ATLAS_ERROR_INVALID_RESPONSE, cases[i].message_says);
    refused_as("{\"id\":\"1\"}\0", 11, ATLAS_ERROR_INVALID_RESPONSE, "");
    refused_as("{\"id\":\"1\0\"}", 11, ATLAS_ERROR_INVALID_RESPONSE, "");
}

static void depth_and_size_have_limits(void)
{
    const size_t most = 16 * 1024 * 1024;
    char deep[600];
    char *large = (char *)malloc(most + 2);
    atlas_snapshot *s;
    atlas_error error;
    int levels;

    for (levels = 127; levels <= 128; levels++) { /* of arrays, inside the object: 128 and 129 */
        char *at = deep;

        at += sprintf(at, "{\"x\":");
        memset(at, '[', (size_t)levels);
        at += levels;
        memset(at, ']', (size_t)levels);
        at += levels;
        strcpy(at, "}");
        s = parse_bytes(deep, strlen(deep), &error);
        CHECK((s != NULL) == (levels == 127));
        if (s == NULL)
            CHECK_FAILURE(error, ATLAS_ERROR_INVALID_RESPONSE);
        atlas_snapshot_free(s);
    }
    memset(large, ' ', most + 2);
    memcpy(large, "{\"id\":\"1\"}", 10);
    s = parse_bytes(large, most, &error);
    CHECK_TEXT(atlas_snapshot_id(s), "1");
    atlas_snapshot_free(s);
    refused_as(large, most + 1, ATLAS_ERROR_INVALID_RESPONSE, "too large");
    free(large);
}

static void nothing_sent_is_absent(void)
{
    atlas_snapshot *s = parse("{}");

    CHECK_TEXT(atlas_snapshot_id(s), NULL);
    CHECK_TEXT(atlas_snapshot_status(s), NULL);
    CHECK_NUMBER(atlas_snapshot_status_code(s), ATLAS_STATUS_UNKNOWN);
    CHECK_NUMBER(atlas_snapshot_storage_size_bytes(s), ATLAS_ABSENT);
    CHECK_NUMBER(atlas_snapshot_created_at_ms(s), ATLAS_ABSENT);
    CHECK_NUMBER(atlas_snapshot_link_count(s), 0);
    CHECK_NUMBER(atlas_snapshot_field_count(s), 0);
    CHECK_TEXT(atlas_snapshot_field_name(s, 0), NULL);
    atlas_snapshot_free(s);
}

static void null_is_absent_and_still_there_as_text(void)
{
    atlas_snapshot *s = parse("{\"id\":null,\"storageSizeBytes\":null,\"links\":null,\"createdAt\":null,\"type\":\"replicaSet\"}");

    CHECK_TEXT(atlas_snapshot_id(s), NULL);
    CHECK_TEXT(atlas_snapshot_field(s, "id"), "null");
    CHECK_NUMBER(atlas_snapshot_storage_size_bytes(s), ATLAS_ABSENT);
    CHECK_NUMBER(atlas_snapshot_link_count(s), 0);
    CHECK_NUMBER(atlas_snapshot_created_at_ms(s), ATLAS_ABSENT);
    CHECK_TEXT(atlas_snapshot_type(s), "replicaSet");
    atlas_snapshot_free(s);
}

static void an_empty_string_is_not_absent(void)
{
    atlas_snapshot *s = parse("{\"description\":\"\"}");

    CHECK_TEXT(atlas_snapshot_description(s), "");
    atlas_snapshot_free(s);
}

static int is(const char *name, const char *other)
{
    return strcmp(name, other) == 0;
}

/* A text that the field of this name may hold: its name, or a date. */
static const char *text_of(const char *name)
{
    return is(name, "createdAt") || is(name, "expiresAt") ? "1970-01-01T00:00:01Z" : name;
}

typedef const char *(*text_accessor)(const atlas_snapshot *);

/* One field of a wrong type at a time: it is absent, its text is there, and the other fields are as they were. */
static void a_field_of_the_wrong_type_hides_no_other(void)
{
#define NAME(name, accessor) name,
#define ACCESSOR(name, accessor) atlas_snapshot_##accessor,
    /* First text, then a number, then arrays. */
    static const char *const names[] = {
        TEXT_FIELDS(NAME) "storageSizeBytes", "copyRegions", "policyItems", "snapshotIds", "links", "members",
    };
    static const text_accessor accessors[] = { TEXT_FIELDS(ACCESSOR) };
    enum {
        COUNT = sizeof names / sizeof *names,
        NUMBER = sizeof accessors / sizeof *accessors,
        ARRAYS = NUMBER + 1,
        OBJECTS = COUNT - 2
    };
    size_t wrong, i;

    for (wrong = 0; wrong < COUNT; wrong++) {
        char json[2000], *at = json;
        atlas_snapshot *s;

        for (i = 0; i < COUNT; i++) {
            at += sprintf(at, "%s\"%s\":", i == 0 ? "{" : ",", names[i]);
            if (i == wrong)
                at += sprintf(at, i == NUMBER ? "\"12\"" : "true");
            else if (i == NUMBER)
                at += sprintf(at, "12");
            else if (i >= OBJECTS)
                at += sprintf(at, "[{\"id\":\"1\",\"href\":\"h\"}]");
            else if (i >= ARRAYS)
                at += sprintf(at, "[\"1\"]");
            else
                at += sprintf(at, "\"%s\"", text_of(names[i]));
        }
        strcpy(at, "}");
        s = parse(json);
        for (i = 0; i < NUMBER; i++)
            CHECK_TEXT(accessors[i](s), i == wrong ? NULL : text_of(names[i]));
        CHECK_NUMBER(atlas_snapshot_created_at_ms(s), is(names[wrong], "createdAt") ? ATLAS_ABSENT : 1000);
        CHECK_NUMBER(atlas_snapshot_expires_at_ms(s), is(names[wrong], "expiresAt") ? ATLAS_ABSENT : 1000);
        CHECK_NUMBER(atlas_snapshot_storage_size_bytes(s), wrong == NUMBER ? ATLAS_ABSENT : 12);
        CHECK_NUMBER(atlas_snapshot_copy_region_count(s), is(names[wrong], "copyRegions") ? 0 : 1);
        CHECK_NUMBER(atlas_snapshot_policy_item_count(s), is(names[wrong], "policyItems") ? 0 : 1);
        CHECK_NUMBER(atlas_snapshot_snapshot_id_count(s), is(names[wrong], "snapshotIds") ? 0 : 1);
        CHECK_NUMBER(atlas_snapshot_link_count(s), is(names[wrong], "links") ? 0 : 1);
        CHECK_NUMBER(atlas_snapshot_member_count(s), is(names[wrong], "members") ? 0 : 1);
        CHECK_TEXT(atlas_snapshot_field(s, names[wrong]), wrong == NUMBER ? "\"12\"" : "true");
        CHECK_NUMBER(atlas_snapshot_field_count(s), COUNT);
        atlas_snapshot_free(s);
    }
}

static void sizes_are_whole_numbers_of_64_bits(void)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        { "0", 0 },
        { "-1", -1 },
        { "9223372036854775807", INT64_MAX },
        { "-9223372036854775807", -INT64_MAX },
        { "9223372036854775808", ATLAS_ABSENT },
        { "-9223372036854775809", ATLAS_ABSENT },
        { "18446744073709551615", ATLAS_ABSENT },
        { "123456789012345678901234567890", ATLAS_ABSENT },
        { "1.0", ATLAS_ABSENT },
        { "1.5", ATLAS_ABSENT },
        { "1e3", ATLAS_ABSENT },
        { "1E400", ATLAS_ABSENT },
        { "\"1\"", ATLAS_ABSENT },
    };
    size_t i;

    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[100];
        atlas_snapshot *s;

        snprintf(json, sizeof json, "{\"id\":\"1\",\"storageSizeBytes\":%s}", cases[i].text);
        s = parse(json);
        if (!CHECK_NUMBER(atlas_snapshot_storage_size_bytes(s), cases[i].bytes))
            printf("        (%s)\n", json);
        CHECK_TEXT(atlas_snapshot_field(s, "storageSizeBytes"), cases[i].text);
        CHECK_TEXT(atlas_snapshot_id(s), "1");
        atlas_snapshot_free(s);
    }
}

static void dates_become_milliseconds_where_they_are_dates(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-08-10T03:27:08Z", 1786332428000LL },
        { "2026-08-10T03:27:08.250Z", 1786332428250LL },
        { "2026-08-10T05:27:08+02:00", 1786332428000LL },
        { "1969-12-31T23:59:59Z", -1000 },
        { "9999-12-31T23:59:59Z", 253402300799000LL },
        { "2026-02-30T00:00:00Z", ATLAS_ABSENT },
        { "yesterday", ATLAS_ABSENT },
        { "", ATLAS_ABSENT },
        { "1786332428", ATLAS_ABSENT },
    };
    size_t i;

    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[100];
        atlas_snapshot *s;

        snprintf(json, sizeof json, "{\"createdAt\":\"%s\",\"expiresAt\":\"%s\"}", cases[i].text, cases[i].text);
        s = parse(json);
        if (!CHECK_NUMBER(atlas_snapshot_created_at_ms(s), cases[i].ms))
            printf("        (%s)\n", json);
        CHECK_NUMBER(atlas_snapshot_expires_at_ms(s), cases[i].ms);
        CHECK_TEXT(atlas_snapshot_created_at(s), cases[i].text);
        CHECK_TEXT(atlas_snapshot_expires_at(s), cases[i].text);
        atlas_snapshot_free(s);
    }
}

static void enumerations_are_open_and_compared_without_case(void)
{
    atlas_snapshot *s = parse("{\"status\":\"paused\",\"cloudProvider\":\"HETZNER\",\"frequencyType\":\"fortnightly\","
                              "\"snapshotType\":\"copied\",\"type\":\"serverless\"}");

    CHECK_TEXT(atlas_snapshot_status(s), "paused");
    CHECK_NUMBER(atlas_snapshot_status_code(s), ATLAS_STATUS_UNKNOWN);
    CHECK_NUMBER(atlas_snapshot_cloud_provider_code(s), ATLAS_CLOUD_PROVIDER_UNKNOWN);
    CHECK_NUMBER(atlas_snapshot_frequency_type_code(s), ATLAS_FREQUENCY_UNKNOWN);
    CHECK_NUMBER(atlas_snapshot_snapshot_type_code(s), ATLAS_SNAPSHOT_TYPE_UNKNOWN);
    CHECK_NUMBER(atlas_snapshot_type_code(s), ATLAS_CLUSTER_TYPE_UNKNOWN);
    atlas_snapshot_free(s);
    s = parse("{\"status\":\"INPROGRESS\",\"cloudProvider\":\"azure\",\"frequencyType\":\"onDemand\","
              "\"snapshotType\":\"fallback\",\"type\":\"SHARDEDCLUSTER\"}");
    CHECK_TEXT(atlas_snapshot_status(s), "INPROGRESS");
    CHECK_NUMBER(atlas_snapshot_status_code(s), ATLAS_STATUS_IN_PROGRESS);
    CHECK_NUMBER(atlas_snapshot_cloud_provider_code(s), ATLAS_CLOUD_PROVIDER_AZURE);
    CHECK_NUMBER(atlas_snapshot_frequency_type_code(s), ATLAS_FREQUENCY_ON_DEMAND);
    CHECK_NUMBER(atlas_snapshot_snapshot_type_code(s), ATLAS_SNAPSHOT_TYPE_FALLBACK);
    CHECK_NUMBER(atlas_snapshot_type_code(s), ATLAS_CLUSTER_TYPE_SHARDED_CLUSTER);
    atlas_snapshot_free(s);
}

static void text_is_unescaped_and_stays_UTF_8(void)
{
    atlas_snapshot *s = parse("{\"description\":\"tab\\t quote\\\" slash\\/ nul\\u0000. pair\\ud83d\\ude00 e\\u00e9 \xf0\x9f\x92\xbe\"}");

    CHECK_TEXT(atlas_snapshot_description(s),
               "tab\t quote\" slash/ nul\xef\xbf\xbd. pair\xf0\x9f\x98\x80 e\xc3\xa9 \xf0\x9f\x92\xbe");
    CHECK_CONTAINS(atlas_snapshot_json(s, NULL), "nul\\u0000."); /* the original is there */
    atlas_snapshot_free(s);
}

static void a_lone_surrogate_spoils_only_its_field(void)
{
    atlas_snapshot *s = parse("{\"id\":\"1\",\"description\":\"before \\ud83d after\",\"status\":\"completed\"}");

    CHECK_TEXT(atlas_snapshot_id(s), "1");
    CHECK_TEXT(atlas_snapshot_status(s), "completed");
    CHECK_TEXT(atlas_snapshot_field(s, "description"), "\"before \\ud83d after\"");
    atlas_snapshot_free(s);
}

static void of_duplicate_keys_the_last_wins(void)
{
    atlas_snapshot *s = parse("{\"status\":17,\"id\":\"1\",\"status\":\"queued\",\"id\":\"2\",\"type\":\"replicaSet\",\"type\":null}");

    CHECK_TEXT(atlas_snapshot_status(s), "queued");
    CHECK_TEXT(atlas_snapshot_id(s), "2");
    CHECK_TEXT(atlas_snapshot_field(s, "id"), "\"2\"");
    CHECK_TEXT(atlas_snapshot_type(s), NULL);
    CHECK_NUMBER(atlas_snapshot_field_count(s), 3);
    atlas_snapshot_free(s);
}

static void an_array_with_an_odd_element_is_absent_as_a_whole(void)
{
    atlas_snapshot *s = parse("{\"copyRegions\":[\"A\",null],\"policyItems\":[\"1\",7],\"snapshotIds\":[\"1\"],"
                              "\"links\":[{\"rel\":\"self\"},{}],\"members\":[\"x\"]}");

    CHECK_NUMBER(atlas_snapshot_copy_region_count(s), 0);
    CHECK_TEXT(atlas_snapshot_copy_region(s, 0), NULL);
    CHECK_TEXT(atlas_snapshot_field(s, "copyRegions"), "[\"A\",null]");
    CHECK_NUMBER(atlas_snapshot_policy_item_count(s), 0);
    CHECK_NUMBER(atlas_snapshot_snapshot_id_count(s), 1);
    CHECK_NUMBER(atlas_snapshot_member_count(s), 0);
    /* Within an object of an array each member is absent on its own. */
    CHECK_NUMBER(atlas_snapshot_link_count(s), 2);
    CHECK_TEXT(atlas_snapshot_link_rel(s, 0), "self");
    CHECK_TEXT(atlas_snapshot_link_href(s, 0), NULL);
    CHECK_TEXT(atlas_snapshot_link_rel(s, 1), NULL);
    atlas_snapshot_free(s);
}

static void a_sharded_snapshot_reads(void)
{
    atlas_snapshot *s = parse("{\"id\":\"1\",\"type\":\"shardedCluster\",\"configServerType\":\"EMBEDDED\",\"snapshotIds\":[\"a\",\"b\"],"
                              "\"members\":[{\"id\":\"a\",\"cloudProvider\":\"AWS\",\"replicaSetName\":\"s0\"},{\"id\":\"b\"}]}");

    CHECK_TEXT(atlas_snapshot_config_server_type(s), "EMBEDDED");
    CHECK_NUMBER(atlas_snapshot_member_count(s), 2);
    CHECK_TEXT(atlas_snapshot_member_id(s, 0), "a");
    CHECK_TEXT(atlas_snapshot_member_cloud_provider(s, 0), "AWS");
    CHECK_TEXT(atlas_snapshot_member_replica_set_name(s, 0), "s0");
    CHECK_TEXT(atlas_snapshot_member_id(s, 1), "b");
    CHECK_TEXT(atlas_snapshot_member_cloud_provider(s, 1), NULL);
    CHECK_TEXT(atlas_snapshot_snapshot_id(s, 1), "b");
    atlas_snapshot_free(s);
}

void parse_tests(void)
{
    RUN(a_body_is_kept_byte_for_byte);
    RUN(an_envelope_is_opened);
    RUN(of_a_length_over_the_limit_nothing_is_read);
    RUN(a_huge_error_is_told_in_part_and_says_so);
    RUN(an_error_body_fails_as_it_would_from_the_server);
    RUN(a_snapshot_with_a_field_named_error_is_a_snapshot);
    RUN(what_is_no_JSON_object_is_an_invalid_response);
    RUN(depth_and_size_have_limits);
    RUN(nothing_sent_is_absent);
    RUN(null_is_absent_and_still_there_as_text);
    RUN(an_empty_string_is_not_absent);
    RUN(a_field_of_the_wrong_type_hides_no_other);
    RUN(sizes_are_whole_numbers_of_64_bits);
    RUN(dates_become_milliseconds_where_they_are_dates);
    RUN(enumerations_are_open_and_compared_without_case);
    RUN(text_is_unescaped_and_stays_UTF_8);
    RUN(a_lone_surrogate_spoils_only_its_field);
    RUN(of_duplicate_keys_the_last_wins);
    RUN(an_array_with_an_odd_element_is_absent_as_a_whole);
    RUN(a_sharded_snapshot_reads);
}
