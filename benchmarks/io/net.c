/* TCP from a guest: net KIND ADDRESS PORT COUNT SECONDS. Ends after COUNT or SECONDS, whichever is first
 * (0: never). Prints `io NAME OPERATIONS BYTES SECONDS`.
 *
 * Each connection begins with a line of 16 bytes that says what the other end does, `endpoint.py`:
 *   send     COUNT bytes go there; it takes them and answers how many and their checksum
 *   give     it gives bytes for SECONDS, and closes
 *   copy     it gives COUNT bytes; they go to standard output, and what is printed to standard error
 *   request  one byte there, one byte back, one at a time
 *   connect  COUNT connections, each for one such exchange
 *
 * What is sent is blocks of 64 KiB: the number of the block, then always the same bytes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 65536
#define LINE 16

static struct sockaddr_in other_end;
static uint64_t block[BLOCK / 8];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void failed(const char *what)
{
    perror(what);
    exit(1);
}

static void put(int s, const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count) {
        ssize_t n = write(s, at, count);
        if (n <= 0)
            failed("write");
        at += n;
        count -= n;
    }
}

static int opened(const char *line)
{
    char padded[LINE + 1];
    int s = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (s < 0 || connect(s, (struct sockaddr *)&other_end, sizeof other_end))
        failed("connect");
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    snprintf(padded, sizeof padded, "%-15s\n", line);
    put(s, padded, LINE);
    return s;
}

static void exchange(int s)
{
    char byte = 1;
    put(s, &byte, 1);
    if (read(s, &byte, 1) != 1)
        failed("read");
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    const char *kind = argv[1];
    uint64_t count = strtoull(argv[4], NULL, 0), operations = 0, bytes = 0, x = 88172645463325252ull;
    double seconds = atof(argv[5]);
    signal(SIGPIPE, SIG_IGN);
    other_end.sin_family = AF_INET;
    other_end.sin_port = htons(atoi(argv[3]));
    inet_pton(AF_INET, argv[2], &other_end.sin_addr);
    for (int i = 1; i < BLOCK / 8; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        block[i] = x;
    }
    int many = !strcmp(kind, "connect"), copies = !strcmp(kind, "copy");
    int by_bytes = copies || !strcmp(kind, "send") || !strcmp(kind, "give");
    char answer[256], line[32];
    if (copies)
        snprintf(line, sizeof line, "give %llu", (unsigned long long)count);
    else if (!strcmp(kind, "give"))
        snprintf(line, sizeof line, "give 0 %g", seconds);
    else
        snprintf(line, sizeof line, "%s", kind);
    int gives = !strcmp(kind, "give");
    int s = many ? -1 : opened(line);
    double start = now();
    while ((!count || (by_bytes ? bytes : operations) < count) &&
           (gives || seconds == 0 || now() - start < seconds)) {
        if (many) {
            s = opened("request");
            exchange(s);
            close(s);
            bytes += 2;
        } else if (!strcmp(kind, "request")) {
            exchange(s);
            bytes += 2;
        } else if (!strcmp(kind, "send")) {
            block[0] = operations;
            put(s, block, BLOCK);
            bytes += BLOCK;
        } else {
            ssize_t n = read(s, block, BLOCK);
            if (n < 0 || (n == 0 && !gives))
                failed("read");
            if (n == 0)
                break;
            bytes += n;
            if (copies)
                put(1, block, n);
        }
        operations++;
    }
    if (!strcmp(kind, "send")) {
        shutdown(s, SHUT_WR);
        ssize_t n = read(s, answer, sizeof answer - 1);
        if (n <= 0)
            failed("read");
        answer[n] = 0;
        printf("other end: %s", answer);
    }
    fprintf(copies ? stderr : stdout, "io %s %llu %llu %.6f\n", kind,
            (unsigned long long)operations, (unsigned long long)bytes, now() - start);
    return 0;
}
