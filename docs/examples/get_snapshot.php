#!/usr/bin/php
<?php
// SPDX-License-Identifier: Apache-2.0

const ABSENT = PHP_INT_MIN;

// const char * comes back as a string, NULL as null; int64_t as an int.
$atlas = FFI::cdef('
    typedef struct atlas_config atlas_config;
    typedef struct atlas_client atlas_client;
    typedef struct atlas_snapshot atlas_snapshot;
    typedef struct atlas_error {
        int32_t kind; int32_t http_status; int32_t retry_after; uint32_t flags;
        char code[96]; char reason[64]; char detail[768]; char parameters[256]; char message[768];
        uint8_t reserved[80];
    } atlas_error;

    int32_t atlas_backup_runtime_version(void);
    size_t atlas_error_size(void);
    atlas_config *atlas_config_from_env(void);
    void atlas_config_free(atlas_config *);
    atlas_client *atlas_client_new(const atlas_config *, atlas_error *);
    void atlas_client_free(atlas_client *);
    atlas_snapshot *atlas_client_get_snapshot(atlas_client *, const char *, const char *, const char *, uint32_t,
                                              atlas_error *);
    void atlas_snapshot_free(atlas_snapshot *);
    const char *atlas_snapshot_status(const atlas_snapshot *);
    const char *atlas_snapshot_created_at(const atlas_snapshot *);
    const char *atlas_snapshot_description(const atlas_snapshot *);
    int64_t atlas_snapshot_storage_size_bytes(const atlas_snapshot *);
', 'libatlas_backup.so.0');

$error = $atlas->new('atlas_error');
$version = $atlas->atlas_backup_runtime_version();
if (FFI::sizeof($error) !== $atlas->atlas_error_size() || $version < 2000 || $version >= 1000000) {
    fwrite(STDERR, "This program needs libatlas_backup 0.2 or a later 0.x\n");
    exit(1);
}

// What Atlas did not send is a hyphen. A description may not steer the terminal: control characters become blanks.
function text(?string $text): string
{
    return $text === null ? '-' : preg_replace('/\p{Cc}/u', ' ', $text);
}

if ($argc !== 4) {
    fwrite(STDERR, "usage: get_snapshot.php PROJECT CLUSTER SNAPSHOT\n");
    exit(2);
}
[, $project, $cluster, $id] = $argv;
$snapshot = null;

$config = $atlas->atlas_config_from_env();
$client = $atlas->atlas_client_new($config, FFI::addr($error));
$atlas->atlas_config_free($config); // the client has its own copy
if ($client !== null) {
    $snapshot = $atlas->atlas_client_get_snapshot($client, $project, $cluster, $id, 0, FFI::addr($error));
    $atlas->atlas_client_free($client); // the snapshot does not need it any more
}
if ($snapshot === null) {
    fwrite(STDERR, 'get_snapshot.php: ' . text(FFI::string($error->message)) . "\n");
    exit(10 + $error->kind);
}

$size = $atlas->atlas_snapshot_storage_size_bytes($snapshot);
echo 'status       ', text($atlas->atlas_snapshot_status($snapshot)), "\n";
echo 'size         ', $size === ABSENT ? '-' : "$size bytes", "\n";
echo 'created      ', text($atlas->atlas_snapshot_created_at($snapshot)), "\n";
echo 'description  ', text($atlas->atlas_snapshot_description($snapshot)), "\n";
$atlas->atlas_snapshot_free($snapshot);
