/* SPDX-License-Identifier: MIT */
/* Whole vectors and rows: sums in a fixed order, softmax and cross-entropy, pixels. A sum is computed in 32 interleaved
   chains on every instruction set (8 registers of SSE2, 2 of AVX-512). */
#ifndef KERNEL_VECTOR_ROW_H
#define KERNEL_VECTOR_ROW_H

#include "kernel/vector/math.h"

enum { CHAINS = 32, CHAIN_REGISTERS = CHAINS / VECTOR, FLUSH = 8192 };

static void vector_fill(size_t n, float value, float *y)
{
    EACH_VECTOR(n, store_some(y + i, splat(value), left););
}

static void vector_scale_add(size_t n, float alpha, const float *x, float beta, float *y)
{
    if (beta == 0.0f) {
        EACH_VECTOR(n, store_some(y + i, alpha * load_some(x + i, left), left););
    } else if (beta == 1.0f) {
        EACH_VECTOR(n, store_some(y + i, plus_product(load_some(y + i, left), alpha, load_some(x + i, left)), left););
    } else {
        EACH_VECTOR(n, {
            vf kept = beta * load_some(y + i, left);
            store_some(y + i, plus_product(kept, alpha, load_some(x + i, left)), left);
        });
    }
}

/* Eight registers of y at a time: each weight is then loaded for eight multiply-adds, more than they take to finish. A
   chain has at most TERMS_TOGETHER terms, then joins y: one of thousands would lose digits. */
enum { SUM_REGISTERS = 8, TERMS_TOGETHER = 128 };

INLINE void weighted_registers(size_t terms, const float *const *x, const float *weights, float bias, float *y,
                               size_t i)
{
    for (size_t begin = 0; begin < terms; begin += TERMS_TOGETHER) {
        size_t end = terms - begin < TERMS_TOGETHER ? terms : begin + TERMS_TOGETHER;
        vf s0 = {0}, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
        for (size_t t = begin; t < end; t++) {
            const float *from = x[t] + i;
            vf weight = splat(weights[t]);
            multiply_add(s0, load(from), weight);
            multiply_add(s1, load(from + VECTOR), weight);
            multiply_add(s2, load(from + 2 * VECTOR), weight);
            multiply_add(s3, load(from + 3 * VECTOR), weight);
            multiply_add(s4, load(from + 4 * VECTOR), weight);
            multiply_add(s5, load(from + 5 * VECTOR), weight);
            multiply_add(s6, load(from + 6 * VECTOR), weight);
            multiply_add(s7, load(from + 7 * VECTOR), weight);
        }
        const vf sums[SUM_REGISTERS] = {s0, s1, s2, s3, s4, s5, s6, s7};
        UNROLL
        for (size_t v = 0; v < SUM_REGISTERS; v++) {
            float *to = y + i + v * VECTOR;
            store(to, sums[v] + (begin == 0 ? splat(bias) : load(to)));
        }
    }
}

static void vector_weighted_sum(size_t n, size_t terms, const float *const *x, const float *weights, float bias,
                                float *y)
{
    size_t i = 0;
    for (; i + SUM_REGISTERS * VECTOR <= n; i += SUM_REGISTERS * VECTOR) {
        weighted_registers(terms, x, weights, bias, y, i);
    }
    for (; i < n; i += VECTOR) {
        size_t left = i + VECTOR <= n ? 0 : n - i;
        vf total = splat(bias);
        for (size_t begin = 0; begin < terms; begin += TERMS_TOGETHER) {
            size_t end = terms - begin < TERMS_TOGETHER ? terms : begin + TERMS_TOGETHER;
            vf sum = {0};
            for (size_t t = begin; t < end; t++) {
                multiply_add(sum, load_some(x[t] + i, left), splat(weights[t]));
            }
            total = sum + total;
        }
        store_some(y + i, total, left);
    }
}

/* Loads register v of the 32 floats at position `at`; floats from n on count as zero. */
INLINE vf load_chain(const float *x, size_t at, size_t n, size_t v)
{
    size_t begin = at + v * VECTOR;
    if (begin + VECTOR <= n) {
        return load(x + begin);
    }
    return begin < n ? load_first(x + begin, n - begin) : (vf){0};
}

/* The sum of a, or of a times b; b is not read for a plain sum. Callers pass a constant `term`, so that each gets its
   own loop. */
enum term { TERM_PLAIN, TERM_PRODUCT };

