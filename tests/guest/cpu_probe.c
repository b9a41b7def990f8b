#define _GNU_SOURCE
/* Process 1 of a guest: says what processor Linux takes ours for and how it translates, whether an instruction of ISA 3.1
   is legal in problem state, what its performance monitor and its watchpoint count, whether alerts branch, and switches
   off. */
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
#include <sys/mman.h>
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

/* What the handler of event-based branches needs, at an address that one instruction can make. */
struct branches {
    volatile uint64_t count;
    uint64_t first, control;
};
enum { BRANCHES_AT = 0x20000000, BRANCHES = 10, EVENT_CYCLES_IN_PMC1 = 0x1001e };
#define EVENT_BASED (1ull << 63)
#define FROZEN 0x80000000ul
#define ALERTS_MAY_HAPPEN 0x04000000ul

/* Counts, begins again, clears PMEO, sets PME and GE. No register but r3 and r4, and no CR. */
void branch_handler(void);
__asm__("\t.text\n\t.globl branch_handler\nbranch_handler:\n"
        "\tstd 3,-320(1)\n\tstd 4,-328(1)\n\tlis 3,0x2000\n"
        "\tld 4,0(3)\n\taddi 4,4,1\n\tstd 4,0(3)\n"
        "\tld 4,8(3)\n\tmtspr 771,4\n\tld 4,16(3)\n\tmtspr 779,4\n"
        "\tli 4,1\n\tmtspr 802,4\n\tsldi 4,4,32\n\tmtspr 800,4\n"
        "\tld 4,-328(1)\n\tld 3,-320(1)\n\t.long 0x4c000924\n"); /* rfebb 1 */

/* A counter of this process that it unfreezes itself, and whose alerts branch instead of interrupting. */
static void say_branches(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_RAW, .size = sizeof attr, .disabled = 1, .pinned = 1,
                                   .exclusive = 1, .exclude_kernel = 1, .exclude_hv = 1, .exclude_idle = 1};
    attr.config = EVENT_BASED | EVENT_CYCLES_IN_PMC1;
    int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    struct branches *b = mmap((void *)BRANCHES_AT, 65536, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    uint64_t ignored, turns = 0;
    if (fd < 0 || b == MAP_FAILED || ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) || read(fd, &ignored, 8) != 8) {
        printf("@branches not possible\n");
        perror("event-based branches");
        return;
    }
    *b = (struct branches){0, 0x80000000ul - PERIOD, ALERTS_MAY_HAPPEN};
    __asm__ volatile("mtspr 804,%0\n\tmtspr 806,%1\n\tmtspr 771,%2\n\tmtspr 779,%3"
                     : : "r"(branch_handler), "r"(1ul << 63 | 1ul << 32), "r"(b->first), "r"(b->control) : "memory");
    while (b->count < BRANCHES && turns < 1000ul * PERIOD)
        turns++;
    __asm__ volatile("mtspr 779,%0" : : "r"(FROZEN));
    printf("@branches %s\n", b->count >= BRANCHES && b->count <= BRANCHES + 1 ? "right" : "wrong");
    if (b->count < BRANCHES)
        printf("counter %d: %lu branches in %lu turns\n", fd, (unsigned long)b->count, (unsigned long)turns);
    close(fd);
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
    say_branches();
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
