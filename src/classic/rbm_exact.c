/* SPDX-License-Identifier: MIT */
/* Exact quantities of an RBM whose hidden states can be enumerated: its partition function and the gradient of the
 * data's log probability. The reference for contrastive divergence, which only estimates that gradient. */
#include "classic/rbm.h"

#include <math.h>
#include <string.h>

enum { MOST_ENUMERATED = 20 };

/* log(1 + e^x) without overflow. */
static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double hidden_input(const fov_rbm *r, const float *v, int j)
{
    const float *row = r->weight + (size_t)j * (size_t)r->visible;
    double sum = (double)r->hidden_bias[j];
    for (int i = 0; i < r->visible; i++) {
        sum += (double)row[i] * (double)v[i];
    }
    return sum;
}

double fov_rbm_free_energy(const fov_rbm *r, const float *v)
{
    if (r == NULL || v == NULL) {
        return 0;
    }
    double energy = 0;
    for (int i = 0; i < r->visible; i++) {
        energy -= (double)r->visible_bias[i] * (double)v[i];
    }
    for (int j = 0; j < r->hidden; j++) {
        energy -= softplus(hidden_input(r, v, j));
    }
    return energy;
}

/* Computes the inputs [visible] of the visible units for the hidden state `h` (unit j is bit j). Returns the logarithm
 * of the sum over all visible states of e^-E. */
static double sum_visible(const fov_rbm *r, uint32_t h, double *input)
{
    double logarithm = 0;
    for (int i = 0; i < r->visible; i++) {
        input[i] = (double)r->visible_bias[i];
    }
    for (int j = 0; j < r->hidden; j++) {
        if (h >> j & 1) {
            const float *row = r->weight + (size_t)j * (size_t)r->visible;
            logarithm += (double)r->hidden_bias[j];
            for (int i = 0; i < r->visible; i++) {
                input[i] += (double)row[i];
            }
        }
    }
    for (int i = 0; i < r->visible; i++) {
        logarithm += softplus(input[i]);
    }
    return logarithm;
}

static double *take_inputs(const fov_rbm *r)
{
    struct error *error = &r->context->error;
    if (r->hidden > MOST_ENUMERATED) {
        error_set(error, FOV_E_USAGE, "RBM: %d hidden units have too many states to enumerate; at most %d", r->hidden,
                  MOST_ENUMERATED);
        return NULL;
    }
    return memory_allocate(r->context->memory, (size_t)r->visible, sizeof(double), "inputs of visible units", error);
}

/* log of the partition function; factors out the largest term, so that nothing overflows. */
static double log_partition(const fov_rbm *r, double *input)
{
    uint32_t states = (uint32_t)1 << r->hidden;
    double largest = sum_visible(r, 0, input), sum = 0;
    for (uint32_t h = 1; h < states; h++) {
        largest = fmax(largest, sum_visible(r, h, input));
    }
    for (uint32_t h = 0; h < states; h++) {
        sum += exp(sum_visible(r, h, input) - largest);
    }
    return largest + log(sum);
}

int fov_rbm_log_partition(const fov_rbm *r, double *result)
{
    if (r == NULL || result == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(r->context);
    double *input = take_inputs(r);
    if (input != NULL) {
        *result = log_partition(r, input);
    }
    memory_free(r->context->memory, input);
    return (int)r->context->error.status;
}

int fov_rbm_gradient(const fov_rbm *r, const float *data, int64_t count, double *weight, double *visible_bias,
                     double *hidden_bias)
{
    if (r == NULL || data == NULL || weight == NULL || visible_bias == NULL || hidden_bias == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(r->context);
    if (count < 1) {
        return error_set(&r->context->error, FOV_E_USAGE, "RBM: %lld samples", (long long)count);
    }
    size_t visible = (size_t)r->visible;
    double *input = take_inputs(r);
    if (input == NULL) {
        return (int)r->context->error.status;
    }
    memset(weight, 0, (size_t)r->hidden * visible * sizeof *weight);
    memset(visible_bias, 0, visible * sizeof *visible_bias);
    memset(hidden_bias, 0, (size_t)r->hidden * sizeof *hidden_bias);
    for (int64_t s = 0; s < count; s++) { /* the expectation under the data */
        const float *v = data + s * r->visible;
        for (int j = 0; j < r->hidden; j++) {
            double h = sigmoid(hidden_input(r, v, j)) / (double)count;
            hidden_bias[j] += h;
            for (size_t i = 0; i < visible; i++) {
                weight[(size_t)j * visible + i] += h * (double)v[i];
            }
        }
        for (size_t i = 0; i < visible; i++) {
            visible_bias[i] += (double)v[i] / (double)count;
        }
    }
    double partition = log_partition(r, input);
    for (uint32_t h = 0; h < (uint32_t)1 << r->hidden; h++) { /* minus the expectation under the model */
        double probability = exp(sum_visible(r, h, input) - partition);
        for (size_t i = 0; i < visible; i++) {
            double v = probability * sigmoid(input[i]);
            visible_bias[i] -= v;
            for (int j = 0; j < r->hidden; j++) {
                weight[(size_t)j * visible + i] -= h >> j & 1 ? v : 0;
            }
        }
        for (int j = 0; j < r->hidden; j++) {
            hidden_bias[j] -= h >> j & 1 ? probability : 0;
        }
    }
    memory_free(r->context->memory, input);
    return FOV_OK;
}
