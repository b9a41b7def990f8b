#include "workload.h"

enum { SIZE = 1 << 20 };

WORKLOAD(memcpy, "memory", "the C library's memcpy of 16 bytes to 1 MiB")
{
    static unsigned char from[SIZE + 64], to[SIZE + 64];
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = i * 31 + (i >> 9);
    for (int pass = 0; pass < 12; pass++) {
        for (size_t size = 16; size <= SIZE; size *= 4) {
            size_t copies = 4 * (SIZE / size);
            for (size_t copy = 0; copy < copies; copy++) {
                size_t offset = (copy * 7 + pass) & 15;
                memcpy(to + offset, from + (copy & 7), size);
                __asm__ volatile("" ::: "memory");
            }
            sum = mix_in(sum, to[size / 2] | to[size - 1] << 8 | to[(pass * 997) % size] << 16);
        }
    }
    return sum;
}
