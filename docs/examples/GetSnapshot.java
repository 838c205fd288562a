// SPDX-License-Identifier: Apache-2.0
import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.util.Map;

public class GetSnapshot {
    static final long ABSENT = Long.MIN_VALUE;

    @FieldOrder({"kind", "httpStatus", "retryAfter", "flags", "code", "reason", "detail", "parameters", "message", "reserved"})
    public static class AtlasError extends Structure {
        public int kind, httpStatus, retryAfter, flags;
        public byte[] code = new byte[96], reason = new byte[64], detail = new byte[768], parameters = new byte[256],
            message = new byte[768], reserved = new byte[80];
    }

    /** The beginning of the struct: the library fills as many bytes as it is told. */
    @FieldOrder({"id", "cloudProvider", "configServerType", "createdAt", "description", "expiresAt", "frequencyType",
        "masterKeyUuid", "mongodVersion", "replicaSetName", "snapshotType", "status", "type", "storageSizeBytes"})
    public static class Fields extends Structure {
        public String id, cloudProvider, configServerType, createdAt, description, expiresAt, frequencyType, masterKeyUuid,
            mongodVersion, replicaSetName, snapshotType, status, type;
        public long storageSizeBytes;

        public Fields() {
            setStringEncoding("UTF-8");
        }
    }

    /** A handle is a Pointer, and null is NULL; a size_t is as wide as a long of C, wherever Java runs but on Windows. */
    interface Atlas extends Library {
        int atlas_backup_runtime_version();
        NativeLong atlas_error_size();
        Pointer atlas_config_from_env();
        void atlas_config_free(Pointer config);
        Pointer atlas_client_new(Pointer config, AtlasError error);
        void atlas_client_free(Pointer client);
        Pointer atlas_client_get_snapshot(Pointer client, String project, String cluster, String snapshot, int flags,
            AtlasError error);
        NativeLong atlas_snapshot_read_fields(Pointer snapshot, Fields fields, NativeLong size);
        void atlas_snapshot_free(Pointer snapshot);
    }

    /** What Atlas did not send is a hyphen. A description may not steer the terminal: control characters become blanks. */
    static String shown(String text) {
        return text == null ? "-" : text.replaceAll("\\p{Cntrl}|[\u0080-\u009f]", " ");
    }

    static int run(String[] arguments, PrintStream out, PrintStream err) {
        Atlas atlas = Native.load("libatlas_backup.so.0", Atlas.class, Map.of(Library.OPTION_STRING_ENCODING, "UTF-8"));
        AtlasError error = new AtlasError();
        int version = atlas.atlas_backup_runtime_version();
        if (atlas.atlas_error_size().longValue() != error.size() || version < 2000 || version >= 1000000) {
            err.println("This program needs libatlas_backup 0.2 or a later 0.x");
            return 1;
        }
        if (arguments.length != 3) {
            err.println("usage: GetSnapshot PROJECT CLUSTER SNAPSHOT");
            return 2;
        }

        Pointer snapshot = null;
        Pointer config = atlas.atlas_config_from_env();
        Pointer client = atlas.atlas_client_new(config, error);
        atlas.atlas_config_free(config); // the client has its own copy
        if (client != null) {
            snapshot = atlas.atlas_client_get_snapshot(client, arguments[0], arguments[1], arguments[2], 0, error);
            atlas.atlas_client_free(client); // the snapshot does not need it any more
        }
        if (snapshot == null) {
            err.println("GetSnapshot: " + shown(Native.toString(error.message, "UTF-8")));
            return 10 + error.kind;
        }

        Fields fields = new Fields();
        atlas.atlas_snapshot_read_fields(snapshot, fields, new NativeLong(fields.size()));
        atlas.atlas_snapshot_free(snapshot); // all text was copied
        long size = fields.storageSizeBytes;
        out.println("status       " + shown(fields.status));
        out.println("size         " + (size == ABSENT ? "-" : size + " bytes"));
        out.println("created      " + shown(fields.createdAt));
        out.println("description  " + shown(fields.description));
        return 0;
    }

    public static void main(String[] arguments) throws Exception {
        // UTF-8 whatever the locale, which System.out obeys.
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, "UTF-8");
        PrintStream err = new PrintStream(new FileOutputStream(FileDescriptor.err), true, "UTF-8");
        System.exit(run(arguments, out, err));
    }
}
