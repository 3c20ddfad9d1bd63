/* SPDX-License-Identifier: MIT */
/* Batch normalisation. In a training plan the statistics are the batch's, and the running ones move towards them;
 * otherwise the running ones are used. Two passes over x: moments (one pass, about a shift near the mean, in double),
 * then scale and shift, with an activation if the plan fused one. In a plan, the producer of x may call see(), which
 * takes the moments of each part while it is in cache, and consumers of the result may compute it on demand (rows);
 * then no pass is left. The gradient is in gradient.c. */
#include "op/batch_norm/batch_norm.h"
#include "op/given.h"
#include "op/onnx.h"

#include <fovea/operators.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { X, WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };                    /* inputs */
enum { Y, NEXT_MEAN, NEXT_VAR, SAVED_MEAN, SAVED_INV_STD, OUT_COUNT }; /* outputs */
enum { ALL_BUT_X = 1 << WEIGHT | 1 << BIAS | 1 << RUNNING_MEAN | 1 << RUNNING_VAR };

const char *const batch_norm_statistics_choices[] = {"plan", "running", "batch", NULL};

const struct op_attribute batch_norm_attributes[] = {
    {OP_ATTRIBUTE(struct batch_norm_options, epsilon), .onnx = "epsilon", .kind = OP_NUMBER, .standard = 1e-5,
     .minimum = 0, .maximum = 1, .doc = "added to the variance"},
    {OP_ATTRIBUTE(struct batch_norm_options, momentum), .kind = OP_NUMBER, .standard = 0.1, .minimum = 0, .maximum = 1,
     .doc = "share of the batch in the running statistics (ONNX counts the other share)"},
    {OP_ATTRIBUTE(struct batch_norm_options, statistics), .kind = OP_CHOICE, .choices = batch_norm_statistics_choices,
     .doc = "whose: the batch's in training plans, always the running ones (frozen), always the batch's"},
    {OP_ATTRIBUTE(struct batch_norm_options, population_variance), .kind = OP_FLAG,
     .doc = "the running variance takes the biased variance of the batch (ONNX), else the unbiased one (PyTorch)"},
    {0},
};

int batch_norm_check(const struct op_infer *infer, int first, int last)
{
    char text[SHAPE_TEXT_SIZE];
    const fov_shape *x = &infer->in[X].shape;
    int status = op_check_float(infer, X, "x");
    if (status != 0) {
        return status;
    }
    if (x->rank < 2 || x->rank > 5 || x->dim[1] < 1) {
        return error_set(infer->error, FOV_E_SHAPE, "input %s must be [N, C, ...] of rank 2 to 5 with known channels",
                         shape_text(x, text));
    }
    for (int i = first; i <= last; i++) {
        const fov_shape *vector = &infer->in[i].shape;
        if (vector->rank != 1 || vector->dim[0] != x->dim[1]) {
            return error_set(infer->error, FOV_E_SHAPE, "input %d is %s, it must be [%lld], one number per channel", i,
                             shape_text(vector, text), (long long)x->dim[1]);
        }
        if (!op_is_float(infer->in[i].dtype)) {
            return error_set(infer->error, FOV_E_USAGE, "input %d is %s, it must be f32, f64 or f16", i,
                             fov_dtype_name(infer->in[i].dtype));
        }
    }
    return 0;
}

static int infer(const struct op_infer *infer)
{
    int status = batch_norm_check(infer, WEIGHT, RUNNING_VAR);
    for (int i = NEXT_MEAN; i < infer->out_count; i++) {
        infer->out[i].shape = (fov_shape){1, {infer->in[X].shape.dim[1]}};
        if (i <= NEXT_VAR) { /* they renew the running ones, which may be f32 where x is f64 */
            infer->out[i].dtype = infer->in[i - NEXT_MEAN + RUNNING_MEAN].dtype;
        }
    }
    return status;
}

