/* SPDX-License-Identifier: MIT */
/* How near the product kernels come to the peak of one core: their GFLOP/s, and as a share of a loop of multiply-adds
   that touches no memory, for every instruction set this machine has. `fovea bench` times whole layers.
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

/* Best GFLOP/s of REPETITIONS runs of the product `p`; each repeats it until it has done about 2e8 operations. */
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

#ifdef __x86_64__
/* Twelve independent chains of multiply-adds in registers, `turns` links each. SSE2 has no fused multiply-add: six
   chains multiply and six add. */
static void chains_sse2(size_t turns)
{
    for (size_t i = 0; i < turns; i++) {
        __asm__ volatile("mulps %%xmm12, %%xmm0\n addps %%xmm12, %%xmm1\n mulps %%xmm12, %%xmm2\n"
                         "addps %%xmm12, %%xmm3\n mulps %%xmm12, %%xmm4\n addps %%xmm12, %%xmm5\n"
                         "mulps %%xmm12, %%xmm6\n addps %%xmm12, %%xmm7\n mulps %%xmm12, %%xmm8\n"
                         "addps %%xmm12, %%xmm9\n mulps %%xmm12, %%xmm10\n addps %%xmm12, %%xmm11\n" ::
                             : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                               "xmm11");
    }
}

#define FUSED(r, n) "vfmadd231ps %%" r "14, %%" r "15, %%" r #n "\n"
#define TWELVE(r)                                                                                           \
    FUSED(r, 0) FUSED(r, 1) FUSED(r, 2) FUSED(r, 3) FUSED(r, 4) FUSED(r, 5) FUSED(r, 6) FUSED(r, 7)         \
    FUSED(r, 8) FUSED(r, 9) FUSED(r, 10) FUSED(r, 11)
static void chains_avx2(size_t turns)
{
    for (size_t i = 0; i < turns; i++) {
        __asm__ volatile(TWELVE("ymm")::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                         "xmm9", "xmm10", "xmm11");
    }
}

static void chains_avx512(size_t turns)
{
    for (size_t i = 0; i < turns; i++) {
        __asm__ volatile(TWELVE("zmm")::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                         "xmm9", "xmm10", "xmm11");
    }
}
#endif

/* The peak: GFLOP/s of multiply-adds that touch no memory; 0 except on x86-64, where alone the loop exists. */
static double peak(const struct kernel_table *table)
{
    void (*chains)(size_t) = NULL;
    double flops = 12 * 2 * (double)table->vector_floats, best = 0;
#ifdef __x86_64__
    chains = table->level >= CPU_AVX512 ? chains_avx512 : table->level == CPU_AVX2 ? chains_avx2 : chains_sse2;
    flops = table->level == CPU_SSE2 ? flops / 2 : flops; /* a multiplication or an addition */
#endif
    for (int i = 0; chains && i < REPETITIONS; i++) {
        double start = seconds();
        chains(5000000);
        double now = flops * 5000000 / (seconds() - start) * 1e-9;
        best = now > best ? now : best;
    }
    return best;
}

/* Zeroed floats that begin on a cache line (64 bytes), as the library's own buffers do. Free with free(). */
static void *lines(size_t floats)
{
    size_t bytes = (floats * sizeof(float) + 63) / 64 * 64;
    void  *memory = aligned_alloc(64, bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

struct layer {
    const char *name;
    size_t      size, kernel, channels, filters;
    int         collapsed; /* a whole row of the kernel is one tap, with kernel times as many channels */
};

static void measure(const struct kernel_table *table, const struct layer *l, double top)
{
    /* At most 64 tiles of pixels of a square image with padded borders, the block that an operator would pass. */
    size_t out = l->size, in = l->size + l->kernel - 1, taps = l->kernel * l->kernel, pixels = out * out;
    size_t block = 64 * table->tile_rows;
    pixels = pixels < block ? pixels : block;
    size_t across = l->collapsed ? 1 : l->kernel, depth = taps * l->channels;
    taps = l->kernel * across;
    size_t packed = kernel_padded_filters(table, l->filters) * depth;
    float   *x = lines(in * in * l->channels), *weights = lines(packed);
    float   *result = lines(pixels * l->filters), *bias = lines(l->filters);
    int32_t *offsets = lines(taps * pixels);
    size_t   workspace_floats = table->product_workspace(pixels, l->filters, depth);
    float   *workspace = lines(workspace_floats);
    if (x && weights && result && bias && offsets && (workspace || workspace_floats == 0)) {
        for (size_t t = 0; t < taps; t++) {
            for (size_t r = 0; r < pixels; r++) {
                size_t row = r / out + t / across, column = r % out + t % across;
                offsets[t * pixels + r] = (int32_t)((row * in + column) * l->channels);
            }
        }
        struct kernel_product p = {.rows = pixels,
                                   .filters = l->filters,
                                   .taps = taps,
                                   .channels = depth / taps,
                                   .x = x,
                                   .offsets = offsets,
                                   .offset_stride = pixels,
                                   .weights = weights,
                                   .bias = bias,
                                   .out = result,
                                   .out_stride = l->filters,
                                   .workspace = workspace_floats > 0 ? workspace : NULL,
                                   .activation = UNARY_relu};
        double got = rate(table, &p);
        printf("  %-24s K %5zu  %7.1f GFLOP/s  %3.0f %%\n", l->name, depth, got, top > 0 ? 100 * got / top : 0);
    } else {
        printf("  %-24s out of memory\n", l->name);
    }
    free(x), free(weights), free(result), free(bias), free(offsets), free(workspace);
}

int main(void)
{
    static const struct layer layers[] = {
        {"1x1 56x56 64->64", 56, 1, 64, 64, 0},        {"1x1 56x56 256->64", 56, 1, 256, 64, 0},
        {"1x1 14x14 1024->256", 14, 1, 1024, 256, 0},  {"1x1 7x7 2048->512", 7, 1, 2048, 512, 0},
        {"3x3 56x56 64->64", 56, 3, 64, 64, 0},        {"3x3 28x28 128->128", 28, 3, 128, 128, 0},
        {"3x3 14x14 256->256", 14, 3, 256, 256, 0},    {"3x3 7x7 512->512", 7, 3, 512, 512, 0},
        {"5x5 24x24 1->10", 24, 5, 1, 10, 0},       {"same, collapsed", 24, 5, 1, 10, 1},
        {"5x5 8x8 10->20", 8, 5, 10, 20, 0},        {"same, collapsed", 8, 5, 10, 20, 1},
        {"7x7 112x112 3->64 coll.", 112, 7, 3, 64, 1}, {"dense 1 row 400->120", 1, 1, 400, 120, 0},
        {"dense 1 row 2048->1000", 1, 1, 2048, 1000, 0},
    };
    for (int level = CPU_SSE2; level < CPU_LEVEL_COUNT; level++) {
        const struct kernel_table *table = kernel_table_for((enum cpu_level)level);
        if (!table || !cpu_has((enum cpu_level)level)) {
            continue;
        }
        double top = peak(table);
        printf("%s, tile %zu x %zu, registers alone %.1f GFLOP/s\n", table->name, table->tile_rows,
               table->panel_columns, top);
        for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
            measure(table, &layers[i], top);
        }
    }
    return 0;
}
