/*
 * NULL for every pointer of every function. tests/c/header.sh sees to it that no function of the header is missing
 * here.
 */

#include "check.h"
#include "fields.h"

#include <string.h>

static void frees_do_nothing_with_NULL(void)
{
    atlas_config_free(NULL);
    atlas_client_free(NULL);
    atlas_snapshot_free(NULL);
    atlas_snapshot_list_free(NULL);
}

static void setters_do_nothing_with_a_NULL_config(void)
{
    atlas_config_set_service_account(NULL, "mdb_sa_id_1", "mdb_sa_sk_1");
    atlas_config_set_service_account(NULL, NULL, NULL);
    atlas_config_set_api_key(NULL, "key", "key");
    atlas_config_set_api_key(NULL, NULL, NULL);
    atlas_config_set_access_token(NULL, "token");
    atlas_config_set_access_token(NULL, NULL);
    atlas_config_set_service_account_file(NULL, "mdb_sa_id_1", "/no/such/file");
    atlas_config_set_service_account_file(NULL, NULL, NULL);
    atlas_config_set_api_key_file(NULL, "key", "/no/such/file");
    atlas_config_set_api_key_file(NULL, NULL, NULL);
    atlas_config_set_access_token_file(NULL, "/no/such/file");
    atlas_config_set_access_token_file(NULL, NULL);
    atlas_config_set_base_url(NULL, "https://localhost");
    atlas_config_set_base_url(NULL, NULL);
    atlas_config_set_api_version(NULL, "2024-05-30");
    atlas_config_set_api_version(NULL, NULL);
    atlas_config_set_timeout_ms(NULL, 1);
    atlas_config_set_connect_timeout_ms(NULL, 1);
    atlas_config_set_max_retries(NULL, 1);
    atlas_config_set_ca_file(NULL, "/dev/null");
    atlas_config_set_ca_file(NULL, NULL);
    atlas_config_set_proxy(NULL, "");
    atlas_config_set_proxy(NULL, NULL);
    atlas_config_set_user_agent(NULL, "test/1");
    atlas_config_set_user_agent(NULL, NULL);
    atlas_config_set_token_cache(NULL, "default");
    atlas_config_set_token_cache(NULL, NULL);
    atlas_config_set_logger(NULL, ATLAS_LOG_DEBUG, NULL, NULL);
    atlas_client_cancel(NULL);
}

static atlas_error last_error;

/* Puts garbage into last_error and hands it to the call that is about to fail. */
static atlas_error *spoilt(void)
{
    spoil(&last_error);
    return &last_error;
}

/* `result` is what the call returned; `named` the parameter that was NULL. */
static void reported(int result_is_null, const char *named, int line)
{
    check_true(result_is_null, "the call returned NULL", __FILE__, line);
    check_failure(&last_error, ATLAS_ERROR_INVALID_ARGUMENT, __FILE__, line);
    check_contains(last_error.message, named, "message", __FILE__, line);
}
#define REPORTED(call, named) reported((call) == NULL, named, __LINE__)

