/* SPDX-License-Identifier: MIT */
/* The driver of optimisers by rule. A tensor is updated in chunks of fixed size; norms are sums over the same chunks,
 * added up in order, so that no bit depends on the number of threads. */
#include "op/optimiser.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { PARAMETER, GRADIENT, FIRST_STATE };

static int rate_port(const struct optimiser_rule *rule)
{
    return FIRST_STATE + rule->states;
}

/* A state that an option makes unnecessary (op_port.wanted_by) is absent. */
static bool is_there(const struct op_tensor *tensor)
{
    return tensor->shape.rank >= 0;
}

int optimiser_infer(const struct op_infer *infer)
{
    const struct optimiser_rule *rule = infer->op->rule;
    int status = op_check_float(infer, PARAMETER, "parameter");

    for (int i = GRADIENT; status == FOV_OK && i < rate_port(rule); i++) {
        if (is_there(&infer->in[i])) {
            const char *name = i == GRADIENT ? "gradient" : "state";
            status           = op_check_same_shape(infer, i, name, PARAMETER, "parameter");
            status           = status ? status : op_check_same_dtype(infer, i, name, PARAMETER, "parameter");
        }
    }
    for (int k = 0; status == FOV_OK && k < rule->states; k++) {
        infer->out[1 + k] = infer->in[PARAMETER];
        if (!is_there(&infer->in[FIRST_STATE + k])) {
            infer->out[1 + k].shape.rank = -1;
        }
    }
    return status;
}

/* ---- the definition ---------------------------------------------------------------------------------------------- */

static double norm(const double *values, size_t count)
{
    double sum = 0.0;

    for (size_t i = 0; i < count; i++) {
        sum += values[i] * values[i];
    }
    return sqrt(sum);
}

static double trust(double parameter_norm, double direction_norm)
{
    return parameter_norm > 0.0 && direction_norm > 0.0 ? parameter_norm / direction_norm : 1.0;
}

void optimiser_textbook(const struct op_textbook *textbook)
{
    const struct optimiser_rule     *rule = textbook->op->rule;
    const struct op_textbook_tensor *in = textbook->in;
    size_t        count = op_count(&in[PARAMETER].shape);
    const double *w = in[PARAMETER].data;
    double       *out = textbook->out[0].data, factor = 1.0;
    struct optimiser_moment moment = {.options        = textbook->options,
                                      .rate           = in[rate_port(rule)].data[0],
                                      .step           = in[rate_port(rule) + 1].data[0],
                                      .parameter_norm = norm(w, count),
                                      .gradient_norm  = norm(in[GRADIENT].data, count)};

    if (rule->prepare != NULL) {
        rule->prepare(&moment);
    }
    for (size_t i = 0; i < count; i++) {
        double state[OPTIMISER_MOST_STATES] = {0};

        for (int k = 0; k < rule->states; k++) {
            state[k] = in[FIRST_STATE + k].data != NULL ? in[FIRST_STATE + k].data[i] : 0.0;
        }
        out[i] = rule->element(&moment, w[i], in[GRADIENT].data[i], state);
        for (int k = 0; k < rule->states; k++) {
            if (textbook->out_count > 1 + k && textbook->out[1 + k].data != NULL) {
                textbook->out[1 + k].data[i] = state[k];
            }
        }
    }
    if (rule->trusts) {
        factor = moment.rate * trust(moment.parameter_norm, norm(out, count));
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = w[i] - factor * out[i];
    }
}

/* ---- CPU --------------------------------------------------------------------------------------------------------- */

/* Everything that a chunk needs. sums: [chunks][2], partial sums of squares for the two norms. */
struct work {
    const struct optimiser_rule *rule;
    struct optimiser_moment      moment;
    size_t                       count;
    float                       *parameter, *state[OPTIMISER_MOST_STATES];
    const float                 *gradient;
    double                      *sums;
    float                       *direction; /* of rules that trust */
    double                       factor;
};

static double sum_of_squares(const float *values, size_t count)
{
    double sum = 0.0;

    for (size_t i = 0; i < count; i++) {
        sum += (double)values[i] * (double)values[i];
    }
    return sum;
}

static void sum_chunk(void *context, size_t chunk, int worker)
{
    const struct work *work = context;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK), length = op_chunk_length(chunk, OP_CHUNK, work->count);

    (void)worker;
    work->sums[2 * chunk]     = sum_of_squares(work->parameter + begin, length);
    work->sums[2 * chunk + 1] = sum_of_squares(work->gradient + begin, length);
}

/* A norm from the chunks' partial sums, added in order. `which`: 0 parameter, 1 gradient or direction. */
static double norm_of_chunks(const struct work *work, size_t which)
{
    double sum = 0.0;

    for (size_t chunk = 0; chunk < op_chunks(work->count, OP_CHUNK); chunk++) {
        sum += work->sums[2 * chunk + which];
    }
    return sqrt(sum);
}

static void move_chunk(void *context, size_t chunk, int worker)
{
    const struct work *work = context;
    const struct optimiser_rule *rule = work->rule;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK), end = begin + op_chunk_length(chunk, OP_CHUNK, work->count);

    (void)worker;
    for (size_t i = begin; i < end; i++) {
        double state[OPTIMISER_MOST_STATES] = {0}, w = (double)work->parameter[i], step;

        for (int k = 0; k < rule->states; k++) {
            state[k] = work->state[k] != NULL ? (double)work->state[k][i] : 0.0;
        }
        step = rule->element(&work->moment, w, (double)work->gradient[i], state);
        for (int k = 0; k < rule->states; k++) {
            if (work->state[k] != NULL) {
                work->state[k][i] = (float)state[k];
            }
        }
        if (rule->trusts) {
            work->direction[i] = (float)step;
        } else {
            work->parameter[i] = (float)(w - step);
        }
    }
    if (rule->trusts) {
        work->sums[2 * chunk + 1] = sum_of_squares(work->direction + begin, end - begin);
    }
}