static void gradient(struct op_gradient *gradient)
{
    if (gradient->out_gradient[Y].id == 0) {
        return;
    }
    fov_value in[5] = {gradient->in[X], gradient->in[WEIGHT], gradient->out[SAVED_MEAN], gradient->out[SAVED_INV_STD],
                       gradient->out_gradient[Y]};
    struct batch_norm_gradient_options options = {.norm = *(const struct batch_norm_options *)gradient->options};
    fov_value dx = op_emit(gradient->emitter, "batch_norm_gradient", in, 5, &options);
    gradient->in_gradient[X] = dx;
    gradient->in_gradient[WEIGHT] = op_emit_output(gradient->emitter, dx, 1);
    gradient->in_gradient[BIAS] = op_emit_output(gradient->emitter, dx, 2);
    /* Running statistics are not learned: they have no gradient. */
}

static void textbook(const struct op_textbook *textbook)
{
    const struct batch_norm_options *options = textbook->options;
    const fov_shape *shape = &textbook->in[X].shape;
    size_t samples = (size_t)shape->dim[0], channels = (size_t)shape->dim[1],
           pixels = shape_span(shape, 2, shape->rank);
    double count = (double)(samples * pixels);
    bool of_batch = batch_norm_uses_batch(options, textbook->training);
    for (size_t c = 0; c < channels; c++) {
        double mean = textbook->in[RUNNING_MEAN].data[c], var = textbook->in[RUNNING_VAR].data[c];
        double next_mean = mean, next_var = var;
        if (of_batch) {
            mean = var = 0;
            for (size_t i = 0; i < samples * pixels; i++) {
                mean += textbook->in[X].data[(i / pixels * channels + c) * pixels + i % pixels] / count;
            }
            for (size_t i = 0; i < samples * pixels; i++) {
                double x = textbook->in[X].data[(i / pixels * channels + c) * pixels + i % pixels];
                var += (x - mean) * (x - mean) / count;
            }
            double unbiased = options->population_variance || count < 2 ? var : var * count / (count - 1);
            next_mean = (1 - options->momentum) * next_mean + options->momentum * mean;
            next_var = (1 - options->momentum) * next_var + options->momentum * unbiased;
        }
        double inv_std = 1 / sqrt(var + options->epsilon);
        for (size_t i = 0; i < samples * pixels; i++) {
            size_t at = (i / pixels * channels + c) * pixels + i % pixels;
            textbook->out[Y].data[at] =
                (textbook->in[X].data[at] - mean) * inv_std * textbook->in[WEIGHT].data[c] + textbook->in[BIAS].data[c];
        }
        const double vectors[OUT_COUNT] = {0, next_mean, next_var, mean, inv_std};
        for (int out = NEXT_MEAN; out < textbook->out_count; out++) {
            if (textbook->out[out].data != NULL) {
                textbook->out[out].data[c] = vectors[out];
            }
        }
    }
}

/* ---- CPU --------------------------------------------------------------------------------------------------------- */

struct batch_norm_plan batch_norm_plan(const struct op_compile *compile)
{
    enum { CHUNK_FLOATS = 1 << 15, MAX_CHUNKS = 64 };
    const fov_shape *x = &compile->in[X].shape;
    struct batch_norm_plan plan = {.channels = (size_t)x->dim[1], .seen = compile->seen, .deferred = compile->deferred};
    plan.rows = (size_t)x->dim[0] * shape_span(x, 2, x->rank);
    plan.chunk_rows = plan.channels >= CHUNK_FLOATS ? 1 : CHUNK_FLOATS / (plan.channels + 1) + 1;
    if (plan.rows > plan.chunk_rows * MAX_CHUNKS) {
        plan.chunk_rows = size_divide_up(plan.rows, MAX_CHUNKS);
    }
    if (compile->part_rows > 0) {
        plan.chunk_rows = compile->part_rows;
    }
    plan.chunks = op_chunks(plan.rows, plan.chunk_rows);
    return plan;
}

int batch_norm_prepare(const struct op_compile *compile, void *state)
{
    *(struct batch_norm_plan *)state = batch_norm_plan(compile);
    return 0;
}

