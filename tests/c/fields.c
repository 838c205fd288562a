/* atlas_snapshot_read_fields: all documented fields in one call. */

#include "check.h"
#include "fields.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char full[] =
    "{\"id\":\"a\",\"cloudProvider\":\"AWS\",\"configServerType\":\"EMBEDDED\",\"createdAt\":\"2026-08-10T03:27:08Z\","
    "\"description\":\"b\",\"expiresAt\":\"2026-08-11T03:28:21Z\",\"frequencyType\":\"DAILY\",\"masterKeyUUID\":\"c\","
    "\"mongodVersion\":\"8.0.29\",\"replicaSetName\":\"d\",\"snapshotType\":\"fallback\",\"status\":\"completed\","
    "\"type\":\"shardedCluster\",\"storageSizeBytes\":1574477824,\"copyRegions\":[\"e\",\"\"],\"policyItems\":[\"f\"],"
    "\"links\":[{\"href\":\"g\",\"rel\":\"h\"},{\"rel\":\"i\"},{}],\"snapshotIds\":[\"j\",\"k\",\"l\"],"
    "\"members\":[{\"id\":\"m\",\"cloudProvider\":\"GCP\",\"replicaSetName\":\"n\"},{\"cloudProvider\":\"AZURE\"},{}]}";

/* Complete, absent in each way, odd, and in an envelope. */
static const char *const documents[] = {
    full,
    "{}",
    "{\"id\":null,\"status\":null,\"storageSizeBytes\":null,\"copyRegions\":null,\"links\":null,\"members\":null}",
    "{\"id\":\"\",\"description\":\"\",\"copyRegions\":[],\"policyItems\":[],\"snapshotIds\":[],\"links\":[],\"members\":[]}",
    "{\"copyRegions\":[\"only\"]}",
    "{\"members\":[{}]}",
    "{\"id\":1,\"status\":{},\"storageSizeBytes\":1.5,\"createdAt\":7,\"copyRegions\":[1],\"links\":[[]],\"members\":\"x\"}",
    "{\"status\":\"paused\",\"type\":\"x\",\"frequencyType\":\"ondemand\",\"createdAt\":\"soon\",\"expiresAt\":\"1969-12-31T23:59:59Z\"}",
    "{\"id\":\"\\ud83d\\udcbe \\u0000\",\"storageSizeBytes\":-9223372036854775807,\"snapshotIds\":[\"\\n\"]}",
    "{\"status\":200,\"content\":{\"id\":\"a\",\"status\":\"failed\",\"policyItems\":[\"b\"]}}",
};
#define DOCUMENTS (sizeof documents / sizeof *documents)

static atlas_snapshot *parse(const char *json)
{
    atlas_snapshot *snapshot = atlas_snapshot_parse(json, strlen(json), NULL);

    CHECK(snapshot != NULL);
    return snapshot;
}

static atlas_snapshot_fields read_fields(const atlas_snapshot *snapshot)
{
    atlas_snapshot_fields fields;

    memset(&fields, 0xa5, sizeof fields);
    CHECK_NUMBER(atlas_snapshot_read_fields(snapshot, &fields, sizeof fields), sizeof fields);
    return fields;
}

/* An array has a pointer exactly if it is not empty. */
#define CHECK_ARRAY(count, pointer, accessor) \
    CHECK_NUMBER(f.count, accessor(s)); \
    CHECK((f.pointer != NULL) == (f.count > 0)); \
    for (i = 0; i < f.count; i++)

static void agree(const atlas_snapshot *s)
{
    atlas_snapshot_fields f = read_fields(s);
    size_t i;

#define IS_THE_SAME(name, accessor) CHECK(f.accessor == atlas_snapshot_##accessor(s));
    TEXT_FIELDS(IS_THE_SAME)
    CHECK_NUMBER(f.storage_size_bytes, atlas_snapshot_storage_size_bytes(s));
    CHECK_NUMBER(f.created_at_ms, atlas_snapshot_created_at_ms(s));
    CHECK_NUMBER(f.expires_at_ms, atlas_snapshot_expires_at_ms(s));
    CHECK_NUMBER(f.status_code, atlas_snapshot_status_code(s));
    CHECK_NUMBER(f.cloud_provider_code, atlas_snapshot_cloud_provider_code(s));
    CHECK_NUMBER(f.frequency_type_code, atlas_snapshot_frequency_type_code(s));
    CHECK_NUMBER(f.snapshot_type_code, atlas_snapshot_snapshot_type_code(s));
    CHECK_NUMBER(f.type_code, atlas_snapshot_type_code(s));
    CHECK_NUMBER(f.http_status, atlas_snapshot_http_status(s));
    CHECK_ARRAY(copy_region_count, copy_regions, atlas_snapshot_copy_region_count)
        CHECK(f.copy_regions[i] == atlas_snapshot_copy_region(s, i));
    CHECK_ARRAY(policy_item_count, policy_items, atlas_snapshot_policy_item_count)
        CHECK(f.policy_items[i] == atlas_snapshot_policy_item(s, i));
    CHECK_ARRAY(snapshot_id_count, snapshot_ids, atlas_snapshot_snapshot_id_count)
        CHECK(f.snapshot_ids[i] == atlas_snapshot_snapshot_id(s, i));
    CHECK_ARRAY(link_count, links, atlas_snapshot_link_count) {
        CHECK(f.links[i].href == atlas_snapshot_link_href(s, i));
        CHECK(f.links[i].rel == atlas_snapshot_link_rel(s, i));
    }
    CHECK_ARRAY(member_count, members, atlas_snapshot_member_count) {
        CHECK(f.members[i].id == atlas_snapshot_member_id(s, i));
        CHECK(f.members[i].cloud_provider == atlas_snapshot_member_cloud_provider(s, i));
        CHECK(f.members[i].replica_set_name == atlas_snapshot_member_replica_set_name(s, i));
    }
}

