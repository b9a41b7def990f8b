#include "workload.h"

#include <math.h>

/* Five bodies under gravity, in units of their own. */
struct body {
    double x[3], v[3], mass;
};

static const struct body START[5] = {
    {{0, 0, 0}, {0, 0, 0}, 40.0},
    {{4.5, -1.1, -0.1}, {0.6, 2.7, -0.02}, 0.035},
    {{8.2, 4.0, -0.4}, {-1.0, 1.8, 0.01}, 0.012},
    {{12.5, -15.1, -0.2}, {1.1, 0.8, -0.01}, 0.0017},
    {{15.1, -25.5, 0.18}, {0.95, 0.6, -0.03}, 0.002}};

static void step(struct body *bodies, double dt)
{
    for (int i = 0; i < 5; i++) {
        for (int j = i + 1; j < 5; j++) {
            double d[3], square = 0.01;
            for (int k = 0; k < 3; k++) {
                d[k] = bodies[i].x[k] - bodies[j].x[k];
                square += d[k] * d[k];
            }
            double pull = dt / (square * sqrt(square));
            for (int k = 0; k < 3; k++) {
                bodies[i].v[k] -= d[k] * bodies[j].mass * pull;
                bodies[j].v[k] += d[k] * bodies[i].mass * pull;
            }
        }
    }
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 3; k++)
            bodies[i].x[k] += dt * bodies[i].v[k];
}

static double energy(const struct body *bodies)
{
    double sum = 0;
    for (int i = 0; i < 5; i++) {
        double square = 0;
        for (int k = 0; k < 3; k++)
            square += bodies[i].v[k] * bodies[i].v[k];
        sum += 0.5 * bodies[i].mass * square;
        for (int j = i + 1; j < 5; j++) {
            double far = 0.01;
            for (int k = 0; k < 3; k++) {
                double d = bodies[i].x[k] - bodies[j].x[k];
                far += d * d;
            }
            sum -= bodies[i].mass * bodies[j].mass / sqrt(far);
        }
    }
    return sum;
}

WORKLOAD(nbody, "float", "gravity between five bodies: double arithmetic, division, square root")
{
    struct body bodies[5];
    memcpy(bodies, START, sizeof bodies);
    for (int i = 0; i < 400000; i++)
        step(bodies, 0.001);
    /* Six digits are the same with and without fused multiply-add. */
    return (uint64_t)(int64_t)llround(energy(bodies) * 1e6);
}
