/* Snapshots as the simulator serves them: every accessor, the three credentials, envelope and indentation. */

#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LINK                                                                                   \
    "https://cloud.mongodb.com/api/atlas/v2/groups/" PROJECT "/clusters/" CLUSTER "/backup/snapshots/" SNAPSHOT

static atlas_snapshot *get(const char *cluster, const char *id, uint32_t flags)
{
    atlas_client *client = simulator_client();
    atlas_snapshot *snapshot;
    atlas_error error;

    spoil(&error);
    snapshot = atlas_client_get_snapshot(client, PROJECT, cluster, id, flags, &error);
    CHECK(snapshot != NULL);
    CHECK_SUCCESS(error);
    atlas_client_free(client);
    return snapshot;
}

/* Everything but json, field texts and headers, which depend on the flags and on how it was fetched. */
static void is_the_example(const atlas_snapshot *s)
{
    CHECK_TEXT(atlas_snapshot_id(s), SNAPSHOT);
    CHECK_TEXT(atlas_snapshot_cloud_provider(s), "AWS");
    CHECK_TEXT(atlas_snapshot_config_server_type(s), NULL);
    CHECK_TEXT(atlas_snapshot_created_at(s), "2019-08-24T14:15:22Z");
    CHECK_TEXT(atlas_snapshot_description(s), "string");
    CHECK_TEXT(atlas_snapshot_expires_at(s), "2019-08-31T14:15:22Z");
    CHECK_TEXT(atlas_snapshot_frequency_type(s), "hourly");
    CHECK_TEXT(atlas_snapshot_master_key_uuid(s), "72659f08-8b3c-4913-bb4e-a8a68e036502");
    CHECK_TEXT(atlas_snapshot_mongod_version(s), "8.0.13");
    CHECK_TEXT(atlas_snapshot_replica_set_name(s), "atlas-abc123-shard-0");
    CHECK_TEXT(atlas_snapshot_snapshot_type(s), "scheduled");
    CHECK_TEXT(atlas_snapshot_status(s), "completed");
    CHECK_TEXT(atlas_snapshot_type(s), "replicaSet");
    CHECK_NUMBER(atlas_snapshot_status_code(s), ATLAS_STATUS_COMPLETED);
    CHECK_NUMBER(atlas_snapshot_cloud_provider_code(s), ATLAS_CLOUD_PROVIDER_AWS);
    CHECK_NUMBER(atlas_snapshot_frequency_type_code(s), ATLAS_FREQUENCY_HOURLY);
    CHECK_NUMBER(atlas_snapshot_snapshot_type_code(s), ATLAS_SNAPSHOT_TYPE_SCHEDULED);
    CHECK_NUMBER(atlas_snapshot_type_code(s), ATLAS_CLUSTER_TYPE_REPLICA_SET);
    CHECK_NUMBER(atlas_snapshot_storage_size_bytes(s), 3221225472LL);
    CHECK_NUMBER(atlas_snapshot_created_at_ms(s), 1566656122000LL);
    CHECK_NUMBER(atlas_snapshot_expires_at_ms(s), 1567260922000LL);
    CHECK_NUMBER(atlas_snapshot_copy_region_count(s), 2);
    CHECK_TEXT(atlas_snapshot_copy_region(s, 0), "US_EAST_1");
    CHECK_TEXT(atlas_snapshot_copy_region(s, 1), "EU_WEST_1");
    CHECK_NUMBER(atlas_snapshot_policy_item_count(s), 1);
    CHECK_TEXT(atlas_snapshot_policy_item(s, 0), "32b6e34b3d91647abb20e7b9");
    CHECK_NUMBER(atlas_snapshot_link_count(s), 1);
    CHECK_TEXT(atlas_snapshot_link_href(s, 0), LINK);
    CHECK_TEXT(atlas_snapshot_link_rel(s, 0), "self");
    CHECK_NUMBER(atlas_snapshot_member_count(s), 0);
    CHECK_TEXT(atlas_snapshot_member_id(s, 0), NULL);
    CHECK_TEXT(atlas_snapshot_member_cloud_provider(s, 0), NULL);
    CHECK_TEXT(atlas_snapshot_member_replica_set_name(s, 0), NULL);
    CHECK_NUMBER(atlas_snapshot_snapshot_id_count(s), 0);
    CHECK_TEXT(atlas_snapshot_snapshot_id(s, 0), NULL);
    CHECK_NUMBER(atlas_snapshot_field_count(s), 16);
    CHECK_TEXT(atlas_snapshot_field(s, "status"), "\"completed\"");
    CHECK_TEXT(atlas_snapshot_field(s, "storageSizeBytes"), "3221225472");
    CHECK_TEXT(atlas_snapshot_field(s, "noSuchField"), NULL);
    CHECK_TEXT(atlas_snapshot_field(s, "Status"), NULL); /* the names of JSON keep their case */
    CHECK_TEXT(atlas_snapshot_field(s, ""), NULL);
}

