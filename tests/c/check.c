#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int passed, failed, failures_of_this_test;

/* Where `make test` has what the library says collected, and looks for secrets in it in the end. */
static void record(void *unused, int32_t level, const char *line)
{
    const char *path = getenv("ATLAS_TEST_RECORD");
    FILE *file = path != NULL ? fopen(path, "a") : NULL;

    (void)unused;
    (void)level;
    if (file != NULL) {
        fprintf(file, "%s\n", line);
        fclose(file);
    }
}

static void complain(const char *file, int line)
{
    failures_of_this_test++;
    printf("    %s:%d: ", file, line);
}

void run_test(const char *name, void (*test)(void))
{
    char sentence[200];
    size_t i;

    for (i = 0; name[i] != '\0' && i < sizeof sentence - 1; i++)
        sentence[i] = name[i] == '_' ? ' ' : name[i];
    sentence[i] = '\0';
    failures_of_this_test = 0;
    test();
    if (failures_of_this_test == 0)
        passed++;
    else
        failed++;
    printf("%s - %s\n", failures_of_this_test == 0 ? "ok" : "NOT OK", sentence);
    fflush(stdout);
}

int finish_tests(void)
{
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}

int check_true(int condition, const char *what, const char *file, int line)
{
    if (!condition) {
        complain(file, line);
        printf("not true: %s\n", what);
    }
    return condition;
}

int check_number(int64_t actual, int64_t expected, const char *what, const char *file, int line)
{
    if (actual == expected)
        return 1;
    complain(file, line);
    printf("%s is %" PRId64 ", not %" PRId64 "\n", what, actual, expected);
    return 0;
}

int check_text(const char *actual, const char *expected, const char *what, const char *file, int line)
{
    if (actual == NULL ? expected == NULL : expected != NULL && strcmp(actual, expected) == 0)
        return 1;
    complain(file, line);
    printf("%s is\n        %s, not\n        %s\n", what, actual == NULL ? "NULL" : actual,
           expected == NULL ? "NULL" : expected);
    return 0;
}

int check_contains(const char *text, const char *part, const char *what, const char *file, int line)
{
    if (text != NULL && strstr(text, part) != NULL)
        return 1;
    complain(file, line);
    printf("%s is\n        %s, without \"%s\"\n", what, text == NULL ? "NULL" : text, part);
    return 0;
}

const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

void spoil(atlas_error *error)
{
    memset(error, 0xAA, sizeof *error);
}

int check_success(const atlas_error *error, const char *file, int line)
{
    atlas_error expected;

    memset(&expected, 0, sizeof expected);
    expected.retry_after = -1;
    if (memcmp(error, &expected, sizeof expected) == 0)
        return 1;
    complain(file, line);
    if (error->kind == ATLAS_ERROR_NONE)
        printf("no error, but not all other bytes are as after success\n");
    else
        printf("unexpected error %s: %.768s\n", atlas_error_kind_name(error->kind), error->message);
    return 0;
}

/* Ends within its array, and only zeros follow the end. */
static int is_filled(const char *text, size_t size)
{
    size_t i = 0;

    while (i < size && text[i] != '\0')
        i++;
    if (i == size)
        return 0;
    while (i < size)
        if (text[i++] != '\0')
            return 0;
    return 1;
}

int check_failure(const atlas_error *error, int32_t kind, const char *file, int line)
{
    static const uint8_t zeros[sizeof error->reserved] = { 0 };
    uint32_t retryable = kind == ATLAS_ERROR_RATE_LIMITED || kind == ATLAS_ERROR_SERVER ||
                                 kind == ATLAS_ERROR_TIMEOUT || kind == ATLAS_ERROR_NETWORK
                             ? ATLAS_ERROR_FLAG_RETRYABLE
                             : 0;
    const char *complaint = NULL;

    record(NULL, 0, error->message);
    record(NULL, 0, error->detail);
    record(NULL, 0, error->parameters);
    if (error->kind != kind) {
        complain(file, line);
        printf("kind is %" PRId32 " (%s), not %s; message: %.768s\n", error->kind, atlas_error_kind_name(error->kind),
               atlas_error_kind_name(kind), error->message);
        return 0;
    }
    if (!is_filled(error->code, sizeof error->code) || !is_filled(error->reason, sizeof error->reason) ||
        !is_filled(error->detail, sizeof error->detail) || !is_filled(error->parameters, sizeof error->parameters) ||
        !is_filled(error->message, sizeof error->message))
        complaint = "some text is not filled up with zeros";
    else if (memcmp(error->reserved, zeros, sizeof zeros) != 0)
        complaint = "reserved is not zero";
    else if ((error->flags & ATLAS_ERROR_FLAG_RETRYABLE) != retryable)
        complaint = "the flag RETRYABLE does not fit the kind";
    else if ((error->flags & ~(ATLAS_ERROR_FLAG_RETRYABLE | ATLAS_ERROR_FLAG_TRUNCATED)) != 0)
        complaint = "there are unknown flags";
    else if (error->message[0] == '\0')
        complaint = "there is no message";
    else if (strchr(error->message, '\n') != NULL || strchr(error->message, '\r') != NULL)
        complaint = "the message has more than one line";
    else if (error->retry_after < -1)
        complaint = "retry_after is negative";
    else if (contains_secret(error, sizeof *error))
        complaint = "a secret shows";
    if (complaint == NULL)
        return 1;
    complain(file, line);
    printf("%s; message: %.768s\n", complaint, error->message);
    return 0;
}

