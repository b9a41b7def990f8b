/* Addresses and offsets that the harness, its stub and qemu_user.py agree on. */
#define CODE      0x2a0041000000
#define STATE     0x2a0042000000
#define OWN_STATE 0x2a0042002000
#define STACK     0x2a0042010000
#define WINDOW    0x2a0043000000

#define LEAVE 0x800          /* where the state is stored; the page before WORDS stays as it is */
#define WORDS 0x1800         /* where a case's words begin in CODE */
#define CODE_BYTES 0x2000
#define MAX_WORDS 32

#define WINDOW_BYTES 4096

/* the state: struct state of qemu_harness.c */
#define S_GPR   0
#define S_CR    256
#define S_XER   264
#define S_LR    272
#define S_CTR   280
#define S_FPSCR 288
#define S_TAR   296
#define S_VSCR  304
#define S_VSR   320
#define STATE_BYTES 1344
