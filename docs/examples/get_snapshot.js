#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
"use strict";
const koffi = require("koffi");

const ABSENT = -(2n ** 63n);
const atlas = koffi.load("libatlas_backup.so.0");

// A handle is a pointer to what cannot be looked into; null is NULL. A char array comes back as text.
for (const handle of ["atlas_config", "atlas_client", "atlas_snapshot"]) koffi.opaque(handle);
const text = (size) => koffi.array("char", size, "String");
const atlas_error = koffi.struct("atlas_error", {
  kind: "int32_t", http_status: "int32_t", retry_after: "int32_t", flags: "uint32_t",
  code: text(96), reason: text(64), detail: text(768), parameters: text(256), message: text(768),
  reserved: koffi.array("uint8_t", 80),
});
// The beginning of the struct: the library fills as many bytes as it is told. 'const char *' becomes a string or null.
const texts = ["id", "cloud_provider", "config_server_type", "created_at", "description", "expires_at", "frequency_type",
  "master_key_uuid", "mongod_version", "replica_set_name", "snapshot_type", "status", "type"];
const atlas_snapshot_fields = koffi.struct("atlas_snapshot_fields", {
  ...Object.fromEntries(texts.map((name) => [name, "const char *"])), storage_size_bytes: "int64_t",
});

const runtime_version = atlas.func("int32_t atlas_backup_runtime_version(void)");
const error_size = atlas.func("size_t atlas_error_size(void)");
const config_from_env = atlas.func("atlas_config *atlas_config_from_env(void)");
const config_free = atlas.func("void atlas_config_free(atlas_config *)");
const client_new = atlas.func("atlas_client *atlas_client_new(const atlas_config *, _Out_ atlas_error *)");
const client_free = atlas.func("void atlas_client_free(atlas_client *)");
const get_snapshot = atlas.func("atlas_snapshot *atlas_client_get_snapshot(atlas_client *, const char *, const char *, " +
  "const char *, uint32_t, _Out_ atlas_error *)");
const read_fields = atlas.func("size_t atlas_snapshot_read_fields(const atlas_snapshot *, _Out_ atlas_snapshot_fields *, size_t)");
const snapshot_free = atlas.func("void atlas_snapshot_free(atlas_snapshot *)");

// What Atlas did not send is a hyphen. A description may not steer the terminal: control characters become blanks.
function shown(text) {
  return text === null ? "-" : text.replace(/\p{Cc}/gu, " ");
}

function main([project, cluster, id, ...more]) {
  const version = runtime_version();
  if (error_size() !== koffi.sizeof(atlas_error) || version < 2000 || version >= 1000000) {
    console.error("This program needs libatlas_backup 0.2 or a later 0.x");
    return 1;
  }
  if (id === undefined || more.length > 0) {
    console.error("usage: get_snapshot.js PROJECT CLUSTER SNAPSHOT");
    return 2;
  }

  const error = {};
  const config = config_from_env();
  const client = client_new(config, error);
  config_free(config); // the client has its own copy
  let snapshot = null;
  if (client !== null) {
    snapshot = get_snapshot(client, project, cluster, id, 0, error);
    client_free(client); // the snapshot does not need it any more
  }
  if (snapshot === null) {
    console.error(`get_snapshot.js: ${shown(error.message)}`);
    return 10 + error.kind;
  }

  const fields = {};
  read_fields(snapshot, fields, koffi.sizeof(atlas_snapshot_fields));
  snapshot_free(snapshot); // all text was copied
  const size = BigInt(fields.storage_size_bytes);
  console.log(`status       ${shown(fields.status)}`);
  console.log(`size         ${size === ABSENT ? "-" : `${size} bytes`}`);
  console.log(`created      ${shown(fields.created_at)}`);
  console.log(`description  ${shown(fields.description)}`);
  return 0;
}

process.exitCode = main(process.argv.slice(2));