static void calls_that_can_fail_report_NULL_as_an_invalid_argument(void)
{
    atlas_client *c = simulator_client();

    REPORTED(atlas_client_new(NULL, spoilt()), "config");
    REPORTED(atlas_client_get_snapshot(NULL, PROJECT, CLUSTER, SNAPSHOT, 0, spoilt()), "client");
    REPORTED(atlas_client_get_snapshot(c, NULL, CLUSTER, SNAPSHOT, 0, spoilt()), "the project id");
    REPORTED(atlas_client_get_snapshot(c, PROJECT, NULL, SNAPSHOT, 0, spoilt()), "the cluster name");
    REPORTED(atlas_client_get_snapshot(c, PROJECT, CLUSTER, NULL, 0, spoilt()), "the snapshot id");
    REPORTED(atlas_client_get_sharded_snapshot(NULL, PROJECT, CLUSTER, SNAPSHOT, 0, spoilt()), "client");
    REPORTED(atlas_client_get_sharded_snapshot(c, NULL, CLUSTER, SNAPSHOT, 0, spoilt()), "the project id");
    REPORTED(atlas_client_get_sharded_snapshot(c, PROJECT, NULL, SNAPSHOT, 0, spoilt()), "the cluster name");
    REPORTED(atlas_client_get_sharded_snapshot(c, PROJECT, CLUSTER, NULL, 0, spoilt()), "the snapshot id");
    REPORTED(atlas_client_list_snapshots(NULL, PROJECT, CLUSTER, 0, spoilt()), "client");
    REPORTED(atlas_client_list_snapshots(c, NULL, CLUSTER, 0, spoilt()), "the project id");
    REPORTED(atlas_client_list_snapshots(c, PROJECT, NULL, 0, spoilt()), "the cluster name");
    REPORTED(atlas_client_list_sharded_snapshots(NULL, PROJECT, CLUSTER, 0, spoilt()), "client");
    REPORTED(atlas_client_list_sharded_snapshots(c, NULL, CLUSTER, 0, spoilt()), "the project id");
    REPORTED(atlas_client_list_sharded_snapshots(c, PROJECT, NULL, 0, spoilt()), "the cluster name");
    REPORTED(atlas_client_wait_for_snapshot(NULL, PROJECT, CLUSTER, SNAPSHOT, 0, 0, 0, NULL, NULL, spoilt()), "client");
    REPORTED(atlas_client_wait_for_snapshot(c, NULL, CLUSTER, SNAPSHOT, 0, 0, 0, NULL, NULL, spoilt()), "the project id");
    REPORTED(atlas_client_wait_for_snapshot(c, PROJECT, NULL, SNAPSHOT, 0, 0, 0, NULL, NULL, spoilt()), "the cluster name");
    REPORTED(atlas_client_wait_for_snapshot(c, PROJECT, CLUSTER, NULL, 0, 0, 0, NULL, NULL, spoilt()), "the snapshot id");
    REPORTED(atlas_client_wait_for_sharded_snapshot(NULL, PROJECT, CLUSTER, SNAPSHOT, 0, 0, 0, NULL, NULL, spoilt()), "client");
    REPORTED(atlas_client_wait_for_sharded_snapshot(c, NULL, CLUSTER, SNAPSHOT, 0, 0, 0, NULL, NULL, spoilt()), "the project id");
    REPORTED(atlas_client_wait_for_sharded_snapshot(c, PROJECT, NULL, SNAPSHOT, 0, 0, 0, NULL, NULL, spoilt()), "the cluster name");
    REPORTED(atlas_client_wait_for_sharded_snapshot(c, PROJECT, CLUSTER, NULL, 0, 0, 0, NULL, NULL, spoilt()), "the snapshot id");
    REPORTED(atlas_snapshot_parse(NULL, 0, spoilt()), "json");
    REPORTED(atlas_snapshot_parse(NULL, 17, spoilt()), "json");
    REPORTED(atlas_snapshot_list_parse(NULL, 0, spoilt()), "json");
    REPORTED(atlas_snapshot_list_parse(NULL, (size_t)-1, spoilt()), "json");
    CHECK_NUMBER(atlas_client_revoke_token(NULL, spoilt()), ATLAS_ERROR_INVALID_ARGUMENT);
    CHECK_FAILURE(last_error, ATLAS_ERROR_INVALID_ARGUMENT);
    atlas_client_free(c);
}

static void an_error_may_be_NULL(void)
{
    atlas_config *config = atlas_config_new();
    atlas_client *client = simulator_client();
    atlas_snapshot *snapshot;

    CHECK(atlas_client_new(NULL, NULL) == NULL);
    CHECK(atlas_client_new(config, NULL) == NULL); /* no credentials */
    CHECK(atlas_client_get_snapshot(NULL, NULL, NULL, NULL, 0, NULL) == NULL);
    CHECK(atlas_client_get_snapshot(client, "x", CLUSTER, SNAPSHOT, 0, NULL) == NULL);
    CHECK(atlas_client_get_snapshot(client, PROJECT, "error-404", SNAPSHOT, 0, NULL) == NULL);
    snapshot = atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, NULL);
    CHECK(snapshot != NULL);
    atlas_snapshot_free(snapshot);
    CHECK(atlas_snapshot_parse(NULL, 0, NULL) == NULL);
    CHECK(atlas_snapshot_parse("[]", 2, NULL) == NULL);
    CHECK(atlas_snapshot_list_parse(NULL, 0, NULL) == NULL);
    CHECK(atlas_snapshot_list_parse("[]", 2, NULL) == NULL);
    CHECK(atlas_client_get_sharded_snapshot(NULL, NULL, NULL, NULL, 0, NULL) == NULL);
    CHECK(atlas_client_list_snapshots(NULL, NULL, NULL, 0, NULL) == NULL);
    CHECK(atlas_client_list_sharded_snapshots(NULL, NULL, NULL, 0, NULL) == NULL);
    CHECK(atlas_client_wait_for_snapshot(NULL, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL) == NULL);
    CHECK(atlas_client_wait_for_sharded_snapshot(NULL, NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL) == NULL);
    CHECK_NUMBER(atlas_client_revoke_token(NULL, NULL), ATLAS_ERROR_INVALID_ARGUMENT);
    atlas_client_free(client);
    atlas_config_free(config);
}

