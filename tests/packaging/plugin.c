/*
 * A host that loads the library as plug-ins do, and knows none of its symbols: plugin TIMES LIBRARY...
 *
 * Each of the libraries is opened with RTLD_LOCAL, all at once; from each a snapshot is fetched, in a thread of its own, at
 * the same time; then all are closed. That TIMES over.
 */

#define _GNU_SOURCE /* RTLD_DEFAULT */

#include <atlas_backup.h>
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 4

typedef struct {
    const char *path;
    void *library;
    int failed;
} copy;

/* ISO C has no cast from an object pointer to a function pointer. */
static void find(const copy *of, const char *name, void *function)
{
    void *symbol = dlsym(of->library, name);

    if (symbol == NULL) {
        fprintf(stderr, "%s: no %s\n", of->path, name);
        exit(1);
    }
    memcpy(function, &symbol, sizeof symbol);
}

static void *fetch(void *argument)
{
    copy *of = argument;
    atlas_config *(*config_from_env)(void);
    void (*config_free)(atlas_config *);
    atlas_client *(*client_new)(const atlas_config *, atlas_error *);
    void (*client_free)(atlas_client *);
    atlas_snapshot *(*get_snapshot)(atlas_client *, const char *, const char *, const char *, uint32_t, atlas_error *);
    const char *(*status)(const atlas_snapshot *);
    void (*snapshot_free)(atlas_snapshot *);
    atlas_config *config;
    atlas_client *client;
    atlas_snapshot *snapshot;
    atlas_error error;

    find(of, "atlas_config_from_env", &config_from_env);
    find(of, "atlas_config_free", &config_free);
    find(of, "atlas_client_new", &client_new);
    find(of, "atlas_client_free", &client_free);
    find(of, "atlas_client_get_snapshot", &get_snapshot);
    find(of, "atlas_snapshot_status", &status);
    find(of, "atlas_snapshot_free", &snapshot_free);

    config = config_from_env();
    client = client_new(config, &error);
    snapshot = get_snapshot(client, getenv("ATLAS_SIMULATOR_PROJECT"), getenv("ATLAS_SIMULATOR_CLUSTER"),
                            getenv("ATLAS_SIMULATOR_SNAPSHOT"), 0, client != NULL ? &error : NULL);
    of->failed = snapshot == NULL || strcmp(status(snapshot), "completed") != 0;
    if (snapshot == NULL)
        fprintf(stderr, "%s: %s\n", of->path, error.message);
    snapshot_free(snapshot);
    client_free(client);
    config_free(config);
    return NULL;
}

static int entries(const char *directory)
{
    DIR *open = opendir(directory);
    int count = 0;

    while (open != NULL && readdir(open) != NULL)
        count++;
    if (open != NULL)
        closedir(open);
    return count;
}

int main(int argc, char **argv)
{
    copy copies[MOST];
    pthread_t threads[MOST];
    int count = argc - 2, times = argc > 2 ? atoi(argv[1]) : 0, failed = 0, first = 0, i, round;

    if (times < 1 || count > MOST)
        return 2;
    for (round = 0; round < times; round++) {
        for (i = 0; i < count; i++) {
            copies[i].path = argv[2 + i];
            copies[i].library = dlopen(copies[i].path, RTLD_NOW | RTLD_LOCAL);
            if (copies[i].library == NULL) {
                fprintf(stderr, "%s\n", dlerror());
                return 1;
            }
        }
        if (dlsym(RTLD_DEFAULT, "atlas_client_new") != NULL) {
            fprintf(stderr, "RTLD_LOCAL made the symbols global\n");
            return 1;
        }
        if (count > 1 && dlsym(copies[0].library, "atlas_client_new") == dlsym(copies[1].library, "atlas_client_new")) {
            fprintf(stderr, "the two copies are one\n");
            return 1;
        }
        for (i = 0; i < count; i++)
            if (pthread_create(&threads[i], NULL, fetch, &copies[i]) != 0)
                return 1;
        for (i = 0; i < count; i++) {
            pthread_join(threads[i], NULL);
            failed |= copies[i].failed;
            dlclose(copies[i].library);
        }
        if (round == 0)
            first = entries("/proc/self/fd");
    }
    if (entries("/proc/self/fd") > first) {
        fprintf(stderr, "descriptors are left open: %d after one round, %d after %d\n", first,
                entries("/proc/self/fd"), times);
        return 1;
    }
    return failed;
}
