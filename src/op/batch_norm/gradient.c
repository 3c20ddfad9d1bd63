/* SPDX-License-Identifier: MIT */
/* The gradient of batch normalisation, two passes: the sums of dy and of dy (x - mean) per channel, then dx. Running
 * statistics are constants, and with them dx is dy scaled. In a plan this step also computes the gradient of the
 * activation after the layer (absorb): the activation's argument is recomputed from x, which this step reads anyway,
 * so the activation's gradient needs neither a pass of its own nor a saved tensor. */
#include "base/text.h"
#include "op/batch_norm/batch_norm.h"
#include "op/elementwise.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { X, WEIGHT, SAVED_MEAN, SAVED_INV_STD, DY, BIAS }; /* inputs */
enum { DX, DWEIGHT, DBIAS };                             /* outputs */

/* ---- the activation after the layer ------------------------------------------------------------------------------ */

static const char *const activation_choices[] = {
#define UNARY(name, reads, formula, derivative) #name,
#include "kernel/list.inc"
    NULL,
};

static const struct op_attribute attributes[] = {
    {.name = "epsilon",
     .offset = offsetof(struct batch_norm_gradient_options, norm.epsilon),
     .kind = OP_NUMBER,
     .standard = 1e-5,
     .minimum = 0,
     .maximum = 1,
     .doc = "added to the variance"},
    {.name = "momentum",
     .offset = offsetof(struct batch_norm_gradient_options, norm.momentum),
     .kind = OP_NUMBER,
     .standard = 0.1,
     .minimum = 0,
     .maximum = 1,
     .doc = "the layer's"},
    {.name = "statistics",
     .offset = offsetof(struct batch_norm_gradient_options, norm.statistics),
     .kind = OP_CHOICE,
     .choices = batch_norm_statistics_choices,
     .doc = "as the layer's"},
    {.name = "population_variance",
     .offset = offsetof(struct batch_norm_gradient_options, norm.population_variance),
     .kind = OP_FLAG,
     .doc = "as the layer's"},
    {OP_ATTRIBUTE(struct batch_norm_gradient_options, activation), .kind = OP_CHOICE, .choices = activation_choices,
     .doc = "behind the layer, with bias given: relu, leaky_relu or clip"},
    {OP_ATTRIBUTE(struct batch_norm_gradient_options, alpha), .kind = OP_NUMBER, .doc = "the activation's constant"},
    {OP_ATTRIBUTE(struct batch_norm_gradient_options, beta), .kind = OP_NUMBER,
     .doc = "the activation's second constant"},
    {0},
};

static bool has_activation(const struct batch_norm_gradient_options *options)
{
    return options->activation != UNARY_identity;
}

/** Fills the derivative of the activation: 1 where its argument is in low < z <= high, else slope. False: its
 * derivative is not of this form. */
static bool is_piecewise_linear(const struct batch_norm_gradient_options *options, struct kernel_mask *mask)
{
    *mask = (struct kernel_mask){.low = 0, .high = INFINITY, .slope = 0};
    switch ((enum unary)options->activation) {
    case UNARY_relu: return true;
    case UNARY_leaky_relu: mask->slope = (float)options->alpha; return options->alpha >= 0;
    case UNARY_clip:
        mask->low = nextafterf((float)options->alpha, -INFINITY); /* alpha itself passes */
        mask->high = (float)options->beta;
        return true;
    default: return false;
    }
}

/** Takes over a node dy = activation_gradient(dy', saved) that only this node reads, if saved is the activation's
 *  result or (for READS_X) argument, and the argument is this layer's y. */
