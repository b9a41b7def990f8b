/* H_WATCHDOG, asked by a program that runs without a kernel, big-endian, in real mode: `test_watchdog_guest.py`.
 *
 * It prints a line for each call, then starts the timer that ends it (with ACTION) and waits.
 */
#define H_PUT_TERM_CHAR 0x58
#define H_WATCHDOG 0x45C
#define CONSOLE 0x71000000
#define TIMEBASE_HZ 512000000ul

typedef unsigned long u64;

/* by which jitppc knows a kernel for pseries */
__attribute__((used)) static const char mark[] = "ibm,client-architecture-support";

/* Entered at the first byte, with the stack anywhere. A system reset interrupt comes to `reset`. */
__asm__(".section .text.start,\"ax\"\n"
        ".globl _start\n"
        "_start: bl 1f\n"
        "1: mflr 12\n"
        "   addis 2,12,.TOC.-1b@ha\n"
        "   addi 2,2,.TOC.-1b@l\n"
        "   addis 1,2,stack_end@toc@ha\n"
        "   addi 1,1,stack_end@toc@l\n"
        "   stdu 0,-128(1)\n"
        "   b main\n"
        ".globl reset\n"
        "reset: bl 2f\n"
        "2: mflr 12\n"
        "   addis 2,12,.TOC.-2b@ha\n"
        "   addi 2,2,.TOC.-2b@l\n"
        "   addis 1,2,stack_end@toc@ha\n"
        "   addi 1,1,stack_end@toc@l\n"
        "   stdu 0,-128(1)\n"
        "   b was_reset\n"
        ".section .bss\n"
        ".balign 16\n"
        ".space 16384\n"
        "stack_end: .space 16\n"
        ".text\n");

static u64 hcall(u64 call, u64 a, u64 b, u64 c, u64 d, u64 *out)
{
    register u64 r3 __asm__("r3") = call, r4 __asm__("r4") = a, r5 __asm__("r5") = b;
    register u64 r6 __asm__("r6") = c, r7 __asm__("r7") = d;
    __asm__ volatile("sc 1"
                     : "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7)
                     :
                     : "r0", "r8", "r9", "r10", "r11", "r12", "ctr", "xer", "cr0", "cr1", "cr5", "cr6", "cr7",
                       "memory");
    *out = r4;
    return r3;
}

static void say(const char *text)
{
    while (*text) {
        u64 bytes = 0, count = 0, nothing;
        for (; count < 8 && *text; count++)
            bytes |= (u64)*text++ << (56 - 8 * count);
        while (hcall(H_PUT_TERM_CHAR, CONSOLE, count, bytes, 0, &nothing) == 1)
            ;
    }
}

static void number(u64 value)
{
    char text[18] = "";
    for (int n = 0; n < 16; n++)
        text[n] = "0123456789abcdef"[value >> (60 - 4 * n) & 15];
    text[16] = ' ';
    say(text);
}

static u64 watchdog(u64 flags, u64 timer, u64 milliseconds)
{
    u64 r4, status = hcall(H_WATCHDOG, flags, timer, milliseconds, 0, &r4);
    say("call ");
    number(flags);
    number(timer);
    number(milliseconds);
    number(status);
    u64 operation = flags >> 8 & 0xff;
    if (status == 0 && (operation == 3 || operation == 4))
        number(r4);
    say("\n");
    return status;
}

static u64 timebase(void)
{
    u64 now;
    __asm__ volatile("mftb %0" : "=r"(now));
    return now;
}

static void wait(void)
{
    for (;;)
        ;
}

void was_reset(void)
{
    u64 nothing;
    say("@reset\n");
    hcall(H_WATCHDOG, 0x101, 1, 50, 0, &nothing);
    wait();
}

void main(void)
{
    extern char reset[];
    static const u64 timers[] = {1, 2, 4, 5, 100, ~0ul}, times[] = {0, 60000, 1ul << 40};
    static const u64 others[] = {0, 0x10000, 0x20000, 1ul << 47, 1ul << 63};
    /* branch to `reset`, absolute, where the interrupt goes */
    *(volatile unsigned *)0x100 = 0x48000002u | ((u64)reset & 0x3fffffcu);
    __asm__ volatile("dcbst 0,%0; sync; icbi 0,%0; isync" : : "r"(0x100ul) : "memory");
    say("\n@begin\n");
    for (u64 operation = 0; operation < 7; operation++)
        for (u64 action = 0; action < 6; action++)
            for (int n = 0; n < 6; n++)
                for (int t = 0; t < 3; t++)
                    watchdog(operation << 8 | action, timers[n], times[t]);
    for (int n = 0; n < 5; n++) {
        watchdog(others[n] | 0x102, 3, 60000);
        watchdog(others[n] | 0x200, 3, 0);
        watchdog(others[n] | 0x200, 3, 0);
    }
    /* One that runs out later is started, started again with more time, and is stopped. */
    watchdog(0x102, 2, 100);
    watchdog(0x102, 2, 60000);
    u64 end = timebase() + TIMEBASE_HZ / 4;
    while (timebase() < end)
        ;
    watchdog(0x200, 2, 0);
    say("@armed\n");
    watchdog(0x100 | ACTION, 1, 300);
    wait();
}
