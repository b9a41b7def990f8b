/* H_JOIN and H_PROD of two processors, without a kernel, big-endian, in real mode: `test_join_guest.py`.
 *
 * In each round both join: who comes last is told to go on, and prods the other one. Each counts how often it
 * was the last and how often it was prodded. At the end both join once more, and the last one switches off.
 */
#define H_PROD 0xe8
#define H_JOIN 0x298
#define RTAS 0xf000
#define CONTINUE 18

	.section .text.start, "ax"
	.globl _start
_start:	bl	1f
1:	mflr	31
	addi	31, 31, data - 1b
	addi	4, 31, start_cpu - data
	addi	5, 31, other - data
	stw	5, 16(4)
	bl	rtas
	li	30, 0
	li	29, 1
	b	both
other:	bl	1f
1:	mflr	31
	addi	31, 31, data - 1b
	li	30, 1
	li	29, 0
both:	li	28, ROUNDS
	li	27, 0
	li	26, 0
again:	li	3, H_JOIN
	sc	1
	cmpdi	3, CONTINUE
	bne	2f
	addi	27, 27, 1
	li	3, H_PROD
	mr	4, 29
	sc	1
	cmpdi	3, 0
	bne	wrong
	b	3f
2:	cmpdi	3, 0
	bne	wrong
	addi	26, 26, 1
3:	addic.	28, 28, -1
	bne	again
	sldi	5, 30, 4
	add	5, 5, 31
	std	27, counts - data(5)
	std	26, counts - data + 8(5)
	li	3, H_JOIN
	sc	1
	cmpdi	3, CONTINUE
	bne	wrong
	addi	4, 31, power_off - data
	bl	rtas
wrong:	b	wrong
rtas:	li	3, 0
	ori	3, 3, RTAS
	sc	1
	blr

	.org	0x400
data:
counts:	.quad	0, 0, 0, 0
start_cpu:
	.long	0x2006, 3, 1, 1, 0, 0, 0
power_off:
	.long	0x2003, 2, 1, 0, 0, 0
	.asciz	"ibm,client-architecture-support"	/* by which jitppc knows a kernel for pseries */
