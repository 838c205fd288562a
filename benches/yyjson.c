/*
 * Snapshots read with yyjson, at its fastest: its iterator goes on where it is, and Atlas' members are in this order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include "yyjson/yyjson.h"

#include "parser.h"

static long text_of(yyjson_obj_iter *object, const char *name)
{
    const char *text = yyjson_get_str(yyjson_obj_iter_get(object, name));

    return text != NULL ? text[0] : 0;
}

static long texts_of(yyjson_val *list)
{
    yyjson_arr_iter at = yyjson_arr_iter_with(list);
    yyjson_val *value;
    long sum = 0;

    while ((value = yyjson_arr_iter_next(&at)) != NULL)
        sum += yyjson_get_str(value)[0];
    return sum;
}

static long links_of(yyjson_val *list)
{
    yyjson_arr_iter at = yyjson_arr_iter_with(list);
    yyjson_val *value;
    long sum = 0;

    while ((value = yyjson_arr_iter_next(&at)) != NULL) {
        yyjson_obj_iter link = yyjson_obj_iter_with(value);

        sum += text_of(&link, "href");
        sum += text_of(&link, "rel");
    }
    return sum;
}

static long read_value(yyjson_val *snapshot)
{
    yyjson_obj_iter at = yyjson_obj_iter_with(snapshot);
    long sum = text_of(&at, "cloudProvider");

    sum += texts_of(yyjson_obj_iter_get(&at, "copyRegions"));
    sum += text_of(&at, "createdAt");
    sum += text_of(&at, "description");
    sum += text_of(&at, "expiresAt");
    sum += text_of(&at, "frequencyType");
    sum += text_of(&at, "id");
    sum += links_of(yyjson_obj_iter_get(&at, "links"));
    sum += text_of(&at, "masterKeyUUID");
    sum += text_of(&at, "mongodVersion");
    sum += texts_of(yyjson_obj_iter_get(&at, "policyItems"));
    sum += text_of(&at, "replicaSetName");
    sum += text_of(&at, "snapshotType");
    sum += text_of(&at, "status");
    sum += (long)yyjson_get_sint(yyjson_obj_iter_get(&at, "storageSizeBytes"));
    return sum + text_of(&at, "type");
}

static long read_snapshot(void *document)
{
    return read_value(yyjson_doc_get_root(document));
}

static yyjson_val *results(void *page)
{
    return yyjson_obj_get(yyjson_doc_get_root(page), "results");
}

static size_t count(void *page)
{
    return yyjson_arr_size(results(page));
}

static long read_page(void *page)
{
    yyjson_arr_iter at = yyjson_arr_iter_with(results(page));
    yyjson_val *item;
    long sum = 0;

    while ((item = yyjson_arr_iter_next(&at)) != NULL)
        sum += read_value(item);
    return sum;
}

static void *parse(const char *text, size_t length)
{
    return yyjson_read(text, length, YYJSON_READ_NOFLAG);
}

static void give_back(void *document)
{
    yyjson_doc_free(document);
}

const struct parser yyjson = { parse, give_back, read_snapshot, count, read_page };
