/* The code around a case. `enter` saves what C needs, loads a whole user-level state from the slot
 * whose address stands at OWN, and goes to JUMP; `enter_placed` does the same and goes where TAR
 * says; `leave` stores a whole state into the slot and returns. They are copied to fixed places;
 * everything is addressed absolutely, because no register is ours. TAR is loaded, and is the scratch
 * register afterwards.
 */
#include "layout.h"

        .machine power8

        .macro  address reg, value
        lis     \reg, (\value >> 48) & 0xffff
        ori     \reg, \reg, (\value >> 32) & 0xffff
        sldi    \reg, \reg, 32
        oris    \reg, \reg, (\value >> 16) & 0xffff
        ori     \reg, \reg, \value & 0xffff
        .endm

        .macro  load_all
        address 3, OWN
        std     1, 8(3)
        std     2, 16(3)
        std     13, 24(3)
        mflr    0
        std     0, 32(3)
        mfcr    0
        std     0, 40(3)
        .set    n, 14
        .rept   18
        std     n, 48+8*(n-14)(3)
        .set    n, n+1
        .endr
        addi    4, 3, 512
        stdcx.  4, 0, 4                 /* no reservation is held */

        ld      31, 0(3)
        lfd     0, S_FPSCR(31)
        mtfsf   0xff, 0, 1, 0
        addi    4, 31, S_VSCR
        lvx     0, 0, 4
        mtvscr  0
        addi    4, 31, S_VSR
        .set    n, 0
        .rept   64
        lxvd2x  n, 0, 4
        addi    4, 4, 16
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
        ld      0, S_VRSAVE(31)
        mtspr   256, 0
        ld      0, S_TAR(31)
        mtspr   815, 0
        .set    n, 0
        .rept   32
        ld      n, S_GPR+8*n(31)
        .set    n, n+1
        .endr
        .endm

        .section .rodata
        .balign 16
        .globl  enter_begin, enter_end, placed_begin, placed_end, leave_begin, leave_end
enter_begin:
        load_all
        b       enter_begin + JUMP - ENTER
enter_end:

        .balign 16
placed_begin:
        load_all
        bctar   20, 0, 0
placed_end:

        .balign 16
leave_begin:
        mtspr   815, 31
        address 31, OWN
        ld      31, 0(31)
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
        mfspr   0, 256
        std     0, S_VRSAVE(31)
        addi    4, 31, S_VSR
        .set    n, 0
        .rept   64
        stxvd2x n, 0, 4
        addi    4, 4, 16
        .set    n, n+1
        .endr
        mffs    0
        stfd    0, S_FPSCR(31)
        mfvscr  0
        addi    4, 31, S_VSCR
        stvx    0, 0, 4

        address 3, OWN
        ld      1, 8(3)
        ld      2, 16(3)
        ld      13, 24(3)
        ld      0, 32(3)
        mtlr    0
        ld      0, 40(3)
        mtcrf   0xff, 0
        .set    n, 14
        .rept   18
        ld      n, 48+8*(n-14)(3)
        .set    n, n+1
        .endr
        blr
leave_end:
        .section .note.GNU-stack, "", @progbits
