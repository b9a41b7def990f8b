#include "workload.h"

/* Matrix times vector, and rank-one updates, on pairs of doubles (VSX on the guest, SSE2
   natively). */

typedef double pair __attribute__((vector_size(16)));

enum { N = 128, PAIRS = N / 2 };

static pair matrix[N][PAIRS], x[PAIRS], y[N];

static void multiply(void)
{
    for (int row = 0; row < N; row++) {
        pair a = {0, 0}, b = {0, 0};
        for (int i = 0; i < PAIRS; i += 2) {
            a += matrix[row][i] * x[i];
            b += matrix[row][i + 1] * x[i + 1];
        }
        y[row] = a + b;
    }
}

static void update(double factor)
{
    for (int row = 0; row < N; row++) {
        double weight = factor * (row % 3 - 1);
        pair by = {weight, weight};
        for (int i = 0; i < PAIRS; i++)
            matrix[row][i] += by * x[i];
    }
}

WORKLOAD(linalg, "float", "matrix times vector and rank-one updates on pairs of doubles (VSX)")
{
    double sum = 0;
    /* Small whole numbers: exact with any contraction. */
    for (int row = 0; row < N; row++)
        for (int i = 0; i < PAIRS; i++)
            matrix[row][i] = (pair){(row + i) % 7 - 3, (row * i) % 5 - 2};
    for (int i = 0; i < PAIRS; i++)
        x[i] = (pair){i % 3 - 1, i % 4 - 2};
    for (int pass = 0; pass < 2400; pass++) {
        multiply();
        update(pass & 1 ? 1 : -1);
        for (int row = 0; row < N; row++)
            sum += (y[row][0] + y[row][1]) * (row % 5 + 1);
    }
    return (uint64_t)(int64_t)sum;
}