static void every_accessor_reads_the_example_of_the_documentation(void)
{
    atlas_snapshot *s = get(CLUSTER, SNAPSHOT, 0);
    size_t length = 0;

    is_the_example(s);
    CHECK_CONTAINS(atlas_snapshot_json(s, &length), "\"cloudProvider\":\"AWS\"");
    CHECK_NUMBER(length, strlen(or_empty(atlas_snapshot_json(s, NULL))));
    CHECK_TEXT(atlas_snapshot_field(s, "copyRegions"), "[\"US_EAST_1\",\"EU_WEST_1\"]");
    CHECK_NUMBER(atlas_snapshot_http_status(s), 200);
    atlas_snapshot_free(s);
}

static void each_of_the_three_credentials_reads_the_same_snapshot(void)
{
    static const enum credentials kinds[] = { SERVICE_ACCOUNT, API_KEY, ACCESS_TOKEN };
    size_t i;

    for (i = 0; i < 3; i++) {
        atlas_config *config = simulator_config(kinds[i]);
        atlas_error error;
        atlas_client *client;
        atlas_snapshot *snapshot;
        int again;

        spoil(&error);
        client = atlas_client_new(config, &error);
        CHECK_SUCCESS(error);
        for (again = 0; again < 2; again++) { /* the second time with the kept token or nonce */
            spoil(&error);
            snapshot = atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, &error);
            CHECK_SUCCESS(error);
            is_the_example(snapshot);
            atlas_snapshot_free(snapshot);
        }
        atlas_client_free(client);
        atlas_config_free(config);
    }
}

static void in_an_envelope_the_snapshot_is_found_inside(void)
{
    atlas_snapshot *s = get(CLUSTER, SNAPSHOT, ATLAS_ENVELOPE);

    is_the_example(s);
    CHECK_NUMBER(atlas_snapshot_http_status(s), 200);
    CHECK_CONTAINS(atlas_snapshot_json(s, NULL), "\"content\""); /* the whole body, envelope included */
    CHECK_TEXT(atlas_snapshot_field(s, "content"), NULL);
    atlas_snapshot_free(s);
}

static void indented_it_reads_the_same(void)
{
    atlas_snapshot *s = get(CLUSTER, SNAPSHOT, ATLAS_PRETTY);

    is_the_example(s);
    CHECK_CONTAINS(atlas_snapshot_json(s, NULL), "\n  \"cloudProvider\"");
    atlas_snapshot_free(s);
    s = get(CLUSTER, SNAPSHOT, ATLAS_PRETTY | ATLAS_ENVELOPE);
    is_the_example(s);
    CHECK_CONTAINS(atlas_snapshot_json(s, NULL), "\n");
    CHECK_CONTAINS(atlas_snapshot_json(s, NULL), "\"content\"");
    atlas_snapshot_free(s);
}

static void every_field_of_the_body_has_a_name_and_its_text(void)
{
    atlas_snapshot *s = get(CLUSTER, SNAPSHOT, 0);
    size_t i, count = atlas_snapshot_field_count(s);

    CHECK_NUMBER(count, 16);
    for (i = 0; i < count; i++) {
        const char *name = atlas_snapshot_field_name(s, i);
        const char *text = name != NULL ? atlas_snapshot_field(s, name) : NULL;

        CHECK(name != NULL && text != NULL);
        CHECK(text != NULL && strstr(or_empty(atlas_snapshot_json(s, NULL)), text) != NULL);
    }
    CHECK_TEXT(atlas_snapshot_field_name(s, 0), "cloudProvider"); /* in Atlas' order */
    CHECK_TEXT(atlas_snapshot_field_name(s, 15), "type");
    atlas_snapshot_free(s);
}

