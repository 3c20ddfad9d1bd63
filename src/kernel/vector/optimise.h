/* SPDX-License-Identifier: MIT */
/* The optimisers' updates, each in one pass over weights, gradient and state. Formulas: list.inc, as PyTorch's. */
#ifndef KERNEL_VECTOR_OPTIMISE_H
#define KERNEL_VECTOR_OPTIMISE_H

#include "kernel/vector/vector.h"

static void vector_sgd(size_t n, const struct kernel_sgd *o, float gradient_scale, const float *gradient,
                       float *weight, float *velocity)
{
    float momentum = o->momentum, fresh = o->first_step ? 1.0f : 1.0f - o->dampening;
    float kept = o->first_step ? 0.0f : momentum;
    EACH_VECTOR(n, {
        vf w = load_some(weight + i, left);
        vf g = plus_product(o->weight_decay * w, gradient_scale, load_some(gradient + i, left));
        if (momentum != 0.0f) {
            /* On the first step the buffer may hold anything, even NaN, so it is not read. */
            vf m = o->first_step ? g : plus_product(fresh * g, kept, load_some(velocity + i, left));
            store_some(velocity + i, m, left);
            g = o->nesterov ? plus_product(g, momentum, m) : m;
        }
        store_some(weight + i, minus_product(w, o->learning_rate, g), left);
    });
}

static void vector_adam(size_t n, const struct kernel_adam *o, float gradient_scale, const float *gradient,
                        float *weight, float *first, float *second)
{
    float shrink = o->decoupled ? (float)(1.0 - (double)o->learning_rate * o->weight_decay) : 1.0f;
    float decay = o->decoupled ? 0.0f : o->weight_decay;
    float step = o->learning_rate / o->bias_correction1;
    float root_correction = vsqrt(splat(o->bias_correction2))[0];
    EACH_VECTOR(n, {
        vf w = load_some(weight + i, left) * shrink;
        vf g = plus_product(decay * w, gradient_scale, load_some(gradient + i, left));
        vf m = plus_product(o->share1 * g, o->beta1, load_some(first + i, left));
        vf v = plus_product(o->share2 * (g * g), o->beta2, load_some(second + i, left));
        store_some(first + i, m, left);
        store_some(second + i, v, left);
        store_some(weight + i, w - step * m / (vsqrt(v) / root_correction + o->epsilon), left);
    });
}

#endif
