/* Settings: setters never fail, atlas_client_new says what was wrong with them, and the environment is read once. */

#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atlas_config *good_config(void)
{
    atlas_config *config = atlas_config_new();

    atlas_config_set_access_token(config, "a-token");
    return config;
}

/* Frees the config. */
static void accepted(atlas_config *config)
{
    atlas_error error;
    atlas_client *client;

    spoil(&error);
    client = atlas_client_new(config, &error);
    CHECK(client != NULL);
    CHECK_SUCCESS(error);
    atlas_client_free(client);
    atlas_config_free(config);
}

/* Frees the config. `named` is the setting that the message has to name. */
static void refused(atlas_config *config, const char *named, const char *message_says, const char *secret)
{
    atlas_error error;
    atlas_client *client;

    spoil(&error);
    client = atlas_client_new(config, &error);
    CHECK(client == NULL);
    CHECK_FAILURE(error, ATLAS_ERROR_CONFIG);
    CHECK_CONTAINS(error.message, named);
    CHECK_CONTAINS(error.message, message_says);
    if (secret != NULL && *secret != '\0')
        CHECK(strstr(error.message, secret) == NULL);
    CHECK_NUMBER(error.http_status, 0);
    atlas_client_free(client);
    atlas_config_free(config);
}

static void without_credentials_there_is_no_client(void)
{
    refused(atlas_config_new(), "credentials", "MONGODB_ATLAS_CLIENT_ID", NULL);
    refused(atlas_config_from_env(), "credentials", "MONGODB_ATLAS_CLIENT_ID", NULL);
}

static void a_trailing_newline_in_a_credential_is_named_and_the_secret_is_not(void)
{
    atlas_config *config = atlas_config_new();

    atlas_config_set_service_account(config, "mdb_sa_id_1", "mdb_sa_sk_hush\n");
    refused(config, "client_secret", "newline", "hush");
    config = atlas_config_new();
    atlas_config_set_service_account(config, "mdb_sa_id_1\n", "mdb_sa_sk_hush");
    refused(config, "client_id", "newline", "hush");
    config = atlas_config_new();
    atlas_config_set_service_account(config, "mdb_sa_id_1", "mdb_sa_sk_hush\r\n");
    refused(config, "client_secret", "newline", "hush");
    config = atlas_config_new();
    atlas_config_set_api_key(config, "abcdefgh", "hush-hush\n");
    refused(config, "private_key", "newline", "hush");
    config = atlas_config_new();
    atlas_config_set_api_key(config, "abcdefgh\n", "hush-hush");
    refused(config, "public_key", "newline", "hush");
    config = atlas_config_new();
    atlas_config_set_access_token(config, "hush-hush\n");
    refused(config, "access_token", "newline", "hush");
}

static void credentials_that_are_NULL_empty_or_unprintable_are_errors(void)
{
    static const char *const bad[] = { NULL, "", "hush\nhush", "hush\thush", "hush\x7fhush", "hushcaf\xc3\xa9", "hush\xff" };
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        atlas_config *config = atlas_config_new();

        atlas_config_set_service_account(config, bad[i], "good");
        refused(config, "client_id", "", bad[i]);
        config = atlas_config_new();
        atlas_config_set_service_account(config, "good", bad[i]);
        refused(config, "client_secret", "", bad[i]);
        config = atlas_config_new();
        atlas_config_set_api_key(config, bad[i], "good");
        refused(config, "public_key", "", bad[i]);
        config = atlas_config_new();
        atlas_config_set_api_key(config, "good", bad[i]);
        refused(config, "private_key", "", bad[i]);
        config = atlas_config_new();
        atlas_config_set_access_token(config, bad[i]);
        refused(config, "access_token", "", bad[i]);
    }
}

static void the_last_credentials_win_and_forget_the_others(void)
{
    atlas_config *config = atlas_config_new();

    atlas_config_set_service_account(config, NULL, NULL);
    atlas_config_set_api_key(config, "good", "bad\n");
    atlas_config_set_access_token(config, "good");
    accepted(config);
    config = atlas_config_new();
    atlas_config_set_access_token(config, "good");
    atlas_config_set_service_account(config, "good", NULL);
    refused(config, "client_secret", "", NULL);
}

