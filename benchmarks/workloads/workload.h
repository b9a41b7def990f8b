/* What a workload is: a function that does the same work each time and returns a checksum of it.

   A file of this directory holds one:

       #include "workload.h"
       WORKLOAD(name, "group", "one sentence") { ...; return checksum; }

   Groups are integer, memory, float and kernel. The checksum is the same on every machine: no
   addresses, no times, no floating-point bits that depend on contraction. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct workload {
    const char *name, *group, *says;
    uint64_t (*run)(void);
};

/* The linker collects all rows between __start_workloads and __stop_workloads. */
#define WORKLOAD(name, group, says)                                                               \
    static uint64_t run_##name(void);                                                             \
    static const struct workload row_##name __attribute__((section("workloads"), used)) = {       \
        #name, group, says, run_##name};                                                          \
    static uint64_t run_##name(void)

/* Path of this program, for workloads that start it. */
extern const char *own_path;

/* Xorshift: the same numbers everywhere. */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Mixes a value into a checksum. */
static inline uint64_t mix_in(uint64_t sum, uint64_t value)
{
    sum ^= value + 0x9e3779b97f4a7c15u + (sum << 6) + (sum >> 2);
    return sum;
}

static inline void *room(size_t bytes)
{
    void *found = malloc(bytes);
    if (!found) {
        perror("malloc");
        exit(3);
    }
    return found;
}

#endif
