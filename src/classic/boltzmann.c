/* SPDX-License-Identifier: MIT */
/* Boltzmann machines (Ackley, Hinton, Sejnowski, "A learning algorithm for Boltzmann machines", Cognitive Science
 * 1985). States of small machines are enumerated, which is the reference of the tests; larger ones are sampled. Read
 * next: rbm.c. */
#include "base/random.h"
#include "device/context.h"
#include <fovea/classic.h>

#include <math.h>
#include <string.h>

enum { MOST_UNITS = 5000, MOST_ENUMERATED = 20 };

struct fov_boltzmann {
    fov_context *context;
    int units;
    double *weights, *biases; /* [units][units], [units] */
};

fov_boltzmann *fov_boltzmann_create(fov_context *context, int units)
{
    if (context == NULL) {
        return NULL;
    }
    call_fresh(context);
    struct error *error = &context->error;
    if (error->status != FOV_OK) {
        return NULL;
    }
    if (units < 1 || units > MOST_UNITS) {
        error_set(error, FOV_E_USAGE, "Boltzmann machine: %d units; 1 to %d are possible", units, MOST_UNITS);
        return NULL;
    }
    fov_boltzmann *b = memory_allocate(context->memory, 1, sizeof *b, "a Boltzmann machine", error);
    if (b == NULL) {
        return NULL;
    }
    size_t square = (size_t)units * (size_t)units;
    *b = (fov_boltzmann){.context = context, .units = units};
    b->weights = memory_allocate(context->memory, square, sizeof *b->weights, "Boltzmann's weights", error);
    b->biases = memory_allocate(context->memory, (size_t)units, sizeof *b->biases, "Boltzmann's biases", error);
    if (b->weights == NULL || b->biases == NULL) {
        fov_boltzmann_free(b);
        return NULL;
    }
    return b;
}

void fov_boltzmann_free(fov_boltzmann *b)
{
    if (b != NULL) {
        struct memory *memory = b->context->memory;
        memory_free(memory, b->weights);
        memory_free(memory, b->biases);
        memory_free(memory, b);
    }
}

double *fov_boltzmann_weights(fov_boltzmann *b)
{
    if (b == NULL) {
        return NULL;
    }
    return b->weights;
}

double *fov_boltzmann_biases(fov_boltzmann *b)
{
    if (b == NULL) {
        return NULL;
    }
    return b->biases;
}

/* ---- energy and sampling ----------------------------------------------------------------------------------------- */

/* The unit's input: by how much the energy falls when the unit changes from 0 to 1. */
static double input_of(const fov_boltzmann *b, const uint8_t *state, int unit)
{
    const double *row = b->weights + (size_t)unit * (size_t)b->units;
    double sum = b->biases[unit];
    for (int j = 0; j < b->units; j++) {
        sum += state[j] != 0 && j != unit ? row[j] : 0;
    }
    return sum;
}

double fov_boltzmann_energy(const fov_boltzmann *b, const uint8_t *state)
{
    if (b == NULL || state == NULL) {
        return 0;
    }
    double energy = 0;
    for (int i = 0; i < b->units; i++) {
        if (state[i] != 0) { /* each pair is counted from both sides, hence / 2; each bias once, hence + bias */
            energy -= (input_of(b, state, i) + b->biases[i]) / 2;
        }
    }
    return energy;
}

static void sweep(const fov_boltzmann *b, uint8_t *state, int clamped, double temperature, struct random_key key)
{
    for (int i = clamped; i < b->units; i++) {
        double probability = 1 / (1 + exp(-input_of(b, state, i) / temperature));
        state[i] = (double)random_uniform(key, (uint64_t)i) < probability;
    }
}

void fov_boltzmann_sample(const fov_boltzmann *b, uint8_t *state, int clamped, double temperature, int sweeps,
                          uint64_t seed)
{
    if (b == NULL || state == NULL) {
        return;
    }
    clamped = clamped > 0 ? clamped : 0;
    for (int i = 0; i < sweeps; i++) {
        sweep(b, state, clamped, temperature, (struct random_key){seed, RANDOM_GENERATE, (uint64_t)i});
    }
}

double fov_boltzmann_anneal(const fov_boltzmann *b, uint8_t *state, double hot, double cold, int sweeps, uint64_t seed)
{
    if (b == NULL || state == NULL) {
        return 0;
    }
    struct memory *memory = b->context->memory;
    uint8_t *best = memory_allocate(memory, (size_t)b->units, 1, "the best state", &b->context->error);
    double lowest = fov_boltzmann_energy(b, state);
    if (best == NULL) {
        return lowest;
    }
    memcpy(best, state, (size_t)b->units);
    for (int i = 0; i < sweeps; i++) {
        double temperature = sweeps > 1 ? hot * pow(cold / hot, (double)i / (sweeps - 1)) : cold;
        sweep(b, state, 0, temperature, (struct random_key){seed, RANDOM_GENERATE, (uint64_t)i});
        double energy = fov_boltzmann_energy(b, state);
        if (energy < lowest) {
            lowest = energy;
            memcpy(best, state, (size_t)b->units);
        }
    }
    memcpy(state, best, (size_t)b->units);
    memory_free(memory, best);
    return lowest;
}

