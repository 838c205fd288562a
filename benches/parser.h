/*
 * What libcurl.c has a body read by: json_c.c or yyjson.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include <stddef.h>

struct parser {
    /* NULL if it is not JSON. The text ends with a NUL, too. */
    void *(*parse)(const char *text, size_t length);
    void (*free)(void *document);
    /* Reads the 16 fields that Atlas documents for a replica set's snapshot, dates as text; adds up something of each,
       so that none is read in vain. */
    long (*read)(void *document);
    /* How many items a page has, and reading them all. */
    size_t (*count)(void *page);
    long (*read_page)(void *page);
};

extern const struct parser json_c, yyjson;