INLINE double sum_terms(size_t n, const float *a, const float *b, enum term term)
{
    double total = 0;
    for (size_t begin = 0; begin < n; begin += FLUSH) {
        size_t end = n - begin < FLUSH ? n : begin + FLUSH;
        vf sum[CHAIN_REGISTERS] = {{0}};
        size_t i = begin;
        for (; i + CHAINS <= end; i += CHAINS) {
            UNROLL
            for (size_t v = 0; v < CHAIN_REGISTERS; v++) {
                vf x = load(a + i + v * VECTOR);
                sum[v] = term == TERM_PLAIN ? sum[v] + x : plus_product(sum[v], x, load(b + i + v * VECTOR));
            }
        }
        if (i < end) {
            UNROLL
            for (size_t v = 0; v < CHAIN_REGISTERS; v++) {
                vf x = load_chain(a, i, end, v);
                sum[v] = term == TERM_PLAIN ? sum[v] + x : plus_product(sum[v], x, load_chain(b, i, end, v));
            }
        }
        for (size_t v = 0; v < CHAIN_REGISTERS; v++) {
            for (size_t j = 0; j < VECTOR; j++) {
                total += (double)sum[v][j];
            }
        }
    }
    return total;
}

static double vector_sum(size_t n, const float *x)
{
    return sum_terms(n, x, x, TERM_PLAIN);
}

static double vector_sum_products(size_t n, const float *a, const float *b)
{
    return sum_terms(n, a, b, TERM_PRODUCT);
}

static double vector_sum_squares(size_t n, const float *x)
{
    return sum_terms(n, x, x, TERM_PRODUCT);
}

static float vector_maximum(size_t n, const float *x)
{
    vf best0 = splat(-INFINITY), best1 = best0;
    size_t i = 0;
    for (; i + 2 * VECTOR <= n; i += 2 * VECTOR) {
        best0 = max_or_nan(best0, load(x + i));
        best1 = max_or_nan(best1, load(x + i + VECTOR));
    }
    best0 = max_or_nan(best0, best1);
    float best = -INFINITY;
    for (size_t j = 0; j < VECTOR; j++) {
        best = best0[j] > best || best0[j] != best0[j] ? best0[j] : best;
    }
    for (; i < n; i++) {
        best = x[i] > best || x[i] != x[i] ? x[i] : best;
    }
    return best;
}

static size_t vector_index_of_maximum(size_t n, const float *x)
{
    float best = vector_maximum(n, x);
    for (size_t i = 0; i < n; i++) {
        if (x[i] == best || x[i] != x[i]) {
            return i;
        }
    }
    return 0;
}

static bool vector_all_finite(size_t n, const float *x)
{
    vi bad = {0};
    EACH_VECTOR(n, bad |= ((vi)load_some(x + i, left) & 0x7f800000) == 0x7f800000;);
    return !any(bad);
}

/* log of s >= 1 in double, by the logarithm of vpow */
INLINE double log_of_sum(double s)
{
    if (!(s < (double)INFINITY)) {
        return s; /* infinity and NaN are their own logarithms */
    }
    vd lanes = (vd){0} + s;
    return double_log2(lanes)[0] * 0.693147180559945309417;
}

/* Sum of e^(x - max). The terms go to a buffer, since x must not be overwritten yet. */
static double exp_sum(size_t n, const float *x, float max)
{
    enum { PART = 512 };
    float buffer[PART];
    double total = 0;
    for (size_t begin = 0; begin < n; begin += PART) {
        size_t count = n - begin < PART ? n - begin : PART;
        EACH_VECTOR(count, store_some(buffer + i, vexp(load_some(x + begin + i, left) - max), left););
        total += vector_sum(count, buffer);
    }
    return total;
}

static void vector_softmax(size_t rows, size_t columns, const float *x, size_t x_stride, float *y, size_t y_stride)
{
    for (size_t r = 0; r < rows; r++, x += x_stride, y += y_stride) {
        float max = vector_maximum(columns, x);
        EACH_VECTOR(columns, store_some(y + i, vexp(load_some(x + i, left) - max), left););
        float factor = (float)(1.0 / vector_sum(columns, y));
        EACH_VECTOR(columns, store_some(y + i, load_some(y + i, left) * factor, left););
    }
}

static void vector_log_softmax(size_t rows, size_t columns, const float *x, size_t x_stride, float *y, size_t y_stride)
{
    for (size_t r = 0; r < rows; r++, x += x_stride, y += y_stride) {
        float max = vector_maximum(columns, x);
        float log_sum = (float)log_of_sum(exp_sum(columns, x, max));
        EACH_VECTOR(columns, store_some(y + i, (load_some(x + i, left) - max) - log_sum, left););
    }
}

static void vector_softmax_gradient(size_t rows, size_t columns, const float *y, size_t y_stride, const float *dy,
                                    size_t dy_stride, float *dx, size_t dx_stride)
{
    for (size_t r = 0; r < rows; r++, y += y_stride, dy += dy_stride, dx += dx_stride) {
        float sum = (float)vector_sum_products(columns, y, dy);
        EACH_VECTOR(columns, store_some(dx + i, load_some(y + i, left) * (load_some(dy + i, left) - sum), left););
    }
}