/* ---- enumeration ------------------------------------------------------------------------------------------------- */

static int refuse_large(const fov_boltzmann *b)
{
    return b->units <= MOST_ENUMERATED
               ? FOV_OK
               : error_set(&b->context->error, FOV_E_USAGE,
                           "Boltzmann machine: %d units have too many states to enumerate; at most %d", b->units,
                           MOST_ENUMERATED);
}

static void state_of(int64_t number, int from, int units, uint8_t *state)
{
    for (int j = from; j < units; j++) {
        state[j] = (number >> (j - from)) & 1;
    }
}

/* The probabilities of all states of the units from `clamped` on, given the states of the units below it. */
static void enumerate(const fov_boltzmann *b, uint8_t *state, int clamped, double *probabilities)
{
    int64_t states = (int64_t)1 << (b->units - clamped);
    double lowest = 0, sum = 0;
    for (int64_t s = 0; s < states; s++) {
        state_of(s, clamped, b->units, state);
        probabilities[s] = fov_boltzmann_energy(b, state);
        lowest = s == 0 ? probabilities[s] : fmin(lowest, probabilities[s]);
    }
    for (int64_t s = 0; s < states; s++) {
        sum += probabilities[s] = exp(lowest - probabilities[s]);
    }
    for (int64_t s = 0; s < states; s++) {
        probabilities[s] /= sum;
    }
}

int fov_boltzmann_enumerate(const fov_boltzmann *b, double *probabilities)
{
    if (b == NULL || probabilities == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(b->context);
    uint8_t state[MOST_ENUMERATED];
    int status = refuse_large(b);
    if (status == FOV_OK) {
        enumerate(b, state, 0, probabilities);
    }
    return status;
}

/* ---- the gradient ------------------------------------------------------------------------------------------------ */

struct gradient {
    const fov_boltzmann *machine;
    double *weights, *biases;
    double *probabilities; /* of all states; NULL when sampling */
    uint8_t *state;
    int sweeps;
    uint64_t seed, chains; /* chains: Markov chains run so far; each has its own random numbers */
};

/* Adds share * s_i s_j of the current state to the gradient. */
static void add_state(const struct gradient *g, double share)
{
    int units = g->machine->units;
    for (int i = 0; i < units; i++) {
        for (int j = 0; j < units && g->state[i] != 0; j++) {
            g->weights[(size_t)i * (size_t)units + (size_t)j] += i != j && g->state[j] != 0 ? share : 0;
        }
        g->biases[i] += g->state[i] != 0 ? share : 0;
    }
}

/* Adds share * <s_i s_j>, an expectation with the units below `clamped` held fixed. */
static void add_mean(struct gradient *g, int clamped, double share)
{
    const fov_boltzmann *b = g->machine;
    if (g->sweeps == 0) {
        enumerate(b, g->state, clamped, g->probabilities);
        for (int64_t s = 0; s < (int64_t)1 << (b->units - clamped); s++) {
            state_of(s, clamped, b->units, g->state);
            add_state(g, share * g->probabilities[s]);
        }
        return;
    }
    uint64_t chain = g->chains++;
    for (int i = 0; i < 2 * g->sweeps; i++) {
        sweep(b, g->state, clamped, 1, (struct random_key){g->seed, RANDOM_GENERATE, (chain << 24) + (uint64_t)i});
        if (i >= g->sweeps) {
            add_state(g, share / g->sweeps);
        }
    }
}

int fov_boltzmann_gradient(const fov_boltzmann *b, const uint8_t *data, int64_t count, int visible, int sweeps,
                           uint64_t seed, double *weights, double *biases)
{
    if (b == NULL || data == NULL || weights == NULL || biases == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(b->context);
    struct error *error = &b->context->error;
    struct memory *memory = b->context->memory;
    size_t units = (size_t)b->units;
    struct gradient g = {b, weights, biases, NULL, NULL, sweeps, seed, 0};
    if (visible < 1 || visible > b->units || count < 1 || sweeps < 0) {
        return error_set(error, FOV_E_USAGE, "Boltzmann machine of %d units: %d visible, %lld samples, %d sweeps",
                         b->units, visible, (long long)count, sweeps);
    }
    if (sweeps == 0 && refuse_large(b) != FOV_OK) {
        return (int)error->status;
    }
    g.state = memory_allocate(memory, units, 1, "a state", error);
    if (sweeps == 0) {
        g.probabilities =
            memory_allocate(memory, (size_t)1 << units, sizeof *g.probabilities, "probabilities of states", error);
    }
    if (g.state != NULL && (sweeps > 0 || g.probabilities != NULL)) {
        memset(weights, 0, units * units * sizeof *weights);
        memset(biases, 0, units * sizeof *biases);
        for (int64_t i = 0; i < count; i++) {
            memcpy(g.state, data + i * visible, (size_t)visible);
            add_mean(&g, visible, 1.0 / (double)count);
        }
        add_mean(&g, 0, -1);
    }
    memory_free(memory, g.state);
    memory_free(memory, g.probabilities);
    return (int)error->status;
}
