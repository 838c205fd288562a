#!/usr/bin/ruby
# SPDX-License-Identifier: Apache-2.0
require "fiddle/import"

module Atlas
  extend Fiddle::Importer
  dlload "libatlas_backup.so.0"

  extern "int atlas_backup_runtime_version()"
  extern "size_t atlas_error_size()"
  extern "void *atlas_config_from_env()"
  extern "void atlas_config_free(void *)"
  extern "void *atlas_client_new(void *, void *)"
  extern "void atlas_client_free(void *)"
  extern "void *atlas_client_get_snapshot(void *, const char *, const char *, const char *, unsigned int, void *)"
  extern "void atlas_snapshot_free(void *)"
  extern "const char *atlas_snapshot_status(void *)"
  extern "const char *atlas_snapshot_created_at(void *)"
  extern "const char *atlas_snapshot_description(void *)"
  extern "long long atlas_snapshot_storage_size_bytes(void *)"

  ERROR_SIZE = 2048
  ERROR = "l l l L Z96 Z64 Z768 Z256 Z768" # kind, http_status, retry_after, flags, code, reason, detail, ...
  ABSENT = -2**63

  if atlas_error_size != ERROR_SIZE || !atlas_backup_runtime_version.between?(2_000, 999_999)
    abort "This program needs libatlas_backup 0.2 or a later 0.x"
  end

  # What Atlas did not send is a hyphen. A description may not steer the terminal: control characters become blanks.
  def self.text(bytes)
    bytes.null? ? "-" : utf8(bytes.to_s)
  end

  def self.utf8(text)
    text.force_encoding("UTF-8").gsub(/[[:cntrl:]]/, " ")
  end
end

if ARGV.length != 3
  warn "usage: get_snapshot.rb PROJECT CLUSTER SNAPSHOT"
  exit 2
end

error = Fiddle::Pointer.malloc(Atlas::ERROR_SIZE, Fiddle::RUBY_FREE)
snapshot = Fiddle::NULL

config = Atlas.atlas_config_from_env
client = Atlas.atlas_client_new(config, error)
Atlas.atlas_config_free(config) # the client has its own copy
unless client.null?
  snapshot = Atlas.atlas_client_get_snapshot(client, *ARGV, 0, error)
  Atlas.atlas_client_free(client) # the snapshot does not need it any more
end
if snapshot.null?
  kind, _http_status, _retry_after, _flags, _code, _reason, _detail, _parameters, message =
    error[0, Atlas::ERROR_SIZE].unpack(Atlas::ERROR)
  warn "get_snapshot.rb: #{Atlas.utf8(message)}"
  exit 10 + kind
end

size = Atlas.atlas_snapshot_storage_size_bytes(snapshot)
puts "status       #{Atlas.text(Atlas.atlas_snapshot_status(snapshot))}"
puts "size         #{size == Atlas::ABSENT ? "-" : "#{size} bytes"}"
puts "created      #{Atlas.text(Atlas.atlas_snapshot_created_at(snapshot))}"
puts "description  #{Atlas.text(Atlas.atlas_snapshot_description(snapshot))}"
Atlas.atlas_snapshot_free(snapshot)
