/* What several processors may show each other, and what they must not.
 *
 *   smp_litmus SECONDS [NAME...]    each test for so long; a line for each: NAME TIMES VIOLATIONS
 *
 * The shapes are those of the literature on Power's order of storage: MP, SB, LB, IRIW, CoRR.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef volatile uint64_t word;
#define LINE __attribute__((aligned(4096)))

/* a round is done for so many pairs of places, one behind the other */
#define PLACES 1000
static word xs[PLACES][16] LINE, ys[PLACES][16] LINE, all_seen[PLACES][4][16] LINE;
static word go LINE, done LINE;
static __thread int place;
#define x xs[place][0]
#define y ys[place][0]
#define seen all_seen[place]
static double seconds = 1;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

#define sync() __asm__ volatile("sync" ::: "memory")
#define lwsync() __asm__ volatile("lwsync" ::: "memory")
#define isync() __asm__ volatile("isync" ::: "memory")
#define addr_dep(v) ({ uint64_t d_; __asm__ volatile("xor %0,%1,%1" : "=r"(d_) : "r"(v)); d_; })
#define ctrl_isync(v) \
	__asm__ volatile("cmpd %0,%0\n\tbne- 1f\n1:\tisync" :: "r"(v) : "cr0", "memory")

/* Rounds: every thread does its part of round n after it has begun, and says so. */
struct test {
	const char *name;
	int threads, places;
	void (*begin)(uint64_t round);
	void (*part)(int me, uint64_t round);
	int (*is_wrong)(uint64_t round);	/* looked at when all parts are done */
};

static const struct test *running;

static void relax(int *n)
{
	if (++*n > 200) {
		sched_yield();
		*n = 0;
	}
}

static void *rounds(void *arg)
{
	int me = (int)(intptr_t)arg, n = 0;
	uint64_t round = 0;
	for (;;) {
		uint64_t next;
		while ((next = go) == round)
			relax(&n);
		if (next == UINT64_MAX)
			return NULL;
		round = next;
		lwsync();
		for (place = 0; place < running->places; place++)
			running->part(me, round);
		sync();
		__atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
	}
}

static void say(const char *name, uint64_t times, uint64_t wrong)
{
	printf("%s %llu %llu\n", name, (unsigned long long)times, (unsigned long long)wrong);
}

static void in_rounds(const struct test *t)
{
	pthread_t threads[4];
	uint64_t times = 0, wrong = 0;
	double end = now() + seconds;
	running = t, go = done = 0;
	for (intptr_t n = 0; n < t->threads; n++)
		pthread_create(&threads[n], NULL, rounds, (void *)n);
	do {
		int n = 0;
		times++;
		for (place = 0; place < t->places; place++)
			t->begin(times);
		done = 0;
		sync();
		go = times;
		while (done != (uint64_t)t->threads)
			relax(&n);
		sync();
		for (place = 0; place < t->places; place++)
			wrong += t->is_wrong(times);
	} while (now() < end);
	go = UINT64_MAX;
	for (int n = 0; n < t->threads; n++)
		pthread_join(threads[n], NULL);
	say(t->name, times * t->places, wrong);
}

static void zero(uint64_t round)
{
	(void)round;
	x = y = 0;
	for (int n = 0; n < 4; n++)
		seen[n][0] = seen[n][1] = seen[n][2] = 0;
}

/* message passing: who sees the flag sees the message */
static void mp(int me, uint64_t r)
{
	if (me == 0) { x = r; lwsync(); y = r; }
	else { uint64_t f = y; seen[1][0] = f; ctrl_isync(f); seen[1][1] = x; }
}
static void mp_addr(int me, uint64_t r)
{
	if (me == 0) { x = r; lwsync(); y = r; }
	else { uint64_t f = y; seen[1][0] = f; seen[1][1] = *(&x + addr_dep(f)); }
}
static int mp_wrong(uint64_t r) { return seen[1][0] == r && seen[1][1] != r; }

