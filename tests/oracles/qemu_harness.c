/* Runs single cases under a user-mode emulator: reads requests on stdin, answers on stdout until end of file.
 *
 * A request is `struct request`, an answer `struct answer`; both are host-order structs of fixed size, and
 * qemu_user.py has the same layout. The words run at CODE + WORDS with the whole user-level state loaded.
 * A case ends by falling out of its words, or by a signal: then the answer says which, and where, and the
 * registers are those at the signal.
 */
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "qemu_harness.h"

struct state {
    uint64_t gpr[32], cr, xer, lr, ctr, fpscr, tar;
    uint64_t vscr[2];
    uint64_t vsr[64][2];
};

struct request {
    uint32_t count, words[MAX_WORDS + 1];
    uint32_t may_loop, unused;
    struct state state;
    uint8_t window[WINDOW_BYTES];
};

struct answer {
    uint64_t signal, code, nia, address;
    struct state state;
    uint8_t window[WINDOW_BYTES];
};

extern const char stub[], stub_end[];
static struct request request;
static struct answer answer;

/* Runs on its own stack with a foreign r13, so it may call nothing. */
static void on_signal(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    answer.signal = number;
    answer.code = info->si_code;
    answer.address = (uint64_t)info->si_addr;
    answer.nia = u->uc_mcontext.gp_regs[32];
    u->uc_mcontext.gp_regs[32] = CODE + LEAVE;
}

static void *map(uint64_t at, size_t size, int protection)
{
    void *p = mmap((void *)at, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (p != (void *)at)
        _exit(3);
    return p;
}

static void transfer(int reading, void *data, size_t size)
{
    for (char *at = data; size;) {
        ssize_t n = reading ? read(0, at, size) : write(1, at, size);
        if (n <= 0)
            _exit(n != 0);
        at += n;
        size -= n;
    }
}

static void prepare(void)
{
    map(CODE, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
    map(STATE, 0x4000, PROT_READ | PROT_WRITE);
    map(STACK, 0x20000, PROT_READ | PROT_WRITE);
    map(WINDOW, WINDOW_BYTES, PROT_READ | PROT_WRITE);
    memcpy((void *)CODE, stub, stub_end - stub);
    stack_t stack = {.ss_sp = (void *)STACK, .ss_size = 0x20000};
    sigaltstack(&stack, 0);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static const int numbers[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGALRM};
    for (unsigned n = 0; n < sizeof numbers / sizeof *numbers; n++)
        sigaction(numbers[n], &action, 0);
}

int main(void)
{
    uint32_t *words = (uint32_t *)(CODE + WORDS);
    const struct itimerval limit = {.it_value = {.tv_sec = 2}}, none = {0};
    prepare();
    for (;;) {
        transfer(1, &request, sizeof request);
        memcpy((void *)STATE, &request.state, sizeof request.state);
        memcpy((void *)WINDOW, request.window, WINDOW_BYTES);
        /* the caller has put the branch to LEAVE behind the words */
        memcpy(words, request.words, sizeof request.words);
        memset(&answer, 0, 32);
        answer.nia = CODE + WORDS + 4 * request.count;
        if (request.may_loop)
            setitimer(ITIMER_REAL, &limit, 0);
        ((void (*)(void))CODE)();
        if (request.may_loop)
            setitimer(ITIMER_REAL, &none, 0);
        memcpy(&answer.state, (void *)STATE, sizeof answer.state);
        memcpy(answer.window, (void *)WINDOW, WINDOW_BYTES);
        transfer(0, &answer, sizeof answer);
    }
}