static void a_bad_value_is_reported_with_the_name_of_its_setting(void)
{
    static const char *const urls[] = {
        "", "cloud.mongodb.com", "ftp://cloud.mongodb.com", "https://", "https://user@cloud.mongodb.com",
        "https://user:hush@cloud.mongodb.com", "https://cloud.mongodb.com?x=1", "https://cloud.mongodb.com#x",
        "https://cloud.mongodb.com:0", "https://cloud.mongodb.com:99999", "https://cloud.mongodb.com:x", "https://cloud mongodb.com",
        "https://cloud.mongodb.com\n", "http://cloud.mongodb.com", "http://192.0.2.1", "http://localhost.example.com", "http://127.0.0.1@evil.example.com",
        "https://[::1", "https://[localhost]", "https://[127.0.0.1]", "http://[localhost]:80", "http://[127.0.0.1]", "https://[]",
        "https://::1", "https://[::1]x", "\xff",
    };
    static const char *const versions[] = { "", "2024", "2024-13-01", "2024-05-30\n", "2024-05-30+json", "yesterday", "\xff" };
    static const char *const agents[] = { "", "a\nb", "a\r\nX-Evil: 1", "caf\xc3\xa9", "\xff" };
    static const char *const proxies[] = { "ftp://localhost:1", "http://", "http://localhost:99999", "http://local host", "\xff" };
    size_t i;

    for (i = 0; i < sizeof urls / sizeof *urls; i++) {
        atlas_config *config = good_config();

        atlas_config_set_base_url(config, urls[i]);
        refused(config, "base_url", "", "hush");
    }
    for (i = 0; i < sizeof versions / sizeof *versions; i++) {
        atlas_config *config = good_config();

        atlas_config_set_api_version(config, versions[i]);
        refused(config, "api_version", "", NULL);
    }
    for (i = 0; i < sizeof agents / sizeof *agents; i++) {
        atlas_config *config = good_config();

        atlas_config_set_user_agent(config, agents[i]);
        refused(config, "user_agent", "", NULL);
    }
    for (i = 0; i < sizeof proxies / sizeof *proxies; i++) {
        atlas_config *config = good_config();

        atlas_config_set_proxy(config, proxies[i]);
        refused(config, "proxy", "", NULL);
    }
}

static void a_timeout_of_0_is_an_error(void)
{
    atlas_config *config = good_config();

    atlas_config_set_timeout_ms(config, 0);
    refused(config, "timeout_ms", "", NULL);
    config = good_config();
    atlas_config_set_connect_timeout_ms(config, 0);
    refused(config, "connect_timeout_ms", "", NULL);
    config = good_config();
    atlas_config_set_timeout_ms(config, UINT32_MAX); /* 49 days */
    atlas_config_set_connect_timeout_ms(config, UINT32_MAX);
    atlas_config_set_max_retries(config, UINT32_MAX);
    accepted(config);
    config = good_config();
    atlas_config_set_max_retries(config, 0);
    accepted(config);
}

static void a_ca_file_that_cannot_be_used_is_an_error(void)
{
    static const char *const files[] = { "", "/no/such/file", "/", "/dev/null", "/dev/zero", "/proc/self/cmdline" };
    size_t i;

    for (i = 0; i < sizeof files / sizeof *files; i++) {
        atlas_config *config = good_config();

        atlas_config_set_ca_file(config, files[i]);
        refused(config, "ca_file", "", "(os error");
    }
}

static void setting_it_again_replaces_value_and_error(void)
{
    atlas_config *config = good_config();

    atlas_config_set_base_url(config, "nonsense");
    atlas_config_set_base_url(config, "https://localhost:1");
    atlas_config_set_api_version(config, "nonsense");
    atlas_config_set_api_version(config, "2023-01-01");
    atlas_config_set_timeout_ms(config, 0);
    atlas_config_set_timeout_ms(config, 1);
    atlas_config_set_connect_timeout_ms(config, 0);
    atlas_config_set_connect_timeout_ms(config, 1);
    atlas_config_set_ca_file(config, "/no/such/file");
    atlas_config_set_ca_file(config, NULL);
    atlas_config_set_proxy(config, "nonsense://");
    atlas_config_set_proxy(config, "");
    atlas_config_set_user_agent(config, "\n");
    atlas_config_set_user_agent(config, "test/1");
    accepted(config);
    config = good_config();
    atlas_config_set_base_url(config, "https://localhost:1");
    atlas_config_set_base_url(config, "nonsense");
    refused(config, "base_url", "", NULL);
}

static void NULL_restores_the_default(void)
{
    atlas_config *config = good_config();

    atlas_config_set_base_url(config, "nonsense");
    atlas_config_set_base_url(config, NULL);
    atlas_config_set_api_version(config, "nonsense");
    atlas_config_set_api_version(config, NULL);
    atlas_config_set_ca_file(config, "/no/such/file");
    atlas_config_set_ca_file(config, NULL);
    atlas_config_set_proxy(config, "nonsense://");
    atlas_config_set_proxy(config, NULL);
    atlas_config_set_user_agent(config, "\n");
    atlas_config_set_user_agent(config, NULL);
    accepted(config);
}

