#include "workload.h"

#include <sys/syscall.h>

WORKLOAD(getppid, "kernel", "a system call that does next to nothing, 150,000 times")
{
    uint64_t sum = 0;
    pid_t parent = getppid();
    for (int i = 0; i < 150000; i++)
        sum += syscall(SYS_getppid) == parent;
    return sum;
}
