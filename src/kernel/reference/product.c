/* SPDX-License-Identifier: MIT */
/* Reference kernels for matrix products and the packed layouts they read. The fast versions are vector/product.h,
   outer.h and pack.h. */
#include <string.h>

#include "kernel/reference/reference.h"

void reference_product(const struct kernel_product *p)
{
    for (size_t r = 0; r < p->rows; r++) {
        for (size_t f = 0; f < p->filters; f++) {
            size_t panel = f / REFERENCE_PANEL, column = f % REFERENCE_PANEL;
            const float *w = p->weights + panel * p->taps * p->channels * REFERENCE_PANEL + column;
            double sum = 0;
            for (size_t t = 0; t < p->taps; t++) {
                const float *x = p->x + r * p->x_stride;
                if (p->offsets) {
                    int32_t offset = p->offsets[t * p->offset_stride + r];
                    x = offset < 0 ? p->zeros : p->x + offset;
                }
                for (size_t c = 0; c < p->channels; c++, w += REFERENCE_PANEL) {
                    sum += (double)x[c] * *w;
                }
            }
            float *out = p->out + (p->out_offsets ? (size_t)p->out_offsets[r] : r * p->out_stride) + f;
            sum += p->accumulate ? *out : 0.0;
            sum += p->bias ? p->bias[f] : 0.0;
            if (p->residual) {
                sum += p->residual[(p->out_offsets ? (size_t)p->out_offsets[r] : r * p->residual_stride) + f];
            }
            *out = (float)reference_activation(p->activation, sum, p->alpha, p->beta);
        }
    }
}

size_t reference_product_workspace(size_t rows, size_t filters, size_t depth)
{
    (void)rows;
    (void)filters;
    (void)depth;
    return 0;
}

void reference_outer(const struct kernel_outer *o)
{
    for (size_t c = 0; c < o->channels; c++) {
        for (size_t f = 0; f < o->width; f++) {
            double sum = 0;
            for (size_t p = 0; p < o->runs * o->run; p++) {
                sum +=
                    (double)o->x[p / o->run * o->x_run_stride + p % o->run * o->x_step + c] * o->dy[p * o->width + f];
            }
            float *out = o->out + c * o->out_stride + f;
            *out = (float)(sum + (o->accumulate ? *out : 0.0));
        }
    }
}

void reference_outer_rows(const struct kernel_outer_rows *o)
{
    for (size_t f = 0; f < o->filters; f++) {
        for (size_t c = 0; c < o->channels; c++) {
            double sum = 0;
            for (size_t p = 0; p < o->pixels; p++) {
                sum += o->x[p] ? (double)o->x[p][c] * o->dy[p * o->dy_stride + f] : 0.0;
            }
            float *out = o->out + f * o->out_stride + c;
            *out = (float)(sum + (o->accumulate || o->block > 0 ? *out : 0.0));
        }
    }
}

size_t reference_outer_rows_workspace(size_t channels, size_t filters)
{
    (void)channels;
    (void)filters;
    return 0;
}

/* Index of weight (f, c, t) in plain weights. */
static size_t plain_index(const struct kernel_weights *s, size_t f, size_t c, size_t t)
{
    return f * s->filter_stride + c * s->channel_stride + (s->tap_offsets ? (size_t)s->tap_offsets[t] : t);
}

/* Index of the same weight in panels of REFERENCE_PANEL columns. */
static size_t panel_index(const struct kernel_weights *s, size_t f, size_t c, size_t t)
{
    size_t panel = f / REFERENCE_PANEL, column = f % REFERENCE_PANEL;
    return ((panel * s->taps + t) * s->channels + c) * REFERENCE_PANEL + column;
}

void reference_pack_weights(const struct kernel_weights *s, const float *weights, float *panels)
{
    size_t padded = (s->filters + REFERENCE_PANEL - 1) / REFERENCE_PANEL * REFERENCE_PANEL;
    for (size_t f = 0; f < padded; f++) {
        for (size_t t = 0; t < s->taps; t++) {
            for (size_t c = 0; c < s->channels; c++) {
                panels[panel_index(s, f, c, t)] = f < s->filters ? weights[plain_index(s, f, c, t)] : 0.0f;
            }
        }
    }
}

void reference_unpack_weights(const struct kernel_weights *s, const float *panels, float *weights)
{
    for (size_t f = 0; f < s->filters; f++) {
        for (size_t t = 0; t < s->taps; t++) {
            for (size_t c = 0; c < s->channels; c++) {
                weights[plain_index(s, f, c, t)] = panels[panel_index(s, f, c, t)];
            }
        }
    }
}

void reference_pack_columns(size_t rows, size_t columns, const float *x, size_t x_stride, size_t block, size_t round,
                            float *out, size_t out_block_stride)
{
    for (size_t first = 0; first < columns; first += block, out += out_block_stride) {
        size_t left = columns - first;
        size_t width = left >= block ? block : (left + round - 1) / round * round;
        for (size_t r = 0; r < rows; r++) {
            for (size_t i = 0; i < width; i++) {
                out[r * width + i] = i < left ? x[r * x_stride + first + i] : 0.0f;
            }
        }
    }
}

void reference_transpose(size_t rows, size_t columns, const float *x, size_t x_stride, float *out, size_t out_stride)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            out[c * out_stride + r] = x[r * x_stride + c];
        }
    }
}