static void vector_log_softmax_gradient(size_t rows, size_t columns, const float *y, size_t y_stride, const float *dy,
                                        size_t dy_stride, float *dx, size_t dx_stride)
{
    for (size_t r = 0; r < rows; r++, y += y_stride, dy += dy_stride, dx += dx_stride) {
        float sum = (float)vector_sum(columns, dy);
        EACH_VECTOR(columns, {
            vf share = vexp(load_some(y + i, left));
            store_some(dx + i, minus_product(load_some(dy + i, left), share, sum), left);
        });
    }
}

static void vector_cross_entropy(size_t rows, size_t classes, const float *logits, size_t stride,
                                 const int32_t *labels, const float *class_weights, float smoothing, float *loss,
                                 float *weight, float *probabilities)
{
    for (size_t r = 0; r < rows; r++, logits += stride) {
        float max = vector_maximum(classes, logits);
        double sum = exp_sum(classes, logits, max), log_sum = log_of_sum(sum);
        size_t label = (size_t)labels[r]; /* a negative label becomes a huge one */
        bool counts = labels[r] >= 0 && label < classes;
        double total = 0;
        if (counts) {
            double own = (1.0 - smoothing) * (class_weights ? class_weights[label] : 1.0f);
            total = own != 0 ? own * ((double)logits[label] - max - log_sum) : 0.0;
            for (size_t k = 0; smoothing != 0.0f && k < classes; k++) {
                double share = (double)smoothing / (double)classes * (class_weights ? class_weights[k] : 1.0f);
                total += share != 0 ? share * ((double)logits[k] - max - log_sum) : 0.0;
            }
        }
        loss[r] = (float)(0.0 - total);
        if (weight) {
            weight[r] = !counts ? 0.0f : class_weights ? class_weights[label] : 1.0f;
        }
        if (probabilities) {
            float factor = (float)(1.0 / sum), *p = probabilities + r * classes;
            EACH_VECTOR(classes, store_some(p + i, vexp(load_some(logits + i, left) - max) * factor, left););
        }
    }
}

static void vector_cross_entropy_gradient(size_t rows, size_t classes, const float *probabilities,
                                          const int32_t *labels, const float *class_weights, float smoothing,
                                          const float *scale, float *dlogits, size_t stride)
{
    for (size_t r = 0; r < rows; r++, probabilities += classes, dlogits += stride) {
        size_t label = (size_t)labels[r];
        if (labels[r] < 0 || label >= classes) {
            vector_fill(classes, 0.0f, dlogits);
            continue;
        }
        float share = (float)((double)smoothing / (double)classes),
              own_weight = class_weights ? class_weights[label] : 1.0f;
        double total = (1.0 - smoothing) * own_weight +
                       (double)share * (class_weights ? vector_sum(classes, class_weights) : (double)classes);
        /* The label's element is computed separately, in double: its two terms nearly cancel once the network is well
           trained. */
        double own = total * probabilities[label] - ((1.0 - smoothing) + share) * own_weight;
        float factor = (float)(scale[r] * total), each = scale[r] * share;
        if (share == 0.0f) {
            EACH_VECTOR(classes, store_some(dlogits + i, load_some(probabilities + i, left) * factor, left););
        } else {
            EACH_VECTOR(classes, {
                vf weights = class_weights ? load_some(class_weights + i, left) : splat(1.0f);
                store_some(dlogits + i, product_less(load_some(probabilities + i, left), factor, each * weights), left);
            });
        }
        dlogits[label] = (float)(scale[r] * own);
    }
}

static void vector_normalise_u8(size_t pixels, size_t channels, const uint8_t *x, const float *mean,
                                const float *deviation, float *y)
{
    /* Means and deviations repeat every `channels` registers: lay out one such period. */
    enum { MOST = 64 };
    float means[MOST * VECTOR], deviations[MOST * VECTOR];
    size_t n = pixels * channels, period = channels * VECTOR;
    for (size_t i = 0; i < period; i++) {
        means[i] = mean[i % channels];
        deviations[i] = deviation[i % channels];
    }
    size_t at = 0;
    EACH_VECTOR(n, {
        vb bytes = {0};
        memcpy(&bytes, x + i, left ? left : VECTOR);
        vf v = to_float(widen(bytes));
        store_some(y + i, (v / 255.0f - load(means + at)) / load(deviations + at), left);
        at = at + VECTOR == period ? 0 : at + VECTOR;
    });
}

#endif
