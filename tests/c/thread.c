/* Threads as hosts have them: cancelled, with little stack, with floating-point traps. */

#ifndef _GNU_SOURCE /* as in C++ */
#define _GNU_SOURCE /* feenableexcept(), pthread_tryjoin_np() */
#endif

#include "check.h"

#include <errno.h>
#include <fenv.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* The sanitizers make frames several times as large, and put their own data there. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_KIB 4096
#else
#define STACK_KIB 64
#endif

static void pause_ms(long ms)
{
    struct timespec pause;

    pause.tv_sec = ms / 1000;
    pause.tv_nsec = ms % 1000 * 1000000;
    nanosleep(&pause, NULL);
}

static atlas_client *client_of(enum credentials kind, uint32_t timeout_ms, uint32_t max_retries)
{
    atlas_config *config = simulator_config(kind);
    atlas_client *client;

    atlas_config_set_timeout_ms(config, timeout_ms);
    atlas_config_set_max_retries(config, max_retries);
    client = atlas_client_new(config, NULL);
    CHECK(client != NULL);
    atlas_config_free(config);
    return client;
}

/* ---- pthread_cancel() ---- */

enum operation { GET, LIST, WAIT, REVOKE, FREE };

static const char *const operations[] = { "get", "list", "wait", "revoke", "free" };

struct cancelled {
    enum operation operation;
    int type;   /* PTHREAD_CANCEL_DEFERRED or _ASYNCHRONOUS */
    int before; /* whether the thread is cancelled before it calls */
    atlas_client *client;
    int is_ready, may_go; /* read and set atomically */
    int has_returned;     /* the call did, and the thread went on */
    atlas_error error;
};

static void call(struct cancelled *it)
{
    switch (it->operation) {
    case GET:
        atlas_snapshot_free(atlas_client_get_snapshot(it->client, PROJECT, "silent", SNAPSHOT, 0, &it->error));
        break;
    case LIST:
        atlas_snapshot_list_free(atlas_client_list_snapshots(it->client, PROJECT, "silent", 0, &it->error));
        break;
    case WAIT:
        atlas_snapshot_free(atlas_client_wait_for_snapshot(it->client, PROJECT, "stuck", SNAPSHOT, 0, 500, 0, NULL, NULL,
                                                           &it->error));
        break;
    case REVOKE:
        (void)atlas_client_revoke_token(it->client, &it->error);
        break;
    case FREE:
        atlas_client_cancel(it->client);
        atlas_client_free(it->client);
        break;
    }
}

static void *be_cancelled(void *argument)
{
    struct cancelled *it = (struct cancelled *)argument;
    int old;

    spoil(&it->error);
    __atomic_store_n(&it->is_ready, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&it->may_go, __ATOMIC_SEQ_CST))
        ; /* anything else might be a cancellation point */
    pthread_setcanceltype(it->type, &old);
    call(it);
    it->has_returned = 1;
    for (;;)
        pthread_testcancel();
    return NULL;
}

/* Cancels a thread in, or before, a call. That ends no call, hence atlas_client_cancel() has to. */
static void cancel_in(struct cancelled *it)
{
    int blocks = it->operation == GET || it->operation == LIST || it->operation == WAIT;
    pthread_t thread;
    void *result = NULL;

    CHECK_NUMBER(pthread_create(&thread, NULL, be_cancelled, it), 0);
    while (!__atomic_load_n(&it->is_ready, __ATOMIC_SEQ_CST))
        pause_ms(1);
    if (it->before)
        CHECK_NUMBER(pthread_cancel(thread), 0);
    __atomic_store_n(&it->may_go, 1, __ATOMIC_SEQ_CST);
    if (blocks)
        pause_ms(200);
    if (!it->before)
        CHECK_NUMBER(pthread_cancel(thread), 0);
    if (blocks) {
        pause_ms(100);
        CHECK_NUMBER(pthread_tryjoin_np(thread, &result), EBUSY);
    }
    while (pthread_tryjoin_np(thread, &result) == EBUSY) {
        if (blocks)
            atlas_client_cancel(it->client);
        pause_ms(5);
    }
    if (!CHECK(result == PTHREAD_CANCELED))
        printf("        in %s\n", operations[it->operation]);
}

