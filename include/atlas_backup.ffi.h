/*
 * atlas_backup.ffi.h - the declarations of atlas_backup.h, for tools that read C but have no preprocessor
 *
 * What they mean is said in atlas_backup.h. ATLAS_ABSENT is not here: it is the least int64_t, which no enumerator can be.
 * This file is made by `make header` from the sources in src/ffi; change those, not this.
 * SPDX-License-Identifier: Apache-2.0
 */

typedef enum atlas_constant {
    ATLAS_BACKUP_VERSION_MAJOR = 0,
    ATLAS_BACKUP_VERSION_MINOR = 2,
    ATLAS_BACKUP_VERSION_PATCH = 0,
    ATLAS_BACKUP_VERSION_NUMBER = 2000,
    ATLAS_ERROR_FLAG_RETRYABLE = 1,
    ATLAS_ERROR_FLAG_TRUNCATED = 2,
    ATLAS_LOG_ERROR = 1,
    ATLAS_LOG_WARNING = 2,
    ATLAS_LOG_INFO = 3,
    ATLAS_LOG_DEBUG = 4,
    ATLAS_ENVELOPE = 1,
    ATLAS_PRETTY = 2
} atlas_constant;
const char *atlas_backup_version(void);
int32_t atlas_backup_runtime_version(void);
typedef struct atlas_client atlas_client;
typedef struct atlas_config atlas_config;
typedef struct atlas_snapshot atlas_snapshot;
typedef struct atlas_snapshot_list atlas_snapshot_list;
typedef enum atlas_error_kind {
    ATLAS_ERROR_NONE = 0,
    ATLAS_ERROR_INVALID_ARGUMENT = 1,
    ATLAS_ERROR_CONFIG = 2,
    ATLAS_ERROR_UNAUTHENTICATED = 3,
    ATLAS_ERROR_FORBIDDEN = 4,
    ATLAS_ERROR_NOT_FOUND = 5,
    ATLAS_ERROR_BAD_REQUEST = 6,
    ATLAS_ERROR_RATE_LIMITED = 7,
    ATLAS_ERROR_SERVER = 8,
    ATLAS_ERROR_TIMEOUT = 9,
    ATLAS_ERROR_NETWORK = 10,
    ATLAS_ERROR_TLS = 11,
    ATLAS_ERROR_INVALID_RESPONSE = 12,
    ATLAS_ERROR_CANCELLED = 13,
    ATLAS_ERROR_SNAPSHOT_FAILED = 14,
    ATLAS_ERROR_INTERNAL = 15
} atlas_error_kind;
typedef struct atlas_error {
    int32_t kind;
    int32_t http_status;
    int32_t retry_after;
    uint32_t flags;
    char code[96];
    char reason[64];
    char detail[768];
    char parameters[256];
    char message[768];
    uint8_t reserved[80];
} atlas_error;
const char *atlas_error_kind_name(int32_t kind);
size_t atlas_error_size(void);
typedef void (*atlas_log_fn)(void *user_data, int32_t level, const char *line);
atlas_config *atlas_config_new(void);
atlas_config *atlas_config_from_env(void);
void atlas_config_free(atlas_config *config);
void atlas_config_set_service_account(atlas_config *config, const char *client_id, const char *client_secret);
void atlas_config_set_api_key(atlas_config *config, const char *public_key, const char *private_key);
void atlas_config_set_access_token(atlas_config *config, const char *access_token);
void atlas_config_set_service_account_file(atlas_config *config, const char *client_id, const char *client_secret_path);
void atlas_config_set_api_key_file(atlas_config *config, const char *public_key, const char *private_key_path);
void atlas_config_set_access_token_file(atlas_config *config, const char *access_token_path);
void atlas_config_set_base_url(atlas_config *config, const char *url);
void atlas_config_set_api_version(atlas_config *config, const char *date);
void atlas_config_set_timeout_ms(atlas_config *config, uint32_t milliseconds);
void atlas_config_set_connect_timeout_ms(atlas_config *config, uint32_t milliseconds);
void atlas_config_set_max_retries(atlas_config *config, uint32_t count);
void atlas_config_set_ca_file(atlas_config *config, const char *pem_path);
void atlas_config_set_proxy(atlas_config *config, const char *url);
void atlas_config_set_user_agent(atlas_config *config, const char *product);
void atlas_config_set_token_cache(atlas_config *config, const char *directory);
void atlas_config_set_logger(atlas_config *config, int32_t level, atlas_log_fn logger, void *user_data);
typedef int32_t (*atlas_progress_fn)(void *user_data, const atlas_snapshot *latest);
atlas_client *atlas_client_new(const atlas_config *config, atlas_error *error);
void atlas_client_free(atlas_client *client);
void atlas_client_cancel(atlas_client *client);
int32_t atlas_client_revoke_token(atlas_client *client, atlas_error *error);
atlas_snapshot *atlas_client_get_snapshot(atlas_client *client,
                                          const char *group_id,
                                          const char *cluster_name,
                                          const char *snapshot_id,
                                          uint32_t flags,
                                          atlas_error *error);
