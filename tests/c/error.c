/* What Atlas and the network can answer, member by member of atlas_error. The clusters are the simulator's. */

#include "check.h"

#include <stdio.h>
#include <string.h>

struct expected {
    const char *cluster;
    int32_t kind, http_status, retry_after;
    const char *code, *reason, *detail, *parameters;
    const char *message_says; /* beside the status */
};

static const struct expected documented[] = {
    { "error-400", ATLAS_ERROR_BAD_REQUEST, 400, -1, "INVALID_ATTRIBUTE", "Bad Request",
      "Invalid attribute snapshotId specified.", "[\"snapshotId\",7]", "snapshotId" },
    { "error-400-flex", ATLAS_ERROR_BAD_REQUEST, 400, -1, "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API", "Bad Request",
      "Flex cluster error-400-flex cannot be used in the Cluster API.", "[\"error-400-flex\"]", "flex" },
    { "error-400-fields", ATLAS_ERROR_BAD_REQUEST, 400, -1, "VALIDATION_ERROR", "Bad Request",
      "Validation failed.; snapshotId: must match \"^([a-f0-9]{24})$\"; groupId: must not be null", "",
      "must not be null" },
    { "error-401", ATLAS_ERROR_UNAUTHENTICATED, 401, -1, "UNEXPECTED_ERROR", "Unauthorized",
      "You are not authorized for this resource.", "", "token" },
    { "error-403", ATLAS_ERROR_FORBIDDEN, 403, -1, "USER_UNAUTHORIZED", "Forbidden",
      "The user does not have the role required for this action.", "[]", "Project Read Only" },
    { "error-403-ip", ATLAS_ERROR_FORBIDDEN, 403, -1, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "Forbidden",
      "IP address 203.0.113.7 is not allowed to access this resource.", "[\"203.0.113.7\"]", "203.0.113.7" },
    { "error-404", ATLAS_ERROR_NOT_FOUND, 404, -1, "CLUSTER_NOT_FOUND", "Not Found",
      "No cluster named error-404 exists in group " PROJECT ".", "[\"error-404\",\"" PROJECT "\"]", "error-404" },
    { "error-404-group", ATLAS_ERROR_NOT_FOUND, 404, -1, "GROUP_NOT_FOUND", "Not Found",
      "No group with ID " PROJECT " exists.", "[\"" PROJECT "\"]", PROJECT },
    { "error-404-null", ATLAS_ERROR_NOT_FOUND, 404, -1, "", "Not Found", "Could not find the requested snapshot.", "",
      "snapshot" },
    { "no-such-cluster", ATLAS_ERROR_NOT_FOUND, 404, -1, "CLUSTER_NOT_FOUND", "Not Found",
      "No cluster named no-such-cluster exists in group " PROJECT ".", "[\"no-such-cluster\",\"" PROJECT "\"]",
      "no-such-cluster" },
    { "error-406", ATLAS_ERROR_BAD_REQUEST, 406, -1, "INVALID_VERSION_DATE", "Not Acceptable",
      "Invalid accept header or version date: 2022-12-31.", "[\"2022-12-31\"]", "version" },
    { "error-409", ATLAS_ERROR_BAD_REQUEST, 409, -1, "CONFLICT", "Conflict", "Another operation is in progress.", "[]",
      "in progress" },
    { "error-410", ATLAS_ERROR_BAD_REQUEST, 410, -1, "VERSION_GONE", "Gone",
      "Version 2023-02-01 is no longer available.", "[\"2023-02-01\"]", "version" },
    { "error-429", ATLAS_ERROR_RATE_LIMITED, 429, 1, "RATE_LIMITED", "Too Many Requests",
      "Rate limit exceeded. Try again later.", "[]", "less often" },
    { "error-429-bucket", ATLAS_ERROR_RATE_LIMITED, 429, 55, "RATE_LIMITED_TOKEN_BUCKET", "Too Many Requests",
      "The rate limit's token bucket is empty.",
      "[\"/api/atlas/v2/groups/{groupId}/clusters/{clusterName}/backup/snapshots\",55,10,5,60]", "wait 55 s" },
    { "error-500", ATLAS_ERROR_SERVER, 500, -1, "UNEXPECTED_ERROR", "Internal Server Error", "Unexpected error.", "[]",
      "Atlas" },
    { "error-503", ATLAS_ERROR_SERVER, 503, -1, "SERVICE_UNAVAILABLE", "Service Unavailable",
      "The service is temporarily unavailable.", "[]", "Atlas" },
};

static const struct expected gateways[] = {
    { "error-502", ATLAS_ERROR_SERVER, 502, -1, "", "", "", "", "502 Bad Gateway" },
    { "error-503-html", ATLAS_ERROR_SERVER, 503, -1, "", "", "", "", "503 Service Unavailable" },
    { "error-504", ATLAS_ERROR_SERVER, 504, -1, "", "", "", "", "504 Gateway Timeout" },
};