static void a_thread_cancelled_in_a_call_completes_it_first(void)
{
    static const enum operation all[] = { GET, LIST, WAIT, REVOKE, FREE };
    size_t i;
    int before;

    for (i = 0; i < sizeof all / sizeof *all; i++) {
        for (before = 0; before <= 1; before++) {
            struct cancelled it;
            atlas_error error;

            memset(&it, 0, sizeof it);
            it.operation = all[i];
            it.type = PTHREAD_CANCEL_DEFERRED;
            it.before = before;
            it.client = client_of(SERVICE_ACCOUNT, 20000, 0);
            /* So that it has a connection to close and a token to give back. */
            atlas_snapshot_free(atlas_client_get_snapshot(it.client, PROJECT, CLUSTER, SNAPSHOT, 0, &error));
            CHECK_SUCCESS(error);
            cancel_in(&it);
            if (!CHECK(it.has_returned))
                printf("        in %s\n", operations[it.operation]);
            if (it.operation == FREE)
                continue;
            if (it.operation == REVOKE)
                CHECK_SUCCESS(it.error);
            else
                CHECK_FAILURE(it.error, ATLAS_ERROR_CANCELLED);
            /* Nothing of the client was left locked or half-done. */
            atlas_snapshot_free(atlas_client_get_snapshot(it.client, PROJECT, CLUSTER, SNAPSHOT, 0, &error));
            CHECK_SUCCESS(error);
            atlas_client_free(it.client);
        }
    }
}

/* With this type a thread may be ended at any instruction, hence also as the call returns. */
static void a_call_completes_with_asynchronous_cancellation_too(void)
{
    static const enum operation all[] = { GET, LIST, WAIT };
    size_t i;

    for (i = 0; i < sizeof all / sizeof *all; i++) {
        struct cancelled it;
        atlas_error error;

        memset(&it, 0, sizeof it);
        it.operation = all[i];
        it.type = PTHREAD_CANCEL_ASYNCHRONOUS;
        it.client = client_of(ACCESS_TOKEN, 20000, 0);
        cancel_in(&it);
        CHECK_FAILURE(it.error, ATLAS_ERROR_CANCELLED);
        atlas_snapshot_free(atlas_client_get_snapshot(it.client, PROJECT, CLUSTER, SNAPSHOT, 0, &error));
        CHECK_SUCCESS(error);
        atlas_client_free(it.client);
    }
}

static void a_call_leaves_the_callers_cancellation_state_as_it_was(void)
{
    static const int states[] = { PTHREAD_CANCEL_ENABLE, PTHREAD_CANCEL_DISABLE };
    atlas_client *client = simulator_client();
    size_t i;

    for (i = 0; i < 2; i++) {
        int old = -1;

        pthread_setcancelstate(states[i], &old);
        atlas_snapshot_free(atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, NULL));
        CHECK(atlas_client_get_snapshot(client, PROJECT, "error-404", SNAPSHOT, 0, NULL) == NULL);
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
        CHECK_NUMBER(old, states[i]);
    }
    atlas_client_free(client);
}

/* ---- Floating-point traps ---- */

