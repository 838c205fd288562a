/*
 * Runs a program COUNT times, PARALLEL at a time, and prints what that cost: processes that failed, seconds of CPU, the
 * largest peak of memory in KiB, seconds. A small program of its own, since a process is booked with the peak of the one
 * that started it.
 *
 *     launch PARALLEL COUNT PROGRAM ARGUMENT...
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#define _DEFAULT_SOURCE

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>

extern char **environ;

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    long parallel, count, running = 0, failed = 0, peak = 0;
    struct timeval start, end;
    double cpu = 0;

    if (argc < 4) {
        fputs("usage: launch PARALLEL COUNT PROGRAM ARGUMENT...\n", stderr);
        return 2;
    }
    parallel = atol(argv[1]);
    count = atol(argv[2]);
    gettimeofday(&start, NULL);
    while (count > 0 || running > 0) {
        struct rusage usage;
        int status;
        pid_t child;

        if (count > 0 && running < parallel) {
            if (posix_spawnp(&child, argv[3], NULL, NULL, argv + 3, environ) != 0) {
                perror(argv[3]);
                return 1;
            }
            count--;
            running++;
            continue;
        }
        if (wait4(-1, &status, 0, &usage) < 0) {
            perror("wait4");
            return 1;
        }
        running--;
        failed += status != 0;
        cpu += seconds(usage.ru_utime) + seconds(usage.ru_stime);
        if (usage.ru_maxrss > peak)
            peak = usage.ru_maxrss;
    }
    gettimeofday(&end, NULL);
    fprintf(stderr, "\nlaunched: %ld %.6f %ld %.6f\n", failed, cpu, peak, seconds(end) - seconds(start));
    return 0;
}
