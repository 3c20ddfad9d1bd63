/* SPDX-License-Identifier: MIT */
/* Checks, textbook twin and CPU step of ONNX's optimisers for any formula: see onnx_optimiser.h. */
#include "op/onnx_optimiser.h"

const struct op_port onnx_optimiser_in[] = {
    {.name = "rate", .shape = "[]: R", .plain = true},
    {.name = "count", .shape = "[]: T, updates done before", .plain = true},
    {.name = "tensors", .shape = "all values, their gradients, their states, block by block", .variadic = true,
     .plain = true},
    {0},
};
const struct op_port onnx_optimiser_out[] = {
    {.name = "renewed", .shape = "all values, their states, block by block", .variadic = true, .plain = true},
    {0},
};

/** Number of groups (a value, its gradient and its states) among in_count inputs; 0: not a whole number of groups. */
static int groups_of(int in_count, int states)
{
    int tensors = in_count - ONNX_OPTIMISER_TENSORS;
    return tensors > 0 && tensors % (2 + states) == 0 ? tensors / (2 + states) : 0;
}

int onnx_optimiser_out_count(int in_count, int states)
{
    return groups_of(in_count, states) * (1 + states);
}

static int check_number(const struct op_infer *infer, int index, const char *name)
{
    const fov_shape *shape = &infer->in[index].shape;
    char text[SHAPE_TEXT_SIZE];
    if (shape->rank > 1 || (shape->rank == 1 && shape->dim[0] != 1)) {
        return error_set(infer->error, FOV_E_SHAPE, "%s is %s, it must be a single number", name,
                         shape_text(shape, text));
    }
    return FOV_OK;
}

int onnx_optimiser_infer(const struct op_infer *infer)
{
    const struct onnx_optimiser *optimiser = infer->op->rule;
    int groups = groups_of(infer->in_count, optimiser->states), block = 2 + optimiser->states;
    if (groups == 0) {
        return error_set(infer->error, FOV_E_USAGE,
                         "%d tensors were given; each value needs %d: itself, its gradient and %d state%s",
                         infer->in_count - ONNX_OPTIMISER_TENSORS, block, optimiser->states,
                         optimiser->states > 1 ? "s" : "");
    }
    int status = op_check_float(infer, ONNX_OPTIMISER_RATE, "rate");
    status = status != FOV_OK ? status : check_number(infer, ONNX_OPTIMISER_RATE, "rate");
    status = status != FOV_OK ? status : check_number(infer, ONNX_OPTIMISER_COUNT, "count");
    if (status == FOV_OK && infer->in[ONNX_OPTIMISER_COUNT].dtype == FOV_BOOL) {
        status = error_set(infer->error, FOV_E_USAGE, "count is bool, it must be a number");
    }
    for (int group = 0; status == FOV_OK && group < groups; group++) {
        int value = ONNX_OPTIMISER_TENSORS + group;
        status = op_check_float(infer, value, optimiser->names[0]);
        for (int part = 1; status == FOV_OK && part < block; part++) {
            int index = value + part * groups;
            status = op_check_same_shape(infer, index, optimiser->names[part], value, optimiser->names[0]);
            status = status != FOV_OK ? status
                                      : op_check_same_dtype(infer, index, optimiser->names[part], value,
                                                            optimiser->names[0]);
        }
        for (int part = 0; part <= optimiser->states && part * groups + group < infer->out_count; part++) {
            infer->out[part * groups + group].dtype = infer->in[value].dtype;
            infer->out[part * groups + group].shape = infer->in[value].shape;
        }
    }
    return status;
}