atlas_snapshot *atlas_client_get_sharded_snapshot(atlas_client *client,
                                                  const char *group_id,
                                                  const char *cluster_name,
                                                  const char *snapshot_id,
                                                  uint32_t flags,
                                                  atlas_error *error);
atlas_snapshot_list *atlas_client_list_snapshots(atlas_client *client,
                                                 const char *group_id,
                                                 const char *cluster_name,
                                                 uint32_t flags,
                                                 atlas_error *error);
atlas_snapshot_list *atlas_client_list_sharded_snapshots(atlas_client *client,
                                                         const char *group_id,
                                                         const char *cluster_name,
                                                         uint32_t flags,
                                                         atlas_error *error);
atlas_snapshot *atlas_client_wait_for_snapshot(atlas_client *client,
                                               const char *group_id,
                                               const char *cluster_name,
                                               const char *snapshot_id,
                                               uint32_t flags,
                                               uint32_t poll_interval_ms,
                                               uint32_t timeout_ms,
                                               atlas_progress_fn progress,
                                               void *user_data,
                                               atlas_error *error);
atlas_snapshot *atlas_client_wait_for_sharded_snapshot(atlas_client *client,
                                                       const char *group_id,
                                                       const char *cluster_name,
                                                       const char *snapshot_id,
                                                       uint32_t flags,
                                                       uint32_t poll_interval_ms,
                                                       uint32_t timeout_ms,
                                                       atlas_progress_fn progress,
                                                       void *user_data,
                                                       atlas_error *error);
atlas_snapshot *atlas_snapshot_parse(const char *json, size_t length, atlas_error *error);
atlas_snapshot *atlas_snapshot_copy(const atlas_snapshot *snapshot);
void atlas_snapshot_free(atlas_snapshot *snapshot);
const char *atlas_snapshot_id(const atlas_snapshot *snapshot);
const char *atlas_snapshot_cloud_provider(const atlas_snapshot *snapshot);
const char *atlas_snapshot_config_server_type(const atlas_snapshot *snapshot);
const char *atlas_snapshot_created_at(const atlas_snapshot *snapshot);
const char *atlas_snapshot_description(const atlas_snapshot *snapshot);
const char *atlas_snapshot_expires_at(const atlas_snapshot *snapshot);
const char *atlas_snapshot_frequency_type(const atlas_snapshot *snapshot);
const char *atlas_snapshot_master_key_uuid(const atlas_snapshot *snapshot);
const char *atlas_snapshot_mongod_version(const atlas_snapshot *snapshot);
const char *atlas_snapshot_replica_set_name(const atlas_snapshot *snapshot);
const char *atlas_snapshot_snapshot_type(const atlas_snapshot *snapshot);
const char *atlas_snapshot_status(const atlas_snapshot *snapshot);
const char *atlas_snapshot_type(const atlas_snapshot *snapshot);
typedef enum atlas_status {
    ATLAS_STATUS_UNKNOWN = 0,
    ATLAS_STATUS_QUEUED = 1,
    ATLAS_STATUS_IN_PROGRESS = 2,
    ATLAS_STATUS_COMPLETED = 3,
    ATLAS_STATUS_FAILED = 4
} atlas_status;
typedef enum atlas_cloud_provider {
    ATLAS_CLOUD_PROVIDER_UNKNOWN = 0,
    ATLAS_CLOUD_PROVIDER_AWS = 1,
    ATLAS_CLOUD_PROVIDER_AZURE = 2,
    ATLAS_CLOUD_PROVIDER_GCP = 3
} atlas_cloud_provider;
typedef enum atlas_frequency {
    ATLAS_FREQUENCY_UNKNOWN = 0,
    ATLAS_FREQUENCY_HOURLY = 1,
    ATLAS_FREQUENCY_DAILY = 2,
    ATLAS_FREQUENCY_WEEKLY = 3,
    ATLAS_FREQUENCY_MONTHLY = 4,
    ATLAS_FREQUENCY_YEARLY = 5,
    ATLAS_FREQUENCY_ON_DEMAND = 6
} atlas_frequency;
typedef enum atlas_snapshot_type_kind {
    ATLAS_SNAPSHOT_TYPE_UNKNOWN = 0,
    ATLAS_SNAPSHOT_TYPE_ON_DEMAND = 1,
    ATLAS_SNAPSHOT_TYPE_SCHEDULED = 2,
    ATLAS_SNAPSHOT_TYPE_FALLBACK = 3
} atlas_snapshot_type_kind;
typedef enum atlas_cluster_type {
    ATLAS_CLUSTER_TYPE_UNKNOWN = 0,
    ATLAS_CLUSTER_TYPE_REPLICA_SET = 1,
    ATLAS_CLUSTER_TYPE_SHARDED_CLUSTER = 2
} atlas_cluster_type;
int32_t atlas_snapshot_status_code(const atlas_snapshot *snapshot);
int32_t atlas_snapshot_cloud_provider_code(const atlas_snapshot *snapshot);
int32_t atlas_snapshot_frequency_type_code(const atlas_snapshot *snapshot);
int32_t atlas_snapshot_snapshot_type_code(const atlas_snapshot *snapshot);
int32_t atlas_snapshot_type_code(const atlas_snapshot *snapshot);
int64_t atlas_snapshot_storage_size_bytes(const atlas_snapshot *snapshot);
int64_t atlas_snapshot_created_at_ms(const atlas_snapshot *snapshot);
int64_t atlas_snapshot_expires_at_ms(const atlas_snapshot *snapshot);
size_t atlas_snapshot_copy_region_count(const atlas_snapshot *snapshot);
const char *atlas_snapshot_copy_region(const atlas_snapshot *snapshot, size_t i);
size_t atlas_snapshot_policy_item_count(const atlas_snapshot *snapshot);
const char *atlas_snapshot_policy_item(const atlas_snapshot *snapshot, size_t i);
size_t atlas_snapshot_link_count(const atlas_snapshot *snapshot);
const char *atlas_snapshot_link_href(const atlas_snapshot *snapshot,
                                     size_t i);