/** A run. Scratch holds, per chunk, the mean and the sum of squares about it, in double; then scale and shift (which
 * are in the state if the result is deferred). */
struct norm_job {
    const struct op_run          *run;
    const struct batch_norm_plan *plan;
    double      *sums; /**< [chunks][2][channels] */
    const float *scale, *shift;
};

/** Mean and sum of squares about it, for the rows of one chunk and some channels. The sums are taken about the chunk's
 * first row, so that the terms are as small as the deviation; the result no longer depends on that row, so that chunks
 * can be merged. */
static void see(const struct op_run *run, size_t first, size_t count, size_t channel, size_t channels)
{
    const struct batch_norm_plan *plan = run->state;
    size_t stride = op_pixel_stride(&run->in[X]);
    double *mean = (double *)run->scratch + first / plan->chunk_rows * 2 * plan->channels + channel;
    double *square = mean + plan->channels, rows = (double)count;
    const float *x = (const float *)run->in[X].data + first * stride + channel;
    memset(mean, 0, channels * sizeof *mean);
    memset(square, 0, channels * sizeof *square);
    run->kernel->column_moments(count, channels, x, stride, x, mean, square);
    for (size_t c = 0; c < channels; c++) {
        double about = mean[c] / rows;
        square[c] -= mean[c] * about;
        mean[c] = (double)x[c] + about;
    }
}

static void moments_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct norm_job *job = context;
    const struct batch_norm_plan *plan = job->plan;
    see(job->run, op_chunk_begin(chunk, plan->chunk_rows), op_chunk_length(chunk, plan->chunk_rows, plan->rows), 0,
        plan->channels);
}

static void apply(const struct op_run *run, const float *scale, const float *shift, size_t first, size_t rows, float *y,
                  size_t y_stride)
{
    size_t x_stride = op_pixel_stride(&run->in[X]), channels = (size_t)run->in[X].shape.dim[1];
    size_t residual_stride = run->residual != NULL ? op_pixel_stride(run->residual) : 0;
    const float *residual = run->residual != NULL ? (const float *)run->residual->data + first * residual_stride : NULL;
    run->kernel->scale_shift(rows, channels, (const float *)run->in[X].data + first * x_stride, x_stride, scale, shift,
                             residual, residual_stride, y, y_stride, run->activation, run->alpha, run->beta);
}

static void apply_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct norm_job *job = context;
    size_t first = op_chunk_begin(chunk, job->plan->chunk_rows), y_stride = op_pixel_stride(&job->run->out[Y]);
    apply(job->run, job->scale, job->shift, first, op_chunk_length(chunk, job->plan->chunk_rows, job->plan->rows),
          (float *)job->run->out[Y].data + first * y_stride, y_stride);
}

/** Scale and shift, [2][channels], in the state of a step whose result is deferred. */
static float *kept_factors(const struct op_run *run)
{
    return (float *)(void *)((char *)run->state + sizeof(struct batch_norm_plan));
}

static void rows(const struct op_run *run, size_t first, size_t count, float *to)
{
    size_t channels = (size_t)run->in[X].shape.dim[1];
    const float *scale = run->packed[WEIGHT] != NULL ? run->packed[WEIGHT] : kept_factors(run);
    apply(run, scale, scale + channels, first, count, to, channels);
}

static void store(const struct op_run *run, int out, size_t channel, double value)
{
    if (out < run->out_count && run->out[out].data != NULL) {
        ((float *)run->out[out].data)[channel] = (float)value;
    }
}

/** Merges the chunks' means and sums of squares, in order, into those of the first chunk, which become those of all
 * rows (Chan, Golub & LeVeque, Algorithms for computing the sample variance, 1983). */
