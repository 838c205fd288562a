      *> SPDX-License-Identifier: Apache-2.0
       IDENTIFICATION DIVISION.
       PROGRAM-ID. GET-SNAPSHOT.

       DATA DIVISION.
       WORKING-STORAGE SECTION.
      *> The handles.
       01  ATLAS-CONFIG            USAGE POINTER.
       01  ATLAS-CLIENT            USAGE POINTER.
       01  ATLAS-SNAPSHOT          USAGE POINTER VALUE NULL.

      *> The struct atlas_error, 2048 bytes.
       01  ATLAS-ERROR.
           05  ERROR-KIND          USAGE BINARY-LONG.
           05  ERROR-HTTP-STATUS   USAGE BINARY-LONG.
           05  ERROR-RETRY-AFTER   USAGE BINARY-LONG.
           05  ERROR-FLAGS         USAGE BINARY-LONG UNSIGNED.
           05  ERROR-CODE          PIC X(96).
           05  ERROR-REASON        PIC X(64).
           05  ERROR-DETAIL        PIC X(768).
           05  ERROR-PARAMETERS    PIC X(256).
           05  ERROR-MESSAGE       PIC X(768).
           05  ERROR-RESERVED      PIC X(80).
       01  ERROR-SIZE              USAGE BINARY-LONG.
       01  VERSION-NUMBER          USAGE BINARY-LONG.

      *> What a CALL that is RETURNING a number brings is an int of 32
      *> bits, whatever the size of the receiver; only a pointer comes
      *> whole. An int64_t is therefore received as a pointer.
       01  RESULT                  USAGE POINTER.
       01  RESULT-NUMBER REDEFINES RESULT USAGE BINARY-DOUBLE.
       01  ATLAS-ABSENT            USAGE BINARY-DOUBLE
                                   VALUE -9223372036854775808.

      *> Longer than anything the library takes, so that what is cut
      *> off here is refused there. The last byte is for the NUL.
       01  ARGUMENT-COUNT          USAGE BINARY-LONG.
       01  ARGUMENT-VALUES.
           05  PROJECT             PIC X(100).
           05  CLUSTER             PIC X(100).
           05  SNAPSHOT            PIC X(100).
       01  ARGUMENT-TEXT           PIC X(99).

       01  TEXT-BUFFER             PIC X(4096).
       01  TEXT-LENGTH             USAGE BINARY-LONG.
       01  SIZE-EDITED             PIC -(19)9.
       01  EXIT-CODE               USAGE BINARY-LONG VALUE 0.

       LINKAGE SECTION.
      *> Text of the library: it ends with a NUL and not after 4096.
       01  C-TEXT.
           05  C-BYTE              PIC X OCCURS 4096.

       PROCEDURE DIVISION.
       MAIN.
           CALL "atlas_error_size" RETURNING ERROR-SIZE
           CALL "atlas_backup_runtime_version" RETURNING VERSION-NUMBER
           IF ERROR-SIZE NOT = FUNCTION LENGTH(ATLAS-ERROR)
              OR VERSION-NUMBER < 2000 OR VERSION-NUMBER >= 1000000
               DISPLAY "This program needs libatlas_backup 0.2 "
                   "or a later 0.x" UPON SYSERR
               MOVE 1 TO RETURN-CODE
               STOP RUN
           END-IF

           ACCEPT ARGUMENT-COUNT FROM ARGUMENT-NUMBER
           IF ARGUMENT-COUNT NOT = 3
               DISPLAY "usage: get_snapshot PROJECT CLUSTER SNAPSHOT"
                   UPON SYSERR
               MOVE 2 TO RETURN-CODE
               STOP RUN
           END-IF
           ACCEPT ARGUMENT-TEXT FROM ARGUMENT-VALUE
           STRING FUNCTION TRIM(ARGUMENT-TEXT) X"00"
               DELIMITED BY SIZE INTO PROJECT
           ACCEPT ARGUMENT-TEXT FROM ARGUMENT-VALUE
           STRING FUNCTION TRIM(ARGUMENT-TEXT) X"00"
               DELIMITED BY SIZE INTO CLUSTER
           ACCEPT ARGUMENT-TEXT FROM ARGUMENT-VALUE
           STRING FUNCTION TRIM(ARGUMENT-TEXT) X"00"
               DELIMITED BY SIZE INTO SNAPSHOT

      *> A CALL without RETURNING changes RETURN-CODE, hence OMITTED.
           CALL "atlas_config_from_env" RETURNING ATLAS-CONFIG
           CALL "atlas_client_new" USING
               BY VALUE ATLAS-CONFIG BY REFERENCE ATLAS-ERROR
               RETURNING ATLAS-CLIENT
           CALL "atlas_config_free" USING BY VALUE ATLAS-CONFIG
               RETURNING OMITTED
           IF ATLAS-CLIENT NOT = NULL
               CALL "atlas_client_get_snapshot" USING
                   BY VALUE ATLAS-CLIENT
                   BY REFERENCE PROJECT CLUSTER SNAPSHOT
                   BY VALUE 0
                   BY REFERENCE ATLAS-ERROR
                   RETURNING ATLAS-SNAPSHOT
               CALL "atlas_client_free" USING BY VALUE ATLAS-CLIENT
                   RETURNING OMITTED
           END-IF

           IF ATLAS-SNAPSHOT = NULL
               SET RESULT TO ADDRESS OF ERROR-MESSAGE
               PERFORM TAKE-TEXT
               DISPLAY "get_snapshot: " TEXT-BUFFER(1:TEXT-LENGTH)
                   UPON SYSERR
               ADD 10 ERROR-KIND GIVING EXIT-CODE
           ELSE
               PERFORM SHOW-SNAPSHOT
               CALL "atlas_snapshot_free" USING BY VALUE ATLAS-SNAPSHOT
                   RETURNING OMITTED
           END-IF
           MOVE EXIT-CODE TO RETURN-CODE
           STOP RUN.

       SHOW-SNAPSHOT.
           CALL "atlas_snapshot_status" USING BY VALUE ATLAS-SNAPSHOT
               RETURNING RESULT
           PERFORM TAKE-TEXT
           DISPLAY "status       " TEXT-BUFFER(1:TEXT-LENGTH)

           CALL "atlas_snapshot_storage_size_bytes" USING
               BY VALUE ATLAS-SNAPSHOT RETURNING RESULT
           IF RESULT-NUMBER = ATLAS-ABSENT
               DISPLAY "size         -"
           ELSE
               MOVE RESULT-NUMBER TO SIZE-EDITED
               DISPLAY "size         " FUNCTION TRIM(SIZE-EDITED)
                   " bytes"
           END-IF

           CALL "atlas_snapshot_created_at" USING
               BY VALUE ATLAS-SNAPSHOT RETURNING RESULT
           PERFORM TAKE-TEXT
           DISPLAY "created      " TEXT-BUFFER(1:TEXT-LENGTH)

           CALL "atlas_snapshot_description" USING
               BY VALUE ATLAS-SNAPSHOT RETURNING RESULT
           PERFORM TAKE-TEXT
           DISPLAY "description  " TEXT-BUFFER(1:TEXT-LENGTH).

      *> The text that RESULT points to, in TEXT-BUFFER. What Atlas did
      *> not send is a hyphen. A description may not steer the terminal:
      *> control characters (two bytes from U+0080 on) become blanks.
       TAKE-TEXT.
           MOVE SPACES TO TEXT-BUFFER
           MOVE 1 TO TEXT-LENGTH
           IF RESULT = NULL
               MOVE "-" TO TEXT-BUFFER
           ELSE
               SET ADDRESS OF C-TEXT TO RESULT
               PERFORM UNTIL TEXT-LENGTH > 4096
                       OR C-BYTE(TEXT-LENGTH) = X"00"
                   IF C-BYTE(TEXT-LENGTH) >= SPACE
                      AND C-BYTE(TEXT-LENGTH) NOT = X"7F"
                       MOVE C-BYTE(TEXT-LENGTH)
                           TO TEXT-BUFFER(TEXT-LENGTH:1)
                   END-IF
                   IF TEXT-LENGTH > 1
                       IF TEXT-BUFFER(TEXT-LENGTH - 1:1) = X"C2"
                          AND TEXT-BUFFER(TEXT-LENGTH:1) < X"A0"
                           MOVE SPACES
                               TO TEXT-BUFFER(TEXT-LENGTH - 1:2)
                       END-IF
                   END-IF
                   ADD 1 TO TEXT-LENGTH
               END-PERFORM
               IF TEXT-LENGTH > 1
                   SUBTRACT 1 FROM TEXT-LENGTH
               END-IF
           END-IF.
