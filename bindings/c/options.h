/*
 * options.h - what the programs in this folder share: options, the variables they read, and the file of --env-file
 *
 * It is apart from them so that each program shows how the library is used and little else. Copy it with them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#ifndef OPTIONS_H
#define OPTIONS_H

#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format.h"

/* ==== Options ================================================================================================ */

/* What every program takes. */
struct common_options {
    int sharded, verbosity;
    int64_t timeout_ms;      /* 0: not given */
    const char *token_cache; /* NULL: not given */
    const char *env_file;    /* NULL: not given */
    char problem[512];       /* what is wrong with an option */
};

/* Options without a letter; programs count their own from OPTION_OWN. */
enum { OPTION_SHARDED = 256, OPTION_TOKEN_CACHE, OPTION_ENV_FILE, OPTION_OWN };

/* For getopt_long(). The colon makes it tell a missing value from an unknown option. */
#define COMMON_LETTERS ":t:vhV"
#define COMMON_NAMES                                                                                       \
    { "sharded", no_argument, NULL, OPTION_SHARDED }, { "timeout", required_argument, NULL, 't' },         \
    { "token-cache", optional_argument, NULL, OPTION_TOKEN_CACHE },                                        \
    { "env-file", required_argument, NULL, OPTION_ENV_FILE }, { "verbose", no_argument, NULL, 'v' },       \
    { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 }

/* A word that an option takes, in any case and with hyphens anywhere, and its number. */
struct word {
    const char *text;
    int32_t number;
};

static const struct word STATUSES[] = {
    { "queued", ATLAS_STATUS_QUEUED },
    { "inProgress", ATLAS_STATUS_IN_PROGRESS },
    { "completed", ATLAS_STATUS_COMPLETED },
    { "failed", ATLAS_STATUS_FAILED },
    { NULL, 0 },
};
static const struct word FREQUENCIES[] = {
    { "hourly", ATLAS_FREQUENCY_HOURLY },     { "daily", ATLAS_FREQUENCY_DAILY },
    { "weekly", ATLAS_FREQUENCY_WEEKLY },     { "monthly", ATLAS_FREQUENCY_MONTHLY },
    { "yearly", ATLAS_FREQUENCY_YEARLY },     { "ondemand", ATLAS_FREQUENCY_ON_DEMAND },
    { NULL, 0 },
};
static const struct word TYPES[] = {
    { "scheduled", ATLAS_SNAPSHOT_TYPE_SCHEDULED },
    { "onDemand", ATLAS_SNAPSHOT_TYPE_ON_DEMAND },
    { "fallback", ATLAS_SNAPSHOT_TYPE_FALLBACK },
    { NULL, 0 },
};

/* Keeps what is wrong; returns 0. */
static inline int wrong(struct common_options *options, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(options->problem, sizeof options->problem, format, arguments);
    va_end(arguments);
    return 0;
}

static inline int same_word(const char *word, const char *text)
{
    for (;; word++, text++) {
        while (*text == '-')
            text++;
        if ((*word | 0x20) != (*text | 0x20) || *word == '\0')
            return *word == *text;
    }
}

/* Reads the value of an option that takes one of some words. Returns 0 if it is none. */
static inline int word_option(struct common_options *options, const char *name, const struct word *words,
                              int32_t *number)
{
    char known[128] = "";
    shown_text text;
    const struct word *word;

    for (word = words; word->text != NULL; word++) {
        if (same_word(word->text, optarg)) {
            *number = word->number;
            return 1;
        }
        strcat(strcat(known, word == words ? "" : word[1].text == NULL ? " or " : ", "), word->text);
    }
    return wrong(options, "%s takes %s, not %s", name, known, shown(optarg, text));
}

