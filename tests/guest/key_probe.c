#define _GNU_SOURCE
/* Process 1 of a guest: what storage keys refuse, in an access after another under one page. Switches off. */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile int code, key_of_fault;

static void fault(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    code = info->si_code;
    key_of_fault = info->si_pkey;
    siglongjmp(back, 1);
}

static void set_keys(uint64_t value)
{
    __asm__ volatile("isync\n\tmtspr 13,%0\n\tisync" : : "r"(value) : "memory");
}

static uint64_t get_keys(void)
{
    uint64_t value;
    __asm__ volatile("mfspr %0,13" : "=r"(value));
    return value;
}

/* What an access does: 'r' reads, 'w' writes, 'x' executes. */
static const char *tried(volatile uint32_t *page, char kind)
{
    code = key_of_fault = 0;
    if (sigsetjmp(back, 1))
        return code == SEGV_PKUERR ? "refused by its key" : "refused otherwise";
    if (kind == 'r')
        (void)*page;
    else if (kind == 'w')
        *page = 0x4e800020;
    else
        ((void (*)(void))page)();
    return "done";
}

static void try_all(const char *when, uint32_t *page, int key)
{
    for (const char *kind = "rwx"; *kind; kind++) {
        const char *answer = tried(page, *kind);
        printf("@%s %c: %s%s\n", when, *kind, answer, code && key_of_fault != key ? ", another key" : "");
    }
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    uint64_t keys;
    uint32_t *page;
    int key;

    sigaction(SIGSEGV, &action, NULL);
    page = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *page = 0x4e800020; /* blr */
    __builtin___clear_cache((char *)page, (char *)page + 4);
    key = pkey_alloc(0, 0);
    printf("@key %s\n", key > 0 ? "there" : "none");
    if (key > 0) {
        pkey_mprotect(page, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, key);
        keys = get_keys();
        try_all("open", page, key);
        set_keys(keys | 2ull << (62 - 2 * key));
        try_all("not-written", page, key);
        set_keys(keys | 3ull << (62 - 2 * key));
        try_all("closed", page, key);
        set_keys(keys);
        try_all("open-again", page, key);
        int other = pkey_alloc(0, 4); /* PKEY_DISABLE_EXECUTE */
        pkey_mprotect(page, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, other);
        try_all("not-executed", page, other);
    }
    reboot(RB_POWER_OFF);
}
