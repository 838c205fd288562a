/* What is frozen for ever, checked once more at run time, where a failure is easier to read. */

#include "check.h"

#include <stdio.h>

static void the_layout_of_atlas_error_is_frozen(void)
{
    CHECK_NUMBER(sizeof(atlas_error), 2048);
    CHECK_NUMBER(atlas_error_size(), 2048);
    CHECK_NUMBER(offsetof(atlas_error, kind), 0);
    CHECK_NUMBER(offsetof(atlas_error, http_status), 4);
    CHECK_NUMBER(offsetof(atlas_error, retry_after), 8);
    CHECK_NUMBER(offsetof(atlas_error, flags), 12);
    CHECK_NUMBER(offsetof(atlas_error, code), 16);
    CHECK_NUMBER(offsetof(atlas_error, reason), 112);
    CHECK_NUMBER(offsetof(atlas_error, detail), 176);
    CHECK_NUMBER(offsetof(atlas_error, parameters), 944);
    CHECK_NUMBER(offsetof(atlas_error, message), 1200);
    CHECK_NUMBER(offsetof(atlas_error, reserved), 1968);
}

static void an_atlas_error_needs_no_more_than_4_byte_alignment(void)
{
    struct {
        char before;
        atlas_error error;
    } pair;

    CHECK_NUMBER((const char *)&pair.error - (const char *)&pair, 4);
}

static void the_numbers_of_the_constants_never_change(void)
{
    CHECK_NUMBER(ATLAS_ERROR_NONE, 0);
    CHECK_NUMBER(ATLAS_ERROR_INVALID_ARGUMENT, 1);
    CHECK_NUMBER(ATLAS_ERROR_CONFIG, 2);
    CHECK_NUMBER(ATLAS_ERROR_UNAUTHENTICATED, 3);
    CHECK_NUMBER(ATLAS_ERROR_FORBIDDEN, 4);
    CHECK_NUMBER(ATLAS_ERROR_NOT_FOUND, 5);
    CHECK_NUMBER(ATLAS_ERROR_BAD_REQUEST, 6);
    CHECK_NUMBER(ATLAS_ERROR_RATE_LIMITED, 7);
    CHECK_NUMBER(ATLAS_ERROR_SERVER, 8);
    CHECK_NUMBER(ATLAS_ERROR_TIMEOUT, 9);
    CHECK_NUMBER(ATLAS_ERROR_NETWORK, 10);
    CHECK_NUMBER(ATLAS_ERROR_TLS, 11);
    CHECK_NUMBER(ATLAS_ERROR_INVALID_RESPONSE, 12);
    CHECK_NUMBER(ATLAS_ERROR_CANCELLED, 13);
    CHECK_NUMBER(ATLAS_ERROR_SNAPSHOT_FAILED, 14);
    CHECK_NUMBER(ATLAS_ERROR_INTERNAL, 15);
    CHECK_NUMBER(ATLAS_ERROR_FLAG_RETRYABLE, 1);
    CHECK_NUMBER(ATLAS_ERROR_FLAG_TRUNCATED, 2);
    CHECK_NUMBER(ATLAS_ENVELOPE, 1);
    CHECK_NUMBER(ATLAS_PRETTY, 2);
    CHECK_NUMBER(ATLAS_STATUS_UNKNOWN, 0);
    CHECK_NUMBER(ATLAS_STATUS_QUEUED, 1);
    CHECK_NUMBER(ATLAS_STATUS_IN_PROGRESS, 2);
    CHECK_NUMBER(ATLAS_STATUS_COMPLETED, 3);
    CHECK_NUMBER(ATLAS_STATUS_FAILED, 4);
    CHECK_NUMBER(ATLAS_CLOUD_PROVIDER_UNKNOWN, 0);
    CHECK_NUMBER(ATLAS_CLOUD_PROVIDER_AWS, 1);
    CHECK_NUMBER(ATLAS_CLOUD_PROVIDER_AZURE, 2);
    CHECK_NUMBER(ATLAS_CLOUD_PROVIDER_GCP, 3);
    CHECK_NUMBER(ATLAS_FREQUENCY_UNKNOWN, 0);
    CHECK_NUMBER(ATLAS_FREQUENCY_HOURLY, 1);
    CHECK_NUMBER(ATLAS_FREQUENCY_DAILY, 2);
    CHECK_NUMBER(ATLAS_FREQUENCY_WEEKLY, 3);
    CHECK_NUMBER(ATLAS_FREQUENCY_MONTHLY, 4);
    CHECK_NUMBER(ATLAS_FREQUENCY_YEARLY, 5);
    CHECK_NUMBER(ATLAS_FREQUENCY_ON_DEMAND, 6);
    CHECK_NUMBER(ATLAS_SNAPSHOT_TYPE_UNKNOWN, 0);
    CHECK_NUMBER(ATLAS_SNAPSHOT_TYPE_ON_DEMAND, 1);
    CHECK_NUMBER(ATLAS_SNAPSHOT_TYPE_SCHEDULED, 2);
    CHECK_NUMBER(ATLAS_SNAPSHOT_TYPE_FALLBACK, 3);
    CHECK_NUMBER(ATLAS_CLUSTER_TYPE_UNKNOWN, 0);
    CHECK_NUMBER(ATLAS_CLUSTER_TYPE_REPLICA_SET, 1);
    CHECK_NUMBER(ATLAS_CLUSTER_TYPE_SHARDED_CLUSTER, 2);
    CHECK(ATLAS_ABSENT == INT64_MIN);
}