/* Reads the value of an option that takes a time. */
static inline int time_option(struct common_options *options, const char *name, char unit, int64_t longest,
                              int64_t *milliseconds)
{
    shown_text text;

    *milliseconds = read_duration(optarg, unit, longest);
    return *milliseconds != 0 || wrong(options, "%s needs a time such as 30m, 2h or 1.5d%s, not %s", name,
                                       longest == UINT32_MAX ? ", at most 49d" : "", shown(optarg, text));
}

/*
 * Takes an option that is none of the program's own. Returns 0 if there is no such option, or something is wrong with
 * it, which `problem` then says.
 */
static inline int common_option(struct common_options *options, int option, char **argv, const struct option *names)
{
    /* musl goes past the end where the value of a letter is missing. */
    const char *word = argv[optind - 1] != NULL ? argv[optind - 1] : argv[optind - 2];
    char letter[3] = "-";
    shown_text text;

    switch (option) {
    case OPTION_SHARDED:
        options->sharded = 1;
        return 1;
    case 't':
        return time_option(options, "--timeout", 's', UINT32_MAX, &options->timeout_ms);
    case OPTION_TOKEN_CACHE: /* an absolute path may also be a word of its own, as no other argument begins so */
        if (optarg == NULL && argv[optind] != NULL && argv[optind][0] == '/')
            optarg = argv[optind++];
        options->token_cache = optarg != NULL ? optarg : "default";
        return 1;
    case OPTION_ENV_FILE:
        options->env_file = optarg;
        return 1;
    case 'v':
        options->verbosity++;
        return 1;
    case ':':
        return wrong(options, "a value is missing after %s", shown(word, text));
    }
    /* Of an unknown letter `optopt` is the letter; of "--sharded=yes" the number of that option. */
    while (names->name != NULL && names->val != optopt)
        names++;
    if (optopt != 0 && names->name != NULL)
        return wrong(options, "no value belongs to the option in %s", shown(word, text));
    letter[1] = (char)optopt;
    return wrong(options, "unknown option %s", shown(optopt != 0 ? letter : word, text));
}

/* ==== Variables ============================================================================================== */

/* Variables of one group stand for each other; those of the last do not. */
enum variable_group { CREDENTIALS, BASE_URL, AUTHORITIES, PROXY, NO_PROXY_FOR, OTHER };

/* Those that the library reads. */
static const struct variable {
    const char *name;
    enum variable_group group;
    const char *help;
} VARIABLES[] = {
    { "MONGODB_ATLAS_CLIENT_ID", CREDENTIALS, "client id of a service account" },
    { "MONGODB_ATLAS_CLIENT_SECRET", CREDENTIALS, "its client secret" },
    { "MONGODB_ATLAS_CLIENT_SECRET_FILE", CREDENTIALS, "a file that holds the client secret" },
    { "MONGODB_ATLAS_PUBLIC_API_KEY", CREDENTIALS, "public half of an API key" },
    { "MONGODB_ATLAS_PUBLIC_KEY", CREDENTIALS, "another name for that" },
    { "MONGODB_ATLAS_PRIVATE_API_KEY", CREDENTIALS, "private half of the API key" },
    { "MONGODB_ATLAS_PRIVATE_KEY", CREDENTIALS, "another name for that" },
    { "MONGODB_ATLAS_PRIVATE_API_KEY_FILE", CREDENTIALS, "a file that holds the private half" },
    { "MONGODB_ATLAS_PRIVATE_KEY_FILE", CREDENTIALS, "another name for that" },
    { "MONGODB_ATLAS_ACCESS_TOKEN", CREDENTIALS, "an access token that you fetched" },
    { "MONGODB_ATLAS_ACCESS_TOKEN_FILE", CREDENTIALS, "a file that holds the access token" },
    { "MONGODB_ATLAS_OPS_MANAGER_URL", BASE_URL, "where Atlas is, before the next two" },
    { "MONGODB_ATLAS_BASE_URL", BASE_URL, "where Atlas is, before the next" },
    { "MONGODB_ATLAS_SERVICE", BASE_URL, "which Atlas: cloud or cloudgov" },
    { "MONGODB_ATLAS_API_VERSION", OTHER, "version of the API; 2024-05-30" },
    { "MONGODB_ATLAS_TIMEOUT_MS", OTHER, "timeout in milliseconds; 30000" },
    { "MONGODB_ATLAS_TOKEN_CACHE", OTHER, "as --token-cache: DIR, or default" },
    { "MONGODB_ATLAS_CA_FILE", OTHER, "authorities besides the system's" },
    { "SSL_CERT_FILE", AUTHORITIES, "authorities instead of the system's" },
    { "SSL_CERT_DIR", AUTHORITIES, "folders with such authorities" },
    { "https_proxy", PROXY, "the proxy, before the next three" },
    { "HTTPS_PROXY", PROXY, "the proxy, before the next two" },
    { "all_proxy", PROXY, "the proxy, before the next" },
    { "ALL_PROXY", PROXY, "the proxy" },
    { "no_proxy", NO_PROXY_FOR, "hosts that need no proxy" },
    { "NO_PROXY", NO_PROXY_FOR, "another name for that" },
};
enum { VARIABLE_COUNT = sizeof VARIABLES / sizeof *VARIABLES };

