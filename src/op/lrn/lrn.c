/* SPDX-License-Identifier: MIT */
/* Local response normalisation: each channel is divided by a power of the mean square of its neighbours (AlexNet). The
 * definition, the fast form over channels-last pixels, and the gradient, whose sum runs over neighbours, too. */
#include "op/common.h"
#include "op/onnx.h"

#include <fovea/operators.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct lrn_options {
    int64_t size;
    double  alpha, beta, bias;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct lrn_options, size), .onnx = "size", .kind = OP_INTEGER, .standard = 5, .minimum = 1,
     .maximum = INT32_MAX, .doc = "channels summed over, the middle one included"},
    {OP_ATTRIBUTE(struct lrn_options, alpha), .onnx = "alpha", .kind = OP_NUMBER, .standard = 1e-4,
     .doc = "weight of the sum of squares, before it is divided by size"},
    {OP_ATTRIBUTE(struct lrn_options, beta), .onnx = "beta", .kind = OP_NUMBER, .standard = 0.75, .doc = "the power"},
    {OP_ATTRIBUTE(struct lrn_options, bias), .onnx = "bias", .kind = OP_NUMBER, .standard = 1,
     .doc = "added to the sum"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape;
    char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
    int status = op_check_float(infer, 0, "x");
    if (status == 0 && x->rank < 2) {
        status = error_set(infer->error, FOV_E_SHAPE, "input %s must be [N, C, ...]", shape_text(x, text));
    }
    if (status == 0 && infer->in_count > 1 && !shape_fits(x, &infer->in[1].shape)) { /* the gradient */
        status = error_set(infer->error, FOV_E_SHAPE, "dy %s must have the shape of x %s",
                           shape_text(&infer->in[1].shape, other), shape_text(x, text));
    }
    return status;
}

static void gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "lrn_gradient", gradient->in[0],
                                            gradient->out_gradient[0], gradient->options);
    }
}

/** Channels [first, end) whose squares are summed for channel c: `size` of them; if size is even, one more above c. */
static void neighbours(const struct lrn_options *options, int64_t c, int64_t channels, int64_t *first, int64_t *end)
{
    int64_t below = (options->size - 1) / 2, above = options->size - 1 - below;
    *first = c - below < 0 ? 0 : c - below;
    *end = c + above >= channels ? channels : c + above + 1;
}

/** Channels [first, end) whose sums include channel c. */
static void meets(const struct lrn_options *options, int64_t c, int64_t channels, int64_t *first, int64_t *end)
{
    int64_t below = (options->size - 1) / 2, above = options->size - 1 - below;
    *first = c - above < 0 ? 0 : c - above;
    *end = c + below >= channels ? channels : c + below + 1;
}

/* ---- definitions ------------------------------------------------------------------------------------------------- */

/** bias + alpha / size * sum of the neighbours' squares; x[c * pixels] is channel c. */
static double scale_at(const struct lrn_options *options, const double *x, size_t pixels, int64_t channels, int64_t c)
{
    int64_t first, end;
    double sum = 0;
    neighbours(options, c, channels, &first, &end);
    for (int64_t k = first; k < end; k++) {
        sum += x[(size_t)k * pixels] * x[(size_t)k * pixels];
    }
    return options->bias + options->alpha / (double)options->size * sum;
}

static void textbook(const struct op_textbook *textbook)
{
    const struct lrn_options *options = textbook->options;
    const fov_shape *shape = &textbook->in[0].shape;
    size_t pixels = shape_span(shape, 2, shape->rank);
    int64_t channels = shape->dim[1];
    for (size_t i = 0; i < (size_t)shape->dim[0] * pixels; i++) {
        size_t at = i / pixels * (size_t)channels * pixels + i % pixels;
        for (int64_t c = 0; c < channels; c++) {
            double scale = scale_at(options, textbook->in[0].data + at, pixels, channels, c);
            textbook->out[0].data[at + (size_t)c * pixels] =
                textbook->in[0].data[at + (size_t)c * pixels] * pow(scale, -options->beta);
        }
    }
}