static void merge_chunks(const struct norm_job *job)
{
    const struct batch_norm_plan *plan = job->plan;
    double *mean = job->sums, *square = mean + plan->channels,
           seen = (double)op_chunk_length(0, plan->chunk_rows, plan->rows);
    for (size_t chunk = 1; chunk < plan->chunks; chunk++) {
        const double *next = job->sums + chunk * 2 * plan->channels, *next_square = next + plan->channels;
        double count = (double)op_chunk_length(chunk, plan->chunk_rows, plan->rows);
        double share = count / (seen + count), weight = seen * share;
        for (size_t c = 0; c < plan->channels; c++) {
            double apart = next[c] - mean[c];
            mean[c] += share * apart;
            square[c] += next_square[c] + weight * apart * apart;
        }
        seen += count;
    }
}

static void run(const struct op_run *run)
{
    const struct batch_norm_options *options = run->options;
    const struct batch_norm_plan *plan = run->state;
    struct norm_job job = {.run = run, .plan = plan, .sums = run->scratch};
    if (run->packed[WEIGHT] != NULL) { /* scale and shift are constant and were computed by pack */
        job.scale = run->packed[WEIGHT];
        job.shift = job.scale + plan->channels;
        pool_run(run->pool, apply_chunk, &job, plan->deferred ? 0 : plan->chunks);
        return;
    }
    bool of_batch = batch_norm_uses_batch(options, run->training) && plan->rows > 0;
    float *scales = plan->deferred ? kept_factors(run)
                                   : (float *)(void *)(job.sums + (of_batch ? plan->chunks * 2 * plan->channels : 0));
    float *shifts = scales + plan->channels;
    job.scale = scales;
    job.shift = shifts;
    if (of_batch) {
        pool_run(run->pool, moments_chunk, &job, plan->seen ? 0 : plan->chunks);
        merge_chunks(&job);
    }
    double rows = (double)plan->rows;
    double unbiased = options->population_variance || plan->rows < 2 ? 1 : rows / (rows - 1);
    for (size_t c = 0; c < plan->channels; c++) {
        double running_mean = ((const float *)run->in[RUNNING_MEAN].data)[c];
        double running_var = ((const float *)run->in[RUNNING_VAR].data)[c], mean = running_mean, var = running_var;
        if (of_batch) {
            mean = job.sums[c];
            var = job.sums[plan->channels + c] / rows;
            var = var < 0 ? 0 : var; /* rounding; a NaN stays */
            running_mean = (1 - options->momentum) * running_mean + options->momentum * mean;
            running_var = (1 - options->momentum) * running_var + options->momentum * var * unbiased;
        }
        double inv_std = 1 / sqrt(var + options->epsilon);
        double scale = inv_std * (double)((const float *)run->in[WEIGHT].data)[c];
        scales[c] = (float)scale;
        shifts[c] = (float)((double)((const float *)run->in[BIAS].data)[c] - mean * scale);
        store(run, NEXT_MEAN, c, running_mean);
        store(run, NEXT_VAR, c, running_var);
        store(run, SAVED_MEAN, c, mean);
        store(run, SAVED_INV_STD, c, inv_std);
    }
    pool_run(run->pool, apply_chunk, &job, plan->deferred ? 0 : plan->chunks);
}

/* Scale and shift from running statistics, which can be folded into the operator before. */
static bool as_affine(const void *options, const struct op_tensor *in, int in_count, bool training, float *factor,
                      float *offset)
{
    const struct batch_norm_options *own = options;
    (void)in_count;
    if (batch_norm_uses_batch(own, training)) {
        return false;
    }
    for (int64_t c = 0; in[WEIGHT].data != NULL && c < in[X].shape.dim[1]; c++) {
        double var = ((const float *)in[RUNNING_VAR].data)[c], mean = ((const float *)in[RUNNING_MEAN].data)[c];
        double scale = (double)((const float *)in[WEIGHT].data)[c] / sqrt(var + own->epsilon);
        factor[c] = (float)scale;
        offset[c] = (float)((double)((const float *)in[BIAS].data)[c] - mean * scale);
    }
    return true;
}

