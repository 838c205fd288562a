/*
 * session.h - what the programs in this folder share: a client that leaves no token behind, ends when the time is up,
 * and takes Ctrl-C
 *
 * It is apart from them so that each program shows how the library is used and little else. Copy it with them, and link
 * with -pthread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#ifndef SESSION_H
#define SESSION_H

#include <pthread.h>
#include <signal.h>

#include "options.h"

/* How long giving a token back may take: a run must not last much longer for it. */
enum { GIVE_BACK_MS = 2000 };

/*
 * atlas_client_cancel() must not be called from a signal handler, so there is none: the signals are blocked, and a
 * thread takes them while a call is in progress. Being a thread, it may call what it likes.
 */
struct session {
    const char *program;
    atlas_client *client;
    int verbosity;
    int shares_token;   /* through the token cache */
    int64_t timeout_ms; /* of the whole run */
    sigset_t signals;
    int caught; /* the signal that ended a call, or 0 */
    /* The call in progress. */
    pthread_t thread;
    pthread_mutex_t lock; /* of the next three */
    int watched, over, late;
    int64_t end_ms;
};

static inline int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void log_line(void *user_data, int32_t level, const char *line)
{
    struct session *session = (struct session *)user_data;

    int is_cache = level == ATLAS_LOG_WARNING && strstr(line, "token_cache") != NULL;

    if (is_cache) /* it cannot be used, so the token is not shared and has to be given back */
        session->shares_token = 0;
    if (is_cache || session->verbosity > 0)
        fprintf(stderr, "%s: %s\n", session->program, line);
}

/* The client, or NULL. Afterwards close_session() is called in any case. */
static inline atlas_client *open_session(struct session *session, const char *program,
                                         const struct common_options *options, atlas_error *error)
{
    atlas_config *config;
    const char *setting;
    char product[64];
    struct sigaction inherited;

    memset(session, 0, sizeof *session);
    session->program = program;
    if (options->env_file != NULL && !load_env_file(options->env_file, error))
        return NULL;

    config = atlas_config_from_env();
    if (options->timeout_ms != 0)
        atlas_config_set_timeout_ms(config, (uint32_t)options->timeout_ms);
    setting = getenv("MONGODB_ATLAS_TIMEOUT_MS");
    session->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms
                          : setting != NULL && *setting != '\0' ? strtol(setting, NULL, 10) /* the library checks it */
                                                                : 30000;
    if (options->token_cache != NULL)
        atlas_config_set_token_cache(config, options->token_cache);
    setting = getenv("MONGODB_ATLAS_TOKEN_CACHE");
    session->shares_token = options->token_cache != NULL || (setting != NULL && *setting != '\0');
    session->verbosity = options->verbosity;
    if (options->verbosity > 0 || session->shares_token)
        atlas_config_set_logger(config, options->verbosity > 1   ? ATLAS_LOG_DEBUG
                                        : options->verbosity > 0 ? ATLAS_LOG_INFO
                                                                 : ATLAS_LOG_WARNING,
                                log_line, session);
    snprintf(product, sizeof product, "%s/%s", program, ATLAS_BACKUP_VERSION_STRING);
    atlas_config_set_user_agent(config, product);
    session->client = atlas_client_new(config, error);
    atlas_config_free(config); /* the client has its own copy */
    unload_env_file();

    sigemptyset(&session->signals);
    sigaddset(&session->signals, SIGTERM);
    if (sigaction(SIGINT, NULL, &inherited) == 0 && inherited.sa_handler != SIG_IGN) /* as in `... &` of a script */
        sigaddset(&session->signals, SIGINT);
    if (sigaction(SIGHUP, NULL, &inherited) == 0 && inherited.sa_handler != SIG_IGN) /* as under nohup */
        sigaddset(&session->signals, SIGHUP);
    return session->client;
}