static void accessors_of_a_NULL_snapshot_return_the_absent_value(void)
{
    size_t length = 17;

    CHECK(atlas_snapshot_copy(NULL) == NULL);
#define IS_ABSENT(name, accessor) CHECK_TEXT(atlas_snapshot_##accessor(NULL), NULL);
    TEXT_FIELDS(IS_ABSENT)
    CHECK_NUMBER(atlas_snapshot_status_code(NULL), 0);
    CHECK_NUMBER(atlas_snapshot_cloud_provider_code(NULL), 0);
    CHECK_NUMBER(atlas_snapshot_frequency_type_code(NULL), 0);
    CHECK_NUMBER(atlas_snapshot_snapshot_type_code(NULL), 0);
    CHECK_NUMBER(atlas_snapshot_type_code(NULL), 0);
    CHECK_NUMBER(atlas_snapshot_storage_size_bytes(NULL), ATLAS_ABSENT);
    CHECK_NUMBER(atlas_snapshot_created_at_ms(NULL), ATLAS_ABSENT);
    CHECK_NUMBER(atlas_snapshot_expires_at_ms(NULL), ATLAS_ABSENT);
    CHECK_NUMBER(atlas_snapshot_copy_region_count(NULL), 0);
    CHECK_TEXT(atlas_snapshot_copy_region(NULL, 0), NULL);
    CHECK_NUMBER(atlas_snapshot_policy_item_count(NULL), 0);
    CHECK_TEXT(atlas_snapshot_policy_item(NULL, 0), NULL);
    CHECK_NUMBER(atlas_snapshot_link_count(NULL), 0);
    CHECK_TEXT(atlas_snapshot_link_href(NULL, 0), NULL);
    CHECK_TEXT(atlas_snapshot_link_rel(NULL, 0), NULL);
    CHECK_NUMBER(atlas_snapshot_member_count(NULL), 0);
    CHECK_TEXT(atlas_snapshot_member_id(NULL, 0), NULL);
    CHECK_TEXT(atlas_snapshot_member_cloud_provider(NULL, 0), NULL);
    CHECK_TEXT(atlas_snapshot_member_replica_set_name(NULL, 0), NULL);
    CHECK_NUMBER(atlas_snapshot_snapshot_id_count(NULL), 0);
    CHECK_TEXT(atlas_snapshot_snapshot_id(NULL, 0), NULL);
    CHECK_TEXT(atlas_snapshot_json(NULL, NULL), NULL);
    CHECK_TEXT(atlas_snapshot_json(NULL, &length), NULL);
    CHECK_NUMBER(length, 0); /* not what happened to be there */
    CHECK_NUMBER(atlas_snapshot_read_fields(NULL, NULL, 100), 0); /* with a struct: fields.c */
    CHECK_NUMBER(atlas_snapshot_field_count(NULL), 0);
    CHECK_TEXT(atlas_snapshot_field_name(NULL, 0), NULL);
    CHECK_TEXT(atlas_snapshot_field(NULL, "id"), NULL);
    CHECK_TEXT(atlas_snapshot_field(NULL, NULL), NULL);
    CHECK_NUMBER(atlas_snapshot_http_status(NULL), 0);
    CHECK_TEXT(atlas_snapshot_header(NULL, "Server"), NULL);
    CHECK_TEXT(atlas_snapshot_header(NULL, NULL), NULL);
    CHECK_NUMBER(atlas_snapshot_header_count(NULL), 0);
    CHECK_TEXT(atlas_snapshot_header_name(NULL, 0), NULL);
    CHECK_TEXT(atlas_snapshot_header_value(NULL, 0), NULL);
}

static void accessors_of_a_NULL_list_return_the_absent_value(void)
{
    CHECK_NUMBER(atlas_snapshot_list_count(NULL), 0);
    CHECK_NUMBER(atlas_snapshot_list_total_count(NULL), ATLAS_ABSENT);
    CHECK(atlas_snapshot_list_get(NULL, 0) == NULL);
    CHECK(atlas_snapshot_list_newest(NULL, 0, 0, 0) == NULL);
    CHECK(atlas_snapshot_list_newest(NULL, ATLAS_STATUS_COMPLETED, -1, 77) == NULL);
}

static void names_may_be_NULL_and_length_too(void)
{
    static const char json[] = "{\"id\":\"x\"}";
    atlas_snapshot *snapshot = atlas_snapshot_parse(json, sizeof json - 1, NULL);

    CHECK(snapshot != NULL);
    CHECK_TEXT(atlas_snapshot_field(snapshot, NULL), NULL);
    CHECK_TEXT(atlas_snapshot_header(snapshot, NULL), NULL);
    CHECK_TEXT(atlas_snapshot_json(snapshot, NULL), json);
    atlas_snapshot_free(snapshot);
}

static void what_needs_no_pointer_works_without_one(void)
{
    atlas_config *config = atlas_config_from_env();

    CHECK(config != NULL);
    atlas_config_free(config);
    config = atlas_config_new();
    CHECK(config != NULL);
    atlas_config_free(config);
    CHECK(strlen(atlas_backup_version()) > 0);
    CHECK(atlas_backup_runtime_version() > 0);
    CHECK(strlen(atlas_error_kind_name(0)) > 0);
    CHECK(atlas_error_size() > 0);
}

void null_tests(void)
{
    RUN(frees_do_nothing_with_NULL);
    RUN(setters_do_nothing_with_a_NULL_config);
    RUN(calls_that_can_fail_report_NULL_as_an_invalid_argument);
    RUN(an_error_may_be_NULL);
    RUN(accessors_of_a_NULL_snapshot_return_the_absent_value);
    RUN(accessors_of_a_NULL_list_return_the_absent_value);
    RUN(names_may_be_NULL_and_length_too);
    RUN(what_needs_no_pointer_works_without_one);
}