static void *call_with_traps(void *unused)
{
    static const char numbers[] = "{\"id\":\"a\",\"storageSizeBytes\":1.1e-3,\"x\":[0.1,1e400,-3.3E-330],"
                                  "\"createdAt\":\"2026-08-10T03:27:08.123456789Z\"}";
    atlas_client *client = client_of(SERVICE_ACCOUNT, 20000, 1);
    atlas_snapshot *snapshot;
    atlas_error error;

    (void)unused;
#ifdef __GLIBC__
    feclearexcept(FE_ALL_EXCEPT);
    feenableexcept(FE_ALL_EXCEPT);
#endif
    atlas_snapshot_free(atlas_client_get_snapshot(client, PROJECT, CLUSTER, SNAPSHOT, 0, &error));
    CHECK_SUCCESS(error);
    atlas_snapshot_list_free(atlas_client_list_snapshots(client, PROJECT, "odd", 0, &error));
    CHECK_SUCCESS(error);
    /* Both pause: between polls, and before another try. */
    CHECK(atlas_client_wait_for_snapshot(client, PROJECT, "stuck", SNAPSHOT, 0, 500, 900, NULL, NULL, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_TIMEOUT);
    CHECK(atlas_client_get_snapshot(client, PROJECT, "error-503", SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_SERVER);
    CHECK(atlas_client_get_snapshot(client, PROJECT, "error-400", SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_BAD_REQUEST);
    snapshot = atlas_snapshot_parse(numbers, sizeof numbers - 1, &error);
    CHECK_SUCCESS(error);
    CHECK_NUMBER(atlas_snapshot_storage_size_bytes(snapshot), ATLAS_ABSENT);
    CHECK_NUMBER(atlas_snapshot_created_at_ms(snapshot), INT64_C(1786332428123));
    CHECK_TEXT(atlas_snapshot_field(snapshot, "x"), "[0.1,1e400,-3.3E-330]");
    atlas_snapshot_free(snapshot);
    CHECK_NUMBER(atlas_client_revoke_token(client, &error), ATLAS_ERROR_NONE);
    atlas_client_free(client);
#ifdef __GLIBC__
    fedisableexcept(FE_ALL_EXCEPT);
#endif
    return NULL;
}

static void no_call_raises_a_floating_point_exception(void)
{
    pthread_t thread;

    CHECK_NUMBER(pthread_create(&thread, NULL, call_with_traps, NULL), 0);
    pthread_join(thread, NULL);
}

/* ---- A small stack ---- */

static int32_t go_on(void *user_data, const atlas_snapshot *latest)
{
    (void)user_data;
    return latest == NULL;
}

/* Everything that may lie deep: TLS handshake, name lookup, token, list, wait, errors, settings. */
static void *call_everything(void *unused)
{
    atlas_client *client = client_of(SERVICE_ACCOUNT, 20000, 1);
    atlas_snapshot_list *list;
    atlas_snapshot *copy;
    atlas_error error;

    (void)unused;
    list = atlas_client_list_snapshots(client, PROJECT, "many-1100", ATLAS_ENVELOPE | ATLAS_PRETTY, &error);
    CHECK_SUCCESS(error);
    CHECK_NUMBER(atlas_snapshot_list_count(list), 1100);
    copy = atlas_snapshot_copy(atlas_snapshot_list_get(list, 1099));
    atlas_snapshot_list_free(list);
    CHECK(atlas_snapshot_created_at_ms(copy) != ATLAS_ABSENT);
    atlas_snapshot_free(copy);
    atlas_snapshot_free(
        atlas_client_wait_for_snapshot(client, PROJECT, "staged", SNAPSHOT, 0, 500, 0, go_on, NULL, &error));
    CHECK_SUCCESS(error);
    CHECK(atlas_client_get_snapshot(client, PROJECT, "error-503", SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_SERVER);
    CHECK(atlas_client_get_snapshot(client, PROJECT, "error-400-fields", SNAPSHOT, 0, &error) == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_BAD_REQUEST);
    CHECK_NUMBER(atlas_client_revoke_token(client, &error), ATLAS_ERROR_NONE);
    CHECK_SUCCESS(error);
    atlas_client_free(client);
    client = client_of(API_KEY, 20000, 0);
    atlas_snapshot_free(atlas_client_get_sharded_snapshot(client, PROJECT, "error-404", SNAPSHOT, 0, &error));
    CHECK_FAILURE(error, ATLAS_ERROR_NOT_FOUND);
    atlas_client_free(client);
    return NULL;
}

static void sixty_four_kib_of_stack_are_enough(void)
{
    /* On some processors no thread may have less: 128 KiB on aarch64. */
    const size_t least = (size_t)PTHREAD_STACK_MIN;
    const size_t size = STACK_KIB * 1024 > least ? STACK_KIB * 1024 : least;
    const size_t guard = 64 * 1024;
    unsigned char *stack = (unsigned char *)mmap(NULL, guard + size, PROT_READ | PROT_WRITE,
                                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attributes;
    pthread_t thread;

    if (!CHECK(stack != (unsigned char *)MAP_FAILED))
        return;
    /* An overrun ends the program here, as it would with the guard that pthreads makes. */
    CHECK_NUMBER(mprotect(stack, guard, PROT_NONE), 0);
    pthread_attr_init(&attributes);
    CHECK_NUMBER(pthread_attr_setstack(&attributes, stack + guard, size), 0);
    if (CHECK_NUMBER(pthread_create(&thread, &attributes, call_everything, NULL), 0))
        pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    munmap(stack, guard + size);
}

void thread_tests(void)
{
    RUN(a_thread_cancelled_in_a_call_completes_it_first);
    RUN(a_call_completes_with_asynchronous_cancellation_too);
    RUN(a_call_leaves_the_callers_cancellation_state_as_it_was);
    RUN(no_call_raises_a_floating_point_exception);
    RUN(sixty_four_kib_of_stack_are_enough);
}
