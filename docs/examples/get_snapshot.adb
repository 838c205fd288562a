--  SPDX-License-Identifier: Apache-2.0
with Ada.Command_Line;     use Ada.Command_Line;
with Ada.Text_IO;          use Ada.Text_IO;
with Interfaces;           use Interfaces;
with Interfaces.C;         use Interfaces.C;
with Interfaces.C.Strings; use Interfaces.C.Strings;
with System;               use System;

procedure Get_Snapshot is

   Absent : constant Integer_64 := Integer_64'First;

   type Bytes is array (size_t range <>) of Unsigned_8 with Convention => C;

   type Atlas_Error is record
      Kind, HTTP_Status, Retry_After : Integer_32;
      Flags                          : Unsigned_32;
      Code                           : char_array (1 .. 96);
      Reason                         : char_array (1 .. 64);
      Detail                         : char_array (1 .. 768);
      Parameters                     : char_array (1 .. 256);
      Message                        : char_array (1 .. 768);
      Reserved                       : Bytes (1 .. 80);
   end record with Convention => C;

   --  The beginning of atlas_snapshot_fields: the library fills as many bytes as it is told.
   type Snapshot_Fields is record
      Id, Cloud_Provider, Config_Server_Type, Created_At, Description, Expires_At, Frequency_Type, Master_Key_UUID,
      Mongod_Version, Replica_Set_Name, Snapshot_Type, Status, Cluster_Type : chars_ptr;
      Storage_Size_Bytes                                                    : Integer_64;
   end record with Convention => C;

   --  A handle is an address, and Null_Address is NULL.
   subtype Config is Address;
   subtype Client is Address;
   subtype Snapshot is Address;

   function Runtime_Version return Integer_32
     with Import, Convention => C, External_Name => "atlas_backup_runtime_version";
   function Error_Size return size_t
     with Import, Convention => C, External_Name => "atlas_error_size";
   function Config_From_Env return Config
     with Import, Convention => C, External_Name => "atlas_config_from_env";
   procedure Free_Config (Which : Config)
     with Import, Convention => C, External_Name => "atlas_config_free";
   function New_Client (Settings : Config; Error : out Atlas_Error) return Client
     with Import, Convention => C, External_Name => "atlas_client_new";
   procedure Free_Client (Which : Client)
     with Import, Convention => C, External_Name => "atlas_client_free";
   function Get
     (From : Client; Project, Cluster, Id : char_array; Flags : Unsigned_32; Error : out Atlas_Error) return Snapshot
     with Import, Convention => C, External_Name => "atlas_client_get_snapshot";
   function Read_Fields (From : Snapshot; Fields : out Snapshot_Fields; Size : size_t) return size_t
     with Import, Convention => C, External_Name => "atlas_snapshot_read_fields";
   procedure Free_Snapshot (Which : Snapshot)
     with Import, Convention => C, External_Name => "atlas_snapshot_free";

   --  A description may not steer the terminal: control characters (two bytes from U+0080 on) become blanks.
   function Tame (Text : String) return String is
      Line : String := Text;
   begin
      for I in Line'Range loop
         if Line (I) < ' ' or Line (I) = ASCII.DEL then
            Line (I) := ' ';
         elsif I > Line'First and then Line (I - 1) = Character'Val (16#C2#) and then Line (I) < Character'Val (16#A0#) then
            Line (I - 1 .. I) := "  ";
         end if;
      end loop;
      return Line;
   end Tame;

   --  What Atlas did not send is a hyphen.
   function Shown (Text : chars_ptr) return String is
     (if Text = Null_Ptr then "-" else Tame (Value (Text)));

   Error   : Atlas_Error;
   Found   : Snapshot := Null_Address;
   Fields  : Snapshot_Fields;
   Known   : size_t;
   Version : constant Integer_32 := Runtime_Version;
begin
   if Error_Size /= Atlas_Error'Size / 8 or Version < 2_000 or Version >= 1_000_000 then
      Put_Line (Standard_Error, "This program needs libatlas_backup 0.2 or a later 0.x");
      Set_Exit_Status (1);
      return;
   elsif Argument_Count /= 3 then
      Put_Line (Standard_Error, "usage: get_snapshot PROJECT CLUSTER SNAPSHOT");
      Set_Exit_Status (2);
      return;
   end if;

   declare
      Settings : constant Config := Config_From_Env;
      Atlas    : constant Client := New_Client (Settings, Error);
   begin
      Free_Config (Settings);  --  the client has its own copy
      if Atlas /= Null_Address then
         Found := Get (Atlas, To_C (Argument (1)), To_C (Argument (2)), To_C (Argument (3)), 0, Error);
         Free_Client (Atlas);  --  the snapshot does not need it any more
      end if;
   end;
   if Found = Null_Address then
      Put_Line (Standard_Error, "get_snapshot: " & Tame (To_Ada (Error.Message)));
      Set_Exit_Status (Exit_Status (10 + Error.Kind));
      return;
   end if;

   Known := Read_Fields (Found, Fields, Snapshot_Fields'Size / 8);
   pragma Assert (Known >= Snapshot_Fields'Size / 8);
   Put_Line ("status       " & Shown (Fields.Status));
   Put_Line ("size        " &
     (if Fields.Storage_Size_Bytes = Absent then " -"
      elsif Fields.Storage_Size_Bytes < 0 then " " & Fields.Storage_Size_Bytes'Image & " bytes"
      else Fields.Storage_Size_Bytes'Image & " bytes"));
   Put_Line ("created      " & Shown (Fields.Created_At));
   Put_Line ("description  " & Shown (Fields.Description));
   Free_Snapshot (Found);
end Get_Snapshot;