static void struct_and_accessors_agree_field_by_field(void)
{
    atlas_client *client = simulator_client();
    atlas_snapshot *s;
    atlas_snapshot_list *list;
    size_t i;

    for (i = 0; i < DOCUMENTS; i++) {
        s = parse(documents[i]);
        agree(s);
        atlas_snapshot_free(s);
    }
    s = atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, NULL);
    CHECK_NUMBER(read_fields(s).http_status, 200);
    CHECK_NUMBER(read_fields(s).copy_region_count, 2);
    agree(s);
    atlas_snapshot_free(s);
    list = atlas_client_list_snapshots(client, PROJECT, "odd-scalar", 0, NULL);
    CHECK_NUMBER(atlas_snapshot_list_count(list), 3);
    for (i = 0; i < atlas_snapshot_list_count(list); i++)
        agree(atlas_snapshot_list_get(list, i));
    atlas_snapshot_list_free(list);
    atlas_client_free(client);
}

static void every_member_of_the_struct_is_what_atlas_sent(void)
{
    atlas_snapshot *s = parse(full);
    atlas_snapshot_fields f = read_fields(s);

    /* What the accessors cannot tell apart would be one of these. */
    CHECK_TEXT(f.id, "a");
    CHECK_TEXT(f.description, "b");
    CHECK_TEXT(f.master_key_uuid, "c");
    CHECK_TEXT(f.replica_set_name, "d");
    CHECK_NUMBER(f.storage_size_bytes, 1574477824);
    CHECK_NUMBER(f.created_at_ms, (int64_t)1786332428 * 1000);
    CHECK_NUMBER(f.expires_at_ms, (int64_t)1786418901 * 1000);
    CHECK_NUMBER(f.status_code, ATLAS_STATUS_COMPLETED);
    CHECK_NUMBER(f.cloud_provider_code, ATLAS_CLOUD_PROVIDER_AWS);
    CHECK_NUMBER(f.frequency_type_code, ATLAS_FREQUENCY_DAILY);
    CHECK_NUMBER(f.snapshot_type_code, ATLAS_SNAPSHOT_TYPE_FALLBACK);
    CHECK_NUMBER(f.type_code, ATLAS_CLUSTER_TYPE_SHARDED_CLUSTER);
    CHECK_NUMBER(f.copy_region_count, 2);
    CHECK_TEXT(f.copy_regions[1], "");
    CHECK_TEXT(f.policy_items[0], "f");
    CHECK_TEXT(f.links[0].href, "g");
    CHECK_TEXT(f.links[1].href, NULL);
    CHECK_TEXT(f.links[1].rel, "i");
    CHECK_TEXT(f.snapshot_ids[2], "l");
    CHECK_NUMBER(f.member_count, 3);
    CHECK_TEXT(f.members[0].replica_set_name, "n");
    CHECK_TEXT(f.members[1].cloud_provider, "AZURE");
    CHECK_TEXT(f.members[2].id, NULL);
    atlas_snapshot_free(s);
}

/* A program of an older or of a newer header: `size` bytes are its, each is filled, and none beyond. `expected` lay on other
 * bytes before it was filled, which no gap between members may show. */
static void fills(const atlas_snapshot *s, const atlas_snapshot_fields *expected, size_t size)
{
    size_t known = sizeof *expected, i, wrong = 0;
    unsigned char *bytes = (unsigned char *)malloc(size + 8);

    memset(bytes, 0xa5, size + 8);
    CHECK_NUMBER(atlas_snapshot_read_fields(s, (atlas_snapshot_fields *)(void *)bytes, size), s != NULL ? known : 0);
    CHECK(memcmp(bytes, expected, size < known ? size : known) == 0);
    for (i = known; i < size; i++)
        wrong += bytes[i] != 0;
    for (i = size; i < size + 8; i++)
        wrong += bytes[i] != 0xa5;
    if (!CHECK(wrong == 0))
        printf("        (size %lu)\n", (unsigned long)size);
    free(bytes);
}

