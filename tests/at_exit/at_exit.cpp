/*
 * Calls while a thread or the process is ending, when variables that belong to the thread may have been destroyed:
 * at_exit WHERE. Run by at_exit.sh.
 */

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <pthread.h>
#include <unistd.h>

#include "atlas_backup.h"

static const char project[] = "32b6e34b3d91647abb20e7b8", id[] = "5f4007f327a3bd7b6f4103c5";

static const char *where = "";
static atlas_client *client;

static void fail(const char *what, const atlas_error &error)
{
    std::printf("%s: %s failed: %s\n", where, what, error.message);
    std::fflush(stdout);
    _exit(1);
}

static void get()
{
    atlas_error error;
    atlas_snapshot *snapshot = atlas_client_get_snapshot(client, project, "Cluster0", id, 0, &error);

    if (snapshot == NULL)
        fail("get", error);
    atlas_snapshot_free(snapshot);
}

static void make_client()
{
    atlas_error error;
    atlas_config *config = atlas_config_from_env();

    client = atlas_client_new(config, &error);
    atlas_config_free(config);
    if (client == NULL)
        fail("atlas_client_new", error);
}

static bool is_at(const char *place)
{
    return std::strcmp(where, place) == 0;
}

/*
 * Whatever a host may want to do last. A second client starts with nothing: it connects and looks up the name, for
 * which std starts a thread; where that is the first this thread starts, and nothing of it is destroyed any more, 32
 * bytes of glibc's stay behind, which a checker would find.
 */
static void end()
{
    int clients = is_at("key-of-a-thread-without-calls") ? 1 : 2, i;
    atlas_error error;

    if (client == NULL)
        return;
    for (i = 0; i < clients; i++) {
        if (i > 0)
            make_client();
        get();
        atlas_snapshot_list *list = atlas_client_list_snapshots(client, project, "many-501", 0, &error);
        if (list == NULL)
            fail("list", error);
        atlas_snapshot_list_free(list);
        atlas_snapshot *snapshot =
            atlas_client_wait_for_snapshot(client, project, "Cluster0", id, 0, 0, 0, NULL, NULL, &error);
        if (snapshot == NULL)
            fail("wait", error);
        atlas_snapshot_free(snapshot);
        if (atlas_client_revoke_token(client, &error) != ATLAS_ERROR_NONE)
            fail("revoke", error);
        atlas_client_cancel(client);
        atlas_client_free(client);
    }
    client = NULL;
    std::printf("%s: every call succeeded\n", where);
    std::fflush(stdout);
}

struct Ends {
    const char *at;

    explicit Ends(const char *at) : at(at) {}
    ~Ends()
    {
        if (is_at(at))
            end();
    }
};

static Ends static_variable("static");

static void use_thread_local()
{
    static thread_local Ends variable("thread_local");

    if (variable.at == NULL) /* it exists from here on, and is destroyed after what the first call makes */
        std::abort();
}

static void end_of_key(void *)
{
    end();
}

static void *in_thread(void *)
{
    static pthread_key_t key;

    if (is_at("thread_local")) {
        use_thread_local();
    } else {
        pthread_key_create(&key, end_of_key);
        pthread_setspecific(key, &key);
    }
    if (!is_at("key-of-a-thread-without-calls"))
        get();
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;

    where = argc == 2 ? argv[1] : "";
    make_client();
    if (is_at("thread_local-of-main")) {
        where = "thread_local";
        use_thread_local();
        get();
    } else if (is_at("atexit")) {
        get();
        std::atexit(end);
    } else if (is_at("static")) {
        get();
    } else {
        if (is_at("key-of-a-thread-without-calls"))
            get(); /* on this thread */
        if (pthread_create(&thread, NULL, in_thread, NULL) != 0)
            return 1;
        pthread_join(thread, NULL);
    }
    return 0;
}
