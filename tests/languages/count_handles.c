/*
 * count_handles - stands between a program and the library, and counts the handles
 *
 * The programs in docs/examples load it as libatlas_backup.so.0. It hands every call on to the library that
 * ATLAS_COUNT_LIBRARY names, and checks that each handle is freed once and not used afterwards, all on one thread. The
 * file ATLAS_COUNT_REPORT has what is wrong, one line each, and "balanced" at its end while every handle is freed. It is
 * written at each call, since not every language runs destructors of C when it ends.
 *
 * ATLAS_COUNT_VERSION and ATLAS_COUNT_ERROR_SIZE make it pass for another version of the library.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "atlas_backup.h"

#define CAPACITY 64

static struct {
    const void *handle;
    const char *type;
    int live;
} handles[CAPACITY];
static int handle_count, problem_count;
static void *library;
static FILE *report;
static pthread_t first_thread;

static void problem(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(report, format, arguments);
    va_end(arguments);
    putc('\n', report);
    fflush(report);
    problem_count++;
}

/* What is alive, or that nothing is, behind the problems. */
static void tell(void)
{
    const long end = ftell(report);
    int i, live = 0;

    for (i = 0; i < handle_count; i++)
        if (handles[i].live)
            live += fprintf(report, "a %s was never freed\n", handles[i].type);
    if (live == 0 && problem_count == 0)
        fputs("balanced\n", report);
    fflush(report);
    if (ftruncate(fileno(report), ftell(report)) != 0)
        abort();
    fseek(report, end, SEEK_SET);
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("ATLAS_COUNT_LIBRARY"), *name = getenv("ATLAS_COUNT_REPORT");

    library = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    report = name != NULL ? fopen(name, "w") : NULL;
    if (library == NULL || report == NULL) {
        fprintf(stderr, "count_handles: %s\n", library == NULL ? dlerror() : "no report can be written");
        abort();
    }
    first_thread = pthread_self();
}

static void *function(const char *name)
{
    void *found = dlsym(library, name);

    if (pthread_equal(pthread_self(), first_thread) == 0)
        problem("%s was called on another thread", name);
    if (found == NULL) {
        fprintf(stderr, "count_handles: %s\n", dlerror());
        abort();
    }
    return found;
}

static void *made(const char *type, void *handle)
{
    if (handle != NULL && handle_count < CAPACITY) {
        handles[handle_count].handle = handle;
        handles[handle_count].type = type;
        handles[handle_count++].live = 1;
    }
    tell();
    return handle;
}

/* The newest of that address: an address may be used again. */
static int find(const char *name, const char *type, const void *handle)
{
    int i = handle_count - 1;

    while (i >= 0 && (handles[i].handle != handle || handles[i].type != type))
        i--;
    if (i < 0 || !handles[i].live)
        problem("%s was given %s", name,
                handle == NULL ? "NULL" : i < 0 ? "no handle of its type" : "a handle that was freed");
    return i;
}

static void freed(const char *name, const char *type, const void *handle)
{
    int i = find(name, type, handle);

    if (i >= 0)
        handles[i].live = 0;
    tell();
}

static const char config_type[] = "config", client_type[] = "client", snapshot_type[] = "snapshot";

#define CALL(result, name, parameters) ((result(*) parameters)function(#name))

const char *atlas_backup_version(void)
{
    const char *other = getenv("ATLAS_COUNT_VERSION");

    return other != NULL ? other : CALL(const char *, atlas_backup_version, (void))();
}

int32_t atlas_backup_runtime_version(void)
{
    const char *other = getenv("ATLAS_COUNT_VERSION");
    int major, minor, patch;

    if (other != NULL && sscanf(other, "%d.%d.%d", &major, &minor, &patch) == 3)
        return major * 1000000 + minor * 1000 + patch;
    return CALL(int32_t, atlas_backup_runtime_version, (void))();
}

size_t atlas_error_size(void)
{
    const char *other = getenv("ATLAS_COUNT_ERROR_SIZE");

    return other != NULL ? (size_t)atol(other) : CALL(size_t, atlas_error_size, (void))();
}

atlas_config *atlas_config_from_env(void)
{
    return made(config_type, CALL(atlas_config *, atlas_config_from_env, (void))());
}

atlas_client *atlas_client_new(const atlas_config *config, atlas_error *error)
{
    find("atlas_client_new", config_type, config);
    return made(client_type, CALL(atlas_client *, atlas_client_new, (const atlas_config *, atlas_error *))(config, error));
}

atlas_snapshot *atlas_client_get_snapshot(atlas_client *client, const char *group_id, const char *cluster_name,
                                          const char *snapshot_id, uint32_t flags, atlas_error *error)
{
    find("atlas_client_get_snapshot", client_type, client);
    return made(snapshot_type,
                CALL(atlas_snapshot *, atlas_client_get_snapshot,
                     (atlas_client *, const char *, const char *, const char *, uint32_t, atlas_error *))(
                    client, group_id, cluster_name, snapshot_id, flags, error));
}

#define FREE(type)                                                 \
    void atlas_##type##_free(atlas_##type *handle)                 \
    {                                                              \
        freed("atlas_" #type "_free", type##_type, handle);        \
        CALL(void, atlas_##type##_free, (atlas_##type *))(handle); \
    }

FREE(config)
FREE(client)
FREE(snapshot)

#define ACCESSOR(result, name)                                                          \
    result atlas_snapshot_##name(const atlas_snapshot *snapshot)                        \
    {                                                                                   \
        find("atlas_snapshot_" #name, snapshot_type, snapshot);                         \
        return CALL(result, atlas_snapshot_##name, (const atlas_snapshot *))(snapshot); \
    }

size_t atlas_snapshot_read_fields(const atlas_snapshot *snapshot, atlas_snapshot_fields *fields, size_t size)
{
    find("atlas_snapshot_read_fields", snapshot_type, snapshot);
    return CALL(size_t, atlas_snapshot_read_fields, (const atlas_snapshot *, atlas_snapshot_fields *, size_t))(
        snapshot, fields, size);
}

ACCESSOR(const char *, status)
ACCESSOR(const char *, created_at)
ACCESSOR(const char *, description)
ACCESSOR(int64_t, storage_size_bytes)
