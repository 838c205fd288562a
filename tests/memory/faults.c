/*
 * Does what a checker of memory errors has to find in this library, or, with "none", the same without the fault:
 * a checker that finds nothing may not be there at all. Run by faults.sh.
 */

#include <stdio.h>
#include <string.h>

#include "atlas_backup.h"

static const char json[] = "{\"id\":\"5f4007f327a3bd7b6f4103c5\",\"status\":\"completed\"}";

static atlas_snapshot *parse(void)
{
    return atlas_snapshot_parse(json, sizeof json - 1, NULL);
}

int main(int argc, char **argv)
{
    const char *fault = argc == 2 ? argv[1] : "";
    atlas_snapshot *snapshot = parse();

    if (strcmp(fault, "use-after-free") == 0) {
        atlas_snapshot_free(snapshot);
        /* Reads without calling a function of the C library, which the checker may watch by itself. */
        printf("%s\n", atlas_snapshot_storage_size_bytes(snapshot) == ATLAS_ABSENT ? "absent" : "there");
    } else if (strcmp(fault, "leak") == 0) {
        /* Nobody may know its address any more, not even the stack. */
        snapshot = parse();
        atlas_snapshot_free(snapshot);
        snapshot = NULL;
    } else if (strcmp(fault, "none") == 0) {
        printf("%s\n", atlas_snapshot_id(snapshot));
        atlas_snapshot_free(snapshot);
    } else {
        fprintf(stderr, "usage: faults none|use-after-free|leak\n");
        return 2;
    }
    return 0;
}