/* With s_c the scale: dx_c = dy_c s_c^-beta - 2 alpha beta / size x_c * sum over the k that see c of dy_k x_k
 * s_k^(-beta - 1). */
static void textbook_gradient(const struct op_textbook *textbook)
{
    const struct lrn_options *options = textbook->options;
    const fov_shape *shape = &textbook->in[0].shape;
    size_t pixels = shape_span(shape, 2, shape->rank);
    int64_t channels = shape->dim[1];
    for (size_t i = 0; i < (size_t)shape->dim[0] * pixels; i++) {
        size_t at = i / pixels * (size_t)channels * pixels + i % pixels;
        const double *x = textbook->in[0].data + at, *dy = textbook->in[1].data + at;
        for (int64_t c = 0; c < channels; c++) {
            int64_t first, end;
            double through = 0;
            meets(options, c, channels, &first, &end);
            for (int64_t k = first; k < end; k++) {
                through += dy[(size_t)k * pixels] * x[(size_t)k * pixels] *
                           pow(scale_at(options, x, pixels, channels, k), -options->beta - 1);
            }
            textbook->out[0].data[at + (size_t)c * pixels] =
                dy[(size_t)c * pixels] * pow(scale_at(options, x, pixels, channels, c), -options->beta) -
                2 * options->alpha * options->beta / (double)options->size * x[(size_t)c * pixels] * through;
        }
    }
}

/* ---- CPU: pixels of channels ------------------------------------------------------------------------------------- */

struct work {
    const struct op_run *run;
    size_t               rows, channels, together;
};

/** How far a window reaches below and above its channel; not beyond all channels. */
struct reach {
    size_t below, above;
};
static struct reach reach_of(const struct lrn_options *options, size_t channels)
{
    size_t below = (size_t)(options->size - 1) / 2, above = (size_t)options->size - 1 - below;
    return (struct reach){below < channels ? below : channels, above < channels ? above : channels};
}

/** sums[c] of x, or of its squares, over the window of each channel of one pixel, in double. Nothing is subtracted from
 *  a sum, so a channel leaves no rounding error, and no infinity, in windows that do not see it: the channels are cut
 *  into blocks as long as a window, so that a window is the end of one block and the beginning of the next, and both
 *  grow by one channel at a time. terms: workspace, [below + channels + above]; the first window begins at its first
 *  element. */
static void sum_windows(const float *x, size_t channels, struct reach reach, bool squared, double *terms, double *sums)
{
    size_t length = reach.below + reach.above + 1;
    memset(terms, 0, reach.below * sizeof *terms);
    memset(terms + reach.below + channels, 0, reach.above * sizeof *terms);
    for (size_t c = 0; c < channels; c++) {
        terms[reach.below + c] = squared ? (double)x[c] * (double)x[c] : (double)x[c];
    }
    for (size_t block = 0; block < channels; block += length) {
        size_t end = channels - block < length ? channels : block + length; /* windows that begin in this block */
        double sum = 0;
        for (size_t k = block + length; k-- > end;) {
            sum += terms[k];
        }
        for (size_t c = end; c-- > block;) {
            sum += terms[c];
            sums[c] = sum;
        }
        sum = 0;
        for (size_t c = block + 1; c < end; c++) {
            sum += terms[c + length - 1];
            sums[c] += sum;
        }
    }
}

/** The scales s[c] of one pixel. */
static void scales(const struct lrn_options *options, const float *x, size_t channels, double *sums, float *s)
{
    double factor = options->alpha / (double)options->size;
    sum_windows(x, channels, reach_of(options, channels), true, sums + channels, sums);
    for (size_t c = 0; c < channels; c++) {
        s[c] = (float)(options->bias + factor * sums[c]);
    }
}

static void power(const struct op_run *run, size_t count, const float *s, float exponent, float *out)
{
    struct kernel_operand a = {s, 0, 1}, b = {&exponent, 0, 0};
    run->kernel->binary[BINARY_pow](1, count, a, b, out, count);
}

