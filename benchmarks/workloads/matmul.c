#include "workload.h"

enum { N = 96 };

WORKLOAD(matmul, "float", "product of 96 by 96 matrices of doubles")
{
    static double a[N][N], b[N][N], c[N][N];
    double total = 0;
    /* Small whole numbers: every sum is exact, in any order and with any contraction. */
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (i * 7 + j * 3) % 17 - 8;
            b[i][j] = (i * 5 + j * 11) % 13 - 6;
        }
    for (int pass = 0; pass < 120; pass++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                double sum = 0;
                for (int k = 0; k < N; k++)
                    sum += a[i][k] * b[k][j];
                c[i][j] = sum;
            }
        for (int i = 0; i < N; i++)
            total += c[i][(i * 5 + pass) % N];
        a[pass % N][pass % N] += 1;
    }
    return (uint64_t)(int64_t)total;
}