/* store buffering: with sync at least one sees the other */
static void sb(int me, uint64_t r)
{
	if (me == 0) { x = r; sync(); seen[0][0] = y; }
	else { y = r; sync(); seen[1][0] = x; }
}
static int sb_wrong(uint64_t r) { return seen[0][0] != r && seen[1][0] != r; }
static void sb_membarrier(int me, uint64_t r)
{
	if (me == 0) { x = r; __asm__ volatile("" ::: "memory"); seen[0][0] = y; }
	else {
		y = r;
		syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
		seen[1][0] = x;
	}
}

/* load buffering: no value out of thin air or from the future */
static void lb(int me, uint64_t r)
{
	if (me == 0) { seen[0][0] = x; lwsync(); y = r; }
	else { seen[1][0] = y; lwsync(); x = r; }
}
static int lb_wrong(uint64_t r) { return seen[0][0] == r && seen[1][0] == r; }

/* independent reads of independent writes: with sync both see one order */
static void iriw(int me, uint64_t r)
{
	if (me == 0) x = r;
	else if (me == 1) y = r;
	else if (me == 2) { seen[2][0] = x; sync(); seen[2][1] = y; }
	else { seen[3][0] = y; sync(); seen[3][1] = x; }
}
static int iriw_wrong(uint64_t r)
{
	return seen[2][0] == r && seen[2][1] != r && seen[3][0] == r && seen[3][1] != r;
}

/* coherence: reads of one location never go back */
static void corr(int me, uint64_t r)
{
	if (me == 0) x = r;
	else {
		uint64_t a, b, c;
		__asm__ volatile("lwz %0,0(%3)\n\tld %1,0(%3)\n\tlwz %2,0(%3)"
			: "=&b"(a), "=&b"(b), "=&b"(c) : "b"(&x) : "memory");
		seen[1][0] = a, seen[1][1] = b, seen[1][2] = c;
	}
}
static int corr_wrong(uint64_t r)
{
	uint32_t f = (uint32_t)r;
	return (seen[1][0] == f && seen[1][1] != r) || (seen[1][1] == r && seen[1][2] != f);
}

/* A-B-A between a reserving load and its store: it must fail, by whatever stores it came */
static word handshake LINE;
static void by_exchange(uint64_t v) { __atomic_exchange_n((uint64_t *)&x, v, __ATOMIC_SEQ_CST); }
static void by_store(uint64_t v) { x = v; sync(); }
static void aba_by(int me, void (*store)(uint64_t))
{
	uint64_t old, stored, n = 0;
	if (me == 0) {
		__asm__ volatile(
			"ldarx %0,0,%3\n"
			"	std %5,0(%4)\n"
			"	li %2,0\n"
			"	mtctr %6\n"
			"2:	ld %2,0(%4)\n"
			"	cmpdi %2,2\n"
			"	beq 3f\n"
			"	bdnz 2b\n"
			"3:	mr %2,%2\n"
			"	stdcx. %0,0,%3\n"
			"	li %1,1\n"
			"	beq 4f\n"
			"	li %1,0\n"
			"4:"
			: "=&r"(old), "=&r"(stored), "=&r"(n)
			: "r"(&x), "r"(&handshake), "r"(1UL), "r"(100000000UL)
			: "cr0", "ctr", "memory");
		seen[0][0] = stored && n == 2;
	} else {
		int k = 0;
		while (handshake != 1)
			relax(&k);
		__atomic_store_n(&y, 0, __ATOMIC_SEQ_CST);
		store(7);
		store(0);
		sync();
		handshake = 2;
	}
}
static void aba(int me, uint64_t r) { (void)r; aba_by(me, by_exchange); }
static void aba_plain(int me, uint64_t r) { (void)r; aba_by(me, by_store); }
static void aba_begin(uint64_t r) { zero(r); handshake = 0; }
static int aba_wrong(uint64_t r) { (void)r; return seen[0][0] != 0; }

