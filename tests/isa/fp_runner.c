/* Runs one instruction after another, each from a given state, and writes the states that result.
   Standard input: records of struct record, little-endian; standard output: the same, updated. */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MEMORY ((unsigned char *)0x20000000)
#define MEMORY_BYTES 128

struct state {
    uint64_t vsr[64][2];        /* doubleword 0, doubleword 1 */
    uint64_t gpr[8];            /* r3 to r10 */
    uint64_t fpscr, cr, xer;
};

struct record {
    uint64_t word, signal;
    struct state state;
    unsigned char memory[MEMORY_BYTES];
};

void run(struct state *state, void *code);
asm(
"   .machine power9\n"
"   .text\n   .globl run\n   .type run,@function\n"
"run:\n"
"   mflr 0\n   std 0,16(1)\n   mfcr 0\n   std 0,8(1)\n"
"   stdu 1,-448(1)\n   std 3,32(1)\n   mr 11,4\n"
"   addi 12,1,64\n"
"   .irp n,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n   stfd \\n,(\\n-14)*8(12)\n   .endr\n"
"   addi 12,1,208\n"
"   .irp n,20,21,22,23,24,25,26,27,28,29,30,31\n   li 5,(\\n-20)*16\n   stvx \\n,12,5\n   .endr\n"
"   lfd 0,1088(3)\n   mtfsf 255,0,1,0\n"
"   ld 0,1104(3)\n   mtxer 0\n"
"   ld 0,1096(3)\n   mtcr 0\n"
"   mr 12,3\n"
"   .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63\n"
"   li 4,\\n*16\n   lxvd2x \\n,12,4\n   .endr\n"
"   mtctr 11\n"
"   ld 3,1024(12)\n   ld 4,1032(12)\n   ld 5,1040(12)\n   ld 6,1048(12)\n"
"   ld 7,1056(12)\n   ld 8,1064(12)\n   ld 9,1072(12)\n   ld 10,1080(12)\n"
"   bctrl\n"
"   ld 12,32(1)\n"
"   std 3,1024(12)\n   std 4,1032(12)\n   std 5,1040(12)\n   std 6,1048(12)\n"
"   std 7,1056(12)\n   std 8,1064(12)\n   std 9,1072(12)\n   std 10,1080(12)\n"
"   .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63\n"
"   li 4,\\n*16\n   stxvd2x \\n,12,4\n   .endr\n"
"   mffs 0\n   stfd 0,1088(12)\n"
"   mfcr 0\n   std 0,1096(12)\n   mfxer 0\n   std 0,1104(12)\n"
"   addi 12,1,64\n"
"   .irp n,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n   lfd \\n,(\\n-14)*8(12)\n   .endr\n"
"   addi 12,1,208\n"
"   .irp n,20,21,22,23,24,25,26,27,28,29,30,31\n   li 5,(\\n-20)*16\n   lvx \\n,12,5\n   .endr\n"
"   addi 1,1,448\n   ld 0,8(1)\n   mtcr 0\n   ld 0,16(1)\n   mtlr 0\n   blr\n"
"   .size run,.-run\n");

static sigjmp_buf back;

static void caught(int number)
{
    siglongjmp(back, number);
}

int main(void)
{
    size_t room = 1 << 20, count = 0;
    struct record *records = malloc(room * sizeof *records);
    uint32_t *code = mmap(0, room * 8, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mmap(MEMORY, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MEMORY)
        return 1;
    signal(SIGILL, caught);
    signal(SIGFPE, caught);
    signal(SIGSEGV, caught);
    while (count < room && fread(&records[count], sizeof *records, 1, stdin) == 1) {
        code[2 * count] = records[count].word;
        code[2 * count + 1] = 0x4e800020;       /* blr */
        count++;
    }
    for (size_t n = 0; n < count; n++) {
        struct record *r = &records[n];
        memcpy(MEMORY, r->memory, MEMORY_BYTES);
        r->signal = sigsetjmp(back, 1);
        if (!r->signal)
            run(&r->state, &code[2 * n]);
        memcpy(r->memory, MEMORY, MEMORY_BYTES);
    }
    return fwrite(records, sizeof *records, count, stdout) != count;
}
