{ SPDX-License-Identifier: Apache-2.0 }
program get_snapshot;

{$mode objfpc}{$H+}
{$packrecords C}

const
  Atlas = 'atlas_backup';
  Absent = Low(Int64);

type
  { A handle is a pointer to what cannot be looked into. }
  TConfig = type Pointer;
  TClient = type Pointer;
  TSnapshot = type Pointer;

  TError = record
    Kind, HttpStatus, RetryAfter: LongInt;
    Flags: LongWord;
    Code: array[0..95] of Char;
    Reason: array[0..63] of Char;
    Detail: array[0..767] of Char;
    Parameters: array[0..255] of Char;
    Message: array[0..767] of Char;
    Reserved: array[0..79] of Byte;
  end;

  { The beginning of atlas_snapshot_fields: the library fills as many bytes as it is told. }
  TFields = record
    Id, CloudProvider, ConfigServerType, CreatedAt, Description, ExpiresAt, FrequencyType, MasterKeyUuid, MongodVersion,
      ReplicaSetName, SnapshotType, Status, ClusterType: PChar;
    StorageSizeBytes: Int64;
  end;

function atlas_backup_runtime_version: LongInt; cdecl; external Atlas;
function atlas_error_size: SizeUInt; cdecl; external Atlas;
function atlas_config_from_env: TConfig; cdecl; external Atlas;
procedure atlas_config_free(Config: TConfig); cdecl; external Atlas;
function atlas_client_new(Config: TConfig; var Error: TError): TClient; cdecl; external Atlas;
procedure atlas_client_free(Client: TClient); cdecl; external Atlas;
function atlas_client_get_snapshot(Client: TClient; Project, Cluster, Id: PChar; Flags: LongWord;
  var Error: TError): TSnapshot; cdecl; external Atlas;
function atlas_snapshot_read_fields(Snapshot: TSnapshot; var Fields: TFields; Size: SizeUInt): SizeUInt; cdecl; external Atlas;
procedure atlas_snapshot_free(Snapshot: TSnapshot); cdecl; external Atlas;

{ What Atlas did not send is a hyphen. A description may not steer the terminal: control characters (two bytes from
  U+0080 on) become blanks. }
function Shown(Text: PChar): string;
var
  I: Integer;
begin
  if Text = nil then
    Exit('-');
  Result := Text;
  for I := 1 to Length(Result) do
    if (Result[I] < ' ') or (Result[I] = #127) then
      Result[I] := ' '
    else if (Result[I] = #$C2) and (I < Length(Result)) and (Result[I + 1] in [#$80..#$9F]) then
    begin
      Result[I] := ' ';
      Result[I + 1] := ' ';
    end;
end;

var
  Version: LongInt;
  Error: TError;
  Config: TConfig;
  Client: TClient;
  Snapshot: TSnapshot = nil;
  Project, Cluster, Id: string;
  Fields: TFields;
begin
  Version := atlas_backup_runtime_version;
  if (atlas_error_size <> SizeOf(TError)) or (Version < 2000) or (Version >= 1000000) then
  begin
    WriteLn(StdErr, 'This program needs libatlas_backup 0.2 or a later 0.x');
    Halt(1);
  end;
  if ParamCount <> 3 then
  begin
    WriteLn(StdErr, 'usage: get_snapshot PROJECT CLUSTER SNAPSHOT');
    Halt(2);
  end;
  Project := ParamStr(1);
  Cluster := ParamStr(2);
  Id := ParamStr(3);

  Config := atlas_config_from_env;
  Client := atlas_client_new(Config, Error);
  atlas_config_free(Config); { the client has its own copy }
  if Client <> nil then
  begin
    Snapshot := atlas_client_get_snapshot(Client, PChar(Project), PChar(Cluster), PChar(Id), 0, Error);
    atlas_client_free(Client); { the snapshot does not need it any more }
  end;
  if Snapshot = nil then
  begin
    WriteLn(StdErr, 'get_snapshot: ', Shown(@Error.Message[0]));
    Halt(10 + Error.Kind);
  end;

  atlas_snapshot_read_fields(Snapshot, Fields, SizeOf(Fields));
  WriteLn('status       ', Shown(Fields.Status));
  if Fields.StorageSizeBytes = Absent then
    WriteLn('size         -')
  else
    WriteLn('size         ', Fields.StorageSizeBytes, ' bytes');
  WriteLn('created      ', Shown(Fields.CreatedAt));
  WriteLn('description  ', Shown(Fields.Description));
  atlas_snapshot_free(Snapshot);
end.