static const struct test tests[] = {
	{"mp", 2, PLACES, zero, mp, mp_wrong}, {"mp-addr", 2, PLACES, zero, mp_addr, mp_wrong},
	{"sb", 2, PLACES, zero, sb, sb_wrong}, {"sb-membarrier", 2, 20, zero, sb_membarrier, sb_wrong},
	{"lb", 2, PLACES, zero, lb, lb_wrong}, {"iriw", 4, PLACES, zero, iriw, iriw_wrong},
	{"corr", 2, PLACES, zero, corr, corr_wrong}, {"aba", 2, 1, aba_begin, aba, aba_wrong},
	{"aba-plain", 2, 1, aba_begin, aba_plain, aba_wrong},
};

/* Workers: threads that work until told to stop, and what must hold then. */
static word stop LINE;
static uint64_t counters[8] __attribute__((aligned(128)));
static uint64_t made[4], bad[4];
static unsigned __int128 wide __attribute__((aligned(4096)));
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t plain;

#define ADD(kind, name, larx, stcx) \
	static void name(void *at) \
	{ \
		uint64_t t; \
		__asm__ volatile("1: " larx " %0,0,%1\n\taddi %0,%0,1\n\t" stcx " %0,0,%1\n\tbne- 1b" \
			: "=&r"(t) : "r"(at) : "cr0", "memory"); \
	}
ADD(1, add8, "lbarx", "stbcx.")
ADD(2, add16, "lharx", "sthcx.")
ADD(4, add32, "lwarx", "stwcx.")
ADD(8, add64, "ldarx", "stdcx.")

static void *count(void *arg)
{
	int me = (int)(intptr_t)arg;
	while (!stop) {
		for (int n = 0; n < 100; n++) {
			add8((char *)counters), add16((char *)counters + 2);
			add32((char *)counters + 4), add64(counters + 1);
			made[me]++;
		}
	}
	return NULL;
}

static void *count_wide(void *arg)
{
	int me = (int)(intptr_t)arg;
	while (!stop) {
		__asm__ volatile(
			"1:	lqarx 8,0,%0\n"
			"	cmpd 8,9\n"
			"	beq 2f\n"
			"	addi %1,%1,1\n"
			"2:	addi 8,8,1\n"
			"	addi 9,9,1\n"
			"	stqcx. 8,0,%0\n"
			"	bne- 1b"
			: : "r"(&wide), "r"(bad[me]) : "r8", "r9", "cr0", "memory");
		made[me]++;
	}
	return NULL;
}

static void *wide_reader(void *arg)
{
	int me = (int)(intptr_t)arg;
	uint64_t n = 0;
	while (!stop) {
		if (me < 2) {
			n++;
			__asm__ volatile("mr 8,%0\n\tmr 9,%0\n\tstq 8,0(%1)" : : "r"(n), "b"(&wide) : "r8", "r9", "memory");
		} else {
			uint64_t high, low;
			__asm__ volatile("lq 8,0(%2)\n\tmr %0,8\n\tmr %1,9"
				: "=&r"(high), "=&r"(low) : "b"(&wide) : "r8", "r9", "memory");
			bad[me] += high != low;
		}
		made[me]++;
	}
	return NULL;
}

static void *with_mutex(void *arg)
{
	int me = (int)(intptr_t)arg;
	while (!stop) {
		pthread_mutex_lock(&mutex);
		plain++;
		pthread_mutex_unlock(&mutex);
		made[me]++;
	}
	return NULL;
}

/* A stack of nodes: two pop and push by stores conditional with loads and stores between; two change
 * it by ordinary stores under a lock in the head's line, so that a store conditional fails whose load
 * was before. Those take two nodes and put the upper one back: A-B-A all the time. */
struct node { struct node *volatile next; word taken; uint64_t rest[14]; };
static struct node nodes[4] __attribute__((aligned(128)));
static struct { struct node *volatile head; word locked; } stack __attribute__((aligned(128)));
static pthread_mutex_t lockers = PTHREAD_MUTEX_INITIALIZER;

