/* Process 1 of a guest: says what processor Linux takes ours for and how it translates, whether an instruction of ISA 3.1
   is legal in problem state, and switches off. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

static sigjmp_buf back;

static void illegal(int number)
{
    siglongjmp(back, number);
}

int main(void)
{
    char line[256];
    if (mount("proc", "/proc", "proc", 0, NULL))
        perror("/proc");
    putchar('\n'); /* the kernel's last words may have no end of line */
    FILE *cpuinfo = fopen("/proc/cpuinfo", "r");
    if (!cpuinfo)
        perror("/proc/cpuinfo");
    while (cpuinfo && fgets(line, sizeof line, cpuinfo))
        if (strncmp(line, "cpu", 3) == 0 || strncmp(line, "MMU", 3) == 0)
            printf("@%s", line);
    signal(SIGILL, illegal);
    if (sigsetjmp(back, 1) == 0) {
        unsigned long reversed, value = 0x1122334455667788;
        /* brd RA,RS */
        __asm__ volatile("mr 4,%1\n.long 0x7c830176\nmr %0,3" : "=r"(reversed) : "r"(value) : "3", "4");
        printf("@brd %lx\n", reversed);
    } else {
        printf("@brd is illegal\n");
    }
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