static inline void *watch_call(void *argument)
{
    struct session *session = (struct session *)argument;
    int ending = 0, over;

    do {
        int64_t left_ms = ending ? 50 : session->end_ms - now_ms();
        struct timespec pause;
        int number;

        left_ms = left_ms < 0 ? 0 : left_ms > 3600000 ? 3600000 : left_ms;
        pause.tv_sec = (time_t)(left_ms / 1000);
        pause.tv_nsec = (long)(left_ms % 1000) * 1000000;
        number = sigtimedwait(&session->signals, NULL, &pause);
        pthread_mutex_lock(&session->lock);
        over = session->over;
        if (!over && number > 0)
            session->caught = number;
        else if (!over && now_ms() >= session->end_ms)
            session->late = 1;
        ending = !over && (ending || number > 0 || session->late);
        pthread_mutex_unlock(&session->lock);
        /* Again and again: a cancellation only ends calls that were entered before, and ours might be about to be. */
        if (ending)
            atlas_client_cancel(session->client);
    } while (!over);
    return NULL;
}

/* From now on until end_call() a signal, or so many milliseconds (0: none), cancels the calls of the client. */
static inline void begin_call(struct session *session, int64_t limit_ms)
{
    session->over = session->late = 0;
    session->end_ms = limit_ms > 0 ? now_ms() + limit_ms : INT64_MAX;
    pthread_mutex_init(&session->lock, NULL);
    pthread_sigmask(SIG_BLOCK, &session->signals, NULL); /* the thread inherits it */
    session->watched = pthread_create(&session->thread, NULL, watch_call, session) == 0;
    if (!session->watched) /* then a signal ends the program as it ends any */
        pthread_sigmask(SIG_UNBLOCK, &session->signals, NULL);
}

static inline void end_call(struct session *session)
{
    if (session->watched) {
        pthread_mutex_lock(&session->lock);
        session->over = 1;
        pthread_mutex_unlock(&session->lock);
        pthread_kill(session->thread, SIGTERM); /* blocked everywhere: it only wakes sigtimedwait() */
        pthread_join(session->thread, NULL);
    }
    pthread_mutex_destroy(&session->lock);
}

/*
 * The list of a cluster, as one of `clusters` that are still to be asked until `end_ms`: it may take its share of the
 * time, but 5 seconds at least, so that a cluster that does not answer leaves time for the others.
 */
static inline atlas_snapshot_list *list_in_time(struct session *session, int sharded, const char *project,
                                                const char *cluster, int clusters, int64_t end_ms, atlas_error *error)
{
    int64_t left_ms = end_ms - now_ms(), share_ms = left_ms / clusters;
    atlas_snapshot_list *list = NULL;
    shown_text text;

    if (share_ms < 5000)
        share_ms = left_ms < 5000 ? left_ms : 5000;
    if (left_ms > 0) {
        /* The client's own timeout, which is the whole time, should come first: its message says more. */
        begin_call(session, share_ms == left_ms ? share_ms + 250 : share_ms);
        list = (sharded ? atlas_client_list_sharded_snapshots : atlas_client_list_snapshots)(session->client, project,
                                                                                             cluster, 0, error);
        end_call(session);
    }
    if (list == NULL && left_ms <= 0)
        set_error(error, ATLAS_ERROR_TIMEOUT, "list snapshots of cluster %s: the others took all the time",
                  shown(cluster, text));
    else if (list == NULL && session->late && error->kind == ATLAS_ERROR_CANCELLED)
        set_error(error, ATLAS_ERROR_TIMEOUT, "list snapshots of cluster %s: no answer within %.1f seconds",
                  shown(cluster, text), (double)share_ms / 1000);
    if (list == NULL && error->kind == ATLAS_ERROR_TIMEOUT)
        error->flags |= ATLAS_ERROR_FLAG_RETRYABLE;
    return list;
}

/* Gives the token back and frees the client. Does not return after a signal: the program dies of it, as others do. */
static inline void close_session(struct session *session)
{
    if (session->client == NULL)
        return;
    if (!session->shares_token) {
        begin_call(session, GIVE_BACK_MS);
        atlas_client_revoke_token(session->client, NULL);
        end_call(session);
    }
    atlas_client_free(session->client);
    if (session->caught != 0) { /* so that a shell knows, and ends its script, too */
        signal(session->caught, SIG_DFL);
        raise(session->caught);
    }
    pthread_sigmask(SIG_UNBLOCK, &session->signals, NULL);
}

#endif