static void take(struct node *n, int me) { bad[me] += n->taken; n->taken = 1; }
static void push(struct node *n)
{
	uint64_t t;
	n->taken = 0;
	__asm__ volatile(
		"	lwsync\n"
		"1:	ldarx %0,0,%2\n"
		"	ld 0,8(%2)\n"
		"	cmpdi 0,0\n"
		"	bne- 1b\n"
		"	std %0,0(%1)\n"
		"	stdcx. %1,0,%2\n"
		"	bne- 1b"
		: "=&r"(t) : "b"(n), "b"(&stack) : "r0", "cr0", "memory");
}
static struct node *pop(void)
{
	struct node *n, *next;
	__asm__ volatile(
		"1:	ldarx %0,0,%2\n"
		"	ld 0,8(%2)\n"
		"	cmpdi 0,0\n"
		"	bne- 1b\n"
		"	cmpdi %0,0\n"
		"	beq- 2f\n"
		"	ld %1,0(%0)\n"
		"	stdcx. %1,0,%2\n"
		"	bne- 1b\n"
		"2:	isync"
		: "=&b"(n), "=&r"(next) : "b"(&stack) : "r0", "cr0", "memory");
	return n;
}

static void *with_stack(void *arg)
{
	int me = (int)(intptr_t)arg;
	struct node *kept = NULL;
	while (!stop) {
		if (me < 2) {
			struct node *n = pop();
			if (n) take(n, me), push(n);
			else sched_yield();
		} else {
			pthread_mutex_lock(&lockers);
			stack.locked = 1;
			sync();
			struct node *first = stack.head, *second = first ? first->next : NULL;
			if (first) take(first, me);
			if (second) {
				take(second, me);
				struct node *below = second->next;
				if (kept) kept->taken = 0, kept->next = below, below = kept;
				kept = second;
				first->next = below;
				stack.head = NULL;
			}
			if (first) first->taken = 0, stack.head = first;
			lwsync();
			stack.locked = 0;
			pthread_mutex_unlock(&lockers);
		}
		made[me]++;
	}
	if (kept) push(kept);
	return NULL;
}

static uint64_t work(void *(*body)(void *), int threads)
{
	pthread_t ids[4];
	uint64_t all = 0;
	stop = 0;
	memset(made, 0, sizeof made), memset(bad, 0, sizeof bad);
	for (intptr_t n = 0; n < threads; n++)
		pthread_create(&ids[n], NULL, body, (void *)n);
	usleep((useconds_t)(seconds * 1e6));
	stop = 1;
	for (int n = 0; n < threads; n++)
		pthread_join(ids[n], NULL), all += made[n];
	return all;
}

static void counting(void)
{
	memset(counters, 0, sizeof counters);
	uint64_t all = work(count, 4);
	unsigned char *at = (unsigned char *)counters;
	uint16_t half; uint32_t whole;
	memcpy(&half, at + 2, 2), memcpy(&whole, at + 4, 4);
	say("counters", all, (at[0] != (uint8_t)all) + (half != (uint16_t)all)
		+ (whole != (uint32_t)all) + (counters[1] != all));
	wide = 0;
	all = work(count_wide, 4);
	say("counter-16", all, (uint64_t)wide != all || (uint64_t)(wide >> 64) != all);
	wide = 0;
	all = work(wide_reader, 4);
	say("quadwords", all, bad[2] + bad[3]);
	plain = 0;
	all = work(with_mutex, 4);
	say("mutex", all, plain != all);
}

static void stacking(void)
{
	for (int n = 0; n < 4; n++)
		nodes[n].next = n < 3 ? &nodes[n + 1] : NULL, nodes[n].taken = 0;
	stack.head = nodes, stack.locked = 0;
	uint64_t all = work(with_stack, 4);
	int left = 0;
	for (struct node *n = stack.head; n && left < 9; n = n->next)
		left++;
	say("stack", all, bad[0] + bad[1] + bad[2] + bad[3] + (left != 4));
}

/* Code that another processor changes, as the architecture asks for it. */
static uint32_t *code;
static word version LINE, answered LINE;