static void good_base_urls_are_accepted(void)
{
    static const char *const urls[] = {
        "https://cloud.mongodb.com", "https://cloud.mongodb.com/", "https://cloud.mongodb.com:443", "HTTPS://cloud.mongodb.com",
        "https://ops.example.com/prefix/", "http://localhost:8080", "http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]:8080",
        "https://[2001:db8::1]",
    };
    size_t i;

    for (i = 0; i < sizeof urls / sizeof *urls; i++) {
        atlas_config *config = good_config();

        atlas_config_set_base_url(config, urls[i]);
        accepted(config);
    }
}

/* Sets variables for one config_from_env: pairs of names without MONGODB_ATLAS_ and values, then NULL. */
static atlas_config *from_env(const char *const *pairs)
{
    atlas_config *config;
    char name[64];
    size_t i;

    for (i = 0; pairs[i] != NULL; i += 2) {
        snprintf(name, sizeof name, "MONGODB_ATLAS_%s", pairs[i]);
        setenv(name, pairs[i + 1], 1);
    }
    config = atlas_config_from_env();
    for (i = 0; pairs[i] != NULL; i += 2) {
        snprintf(name, sizeof name, "MONGODB_ATLAS_%s", pairs[i]);
        unsetenv(name);
    }
    return config;
}

static void the_environment_is_read_when_the_config_is_made_and_never_again(void)
{
    static const char *const account[] = { "CLIENT_ID", "mdb_sa_id_1", "CLIENT_SECRET", "mdb_sa_sk_1", NULL };
    static const char *const key[] = { "PUBLIC_API_KEY", "a", "PRIVATE_API_KEY", "b", NULL };
    static const char *const old_key[] = { "PUBLIC_KEY", "a", "PRIVATE_KEY", "b", NULL };
    static const char *const token[] = { "ACCESS_TOKEN", "t", NULL };
    atlas_config *config = atlas_config_new();

    setenv("MONGODB_ATLAS_ACCESS_TOKEN", "t", 1);
    refused(config, "credentials", "", NULL); /* atlas_config_new reads none of it */
    unsetenv("MONGODB_ATLAS_ACCESS_TOKEN");
    accepted(from_env(account));
    accepted(from_env(key));
    accepted(from_env(old_key));
    accepted(from_env(token));
}

static void a_complete_set_in_the_environment_beats_half_of_another(void)
{
    static const char *const account_beats_key[] = { "CLIENT_ID", "a", "CLIENT_SECRET", "b", "PUBLIC_API_KEY", "c", "PRIVATE_API_KEY",
                                                     "bad\n", "ACCESS_TOKEN", "bad\n", NULL };
    static const char *const key_beats_token[] = { "PUBLIC_API_KEY", "c", "PRIVATE_API_KEY", "d", "ACCESS_TOKEN", "bad\n", NULL };
    static const char *const token_beats_halves[] = { "CLIENT_ID", "a", "PRIVATE_API_KEY", "d", "ACCESS_TOKEN", "t", NULL };
    static const char *const empty_is_unset[] = { "CLIENT_ID", "a", "CLIENT_SECRET", "", "ACCESS_TOKEN", "t", NULL };
    static const char *const only_id[] = { "CLIENT_ID", "a", NULL };
    static const char *const only_secret[] = { "CLIENT_SECRET", "hush", NULL };
    static const char *const only_public[] = { "PUBLIC_API_KEY", "a", NULL };
    static const char *const only_private[] = { "PRIVATE_API_KEY", "hush", NULL };

    accepted(from_env(account_beats_key));
    accepted(from_env(key_beats_token));
    accepted(from_env(token_beats_halves));
    accepted(from_env(empty_is_unset));
    refused(from_env(only_id), "MONGODB_ATLAS_CLIENT_SECRET", "MONGODB_ATLAS_CLIENT_ID", NULL);
    refused(from_env(only_secret), "MONGODB_ATLAS_CLIENT_ID", "MONGODB_ATLAS_CLIENT_SECRET", "hush");
    refused(from_env(only_public), "MONGODB_ATLAS_PRIVATE_API_KEY", "", NULL);
    refused(from_env(only_private), "MONGODB_ATLAS_PUBLIC_API_KEY", "", "hush");
}

