/* SPDX-License-Identifier: MIT */
/* The gradient of every elementwise function of one argument, in one operator: dx = dy f'(x). The function is an
 * option, so that a new activation needs no gradient operator of its own. A second operator is the gradient of this one
 * by the saved tensor; it has no gradient itself. The formulas are in derivative.c (double) and in the kernels
 * (float). */
#include "op/activation_gradient/derivative.h"
#include "op/elementwise.h"

#include <string.h>

static const char *const functions[] = {
#define UNARY(name, reads, formula, derivative) #name,
#include "kernel/list.inc"
    NULL,
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct activation_gradient_options, function), .kind = OP_CHOICE, .choices = functions,
     .doc = "whose derivative"},
    {OP_ATTRIBUTE(struct activation_gradient_options, alpha), .kind = OP_NUMBER, .doc = "the function's constant"},
    {OP_ATTRIBUTE(struct activation_gradient_options, beta), .kind = OP_NUMBER,
     .doc = "the function's second constant"},
    {0},
};

static enum unary function_of(const void *options)
{
    return (enum unary)((const struct activation_gradient_options *)options)->function;
}

/* For both operators: inputs dy, saved; or flow, dy, saved. */
static int infer_gradient(const struct op_infer *infer)
{
    int saved = op_port_count(infer->op->in) - 1;
    int status = op_check_float(infer, 0, "dy");
    for (int i = 1; status == FOV_OK && i <= saved; i++) {
        const char *name = i == saved ? "saved" : "dy";
        if (i < infer->in_count && infer->in[i].shape.rank >= 0) {
            status = op_check_same_shape(infer, i, name, 0, "the gradient");
            status = status != FOV_OK ? status : op_check_same_dtype(infer, i, name, 0, "the gradient");
        } else if (unary_gradient_reads(function_of(infer->options)) != READS_NOTHING) {
            status = error_set(infer->error, FOV_E_USAGE,
                               "the derivative of %s needs the tensor saved from the forward pass",
                               unary_name(function_of(infer->options)));
        }
    }
    return status != FOV_OK ? status : op_infer_same(infer);
}

/* ---- dx = dy f'(saved) ----------------------------------------------------------------------------------------- */

static const struct op_port in[] = {{.name = "dy", .shape = "[...]"},
                                    {.name = "saved", .shape = "[...]: x or y of the forward pass", .optional = true},
                                    {0}};
static const struct op_port out[] = {{.name = "dx", .shape = "[...]"}, {0}};

/* dx is linear in dy, so the gradient of dy is activation_gradient again; that of saved has the slope of f'. */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    bool has_saved = gradient->in_count > 1;
    fov_value flow = gradient->out_gradient[0], dy = gradient->in[0];
    fov_value saved = has_saved ? gradient->in[1] : (fov_value){0};
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(emitter, "activation_gradient", flow, saved, gradient->options);
    }
    if (has_saved && gradient->wanted[1] && !derivative_is_piecewise_constant(function_of(gradient->options))) {
        gradient->in_gradient[1] =
            op_emit3(emitter, "activation_second_gradient", flow, dy, saved, gradient->options);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const struct activation_gradient_options *options = textbook->options;
    const double *dy = textbook->in[0].data, *saved = textbook->in_count > 1 ? textbook->in[1].data : NULL;
    double *dx = textbook->out[0].data;
    size_t count = op_count(&textbook->in[0].shape);
    for (size_t i = 0; i < count; i++) {
        double v = saved != NULL ? saved[i] : 0;
        dx[i] = dy[i] * derivative(function_of(options), v, options->alpha, options->beta);
    }
}

struct work {
    unary_gradient_kernel *kernel;
    const float           *x, *y, *dy;
    float                 *dx, alpha, beta;
    size_t                 count;
};

static void run_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK);
    work->kernel(op_chunk_length(chunk, OP_CHUNK, work->count), work->x != NULL ? work->x + begin : NULL,
                 work->y != NULL ? work->y + begin : NULL, work->dy + begin, work->dx + begin, work->alpha, work->beta);
}

static void run(const struct op_run *run)
{
    const struct activation_gradient_options *options = run->options;
    enum unary function = function_of(options);
    enum unary_reads reads = unary_gradient_reads(function);
    struct work work = {
        .kernel = run->kernel->unary_gradient[function],
        .x = reads == READS_X ? run->in[1].data : NULL,
        .y = reads == READS_Y ? run->in[1].data : NULL,
        .dy = run->in[0].data,
        .dx = run->out[0].data,
        .alpha = (float)options->alpha,
        .beta = (float)options->beta,
        .count = op_count(&run->in[0].shape),
    };
    pool_run(run->pool, run_chunk, &work, op_chunks(work.count, OP_CHUNK));
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    return FOV_OK;
}

/** If dy comes from the gradient of a max pooling of y itself, multiplies by f' before that gradient instead of after:
 *  f' at the pixel that won is f' of the pooled value, there are fewer pooled values, and y need not be kept. Not where
 *  x comes from a normalisation, whose gradient takes f' over. */
static bool absorb(struct op_substitution *node)
{
    struct op_producer back, pool, forward, before;
    if (node->in_count != 2 || unary_gradient_reads(function_of(node->options)) != READS_Y ||
        !op_producer_for(node, node->in[0], &back) || strcmp(back.op->name, "max_pool_gradient") != 0 ||
        !node->producer(node->plan, back.in[1], &pool) || strcmp(pool.op->name, "max_pool") != 0 ||
        pool.in[0] != node->in[1]) {
        return false;
    }
    if (node->producer(node->plan, node->in[1], &forward) && forward.in_count > 0 &&
        node->producer(node->plan, forward.in[0], &before) && before.op->family == OP_NORMALISATION) {
        return false;
    }
    node->in[0] = back.in[0];
    node->in[1] = pool.out[0];
    node->exchange = true;
    return true;
}