static void pack(const struct op_run *run)
{
    float *scale = run->packed[WEIGHT];
    as_affine(run->options, run->in, run->in_count, run->training, scale, scale + run->in[X].shape.dim[1]);
}

static int compile(struct op_compile *compile)
{
    const struct batch_norm_options *options = compile->options;
    struct batch_norm_plan plan = batch_norm_plan(compile);
    bool of_batch = batch_norm_uses_batch(options, compile->training);
    if (of_batch && plan.rows == 1 && !options->population_variance) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(
            compile->error, FOV_E_SHAPE,
            "input %s has one value per channel, and the variance of a batch needs two: use a larger batch",
            shape_text(&compile->in[X].shape, text));
    }
    compile->seen = compile->seen && of_batch && plan.rows > 0;
    compile->renewed_or_not = 1u << RUNNING_MEAN | 1u << RUNNING_VAR; /* y depends on the batch's, or none is renewed */
    compile->overwrites_residual = true; /* each element of it is added where the result is stored */
    compile->run = run;
    compile->prepare = batch_norm_prepare;
    compile->state = sizeof plan + (compile->deferred ? 2 * plan.channels * sizeof(float) : 0);
    compile->scratch =
        (of_batch ? plan.chunks * 2 * plan.channels * sizeof(double) : 0) + 2 * plan.channels * sizeof(float);
    bool fixed = !of_batch && compile->out_count > 0;
    for (int i = WEIGHT; i <= RUNNING_VAR; i++) {
        fixed = fixed && compile->in_constant[i];
    }
    for (int i = NEXT_MEAN; i < compile->out_count; i++) { /* present where a gradient reads them */
        fixed = fixed && compile->out[i].shape.rank < 0;
    }
    if (fixed) {
        compile->pack = pack;
        compile->packed[WEIGHT] = 2 * plan.channels * sizeof(float);
    }
    snprintf(compile->detail, sizeof compile->detail, "%s statistics%s", of_batch ? "batch" : "running",
             compile->deferred ? ", applied by its readers" : "");
    return 0;
}

static const struct op_cpu cpu = {
    .layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile, .in_place = 1u << X,
    .strided_in = 1u << X, .strided_out = true, .rows = rows, .rows_done_with = ALL_BUT_X, .sees = 1 + X, .see = see};

/* ---- ONNX -------------------------------------------------------------------------------------------------------- */

/** Until opset 13 a node with more outputs than y is in training form: the others are the next running mean and
 * variance and those of the batch (opsets 1 and 6 also have the attribute is_test). */
static bool is_training_form(struct op_import *node)
{
    bool test = node->opset < 7 && node->integer(node->reader, "is_test", 0) != 0;
    if (node->opset >= 14) {
        return node->integer(node->reader, "training_mode", 0) != 0;
    }
    return node->out_count > 1 && !test;
}

/** Reshapes x to [N, C, ...]: a vector becomes samples of one channel; with spatial = 0 (until opset 8) every element
 * of a sample is a channel of its own. */
static fov_value as_channels(struct op_import *node, bool spatial, fov_value x)
{
    fov_shape shape = node->shape(node->reader, x), column = {2, {shape.dim[0], 1}};
    if (shape.rank == 1) {
        return op_emit_reshape(node->emitter, x, &column);
    }
    return spatial || shape.rank == 2 ? x : op_emit1(node->emitter, "flatten", x, NULL);
}

