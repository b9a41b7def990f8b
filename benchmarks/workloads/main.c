/* Runs workloads and says how long each took, one line a run:

       @run NAME NUMBER NANOSECONDS CHECKSUM

   `PROGRAM NAME [RUNS]` runs one, several times in this process: number 0 is the cold run.
   As process 1 of a guest (`-- RUNS SECONDS NAME...` on the kernel's command line) it runs each in
   a process of its own, at most SECONDS long, and powers the machine off. */
#include "workload.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>

extern const struct workload __start_workloads[], __stop_workloads[];
const char *own_path;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static int run_one(const char *name, int runs)
{
    for (const struct workload *w = __start_workloads; w < __stop_workloads; w++) {
        if (strcmp(w->name, name) != 0)
            continue;
        for (int number = 0; number < runs; number++) {
            uint64_t started = now_ns();
            uint64_t sum = w->run();
            uint64_t taken = now_ns() - started;
            printf("@run %s %d %llu %016llx\n", name, number, (unsigned long long)taken,
                   (unsigned long long)sum);
            fflush(stdout);
        }
        return 0;
    }
    fprintf(stderr, "no workload %s\n", name);
    return 2;
}

/* As a guest's first process: everything asked for, one after the other. */
static int run_guest(int count, char **names, const char *runs, int seconds)
{
    mount("proc", "/proc", "proc", 0, NULL);
    for (int i = 0; i < count; i++) {
        printf("@begin %s\n", names[i]);
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            alarm(seconds);
            execl(own_path, own_path, names[i], runs, (char *)NULL);
            _exit(127);
        }
        int status = -1;
        waitpid(child, &status, 0);
        printf("@end %s %d\n", names[i], WIFSIGNALED(status) ? -WTERMSIG(status)
                                                            : WEXITSTATUS(status));
        fflush(stdout);
    }
    printf("@all\n");
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}

int main(int count, char **words)
{
    own_path = words[0];
    if (getpid() == 1 && count >= 3)
        return run_guest(count - 3, words + 3, words[1], atoi(words[2]));
    if (count < 2) {
        fprintf(stderr, "usage: %s NAME [RUNS]\n", words[0]);
        return 2;
    }
    if (strcmp(words[1], "nothing") == 0) /* what the workload `exec` executes */
        return 7;
    return run_one(words[1], count > 2 ? atoi(words[2]) : 1);
}
