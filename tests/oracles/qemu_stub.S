/* The code around a case: `enter` loads a whole user-level state and goes to the case's words; `leave` stores a whole state and returns to the harness. Copied to CODE (qemu_harness.c);
 * everything is addressed absolutely, because no register is ours. TAR is loaded, and is the
 * scratch register afterwards.
 */
#include "qemu_harness.h"

        .machine power9
        .abiversion 2

/* 64-bit constant into a register */
        .macro  address reg, value
        lis     \reg, (\value >> 48) & 0xffff
        ori     \reg, \reg, (\value >> 32) & 0xffff
        sldi    \reg, \reg, 32
        oris    \reg, \reg, (\value >> 16) & 0xffff
        ori     \reg, \reg, \value & 0xffff
        .endm

        .section .rodata
        .balign 16
        .globl  stub, stub_end
stub:
enter:
        address 3, OWN_STATE
        std     1, 0(3)
        std     2, 8(3)
        std     13, 16(3)
        mflr    0
        std     0, 24(3)
        mfcr    0
        std     0, 32(3)
        .set    n, 14
        .rept   18
        std     n, 40+8*(n-14)(3)
        .set    n, n+1
        .endr

        address 31, STATE
        lfd     0, S_FPSCR(31)
        mtfsf   0xff, 0, 1, 0
        addi    4, 31, S_VSCR
        lvx     0, 0, 4
        mtvscr  0
        .set    n, 0
        .rept   64
        lxv     n, S_VSR+16*n(31)
        .set    n, n+1
        .endr
        ld      0, S_CR(31)
        mtcrf   0xff, 0
        ld      0, S_XER(31)
        mtxer   0
        ld      0, S_LR(31)
        mtlr    0
        ld      0, S_CTR(31)
        mtctr   0
        ld      0, S_TAR(31)
        mtspr   815, 0
        .set    n, 0
        .rept   32
        ld      n, S_GPR+8*n(31)
        .set    n, n+1
        .endr
        b       stub + WORDS

        .org    stub + LEAVE
leave:
        mtspr   815, 31
        address 31, STATE
        .set    n, 0
        .rept   31
        std     n, S_GPR+8*n(31)
        .set    n, n+1
        .endr
        mfspr   0, 815
        std     0, S_GPR+8*31(31)
        mfcr    0
        std     0, S_CR(31)
        mfxer   0
        std     0, S_XER(31)
        mflr    0
        std     0, S_LR(31)
        mfctr   0
        std     0, S_CTR(31)
        .set    n, 0
        .rept   64
        stxv    n, S_VSR+16*n(31)
        .set    n, n+1
        .endr
        mffs    0
        stfd    0, S_FPSCR(31)
        mfvscr  0
        addi    4, 31, S_VSCR
        stvx    0, 0, 4

        address 3, OWN_STATE
        ld      1, 0(3)
        ld      2, 8(3)
        ld      13, 16(3)
        ld      0, 24(3)
        mtlr    0
        ld      0, 32(3)
        mtcrf   0xff, 0
        .set    n, 14
        .rept   18
        ld      n, 40+8*(n-14)(3)
        .set    n, n+1
        .endr
        blr
stub_end:
        .section .note.GNU-stack, "", @progbits
