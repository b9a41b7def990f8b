#include "workload.h"

/* Compression with a window: a token is a literal (0, byte) or a copy (length, distance). */

enum { SIZE = 4500000, HASH_BITS = 13, LONGEST = 255, SHORTEST = 4, WINDOW = 65535, TRIES = 8 };

static uint32_t hash_of(const unsigned char *at)
{
    uint32_t word;
    memcpy(&word, at, 4);
    return word * 2654435761u >> (32 - HASH_BITS);
}

static size_t compress(const unsigned char *in, size_t size, unsigned char *out)
{
    static int32_t newest[1 << HASH_BITS], older[SIZE];
    size_t at = 0, written = 0;
    memset(newest, 0xff, sizeof newest);
    while (at < size) {
        size_t best = 0, distance = 0;
        if (at + SHORTEST <= size) {
            uint32_t hash = hash_of(in + at);
            int32_t from = newest[hash];
            for (int tries = 0; from >= 0 && at - from <= WINDOW && tries < TRIES; tries++) {
                size_t length = 0, limit = size - at < LONGEST ? size - at : LONGEST;
                while (length < limit && in[from + length] == in[at + length])
                    length++;
                if (length > best) {
                    best = length;
                    distance = at - from;
                }
                from = older[from];
            }
        }
        size_t used = best >= SHORTEST ? best : 1;
        if (used > 1) {
            out[written++] = best;
            out[written++] = distance;
            out[written++] = distance >> 8;
        } else {
            out[written++] = 0;
            out[written++] = in[at];
        }
        for (; used; used--, at++)
            if (at + SHORTEST <= size) {
                uint32_t hash = hash_of(in + at);
                older[at] = newest[hash];
                newest[hash] = at;
            }
    }
    return written;
}

static size_t expand(const unsigned char *in, size_t size, unsigned char *out)
{
    size_t written = 0;
    for (size_t at = 0; at < size;) {
        unsigned length = in[at++];
        if (!length) {
            out[written++] = in[at++];
            continue;
        }
        size_t distance = in[at] | in[at + 1] << 8;
        for (at += 2; length; length--, written++)
            out[written] = out[written - distance];
    }
    return written;
}

WORKLOAD(lz, "integer", "compression and expansion of 4.5 MB of made-up text")
{
    static unsigned char text[SIZE], packed[2 * SIZE], back[SIZE + LONGEST];
    uint64_t state = 5, sum = 0;
    for (size_t at = 0; at < SIZE;) {
        uint64_t random = next_random(&state);
        unsigned word = random & 255, length = 3 + word % 7;
        for (unsigned i = 0; i < length && at < SIZE; i++)
            text[at++] = 'a' + (word * 31 + i * 7 + (word >> 4)) % 26;
        if (at < SIZE)
            text[at++] = random & 0xf00 ? ' ' : '\n';
    }
    size_t size = compress(text, SIZE, packed);
    if (expand(packed, size, back) != SIZE || memcmp(text, back, SIZE) != 0)
        return 0;
    for (size_t i = 0; i < size; i += 64)
        sum = mix_in(sum, packed[i]);
    return mix_in(sum, size);
}