static int import(struct op_import *node)
{
    bool training = is_training_form(node), spatial = node->opset >= 9 || node->integer(node->reader, "spatial", 1) != 0;
    struct batch_norm_options options = {
        .epsilon = node->number(node->reader, "epsilon", 1e-5),
        .momentum = 1 - node->number(node->reader, "momentum", 0.9),
        .statistics = training ? BATCH_NORM_BATCH : BATCH_NORM_PLAN,
        .population_variance = training,
    };
    node->has(node->reader, "is_test"); /* until opset 6; not used if y is the only output: BATCH_NORM_PLAN */
    node->has(node->reader, "consumed_inputs");
    if (node->in_count != 5) {
        return node->fail(node->reader, FOV_E_INPUT, "BatchNormalization needs 5 inputs, it has %d", node->in_count);
    }
    fov_value in[5] = {as_channels(node, spatial, node->in[X])};
    for (int i = WEIGHT; i <= RUNNING_VAR; i++) {
        fov_shape vector = node->shape(node->reader, node->in[i]), flat = {1, {(int64_t)op_count(&vector)}};
        in[i] = spatial || vector.rank == 1 ? node->in[i] : op_emit_reshape(node->emitter, node->in[i], &flat);
    }
    fov_value first = node->emitter->node(node->emitter->graph, "batch_norm", in, 5, &options, node->node_name);
    fov_shape shape = node->shape(node->reader, node->in[X]);
    node->result(node->reader, 0, in[X].id == node->in[X].id ? first : op_emit_reshape(node->emitter, first, &shape));
    for (int i = NEXT_MEAN; training && i < node->out_count && i < OUT_COUNT; i++) {
        fov_value statistic = op_emit_output(node->emitter, first, i);
        if (i == SAVED_INV_STD) { /* ONNX's is the variance */
            fov_value square = op_emit1(node->emitter, "square", statistic, NULL);
            statistic =
                op_emit_affine(node->emitter, op_emit1(node->emitter, "reciprocal", square, NULL), 1, -options.epsilon);
        }
        fov_shape vector = node->shape(node->reader, node->in[i <= NEXT_VAR ? i + 2 : i]);
        node->result(node->reader, i,
                     spatial || vector.rank == 1 ? statistic : op_emit_reshape(node->emitter, statistic, &vector));
    }
    return 0;
}

static int export(struct op_export *node)
{
    const struct batch_norm_options *options = node->options;
    bool training = options->statistics == BATCH_NORM_BATCH;
    if (training && node->opset < 14) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "statistics of the batch itself need opset 14, not %d",
                          node->opset);
    }
    node->begin(node->writer, "BatchNormalization", NULL);
    for (int i = 0; i < 5; i++) {
        node->input(node->writer, i);
    }
    node->attribute_number(node->writer, "epsilon", options->epsilon);
    node->attribute_number(node->writer, "momentum", 1 - options->momentum);
    if (training) {
        node->attribute_integer(node->writer, "training_mode", 1);
    }
    for (int i = 0; i <= (training ? NEXT_VAR : Y); i++) {
        node->output(node->writer, i);
    }
    return 0;
}

static const struct op_onnx onnx = {.type = "BatchNormalization", .since = 1, .import = import, .export = export};

#define VECTORS(c) FOV_SHAPE(c), FOV_SHAPE(c), FOV_SHAPE(c), FOV_SHAPE(c)
static const struct batch_norm_options
    usual = {.epsilon = 1e-5, .momentum = 0.1},
    frozen = {.epsilon = 1e-3, .momentum = 0.1, .statistics = BATCH_NORM_RUNNING},
    always = {.epsilon = 1e-2, .momentum = 0.3, .statistics = BATCH_NORM_BATCH, .population_variance = true};

static const struct op_case cases[] = {
    {.name = "training",
     .options = &usual,
     .in = {FOV_SHAPE(3, 5, 4, 3), VECTORS(5)},
     .in_count = 5,
     .positive = true,
     .training = true},
    {.name = "inference",
     .options = &usual,
     .in = {FOV_SHAPE(2, 17, 3, 5), VECTORS(17)},
     .in_count = 5,
     .positive = true},
    {.name = "training, matrix",
     .options = &usual,
     .in = {FOV_SHAPE(7, 6), VECTORS(6)},
     .in_count = 5,
     .positive = true,
     .training = true},
    {.name = "training, 1-D",
     .options = &usual,
     .in = {FOV_SHAPE(3, 4, 5), VECTORS(4)},
     .in_count = 5,
     .positive = true,
     .training = true},
    {.name = "training, 3-D",
     .options = &usual,
     .in = {FOV_SHAPE(2, 3, 2, 3, 2), VECTORS(3)},
     .in_count = 5,
     .positive = true,
     .training = true},
    {.name = "frozen",
     .options = &frozen,
     .in = {FOV_SHAPE(2, 3, 3, 3), VECTORS(3)},
     .in_count = 5,
     .positive = true,
     .training = true},
    {.name = "always of the batch",
     .options = &always,
     .in = {FOV_SHAPE(2, 3, 3, 3), VECTORS(3)},
     .in_count = 5,
     .positive = true},
    {.name = "several chunks",
     .options = &usual,
     .in = {FOV_SHAPE(2, 3, 113, 97), VECTORS(3)},
     .in_count = 5,
     .positive = true,
     .training = true,
     .no_gradient = true},
    {0},
};

