/*
 * format.h - what the programs in this folder share: texts, sizes, dates and errors for people
 *
 * It is apart from them so that each program shows how the library is used and little else. Copy it with them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#ifndef FORMAT_H
#define FORMAT_H

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "atlas_backup.h"

/* Exit codes, which a script can tell apart. To 10 the atlas_error_kind is added. */
enum { EXIT_OK = 0, EXIT_OUTPUT = 1, EXIT_USAGE = 2, EXIT_ERROR = 10 };

/*
 * How many bytes the character at `at` has if it steers a terminal, ends a line or turns the direction of writing, so
 * that a person reads something else than it says; 0 for any other.
 */
static inline int control_length(const unsigned char *at)
{
    if (*at < 0x20 || *at == 0x7F)
        return 1;
    if (*at == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0) /* U+0080 to U+009F */
        return 2;
    if (*at == 0xD8 && at[1] == 0x9C) /* U+061C */
        return 2;
    if (*at == 0xE2 && at[1] == 0x80 && (at[2] == 0x8E || at[2] == 0x8F)) /* U+200E, U+200F */
        return 3;
    if (*at == 0xE2 && at[1] == 0x80 && at[2] >= 0xA8 && at[2] <= 0xAE) /* U+2028 to U+202E */
        return 3;
    if (*at == 0xE2 && at[1] == 0x81 && at[2] >= 0xA6 && at[2] <= 0xA9) /* U+2066 to U+2069 */
        return 3;
    return 0;
}

/* Text from elsewhere, with such characters as spaces: a description must not be able to steer the terminal. */
static inline void put_text(const char *text, FILE *out)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at != '\0') {
        int length = control_length(at);

        putc(length > 0 ? ' ' : *at, out);
        at += length > 0 ? length : 1;
    }
}

/* How many bytes the character at `at` has; 0 if it is none in UTF-8. */
static inline int character_length(const unsigned char *at)
{
    int length = *at < 0x80 ? 1 : *at < 0xC2 ? 0 : *at < 0xE0 ? 2 : *at < 0xF0 ? 3 : *at < 0xF5 ? 4 : 0, i;

    for (i = 1; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

/* Room for what the next function writes. */
typedef char shown_text[288];

/*
 * An argument of the command line or a name from a file, for a message: in quotes, with escapes for what steers a
 * terminal or is no character, and cut after 64 bytes.
 */
static inline const char *shown(const char *argument, shown_text text)
{
    const unsigned char *at = (const unsigned char *)argument, *end = at + 64;
    char *out = text;

    *out++ = '"';
    while (*at != '\0' && at < end) {
        int length = character_length(at);

        if (length == 0 || control_length(at) > 0) {
            out += sprintf(out, "\\x%02x", *at++);
            continue;
        }
        if (*at == '"' || *at == '\\')
            *out++ = '\\';
        for (; length > 0; length--)
            *out++ = (char)*at++;
    }
    strcpy(out, *at != '\0' ? "...\"" : "\"");
    return text;
}

/*
 * A cell of a table: the text, or a hyphen for what Atlas did not send, then blanks up to the width, at least two. The
 * last cell of a line has no width and no blanks.
 */
static inline void put_cell(const char *text, int width)
{
    const char *at = text != NULL ? text : "-";
    int blanks = width;

    put_text(at, stdout);
    for (; *at != '\0'; at++)
        blanks -= ((unsigned char)*at & 0xC0) != 0x80; /* bytes that continue a character do not count */
    if (width > 0)
        printf("%*s", blanks > 2 ? blanks : 2, "");
}

/* Room for what the next two functions write. */
typedef char short_text[64];

/* "1.5 GiB"; NULL if absent. */
static inline const char *size_text(int64_t bytes, short_text text)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double size = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes == ATLAS_ABSENT)
        return NULL;
    if (bytes < 1024) {
        snprintf(text, sizeof(short_text), "%" PRId64 " bytes", bytes);
        return text;
    }
    while (size >= 1023.95) { /* would be rounded to "1024.0" */
        size /= 1024;
        unit++;
    }
    snprintf(text, sizeof(short_text), "%.1f %s", size, units[unit]);
    return text;
}

/* Whole seconds, rounded down before 1970 too. */
static inline int64_t seconds_of(int64_t milliseconds)
{
    return milliseconds / 1000 - (milliseconds % 1000 < 0);
}

/*
 * When Atlas took a snapshot, in milliseconds. Of one that is not taken yet or failed Atlas does not tell; there it is
 * when it was asked for, with which its id begins. ATLAS_ABSENT if it has neither.
 */
static inline int64_t moment_of(const atlas_snapshot *snapshot)
{
    int64_t created_ms = atlas_snapshot_created_at_ms(snapshot);
    const char *id = atlas_snapshot_id(snapshot);
    unsigned long seconds;

    if (created_ms != ATLAS_ABSENT || id == NULL || strspn(id, "0123456789abcdef") != 24 ||
        sscanf(id, "%8lx", &seconds) != 1)
        return created_ms;
    return (int64_t)seconds * 1000;
}

