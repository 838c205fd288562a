/*
 * The same job done with libcurl and json-c or yyjson: one easy handle, kept.
 *
 *     libcurl get PARSER COUNT             one snapshot after the other
 *     libcurl get-defaults PARSER COUNT    with HTTP version, signals and timeout as libcurl has them
 *     libcurl list PARSER COUNT CLUSTER    a list: all its pages, then read
 *     libcurl parse PARSER COUNT           a body fetched once; prints the seconds of CPU it took
 *     libcurl parse-list PARSER COUNT      a page of 500 snapshots fetched once; prints the seconds of CPU it took
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "parser.h"

enum { PAGE_SIZE = 500, PAGES = 1000 };

struct body {
    char *bytes;
    size_t length, room;
};

static const struct parser *parser;
static CURL *curl;
static struct body body;
static long sum;

static size_t append(char *bytes, size_t size, size_t count, void *to)
{
    struct body *kept = to;
    size_t more = size * count;

    if (kept->length + more + 1 > kept->room) {
        kept->room = (kept->length + more + 1) * 2;
        kept->bytes = realloc(kept->bytes, kept->room);
        if (kept->bytes == NULL)
            return 0;
    }
    memcpy(kept->bytes + kept->length, bytes, more);
    kept->length += more;
    kept->bytes[kept->length] = '\0';
    return more;
}

static struct curl_slist *set_up(int defaults)
{
    const char *token = getenv("MONGODB_ATLAS_ACCESS_TOKEN");
    struct curl_slist *headers = NULL;
    char credentials[4096];

    curl_global_init(CURL_GLOBAL_ALL);
    curl = curl_easy_init();
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
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "atlas-backup/0.0.0 (linux; x86_64)");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("MONGODB_ATLAS_CA_FILE"));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    if (!defaults) {
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30000L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    }
    return headers;
}

/* `rest` is what comes after "snapshots" in the URL. */
static void set_url(const char *cluster, const char *rest)
{
    char url[512];

    snprintf(url, sizeof url, "%s/api/atlas/v2/groups/%s/clusters/%s/backup/snapshots%s",
             getenv("MONGODB_ATLAS_BASE_URL"), getenv("ATLAS_SIMULATOR_PROJECT"), cluster, rest);
    curl_easy_setopt(curl, CURLOPT_URL, url);
}

static void set_page(const char *cluster, size_t number)
{
    char query[64];

    snprintf(query, sizeof query, "?itemsPerPage=%d&pageNum=%lu", (int)PAGE_SIZE, (unsigned long)number);
    set_url(cluster, query);
}

static void set_snapshot(void)
{
    char rest[64];

    snprintf(rest, sizeof rest, "/%s", getenv("ATLAS_SIMULATOR_SNAPSHOT"));
    set_url(getenv("ATLAS_SIMULATOR_CLUSTER"), rest);
}

static void fetch(void)
{
    long status = 0;
    CURLcode result;

    body.length = 0;
    result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK || status != 200) {
        fprintf(stderr, "libcurl: %s, status %ld\n", curl_easy_strerror(result), status);
        exit(1);
    }
}

static void *parse(void)
{
    void *document = parser->parse(body.bytes, body.length);

    if (document == NULL) {
        fputs("libcurl: not JSON\n", stderr);
        exit(1);
    }
    return document;
}

static void get_many(long count)
{
    set_snapshot();
    while (count-- > 0) {
        void *document;

        fetch();
        document = parse();
        sum += parser->read(document);
        parser->free(document);
    }
}

static void list(const char *cluster)
{
    static void *pages[PAGES];
    size_t count = 0, i;

    do {
        if (count == PAGES)
            exit(1);
        set_page(cluster, count + 1);
        fetch();
        pages[count++] = parse();
    } while (parser->count(pages[count - 1]) == PAGE_SIZE);
    for (i = 0; i < count; i++) {
        sum += parser->read_page(pages[i]);
        parser->free(pages[i]);
    }
}

static double parse_many(long count, int page)
{
    clock_t start;

    if (page)
        set_page("scheduled-500", 1);
    else
        set_snapshot();
    fetch();
    start = clock();
    while (count-- > 0) {
        void *document = parse();

        sum += page ? parser->read_page(document) : parser->read(document);
        parser->free(document);
    }
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 3 ? argv[1] : "", *name = argc > 3 ? argv[2] : "";
    long count = argc > 3 ? atol(argv[3]) : 0;
    struct curl_slist *headers = set_up(strcmp(mode, "get-defaults") == 0);

    parser = strcmp(name, "yyjson") == 0 ? &yyjson : &json_c;
    if (strncmp(mode, "get", 3) == 0) {
        get_many(count);
        printf("%ld\n", sum);
    } else if (strcmp(mode, "list") == 0 && argc > 4) {
        while (count-- > 0)
            list(argv[4]);
        printf("%ld\n", sum);
    } else if (strncmp(mode, "parse", 5) == 0) {
        printf("%.9f\n", parse_many(count, strcmp(mode, "parse-list") == 0));
    } else {
        fputs("usage: libcurl get|get-defaults|list|parse|parse-list json-c|yyjson COUNT [CLUSTER]\n", stderr);
        return 2;
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    free(body.bytes);
    return 0;
}
