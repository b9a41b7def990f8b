/* The first program of a guest without a distribution: a shell of a few commands on the console.

   It says what the processor and the kernel are, computes a little in several processes, and
   switches the machine off. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void show(const char *path)
{
    char text[4096];
    ssize_t n;
    int file = open(path, O_RDONLY);

    if (file < 0) {
        printf("%s is not there\n", path);
        return;
    }
    fflush(stdout);
    while ((n = read(file, text, sizeof text)) > 0)
        if (write(1, text, n) < 0)
            break;
    close(file);
}

static uint64_t mixed(uint64_t seed)
{
    /* Memory, integers and doubles; the same everywhere but for the order of bytes in memory. */
    static uint64_t words[4096];
    double sum = 0;

    for (int i = 0; i < 4096; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        words[i] = seed;
        sum += (double)(seed >> 40) / 3;
    }
    for (int round = 0; round < 20; round++)
        for (int i = 0; i < 4096; i++) {
            unsigned char *bytes = (unsigned char *)&words[i];

            seed ^= words[(seed ^ i) % 4096] + bytes[round % 8];
            words[i] = seed << 13 | seed >> 51;
        }
    return seed ^ (uint64_t)sum;
}

static void compute(void)
{
    int ends[2];
    uint64_t sum = 0, one;

    if (pipe(ends))
        return;
    for (int i = 0; i < 8; i++)
        if (fork() == 0) {
            one = mixed(i + 1);
            _exit(write(ends[1], &one, sizeof one) != sizeof one);
        }
    for (int i = 0; i < 8; i++) {
        if (read(ends[0], &one, sizeof one) != sizeof one)
            printf("a process is missing\n");
        sum += one;
    }
    while (wait(NULL) > 0)
        ;
    close(ends[0]);
    close(ends[1]);
    printf("@sum %016llx\n", (unsigned long long)sum);
}

static void describe(void)
{
    struct utsname name;
    unsigned one = 1;

    uname(&name);
    printf("@machine %s %s-endian, pages of %ld\n", name.machine,
           *(unsigned char *)&one ? "little" : "big", sysconf(_SC_PAGESIZE));
}

static void obey(char *line)
{
    if (strncmp(line, "cat ", 4) == 0)
        show(line + 4);
    else if (strncmp(line, "echo ", 5) == 0)
        puts(line + 5);
    else if (strcmp(line, "uname") == 0)
        describe();
    else if (strcmp(line, "compute") == 0)
        compute();
    else if (strcmp(line, "date") == 0)
        printf("@date %lld\n", (long long)time(NULL));
    else if (strcmp(line, "poweroff") == 0)
        reboot(RB_POWER_OFF);
    else if (strcmp(line, "reboot") == 0)
        reboot(RB_AUTOBOOT);
    else if (*line)
        puts("cat echo uname compute date poweroff reboot");
}

int main(int count, char **arguments)
{
    char line[256];

    if (getpid() != 1) {
        if (count > 1)
            obey(arguments[1]);
        return 0;
    }
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/dev", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    puts("init is ready");
    describe();
    for (;;) {
        fputs("jitppc# ", stdout);
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin)) {
            clearerr(stdin);
            sleep(1);
            continue;
        }
        line[strcspn(line, "\r\n")] = 0;
        obey(line);
    }
}
