/* Disk transfers in a guest: io DEVICE SECONDS. Prints `io NAME OPERATIONS BYTES SECONDS`.
 *
 * All but the last go past the guest's page cache (O_DIRECT), so that each is a request of the
 * device. `queue16` keeps 16 requests under way; `fsync` writes 4 KiB and waits until it is durable;
 * `idle` does nothing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>

#define DEEP 16
#define LARGE (1 << 20)
#define SMALL 4096

static double seconds = 2;
static int device;
static uint64_t device_size;
static char *buffer;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252ull;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void report(const char *name, long operations, double bytes, double start)
{
    printf("io %s %ld %.0f %.6f\n", name, operations, bytes, now() - start);
    fflush(stdout);
}

static void failed(const char *what)
{
    perror(what);
    exit(1);
}

/* What was written before is durable: a flush inside a measurement would have to wait for that, too,
 * and longer the more was written. */
static void settle(void)
{
    if (fdatasync(device))
        failed("fdatasync");
}

static void one_by_one(const char *name, size_t size, int is_write, int is_random, int is_durable)
{
    settle();
    double start = now();
    uint64_t places = device_size / size, place = 0;
    long done = 0;
    while (now() - start < seconds) {
        place = is_random ? next_random() % places : (place + 1) % places;
        ssize_t n = is_write ? pwrite(device, buffer, size, place * size)
                             : pread(device, buffer, size, place * size);
        if (n != (ssize_t)size)
            failed(name);
        if (is_durable && fdatasync(device))
            failed(name);
        done++;
    }
    report(name, done, (double)done * size, start);
}

static void many_at_once(const char *name, int is_write)
{
    aio_context_t context = 0;
    struct iocb requests[DEEP], *one[DEEP];
    struct io_event events[DEEP];
    if (syscall(SYS_io_setup, DEEP, &context))
        failed("io_setup");
    settle();
    double start = now();
    long done = 0;
    int under_way = 0;
    memset(requests, 0, sizeof requests);
    for (int i = 0; i < DEEP; i++)
        one[i] = &requests[i];
    int count = DEEP;
    for (;;) {
        for (int i = 0; i < count; i++) {
            struct iocb *r = one[i];
            r->aio_fildes = device;
            r->aio_lio_opcode = is_write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
            r->aio_buf = (uintptr_t)buffer + (r - requests) * SMALL;
            r->aio_nbytes = SMALL;
            r->aio_offset = next_random() % (device_size / SMALL) * SMALL;
        }
        if (syscall(SYS_io_submit, context, (long)count, one) != count)
            failed("io_submit");
        under_way += count;
        long got = syscall(SYS_io_getevents, context, 1L, (long)DEEP, events, NULL);
        if (got < 1)
            failed("io_getevents");
        for (long i = 0; i < got; i++) {
            if (events[i].res != SMALL)
                failed(name);
            one[i] = (struct iocb *)(uintptr_t)events[i].obj;
        }
        done += got;
        under_way -= got;
        count = got;
        if (now() - start >= seconds)
            break;
    }
    while (under_way > 0)
        under_way -= syscall(SYS_io_getevents, context, 1L, (long)DEEP, events, NULL);
    syscall(SYS_io_destroy, context);
    report(name, done, (double)done * SMALL, start);
}

int main(int argc, char **argv)
{
    if (argc != 3 || posix_memalign((void **)&buffer, 65536, LARGE))
        return 2;
    seconds = atof(argv[2]);
    memset(buffer, 0xA5, LARGE);
    device = open(argv[1], O_RDWR | O_DIRECT);
    if (device < 0 || ioctl(device, BLKGETSIZE64, &device_size))
        failed(argv[1]);
    one_by_one("write-1M", LARGE, 1, 0, 0);
    one_by_one("read-1M", LARGE, 0, 0, 0);
    one_by_one("read-4k", SMALL, 0, 1, 0);
    one_by_one("write-4k", SMALL, 1, 1, 0);
    many_at_once("read-4k-queue16", 0);
    many_at_once("write-4k-queue16", 1);
    one_by_one("fsync-4k", SMALL, 1, 1, 1);
    double start = now();
    sleep((unsigned)seconds * 3);
    report("idle", 0, 0, start);
    return 0;
}