/* ---- What the simulator told us in the environment ---- */

/* Copies, since tests of the environment change it. */
static struct {
    char *base_url, *ca_file, *client_id, *client_secret, *public_key, *private_key, *access_token;
} simulator;

static char *variable(const char *name)
{
    const char *value = getenv(name);
    char *copy;

    if (value == NULL || *value == '\0') {
        fprintf(stderr,
                "%s is not set. These tests are run by the simulator of Atlas:\n"
                "    atlas-simulator run --env all -- PROGRAM\n",
                name);
        exit(2);
    }
    copy = strdup(value);
    unsetenv(name); /* the tests begin with an empty environment */
    return copy;
}

void read_environment(void)
{
    static const char *const proxies[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
    size_t i;

    for (i = 0; i < sizeof proxies / sizeof *proxies; i++)
        unsetenv(proxies[i]); /* the simulator is on this machine, and settings are what is tested */
    if (strcmp(or_empty(getenv("ATLAS_SIMULATOR_PROJECT")), PROJECT) != 0 ||
        strcmp(or_empty(getenv("ATLAS_SIMULATOR_SNAPSHOT")), SNAPSHOT) != 0)
        fprintf(stderr, "The simulator has other ids than check.h; most tests will fail.\n");
    simulator.base_url = variable("MONGODB_ATLAS_BASE_URL");
    simulator.ca_file = variable("MONGODB_ATLAS_CA_FILE");
    simulator.client_id = variable("MONGODB_ATLAS_CLIENT_ID");
    simulator.client_secret = variable("MONGODB_ATLAS_CLIENT_SECRET");
    simulator.public_key = variable("MONGODB_ATLAS_PUBLIC_API_KEY");
    simulator.private_key = variable("MONGODB_ATLAS_PRIVATE_API_KEY");
    simulator.access_token = variable("MONGODB_ATLAS_ACCESS_TOKEN");
}

atlas_config *simulator_config(enum credentials kind)
{
    atlas_config *config = atlas_config_new();

    atlas_config_set_base_url(config, simulator.base_url);
    atlas_config_set_ca_file(config, simulator.ca_file);
    atlas_config_set_max_retries(config, 0);
    atlas_config_set_logger(config, ATLAS_LOG_DEBUG, record, NULL);
    switch (kind) {
    case SERVICE_ACCOUNT:
        atlas_config_set_service_account(config, simulator.client_id, simulator.client_secret);
        break;
    case API_KEY:
        atlas_config_set_api_key(config, simulator.public_key, simulator.private_key);
        break;
    case ACCESS_TOKEN:
        atlas_config_set_access_token(config, simulator.access_token);
        break;
    }
    return config;
}

atlas_client *simulator_client(void)
{
    atlas_config *config = simulator_config(ACCESS_TOKEN);
    atlas_error error;
    atlas_client *client;

    spoil(&error);
    client = atlas_client_new(config, &error);
    CHECK(client != NULL);
    CHECK_SUCCESS(error);
    atlas_config_free(config);
    return client;
}

static int contains(const void *bytes, size_t size, const char *text)
{
    size_t length = strlen(text), i;

    for (i = 0; i + length <= size; i++)
        if (memcmp((const char *)bytes + i, text, length) == 0)
            return 1;
    return 0;
}

int contains_secret(const void *bytes, size_t size)
{
    return contains(bytes, size, simulator.client_secret) || contains(bytes, size, simulator.private_key) ||
           contains(bytes, size, simulator.access_token);
}

/* ---- A local address at which every connection is counted and none answered ---- */

struct trap {
    int listener;
    char url[64];
};

trap *trap_new(void)
{
    trap *t = (trap *)calloc(1, sizeof *t);
    struct sockaddr_in address;
    socklen_t size = sizeof address;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    t->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (t->listener < 0 || bind(t->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(t->listener, 16) != 0 || getsockname(t->listener, (struct sockaddr *)&address, &size) != 0) {
        perror("cannot listen on 127.0.0.1");
        exit(2);
    }
    snprintf(t->url, sizeof t->url, "http://127.0.0.1:%d", (int)ntohs(address.sin_port));
    return t;
}

const char *trap_url(const trap *t)
{
    return t->url;
}

int trap_connections(trap *t)
{
    struct pollfd listener;
    int count = 0;

    listener.fd = t->listener;
    listener.events = POLLIN;
    while (poll(&listener, 1, 50) == 1) {
        close(accept(t->listener, NULL, NULL));
        count++;
    }
    return count;
}

void trap_free(trap *t)
{
    close(t->listener);
    free(t);
}
