/* What a program that uses the installed library does; C and C++. Prints the state of the simulator's snapshot. */

#include <stdio.h>
#include <stdlib.h>

#include <atlas_backup.h>

int main(void)
{
    atlas_error error;
    atlas_config *config = atlas_config_from_env();
    atlas_client *client = atlas_client_new(config, &error);
    atlas_snapshot *snapshot = NULL;

    if (client != NULL)
        snapshot = atlas_client_get_snapshot(client, getenv("ATLAS_SIMULATOR_PROJECT"), getenv("ATLAS_SIMULATOR_CLUSTER"),
                                             getenv("ATLAS_SIMULATOR_SNAPSHOT"), 0, &error);
    if (snapshot != NULL)
        printf("%s %s\n", atlas_backup_version(), atlas_snapshot_status(snapshot));
    else
        fprintf(stderr, "%s\n", error.message);
    atlas_snapshot_free(snapshot);
    atlas_client_free(client);
    atlas_config_free(config);
    return snapshot == NULL;
}
