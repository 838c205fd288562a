/* Arguments of calls: a wrong one is an error of its own, and nothing is sent. */

#include "check.h"

#include <stdlib.h>
#include <string.h>

/* A client whose requests would all run into the trap. */
static atlas_client *trapped_client(const trap *t)
{
    atlas_config *config = atlas_config_new();
    atlas_client *client;
    atlas_error error;

    atlas_config_set_access_token(config, "token");
    atlas_config_set_base_url(config, trap_url(t));
    atlas_config_set_proxy(config, "");
    atlas_config_set_timeout_ms(config, 200);
    atlas_config_set_max_retries(config, 0);
    client = atlas_client_new(config, &error);
    CHECK(client != NULL);
    CHECK_SUCCESS(error);
    atlas_config_free(config);
    return client;
}

static void refused(atlas_client *client, const char *project, const char *cluster, const char *snapshot,
                    const char *name)
{
    atlas_error error;

    spoil(&error);
    CHECK(atlas_client_get_snapshot(client, project, cluster, snapshot, 0, &error) == NULL);
    if (!CHECK_FAILURE(error, ATLAS_ERROR_INVALID_ARGUMENT) || !CHECK_CONTAINS(error.message, name))
        check_text(snapshot, "", "with this snapshot id it", __FILE__, __LINE__);
    CHECK_NUMBER(error.http_status, 0);
    CHECK_TEXT(error.code, "");
}

static void the_trap_sees_a_request_if_there_is_one(void)
{
    trap *t = trap_new();
    atlas_client *client = trapped_client(t);
    atlas_error error;

    CHECK(atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_TIMEOUT);
    CHECK(trap_connections(t) > 0);
    atlas_client_free(client);
    trap_free(t);
}

static void malformed_ids_are_refused_and_nothing_is_sent(void)
{
    static const char *const ids[] = {
        "",
        "/",
        "..",
        "../../../../users",
        "%2e%2e",
        "%2e",
        "32b6e34b3d91647abb20e7b",   /* 23 digits */
        "32b6e34b3d91647abb20e7b80", /* 25 */
        "32B6E34B3D91647ABB20E7B8",  /* upper case */
        "32b6e34b3d91647abb20e7bg",
        "32b6e34b3d91647abb20e7b\n",
        "32b6e34b3d91647abb20e7b8\n",
        " 32b6e34b3d91647abb20e7b8",
        "32b6e34b3d91647abb20e7b8\r\nX-Evil: 1",
        "32b6e34b3d91/47abb20e7b8",
        "32b6e34b3d91647abb20e7b8?pretty=true",
        "32b6e34b3d91647abb20e7b8#",
        "\xff\xfe",                      /* not UTF-8 */
        "32b6e34b3d91647abb20e7b\xc3",   /* cut UTF-8 */
        "\xed\xa0\x80\xed\xb0\x80",      /* surrogates in UTF-8 */
        "\xef\xbc\x93\xef\xbc\x92\xef\xbc\x93\xef\xbc\x92\xef\xbc\x93\xef\xbc\x92\xef\xbc\x93\xef\xbc\x92", /* wide digits */
    };
    trap *t = trap_new();
    atlas_client *client = trapped_client(t);
    size_t i;

    for (i = 0; i < sizeof ids / sizeof *ids; i++) {
        refused(client, ids[i], CLUSTER, SNAPSHOT, "the project id");
        refused(client, PROJECT, CLUSTER, ids[i], "the snapshot id");
    }
    CHECK_NUMBER(trap_connections(t), 0);
    atlas_client_free(client);
    trap_free(t);
}

