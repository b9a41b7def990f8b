#include "workload.h"

#include <sys/mman.h>

enum { SIZE = 16 << 20, STEP = 65536 };

WORKLOAD(faults, "kernel", "first touch of fresh memory, 64 KiB apart, and its release")
{
    uint64_t sum = 0;
    for (int pass = 0; pass < 30; pass++) {
        unsigned char *fresh =
            mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (fresh == MAP_FAILED)
            return 0;
        for (size_t at = 0; at < SIZE; at += STEP) {
            sum += fresh[at];
            fresh[at + 1] = pass;
            sum += fresh[at + 1];
        }
        munmap(fresh, SIZE);
    }
    return sum;
}
