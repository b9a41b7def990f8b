#include "workload.h"

static __attribute__((noinline)) uint64_t fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

WORKLOAD(fib, "integer", "naive recursion: calls and returns")
{
    volatile unsigned n = 35;
    return fib(n);
}