/* A file with `text` in it, until the next call. */
static const char *file_with(const char *text)
{
    static char path[64];
    FILE *file;

    if (path[0] != '\0')
        remove(path);
    snprintf(path, sizeof path, "/tmp/atlas-secret-%ld", (long)getpid());
    file = fopen(path, "w");
    CHECK(file != NULL);
    if (file != NULL) {
        fputs(text, file);
        fclose(file);
    }
    return path;
}

static void a_secret_may_be_in_a_file(void)
{
    const char *path = file_with("good\n");
    const char *const account[] = { "CLIENT_ID", "a", "CLIENT_SECRET_FILE", path, NULL };
    const char *const key[] = { "PUBLIC_API_KEY", "a", "PRIVATE_API_KEY_FILE", path, NULL };
    const char *const old_key[] = { "PUBLIC_KEY", "a", "PRIVATE_KEY_FILE", path, NULL };
    const char *const token[] = { "ACCESS_TOKEN_FILE", path, NULL };
    const char *const account_beats_token[] = { "CLIENT_ID", "a", "CLIENT_SECRET_FILE", path, "ACCESS_TOKEN_FILE", "/no/such/file", NULL };
    const char *const empty_is_unset[] = { "ACCESS_TOKEN", "", "ACCESS_TOKEN_FILE", path, NULL };
    const char *const half[] = { "CLIENT_SECRET_FILE", path, NULL };
    atlas_config *config = atlas_config_new();

    atlas_config_set_access_token(config, "bad\n");
    atlas_config_set_service_account_file(config, "mdb_sa_id_1", path);
    accepted(config);
    config = atlas_config_new();
    atlas_config_set_service_account_file(config, NULL, NULL);
    atlas_config_set_api_key_file(config, "abcdefgh", path);
    accepted(config);
    config = atlas_config_new();
    atlas_config_set_api_key_file(config, "abcdefgh", "/no/such/file");
    atlas_config_set_access_token_file(config, path);
    accepted(config);
    accepted(from_env(account));
    accepted(from_env(key));
    accepted(from_env(old_key));
    accepted(from_env(token));
    accepted(from_env(account_beats_token));
    accepted(from_env(empty_is_unset));
    refused(from_env(half), "MONGODB_ATLAS_CLIENT_ID is missing", "MONGODB_ATLAS_CLIENT_SECRET_FILE is set", NULL);
}

static void a_file_that_holds_no_secret_is_named_with_its_setting(void)
{
    static const char *const bad[] = { NULL, "", "/no/such/file", "/dev/null", "/" };
    const char *path;
    atlas_config *config;
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        config = atlas_config_new();
        atlas_config_set_service_account_file(config, "mdb_sa_id_1", bad[i]);
        refused(config, "client_secret_file", bad[i] == NULL ? "missing" : bad[i], NULL);
        config = atlas_config_new();
        atlas_config_set_api_key_file(config, "abcdefgh", bad[i]);
        refused(config, "private_key_file", bad[i] == NULL ? "missing" : bad[i], NULL);
        config = atlas_config_new();
        atlas_config_set_access_token_file(config, bad[i]);
        refused(config, "access_token_file", bad[i] == NULL ? "missing" : bad[i], NULL);
    }
    path = file_with("hush\nhush\n");
    config = atlas_config_new();
    atlas_config_set_access_token_file(config, path);
    refused(config, "access_token_file", path, "hush");
    /* The secret in the place of the path is not shown. */
    config = atlas_config_new();
    atlas_config_set_service_account_file(config, "mdb_sa_id_1", "mdb_sa_sk_hush");
    refused(config, "client_secret_file", "not the secret", "hush");
    remove(path);
}