/* "2026-08-10 03:27:08 UTC"; NULL if absent or beyond this machine's calendar. */
static inline const char *date_text(int64_t milliseconds, short_text text)
{
    int64_t seconds = seconds_of(milliseconds);
    time_t moment = (time_t)seconds;
    const struct tm *utc = NULL;

    if (milliseconds != ATLAS_ABSENT && (int64_t)moment == seconds) /* time_t may be narrower */
        utc = gmtime(&moment);
    if (utc == NULL || strftime(text, sizeof(short_text), "%Y-%m-%d %H:%M:%S UTC", utc) == 0)
        return NULL;
    return text;
}

/* How many milliseconds a letter stands for; 0 if for none. */
static inline double milliseconds_in(char letter)
{
    switch (letter) {
    case 's': return 1e3;
    case 'm': return 60e3;
    case 'h': return 3600e3;
    case 'd': return 86400e3;
    case 'w': return 604800e3;
    default: return 0;
    }
}

/*
 * Reads "90", "1.5h" or "2d", and moves `*text` behind it: a number and a letter that multiplies it; `letter` stands for
 * one that is missing. Returns 0 if it is no such text, or more than 64 bits hold.
 */
static inline int read_amount(const char **text, double (*factor_of)(char), char letter, double *amount)
{
    const char *at = *text;
    char *end;

    if (*at < '0' || *at > '9' || (at[0] == '0' && (at[1] | 0x20) == 'x')) /* no blank, sign, "nan" or hexadecimal */
        return 0;
    *amount = strtod(at, &end);
    if (factor_of(*end) != 0)
        letter = *end++;
    *amount *= factor_of(letter);
    *text = end;
    return *amount < 9e18;
}

/*
 * A whole text of that kind as milliseconds, `unit` being the letter if there is none; 0 if it is no such text, less
 * than a millisecond or more than `longest`.
 */
static inline int64_t read_duration(const char *text, char unit, int64_t longest)
{
    double value;

    if (!read_amount(&text, milliseconds_in, unit, &value) || *text != '\0' || value < 1 || value > (double)longest)
        return 0;
    return (int64_t)(value + 0.5);
}

/* Whether `word`, in lower case, is in a text, in any case. */
static inline int mentions(const char *text, const char *word)
{
    size_t i;

    for (; *text != '\0'; text++) {
        for (i = 0; word[i] != '\0' && (text[i] | 0x20) == word[i]; i++)
            ;
        if (word[i] == '\0')
            return 1;
    }
    return 0;
}

/*
 * What helps against an error in the words of a program, which has options where the library has calls and settings:
 * `on_timeout` when the time was up, `on_shards` when Atlas says that the cluster is sharded or is not, and the token
 * cache when a service account has too many tokens. NULL for others.
 */
static inline const char *hint_on(const atlas_error *error, const char *on_timeout, const char *on_shards)
{
    int refused = error->kind == ATLAS_ERROR_BAD_REQUEST || error->kind == ATLAS_ERROR_NOT_FOUND;

    if (error->kind == ATLAS_ERROR_TIMEOUT && error->http_status == 0)
        return on_timeout;
    if (error->kind == ATLAS_ERROR_FORBIDDEN && strcmp(error->code, "access_denied") == 0)
        return "--token-cache shares one token between runs";
    /* Atlas does not document how it refuses the wrong kind of cluster, so any mention of shards is taken for it. */
    return refused && (mentions(error->code, "shard") || mentions(error->detail, "shard")) ? on_shards : NULL;
}

/* The message first, which says what to do; then the facts that a ticket to the support should quote. */
static inline void print_error(const char *program, const atlas_error *error, const char *hint)
{
    fprintf(stderr, "%s: ", program);
    put_text(error->message, stderr);
    if (hint != NULL)
        fprintf(stderr, "\n  hint        %s", hint);
    fprintf(stderr, "\n  kind        %s", atlas_error_kind_name(error->kind));
    if (error->http_status != 0) {
        fprintf(stderr, "\n  status      %" PRId32 "%s", error->http_status, error->reason[0] != '\0' ? " " : "");
        put_text(error->reason, stderr);
    }
    if (error->code[0] != '\0') {
        fputs("\n  code        ", stderr);
        put_text(error->code, stderr);
    }
    if (error->detail[0] != '\0') {
        fputs("\n  detail      ", stderr);
        put_text(error->detail, stderr);
    }
    if (error->parameters[0] != '\0') {
        fputs("\n  parameters  ", stderr);
        put_text(error->parameters, stderr);
    }
    if (error->retry_after >= 0)
        fprintf(stderr, "\n  try again   in %" PRId32 " seconds, as Atlas asks", error->retry_after);
    else if (error->flags & ATLAS_ERROR_FLAG_RETRYABLE)
        fputs("\n  try again   the same command may succeed later", stderr);
    else if (error->kind == ATLAS_ERROR_CONFIG || error->kind == ATLAS_ERROR_UNAUTHENTICATED)
        fprintf(stderr, "\n  settings    come from the environment or --env-file: see %s --help", program);
    putc('\n', stderr);
}

/* Output that did not arrive must not look like success: `get_snapshot ... > file` on a full disk. */
static inline int finish_output(const char *program)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_OK;
    fprintf(stderr, "%s: cannot write to standard output%s%s\n", program, errno != 0 ? ": " : "",
            errno != 0 ? strerror(errno) : "");
    return EXIT_OUTPUT;
}

#endif
