#include "workload.h"

enum { COUNT = 1000000 };

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

WORKLOAD(qsort, "integer", "the C library's qsort of 1,000,000 numbers: calls through a pointer")
{
    uint32_t *numbers = room(COUNT * sizeof *numbers);
    uint64_t state = 42, sum = 0;
    for (int i = 0; i < COUNT; i++)
        numbers[i] = next_random(&state);
    qsort(numbers, COUNT, sizeof *numbers, compare);
    for (int i = 0; i < COUNT; i += 100)
        sum = mix_in(sum, numbers[i]);
    free(numbers);
    return sum;
}
