#include "workload.h"

enum { NODES = (4 << 20) / 64 };

struct node {
    struct node *next;
    uint64_t value, pad[6];
};

WORKLOAD(chase, "memory", "a random cycle of pointers through 4 MiB: dependent loads")
{
    struct node *nodes = room(NODES * sizeof *nodes);
    uint32_t *order = room(NODES * sizeof *order);
    uint64_t state = 7, sum = 0;
    for (uint32_t i = 0; i < NODES; i++)
        order[i] = i;
    for (uint32_t i = NODES - 1; i > 0; i--) {
        uint32_t other = next_random(&state) % (i + 1), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        nodes[order[i]].next = nodes + order[(i + 1) % NODES];
        nodes[order[i]].value = order[i];
    }
    const struct node *at = nodes;
    for (int i = 0; i < 100 * NODES; i++) {
        at = at->next;
        sum += at->value ^ i;
    }
    free(order);
    free(nodes);
    return sum;
}
