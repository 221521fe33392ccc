/* Simulated annealing on Rastrigin's function; prints the best value that it found.

   cc -O2 -o anneal anneal.c -lm && ./anneal --dim 8 --steps 10000 --seed 1 */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static double uniform(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) / 9007199254740992.0;
}

static double cost_at(double x) {
    return x * x - 10.0 * cos(6.283185307179586 * x) + 10.0;
}

int main(int argc, char **argv) {
    long steps = 10000;
    int dim = 8;
    double temperature = 20.0, width = 1.0;
    state = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--steps")) steps = atol(argv[i + 1]);
        if (!strcmp(argv[i], "--dim")) dim = atoi(argv[i + 1]);
        if (!strcmp(argv[i], "--temperature")) temperature = atof(argv[i + 1]);
        if (!strcmp(argv[i], "--width")) width = atof(argv[i + 1]);
        if (!strcmp(argv[i], "--seed")) state = 2 * strtoull(argv[i + 1], 0, 10) + 1;
    }
    for (int i = 0; i < 64; i++) uniform();
    double *x = malloc(dim * sizeof *x), cost = 0.0;
    for (int i = 0; i < dim; i++) cost += cost_at(x[i] = 10.24 * uniform() - 5.12);
    double best = cost;
    for (long step = 1; step <= steps; step++) {
        double heat = temperature * (1.0 - (double)step / (steps + 1));
        int i = (int)(uniform() * dim);
        double moved = x[i] + width * (2.0 * uniform() - 1.0);
        double change = cost_at(moved) - cost_at(x[i]);
        if (change <= 0.0 || uniform() < exp(-change / heat)) {
            x[i] = moved;
            cost += change;
        }
        if (cost < best) best = cost;
        if (step % (steps / 20 + 1) == 0) printf("step %ld best %.6f\n", step, best / dim);
    }
    printf("result: %.6f\n", best / dim);
    return 0;
}
