/* SPDX-License-Identifier: MIT */
/* Convolution to few filters (spatial attention's one, a picture's three colours), and its gradients, on planes: a
 * band of lines is copied channel by channel, with its pads, so that each tap is the band moved by some floats, and
 * neighbouring pixels fill the registers. A product (product.h) would multiply by a panel that is mostly empty. Lines of
 * a plane follow each other without a gap, so that a whole band is one vector; the sums at the pads are not used. */
#include "base/memory.h"
#include "op/conv/conv.h"

#include <stdio.h>
#include <string.h>

enum {
    MOST_CHANNELS = 64,
    LEAST_TAPS = 9,
    PANEL_SHARE = 4,        /* filters fill at most this part of a register */
    BAND_FLOATS = 1 << 16,  /* of the planes of a band: fits a second-level cache; */
    MOST_FLOATS = 1 << 19,  /* of those of the least band: wide dilations make large ones */
    LEAST_BAND = 4,         /* lines of a band, even so: its taps reach beyond it, and those lines are copied again */
    MOST_CHUNKS = 64,       /* of the weight's gradient: each has sums of its own, */
    MOST_WEIGHTS = 1 << 15, /* of at most so many numbers */
    CHUNK_WORK = 1 << 18,   /* multiply-adds of a chunk, at least */
    ALIGN = 16
};

/** The state of a step. `channels` are read and `filters` made: in the gradient by x the other way round. */
struct planes_plan {
    struct window window;    /**< in, out and begin as this direction reads and writes */
    size_t batch, channels, filters, taps;
    size_t lines, chunk;     /**< lines of all results; lines of a chunk */
    size_t band, held;       /**< most lines that are made at a time; lines of a plane for that */
    size_t pitch, plane;     /**< floats from a line to the next, and of a plane */
    size_t sums;             /**< floats of a filter's sums of a band */
    bool   gradient;         /**< by x: weights are rotated */
};

/* ---- what suits -------------------------------------------------------------------------------------------------- */

/** Whether the planes of the least band stay near. In double: dilations may be of any size. */
static bool is_near(const struct window *window, int64_t channels)
{
    double lines = LEAST_BAND + (double)(window->kernel[1] - 1) * (double)window->dilation[1];
    double pitch = (double)(window->in[2] + window->begin[2] + window->end[2]);
    return lines * pitch * (double)channels <= MOST_FLOATS;
}

static bool fits(const struct op_compile *compile, const struct conv_geometry *geometry, bool gradient)
{
    const struct window *window = &geometry->window;
    int64_t channels = gradient ? geometry->filters : geometry->channels,
            filters = gradient ? geometry->channels : geometry->filters;
    int64_t lanes = (int64_t)compile->kernel->vector_floats;
    bool plain = window->in[0] == 1 && window->out[0] == 1 && window->kernel[0] == 1 && geometry->groups == 1 &&
                 window->stride[1] == 1 && window->stride[2] == 1;
    return plain && geometry->batch > 0 && PANEL_SHARE * filters <= lanes && channels <= MOST_CHANNELS &&
           geometry->taps >= LEAST_TAPS && window->in[2] >= lanes && window->out[2] >= lanes &&
           is_near(window, channels) && !op_comes_as_rows(compile, 0) && !op_comes_as_rows(compile, 1);
}

static struct planes_plan make_plan(const struct conv_geometry *geometry, bool gradient)
{
    struct planes_plan plan = {.window = geometry->window,
                               .batch = (size_t)geometry->batch,
                               .channels = (size_t)(gradient ? geometry->filters : geometry->channels),
                               .filters = (size_t)(gradient ? geometry->channels : geometry->filters),
                               .taps = (size_t)geometry->taps,
                               .gradient = gradient};
    struct window *window = &plan.window;
    for (int axis = 1; axis < 3 && gradient; axis++) {
        int64_t in = window->in[axis];
        window->in[axis] = window->out[axis];
        window->out[axis] = in;
        window->begin[axis] = (window->kernel[axis] - 1) * window->dilation[axis] - window->begin[axis];
    }
    size_t reach = (size_t)((window->kernel[1] - 1) * window->dilation[1]);
    plan.pitch = (size_t)(window->out[2] + (window->kernel[2] - 1) * window->dilation[2]);
    plan.lines = plan.batch * (size_t)window->out[1];
    plan.chunk = size_larger(2 * LEAST_BAND, CHUNK_WORK / (plan.pitch * plan.channels * plan.filters * plan.taps));
    size_t height = (size_t)window->out[1], most = BAND_FLOATS / (plan.pitch * plan.channels);
    plan.chunk = plan.chunk > height ? plan.chunk / height * height : plan.chunk;
    plan.band = size_smaller(size_larger(most > reach ? most - reach : 0, LEAST_BAND), height);
    plan.held = plan.band + reach;
    plan.plane = size_round_up(plan.held * plan.pitch + plan.pitch, ALIGN); /* the last tap reads beyond the last line */
    plan.sums = size_round_up(plan.band * plan.pitch, ALIGN);
    return plan;
}