static void *execute(void *arg)
{
	uint64_t *wrong = arg, last = 0;
	int n = 0;
	while (!stop) {
		uint64_t v = version;
		if (v == last) { relax(&n); continue; }
		isync();
		uint64_t (*function)(void) = (uint64_t (*)(void))code;
		uint64_t got;
		__asm__ volatile("mtctr %1\n\tmr 12,%1\n\tbctrl\n\tmr %0,3"
			: "=r"(got) : "r"(function) : "r3", "r12", "ctr", "lr", "memory");
		*wrong += got != (v & 0x7FFF);
		last = v;
		lwsync();
		answered = v;
	}
	return NULL;
}

static void put_code(uint64_t v)
{
	code[0] = 0x38600000 | (v & 0x7FFF);	/* li r3,v */
	code[1] = 0x4E800020;			/* blr */
	__asm__ volatile("dcbst 0,%0\n\tsync\n\ticbi 0,%0\n\tsync\n\tisync" :: "r"(code) : "memory");
}

static void changing_code(void)
{
	pthread_t id;
	uint64_t wrong = 0, v = 0;
	double end = now() + seconds;
	code = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stop = version = answered = 0;
	pthread_create(&id, NULL, execute, &wrong);
	do {
		int n = 0;
		put_code(++v);
		version = v;
		while (answered != v)
			relax(&n);
	} while (now() < end);
	stop = 1;
	pthread_join(id, NULL);
	say("code", v, wrong);
}

/* Pages taken away: once mprotect or munmap is back, nobody's store arrives. */
static volatile uint64_t *page;
static __thread sigjmp_buf back;
static word pokes LINE;

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	siglongjmp(back, 1);
}

static void *poke(void *arg)
{
	uint64_t n = 0;
	(void)arg;
	while (!stop) {
		if (sigsetjmp(back, 1) == 0)
			for (;!stop;) { page[0] = ++n; page[512] = n; pokes++; }
		sched_yield();
	}
	return NULL;
}

static void shooting(int takes_away)
{
	pthread_t ids[2];
	uint64_t times = 0, wrong = 0;
	double end = now() + seconds;
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGSEGV, &action, NULL), sigaction(SIGBUS, &action, NULL);
	page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void *alias = mremap((void *)page, 0, 65536, MREMAP_MAYMOVE);
	volatile uint64_t *window = alias;
	stop = 0;
	for (int n = 0; n < 2; n++)
		pthread_create(&ids[n], NULL, poke, NULL);
	do {
		uint64_t before, n;
		if (takes_away)
			munmap((void *)page, 65536);
		else
			mprotect((void *)page, 65536, PROT_READ);
		before = window[0], n = window[512];
		for (int k = 0; k < 300; k++)
			if (window[0] != before || window[512] != n) { wrong++; break; }
		if (takes_away) {
			if (mremap(alias, 0, 65536, MREMAP_MAYMOVE | MREMAP_FIXED, page) != page)
				wrong++;
		} else
			mprotect((void *)page, 65536, PROT_READ | PROT_WRITE);
		times++;
		usleep(100);
	} while (now() < end);
	stop = 1;
	for (int n = 0; n < 2; n++)
		pthread_join(ids[n], NULL);
	say(takes_away ? "munmap" : "mprotect", times, wrong + (pokes == 0));
}

static int wanted(int count, char **names, const char *name)
{
	for (int n = 2; n < count; n++)
		if (!strcmp(names[n], name))
			return 1;
	return count <= 2;
}

int main(int count, char **words)
{
	if (count > 1)
		seconds = atof(words[1]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	for (unsigned n = 0; n < sizeof tests / sizeof *tests; n++)
		if (wanted(count, words, tests[n].name))
			in_rounds(&tests[n]);
	if (wanted(count, words, "counting"))
		counting();
	if (wanted(count, words, "stack"))
		stacking();
	if (wanted(count, words, "code"))
		changing_code();
	if (wanted(count, words, "mprotect"))
		shooting(0);
	if (wanted(count, words, "munmap"))
		shooting(1);
	puts("LITMUS-END");
	return 0;
}
