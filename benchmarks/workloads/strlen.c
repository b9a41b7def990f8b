#include "workload.h"

enum { SIZE = 1 << 16 };

WORKLOAD(strlen, "memory", "the C library's strlen of strings of 3 to 4000 bytes")
{
    static char text[SIZE];
    static const unsigned lengths[8] = {3, 11, 24, 60, 130, 333, 1000, 4000};
    uint64_t state = 99, sum = 0;
    memset(text, 'x', sizeof text);
    for (unsigned at = 0, n = 0; at + 4100 < SIZE; n++) {
        at += lengths[n & 7] + (next_random(&state) & 15);
        text[at++] = 0;
    }
    text[SIZE - 1] = 0;
    for (int pass = 0; pass < 50000; pass++) {
        __asm__ volatile("" ::: "memory");
        for (const char *at = text; at < text + SIZE;) {
            size_t length = strlen(at);
            sum += length ^ pass;
            at += length + 1;
        }
    }
    return sum;
}