static size_t scratch_floats(const struct planes_plan *plan)
{
    return plan->channels * plan->plane + plan->filters * plan->sums;
}

/* ---- copying ----------------------------------------------------------------------------------------------------- */

/** Copies lines first .. first + count - 1 of an image [height, width, channels], counted from its upper left pad, to
 *  planes; what lies outside is 0. */
static void copy_lines(const struct kernel_table *kernel, const float *image, size_t pixel_stride, size_t channels,
                       const int64_t size[2], int64_t top, int64_t left, size_t first, size_t count, size_t pitch,
                       size_t plane, float *to)
{
    memset(to, 0, channels * plane * sizeof *to);
    int64_t skip = left < 0 ? -left : 0, at = left > 0 ? left : 0; /* no tap meets the first `skip` pixels, */
    int64_t width = size[1] - skip < (int64_t)pitch - at ? size[1] - skip : (int64_t)pitch - at; /* nor those behind */
    for (size_t i = 0; i < count && width > 0; i++) {
        int64_t line = (int64_t)(first + i) - top;
        if (line >= 0 && line < size[0]) {
            kernel->transpose((size_t)width, channels, image + (size_t)(line * size[1] + skip) * pixel_stride,
                              pixel_stride, to + i * pitch + (size_t)at, plane);
        }
    }
}

/** Where each channel's taps begin, in the order of the weights: [channels][taps]. */
static void point_at_taps(const struct planes_plan *plan, const float *planes, const float **taps)
{
    const struct window *window = &plan->window;
    for (size_t c = 0; c < plan->channels; c++) {
        for (int64_t y = 0; y < window->kernel[1]; y++) {
            for (int64_t x = 0; x < window->kernel[2]; x++) {
                *taps++ = planes + c * plan->plane + (size_t)(y * window->dilation[1]) * plan->pitch +
                          (size_t)(x * window->dilation[2]);
            }
        }
    }
}

/** What a worker lays out for a band: x in planes, each tap's place in them, and space behind them. */
struct planes_band {
    const float **taps;   /**< [channels][taps] */
    float *rest;          /**< [filters][sums] */
    size_t terms, floats; /**< taps of all channels; floats of `count` lines with their pads */
};

static struct planes_band lay_out(const struct op_run *run, const struct planes_plan *plan, int worker, size_t image,
                                  size_t top, size_t count)
{
    const struct window *window = &plan->window;
    size_t stride = op_pixel_stride(&run->in[0]), terms = plan->channels * plan->taps;
    struct planes_band band = {.taps = op_worker_scratch(run, worker), .terms = terms, .floats = count * plan->pitch};
    float *planes = (float *)(void *)(band.taps + terms);
    const float *x = (const float *)run->in[0].data + image * (size_t)(window->in[1] * window->in[2]) * stride;
    band.rest = planes + plan->channels * plan->plane;
    copy_lines(run->kernel, x, stride, plan->channels, &window->in[1], window->begin[1], window->begin[2], top,
               count + plan->held - plan->band, plan->pitch, plan->plane, planes);
    point_at_taps(plan, planes, band.taps);
    return band;
}

/* ---- forward, and the gradient by x ------------------------------------------------------------------------------ */