static bool absorb(struct op_substitution *node)
{
    struct batch_norm_gradient_options *options = node->options;
    struct kernel_mask mask;
    struct op_producer gradient, producer, layer;
    if (node->in_count > BIAS || has_activation(options) || node->readers(node->plan, node->in[DY]) != 1 ||
        !node->producer(node->plan, node->in[DY], &gradient) || strcmp(gradient.op->name, "activation_gradient") != 0 ||
        gradient.in_count != 2 || !node->producer(node->plan, node->in[SAVED_MEAN], &layer) ||
        strcmp(layer.op->name, "batch_norm") != 0 || !node->producer(node->plan, gradient.in[1], &producer)) {
        return false;
    }
    const struct activation_gradient_options *activation = gradient.options;
    if (unary_gradient_reads((enum unary)activation->function) == READS_Y &&
        (producer.in_count != 1 || producer.output != 0 || !node->producer(node->plan, producer.in[0], &producer))) {
        return false;
    }
    /* `producer` (of the activation's argument) and `layer` (of saved_mean) are one node if they share their inputs. */
    if (producer.in != layer.in || producer.output != 0 || layer.in[X] != node->in[X]) {
        return false;
    }
    struct batch_norm_gradient_options with = *options;
    with.activation = activation->function;
    with.alpha = activation->alpha;
    with.beta = activation->beta;
    if (!is_piecewise_linear(&with, &mask)) {
        return false;
    }
    *options = with;
    node->in[DY] = gradient.in[0];
    node->in[BIAS] = layer.in[2];
    node->in_count = BIAS + 1;
    return true;
}

/* ---- definition -------------------------------------------------------------------------------------------------- */

static int infer(const struct op_infer *infer)
{
    char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
    int status = batch_norm_check(infer, WEIGHT, SAVED_INV_STD);
    if (status == 0 && !shape_fits(&infer->in[X].shape, &infer->in[DY].shape)) {
        status = error_set(infer->error, FOV_E_SHAPE, "dy %s must have the shape of x %s",
                           shape_text(&infer->in[DY].shape, text), shape_text(&infer->in[X].shape, other));
    }
    struct kernel_mask mask;
    const struct batch_norm_gradient_options *options = infer->options;
    if (status == 0 && has_activation(options)) {
        bool given = infer->in_count > BIAS && infer->in[BIAS].shape.rank >= 0;
        status = !given || !is_piecewise_linear(options, &mask)
                     ? error_set(infer->error, FOV_E_USAGE, "%s cannot be taken along%s",
                                 unary_name((enum unary)options->activation), given ? "" : " without the layer's bias")
                     : batch_norm_check(infer, BIAS, BIAS);
    }
    for (int i = DWEIGHT; i < infer->out_count; i++) {
        infer->out[i].shape = (fov_shape){1, {infer->in[X].shape.dim[1]}};
    }
    return status;
}

/** dy times the derivative of the activation, whose argument was z. */
static double passed(const struct batch_norm_gradient_options *options, double dy, double z)
{
    struct kernel_mask mask;
    if (!has_activation(options) || !is_piecewise_linear(options, &mask)) {
        return dy;
    }
    return z > (double)mask.low && z <= (double)mask.high ? dy : dy * (double)mask.slope;
}

/* With h = (x - mean) inv_std: y = weight h + bias, so dbias = sum dy and dweight = sum dy h. Through mean and variance
 * of the batch, dx = weight inv_std (dy - mean(dy) - h mean(dy h)). With an activation, dy is first multiplied by its
 * derivative. */
static void textbook(const struct op_textbook *textbook)
{
    const fov_shape *shape = &textbook->in[X].shape;
    size_t samples = (size_t)shape->dim[0], channels = (size_t)shape->dim[1],
           pixels = shape_span(shape, 2, shape->rank);
    double count = (double)(samples * pixels);
    const struct batch_norm_gradient_options *options = textbook->options;
    bool of_batch = batch_norm_uses_batch(&options->norm, textbook->training);
    for (size_t c = 0; c < channels; c++) {
        double mean = textbook->in[SAVED_MEAN].data[c], inv_std = textbook->in[SAVED_INV_STD].data[c];
        double weight = textbook->in[WEIGHT].data[c], dbias = 0, dweight = 0;
        double bias = has_activation(options) ? textbook->in[BIAS].data[c] : 0;
        for (size_t i = 0; i < samples * pixels; i++) {
            size_t at = (i / pixels * channels + c) * pixels + i % pixels;
            double h = (textbook->in[X].data[at] - mean) * inv_std;
            double dy = passed(options, textbook->in[DY].data[at], weight * h + bias);
            dbias += dy;
            dweight += dy * h;
        }
        for (size_t i = 0; textbook->out[DX].data != NULL && i < samples * pixels; i++) {
            size_t at = (i / pixels * channels + c) * pixels + i % pixels;
            double h = (textbook->in[X].data[at] - mean) * inv_std;
            double flows = passed(options, textbook->in[DY].data[at], weight * h + bias) -
                           (of_batch ? dbias / count + h * dweight / count : 0);
            textbook->out[DX].data[at] = weight * inv_std * flows;
        }
        if (textbook->out_count > DWEIGHT && textbook->out[DWEIGHT].data != NULL) {
            textbook->out[DWEIGHT].data[c] = dweight;
        }
        if (textbook->out_count > DBIAS && textbook->out[DBIAS].data != NULL) {
            textbook->out[DBIAS].data[c] = dbias;
        }
    }
}

