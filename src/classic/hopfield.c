/* SPDX-License-Identifier: MIT */
/* Hopfield networks (Hopfield, "Neural networks and physical systems with emergent collective computational abilities",
 * PNAS 1982). Read next: boltzmann.c, the same network with stochastic units. */
#include "base/random.h"
#include "device/context.h"
#include <fovea/classic.h>

#include <string.h>

enum { MOST_UNITS = 20000 };

struct fov_hopfield {
    fov_context *context;
    int units;
    float *weights; /* [units][units], symmetric, zeros on the diagonal */
};

fov_hopfield *fov_hopfield_create(fov_context *context, int units)
{
    if (context == NULL) {
        return NULL;
    }
    call_fresh(context);
    struct error *error = &context->error;
    if (error->status != FOV_OK) {
        return NULL;
    }
    if (units < 2 || units > MOST_UNITS) {
        error_set(error, FOV_E_USAGE, "Hopfield network: %d units; 2 to %d are possible", units, MOST_UNITS);
        return NULL;
    }
    fov_hopfield *h = memory_allocate(context->memory, 1, sizeof *h, "a Hopfield network", error);
    if (h == NULL) {
        return NULL;
    }
    size_t square = (size_t)units * (size_t)units;
    *h = (fov_hopfield){.context = context, .units = units};
    h->weights = memory_allocate(context->memory, square, sizeof *h->weights, "Hopfield's weights", error);
    if (h->weights == NULL) {
        fov_hopfield_free(h);
        return NULL;
    }
    return h;
}

void fov_hopfield_free(fov_hopfield *h)
{
    if (h != NULL) {
        struct memory *memory = h->context->memory;
        memory_free(memory, h->weights);
        memory_free(memory, h);
    }
}

int64_t fov_hopfield_weights(const fov_hopfield *h)
{
    if (h == NULL) {
        return 0;
    }
    return (int64_t)h->units * (h->units - 1) / 2;
}

void fov_hopfield_store(fov_hopfield *h, const int8_t *pattern)
{
    if (h == NULL || pattern == NULL) {
        return;
    }
    for (int i = 0; i < h->units; i++) {
        float *row = h->weights + (size_t)i * (size_t)h->units;
        for (int j = 0; j < h->units; j++) {
            row[j] += i == j ? 0.0f : (float)(pattern[i] * pattern[j]) / (float)h->units;
        }
    }
}

static double input_of(const fov_hopfield *h, const int8_t *state, int unit)
{
    const float *row = h->weights + (size_t)unit * (size_t)h->units;
    double sum = 0;
    for (int j = 0; j < h->units; j++) {
        sum += (double)row[j] * state[j];
    }
    return sum;
}

double fov_hopfield_energy(const fov_hopfield *h, const int8_t *state)
{
    if (h == NULL || state == NULL) {
        return 0;
    }
    double sum = 0;
    for (int i = 0; i < h->units; i++) {
        sum += input_of(h, state, i) * state[i];
    }
    return -sum / 2;
}

/* Sweeps over the units until nothing changes. `order`: room for the order of units in one sweep, [units]. */
static int settle(const fov_hopfield *h, int8_t *state, int sweeps, uint64_t seed, uint32_t *order)
{
    for (int sweep = 0; sweep < sweeps; sweep++) {
        const struct random_key key = {seed, RANDOM_GENERATE, (uint64_t)sweep};
        bool changed = false;
        random_permutation(key, order, (size_t)h->units);
        for (int i = 0; i < h->units; i++) {
            int unit = (int)order[i];
            double input = input_of(h, state, unit);
            int8_t next = input > 0 ? 1 : input < 0 ? -1 : state[unit];
            changed = changed || next != state[unit];
            state[unit] = next;
        }
        if (!changed) {
            return sweep;
        }
    }
    return sweeps + 1;
}

int fov_hopfield_recall(const fov_hopfield *h, int8_t *state, int sweeps, uint64_t seed)
{
    if (h == NULL || state == NULL) {
        return 0;
    }
    struct memory *memory = h->context->memory;
    struct error error = {.status = FOV_OK};
    uint32_t *order = memory_allocate_raw(memory, (size_t)h->units, sizeof *order, "an order of units", &error);
    if (order == NULL) {
        context_put_error(h->context, &error);
        return -1;
    }
    int swept = settle(h, state, sweeps, seed, order);
    memory_free(memory, order);
    return swept;
}
