#include "workload.h"

enum { LIMIT = 8000000 };

WORKLOAD(sieve, "memory", "primes below 8,000,000: byte stores with a stride")
{
    unsigned char *composite = room(LIMIT);
    uint64_t count = 0, sum = 0;
    memset(composite, 0, LIMIT);
    for (unsigned n = 2; n < LIMIT; n++) {
        if (composite[n])
            continue;
        count++;
        sum += n;
        for (unsigned m = 2 * n; m < LIMIT; m += n)
            composite[m] = 1;
    }
    free(composite);
    return mix_in(count, sum);
}