/** A run. Scratch holds sums, [chunks][2][channels] in double, then the factors a, b, d (these are in the state if dx
 * is deferred). */
struct norm_job {
    const struct op_run          *run;
    const struct batch_norm_plan *plan;
    double *sums;
    float  *a, *b, *d; /**< dx = a dy + b (x - mean) + d */
    struct kernel_mask mask; /**< z = a (x - mean) + bias */
};

/** The factor of dy in dx with constant statistics: inv_std * weight. */
static float direct_factor(const struct op_run *run, size_t channel)
{
    return (float)((double)((const float *)run->in[SAVED_INV_STD].data)[channel] *
                   (double)((const float *)run->in[WEIGHT].data)[channel]);
}

/** The sums of dy and dy (x - mean) over the rows of one chunk. The mask's factor per channel is recomputed on the
 * stack in each call, TOGETHER channels at a time, as the producer may call this before run has filled a. */
static void see(const struct op_run *run, size_t first, size_t count, size_t channel, size_t channels)
{
    enum { TOGETHER = 1024 };
    const struct batch_norm_plan *plan = run->state;
    double *sum = (double *)run->scratch + first / plan->chunk_rows * 2 * plan->channels + channel;
    struct kernel_mask mask = {0};
    bool masks = has_activation(run->options) && is_piecewise_linear(run->options, &mask);
    memset(sum, 0, channels * sizeof *sum);
    memset(sum + plan->channels, 0, channels * sizeof *sum);
    for (size_t done = 0; done < channels; done += TOGETHER) {
        float factor[TOGETHER];
        size_t at = channel + done, some = channels - done < TOGETHER ? channels - done : TOGETHER;
        for (size_t c = 0; masks && c < some; c++) {
            factor[c] = direct_factor(run, at + c);
        }
        if (masks) {
            mask.scale = factor;
            mask.offset = (const float *)run->in[BIAS].data + at;
        }
        run->kernel->column_products(count, some, (const float *)run->in[DY].data + first * plan->channels + at,
                                     plan->channels, (const float *)run->in[X].data + first * plan->channels + at,
                                     plan->channels, (const float *)run->in[SAVED_MEAN].data + at, mask, sum + done,
                                     sum + done + plan->channels);
    }
}

static void sums_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct norm_job *job = context;
    const struct batch_norm_plan *plan = job->plan;
    see(job->run, op_chunk_begin(chunk, plan->chunk_rows), op_chunk_length(chunk, plan->chunk_rows, plan->rows), 0,
        plan->channels);
}

static void combine_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct norm_job *job = context;
    const struct batch_norm_plan *plan = job->plan;
    const struct op_run *run = job->run;
    size_t first = op_chunk_begin(chunk, plan->chunk_rows) * plan->channels;
    run->kernel->column_combine(op_chunk_length(chunk, plan->chunk_rows, plan->rows), plan->channels,
                                (const float *)run->in[DY].data + first, plan->channels,
                                (const float *)run->in[X].data + first, plan->channels, run->in[SAVED_MEAN].data,
                                job->mask, job->a, job->b, job->d,
                                (float *)run->out[DX].data + first, plan->channels);
}

/** [3][channels] in the state where dx is deferred: a, b and d. */
static float *kept_factors(const struct op_run *run)
{
    return (float *)(void *)((char *)run->state + sizeof(struct batch_norm_plan));
}