static const struct expected no_snapshots[] = {
    { "no-content", ATLAS_ERROR_INVALID_RESPONSE, 204, -1, "", "", "", "", "204" },
    { "not-json", ATLAS_ERROR_INVALID_RESPONSE, 200, -1, "", "", "", "", "line 1" },
    { "invalid-utf8", ATLAS_ERROR_INVALID_RESPONSE, 200, -1, "", "", "", "", "UTF-8" },
    { "empty-body", ATLAS_ERROR_INVALID_RESPONSE, 200, -1, "", "", "", "", "" },
    { "array", ATLAS_ERROR_INVALID_RESPONSE, 200, -1, "", "", "", "", "object" },
    { "cut-json", ATLAS_ERROR_INVALID_RESPONSE, 200, -1, "", "", "", "", "line 1" },
    { "byte-order-mark", ATLAS_ERROR_INVALID_RESPONSE, 200, -1, "", "", "", "", "" },
};

/* The simulator answers other clusters with other sentences, so that each member is sure to be from this answer. */
static void meets(atlas_client *client, const struct expected *e, uint32_t flags)
{
    atlas_error error;
    char status[16];
    int all = 1;

    spoil(&error);
    CHECK(atlas_client_get_snapshot(client, PROJECT, e->cluster, SNAPSHOT, flags, &error) == NULL);
    all &= CHECK_FAILURE(error, e->kind);
    all &= CHECK_NUMBER(error.http_status, e->http_status);
    all &= CHECK_NUMBER(error.retry_after, e->retry_after);
    all &= CHECK_NUMBER(error.flags & ATLAS_ERROR_FLAG_TRUNCATED, 0);
    all &= CHECK_TEXT(error.code, e->code);
    all &= CHECK_TEXT(error.reason, e->reason);
    all &= CHECK_TEXT(error.detail, e->detail);
    all &= CHECK_TEXT(error.parameters, e->parameters);
    all &= CHECK_CONTAINS(error.message, e->message_says);
    /* It names what was tried: the operation and the snapshot. */
    all &= CHECK_CONTAINS(error.message, "snapshot");
    all &= CHECK_CONTAINS(error.message, SNAPSHOT);
    if (e->http_status >= 400) {
        snprintf(status, sizeof status, "%d", (int)e->http_status);
        all &= CHECK_CONTAINS(error.message, status);
    }
    if (!all)
        printf("        (cluster %s, flags %u: %s)\n", e->cluster, (unsigned)flags, error.message);
}

#define EACH(table, client, flags)                                        \
    do {                                                                  \
        size_t each;                                                      \
        for (each = 0; each < sizeof(table) / sizeof *(table); each++)    \
            meets((client), &(table)[each], (flags));                     \
    } while (0)

static void each_documented_error_fills_every_member(void)
{
    atlas_client *client = simulator_client();

    EACH(documented, client, 0);
    atlas_client_free(client);
}

static void an_error_in_an_envelope_is_the_same_error(void)
{
    atlas_client *client = simulator_client();

    EACH(documented, client, ATLAS_ENVELOPE);
    atlas_client_free(client);
}

static void an_indented_error_is_the_same_error(void)
{
    atlas_client *client = simulator_client();

    EACH(documented, client, ATLAS_PRETTY);
    EACH(documented, client, ATLAS_PRETTY | ATLAS_ENVELOPE);
    atlas_client_free(client);
}

static void the_HTML_page_of_a_gateway_is_an_error_of_the_server(void)
{
    atlas_client *client = simulator_client();

    EACH(gateways, client, 0);
    EACH(gateways, client, ATLAS_ENVELOPE);
    atlas_client_free(client);
}

static void what_is_not_a_snapshot_is_an_invalid_response(void)
{
    atlas_client *client = simulator_client();

    EACH(no_snapshots, client, 0);
    atlas_client_free(client);
}

