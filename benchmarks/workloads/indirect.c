#include "workload.h"

typedef uint64_t step(uint64_t);

static uint64_t add(uint64_t x) { return x + 0x1234567; }
static uint64_t rotate(uint64_t x) { return x << 13 | x >> 51; }
static uint64_t fold(uint64_t x) { return x ^ x >> 29; }
static uint64_t scale(uint64_t x) { return x * 5 + 1; }
static uint64_t swap(uint64_t x) { return __builtin_bswap64(x); }
static uint64_t invert(uint64_t x) { return ~x; }
static uint64_t subtract(uint64_t x) { return x - (x >> 7); }
static uint64_t spread(uint64_t x) { return x ^ x << 17; }

static step *const volatile steps[8] = {add,  rotate, fold,     scale,
                                        swap, invert, subtract, spread};

WORKLOAD(indirect, "integer", "calls through a table of eight functions")
{
    uint64_t x = 1;
    for (int i = 0; i < 10000000; i++)
        x = steps[(x ^ i) & 7](x);
    return x;
}