/* What lies in an --env-file while it counts: each assignment is part of the environment, as "NAME=VALUE". */
static struct env_file {
    char text[65536 + 1];
    struct {
        const struct variable *variable;
        char *text;
    } assignments[100];
    size_t count;
} ENV_FILE;

/* An error as the library's own, so that a program treats both alike. */
static inline void set_error(atlas_error *error, atlas_error_kind kind, const char *format, ...)
{
    va_list arguments;

    memset(error, 0, sizeof *error);
    error->kind = kind;
    error->retry_after = -1;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
}

/*
 * Reads a line as systemd reads those of an EnvironmentFile=, and removes quotes and escapes in it. What systemd would
 * take otherwise than it looks is refused. Returns what is wrong, or NULL; without an assignment `*name` is NULL.
 */
static inline const char *read_assignment(char *line, char **name)
{
    static const char blank[] = " \t\r";
    char *at = line + strspn(line, blank), *out;

    *name = NULL;
    if (*at == '\0' || *at == '#' || *at == ';')
        return NULL;
    *name = at;
    while ((*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') || *at == '_' || (*at >= '0' && *at <= '9'))
        at++;
    if (*at != '=' || at == *name)
        return "not NAME=VALUE";
    out = ++at;
    at += strspn(at, blank);
    if (*at == '"' || *at == '\'') {
        char quote = *at++;

        for (; *at != quote && *at != '\0'; *out++ = *at++)
            if (quote == '"' && *at == '\\' && at[1] != '\0' && strchr("\"\\$`", at[1]) != NULL)
                at++;
        if (*at == '\0')
            return "a quote that does not end";
        if (at[1 + strspn(at + 1, blank)] != '\0')
            return "something after the closing quote";
    } else {
        if (strchr(at, '\\') != NULL)
            return "a backslash: put the value into single quotes";
        memmove(out, at, strlen(at) + 1);
        for (at = out + strlen(out); at > out && strchr(blank, at[-1]) != NULL; at--)
            ;
        out = at;
    }
    *out = '\0';
    return NULL;
}

/* A message that says what is wrong with an --env-file, but nothing that is in it except names. */
static inline int refuse_env_file(const char *path, size_t line, const char *problem, atlas_error *error)
{
    char number[48] = "";
    shown_text text;

    if (line > 0)
        snprintf(number, sizeof number, "line %lu of ", (unsigned long)line);
    set_error(error, ATLAS_ERROR_CONFIG, "%s--env-file %s: %s", number, shown(path, text), problem);
    return 0;
}

/* The whole file, if nobody but its owner (the user or root) can change it and, but for its group, read it. */
static inline const char *read_env_file(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO must not hang */
    const char *problem = NULL;
    struct stat status;
    size_t length = 0;
    ssize_t got = 1;

    if (file < 0 || fstat(file, &status) != 0)
        problem = strerror(errno);
    else if (!S_ISREG(status.st_mode))
        problem = "no regular file";
    else if (status.st_uid != geteuid() && status.st_uid != 0)
        problem = "it belongs to another user, who could change it";
    else if ((status.st_mode & S_IRWXO) != 0)
        problem = "others may read or write it: chmod o= takes that away";
    else if ((status.st_mode & S_IWGRP) != 0)
        problem = "its group may write it: chmod g-w takes that away";
    while (problem == NULL && got > 0 && length < sizeof ENV_FILE.text) {
        got = read(file, ENV_FILE.text + length, sizeof ENV_FILE.text - length);
        if (got > 0)
            length += (size_t)got;
        else if (got < 0 && errno != EINTR)
            problem = strerror(errno);
        else if (got < 0)
            got = 1;
    }
    if (file >= 0)
        close(file);
    if (problem == NULL && length == sizeof ENV_FILE.text)
        problem = "more than 64 KiB";
    else if (problem == NULL && memchr(ENV_FILE.text, '\0', length) != NULL)
        problem = "no text: there is a NUL in it";
    return problem;
}

/* Ends what load_env_file() began, and wipes the secrets. The compiler may not leave writes to volatile memory out. */
static inline void unload_env_file(void)
{
    volatile char *at = ENV_FILE.text, *end = at + sizeof ENV_FILE.text;
    size_t i;

    for (i = 0; i < ENV_FILE.count; i++)
        unsetenv(ENV_FILE.assignments[i].variable->name);
    ENV_FILE.count = 0;
    while (at < end)
        *at++ = '\0';
}

/*
 * Puts the variables of the file into the environment, in the place of those that stand for the same: the environment's
 * API key counts for nothing where the file has a service account.
 */
static inline int load_env_file(const char *path, atlas_error *error)
{
    const char *problem = read_env_file(path);
    char *line = ENV_FILE.text, *next, *name;
    size_t number = 0, i, k;

    for (; problem == NULL && line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        number++;
        problem = read_assignment(line, &name);
        if (problem != NULL || name == NULL)
            continue;
        for (i = 0; i < VARIABLE_COUNT; i++)
            if (strncmp(name, VARIABLES[i].name, strlen(VARIABLES[i].name)) == 0 && name[strlen(VARIABLES[i].name)] == '=')
                break;
        if (i == VARIABLE_COUNT) {
            problem = "a variable that means nothing here; --help lists those that do";
        } else if (ENV_FILE.count == sizeof ENV_FILE.assignments / sizeof *ENV_FILE.assignments) {
            problem = "too many variables";
        } else {
            ENV_FILE.assignments[ENV_FILE.count].variable = &VARIABLES[i];
            ENV_FILE.assignments[ENV_FILE.count++].text = name;
        }
    }
    if (problem != NULL) {
        ENV_FILE.count = 0;
        unload_env_file();
        return refuse_env_file(path, number, problem, error);
    }
    for (i = 0; i < ENV_FILE.count; i++)
        for (k = 0; k < VARIABLE_COUNT; k++)
            if (&VARIABLES[k] == ENV_FILE.assignments[i].variable ||
                (VARIABLES[k].group == ENV_FILE.assignments[i].variable->group && VARIABLES[k].group != OTHER))
                unsetenv(VARIABLES[k].name);
    for (i = 0; i < ENV_FILE.count; i++)
        putenv(ENV_FILE.assignments[i].text);
    return 1;
}

/* ==== Help =================================================================================================== */

#define HELP_ON_IDS                                                                 \
    "  PROJECT                  the project's id, 24 hexadecimal digits\n"          \
    "  CLUSTER                  the cluster's name\n"

#define HELP_ON_COMMON_OPTIONS                                                      \
    "      --sharded            the cluster is a sharded one\n"                     \
    "      --token-cache[=DIR]  share an access token with other runs, see below\n" \
    "      --env-file FILE      take variables from FILE, see below\n"              \
    "  -v, --verbose            log requests on standard error; twice: everything\n" \
    "  -h, --help               show this text\n"                                   \
    "  -V, --version            show the versions of program and library\n"

#define HELP_ON_ERRORS                                                              \
    "  11  an argument that Atlas would not take\n"                                 \
    "  12  settings: credentials, --env-file, certificates of authorities, ...\n"   \
    "  13  the credentials were refused\n"                                          \
    "  14  not allowed: role, or access list of addresses\n"                        \
    "  15  no such project, cluster or snapshot\n"                                  \
    "  16  Atlas did not accept the request\n"                                      \
    "  17  too many requests\n"                                                     \
    "  18  trouble at Atlas\n"                                                      \
    "  19  the time was up\n"                                                       \
    "  20  network\n"                                                               \
    "  21  TLS certificate or handshake\n"                                          \
    "  22  no answer that Atlas should give\n"                                      \
    "  25  a defect of the library\n"

/* In pieces, since a C99 compiler need not take a literal of more than 4095 characters. */
static inline void print_help(const char *usage, const char *exit_status, const char *examples)
{
    size_t i;

    fputs(usage, stdout);
    fputs("\n"
          "Access tokens:\n"
          "  With a service account each run fetches an access token and gives it back at\n"
          "  its end. Atlas lets few be fetched a minute, and 100 live at once. So where\n"
          "  runs are many, in monitoring say, share one: with --token-cache it lies in\n"
          "  DIR, an absolute path, or ~/.cache/atlas-backup, for an hour, in a file that\n"
          "  the user alone can read. Without, nothing is left on the disk. API keys and\n"
          "  access tokens of yours need no cache.\n"
          "\n"
          "Environment:\n"
          "  Of the credentials the first complete set counts. An empty variable is as\n"
          "  good as unset.\n"
          "\n",
          stdout);
    for (i = 0; i < VARIABLE_COUNT; i++)
        printf("  %-34s  %s\n", VARIABLES[i].name, VARIABLES[i].help);
    fputs("\n"
          "  --env-file takes them from lines NAME=VALUE, written as for systemd's\n"
          "  EnvironmentFile=: quotes may be around a value, a # begins a comment at the\n"
          "  beginning of a line. They count more than the environment; credentials there\n"
          "  replace all of the environment's. The file has to belong to the user or to\n"
          "  root. Nobody else may change it, and besides its group nobody read it.\n"
          "\n"
          "Exit status:\n",
          stdout);
    fputs(exit_status, stdout);
    fputs("\nExamples:\n", stdout);
    fputs(examples, stdout);
}

static inline void print_version(const char *program)
{
    printf("%s %s (libatlas_backup %s)\n", program, ATLAS_BACKUP_VERSION_STRING, atlas_backup_version());
}

/* What is wrong, and the usage, which is the first line of the help. */
static inline int wrong_usage(const char *program, const char *problem, const char *help)
{
    fprintf(stderr, "%s: %s\n%.*s\nSee %s --help.\n", program, problem, (int)strcspn(help, "\n"), help, program);
    return EXIT_USAGE;
}

/* Whether there are as many arguments as there should be. */
static inline int count_is(struct common_options *options, int argc, char **argv, int least, int most)
{
    shown_text text;

    if (argc - optind < least)
        return wrong(options, "too few arguments");
    return argc - optind <= most || wrong(options, "too many arguments: %s", shown(argv[optind + most], text));
}

/* Whether no cluster, of the arguments behind the project, is there twice. */
static inline int are_different(struct common_options *options, int argc, char **argv)
{
    shown_text text;
    int i, k;

    for (i = optind + 1; i < argc; i++)
        for (k = optind + 1; k < i; k++)
            if (strcmp(argv[i], argv[k]) == 0)
                return wrong(options, "%s is there twice", shown(argv[i], text));
    return 1;
}

#endif