static void headers_are_found_by_name_in_any_case_and_by_number(void)
{
    atlas_snapshot *s = get(CLUSTER, SNAPSHOT, 0);
    size_t i, count = atlas_snapshot_header_count(s);
    int found = 0;

    CHECK(count >= 5);
    CHECK_TEXT(atlas_snapshot_header(s, "RateLimit-Limit"), "1200");
    CHECK_TEXT(atlas_snapshot_header(s, "ratelimit-limit"), "1200");
    CHECK_TEXT(atlas_snapshot_header(s, "RATELIMIT-LIMIT"), "1200");
    CHECK_TEXT(atlas_snapshot_header(s, "Server"), "mdbws");
    CHECK_TEXT(atlas_snapshot_header(s, "No-Such-Header"), NULL);
    CHECK_TEXT(atlas_snapshot_header(s, "not a name: at all\r\n"), NULL);
    CHECK_TEXT(atlas_snapshot_header(s, "\xff"), NULL);
    CHECK_TEXT(atlas_snapshot_header(s, ""), NULL);
    for (i = 0; i < count; i++) {
        CHECK(atlas_snapshot_header_name(s, i) != NULL);
        CHECK(atlas_snapshot_header_value(s, i) != NULL);
        if (strcasecmp(or_empty(atlas_snapshot_header_name(s, i)), "server") == 0)
            found = strcmp(or_empty(atlas_snapshot_header_value(s, i)), "mdbws") == 0;
    }
    CHECK(found);
    atlas_snapshot_free(s);
    s = get("sunset", SNAPSHOT, 0);
    CHECK_TEXT(atlas_snapshot_header(s, "Deprecation"), "Mon, 5 Aug 2024 00:00:00 GMT");
    CHECK_TEXT(atlas_snapshot_header(s, "Sunset"), "Thu, 1 Jul 2027 00:00:00 GMT");
    atlas_snapshot_free(s);
}

static void an_index_beyond_the_end_is_absent(void)
{
    /* Among them numbers that would be 0 if someone kept only the low bits. */
    static const size_t beyond[] = { 16, 256, 1000, 65536, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX - 1, SIZE_MAX };
    atlas_snapshot *s = get(CLUSTER, SNAPSHOT, 0);
    size_t i;

    CHECK_TEXT(atlas_snapshot_copy_region(s, 2), NULL);
    CHECK_TEXT(atlas_snapshot_policy_item(s, 1), NULL);
    CHECK_TEXT(atlas_snapshot_link_href(s, 1), NULL);
    CHECK_TEXT(atlas_snapshot_link_rel(s, 1), NULL);
    CHECK_TEXT(atlas_snapshot_header_name(s, atlas_snapshot_header_count(s)), NULL);
    CHECK_TEXT(atlas_snapshot_header_value(s, atlas_snapshot_header_count(s)), NULL);
    for (i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        CHECK_TEXT(atlas_snapshot_field_name(s, beyond[i]), NULL);
        CHECK_TEXT(atlas_snapshot_copy_region(s, beyond[i]), NULL);
        CHECK_TEXT(atlas_snapshot_policy_item(s, beyond[i]), NULL);
        CHECK_TEXT(atlas_snapshot_link_href(s, beyond[i]), NULL);
        CHECK_TEXT(atlas_snapshot_link_rel(s, beyond[i]), NULL);
        CHECK_TEXT(atlas_snapshot_member_id(s, beyond[i]), NULL);
        CHECK_TEXT(atlas_snapshot_member_cloud_provider(s, beyond[i]), NULL);
        CHECK_TEXT(atlas_snapshot_member_replica_set_name(s, beyond[i]), NULL);
        CHECK_TEXT(atlas_snapshot_snapshot_id(s, beyond[i]), NULL);
    }
    CHECK_TEXT(atlas_snapshot_header_name(s, SIZE_MAX), NULL);
    CHECK_TEXT(atlas_snapshot_header_value(s, SIZE_MAX), NULL);
    atlas_snapshot_free(s);
}

