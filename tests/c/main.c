/*
 * Tests of the C ABI, run by the simulator of Atlas: `make test-c`. The same sources are compiled as C99 and as
 * C++11, so they keep to what both understand. TESTS=NAME runs one file of tests alone.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const struct {
    const char *name;
    void (*run)(void);
} files[] = {
    { "layout", layout_tests },     { "null", null_tests },         { "setting", setting_tests },
    { "parse", parse_tests },       { "snapshot", snapshot_tests }, { "fields", fields_tests },
    { "list", list_tests },         { "argument", argument_tests }, { "error", error_tests },
    { "call", call_tests },         { "lifetime", lifetime_tests }, { "thread", thread_tests },
};

int main(void)
{
    const char *only = getenv("TESTS");
    size_t i;

    read_environment();
    for (i = 0; i < sizeof files / sizeof *files; i++) {
        if (only != NULL && *only != '\0' && strcmp(only, files[i].name) != 0)
            continue;
        files[i].run();
    }
    return finish_tests();
}
