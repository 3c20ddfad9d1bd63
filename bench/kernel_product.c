/* SPDX-License-Identifier: MIT */
/* How near the product kernels come to the machine: GFLOP/s on one core against a loop of multiply-adds that touches no
   memory, for every instruction set this machine has. Not a benchmark of layers; that is `fovea bench`.
   usage: kernel_product */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/kernel.h"

enum { REPETITIONS = 7 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Best GFLOP/s of a few repetitions of a product of so many multiply-adds. */
static double rate(const struct kernel_table *table, const struct kernel_product *p)
{
    double work = 2.0 * (double)p->rows * (double)p->filters * (double)p->taps * (double)p->channels, best = 0;
    size_t calls = (size_t)(2e8 / work) + 1;
    for (int i = 0; i < REPETITIONS; i++) {
        double start = seconds();
        for (size_t c = 0; c < calls; c++) {
            table->product(p);
        }
        double now = work * (double)calls / (seconds() - start) * 1e-9;
        best = now > best ? now : best;
    }
    return best;
}

/* A tile of one panel over few channels, all in the first-level cache, as many taps as it takes: the highest rate that the
   registers allow, short of a loop in assembly. */
static double peak(const struct kernel_table *table, float *buffer)
{
    struct kernel_outer o = {.runs = 1, .run = 64, .channels = table->tile_rows, .width = table->panel_columns,
                             .x = buffer, .x_step = table->tile_rows, .dy = buffer + 4096, .out = buffer + 8192,
                             .out_stride = table->panel_columns};
    double work = 2.0 * 64 * (double)(table->tile_rows * table->panel_columns), best = 0;
    size_t calls = (size_t)(2e8 / work);
    for (int i = 0; i < REPETITIONS; i++) {
        double start = seconds();
        for (size_t c = 0; c < calls; c++) {
            table->outer(&o);
        }
        double now = work * (double)calls / (seconds() - start) * 1e-9;
        best = now > best ? now : best;
    }
    return best;
}

struct layer {
    const char *name;
    size_t      size, kernel, channels, filters;
};

static void measure(const struct kernel_table *table, const struct layer *l, double top)
{
    /* A block of pixels of a square image whose borders the caller padded, as an operator would cut it. */
    size_t out = l->size, in = l->size + l->kernel - 1, taps = l->kernel * l->kernel, pixels = out * out;
    size_t block = 32 * table->tile_rows;
    pixels = pixels < block ? pixels : block;
    size_t packed = kernel_padded_filters(table, l->filters) * taps * l->channels;
    float   *x = calloc(in * in * l->channels, sizeof *x), *weights = calloc(packed, sizeof *weights);
    float   *result = calloc(pixels * l->filters, sizeof *result), *bias = calloc(l->filters, sizeof *bias);
    int32_t *offsets = calloc(taps * pixels, sizeof *offsets);
    if (x && weights && result && bias && offsets) {
        for (size_t t = 0; t < taps; t++) {
            for (size_t r = 0; r < pixels; r++) {
                size_t row = r / out + t / l->kernel, column = r % out + t % l->kernel;
                offsets[t * pixels + r] = (int32_t)((row * in + column) * l->channels);
            }
        }
        struct kernel_product p = {.rows = pixels, .filters = l->filters, .taps = taps, .channels = l->channels, .x = x,
                                   .offsets = offsets, .offset_stride = pixels, .weights = weights, .bias = bias,
                                   .out = result, .out_stride = l->filters, .activation = UNARY_relu};
        double got = rate(table, &p);
        printf("  %-22s K %5zu  %7.1f GFLOP/s  %3.0f %%\n", l->name, taps * l->channels, got, 100 * got / top);
    }
    free(x), free(weights), free(result), free(bias), free(offsets);
}

int main(void)
{
    static const struct layer layers[] = {
        {"1x1 56x56 64->64", 56, 1, 64, 64},        {"1x1 56x56 256->64", 56, 1, 256, 64},
        {"1x1 14x14 1024->256", 14, 1, 1024, 256},  {"1x1 7x7 2048->512", 7, 1, 2048, 512},
        {"3x3 56x56 64->64", 56, 3, 64, 64},        {"3x3 28x28 128->128", 28, 3, 128, 128},
        {"3x3 14x14 256->256", 14, 3, 256, 256},    {"3x3 7x7 512->512", 7, 3, 512, 512},
        {"5x5 24x24 1->10", 24, 5, 1, 10},          {"5x5 8x8 10->20", 8, 5, 10, 20},
        {"dense 1 row 400->120", 1, 1, 400, 120},
    };
    float *buffer = calloc(1 << 15, sizeof *buffer);
    for (int level = CPU_SSE2; buffer && level < CPU_LEVEL_COUNT; level++) {
        const struct kernel_table *table = kernel_table_for((enum cpu_level)level);
        if (!table || !cpu_has((enum cpu_level)level)) {
            continue;
        }
        double top = peak(table, buffer);
        printf("%s, tile %zu x %zu: outer product in cache %.1f GFLOP/s\n", table->name, table->tile_rows,
               table->panel_columns, top);
        for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
            measure(table, &layers[i], top);
        }
    }
    free(buffer);
    return 0;
}
