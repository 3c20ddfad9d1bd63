/* SPDX-License-Identifier: MIT */
/* Adam, and AdamW with `decoupled`: a step whose length adapts to each element's gradients. The bias corrections are
 * computed once per step, in double. One pass over memory; parameter and moments are usually updated in place. */
#include "op/common.h"

#include <math.h>

struct adam_options {
    double beta1, beta2, epsilon, weight_decay;
    bool   decoupled;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct adam_options, beta1), .kind = OP_NUMBER, .standard = 0.9, .maximum = 0.999999999,
     .doc = "share of the mean gradient kept"},
    {OP_ATTRIBUTE(struct adam_options, beta2), .kind = OP_NUMBER, .standard = 0.999, .maximum = 0.999999999,
     .doc = "share of the mean squared gradient kept"},
    {OP_ATTRIBUTE(struct adam_options, epsilon), .kind = OP_NUMBER, .standard = 1e-8, .maximum = 1,
     .doc = "added to the root of the mean square"},
    {OP_ATTRIBUTE(struct adam_options, weight_decay), .kind = OP_NUMBER, .maximum = 1e6,
     .doc = "times the parameter, added to the gradient; or taken from the parameter when decoupled"},
    {OP_ATTRIBUTE(struct adam_options, decoupled), .kind = OP_FLAG, .doc = "AdamW: decay apart from the gradient"},
    {0},
};

/* AdamW as an operator of its own: the same options with other defaults (decoupled, weight_decay 0.01). */
static const struct op_attribute adamw_attributes[] = {
    {OP_ATTRIBUTE(struct adam_options, beta1), .kind = OP_NUMBER, .standard = 0.9, .maximum = 0.999999999,
     .doc = "share of the mean gradient kept"},
    {OP_ATTRIBUTE(struct adam_options, beta2), .kind = OP_NUMBER, .standard = 0.999, .maximum = 0.999999999,
     .doc = "share of the mean squared gradient kept"},
    {OP_ATTRIBUTE(struct adam_options, epsilon), .kind = OP_NUMBER, .standard = 1e-8, .maximum = 1,
     .doc = "added to the root of the mean square"},
    {OP_ATTRIBUTE(struct adam_options, weight_decay), .kind = OP_NUMBER, .standard = 0.01, .maximum = 1e6,
     .doc = "times the parameter, added to the gradient; or taken from the parameter when decoupled"},
    {OP_ATTRIBUTE(struct adam_options, decoupled), .kind = OP_FLAG, .standard = 1,
     .doc = "decay apart from the gradient"},
    {0},
};

enum { PARAMETER, GRADIENT, FIRST, SECOND, LEARNING_RATE, STEP };

static const struct op_port in[] = {
    {.name = "parameter", .shape = "[...]", .plain = true},
    {.name = "gradient", .shape = "as parameter", .plain = true},
    {.name = "first", .shape = "as parameter; zeros at first", .plain = true},
    {.name = "second", .shape = "as parameter; zeros at first", .plain = true},
    {.name = "learning_rate", .shape = "[]"},
    {.name = "step", .shape = "[]: 1 for the first update"},
    {0},
};
static const struct op_port out[] = {
    {.name = "parameter", .shape = "as parameter", .plain = true, .updates = 1 + PARAMETER},
    {.name = "first", .shape = "as parameter", .optional = true, .plain = true, .updates = 1 + FIRST},
    {.name = "second", .shape = "as parameter", .optional = true, .plain = true, .updates = 1 + SECOND},
    {0},
};

static int infer(const struct op_infer *infer)
{
    int status = op_check_float(infer, PARAMETER, "parameter");
    static const char *const names[] = {"parameter", "gradient", "first", "second"};
    for (int i = GRADIENT; status == FOV_OK && i <= SECOND; i++) {
        status = op_check_same_shape(infer, i, names[i], PARAMETER, "parameter");
        status = status != FOV_OK ? status : op_check_same_dtype(infer, i, names[i], PARAMETER, "parameter");
    }
    return status != FOV_OK ? status : op_infer_same(infer);
}

/* Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019, algorithm 2, for the decoupled decay. */
static void textbook(const struct op_textbook *textbook)
{
    const struct adam_options *options = textbook->options;
    const double *w = textbook->in[PARAMETER].data, *gradient = textbook->in[GRADIENT].data;
    const double *first = textbook->in[FIRST].data, *second = textbook->in[SECOND].data;
    double rate = textbook->in[LEARNING_RATE].data[0], t = textbook->in[STEP].data[0];
    double correction1 = 1 - pow(options->beta1, t), correction2 = 1 - pow(options->beta2, t);
    size_t count = op_count(&textbook->in[PARAMETER].shape);
    for (size_t i = 0; i < count; i++) {
        double g = gradient[i] + (options->decoupled ? 0 : options->weight_decay * w[i]);
        double decayed = options->decoupled ? w[i] * (1 - rate * options->weight_decay) : w[i];
        double m = options->beta1 * first[i] + (1 - options->beta1) * g;
        double v = options->beta2 * second[i] + (1 - options->beta2) * g * g;
        textbook->out[0].data[i] = decayed - rate * (m / correction1) / (sqrt(v / correction2) + options->epsilon);
        if (textbook->out[1].data != NULL) {
            textbook->out[1].data[i] = m;
        }
        if (textbook->out[2].data != NULL) {
            textbook->out[2].data[i] = v;
        }
    }
}