static void malformed_cluster_names_are_refused_and_nothing_is_sent(void)
{
    static const char *const names[] = {
        "", "-", "-Cluster0", "Cluster 0", "Cluster_0", "Cluster/0", "..", ".", "%2e", "Cluster0\n", "Cluster0\r\n", "Cl\xc3\xbcster",
        "Cluster0\xff", "Cluster0?", "Cluster0#",
        "a123456789012345678901234567890123456789012345678901234567890123x", /* 66 characters */
    };
    trap *t = trap_new();
    atlas_client *client = trapped_client(t);
    size_t i;

    for (i = 0; i < sizeof names / sizeof *names; i++)
        refused(client, PROJECT, names[i], SNAPSHOT, "the cluster name");
    CHECK_NUMBER(trap_connections(t), 0);
    atlas_client_free(client);
    trap_free(t);
}

static void ten_megabytes_of_a_are_refused_with_a_short_message(void)
{
    const size_t size = 10 * 1024 * 1024;
    char *text = (char *)malloc(size + 1);
    trap *t = trap_new();
    atlas_client *client = trapped_client(t);

    memset(text, 'a', size);
    text[size] = '\0';
    refused(client, text, CLUSTER, SNAPSHOT, "the project id");
    refused(client, PROJECT, text, SNAPSHOT, "the cluster name");
    refused(client, PROJECT, CLUSTER, text, "the snapshot id");
    CHECK_NUMBER(trap_connections(t), 0);
    atlas_client_free(client);
    trap_free(t);
    free(text);
}

static void unknown_flag_bits_are_refused_and_nothing_is_sent(void)
{
    static const uint32_t flags[] = { 4, ATLAS_PRETTY | 8, 0x80000000u, 0xFFFFFFFFu };
    trap *t = trap_new();
    atlas_client *client = trapped_client(t);
    atlas_error error;
    size_t i;

    for (i = 0; i < sizeof flags / sizeof *flags; i++) {
        spoil(&error);
        CHECK(atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, flags[i], &error) == NULL);
        CHECK_FAILURE(error, ATLAS_ERROR_INVALID_ARGUMENT);
        CHECK_CONTAINS(error.message, "flag");
    }
    CHECK_NUMBER(trap_connections(t), 0);
    atlas_client_free(client);
    trap_free(t);
}

static void arguments_may_be_freed_as_soon_as_the_call_returns(void)
{
    char project[] = PROJECT, cluster[] = CLUSTER, id[] = SNAPSHOT, token[] = "a-token-of-its-own", url[64];
    atlas_config *config = atlas_config_new();
    trap *t = trap_new();
    atlas_client *client;
    atlas_error error;
    atlas_snapshot *snapshot;

    strcpy(url, trap_url(t));
    atlas_config_set_access_token(config, token);
    atlas_config_set_base_url(config, url);
    atlas_config_set_timeout_ms(config, 200);
    atlas_config_set_max_retries(config, 0);
    memset(token, '\n', sizeof token - 1);
    memset(url, 'x', sizeof url - 1);
    client = atlas_client_new(config, &error);
    CHECK_SUCCESS(error);
    CHECK(atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_TIMEOUT);
    CHECK(trap_connections(t) > 0);
    atlas_client_free(client);
    atlas_config_free(config);
    trap_free(t);

    client = simulator_client();
    snapshot = atlas_client_get_snapshot(client, project, cluster, id, 0, &error);
    memset(project, 'x', sizeof project);
    memset(cluster, 'x', sizeof cluster);
    memset(id, 'x', sizeof id);
    CHECK_TEXT(atlas_snapshot_id(snapshot), SNAPSHOT);
    atlas_snapshot_free(snapshot);
    atlas_client_free(client);
}

void argument_tests(void)
{
    RUN(the_trap_sees_a_request_if_there_is_one);
    RUN(malformed_ids_are_refused_and_nothing_is_sent);
    RUN(malformed_cluster_names_are_refused_and_nothing_is_sent);
    RUN(ten_megabytes_of_a_are_refused_with_a_short_message);
    RUN(unknown_flag_bits_are_refused_and_nothing_is_sent);
    RUN(arguments_may_be_freed_as_soon_as_the_call_returns);
}
