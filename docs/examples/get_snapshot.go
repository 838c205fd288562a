// SPDX-License-Identifier: Apache-2.0
package main

// #cgo LDFLAGS: -latlas_backup
// #include <stdlib.h>
// #include <atlas_backup.h>
import "C"

import (
	"fmt"
	"os"
	"strings"
	"unicode"
	"unsafe"
)

// What Atlas did not send is a hyphen. A description may not steer the terminal: control characters become blanks.
func shown(text *C.char) string {
	if text == nil {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, C.GoString(text))
}

func run(arguments []string) int {
	version := C.atlas_backup_runtime_version()
	if C.atlas_error_size() != C.sizeof_atlas_error || version < 2000 || version >= 1000000 {
		fmt.Fprintln(os.Stderr, "This program needs libatlas_backup 0.2 or a later 0.x")
		return 1
	}
	if len(arguments) != 3 {
		fmt.Fprintln(os.Stderr, "usage: get_snapshot PROJECT CLUSTER SNAPSHOT")
		return 2
	}
	var ids [3]*C.char
	for i, argument := range arguments {
		ids[i] = C.CString(argument)
		defer C.free(unsafe.Pointer(ids[i]))
	}

	var failure C.atlas_error
	var snapshot *C.atlas_snapshot
	config := C.atlas_config_from_env()
	client := C.atlas_client_new(config, &failure)
	C.atlas_config_free(config) // the client has its own copy
	if client != nil {
		snapshot = C.atlas_client_get_snapshot(client, ids[0], ids[1], ids[2], 0, &failure)
		C.atlas_client_free(client) // the snapshot does not need it any more
	}
	if snapshot == nil {
		fmt.Fprintf(os.Stderr, "get_snapshot: %s\n", shown(&failure.message[0]))
		return 10 + int(failure.kind)
	}
	defer C.atlas_snapshot_free(snapshot)

	var fields C.atlas_snapshot_fields
	C.atlas_snapshot_read_fields(snapshot, &fields, C.sizeof_atlas_snapshot_fields)
	size := "-"
	if fields.storage_size_bytes != C.ATLAS_ABSENT {
		size = fmt.Sprintf("%d bytes", fields.storage_size_bytes)
	}
	fmt.Printf("status       %s\n", shown(fields.status))
	fmt.Printf("size         %s\n", size)
	fmt.Printf("created      %s\n", shown(fields.created_at))
	fmt.Printf("description  %s\n", shown(fields.description))
	return 0
}

func main() {
	os.Exit(run(os.Args[1:]))
}