struct work {
    const struct kernel_table *kernel;
    struct kernel_adam         options;
    const float               *gradient;
    float                     *parameter, *first, *second;
    size_t                     count;
};

static void run_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK);
    work->kernel->adam(op_chunk_length(chunk, OP_CHUNK, work->count), &work->options, 1, work->gradient + begin,
                       work->parameter + begin, work->first + begin, work->second + begin);
}

/* An output's data, set to the old value from `input`. Usually the two share memory and nothing is copied. A moment
   whose output is absent is a copy in scratch. */
static float *renewed(const struct op_run *run, int output, int input, size_t count)
{
    float *to = run->out[output].data;
    if (to == NULL) {
        to = (float *)run->scratch + (size_t)(output - 1) * count;
    }
    op_copy(run, to, run->in[input].data, count * sizeof(float));
    return to;
}

static void run(const struct op_run *run)
{
    const struct adam_options *options = run->options;
    size_t count = op_count(&run->in[PARAMETER].shape);
    double step = op_scalar(&run->in[STEP]);
    struct work work = {.kernel = run->kernel,
                        .gradient = run->in[GRADIENT].data,
                        .parameter = renewed(run, 0, PARAMETER, count),
                        .first = renewed(run, 1, FIRST, count),
                        .second = renewed(run, 2, SECOND, count),
                        .count = count};
    work.options = (struct kernel_adam){.learning_rate = (float)op_scalar(&run->in[LEARNING_RATE]),
                                        .beta1 = (float)options->beta1,
                                        .beta2 = (float)options->beta2,
                                        .epsilon = (float)options->epsilon,
                                        .weight_decay = (float)options->weight_decay,
                                        .bias_correction1 = (float)(1 - pow(options->beta1, step)),
                                        .bias_correction2 = (float)(1 - pow(options->beta2, step)),
                                        .share1 = (float)(1 - options->beta1),
                                        .share2 = (float)(1 - options->beta2),
                                        .decoupled = options->decoupled};
    pool_run(run->pool, run_chunk, &work, op_chunks(count, OP_CHUNK));
}

static int compile(struct op_compile *compile)
{
    bool kept = compile->out[1].shape.rank >= 0 && compile->out[2].shape.rank >= 0;
    if (!kept && !size_multiply(op_count(&compile->in[PARAMETER].shape), 2 * sizeof(float), &compile->scratch)) {
        return error_set(compile->error, FOV_E_MEMORY, "the moments do not fit memory");
    }
    compile->run = run;
    return FOV_OK;
}

static bool supports(const void *options, const struct op_tensor *tensors, int count)
{
    return op_all_f32(options, tensors, count < SECOND + 1 ? count : SECOND + 1); /* the step may be an integer */
}

static const struct op_cpu cpu = {
    .layout = OP_WANTS_PLAIN, .supports = supports, .compile = compile, .in_place = 1u << PARAMETER};

/* Moments as after some steps: the second, a mean of squares, is positive. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        double value = random_normal(key, i);
        data[i] = index == STEP ? 3 : index == SECOND ? value * value + 0.01 : index == LEARNING_RATE ? 0.01 : value;
    }
}

static const struct adam_options decayed = {0.9, 0.999, 1e-8, 0.1, false}, decoupled = {0.8, 0.99, 1e-6, 0.1, true};

static const struct op_case cases[] = {
    {.name = "plain",
     .in = {{2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {0, {0}}, {0, {0}}},
     .in_count = 6,
     .fill = fill},
    {.name = "several chunks",
     .in = {{1, {40001}}, {1, {40001}}, {1, {40001}}, {1, {40001}}, {0, {0}}, {0, {0}}},
     .in_count = 6,
     .fill = fill},
    {.name = "decay",
     .in = {{1, {37}}, {1, {37}}, {1, {37}}, {1, {37}}, {0, {0}}, {0, {0}}},
     .in_count = 6,
     .options = &decayed,
     .fill = fill},
    {.name = "decoupled, step as i64",
     .in = {{1, {9}}, {1, {9}}, {1, {9}}, {1, {9}}, {0, {0}}, {0, {0}}},
     .in_count = 6,
     .in_dtype = {FOV_F32, FOV_F32, FOV_F32, FOV_F32, FOV_F32, FOV_I64},
     .options = &decoupled,
     .fill = fill},
    {0},
};

const struct op op_adam = {
    .name = "adam",
    .family = OP_OPTIMISER,
    .standard_rate = 0.001,
    .by_elements = true,
    .summary = "Adam and AdamW: renews a parameter and its gradient's two moments.",
    .formula = "m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= rate m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + e)",
    .source = "Kingma & Ba, Adam, ICLR 2015, algorithm 1; Loshchilov & Hutter, ICLR 2019, algorithm 2 (decoupled)",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct adam_options),
    .infer = infer,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};

const struct op op_adamw = {
    .name = "adamw",
    .family = OP_OPTIMISER,
    .standard_rate = 0.001,
    .by_elements = true,
    .summary = "AdamW: Adam whose decay stays apart from the gradient.",
    .formula = "w -= rate decay w; then as adam",
    .source = "Loshchilov & Hutter, Decoupled weight decay regularization, ICLR 2019, algorithm 2",
    .in = in,
    .out = out,
    .attributes = adamw_attributes,
    .options_size = sizeof(struct adam_options),
    .infer = infer,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