static void a_snapshot_of_the_live_service_reads(void)
{
    atlas_snapshot *s = get(CLUSTER, "00000000000000000000d001", 0);

    CHECK_TEXT(atlas_snapshot_frequency_type(s), "ondemand"); /* not as documented */
    CHECK_NUMBER(atlas_snapshot_frequency_type_code(s), ATLAS_FREQUENCY_ON_DEMAND);
    CHECK_TEXT(atlas_snapshot_snapshot_type(s), "onDemand");
    CHECK_NUMBER(atlas_snapshot_snapshot_type_code(s), ATLAS_SNAPSHOT_TYPE_ON_DEMAND);
    CHECK_TEXT(atlas_snapshot_mongod_version(s), "8.0.24-rc0");
    CHECK_TEXT(atlas_snapshot_master_key_uuid(s), NULL);
    CHECK_NUMBER(atlas_snapshot_copy_region_count(s), 0);
    CHECK_TEXT(atlas_snapshot_field(s, "copyRegions"), "[]"); /* empty and absent can be told apart */
    CHECK_NUMBER(atlas_snapshot_storage_size_bytes(s), 1610612736);
    CHECK_NUMBER(atlas_snapshot_link_count(s), 2);
    CHECK_TEXT(atlas_snapshot_link_rel(s, 1), "https://cloud.mongodb.com/cluster");
    atlas_snapshot_free(s);
}

static void a_sharded_cluster_asked_as_a_replica_set_shows_its_members(void)
{
    atlas_snapshot *s = get("replica-asked-sharded", SNAPSHOT, 0);

    CHECK_NUMBER(atlas_snapshot_type_code(s), ATLAS_CLUSTER_TYPE_SHARDED_CLUSTER);
    CHECK_TEXT(atlas_snapshot_config_server_type(s), "DEDICATED");
    CHECK_TEXT(atlas_snapshot_replica_set_name(s), NULL);
    CHECK_NUMBER(atlas_snapshot_member_count(s), 3);
    CHECK_TEXT(atlas_snapshot_member_id(s, 0), "5f4007f327a3bd7b6f410300");
    CHECK_TEXT(atlas_snapshot_member_cloud_provider(s, 1), "AWS");
    CHECK_TEXT(atlas_snapshot_member_replica_set_name(s, 2), "atlas-replica-asked-sharded-config-0");
    CHECK_TEXT(atlas_snapshot_member_id(s, 3), NULL);
    CHECK_NUMBER(atlas_snapshot_snapshot_id_count(s), 3);
    CHECK_TEXT(atlas_snapshot_snapshot_id(s, 2), "5f4007f327a3bd7b6f410302");
    atlas_snapshot_free(s);
}

static void a_snapshot_grows_field_by_field(void)
{
    static const char id[] = "5f3e9a1c0d8b2e4f6a7c9d01";
    static const int32_t codes[] = { ATLAS_STATUS_QUEUED,      ATLAS_STATUS_IN_PROGRESS, ATLAS_STATUS_IN_PROGRESS,
                                     ATLAS_STATUS_IN_PROGRESS, ATLAS_STATUS_IN_PROGRESS, ATLAS_STATUS_COMPLETED };
    atlas_client *client = simulator_client();
    atlas_snapshot *s;
    int stage;

    for (stage = 0; stage < 6; stage++) {
        s = atlas_client_get_snapshot(client, PROJECT, "staged", id, 0, NULL);
        CHECK(s != NULL);
        CHECK_NUMBER(atlas_snapshot_status_code(s), codes[stage]);
        CHECK((atlas_snapshot_mongod_version(s) != NULL) == (stage >= 2));
        CHECK((atlas_snapshot_cloud_provider(s) != NULL) == (stage >= 3));
        CHECK((atlas_snapshot_created_at_ms(s) != ATLAS_ABSENT) == (stage >= 4));
        atlas_snapshot_free(s);
    }
    atlas_client_free(client);
}

void snapshot_tests(void)
{
    RUN(every_accessor_reads_the_example_of_the_documentation);
    RUN(each_of_the_three_credentials_reads_the_same_snapshot);
    RUN(in_an_envelope_the_snapshot_is_found_inside);
    RUN(indented_it_reads_the_same);
    RUN(every_field_of_the_body_has_a_name_and_its_text);
    RUN(headers_are_found_by_name_in_any_case_and_by_number);
    RUN(an_index_beyond_the_end_is_absent);
    RUN(a_snapshot_of_the_live_service_reads);
    RUN(a_sharded_cluster_asked_as_a_replica_set_shows_its_members);
    RUN(a_snapshot_grows_field_by_field);
}
