/* SPDX-License-Identifier: MIT */
/* Chained convolutions: a pointwise or depthwise convolution can run the step that makes its input (its producer)
 * within itself, a few lines at a time, if nobody else reads that tensor. The tensor between the two then stays in one
 * core's cache and is never stored whole. So an inverted residual block (pointwise, depthwise, pointwise) becomes one
 * step. The graph only offers the producer (op_compile.producer); the reader decides here. Read product.h and
 * depthwise.c first. */
#include "op/conv/product.h"

enum {
    TILE_FLOATS = 1 << 14,       /* floats between the two steps at a time: in or near the first-level cache */
    LEAST_PIXELS = 48,           /* pixels for which a product is called, at least: four tiles of rows */
    WORTH_FLOATS = 1 << 13,      /* size of the tensor between the steps from which on chaining pays */
    MOST_WEIGHTS = 1 << 17,      /* floats of weights, at most: every thread reads them whole for each block */
    SMALL_PIXELS = 256,          /* pixels of an image, at most, to divide a depthwise convolution by channels */
    THREAD_ITEMS = 4             /* items per thread, as in product_plan.c */
};
static const double MOST_REPEATED = 0.1; /* of the producer's work, at most, is done twice where items meet */

static size_t weights_of(const struct op_compile *compile)
{
    const fov_shape *weight = &compile->in[1].shape;
    return shape_span(weight, 0, weight->rank);
}

static bool is_small(const fov_shape *x)
{
    return shape_span(x, 2, x->rank) <= SMALL_PIXELS;
}

bool conv_chain_by_channels(const struct op_compile *depthwise)
{
    return depthwise->residual == NULL && depthwise->producer->makes_channels && is_small(&depthwise->in[0].shape);
}

bool conv_chain_pays(const struct op_compile *compile, const struct conv_geometry *geometry)
{
    const struct window *window = &geometry->window;
    const struct op_compile *producer = compile->producer;
    bool flat = window->in[0] == 1 && window->kernel[0] == 1;
    if (producer == NULL || op_comes_as_rows(compile, 0) || !flat || geometry->batch * geometry->in_pixels == 0) {
        return false;
    }
    /* Two products are chained only if the tensor between them is wider than the result: otherwise this step, having
     * taken a producer, could not be taken by its own reader, and the wide tensor between those two would be stored. */
    bool widens = producer->run == conv_product_run && geometry->groups == 1 && geometry->filters >= geometry->channels;
    size_t floats = (size_t)(geometry->in_pixels * geometry->channels);
    if (producer->takes_producer && is_small(&producer->in[0].shape)) {
        return false; /* within another step the producer would have to work by lines, and make more of them twice */
    }
    bool by_channels = geometry->groups > 1 && conv_chain_by_channels(compile);
    bool streams = !by_channels && (weights_of(compile) > MOST_WEIGHTS || weights_of(producer) > MOST_WEIGHTS);
    return !widens && !streams && floats >= WORTH_FLOATS;
}

/** For a depthwise convolution that runs its producer: the share of the producer's lines that one more item makes a
 *  second time, because the windows of neighbouring items overlap. */
static double repeated(const struct op_compile *depthwise)
{
    const fov_shape *x = &depthwise->in[0].shape, *weight = &depthwise->in[1].shape;
    return x->rank < 4 ? 0 : (double)(weight->dim[weight->rank - 2] - 1) / (double)(x->dim[0] * x->dim[x->rank - 2]);
}

struct conv_cut conv_chain_cut(const struct op_compile *compile, const struct conv_geometry *geometry)
{
    const struct window *window = &geometry->window;
    struct conv_cut cut = {.lines = (size_t)(geometry->batch * window->out[1])};
    size_t width = (size_t)window->in[2], line = width * (size_t)geometry->channels * (size_t)window->stride[1];
    size_t least = size_divide_up(LEAST_PIXELS, width), workers = (size_t)compile->workers;
    double again = geometry->groups > 1                ? repeated(compile)
                   : compile->producer->takes_producer ? repeated(compile->producer)
                                                       : 0;
    cut.items = workers == 1 ? 1 : workers * THREAD_ITEMS;
    while (cut.items > workers && again * (double)(cut.items - 1) > MOST_REPEATED) {
        cut.items -= workers;
    }
    size_t most = cut.lines * width / (2 * LEAST_PIXELS); /* not too many, since each item reads all weights */
    cut.items = cut.items <= most ? cut.items : most > workers ? most / workers * workers : workers;
    if (cut.items > cut.lines) {
        cut.items = cut.lines;
    }
    size_t each = size_divide_up(cut.lines, cut.items);
    cut.block = TILE_FLOATS / (line + 1) > least ? TILE_FLOATS / (line + 1) : least;
    cut.block = cut.block < each ? cut.block : each;
    return cut;
}

/* ---- pointwise products ------------------------------------------------------------------------------------------ */

/** Whether the activation is applied to a whole block of lines afterwards, rather than tile by tile: a smooth function
 *  is a long chain of operations, which many vectors hide better than the few of a tile. */
static bool acts_behind(const struct op_run *run)
{
    enum unary activation = run->activation;
    bool piecewise_linear = activation == UNARY_identity || activation == UNARY_relu ||
                            activation == UNARY_leaky_relu || activation == UNARY_clip;
    return !piecewise_linear && run->saved_activation == NULL;
}

void conv_chain_make(const struct op_run *run, const struct op_lines *lines, float *to, int worker)
{
    (void)worker;
    const struct product_plan *plan = run->state;
    size_t width = (size_t)plan->window.out[2], floats = lines->count * width * lines->channels;
    struct product_part part = {lines->first * width, lines->count * width, lines->channel, lines->channels};
    const float *x = (const float *)run->in[0].data + part.first * plan->x_stride;
    struct op_run sums = *run;
    bool behind = acts_behind(run);
    sums.activation = behind ? UNARY_identity : run->activation;
    conv_product_part(&sums, &part, x, plan->x_stride, to, lines->channels);
    if (behind) {
        run->kernel->unary[run->activation](floats, to, to, run->alpha, run->beta);
    }
}

static void chain_item(void *context, size_t item, int worker)
{
    const struct op_run *run = *(const struct op_run *const *)context;
    const struct product_plan *plan = run->state;
    const struct conv_cut *cut = &plan->cut;
    float *tile = op_worker_scratch(run, worker);
    size_t width = (size_t)plan->window.out[2], begin = cut->lines * item / cut->items;
    size_t lines = cut->lines * (item + 1) / cut->items - begin, blocks = size_divide_up(lines, cut->block);
    for (size_t block = 0; block < blocks; block++) {
        size_t first = begin + lines * block / blocks, count = begin + lines * (block + 1) / blocks - first;
        struct op_lines wanted = {first, count, 0, plan->channels, block > 0};
        struct product_part part = {first * width, count * width, 0, plan->filters};
        run->producer->make(run->producer, &wanted, tile, worker);
        conv_product_part(run, &part, tile, plan->channels, (float *)run->out[0].data + part.first * plan->out_stride,
                          plan->out_stride);
    }
}

void conv_chain_run(const struct op_run *run)
{
    const struct product_plan *plan = run->state;
    pool_run(run->pool, chain_item, &run, plan->cut.items);
}
