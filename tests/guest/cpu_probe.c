#define _GNU_SOURCE
/* Process 1 of a guest: says what processor Linux takes ours for and how it translates, whether an instruction of ISA 3.1
   is legal in problem state, what its performance monitor and its watchpoint count, and switches off. */
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static sigjmp_buf back;

static void illegal(int number)
{
    siglongjmp(back, number);
}

enum { ROUNDS = 1000000, PERIOD = 100000 };
static volatile sig_atomic_t alerts;
static volatile uint64_t watched[4];

static void alert(int number)
{
    (void)number;
    alerts++;
}

/* A counter of this process in problem state, not counting yet; -1 when there is none. */
static int counter(uint32_t type, uint64_t config, uint64_t period)
{
    struct perf_event_attr attr = {.type = type, .size = sizeof attr, .disabled = 1, .exclude_kernel = 1, .exclude_hv = 1};
    if (type == PERF_TYPE_BREAKPOINT) {
        attr.bp_type = HW_BREAKPOINT_W;
        attr.bp_addr = (uintptr_t)&watched[1];
        attr.bp_len = HW_BREAKPOINT_LEN_8;
    } else {
        attr.config = config;
    }
    attr.sample_period = period;
    attr.wakeup_events = 1;
    return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

/* What it counts in a loop of two instructions, ROUNDS times, or in eight stores. */
static uint64_t counted(int fd, int stores)
{
    uint64_t count = 0;
    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
    if (stores)
        for (int n = 0; n < 8; n++)
            watched[n & 3] = n;
    else
        __asm__ volatile("mtctr %0\n0:\taddi 4,4,1\n\tbdnz 0b" : : "r"(ROUNDS) : "4", "ctr");
    ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
    return read(fd, &count, sizeof count) == sizeof count ? count : 0;
}

static void say_counts(void)
{
    int fd = counter(PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, 0);
    uint64_t count = counted(fd, 0);
    /* beside the loop: the way into and out of the system calls */
    printf("@instructions %s\n", count >= 2 * ROUNDS && count < 2 * ROUNDS + 1000 ? "right" : "wrong");
    if (count < 2 * ROUNDS || count >= 2 * ROUNDS + 1000)
        printf("counter %d: %lu instructions\n", fd, (unsigned long)count);
    fd = counter(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, 0);
    printf("@cycles %s\n", counted(fd, 0) > 1000 ? "some" : "none");
    fd = counter(PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, PERIOD);
    signal(SIGIO, alert);
    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC);
    fcntl(fd, F_SETOWN, getpid());
    counted(fd, 0);
    printf("@alerts %s\n", alerts >= 10 && alerts <= 21 ? "right" : "wrong");
    if (alerts < 10 || alerts > 21)
        printf("counter %d: %d alerts\n", fd, (int)alerts);
    fd = counter(PERF_TYPE_BREAKPOINT, 0, 0);
    if (fd < 0)
        printf("@stores cannot be watched\n");
    else
        printf("@stores %lu\n", (unsigned long)counted(fd, 1));
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
    say_counts();
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