static void flags_and_absent_have_the_types_they_are_used_with(void)
{
    uint32_t flags = ATLAS_ENVELOPE | ATLAS_PRETTY;
    int64_t absent = ATLAS_ABSENT;

    CHECK_NUMBER(flags, 3);
    CHECK(absent < 0);
    CHECK_NUMBER(sizeof(ATLAS_ABSENT), 8);
    /* Below 0 comes the largest number, if the constant is unsigned. */
    CHECK(0 * ATLAS_ENVELOPE - 1 > 0);
    CHECK(0 * ATLAS_PRETTY - 1 > 0);
    CHECK(0 * ATLAS_ERROR_FLAG_RETRYABLE - 1 > 0);
    CHECK(0 * ATLAS_ERROR_FLAG_TRUNCATED - 1 > 0);
}

static void every_error_kind_has_its_name(void)
{
    static const char *const names[] = {
        "none", "invalid_argument", "config", "unauthenticated", "forbidden", "not_found", "bad_request",
        "rate_limited", "server", "timeout", "network", "tls", "invalid_response", "cancelled", "snapshot_failed",
        "internal",
    };
    int32_t kind;

    for (kind = 0; kind < 16; kind++)
        CHECK_TEXT(atlas_error_kind_name(kind), names[kind]);
    CHECK_TEXT(atlas_error_kind_name(16), "unknown");
    CHECK_TEXT(atlas_error_kind_name(-1), "unknown");
    CHECK_TEXT(atlas_error_kind_name(INT32_MAX), "unknown");
    CHECK_TEXT(atlas_error_kind_name(INT32_MIN), "unknown");
}

static void header_and_library_are_of_the_same_version(void)
{
    char text[40];

    CHECK_TEXT(atlas_backup_version(), ATLAS_BACKUP_VERSION_STRING);
    CHECK_NUMBER(atlas_backup_runtime_version(), ATLAS_BACKUP_VERSION_NUMBER);
    sprintf(text, "%d.%d.%d", ATLAS_BACKUP_VERSION_MAJOR, ATLAS_BACKUP_VERSION_MINOR, ATLAS_BACKUP_VERSION_PATCH);
    CHECK_TEXT(text, ATLAS_BACKUP_VERSION_STRING);
    CHECK_NUMBER(ATLAS_BACKUP_VERSION_NUMBER,
                 ATLAS_BACKUP_VERSION_MAJOR * 1000000 + ATLAS_BACKUP_VERSION_MINOR * 1000 + ATLAS_BACKUP_VERSION_PATCH);
}

void layout_tests(void)
{
    RUN(the_layout_of_atlas_error_is_frozen);
    RUN(an_atlas_error_needs_no_more_than_4_byte_alignment);
    RUN(the_numbers_of_the_constants_never_change);
    RUN(flags_and_absent_have_the_types_they_are_used_with);
    RUN(every_error_kind_has_its_name);
    RUN(header_and_library_are_of_the_same_version);
}
