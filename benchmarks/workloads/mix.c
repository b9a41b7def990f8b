#include "workload.h"

/* What small processors are measured with: lists, a matrix of small integers, a state machine
   over text, and a CRC over all results. */

enum { ITEMS = 200, N = 12, TEXT = 2000 };

struct item {
    struct item *next;
    int16_t key, value;
};

static uint16_t crc16(uint16_t crc, uint32_t value)
{
    for (int i = 0; i < 32; i++, value >>= 1)
        crc = (crc ^ value) & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
    return crc;
}

static struct item *merge_sort(struct item *list, int count, int by_value)
{
    if (count == 1) {
        list->next = NULL;
        return list;
    }
    struct item *middle = list;
    for (int i = 0; i < count / 2; i++)
        middle = middle->next;
    struct item *b = merge_sort(middle, count - count / 2, by_value);
    struct item *a = merge_sort(list, count / 2, by_value), *head = NULL, **tail = &head;
    while (a && b) {
        int first = by_value ? a->value <= b->value : a->key <= b->key;
        struct item **from = first ? &a : &b;
        *tail = *from;
        tail = &(*tail)->next;
        *from = *tail;
    }
    *tail = a ? a : b;
    return head;
}

static uint16_t lists(struct item *items, unsigned seed, uint16_t crc)
{
    for (int i = 0; i < ITEMS; i++) {
        items[i].next = items + i + 1;
        items[i].key = (i * 613 + seed) & 0x7fff;
        items[i].value = (i * 37 ^ seed * 11) & 0xff;
    }
    items[ITEMS - 1].next = NULL;
    struct item *list = merge_sort(items, ITEMS, 1);
    for (int wanted = 0; wanted < 16; wanted++) {
        int place = 0;
        for (struct item *at = list; at && at->value != wanted * 16; at = at->next)
            place++;
        crc = crc16(crc, place);
    }
    list = merge_sort(list, ITEMS, 0);
    for (struct item *at = list; at; at = at->next)
        crc = crc16(crc, at->key);
    return crc;
}

static uint16_t matrices(unsigned seed, uint16_t crc)
{
    int16_t a[N][N], b[N][N];
    int32_t c[N][N];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (i * N + j + seed) & 0xff;
            b[i][j] = (i - j) * 3 + (seed & 15);
        }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            c[i][j] = 0;
            for (int k = 0; k < N; k++)
                c[i][j] += a[i][k] * b[k][j];
        }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            crc += (c[i][j] >> 2 & 15) * (c[i][j] >> 5 & 127);
    return crc16(crc, c[3][5]);
}

enum state { START, SIGN, WHOLE, POINT, FRACTION, EXPONENT, WRONG, STATES };

static enum state next_state(enum state state, char c)
{
    int is_digit = c >= '0' && c <= '9';
    switch (state) {
    case START: return is_digit ? WHOLE : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : WRONG;
    case SIGN: return is_digit ? WHOLE : c == '.' ? POINT : WRONG;
    case WHOLE: return is_digit ? WHOLE : c == '.' ? POINT : c == 'e' ? EXPONENT : WRONG;
    case POINT:
    case FRACTION: return is_digit ? FRACTION : c == 'e' ? EXPONENT : WRONG;
    case EXPONENT: return is_digit || c == '-' ? EXPONENT : WRONG;
    default: return WRONG;
    }
}

static uint16_t states(const char *text, uint16_t crc)
{
    uint32_t counts[STATES] = {0};
    while (*text) {
        enum state state = START;
        for (; *text && *text != ','; text++)
            state = next_state(state, *text);
        counts[state]++;
        text += *text == ',';
    }
    for (int i = 0; i < STATES; i++)
        crc = crc16(crc, counts[i]);
    return crc;
}

WORKLOAD(mix, "integer", "lists, small matrices, a state machine and a CRC, as in CoreMark")
{
    static const char *const WORDS[8] = {"123,",  "-4.5,", "x9,",   "7.25e-3,",
                                         "+.5,",  "12e4,", "3..1,", "900000,"};
    static struct item items[ITEMS + 1];
    static char text[TEXT + 16];
    size_t length = 0;
    for (int i = 0; length < TEXT - 10; i++)
        length += (size_t)sprintf(text + length, "%s", WORDS[(i * 5 + i / 7) & 7]);
    uint16_t crc = 0;
    for (unsigned pass = 0; pass < 3000; pass++) {
        text[pass % length] ^= 1;
        crc = lists(items, pass, crc);
        crc = matrices(pass, crc);
        crc = states(text, crc);
        text[pass % length] ^= 1;
    }
    return crc;
}
