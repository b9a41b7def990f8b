/* power_loss DIRECTORY START: writes records into four files there, and says of each, once the
   kernel has promised that it is durable: "@ack NUMBER". From number START on, until it is killed.

   Record N is 4096 bytes in file N % 4 at place N / 4, each 8 of them (N * 512 + index) mixed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BYTES = 4096, WORDS = BYTES / 8 };

static uint64_t mixed(uint64_t value)
{
    value *= 0x9e3779b97f4a7c15u;
    value ^= value >> 29;
    return value * 0xbf58476d1ce4e5b9u;
}

int main(int count, char **words)
{
    if (count != 3 || chdir(words[1])) {
        perror("power_loss");
        return 2;
    }
    int files[4];
    for (int i = 0; i < 4; i++) {
        char name[3] = {'f', '0' + i, 0};
        /* two are made durable by fsync, one by fdatasync, one by the way it is opened */
        files[i] = open(name, O_WRONLY | O_CREAT | (i == 3 ? O_DSYNC : 0), 0644);
        if (files[i] < 0) {
            perror(name);
            return 2;
        }
    }
    printf("\n"); /* the kernel's last words may have no end of line */
    for (uint64_t number = strtoull(words[2], NULL, 10);; number++) {
        uint64_t record[WORDS];
        int file = number % 4;
        for (int i = 0; i < WORDS; i++)
            record[i] = mixed(number * WORDS + i);
        if (pwrite(files[file], record, BYTES, number / 4 * BYTES) != BYTES
            || (file < 2 && fsync(files[file])) || (file == 2 && fdatasync(files[file]))) {
            perror("record");
            return 1;
        }
        if (number % 16 == 7) { /* names change, too */
            char from[32], to[32];
            snprintf(from, sizeof from, "n%d", (int)(number / 16 % 8));
            snprintf(to, sizeof to, "m%d", (int)(number / 16 % 8));
            int made = open(from, O_WRONLY | O_CREAT, 0644);
            if (made < 0 || fsync(made) || close(made) || rename(from, to))
                perror(from);
        }
        printf("@ack %llu\n", (unsigned long long)number);
        fflush(stdout);
    }
}
