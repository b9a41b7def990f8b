#include "workload.h"

#ifdef __ALTIVEC__
#include <altivec.h>
#undef vector
#undef pixel
#undef bool
#endif

/* Search with vectors of 16 bytes (VMX on the guest, SSE2 natively): positions where the first and
   the last letter of the word stand at once, compared fully. */

typedef unsigned char bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

enum { SIZE = 1 << 18 };

static bytes16 load(const unsigned char *from)
{
    bytes16 value;
    memcpy(&value, from, sizeof value);
    return value;
}

static int has_any(bytes16 mask)
{
#ifdef __ALTIVEC__
    return vec_any_ne((__vector unsigned char)mask, (__vector unsigned char){0});
#else
    words2 halves = (words2)mask;
    return (halves[0] | halves[1]) != 0;
#endif
}

static uint64_t count(const unsigned char *text, size_t size, const char *word)
{
    size_t length = strlen(word);
    uint64_t found = 0;
    bytes16 first, last;
    memset(&first, word[0], sizeof first);
    memset(&last, word[length - 1], sizeof last);
    for (size_t at = 0; at + length + 15 < size; at += 16) {
        bytes16 mask = (bytes16)(load(text + at) == first)
                       & (bytes16)(load(text + at + length - 1) == last);
        if (!has_any(mask))
            continue;
        for (int i = 0; i < 16; i++)
            if (mask[i] && memcmp(text + at + i, word, length) == 0)
                found += at + i;
    }
    return found;
}

WORKLOAD(search, "float", "words in 256 KiB of text, 16 bytes at a time (VMX)")
{
    static unsigned char text[SIZE];
    static const char *const WORDS[6] = {"needle", "qzj", "haystackish", "thread", "xxxy", "zz"};
    uint64_t state = 3, sum = 0;
    for (size_t i = 0; i < SIZE; i++)
        text[i] = 'a' + next_random(&state) % 26;
    for (int i = 0; i < 200; i++) {
        const char *word = WORDS[i % 6];
        memcpy(text + next_random(&state) % (SIZE - 100), word, strlen(word));
    }
    for (int pass = 0; pass < 360; pass++)
        for (int i = 0; i < 6; i++)
            sum = mix_in(sum, count(text + pass, SIZE - pass, WORDS[i]));
    return sum;
}