static enum unary as_activation_gradient(const void *options, float *alpha, float *beta)
{
    const struct activation_gradient_options *of = options;
    *alpha = (float)of->alpha;
    *beta = (float)of->beta;
    return function_of(options);
}

static const struct op_cpu cpu = {
    .layout = OP_FOLLOWS, .any_order = true, .supports = op_all_f32, .compile = compile, .in_place = 1u << 0 | 1u << 1};

static const struct activation_gradient_options of_relu = {.function = UNARY_relu},
                                                of_leaky = {.function = UNARY_leaky_relu, .alpha = 0.1},
                                                of_sigmoid = {.function = UNARY_sigmoid},
                                                of_tanh = {.function = UNARY_tanh},
                                                of_softplus = {.function = UNARY_softplus},
                                                of_gelu = {.function = UNARY_gelu},
                                                of_gelu_tanh = {.function = UNARY_gelu_tanh},
                                                of_swish = {.function = UNARY_swish, .alpha = 1.5},
                                                of_mish = {.function = UNARY_mish},
                                                of_erf = {.function = UNARY_erf}, of_neg = {.function = UNARY_neg};

static const struct op_case cases[] = {
    {.name = "neg", .in = {{2, {3, 5}}, {-1, {0}}}, .in_count = 2, .options = &of_neg},
    {.name = "relu", .in = {{2, {3, 17}}, {2, {3, 17}}}, .in_count = 2, .options = &of_relu, .positive = true},
    {.name = "relu, both signs", .in = {{4, {2, 3, 5, 3}}, {4, {2, 3, 5, 3}}}, .in_count = 2, .options = &of_relu,
     .no_gradient = true},
    {.name = "leaky_relu", .in = {{1, {35}}, {1, {35}}}, .in_count = 2, .options = &of_leaky, .no_gradient = true},
    {.name = "sigmoid", .in = {{4, {2, 3, 4, 3}}, {4, {2, 3, 4, 3}}}, .in_count = 2, .options = &of_sigmoid},
    {.name = "tanh", .in = {{2, {3, 17}}, {2, {3, 17}}}, .in_count = 2, .options = &of_tanh},
    {.name = "softplus", .in = {{2, {3, 17}}, {2, {3, 17}}}, .in_count = 2, .options = &of_softplus},
    {.name = "gelu", .in = {{1, {19}}, {1, {19}}}, .in_count = 2, .options = &of_gelu},
    {.name = "gelu_tanh", .in = {{1, {19}}, {1, {19}}}, .in_count = 2, .options = &of_gelu_tanh},
    {.name = "swish", .in = {{1, {19}}, {1, {19}}}, .in_count = 2, .options = &of_swish},
    {.name = "mish", .in = {{1, {19}}, {1, {19}}}, .in_count = 2, .options = &of_mish},
    {.name = "several chunks", .in = {{2, {3, 12001}}, {2, {3, 12001}}}, .in_count = 2, .options = &of_sigmoid,
     .no_gradient = true},
    {.name = "erf", .in = {{1, {19}}, {1, {19}}}, .in_count = 2, .options = &of_erf},
    {0},
};

const struct op op_activation_gradient = {
    .name = "activation_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of an elementwise function.",
    .formula = "dx = dy f'(x), f' written in x or in y",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct activation_gradient_options),
    .infer = infer_gradient,
    .gradient = gradient,
    .textbook = textbook,
    .absorb = absorb,
    .cpu = &cpu,
    .as_activation_gradient = as_activation_gradient,
    .cases = cases,
};

/* ---- the gradient of dx by saved: seldom used (gradient penalties), so only the textbook twin exists ----------- */

static const struct op_port second_in[] = {{.name = "flow", .shape = "[...]: gradient of dx"},
                                           {.name = "dy", .shape = "[...]"},
                                           {.name = "saved", .shape = "[...]: x or y of the forward pass"},
                                           {0}};
static const struct op_port second_out[] = {{.name = "dsaved", .shape = "[...]"}, {0}};

static void second_textbook(const struct op_textbook *textbook)
{
    const struct activation_gradient_options *options = textbook->options;
    const double *flow = textbook->in[0].data, *dy = textbook->in[1].data, *saved = textbook->in[2].data;
    double *dsaved = textbook->out[0].data;
    size_t count = op_count(&textbook->in[0].shape);
    for (size_t i = 0; i < count; i++) {
        dsaved[i] = flow[i] * dy[i] * derivative_slope(function_of(options), saved[i], options->alpha, options->beta);
    }
}

static const struct op_case second_cases[] = {
    {.name = "sigmoid", .in = {{2, {3, 5}}, {2, {3, 5}}, {2, {3, 5}}}, .in_count = 3, .options = &of_sigmoid},
    {.name = "softplus", .in = {{1, {9}}, {1, {9}}, {1, {9}}}, .in_count = 3, .options = &of_softplus},
    {0},
};

const struct op op_activation_second_gradient = {
    .name = "activation_second_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of activation_gradient by the tensor it saved.",
    .formula = "dsaved = flow dy f''",
    .in = second_in,
    .out = second_out,
    .attributes = attributes,
    .options_size = sizeof(struct activation_gradient_options),
    .infer = infer_gradient,
    .textbook = second_textbook,
    .cases = second_cases,
};