static void rows(const struct op_run *run, size_t first, size_t count, float *to)
{
    const struct batch_norm_plan *plan = run->state;
    const float *a = kept_factors(run);
    struct kernel_mask mask = {0};
    if (has_activation(run->options) && is_piecewise_linear(run->options, &mask)) {
        mask.scale = a;
        mask.offset = run->in[BIAS].data;
    }
    run->kernel->column_combine(count, plan->channels, (const float *)run->in[DY].data + first * plan->channels,
                                plan->channels, (const float *)run->in[X].data + first * plan->channels, plan->channels,
                                run->in[SAVED_MEAN].data, mask, a, a + plan->channels, a + 2 * plan->channels, to,
                                plan->channels);
}

static void store(const struct op_run *run, int out, size_t channel, double value)
{
    if (out < run->out_count && run->out[out].data != NULL) {
        ((float *)run->out[out].data)[channel] = (float)value;
    }
}

static void run(const struct op_run *run)
{
    const struct batch_norm_plan *plan = run->state;
    struct norm_job job = {.run = run, .plan = plan, .sums = run->scratch};
    job.a = plan->deferred ? kept_factors(run) : (float *)(void *)(job.sums + plan->chunks * 2 * plan->channels);
    job.b = job.a + plan->channels;
    job.d = job.b + plan->channels;
    const struct batch_norm_gradient_options *options = run->options;
    bool of_batch = batch_norm_uses_batch(&options->norm, run->training);
    double rows = plan->rows > 0 ? (double)plan->rows : 1;
    for (size_t c = 0; c < plan->channels; c++) {
        job.a[c] = direct_factor(run, c);
    }
    if (has_activation(options) && is_piecewise_linear(options, &job.mask)) {
        job.mask.scale = job.a;
        job.mask.offset = run->in[BIAS].data;
    }
    pool_run(run->pool, sums_chunk, &job, plan->seen ? 0 : plan->chunks);
    for (size_t c = 0; c < plan->channels; c++) {
        double sum = 0, product = 0;
        for (size_t chunk = 0; chunk < plan->chunks; chunk++) {
            sum += job.sums[chunk * 2 * plan->channels + c];
            product += job.sums[(chunk * 2 + 1) * plan->channels + c];
        }
        double inv_std = ((const float *)run->in[SAVED_INV_STD].data)[c];
        double scale = inv_std * (double)((const float *)run->in[WEIGHT].data)[c];
        job.b[c] = of_batch ? (float)(-scale * inv_std * inv_std * product / rows) : 0;
        job.d[c] = of_batch ? (float)(-scale * sum / rows) : 0;
        store(run, DWEIGHT, c, product * inv_std);
        store(run, DBIAS, c, sum);
    }
    if (run->out[DX].data != NULL) {
        pool_run(run->pool, combine_chunk, &job, plan->chunks);
    }
}

static int compile(struct op_compile *compile)
{
    struct batch_norm_plan plan = batch_norm_plan(compile);
    compile->seen = compile->seen && plan.rows > 0;
    compile->run = run;
    compile->prepare = batch_norm_prepare;
    compile->state = sizeof plan + (compile->deferred ? 3 * plan.channels * sizeof(float) : 0);
    compile->scratch = plan.chunks * 2 * plan.channels * sizeof(double) + 3 * plan.channels * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "%s statistics",
             batch_norm_uses_batch(compile->options, compile->training) ? "batch" : "running");
    const struct batch_norm_gradient_options *options = compile->options;
    if (has_activation(options)) {
        text_append(compile->detail, sizeof compile->detail, strlen(compile->detail), ", behind %s",
                    unary_name((enum unary)options->activation));
    }
    return 0;
}

static const struct op_cpu cpu = {
    .layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile, .in_place = 1u << DY,
    .rows = rows, .rows_done_with = 1u << WEIGHT | 1u << SAVED_INV_STD, .sees = 1 + DY, .see = see};

