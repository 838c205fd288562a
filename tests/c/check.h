/* Checks for the tests in this folder: no framework, just enough to say which sentence turned out to be wrong. */

#ifndef CHECK_H
#define CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "atlas_backup.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A test is a function whose name, read with blanks, says what must be true; RUN(name) runs it and prints that. */
#define RUN(test) run_test(#test, test)

/* A failed check is reported, and the test goes on: the other checks may say why. */
#define CHECK(condition) check_true((condition) != 0, #condition, __FILE__, __LINE__)
#define CHECK_NUMBER(actual, expected) check_number((actual), (expected), #actual, __FILE__, __LINE__)
#define CHECK_TEXT(actual, expected) check_text((actual), (expected), #actual, __FILE__, __LINE__)
#define CHECK_CONTAINS(text, part) check_contains((text), (part), #text, __FILE__, __LINE__)
/* Every byte of an atlas_error is as it has to be after success. */
#define CHECK_SUCCESS(error) check_success(&(error), __FILE__, __LINE__)
/* The call failed with this kind, and every byte of the error is set and sane. */
#define CHECK_FAILURE(error, kind) check_failure(&(error), (kind), __FILE__, __LINE__)

void run_test(const char *name, void (*test)(void));
int finish_tests(void); /* prints the count and returns the exit code */

int check_true(int condition, const char *what, const char *file, int line);
int check_number(int64_t actual, int64_t expected, const char *what, const char *file, int line);
int check_text(const char *actual, const char *expected, const char *what, const char *file, int line);
int check_contains(const char *text, const char *part, const char *what, const char *file, int line);
int check_success(const atlas_error *error, const char *file, int line);
int check_failure(const atlas_error *error, int32_t kind, const char *file, int line);

/* "" for NULL, which CHECK would have reported, so that the test can go on. */
const char *or_empty(const char *text);

/* Put before every call, so that bytes which the library forgets show. */
void spoil(atlas_error *error);

/* ---- What the simulator told us in the environment ---- */

enum credentials { SERVICE_ACCOUNT, API_KEY, ACCESS_TOKEN };

void read_environment(void);                        /* exits with an explanation if we are not run by the simulator */
atlas_config *simulator_config(enum credentials);   /* address and CA of the simulator, no retries */
atlas_client *simulator_client(void);               /* with a token, the cheapest */
int contains_secret(const void *bytes, size_t size);

/* The simulator's project, and the snapshot of Cluster0 that is the example of Atlas' documentation. */
#define PROJECT "32b6e34b3d91647abb20e7b8"
#define CLUSTER "Cluster0"
#define SNAPSHOT "5f4007f327a3bd7b6f4103c5"

/* A local address at which every connection is counted and none answered. */
typedef struct trap trap;
trap *trap_new(void);
const char *trap_url(const trap *);
int trap_connections(trap *);
void trap_free(trap *);

/* ---- The files of tests ---- */

void layout_tests(void);
void null_tests(void);
void setting_tests(void);
void parse_tests(void);
void snapshot_tests(void);
void fields_tests(void);
void list_tests(void);
void argument_tests(void);
void error_tests(void);
void call_tests(void);
void lifetime_tests(void);
void thread_tests(void);

#ifdef __cplusplus
}
#endif

#endif