/** Plain weights [filters][channels][taps] of the layer to those of this direction. */
static void pack(const struct op_run *run)
{
    const struct planes_plan *plan = run->state;
    const float *from = run->in[1].data;
    float *to = run->packed[1];
    for (size_t f = 0; f < plan->filters; f++) {
        float factor = run->fold_factor != NULL ? run->fold_factor[f] : 1;
        for (size_t c = 0; c < plan->channels; c++) {
            size_t row = (plan->gradient ? c * plan->filters + f : f * plan->channels + c) * plan->taps;
            for (size_t t = 0; t < plan->taps; t++) {
                *to++ = factor * from[row + (plan->gradient ? plan->taps - 1 - t : t)];
            }
        }
    }
}

/** Makes `count` lines of one image from line `top` of its results on. */
static void make_lines(const struct op_run *run, int worker, size_t image, size_t top, size_t count)
{
    const struct planes_plan *plan = run->state;
    size_t width = (size_t)plan->window.out[2], y_stride = op_pixel_stride(&run->out[0]);
    size_t pixel = (image * (size_t)plan->window.out[1] + top) * width;
    float *y = (float *)run->out[0].data + pixel * y_stride;
    const float *bias = plan->gradient ? NULL : op_bias(run, 2);
    struct planes_band band = lay_out(run, plan, worker, image, top, count);
    for (size_t f = 0; f < plan->filters; f++) {
        float *sum = band.rest + f * plan->sums;
        run->kernel->weighted_sum(band.floats, band.terms, band.taps, (const float *)run->packed[1] + f * band.terms,
                                  bias != NULL ? bias[f] : 0, sum);
        if (run->activation != UNARY_identity && run->residual == NULL) {
            run->kernel->unary[run->activation](band.floats, sum, sum, run->alpha, run->beta);
        }
    }
    for (size_t line = 0; line < count; line++) {
        run->kernel->transpose(plan->filters, width, band.rest + line * plan->pitch, plan->sums,
                               y + line * width * y_stride, y_stride);
    }
    if (run->residual != NULL) {
        conv_add_residual(run, pixel, count * width, 0, plan->filters);
    }
}

static void run_chunk(void *context, size_t chunk, int worker)
{
    const struct op_run *run = *(const struct op_run *const *)context;
    const struct planes_plan *plan = run->state;
    size_t height = (size_t)plan->window.out[1], width = (size_t)plan->window.out[2];
    size_t begin = chunk * plan->chunk, end = size_smaller(begin + plan->chunk, plan->lines);
    for (size_t line = begin, count; line < end; line += count) {
        count = size_smaller(size_smaller(end - line, plan->band), height - line % height);
        make_lines(run, worker, line / height, line % height, count);
    }
    if (!plan->gradient) {
        op_show(run, begin * width, (end - begin) * width, 0, plan->filters);
    }
}

static void run_planes(const struct op_run *run)
{
    const struct planes_plan *plan = run->state;
    pool_run(run->pool, run_chunk, &run, size_divide_up(plan->lines, plan->chunk));
}

static int prepare(const struct op_compile *compile, void *state, bool gradient)
{
    struct conv_geometry geometry;
    int status = gradient ? conv_input_geometry(&geometry, compile) : conv_forward_geometry(&geometry, compile);
    if (status == 0) {
        *(struct planes_plan *)state = make_plan(&geometry, gradient);
    }
    return status;
}

static int prepare_forward(const struct op_compile *compile, void *state)
{
    return prepare(compile, state, false);
}

static int prepare_gradient(const struct op_compile *compile, void *state)
{
    return prepare(compile, state, true);
}

bool conv_planes_compile(struct op_compile *compile, const struct conv_geometry *geometry, bool gradient)
{
    /* Gradients end in more ways than make_lines knows, and a transposed convolution ends by itself (transpose.c). */
    bool fuses = compile->residual != NULL || compile->activation != UNARY_identity;
    if (!fits(compile, geometry, gradient) || (gradient && fuses)) {
        return false;
    }
    struct planes_plan plan = make_plan(geometry, gradient);
    size_t terms = plan.channels * plan.taps;
    compile->run = run_planes;
    compile->prepare = gradient ? prepare_gradient : prepare_forward;
    compile->pack = pack;
    compile->packed[1] = plan.filters * terms * sizeof(float);
    compile->state = sizeof plan;
    compile->scratch_per_worker = terms * sizeof(void *) + scratch_floats(&plan) * sizeof(float);
    if (!gradient) {
        compile->shown_rows = plan.chunk * (size_t)plan.window.out[2];
        compile->shows = true;
    }
    snprintf(compile->detail, sizeof compile->detail, "planes, %zu lines at a time", plan.band);
    return true;
}