static void a_secret_beside_a_file_for_it_is_an_error(void)
{
    static const char *const account[] = { "CLIENT_ID", "a", "CLIENT_SECRET", "hush", "CLIENT_SECRET_FILE", "/f", NULL };
    static const char *const key[] = { "PUBLIC_KEY", "a", "PRIVATE_KEY", "hush", "PRIVATE_API_KEY_FILE", "/f", NULL };
    static const char *const old_key[] = { "PUBLIC_KEY", "a", "PRIVATE_API_KEY", "hush", "PRIVATE_KEY_FILE", "/f", NULL };
    static const char *const token[] = { "ACCESS_TOKEN", "hush", "ACCESS_TOKEN_FILE", "/f", NULL };
    static const char *const unused[] = { "CLIENT_ID", "a", "CLIENT_SECRET", "b", "ACCESS_TOKEN", "hush", "ACCESS_TOKEN_FILE", "/f", NULL };
    atlas_config *config;

    refused(from_env(account), "MONGODB_ATLAS_CLIENT_SECRET and MONGODB_ATLAS_CLIENT_SECRET_FILE", "both set", "hush");
    refused(from_env(key), "MONGODB_ATLAS_PRIVATE_KEY and MONGODB_ATLAS_PRIVATE_API_KEY_FILE", "both set", "hush");
    refused(from_env(old_key), "MONGODB_ATLAS_PRIVATE_API_KEY and MONGODB_ATLAS_PRIVATE_KEY_FILE", "both set", "hush");
    refused(from_env(token), "MONGODB_ATLAS_ACCESS_TOKEN and MONGODB_ATLAS_ACCESS_TOKEN_FILE", "both set", "hush");
    refused(from_env(unused), "MONGODB_ATLAS_ACCESS_TOKEN and MONGODB_ATLAS_ACCESS_TOKEN_FILE", "both set", "hush");
    /* What the program sets counts. */
    config = from_env(token);
    atlas_config_set_access_token(config, "good");
    accepted(config);
}

static void a_bad_variable_is_named(void)
{
    static const char *const url[] = { "ACCESS_TOKEN", "t", "BASE_URL", "nonsense", NULL };
    static const char *const manager[] = { "ACCESS_TOKEN", "t", "BASE_URL", "https://localhost", "OPS_MANAGER_URL", "nonsense", NULL };
    static const char *const service[] = { "ACCESS_TOKEN", "t", "SERVICE", "nonsense", NULL };
    static const char *const long_service[] = { "ACCESS_TOKEN", "t", "SERVICE",
                                                "01234567890123456789012345678901234567890123456789012345678901234", NULL };
    static const char *const version[] = { "ACCESS_TOKEN", "t", "API_VERSION", "nonsense", NULL };
    static const char *const timeout[] = { "ACCESS_TOKEN", "t", "TIMEOUT_MS", "soon", NULL };
    static const char *const zero[] = { "ACCESS_TOKEN", "t", "TIMEOUT_MS", "0", NULL };
    static const char *const ca[] = { "ACCESS_TOKEN", "t", "CA_FILE", "/no/such/file", NULL };
    static const char *const secret[] = { "CLIENT_ID", "a", "CLIENT_SECRET", "hush\n", NULL };
    static const char *const good[] = { "ACCESS_TOKEN", "t", "BASE_URL", "https://localhost", "SERVICE", "cloudgov", "API_VERSION",
                                        "2024-05-30", "TIMEOUT_MS", "1000", NULL };

    refused(from_env(url), "MONGODB_ATLAS_BASE_URL", "", NULL);
    refused(from_env(manager), "MONGODB_ATLAS_OPS_MANAGER_URL", "", NULL);
    refused(from_env(service), "MONGODB_ATLAS_SERVICE", "cloudgov", NULL);
    refused(from_env(version), "MONGODB_ATLAS_API_VERSION", "", NULL);
    refused(from_env(timeout), "MONGODB_ATLAS_TIMEOUT_MS", "", NULL);
    refused(from_env(zero), "MONGODB_ATLAS_TIMEOUT_MS", "", NULL);
    refused(from_env(long_service), "MONGODB_ATLAS_SERVICE", "\"0123456789012345678901234567890123456789012345678901234567890123…\"", NULL);
    refused(from_env(ca), "/no/such/file", "", NULL);
    refused(from_env(secret), "CLIENT_SECRET", "newline", "hush");
    accepted(from_env(good));
}

void setting_tests(void)
{
    RUN(without_credentials_there_is_no_client);
    RUN(a_trailing_newline_in_a_credential_is_named_and_the_secret_is_not);
    RUN(credentials_that_are_NULL_empty_or_unprintable_are_errors);
    RUN(the_last_credentials_win_and_forget_the_others);
    RUN(a_bad_value_is_reported_with_the_name_of_its_setting);
    RUN(a_timeout_of_0_is_an_error);
    RUN(a_ca_file_that_cannot_be_used_is_an_error);
    RUN(setting_it_again_replaces_value_and_error);
    RUN(NULL_restores_the_default);
    RUN(good_base_urls_are_accepted);
    RUN(the_environment_is_read_when_the_config_is_made_and_never_again);
    RUN(a_complete_set_in_the_environment_beats_half_of_another);
    RUN(a_secret_may_be_in_a_file);
    RUN(a_file_that_holds_no_secret_is_named_with_its_setting);
    RUN(a_secret_beside_a_file_for_it_is_an_error);
    RUN(a_bad_variable_is_named);
}