void onnx_optimiser_textbook(const struct op_textbook *textbook)
{
    const struct onnx_optimiser *optimiser = textbook->op->rule;
    int groups = groups_of(textbook->in_count, optimiser->states), states = optimiser->states;
    double rates[4] = {0};
    optimiser->rates(textbook->options, textbook->in[ONNX_OPTIMISER_RATE].data[0],
                     textbook->in[ONNX_OPTIMISER_COUNT].data[0], rates);
    for (int group = 0; group < groups; group++) {
        const struct op_textbook_tensor *in = &textbook->in[ONNX_OPTIMISER_TENSORS + group];
        struct op_textbook_tensor *out = &textbook->out[group];
        size_t count = op_count(&in->shape);
        for (size_t i = 0; i < count; i++) {
            struct onnx_optimiser_element element = {in[0].data[i], in[groups].data[i], {0}};
            for (int s = 0; s < states; s++) {
                element.state[s] = in[(2 + s) * groups].data[i];
            }
            optimiser->define(textbook->options, rates, &element);
            if (out[0].data != NULL) {
                out[0].data[i] = element.x;
            }
            for (int s = 0; s < states; s++) {
                if (out[(1 + s) * groups].data != NULL) {
                    out[(1 + s) * groups].data[i] = element.state[s];
                }
            }
        }
    }
}

struct work {
    const struct op_run         *run;
    const struct onnx_optimiser *optimiser;
    double                       rates[4];
    int                          group, groups;
    size_t                       count;
};

static const float *read_at(const struct work *work, int part, size_t begin)
{
    return (const float *)work->run->in[ONNX_OPTIMISER_TENSORS + part * work->groups + work->group].data + begin;
}

/** Where output block `part` is written; an output that nobody reads goes to the worker's scratch. */
static float *write_at(const struct work *work, int part, size_t begin, float *scratch)
{
    float *data = work->run->out[part * work->groups + work->group].data;
    return data != NULL ? data + begin : scratch + (size_t)part * OP_CHUNK;
}

static void run_chunk(void *context, size_t chunk, int worker)
{
    const struct work *work = context;
    float *scratch = op_worker_scratch(work->run, worker);
    size_t begin = op_chunk_begin(chunk, OP_CHUNK);
    struct onnx_optimiser_run run = {.count = op_chunk_length(chunk, OP_CHUNK, work->count),
                                     .x = read_at(work, 0, begin),
                                     .gradient = read_at(work, 1, begin),
                                     .new_x = write_at(work, 0, begin, scratch)};
    for (int s = 0; s < work->optimiser->states; s++) {
        run.state[s] = read_at(work, 2 + s, begin);
        run.new_state[s] = write_at(work, 1 + s, begin, scratch);
    }
    work->optimiser->step(work->run->options, work->rates, &run);
}

static void run(const struct op_run *run)
{
    const struct onnx_optimiser *optimiser = run->op->rule;
    struct work work = {.run = run, .optimiser = optimiser, .groups = groups_of(run->in_count, optimiser->states)};
    optimiser->rates(run->options, op_scalar(&run->in[ONNX_OPTIMISER_RATE]), op_scalar(&run->in[ONNX_OPTIMISER_COUNT]),
                     work.rates);
    for (work.group = 0; work.group < work.groups; work.group++) {
        work.count = op_count(&run->in[ONNX_OPTIMISER_TENSORS + work.group].shape);
        pool_run(run->pool, run_chunk, &work, op_chunks(work.count, OP_CHUNK));
    }
}

static int compile(struct op_compile *compile)
{
    compile->scratch_per_worker = (1 + ONNX_OPTIMISER_STATES) * OP_CHUNK * sizeof(float);
    compile->run = run;
    return FOV_OK;
}

/* R may be of another floating type than the values, and T is usually an integer. */
static bool supports(const void *options, const struct op_tensor *in, int in_count)
{
    return in_count > ONNX_OPTIMISER_TENSORS &&
           op_all_f32(options, in + ONNX_OPTIMISER_TENSORS, in_count - ONNX_OPTIMISER_TENSORS);
}

const struct op_cpu onnx_optimiser_cpu = {.layout = OP_WANTS_PLAIN, .supports = supports, .compile = compile};

void onnx_optimiser_draw(int index, int squares, double count, double *data, size_t elements, struct random_key key)
{
    for (size_t i = 0; i < elements; i++) {
        double value = (double)(float)random_normal(key, i);
        bool   square = squares >= 0 && index == ONNX_OPTIMISER_TENSORS + 2 + squares;
        data[i] = index == ONNX_OPTIMISER_RATE    ? 0.0625
                  : index == ONNX_OPTIMISER_COUNT ? count
                  : square                        ? (double)(float)(value * value + 0.01)
                                                  : value;
    }
}
