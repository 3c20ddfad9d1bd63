/* SPDX-License-Identifier: MIT */
/* Stochastic gradient descent with momentum, as PyTorch computes it: the learning rate multiplies the velocity when it
 * is applied, not when it is accumulated. One pass over memory updates parameter and velocity in place. */
#include "op/common.h"
#include "op/parts.h"

#include <string.h>

struct sgd_options {
    double momentum, dampening, weight_decay;
    bool   nesterov;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct sgd_options, momentum), .kind = OP_NUMBER, .maximum = 1, .doc = "share of the velocity kept"},
    {OP_ATTRIBUTE(struct sgd_options, dampening), .kind = OP_NUMBER, .maximum = 1,
     .doc = "share of the gradient left out of the velocity"},
    {OP_ATTRIBUTE(struct sgd_options, weight_decay), .kind = OP_NUMBER, .maximum = 1e6,
     .doc = "times the parameter, added to the gradient"},
    {OP_ATTRIBUTE(struct sgd_options, nesterov), .kind = OP_FLAG, .doc = "look ahead along the velocity"},
    {0},
};

enum { PARAMETER, GRADIENT, VELOCITY, LEARNING_RATE, STEP };

static const struct op_port in[] = {
    {.name = "parameter", .shape = "[...]", .plain = true},
    {.name = "gradient", .shape = "as parameter", .plain = true},
    {.name = "velocity",
     .shape = "as parameter; zeros at first; needed with momentum",
     .optional = true,
     .wanted_by = "momentum",
     .plain = true},
    {.name = "learning_rate", .shape = "[]"},
    {.name = "step", .shape = "[]: 1 for the first update; needed with dampening", .optional = true,
     .wanted_by = "dampening"},
    {0},
};
static const struct op_port out[] = {
    {.name = "parameter", .shape = "as parameter", .plain = true, .updates = 1 + PARAMETER},
    {.name = "velocity", .shape = "as parameter", .optional = true, .plain = true, .updates = 1 + VELOCITY},
    {0},
};

static bool present(const struct op_tensor *tensors, int count, int index)
{
    return index < count && tensors[index].shape.rank >= 0;
}

static int infer(const struct op_infer *infer)
{
    const struct sgd_options *options = infer->options;
    int status = op_check_float(infer, PARAMETER, "parameter");
    status = status != FOV_OK ? status : op_check_same_shape(infer, GRADIENT, "gradient", PARAMETER, "parameter");
    status = status != FOV_OK ? status : op_check_same_dtype(infer, GRADIENT, "gradient", PARAMETER, "parameter");
    if (status == FOV_OK && present(infer->in, infer->in_count, VELOCITY)) {
        status = op_check_same_shape(infer, VELOCITY, "velocity", PARAMETER, "parameter");
        status = status != FOV_OK ? status : op_check_same_dtype(infer, VELOCITY, "velocity", PARAMETER, "parameter");
    } else if (status == FOV_OK && options->momentum != 0) {
        status = error_set(infer->error, FOV_E_USAGE, "momentum %g needs a velocity", options->momentum);
    }
    if (status == FOV_OK && options->momentum != 0 && options->dampening != 0 &&
        !present(infer->in, infer->in_count, STEP)) {
        status = error_set(infer->error, FOV_E_USAGE, "dampening %g needs the step: the first one is not dampened",
                           options->dampening);
    }
    if (status == FOV_OK && options->nesterov && (options->momentum == 0 || options->dampening != 0)) {
        status = error_set(infer->error, FOV_E_USAGE, "nesterov needs momentum (%g) and no dampening (%g)",
                           options->momentum, options->dampening);
    }
    return status != FOV_OK ? status : op_infer_same(infer);
}

/* Sutskever et al. 2013 write it with the learning rate inside the velocity; here it is outside, as in PyTorch. */
static void textbook(const struct op_textbook *textbook)
{
    const struct sgd_options *options = textbook->options;
    const double *parameter = textbook->in[PARAMETER].data, *gradient = textbook->in[GRADIENT].data;
    const double *velocity = textbook->in[VELOCITY].data;
    double *new_velocity = textbook->out_count > 1 ? textbook->out[1].data : NULL;
    double rate = textbook->in[LEARNING_RATE].data[0];
    const double *step = textbook->in_count > STEP ? textbook->in[STEP].data : NULL;
    bool first = step != NULL && step[0] == 1;
    size_t count = op_count(&textbook->in[PARAMETER].shape);
    for (size_t i = 0; i < count; i++) {
        double g = gradient[i] + options->weight_decay * parameter[i];
        double v = 0, direction = g;
        if (options->momentum != 0) {
            v = first ? g : options->momentum * velocity[i] + (1 - options->dampening) * g;
            direction = options->nesterov ? g + options->momentum * v : v;
        } else if (velocity != NULL) {
            v = velocity[i]; /* without momentum the velocity is unchanged */
        }
        textbook->out[0].data[i] = parameter[i] - rate * direction;
        if (new_velocity != NULL) {
            new_velocity[i] = v;
        }
    }
}

/* Floats. Short, so that threads divide a small weight evenly, and in the same way as they divided its gradient: data
 * that another thread wrote must be transferred from that thread's cache. */
enum { CHUNK = 4096 };

struct work {
    const struct kernel_table *kernel;
    struct kernel_sgd          options;
    const float               *gradient;
    float                     *parameter, *velocity;
    size_t                     count, rows, columns, parts; /* rows and columns are used only where parts > 1 */
};

