/*
 * The fields of a snapshot that hold text: Atlas' name, and what the accessor's name has after "atlas_snapshot_", which
 * is the name in atlas_snapshot_fields, too.
 */

#ifndef FIELDS_H
#define FIELDS_H

#define TEXT_FIELDS(X) \
    X("cloudProvider", cloud_provider) \
    X("configServerType", config_server_type) \
    X("createdAt", created_at) \
    X("description", description) \
    X("expiresAt", expires_at) \
    X("frequencyType", frequency_type) \
    X("id", id) \
    X("masterKeyUUID", master_key_uuid) \
    X("mongodVersion", mongod_version) \
    X("replicaSetName", replica_set_name) \
    X("snapshotType", snapshot_type) \
    X("status", status) \
    X("type", type)

#endif