static void follow_chunk(void *context, size_t chunk, int worker)
{
    const struct work *work = context;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK), end = begin + op_chunk_length(chunk, OP_CHUNK, work->count);

    (void)worker;
    for (size_t i = begin; i < end; i++) {
        work->parameter[i] = (float)((double)work->parameter[i] - work->factor * (double)work->direction[i]);
    }
}

/* Copies the old value of `input` to where it is renewed, and returns that place. Usually the two are the same memory
 * and nothing is copied. */
static float *renewed(const struct op_run *run, float *to, int input)
{
    op_copy(run, to, run->in[input].data, op_count(&run->in[input].shape) * sizeof *to);
    return to;
}

static size_t sums_bytes(size_t count)
{
    return memory_aligned(2 * op_chunks(count, OP_CHUNK) * sizeof(double));
}

/* Whether the new value of a state is an output. A state whose new value nobody reads is renewed in scratch: its old
 * value is part of the step all the same. */
static bool is_stored(const struct op_tensor *out, int out_count, int state)
{
    return 1 + state < out_count && is_there(&out[1 + state]);
}

static void run(const struct op_run *run)
{
    const struct optimiser_rule *rule = run->op->rule;
    struct work work = {.rule      = rule,
                        .count     = op_count(&run->in[PARAMETER].shape),
                        .parameter = renewed(run, run->out[0].data, PARAMETER),
                        .gradient  = run->in[GRADIENT].data};
    size_t chunks    = op_chunks(work.count, OP_CHUNK);
    size_t sums      = rule->norms || rule->trusts ? sums_bytes(work.count) : 0;
    float *workspace = run->scratch; /* NULL where nothing is wanted of it */

    work.sums = run->scratch;
    if (sums > 0)
        workspace = (float *)(void *)((char *)run->scratch + sums);
    if (rule->trusts) {
        work.direction = workspace;
        workspace += work.count;
    }
    work.moment = (struct optimiser_moment){.options = run->options,
                                            .rate    = op_scalar(&run->in[rate_port(rule)]),
                                            .step    = op_scalar(&run->in[rate_port(rule) + 1])};
    for (int k = 0; k < rule->states; k++) {
        if (is_there(&run->in[FIRST_STATE + k])) {
            bool stored   = is_stored(run->out, run->out_count, k);
            work.state[k] = renewed(run, stored ? run->out[1 + k].data : workspace, FIRST_STATE + k);
            if (!stored)
                workspace += work.count;
        }
    }
    if (rule->norms || rule->trusts) {
        pool_run(run->pool, sum_chunk, &work, chunks);
        work.moment.parameter_norm = norm_of_chunks(&work, 0);
        work.moment.gradient_norm  = norm_of_chunks(&work, 1);
    }
    if (rule->prepare != NULL) {
        rule->prepare(&work.moment);
    }
    pool_run(run->pool, move_chunk, &work, chunks);
    if (rule->trusts) {
        work.factor = work.moment.rate * trust(work.moment.parameter_norm, norm_of_chunks(&work, 1));
        pool_run(run->pool, follow_chunk, &work, chunks);
    }
}

static int compile(struct op_compile *compile)
{
    const struct optimiser_rule *rule = compile->op->rule;
    size_t count = op_count(&compile->in[PARAMETER].shape), tensors = rule->trusts ? 1 : 0, workspace = 0;

    for (int k = 0; k < rule->states; k++) {
        tensors += is_there(&compile->in[FIRST_STATE + k]) && !is_stored(compile->out, compile->out_count, k);
    }
    if (!size_multiply(count, tensors * sizeof(float), &workspace) ||
        !size_add(workspace, rule->norms || rule->trusts ? sums_bytes(count) : 0, &compile->scratch)) {
        return error_set(compile->error, FOV_E_MEMORY, "the direction, the sums and the states do not fit memory");
    }
    compile->run = run;
    return FOV_OK;
}

static bool supports(const void *options, const struct op_tensor *in, int in_count)
{
    return op_all_f32(options, in, in_count - 1); /* the step may be an integer */
}

const struct op_cpu optimiser_cpu = {
    .layout = OP_WANTS_PLAIN, .supports = supports, .compile = compile, .in_place = 1u << 0};

/* ---- test data --------------------------------------------------------------------------------------------------- */

static void fill(int index, double *data, size_t count, struct random_key key, int states)
{
    for (size_t i = 0; i < count; i++) {
        double value = random_normal(key, i);
        bool   state = index >= FIRST_STATE && index < FIRST_STATE + states;

        data[i] = index == FIRST_STATE + states       ? 0.01
                  : index == FIRST_STATE + states + 1 ? 3
                  : state                             ? value * value + 0.01 /* positive, as mean squares are */
                                                      : value;
    }
}

void optimiser_fill_0(int index, double *data, size_t count, struct random_key key)
{
    fill(index, data, count, key, 0);
}

void optimiser_fill_1(int index, double *data, size_t count, struct random_key key)
{
    fill(index, data, count, key, 1);
}

void optimiser_fill_2(int index, double *data, size_t count, struct random_key key)
{
    fill(index, data, count, key, 2);
}

void optimiser_fill_3(int index, double *data, size_t count, struct random_key key)
{
    fill(index, data, count, key, 3);
}