static const struct batch_norm_gradient_options
    usual = {.norm = {.epsilon = 1e-5, .momentum = 0.1}},
    frozen = {.norm = {.epsilon = 1e-5, .momentum = 0.1, .statistics = BATCH_NORM_RUNNING}},
    relu = {.norm = {.epsilon = 1e-5, .momentum = 0.1}, .activation = UNARY_relu},
    leaky = {.norm = {.epsilon = 1e-5, .momentum = 0.1}, .activation = UNARY_leaky_relu, .alpha = 0.125},
    clip = {.norm = {.epsilon = 1e-5, .momentum = 0.1}, .activation = UNARY_clip, .alpha = 0.25, .beta = 1.5};
#define INPUTS(c, ...) FOV_SHAPE(__VA_ARGS__), FOV_SHAPE(c), FOV_SHAPE(c), FOV_SHAPE(c), FOV_SHAPE(__VA_ARGS__)

/** inv_std stays positive; everything else takes both signs, so that the activation's derivative takes both values. */
static void fill_around_zero(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        data[i] = index == SAVED_INV_STD ? 0.5 + random_uniform(key, i) : random_normal(key, i);
    }
}

/* Gradients of this gradient do not exist yet. */
static const struct op_case cases[] = {
    {.name = "training",
     .options = &usual,
     .in = {INPUTS(5, 3, 5, 4, 3)},
     .in_count = 5,
     .positive = true,
     .training = true,
     .no_gradient = true},
    {.name = "inference",
     .options = &usual,
     .in = {INPUTS(17, 2, 17, 3, 5)},
     .in_count = 5,
     .positive = true,
     .no_gradient = true},
    {.name = "frozen",
     .options = &frozen,
     .in = {INPUTS(3, 2, 3, 7)},
     .in_count = 5,
     .positive = true,
     .training = true,
     .no_gradient = true},
    {.name = "matrix",
     .options = &usual,
     .in = {INPUTS(6, 7, 6)},
     .in_count = 5,
     .positive = true,
     .training = true,
     .no_gradient = true},
    {.name = "several chunks",
     .options = &usual,
     .in = {INPUTS(3, 2, 3, 113, 97)},
     .in_count = 5,
     .positive = true,
     .training = true,
     .no_gradient = true},
    {.name = "behind relu",
     .options = &relu,
     .in = {INPUTS(19, 3, 19, 5, 7), FOV_SHAPE(19)},
     .in_count = 6,
     .training = true,
     .no_gradient = true,
     .fill = fill_around_zero},
    {.name = "behind leaky relu",
     .options = &leaky,
     .in = {INPUTS(5, 7, 5, 3), FOV_SHAPE(5)},
     .in_count = 6,
     .training = true,
     .no_gradient = true,
     .fill = fill_around_zero},
    {.name = "behind clip, several chunks",
     .options = &clip,
     .in = {INPUTS(33, 2, 33, 37, 41), FOV_SHAPE(33)},
     .in_count = 6,
     .training = true,
     .no_gradient = true,
     .fill = fill_around_zero},
    {0},
};

const struct op op_batch_norm_gradient = {
    .name = "batch_norm_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of batch normalisation with respect to its input, weight and bias.",
    .formula = "h = (x - mean) inv_std; dx = weight inv_std (dy - mean(dy) - h mean(dy h)); dweight = sum dy h; dbias "
               "= sum dy",
    .source = "Ioffe & Szegedy, Batch normalization, ICML 2015, section 3",
    .in =
        (const struct op_port[]){
            {.name = "x", .shape = "[N, C, ...]"},
            {.name = "weight", .shape = "[C]", .plain = true},
            {.name = "saved_mean", .shape = "[C]", .plain = true},
            {.name = "saved_inv_std", .shape = "[C]", .plain = true},
            {.name = "dy", .shape = "as x"},
            {.name = "bias", .shape = "[C]; needed with an activation", .optional = true, .plain = true},
            {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as x"},
                                    {.name = "dweight", .shape = "[C]", .optional = true, .plain = true},
                                    {.name = "dbias", .shape = "[C]", .optional = true, .plain = true},
                                    {0}},
    .attributes = attributes,
    .options_size = sizeof(struct batch_norm_gradient_options),
    .absorb = absorb,
    .infer = infer,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