/* ---- the gradient by the weight ---------------------------------------------------------------------------------- */

/** The state of that step: x is read as forward, dy as planes [filters][band] of the same pitch, 0 at the pads. */
struct planes_weight_plan {
    struct planes_plan forward;
    size_t weights; /**< numbers of the gradient */
};

static struct planes_weight_plan make_weight_plan(const struct conv_geometry *geometry)
{
    struct planes_weight_plan plan = {.forward = make_plan(geometry, false)};
    struct planes_plan *forward = &plan.forward;
    size_t height = (size_t)forward->window.out[1], least = size_divide_up(forward->lines, MOST_CHUNKS);
    forward->chunk = size_larger(forward->chunk, least > height ? size_round_up(least, height) : least);
    plan.weights = forward->filters * forward->channels * forward->taps;
    return plan;
}

/** Adds the products of `count` lines of an image to sums [filters][channels][taps]. */
static void add_lines(const struct op_run *run, int worker, size_t image, size_t top, size_t count, double *sums)
{
    const struct planes_plan *plan = &((const struct planes_weight_plan *)run->state)->forward;
    const struct window *window = &plan->window;
    size_t stride = op_pixel_stride(&run->in[1]);
    const float *dy = (const float *)run->in[1].data + image * (size_t)(window->out[1] * window->out[2]) * stride;
    struct planes_band band = lay_out(run, plan, worker, image, top, count);
    copy_lines(run->kernel, dy, stride, plan->filters, &window->out[1], 0, 0, top, count, plan->pitch, plan->sums,
               band.rest);
    for (size_t f = 0; f < plan->filters; f++) {
        for (size_t t = 0; t < band.terms; t++) {
            *sums++ += run->kernel->sum_products(band.floats, band.taps[t], band.rest + f * plan->sums);
        }
    }
}

static void weight_chunk(void *context, size_t chunk, int worker)
{
    const struct op_run *run = *(const struct op_run *const *)context;
    const struct planes_weight_plan *plan = run->state;
    size_t height = (size_t)plan->forward.window.out[1], begin = chunk * plan->forward.chunk;
    size_t end = size_smaller(begin + plan->forward.chunk, plan->forward.lines);
    double *sums = (double *)run->scratch + chunk * plan->weights;
    memset(sums, 0, plan->weights * sizeof *sums);
    for (size_t line = begin, count; line < end; line += count) {
        count = size_smaller(size_smaller(end - line, plan->forward.band), height - line % height);
        add_lines(run, worker, line / height, line % height, count, sums);
    }
}

static void run_weight(const struct op_run *run)
{
    const struct planes_weight_plan *plan = run->state;
    size_t chunks = size_divide_up(plan->forward.lines, plan->forward.chunk);
    const double *sums = run->scratch;
    float *dweight = run->out[0].data;
    pool_run(run->pool, weight_chunk, &run, chunks);
    for (size_t i = 0; i < plan->weights; i++) {
        double sum = sums[i];
        for (size_t chunk = 1; chunk < chunks; chunk++) {
            sum += sums[chunk * plan->weights + i];
        }
        dweight[i] = (float)sum;
    }
}

static int prepare_weight(const struct op_compile *compile, void *state)
{
    struct conv_geometry geometry;
    int status = conv_weight_geometry(&geometry, compile);
    if (status == 0) {
        *(struct planes_weight_plan *)state = make_weight_plan(&geometry);
    }
    return status;
}

bool conv_planes_weight_compile(struct op_compile *compile, const struct conv_geometry *geometry)
{
    if (!fits(compile, geometry, false) || geometry->filters * geometry->channels * geometry->taps > MOST_WEIGHTS) {
        return false;
    }
    struct planes_weight_plan plan = make_weight_plan(geometry);
    size_t chunks = size_divide_up(plan.forward.lines, plan.forward.chunk);
    compile->run = run_weight;
    compile->prepare = prepare_weight;
    compile->state = sizeof plan;
    compile->scratch = chunks * plan.weights * sizeof(double);
    compile->scratch_per_worker = plan.forward.channels * plan.forward.taps * sizeof(void *) +
                                  scratch_floats(&plan.forward) * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "planes, %zu lines at a time", plan.forward.band);
    return true;
}