/** Doubles of workspace for one pixel: its sums, then its terms (sum_windows). */
static size_t pixel_doubles(const struct lrn_options *options, size_t channels)
{
    struct reach reach = reach_of(options, channels);
    return 2 * channels + reach.below + reach.above;
}

/** A worker's scratch: what one pixel needs, then scales of a chunk's pixels (in the gradient two arrays). */
static float *scratch_of(const struct work *work, int worker, double **sums)
{
    *sums = op_worker_scratch(work->run, worker);
    return (float *)(void *)(*sums + pixel_doubles(work->run->options, work->channels));
}

static void forward_chunk(void *context, size_t chunk, int worker)
{
    const struct work *work = context;
    const struct op_run *run = work->run;
    const struct lrn_options *options = run->options;
    size_t first = op_chunk_begin(chunk, work->together), rows = op_chunk_length(chunk, work->together, work->rows);
    size_t count = rows * work->channels;
    const float *x = (const float *)run->in[0].data + first * work->channels;
    float *y = (float *)run->out[0].data + first * work->channels;
    double *sums;
    float *s = scratch_of(work, worker, &sums);
    for (size_t r = 0; r < rows; r++) {
        scales(options, x + r * work->channels, work->channels, sums, s + r * work->channels);
    }
    power(run, count, s, (float)-options->beta, s);
    struct kernel_operand a = {x, 0, 1}, b = {s, 0, 1};
    run->kernel->binary[BINARY_mul](1, count, a, b, y, count);
}

static void gradient_chunk(void *context, size_t chunk, int worker)
{
    const struct work *work = context;
    const struct op_run *run = work->run;
    const struct lrn_options *options = run->options;
    size_t first = op_chunk_begin(chunk, work->together), rows = op_chunk_length(chunk, work->together, work->rows);
    size_t count = rows * work->channels;
    struct reach reach = reach_of(options, work->channels), seen_by = {reach.above, reach.below};
    const float *x = (const float *)run->in[0].data + first * work->channels;
    const float *dy = (const float *)run->in[1].data + first * work->channels;
    float *dx = (float *)run->out[0].data + first * work->channels;
    double *sums;
    float *s = scratch_of(work, worker, &sums), *p = s + work->together * work->channels;
    double factor = 2 * options->alpha * options->beta / (double)options->size;
    for (size_t r = 0; r < rows; r++) {
        scales(options, x + r * work->channels, work->channels, sums, s + r * work->channels);
    }
    power(run, count, s, (float)-options->beta, p);
    for (size_t i = 0; i < count; i++) {
        s[i] = dy[i] * x[i] * p[i] / s[i]; /* what flows through channel i's sum */
    }
    for (size_t r = 0; r < rows; r++) {
        sum_windows(s + r * work->channels, work->channels, seen_by, false, sums + work->channels, sums);
        for (size_t c = 0; c < work->channels; c++) {
            size_t i = r * work->channels + c;
            dx[i] = (float)((double)dy[i] * (double)p[i] - factor * (double)x[i] * sums[c]);
        }
    }
}

static struct work work_of(const struct op_run *run, const fov_shape *shape)
{
    struct work work = {.run = run, .channels = (size_t)shape->dim[1]};
    work.rows = (size_t)shape->dim[0] * shape_span(shape, 2, shape->rank);
    work.together = OP_CHUNK / 4 / (work.channels + 1) + 1;
    return work;
}

static void run_forward(const struct op_run *run)
{
    struct work work = work_of(run, &run->in[0].shape);
    pool_run(run->pool, forward_chunk, &work, op_chunks(work.rows, work.together));
}

static void run_gradient(const struct op_run *run)
{
    struct work work = work_of(run, &run->in[0].shape);
    pool_run(run->pool, gradient_chunk, &work, op_chunks(work.rows, work.together));
}

