/*
 * Snapshots read with json-c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include <json-c/json.h>

#include "parser.h"

static long text_of(json_object *object, const char *name)
{
    json_object *value;
    const char *text = json_object_object_get_ex(object, name, &value) ? json_object_get_string(value) : NULL;

    return text != NULL ? text[0] : 0;
}

static long read_snapshot(void *snapshot)
{
    static const char *const texts[] = {
        "cloudProvider", "createdAt", "description", "expiresAt", "frequencyType", "id", "masterKeyUUID",
        "mongodVersion", "replicaSetName", "snapshotType", "status", "type",
    };
    static const char *const lists[] = { "copyRegions", "policyItems" };
    json_object *value;
    long sum = 0;
    size_t i, k;

    for (i = 0; i < sizeof texts / sizeof *texts; i++)
        sum += text_of(snapshot, texts[i]);
    for (i = 0; i < sizeof lists / sizeof *lists; i++)
        if (json_object_object_get_ex(snapshot, lists[i], &value))
            for (k = 0; k < json_object_array_length(value); k++)
                sum += json_object_get_string(json_object_array_get_idx(value, k))[0];
    if (json_object_object_get_ex(snapshot, "links", &value))
        for (k = 0; k < json_object_array_length(value); k++) {
            json_object *link = json_object_array_get_idx(value, k);

            sum += text_of(link, "href") + text_of(link, "rel");
        }
    if (json_object_object_get_ex(snapshot, "storageSizeBytes", &value))
        sum += (long)json_object_get_int64(value);
    return sum;
}

static size_t count(void *page)
{
    json_object *results;

    return json_object_object_get_ex(page, "results", &results) ? json_object_array_length(results) : 0;
}

static long read_page(void *page)
{
    json_object *results;
    long sum = 0;
    size_t i, items = count(page);

    json_object_object_get_ex(page, "results", &results);
    for (i = 0; i < items; i++)
        sum += read_snapshot(json_object_array_get_idx(results, i));
    return sum;
}

static void *parse(const char *text, size_t length)
{
    (void)length;
    return json_tokener_parse(text);
}

static void give_back(void *document)
{
    json_object_put(document);
}

const struct parser json_c = { parse, give_back, read_snapshot, count, read_page };
