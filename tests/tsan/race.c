/*
 * Does what ThreadSanitizer has to find in this library, two threads that change one config, or, with "none", the same
 * one after the other: a checker that finds nothing may not be there at all. Run by ../tsan/run.
 */

#include <pthread.h>
#include <string.h>

#include "atlas_backup.h"

static void *change(void *config)
{
    atlas_config_set_timeout_ms((atlas_config *)config, 1000);
    return NULL;
}

int main(int argc, char **argv)
{
    int races = argc == 2 && strcmp(argv[1], "race") == 0;
    atlas_config *config = atlas_config_new();
    pthread_t thread;

    if (pthread_create(&thread, NULL, change, config) != 0)
        return 1;
    if (!races)
        pthread_join(thread, NULL);
    change(config);
    if (races)
        pthread_join(thread, NULL);
    atlas_config_free(config);
    return 0;
}
