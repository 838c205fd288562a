#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use FFI::Platypus;
use FFI::Platypus::Buffer qw(scalar_to_buffer);

# 'opaque' is a pointer and undef is NULL; 'string' is a copy of C text, or undef.
my $ffi = FFI::Platypus->new(api => 1, lib => 'libatlas_backup.so.0');
my @declarations = (
    [atlas_backup_runtime_version       => []                                                            => 'sint32'],
    [atlas_error_size                   => []                                                            => 'size_t'],
    [atlas_config_from_env              => []                                                            => 'opaque'],
    [atlas_config_free                  => ['opaque']                                                    => 'void'],
    [atlas_client_new                   => ['opaque', 'opaque']                                          => 'opaque'],
    [atlas_client_free                  => ['opaque']                                                    => 'void'],
    [atlas_client_get_snapshot          => ['opaque', 'string', 'string', 'string', 'uint32', 'opaque']  => 'opaque'],
    [atlas_snapshot_free                => ['opaque']                                                    => 'void'],
    [atlas_snapshot_status              => ['opaque']                                                    => 'string'],
    [atlas_snapshot_created_at          => ['opaque']                                                    => 'string'],
    [atlas_snapshot_description         => ['opaque']                                                    => 'string'],
    [atlas_snapshot_storage_size_bytes  => ['opaque']                                                    => 'sint64'],
);
$ffi->attach(@$_) for @declarations;

use constant ERROR_SIZE => 2048;
use constant ABSENT     => -9223372036854775807 - 1;

my $version = atlas_backup_runtime_version();
die "This program needs libatlas_backup 0.2 or a later 0.x\n"
    if atlas_error_size() != ERROR_SIZE || $version < 2_000 || $version >= 1_000_000;

# What Atlas did not send is a hyphen. A description may not steer the terminal: control characters become blanks.
sub text {
    my ($text) = @_;
    return '-' if !defined $text;
    utf8::decode($text);
    $text =~ s/[[:cntrl:]]/ /g;
    return $text;
}

if (@ARGV != 3) {
    print STDERR "usage: get_snapshot.pl PROJECT CLUSTER SNAPSHOT\n";
    exit 2;
}
binmode $_, ':encoding(UTF-8)' for *STDOUT, *STDERR;

my $error = "\0" x ERROR_SIZE;
my ($error_address) = scalar_to_buffer($error);
my $snapshot;

my $config = atlas_config_from_env();
my $client = atlas_client_new($config, $error_address);
atlas_config_free($config);    # the client has its own copy
if ($client) {
    $snapshot = atlas_client_get_snapshot($client, @ARGV, 0, $error_address);
    atlas_client_free($client);    # the snapshot does not need it any more
}
if (!$snapshot) {
    my ($kind, $http_status, $retry_after, $flags, $code, $reason, $detail, $parameters, $message) =
        unpack 'l l l L Z96 Z64 Z768 Z256 Z768', $error;
    print STDERR 'get_snapshot.pl: ', text($message), "\n";
    exit 10 + $kind;
}

my $size = atlas_snapshot_storage_size_bytes($snapshot);
print 'status       ', text(atlas_snapshot_status($snapshot)),      "\n";
print 'size         ', $size == ABSENT ? '-' : "$size bytes",       "\n";
print 'created      ', text(atlas_snapshot_created_at($snapshot)),  "\n";
print 'description  ', text(atlas_snapshot_description($snapshot)), "\n";
atlas_snapshot_free($snapshot);