static int compile(struct op_compile *compile)
{
    struct work work = work_of(NULL, &compile->in[0].shape);
    compile->run = compile->in_count > 1 ? run_gradient : run_forward;
    compile->scratch_per_worker = pixel_doubles(compile->options, work.channels) * sizeof(double) +
                                  work.together * work.channels * sizeof(float) * (compile->in_count > 1 ? 2 : 1);
    snprintf(compile->detail, sizeof compile->detail, "sums of windows");
    return 0;
}

static const struct op_cpu cpu = {.layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile};
static const struct op_onnx onnx = {.type = "LRN", .since = 1};

static const struct lrn_options usual = {5, 1e-4, 0.75, 1}, strong = {3, 0.8, 0.75, 0.5}, even = {4, 0.5, 1, 1},
                                wide = {9, 0.3, 0.5, 2}, wider = {14, 0.3, 0.5, 2};
static const struct op_case cases[] = {
    {.name = "usual", .options = &usual, .in = {FOV_SHAPE(2, 17, 3, 4)}, .in_count = 1},
    {.name = "strong", .options = &strong, .in = {FOV_SHAPE(2, 5, 3, 4)}, .in_count = 1},
    {.name = "even size", .options = &even, .in = {FOV_SHAPE(1, 6, 3, 3)}, .in_count = 1},
    {.name = "more than the channels", .options = &wide, .in = {FOV_SHAPE(2, 3, 4)}, .in_count = 1},
    {.name = "wide", .options = &wider, .in = {FOV_SHAPE(2, 45, 3)}, .in_count = 1},
    {.name = "wider than the channels", .options = &wider, .in = {FOV_SHAPE(2, 9, 3)}, .in_count = 1},
    {.name = "several chunks",
     .options = &strong,
     .in = {FOV_SHAPE(1, 33, 40, 37)},
     .in_count = 1,
     .no_gradient = true},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "strong", .options = &strong, .in = {FOV_SHAPE(2, 5, 3, 4), FOV_SHAPE(2, 5, 3, 4)}, .in_count = 2},
    {.name = "even size", .options = &even, .in = {FOV_SHAPE(1, 6, 3, 3), FOV_SHAPE(1, 6, 3, 3)}, .in_count = 2},
    {.name = "more than the channels", .options = &wide, .in = {FOV_SHAPE(2, 3, 4), FOV_SHAPE(2, 3, 4)}, .in_count = 2},
    {.name = "wide", .options = &wider, .in = {FOV_SHAPE(2, 45, 3), FOV_SHAPE(2, 45, 3)}, .in_count = 2},
    {0},
};

const struct op op_lrn = {
    .name = "lrn",
    .family = OP_NORMALISATION,
    .summary = "Local response normalisation: divides by a power of the neighbouring channels' mean square.",
    .formula = "y[c] = x[c] / (bias + alpha / size * sum over the size channels around c of x^2)^beta",
    .source = "Krizhevsky, Sutskever & Hinton, ImageNet classification with deep CNNs, NIPS 2012, section 3.3",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, ...]"}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "as x"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct lrn_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};

const struct op op_lrn_gradient = {
    .name = "lrn_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of local response normalisation.",
    .formula =
        "dx[c] = dy[c] s[c]^-beta - 2 alpha beta / size x[c] * sum over k that see c of dy[k] x[k] s[k]^(-beta - 1)",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, ...]"}, {.name = "dy", .shape = "as x"}, {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as x"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct lrn_options),
    .infer = infer,
    .textbook = textbook_gradient,
    .cpu = &cpu,
    .cases = gradient_cases,
};

fov_value fov_lrn_opt(fov_graph *graph, fov_value x, const fov_lrn_options *options)
{
    static const fov_lrn_options none = {0};
    const fov_lrn_options *given = options != NULL ? options : &none;
    struct lrn_options lrn = {.size = given->size != 0 ? given->size : 5,
                              .alpha = given->alpha != 0 ? (double)given->alpha : 1e-4,
                              .beta = given->beta != 0 ? (double)given->beta : 0.75,
                              .bias = given->bias != 0 ? (double)given->bias : 1};
    return op_build(graph, "lrn", &x, 1, &lrn, given->name);
}
