/*
 * The same job done with libcurl and json-c: one easy handle, kept; the 16 fields that Atlas documents for a replica
 * set's snapshot read, dates as text.
 *
 *     libcurl [defaults] COUNT    `defaults` leaves HTTP version, signals and timeout as libcurl has them
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <json-c/json.h>

struct body {
    char *bytes;
    size_t length, room;
};

static size_t append(char *bytes, size_t size, size_t count, void *to)
{
    struct body *body = to;
    size_t more = size * count;

    if (body->length + more + 1 > body->room) {
        body->room = (body->length + more + 1) * 2;
        body->bytes = realloc(body->bytes, body->room);
        if (body->bytes == NULL)
            return 0;
    }
    memcpy(body->bytes + body->length, bytes, more);
    body->length += more;
    body->bytes[body->length] = '\0';
    return more;
}

static long text_of(json_object *object, const char *name)
{
    json_object *value;
    const char *text = json_object_object_get_ex(object, name, &value) ? json_object_get_string(value) : NULL;

    return text != NULL ? text[0] : 0;
}

static long read_all(json_object *snapshot)
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

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[argc - 1]) : 0, sum = 0;
    const char *token = getenv("MONGODB_ATLAS_ACCESS_TOKEN");
    struct curl_slist *headers = NULL;
    struct body body = { NULL, 0, 0 };
    char url[512], credentials[4096];
    CURL *curl;

    curl_global_init(CURL_GLOBAL_ALL);
    curl = curl_easy_init();
    snprintf(url, sizeof url, "%s/api/atlas/v2/groups/%s/clusters/%s/backup/snapshots/%s",
             getenv("MONGODB_ATLAS_BASE_URL"), getenv("ATLAS_SIMULATOR_PROJECT"), getenv("ATLAS_SIMULATOR_CLUSTER"),
             getenv("ATLAS_SIMULATOR_SNAPSHOT"));
    headers = curl_slist_append(headers, "Accept: application/vnd.atlas.2024-05-30+json");
    if (token != NULL) {
        snprintf(credentials, sizeof credentials, "Authorization: Bearer %s", token);
        headers = curl_slist_append(headers, credentials);
    } else {
        snprintf(credentials, sizeof credentials, "%s:%s", getenv("MONGODB_ATLAS_PUBLIC_API_KEY"),
                 getenv("MONGODB_ATLAS_PRIVATE_API_KEY"));
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_DIGEST);
        curl_easy_setopt(curl, CURLOPT_USERPWD, credentials);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "atlas-backup/0.0.0 (linux; x86_64)");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("MONGODB_ATLAS_CA_FILE"));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    if (argc < 3) {
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30000L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    }
    while (count-- > 0) {
        json_object *snapshot;
        long status = 0;
        CURLcode result;

        body.length = 0;
        result = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        if (result != CURLE_OK || status != 200) {
            fprintf(stderr, "libcurl: %s, status %ld\n", curl_easy_strerror(result), status);
            return 1;
        }
        snapshot = json_tokener_parse(body.bytes);
        if (snapshot == NULL) {
            fputs("libcurl: not JSON\n", stderr);
            return 1;
        }
        sum += read_all(snapshot);
        json_object_put(snapshot);
    }
    printf("%ld\n", sum);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    free(body.bytes);
    return 0;
}
