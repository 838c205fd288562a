#!/usr/bin/luajit
-- SPDX-License-Identifier: Apache-2.0
local ffi = require("ffi")

ffi.cdef [[
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
]]
local atlas = ffi.load("libatlas_backup.so.0")
local ABSENT = -9223372036854775807LL - 1

local version = atlas.atlas_backup_runtime_version()
if atlas.atlas_error_size() ~= ffi.sizeof("atlas_error") or version < 2000 or version >= 1000000 then
    error("This program needs libatlas_backup 0.2 or a later 0.x", 0)
end

-- What Atlas did not send is a hyphen. A description may not steer the terminal: control characters become blanks.
local function text(pointer)
    if pointer == nil then -- a NULL pointer is equal to nil, but it is true
        return "-"
    end
    return (ffi.string(pointer):gsub("%c", " "):gsub("\194[\128-\159]", " "))
end

-- An int64_t is no Lua number, which would be exact only up to 2^53; as text it is "3221225472LL".
local function integer(value)
    return (tostring(value):gsub("LL$", ""))
end

if #arg ~= 3 then
    io.stderr:write("usage: get_snapshot.lua PROJECT CLUSTER SNAPSHOT\n")
    os.exit(2)
end

local failure = ffi.new("atlas_error")
local snapshot

local config = atlas.atlas_config_from_env()
local client = atlas.atlas_client_new(config, failure)
atlas.atlas_config_free(config) -- the client has its own copy
if client ~= nil then
    snapshot = atlas.atlas_client_get_snapshot(client, arg[1], arg[2], arg[3], 0, failure)
    atlas.atlas_client_free(client) -- the snapshot does not need it any more
end
if snapshot == nil then
    io.stderr:write("get_snapshot.lua: ", text(failure.message), "\n")
    os.exit(10 + failure.kind)
end

local size = atlas.atlas_snapshot_storage_size_bytes(snapshot)
print("status       " .. text(atlas.atlas_snapshot_status(snapshot)))
print("size         " .. (size == ABSENT and "-" or integer(size) .. " bytes"))
print("created      " .. text(atlas.atlas_snapshot_created_at(snapshot)))
print("description  " .. text(atlas.atlas_snapshot_description(snapshot)))
atlas.atlas_snapshot_free(snapshot)
