/* SPDX-License-Identifier: MIT */
/* Measures this machine's peak rates: multiply-adds, bandwidth of each level of memory, and the rates by which plans
 * choose algorithms. Rates are the best of several tries, because other load can only make a machine look slower. */
#include "base/arithmetic.h"
#include "base/clock.h"
#include "base/size.h"
#include "device/context.h"
#include "device/rates.h"
#include <fovea/bench.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

/* ---- multiply-adds ----------------------------------------------------------------------------------------------- */

enum {
    PRODUCT_DEPTH = 256, /* channels; with the rows and filters below, both operands fit a second-level cache */
    PRODUCT_ROWS = 240,  /* a multiple of the tile height of every instruction set */
    PRODUCT_FILTERS = 256
};

/* A large matrix product whose data stay in cache. It has a workspace if the instruction set uses one: the kernel then
 * multiplies with tiles (AMX) instead of vector registers. */
struct near_product {
    const struct kernel_table *kernel;
    struct kernel_product product;
    float  *data;
    size_t  floats; /* floats of one thread's data */
};

static int make_near_product(fov_context *context, size_t threads, struct near_product *near)
{
    const struct kernel_table *kernel = context->kernel;
    size_t x = PRODUCT_ROWS * PRODUCT_DEPTH, out = PRODUCT_ROWS * PRODUCT_FILTERS;
    size_t weights = kernel_padded_filters(kernel, PRODUCT_FILTERS) * PRODUCT_DEPTH;
    size_t workspace = kernel->product_workspace(PRODUCT_ROWS, PRODUCT_FILTERS, PRODUCT_DEPTH);
    *near = (struct near_product){.kernel = kernel, .floats = x + weights + out + workspace};
    near->data = memory_allocate(context->memory, near->floats * threads, sizeof(float), "measuring products",
                                 &context->error);
    if (near->data == NULL) {
        return FOV_E_MEMORY;
    }
    /* numbers with many different bits: processors may multiply zeros faster than the numbers of networks */
    for (size_t i = 0; i < near->floats * threads; i++) {
        near->data[i] = 1.0f / (float)(i % 1021 + 1);
    }
    near->product = (struct kernel_product){.rows = PRODUCT_ROWS,
                                            .filters = PRODUCT_FILTERS,
                                            .taps = 1,
                                            .channels = PRODUCT_DEPTH,
                                            .x = near->data,
                                            .x_stride = PRODUCT_DEPTH,
                                            .weights = near->data + x,
                                            .out = near->data + x + weights,
                                            .out_stride = PRODUCT_FILTERS,
                                            .workspace = workspace > 0 ? near->data + x + weights + out : NULL};
    return FOV_OK;
}

static void run_near_product(void *opaque, size_t chunk, int worker)
{
    enum { CALLS = 8 };
    const struct near_product *near = opaque;
    struct kernel_product product = near->product;
    size_t at = (size_t)worker * near->floats;
    (void)chunk;
    product.x += at;
    product.weights += at;
    product.out += at;
    product.workspace = product.workspace == NULL ? NULL : product.workspace + at;
    for (int i = 0; i < CALLS; i++) {
        near->kernel->product(&product);
    }
}

static const double NEAR_WORK = 8.0 * PRODUCT_ROWS * PRODUCT_FILTERS * PRODUCT_DEPTH; /* multiply-adds per chunk */

enum { MOST_VECTOR = 64, TURNS_AT_ONCE = 1 << 16 };

static void run_chains(void *opaque, size_t chunk, int worker)
{
    const struct kernel_table *kernel = ((const struct near_product *)opaque)->kernel;
    float x[KERNEL_PEAK_CHAINS * MOST_VECTOR] = {0};
    (void)chunk;
    (void)worker;
    kernel->peak(TURNS_AT_ONCE, 0.5f, 1.0f, x); /* x = 0.5 x + 1 tends to 2: no overflow, no denormals */
}

/* Multiply-adds per second, the best of the tries within `seconds`; `work`: multiply-adds of one chunk. */
static double best_rate(struct pool *pool, pool_task *run, struct near_product *near, double work, double seconds)
{
    size_t chunks = (size_t)pool_threads(pool) * 4;
    double best = 0, end = clock_seconds() + seconds;
    do {
        double begun = clock_seconds();
        pool_run(pool, run, near, chunks);
        double rate = work * (double)chunks / (clock_seconds() - begun);
        best = rate > best ? rate : best;
    } while (clock_seconds() < end);
    return best;
}