/** A part is some rows of a small matrix: the same rows whose gradient one thread computed. */
static void run_part(void *context, size_t part, int worker)
{
    (void)worker;
    const struct work *work = context;
    size_t begin = op_row_part(work->kernel, work->rows, work->parts, part) * work->columns;
    size_t end = op_row_part(work->kernel, work->rows, work->parts, part + 1) * work->columns;
    work->kernel->sgd(end - begin, &work->options, 1, work->gradient + begin, work->parameter + begin,
                      work->velocity != NULL ? work->velocity + begin : NULL);
}

static void run_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    size_t begin = op_chunk_begin(chunk, CHUNK);
    work->kernel->sgd(op_chunk_length(chunk, CHUNK, work->count), &work->options, 1, work->gradient + begin,
                      work->parameter + begin, work->velocity != NULL ? work->velocity + begin : NULL);
}

static void run(const struct op_run *run)
{
    const struct sgd_options *options = run->options;
    struct work work = {.kernel = run->kernel, .gradient = run->in[GRADIENT].data, .parameter = run->out[0].data,
                        .count = op_count(&run->in[PARAMETER].shape)};
    work.options = (struct kernel_sgd){.learning_rate = (float)op_scalar(&run->in[LEARNING_RATE]),
                                       .momentum = (float)options->momentum,
                                       .dampening = (float)options->dampening,
                                       .weight_decay = (float)options->weight_decay,
                                       .nesterov = options->nesterov};
    work.options.first_step = present(run->in, run->in_count, STEP) && op_scalar(&run->in[STEP]) == 1;
    /* Outputs are usually the inputs' memory; where they are not, the kernel works on a copy. */
    op_copy(run, run->out[0].data, run->in[PARAMETER].data, work.count * sizeof(float));
    if (present(run->in, run->in_count, VELOCITY)) {
        work.velocity = run->out_count > 1 && run->out[1].data != NULL ? run->out[1].data : run->scratch;
        op_copy(run, work.velocity, run->in[VELOCITY].data, work.count * sizeof(float));
    } else if (run->out_count > 1 && run->out[1].data != NULL) {
        memset(run->out[1].data, 0, work.count * sizeof(float)); /* no velocity in: zeros out */
    }
    if (options->momentum == 0) {
        work.velocity = NULL;
    }
    const fov_shape *shape = &run->in[PARAMETER].shape;
    work.rows = shape->rank == 2 ? (size_t)shape->dim[0] : 0;
    work.columns = shape->rank == 2 ? (size_t)shape->dim[1] : 0;
    work.parts = op_row_parts(run->kernel, work.rows, work.columns);
    if (work.parts > 1) {
        pool_run(run->pool, run_part, &work, work.parts);
    } else {
        pool_run(run->pool, run_chunk, &work, op_chunks(work.count, CHUNK));
    }
}

static int compile(struct op_compile *compile)
{
    bool kept = compile->out_count > 1 && compile->out[1].shape.rank >= 0;
    if (!kept && present(compile->in, compile->in_count, VELOCITY)) {
        compile->scratch = op_count(&compile->in[PARAMETER].shape) * sizeof(float); /* a velocity that is not kept */
    }
    compile->run = run;
    return FOV_OK;
}

static bool supports(const void *options, const struct op_tensor *tensors, int count)
{
    return op_all_f32(options, tensors, count < VELOCITY + 1 ? count : VELOCITY + 1); /* the step may be an integer */
}

static const struct op_cpu cpu = {
    .layout = OP_WANTS_PLAIN, .supports = supports, .compile = compile, .in_place = 1u << PARAMETER};

static void fill_first_step(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        data[i] = index == STEP ? 1 : random_normal(key, i);
    }
}

static const struct sgd_options heavy = {.momentum = 0.9, .weight_decay = 0.01},
                                nesterov = {.momentum = 0.9, .nesterov = true},
                                damped = {.momentum = 0.5, .dampening = 0.25};

static const struct op_case cases[] = {
    {.name = "plain", .in = {{2, {3, 17}}, {2, {3, 17}}, {-1, {0}}, {0, {0}}}, .in_count = 4},
    {.name = "momentum and decay", .in = {{1, {37}}, {1, {37}}, {1, {37}}, {0, {0}}}, .in_count = 4, .options = &heavy},
    {.name = "several chunks", .in = {{1, {40001}}, {1, {40001}}, {1, {40001}}, {0, {0}}}, .in_count = 4,
     .options = &heavy},
    {.name = "in parts", .in = {{2, {50, 150}}, {2, {50, 150}}, {2, {50, 150}}, {0, {0}}}, .in_count = 4,
     .options = &heavy},
    {.name = "nesterov", .in = {{4, {2, 3, 3, 3}}, {4, {2, 3, 3, 3}}, {4, {2, 3, 3, 3}}, {0, {0}}}, .in_count = 4,
     .options = &nesterov},
    {.name = "dampened, first step", .in = {{1, {9}}, {1, {9}}, {1, {9}}, {0, {0}}, {0, {0}}}, .in_count = 5,
     .options = &damped, .fill = fill_first_step},
    {.name = "dampened, a later step", .in = {{1, {9}}, {1, {9}}, {1, {9}}, {0, {0}}, {0, {0}}}, .in_count = 5,
     .options = &damped, .in_dtype = {FOV_F32, FOV_F32, FOV_F32, FOV_F32, FOV_I64}, .integers = 1},
    {0},
};

const struct op op_sgd = {
    .name = "sgd",
    .family = OP_OPTIMISER,
    .standard_rate = 0.01,
    .by_elements = true,
    .summary = "Gradient descent with momentum: renews a parameter and its velocity.",
    .formula = "g += decay w; v = momentum v + (1 - dampening) g; w -= rate v, or rate (g + momentum v) with nesterov",
    .source = "Sutskever, Martens, Dahl & Hinton, On the importance of initialization and momentum, ICML 2013, eq. 1-4",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct sgd_options),
    .infer = infer,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