const char *atlas_snapshot_link_rel(const atlas_snapshot *snapshot, size_t i);
size_t atlas_snapshot_member_count(const atlas_snapshot *snapshot);
const char *atlas_snapshot_member_id(const atlas_snapshot *snapshot, size_t i);
const char *atlas_snapshot_member_cloud_provider(const atlas_snapshot *snapshot, size_t i);
const char *atlas_snapshot_member_replica_set_name(const atlas_snapshot *snapshot, size_t i);
size_t atlas_snapshot_snapshot_id_count(const atlas_snapshot *snapshot);
const char *atlas_snapshot_snapshot_id(const atlas_snapshot *snapshot, size_t i);
typedef struct atlas_link {
    const char *href;
    const char *rel;
} atlas_link;
typedef struct atlas_member {
    const char *id;
    const char *cloud_provider;
    const char *replica_set_name;
} atlas_member;
typedef struct atlas_snapshot_fields {
    const char *id;
    const char *cloud_provider;
    const char *config_server_type;
    const char *created_at;
    const char *description;
    const char *expires_at;
    const char *frequency_type;
    const char *master_key_uuid;
    const char *mongod_version;
    const char *replica_set_name;
    const char *snapshot_type;
    const char *status;
    const char *type;
    int64_t storage_size_bytes;
    int64_t created_at_ms;
    int64_t expires_at_ms;
    int32_t status_code;
    int32_t cloud_provider_code;
    int32_t frequency_type_code;
    int32_t snapshot_type_code;
    int32_t type_code;
    int32_t http_status;
    size_t copy_region_count;
    const char *const *copy_regions;
    size_t policy_item_count;
    const char *const *policy_items;
    size_t snapshot_id_count;
    const char *const *snapshot_ids;
    size_t link_count;
    const struct atlas_link *links;
    size_t member_count;
    const struct atlas_member *members;
} atlas_snapshot_fields;
size_t atlas_snapshot_read_fields(const atlas_snapshot *snapshot, struct atlas_snapshot_fields *fields, size_t size);
const char *atlas_snapshot_json(const atlas_snapshot *snapshot, size_t *length);
size_t atlas_snapshot_field_count(const atlas_snapshot *snapshot);
const char *atlas_snapshot_field_name(const atlas_snapshot *snapshot, size_t i);
const char *atlas_snapshot_field(const atlas_snapshot *snapshot, const char *name);
int32_t atlas_snapshot_http_status(const atlas_snapshot *snapshot);
const char *atlas_snapshot_header(const atlas_snapshot *snapshot, const char *name);
size_t atlas_snapshot_header_count(const atlas_snapshot *snapshot);
const char *atlas_snapshot_header_name(const atlas_snapshot *snapshot, size_t i);
const char *atlas_snapshot_header_value(const atlas_snapshot *snapshot, size_t i);
atlas_snapshot_list *atlas_snapshot_list_parse(const char *json, size_t length, atlas_error *error);
size_t atlas_snapshot_list_count(const atlas_snapshot_list *list);
int64_t atlas_snapshot_list_total_count(const atlas_snapshot_list *list);
const atlas_snapshot *atlas_snapshot_list_get(const atlas_snapshot_list *list, size_t i);
const atlas_snapshot *atlas_snapshot_list_newest(const atlas_snapshot_list *list,
                                                 int32_t status,
                                                 int32_t frequency_type,
                                                 int32_t snapshot_type);
void atlas_snapshot_list_free(atlas_snapshot_list *list);
