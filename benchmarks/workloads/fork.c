#include "workload.h"

#include <sys/wait.h>

WORKLOAD(fork, "kernel", "fork and wait, 200 times")
{
    uint64_t sum = 0;
    for (int i = 0; i < 200; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0)
            _exit(i & 63);
        if (child < 0 || waitpid(child, &status, 0) != child)
            return 0;
        sum = mix_in(sum, status);
    }
    return sum;
}
