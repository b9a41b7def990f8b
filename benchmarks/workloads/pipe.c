#include "workload.h"

#include <sys/wait.h>

enum { ROUNDS = 1200 };

static void echo(int from, int to)
{
    uint64_t value;
    while (read(from, &value, sizeof value) == sizeof value) {
        value = value * 3 + 1;
        if (write(to, &value, sizeof value) != sizeof value)
            break;
    }
    _exit(0);
}

WORKLOAD(pipe, "kernel", "eight bytes to another process and back, 1200 times")
{
    int there[2], back[2], status;
    uint64_t value = 1;
    if (pipe(there) || pipe(back))
        return 0;
    pid_t child = fork();
    if (child == 0) {
        close(there[1]);
        close(back[0]);
        echo(there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    for (int i = 0; i < ROUNDS; i++)
        if (write(there[1], &value, sizeof value) != sizeof value
            || read(back[0], &value, sizeof value) != sizeof value)
            return 0;
    close(there[1]);
    close(back[0]);
    waitpid(child, &status, 0);
    return value;
}