static void a_server_that_does_not_answer_is_a_timeout(void)
{
    atlas_config *config = simulator_config(ACCESS_TOKEN);
    atlas_client *client;
    atlas_error error;

    atlas_config_set_timeout_ms(config, 300);
    client = atlas_client_new(config, NULL);
    spoil(&error);
    CHECK(atlas_client_get_snapshot(client, PROJECT, "silent", SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_TIMEOUT);
    CHECK_NUMBER(error.http_status, 0);
    CHECK_CONTAINS(error.message, SNAPSHOT);
    spoil(&error);
    CHECK(atlas_client_get_snapshot(client, PROJECT, "dripping", SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_TIMEOUT);
    atlas_client_free(client);
    atlas_config_free(config);
}

static void a_connection_that_ends_early_is_a_network_error(void)
{
    atlas_client *client = simulator_client();
    atlas_error error;

    spoil(&error);
    CHECK(atlas_client_get_snapshot(client, PROJECT, "closing", SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_NETWORK);
    CHECK_NUMBER(error.http_status, 0);
    spoil(&error);
    CHECK(atlas_client_get_snapshot(client, PROJECT, "resetting", SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_NETWORK);
    CHECK_NUMBER(error.http_status, 0);
    atlas_client_free(client);
}

static void nobody_listening_is_a_network_error_that_names_the_address(void)
{
    trap *t = trap_new();
    atlas_config *config = atlas_config_new();
    atlas_client *client;
    atlas_error error;

    atlas_config_set_access_token(config, "token");
    atlas_config_set_base_url(config, trap_url(t));
    atlas_config_set_max_retries(config, 0);
    client = atlas_client_new(config, NULL);
    atlas_config_free(config);
    trap_free(t);
    spoil(&error);
    CHECK(atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_NETWORK);
    CHECK_NUMBER(error.http_status, 0);
    CHECK_CONTAINS(error.message, "127.0.0.1");
    atlas_client_free(client);
}

/* A C program with a service account whose secret was rotated, an API key with a typing error, an old token. */
static void refused_credentials_name_their_kind_and_never_the_secret(void)
{
    static const struct {
        enum credentials kind;
        const char *named;
    } cases[] = { { SERVICE_ACCOUNT, "service account" }, { API_KEY, "API key" }, { ACCESS_TOKEN, "token" } };
    static const char wrong[] = "wrong-but-secret-all-the-same";
    size_t i;

    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        atlas_config *config = simulator_config(cases[i].kind);
        atlas_client *client;
        atlas_error error;

        switch (cases[i].kind) {
        case SERVICE_ACCOUNT:
            atlas_config_set_service_account(config, "mdb_sa_id_1234567890abcdef12345678", wrong);
            break;
        case API_KEY:
            atlas_config_set_api_key(config, "abcdefgh", wrong);
            break;
        case ACCESS_TOKEN:
            atlas_config_set_access_token(config, wrong);
            break;
        }
        client = atlas_client_new(config, NULL);
        spoil(&error);
        CHECK(atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, &error) == NULL);
        CHECK_FAILURE(error, ATLAS_ERROR_UNAUTHENTICATED);
        CHECK_NUMBER(error.http_status, 401);
        CHECK_CONTAINS(error.message, cases[i].named);
        CHECK(strstr(error.message, wrong) == NULL);
        CHECK(strstr(error.detail, wrong) == NULL);
        atlas_client_free(client);
        atlas_config_free(config);
    }
}

static void a_server_with_an_unknown_certificate_is_a_tls_error(void)
{
    atlas_config *config = simulator_config(ACCESS_TOKEN);
    atlas_client *client;
    atlas_error error;

    atlas_config_set_ca_file(config, NULL); /* back to the default: the system's roots alone */
    client = atlas_client_new(config, &error);
    CHECK_SUCCESS(error);
    spoil(&error);
    CHECK(atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_TLS);
    CHECK_NUMBER(error.http_status, 0);
    CHECK_CONTAINS(error.message, "certificate");
    atlas_client_free(client);
    atlas_config_free(config);
}

static void an_error_is_overwritten_completely_by_the_next_call(void)
{
    atlas_client *client = simulator_client();
    atlas_snapshot *snapshot;
    atlas_error error;

    spoil(&error);
    CHECK(atlas_client_get_snapshot(client, PROJECT, "error-400-fields", SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_BAD_REQUEST);
    CHECK(atlas_client_get_snapshot(client, PROJECT, "error-404-null", SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_NOT_FOUND);
    CHECK_TEXT(error.code, "");
    CHECK_TEXT(error.parameters, "");
    snapshot = atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, &error);
    CHECK(snapshot != NULL);
    CHECK_SUCCESS(error);
    atlas_snapshot_free(snapshot);
    atlas_client_free(client);
}

void error_tests(void)
{
    RUN(each_documented_error_fills_every_member);
    RUN(an_error_in_an_envelope_is_the_same_error);
    RUN(an_indented_error_is_the_same_error);
    RUN(the_HTML_page_of_a_gateway_is_an_error_of_the_server);
    RUN(what_is_not_a_snapshot_is_an_invalid_response);
    RUN(a_server_that_does_not_answer_is_a_timeout);
    RUN(a_connection_that_ends_early_is_a_network_error);
    RUN(nobody_listening_is_a_network_error_that_names_the_address);
    RUN(refused_credentials_name_their_kind_and_never_the_secret);
    RUN(a_server_with_an_unknown_certificate_is_a_tls_error);
    RUN(an_error_is_overwritten_completely_by_the_next_call);
}