double fov_measure_flops(fov_context *context, double seconds)
{
    if (context == NULL) {
        return 0;
    }
    call_fresh(context);
    const struct kernel_table *kernel = context->kernel;
    struct near_product near = {.kernel = kernel};
    if (context->error.status != FOV_OK || kernel->vector_floats > MOST_VECTOR) {
        return 0;
    }
    bool tiles = kernel->product_workspace(PRODUCT_ROWS, PRODUCT_FILTERS, PRODUCT_DEPTH) > 0;
    double work = (double)TURNS_AT_ONCE * KERNEL_PEAK_CHAINS * (double)kernel->vector_floats;
    double best = best_rate(context->pool, run_chains, &near, work, tiles ? seconds / 2 : seconds);
    if (tiles && make_near_product(context, (size_t)pool_threads(context->pool), &near) == FOV_OK) {
        double rate = best_rate(context->pool, run_near_product, &near, NEAR_WORK, seconds / 2);
        best = rate > best ? rate : best;
        memory_free(context->memory, near.data);
    }
    return 2 * best;
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

enum { LEAST_TRAFFIC = 1 << 24 }; /* bytes per try: a millisecond or more */

struct traffic {
    const struct kernel_table *kernel;
    float *data;
    size_t part, passes; /* floats per chunk; number of passes over them */
    bool   writes;
    _Atomic uint64_t sums; /* receives a result of the reads, so that these are not optimised away */
};

/* Passes over the chunk's part: reads all of it or, if `writes`, reads its first half and writes the second. */
static void move_bytes(void *opaque, size_t chunk, int worker)
{
    struct traffic *traffic = opaque;
    float *x = traffic->data + chunk * traffic->part;
    size_t half = traffic->part / 2;
    uint64_t seen = 0;
    (void)worker;
    for (size_t pass = 0; pass < traffic->passes; pass++) {
        if (traffic->writes) {
            traffic->kernel->scale_add(half, 1.0f, x, 0.0f, x + half);
        } else {
            seen += traffic->kernel->all_finite(traffic->part, x);
        }
    }
    atomic_fetch_add(&traffic->sums, seen);
}

/* Bandwidth in bytes per second, the best of the tries within `seconds`. `pool` NULL: of this thread alone. */
static double measure_traffic(fov_context *context, struct pool *pool, size_t bytes, double seconds)
{
    struct traffic traffic = {.kernel = context->kernel};
    size_t threads = (size_t)pool_threads(pool);
    traffic.part = bytes / sizeof(float) / threads / 32 * 32;
    traffic.part = traffic.part > 0 ? traffic.part : 32;
    size_t floats = traffic.part * threads;
    traffic.data = memory_allocate(context->memory, floats, sizeof(float), "measuring memory", &context->error);
    if (traffic.data == NULL) {
        return 0;
    }
    for (size_t i = 0; i < floats; i++) {
        traffic.data[i] = 1.0f; /* pages never written may all be mapped to one page of zeros */
    }
    traffic.passes = LEAST_TRAFFIC / (traffic.part * sizeof(float)) + 1;
    double moved = (double)floats * sizeof(float) * (double)traffic.passes, best = 0, end = clock_seconds() + seconds;
    do {
        traffic.writes = !traffic.writes;
        double begun = clock_seconds();
        pool_run(pool, move_bytes, &traffic, threads);
        double rate = moved / (clock_seconds() - begun);
        best = rate > best ? rate : best;
    } while (clock_seconds() < end);
    memory_free(context->memory, traffic.data);
    return best;
}

double fov_measure_bandwidth(fov_context *context, size_t bytes, double seconds)
{
    if (context == NULL) {
        return 0;
    }
    call_fresh(context);
    return context->error.status == FOV_OK ? measure_traffic(context, context->pool, bytes, seconds) : 0;
}

/* ---- rates ------------------------------------------------------------------------------------------------------ */

enum {
    TRANSFORM_CHANNELS = 64, /* and filters; one row of tiles of a 56 x 56 image, as in ResNet's first blocks */
    TRANSFORM_TILES = 14,
    TRANSFORM_CALLS = 64,
    STREAMED_BYTES = 1 << 28 /* more than most last-level caches */
};
static const double RATE_SECONDS = 0.3;

/* Multiply-adds per second of one thread in a large product. */
static int measure_products(fov_context *context, double *rate)
{
    struct near_product near;
    int status = make_near_product(context, 1, &near);
    if (status == FOV_OK) {
        double end = clock_seconds() + RATE_SECONDS;
        *rate = 0;
        do {
            double begun = clock_seconds();
            run_near_product(&near, 0, 0);
            double now = NEAR_WORK / (clock_seconds() - begun);
            *rate = now > *rate ? now : *rate;
        } while (clock_seconds() < end);
        memory_free(context->memory, near.data);
    }
    return status;
}

/* Transforms a row of tiles and its sums back, F(4x4, 3x3), TRANSFORM_CALLS times. */
static void transform_row(const struct kernel_table *kernel, struct kernel_winograd_input *input,
                          struct kernel_winograd_output *output)
{
    for (int i = 0; i < TRANSFORM_CALLS; i++) {
        kernel->winograd_input(input);
        kernel->winograd_output(output);
    }
}

/* Bytes per second of Winograd's transforms, counted as in the choice of algorithms (op/conv/winograd_plan.c): each
 * number of the transformed input and of the sums is written once and read once. */
static int measure_transforms(fov_context *context, double *rate)
{
    const struct kernel_table *kernel = context->kernel;
    struct winograd_sizes sizes = winograd_sizes(WINOGRAD_f4x4_3x3);
    size_t points = sizes.points[0] * sizes.points[1], height = sizes.points[0];
    size_t width = TRANSFORM_TILES * sizes.outputs[1], channels = TRANSFORM_CHANNELS;
    size_t stride = size_round_up(channels, kernel->vector_floats);
    size_t plane = TRANSFORM_TILES * stride + 16; /* planes a power of two apart would conflict in the cache */
    size_t image = height * width * channels, transformed = points * plane;
    float *data = memory_allocate(context->memory, 2 * (image + transformed), sizeof *data, "measuring transforms",
                                  &context->error);
    if (data == NULL) {
        return FOV_E_MEMORY;
    }
    struct kernel_winograd_input input = {.form = WINOGRAD_f4x4_3x3,
                                          .channels = channels,
                                          .tiles = TRANSFORM_TILES,
                                          .x = data,
                                          .height = height,
                                          .width = width,
                                          .line = width * channels,
                                          .pixel = channels,
                                          .top = 0,
                                          .left = -1,
                                          .out = data + image,
                                          .stride = stride,
                                          .plane = plane};
    struct kernel_winograd_output output = {.form = WINOGRAD_f4x4_3x3,
                                            .filters = channels,
                                            .tiles = TRANSFORM_TILES,
                                            .sums = data + image + transformed,
                                            .stride = stride,
                                            .plane = plane,
                                            .y = data + image + 2 * transformed,
                                            .height = height,
                                            .width = width,
                                            .line = width * channels,
                                            .pixel = channels,
                                            .activation = UNARY_identity};
    double moved = 2.0 * sizeof(float) * (double)points * TRANSFORM_TILES * (double)(2 * stride) * TRANSFORM_CALLS;
    double end = clock_seconds() + RATE_SECONDS;
    *rate = 0;
    do {
        double begun = clock_seconds();
        transform_row(kernel, &input, &output);
        double now = moved / (clock_seconds() - begun);
        *rate = now > *rate ? now : *rate;
    } while (clock_seconds() < end);
    memory_free(context->memory, data);
    return FOV_OK;
}

struct waking {
    _Atomic uint64_t taken; /* time in nanoseconds at which another thread began; 0: none has yet */
};

static uint64_t nanoseconds(void)
{
    return (uint64_t)(clock_seconds() * 1e9);
}

/* A job of two chunks: the caller's waits until another thread has begun the second, for at most a millisecond. */
static void await_helper(void *opaque, size_t chunk, int worker)
{
    struct waking *waking = opaque;
    (void)chunk;
    if (worker != 0) {
        atomic_store(&waking->taken, nanoseconds());
        return;
    }
    for (uint64_t begun = nanoseconds(); atomic_load(&waking->taken) == 0 && nanoseconds() - begun < 1000000;) {
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds from the start of a job until another thread begins to work on it: the median over jobs in quick succession,
 * as a plan's steps are. */
static double measure_wake(fov_context *context)
{
    enum { JOBS = 201 };
    double seconds[JOBS];
    if (pool_threads(context->pool) < 2) {
        return context->rates.wake; /* no other thread to wake: the rate is not used */
    }
    for (int i = 0; i < JOBS; i++) {
        struct waking waking = {0};
        double pause = clock_seconds() + 20e-6; /* a small step in between */
        while (clock_seconds() < pause) {
        }
        uint64_t begun = nanoseconds();
        pool_run(context->pool, await_helper, &waking, 2);
        uint64_t taken = atomic_load(&waking.taken);
        seconds[i] = taken > begun ? 1e-9 * (double)(taken - begun) : 1e-3;
    }
    qsort(seconds, JOBS, sizeof *seconds, by_value);
    return seconds[JOBS / 2] > 1e-7 ? seconds[JOBS / 2] : 1e-7;
}

int fov_measure_rates(fov_context *context, fov_rates *rates)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(context);
    if (rates == NULL) {
        return call_refuse(context, "fov_measure_rates: rates is NULL");
    }
    struct arithmetic mode = arithmetic_enter(DENORMALS_FLUSHED);
    int status = (int)context->error.status;
    status = status == FOV_OK ? measure_products(context, &rates->products) : status;
    status = status == FOV_OK ? measure_transforms(context, &rates->transform) : status;
    if (status == FOV_OK) {
        rates->memory = measure_traffic(context, NULL, STREAMED_BYTES, RATE_SECONDS);
        rates->wake = measure_wake(context);
        status = (int)context->error.status;
    }
    arithmetic_leave(mode);
    return status;
}

fov_rates fov_context_rates(const fov_context *context)
{
    if (context == NULL) {
        return (fov_rates){0};
    }
    return context->rates;
}

int fov_context_set_rates(fov_context *context, const fov_rates *rates)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(context);
    if (rates == NULL) {
        context->rates = *rates_default(context->kernel->level);
        return FOV_OK;
    }
    const double figures[] = {rates->products, rates->transform, rates->memory, rates->wake};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        if (!isfinite(figures[i]) || figures[i] <= 0) {
            return error_set(&context->error, FOV_E_USAGE, "rates: each is a positive number, not %g", figures[i]);
        }
    }
    context->rates = *rates;
    return FOV_OK;
}