static void each_program_gets_as_many_bytes_as_it_has_room_for(void)
{
    atlas_snapshot *s = parse(full);
    atlas_snapshot_fields fields, absent;
    size_t size;

    memset(&fields, 0x5a, sizeof fields);
    memset(&absent, 0x5a, sizeof absent);
    atlas_snapshot_read_fields(s, &fields, sizeof fields);
    atlas_snapshot_read_fields(NULL, &absent, sizeof absent);
    for (size = 0; size <= sizeof fields + 40; size++) {
        fills(s, &fields, size);
        fills(NULL, &absent, size);
    }
    fills(s, &fields, 100000);
    atlas_snapshot_free(s);
}

static void of_no_snapshot_everything_is_absent(void)
{
    atlas_snapshot_fields f;

    memset(&f, 0xa5, sizeof f);
    CHECK_NUMBER(atlas_snapshot_read_fields(NULL, &f, sizeof f), 0);
#define IS_ABSENT(name, accessor) CHECK_TEXT(f.accessor, NULL);
    TEXT_FIELDS(IS_ABSENT)
    CHECK_NUMBER(f.storage_size_bytes, ATLAS_ABSENT);
    CHECK_NUMBER(f.created_at_ms, ATLAS_ABSENT);
    CHECK_NUMBER(f.expires_at_ms, ATLAS_ABSENT);
    CHECK_NUMBER(f.status_code + f.cloud_provider_code + f.frequency_type_code, 0);
    CHECK_NUMBER(f.snapshot_type_code + f.type_code + f.http_status, 0);
    CHECK_NUMBER(f.copy_region_count + f.policy_item_count + f.snapshot_id_count + f.link_count + f.member_count, 0);
    CHECK(f.copy_regions == NULL && f.policy_items == NULL && f.snapshot_ids == NULL);
    CHECK(f.links == NULL && f.members == NULL);
}

static void without_a_struct_it_tells_the_size(void)
{
    atlas_snapshot *s = parse(full);

    CHECK_NUMBER(atlas_snapshot_read_fields(s, NULL, 0), sizeof(atlas_snapshot_fields));
    CHECK_NUMBER(atlas_snapshot_read_fields(s, NULL, sizeof(atlas_snapshot_fields)), sizeof(atlas_snapshot_fields));
    CHECK_NUMBER(atlas_snapshot_read_fields(NULL, NULL, 17), 0);
    atlas_snapshot_free(s);
}

static void pointers_stay_and_a_copy_has_its_own(void)
{
    atlas_snapshot *s = parse(full), *copy;
    atlas_snapshot_fields first = read_fields(s), again = read_fields(s), copied;

    CHECK(memcmp(&first, &again, sizeof first) == 0);
    copy = atlas_snapshot_copy(s);
    copied = read_fields(copy);
    CHECK(copied.id != first.id && copied.links != first.links && copied.copy_regions != first.copy_regions);
    atlas_snapshot_free(s);
    CHECK_TEXT(copied.links[0].href, "g");
    agree(copy);
    atlas_snapshot_free(copy);
}

#define THREADS 8

struct reader {
    const atlas_snapshot *snapshot;
    const int *may_go; /* read and set atomically */
    atlas_snapshot_fields fields;
};

static void *read_it(void *argument)
{
    struct reader *reader = (struct reader *)argument;

    while (!__atomic_load_n(reader->may_go, __ATOMIC_SEQ_CST))
        ;
    atlas_snapshot_read_fields(reader->snapshot, &reader->fields, sizeof reader->fields);
    return NULL;
}

static void threads_that_read_at_once_get_the_same(void)
{
    struct reader readers[THREADS];
    pthread_t threads[THREADS];
    int round, i, may_go;

    for (round = 0; round < 50; round++) {
        atlas_snapshot *s = parse(full); /* whose arrays of pointers nobody has made yet */

        may_go = 0;
        for (i = 0; i < THREADS; i++) {
            memset(&readers[i], 0, sizeof readers[i]);
            readers[i].snapshot = s;
            readers[i].may_go = &may_go;
            CHECK_NUMBER(pthread_create(&threads[i], NULL, read_it, &readers[i]), 0);
        }
        __atomic_store_n(&may_go, 1, __ATOMIC_SEQ_CST);
        for (i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        for (i = 0; i < THREADS; i++)
            CHECK(memcmp(&readers[i].fields, &readers[0].fields, sizeof readers[i].fields) == 0);
        CHECK_TEXT(readers[0].fields.members[0].id, "m");
        atlas_snapshot_free(s);
    }
}

void fields_tests(void)
{
    RUN(struct_and_accessors_agree_field_by_field);
    RUN(every_member_of_the_struct_is_what_atlas_sent);
    RUN(each_program_gets_as_many_bytes_as_it_has_room_for);
    RUN(of_no_snapshot_everything_is_absent);
    RUN(without_a_struct_it_tells_the_size);
    RUN(pointers_stay_and_a_copy_has_its_own);
    RUN(threads_that_read_at_once_get_the_same);
}