const struct op op_batch_norm = {
    .name = "batch_norm",
    .family = OP_NORMALISATION,
    .summary = "Brings each channel to mean 0 and variance 1 over the batch, then scales and shifts it.",
    .formula = "y = (x - mean[c]) / sqrt(var[c] + epsilon) * weight[c] + bias[c]",
    .source = "Ioffe & Szegedy, Batch normalization, ICML 2015, algorithms 1 and 2",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, ...]"},
                                   {.name = "weight", .shape = "[C]", .plain = true},
                                   {.name = "bias", .shape = "[C]", .plain = true},
                                   {.name = "running_mean", .shape = "[C]", .plain = true},
                                   {.name = "running_var", .shape = "[C]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){
        {.name = "y", .shape = "[N, C, ...]"},
        {.name = "next_mean", .shape = "[C]", .optional = true, .plain = true, .updates = 1 + RUNNING_MEAN},
        {.name = "next_var", .shape = "[C]", .optional = true, .plain = true, .updates = 1 + RUNNING_VAR},
        {.name = "saved_mean", .shape = "[C]", .optional = true, .plain = true, .detached = true},
        {.name = "saved_inv_std", .shape = "[C]", .optional = true, .plain = true, .detached = true},
        {0}},
    .attributes = batch_norm_attributes,
    .options_size = sizeof(struct batch_norm_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
    .fuses_activation = true,
    .fuses_residual = true,
    .as_affine = as_affine,
};

fov_value fov_batch_norm_opt(fov_graph *graph, fov_value x, const fov_batch_norm_options *options)
{
    static const fov_batch_norm_options none = {0};
    const fov_batch_norm_options *given = options != NULL ? options : &none;
    const char *node = graph == NULL ? NULL : fov_graph_node_name(graph, given->name, "batch_norm");
    if (!op_is_given(graph, node, x)) {
        return (fov_value){0};
    }
    fov_shape shape = fov_value_shape(graph, x);
    if (shape.rank < 2 || shape.rank > 5 || shape.dim[1] < 1) {
        char text[SHAPE_TEXT_SIZE];
        return fov_graph_fail(graph, node, FOV_E_SHAPE, "input %s must be [N, C, ...] of rank 2 to 5",
                              shape_text(&shape, text));
    }
    fov_shape vector = {1, {shape.dim[1]}};
    struct batch_norm_options norm = {.epsilon = given->epsilon != 0 ? (double)given->epsilon : 1e-5,
                                      .momentum = given->momentum != 0 ? (double)given->momentum : 0.1};
    fov_value in[5] = {x};
    in[WEIGHT] = fov_graph_parameter(graph, node, "weight", vector, FOV_INITIAL_ONES, 0, false);
    in[BIAS] = fov_graph_parameter(graph, node, "bias", vector, FOV_INITIAL_ZEROS, 0, false);
    in[RUNNING_MEAN] = fov_graph_parameter(graph, node, "running_mean", vector, FOV_INITIAL_ZEROS, 0, true);
    in[RUNNING_VAR] = fov_graph_parameter(graph, node, "running_var", vector, FOV_INITIAL_ONES, 0, true);
    return op_build(graph, "batch_norm", in, 5, &norm, node);
}
