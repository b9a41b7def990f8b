/* Measurements on two processors: smp SECONDS; a line for each: "SMP name value". */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LINE __attribute__((aligned(4096)))
static double seconds = 1;
static uint64_t rounds;
static volatile uint32_t ball LINE;
static volatile int over LINE;
static int there[2], back[2];

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static void pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* A computation: a table of 64 KiB is mixed with itself. */
static uint64_t mix(uint64_t times, uint64_t *table)
{
	uint64_t x = 1;
	for (uint64_t n = 0; n < times; n++) {
		uint64_t *at = &table[x & 8191];
		x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9 + *at;
		*at = x + n;
	}
	return x;
}

static void *compute(void *arg)
{
	uint64_t *table = calloc(8192, 8);
	pin((int)(intptr_t)arg);
	uint64_t result = mix(rounds, table);
	free(table);
	return (void *)result;
}

static double time_of(int count)
{
	pthread_t threads[2];
	double begun = now();
	for (int n = 0; n < count; n++)
		pthread_create(&threads[n], NULL, compute, (void *)(intptr_t)n);
	for (int n = 0; n < count; n++)
		pthread_join(threads[n], NULL);
	return now() - begun;
}

static void futex_wait(uint32_t value)
{
	syscall(SYS_futex, &ball, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void *futex_other(void *arg)
{
	pin(1);
	while (!over) {
		while (ball != 1 && !over)
			futex_wait(0);
		ball = 0;
		syscall(SYS_futex, &ball, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	return arg;
}

static void *spin_other(void *arg)
{
	pin(1);
	while (!over)
		if (__atomic_load_n(&ball, __ATOMIC_ACQUIRE) == 1)
			__atomic_store_n(&ball, 0, __ATOMIC_RELEASE);
	return arg;
}

static void *pipe_other(void *arg)
{
	char c;
	pin(1);
	while (read(there[0], &c, 1) == 1)
		if (write(back[1], &c, 1) != 1)
			break;
	return arg;
}

static void by_futex(void)
{
	ball = 1;
	syscall(SYS_futex, &ball, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	while (ball)
		futex_wait(1);
}

static void by_spin(void)
{
	__atomic_store_n(&ball, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&ball, __ATOMIC_ACQUIRE))
		;
}

static void by_pipe(void)
{
	char c = 0;
	if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
		exit(1);
}

static void ping(const char *name, void *(*other)(void *), void (*turn)(void))
{
	pthread_t thread;
	uint64_t turns = 0;
	over = 0;
	ball = 0;
	pthread_create(&thread, NULL, other, NULL);
	pin(0);
	double begun = now(), passed;
	do {
		for (int n = 0; n < 20; n++, turns++)
			turn();
		passed = now() - begun;
	} while (passed < seconds);
	over = 1;
	ball = 2;
	if (turn == by_pipe)
		close(there[1]);
	else
		syscall(SYS_futex, &ball, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	pthread_join(thread, NULL);
	printf("SMP %s_us %.2f\n", name, passed / turns * 1e6);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		seconds = atof(argv[1]);
	for (rounds = 1 << 20; time_of(1) < seconds; rounds *= 2)
		;
	double one = time_of(1), two = time_of(2);
	printf("\nSMP one_s %.3f\nSMP two %.3f\n", one, two / one);
	if (pipe(there) || pipe(back))
		return 1;
	ping("pipe", pipe_other, by_pipe);
	ping("futex", futex_other, by_futex);
	ping("spin", spin_other, by_spin);
	puts("SMP-END");
	return 0;
}
