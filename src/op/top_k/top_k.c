/* SPDX-License-Identifier: MIT */
/* TopK: the k largest or smallest entries along an axis, best first, and their indices. Equal entries keep their order.
 * The gradient goes back to the entries that were selected. */
#include "op/index.h"

#include <fovea/operators.h>
#include <math.h>

struct top_k_options {
    int64_t k, axis;
    bool    smallest, unsorted;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct top_k_options, k), .kind = OP_INTEGER, .standard = 1, .minimum = 0, .maximum = 1e12,
     .doc = "entries that are kept; or the input k"},
    {OP_ATTRIBUTE(struct top_k_options, axis), .kind = OP_INTEGER, .standard = -1, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "dimension that is searched; from the end if < 0"},
    {OP_ATTRIBUTE(struct top_k_options, smallest), .kind = OP_FLAG, .doc = "keeps the smallest, not the largest"},
    {OP_ATTRIBUTE(struct top_k_options, unsorted), .kind = OP_FLAG,
     .doc = "their order does not matter (they come in order all the same)"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    const struct top_k_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape;
    struct index_values given;
    int axis, status = shape_axis(x, options->axis, &axis, infer->error);
    status = status != FOV_OK ? status : index_values_infer(infer, 1, &given);
    if (status != FOV_OK) {
        return status;
    }
    int64_t k = given.at != NULL && given.count == 1 ? index_clamp(given.at[0]) : options->k;
    if (x->dim[axis] < 0) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "axis %d is the open batch, its size must be known", axis);
    }
    if ((given.at != NULL && given.count != 1) || k < 0 || k > x->dim[axis]) {
        return error_set(infer->error, FOV_E_SHAPE, "k is %lld, axis %d has %lld entries", (long long)k, axis,
                         (long long)x->dim[axis]);
    }
    infer->out[0].shape = *x;
    infer->out[0].shape.dim[axis] = k;
    infer->out[1].shape = infer->out[0].shape;
    infer->out[1].dtype = FOV_I64;
    return FOV_OK;
}

/* gather_elements' options, which are private to its folder, are a single number, the axis. */
static void gradient(struct op_gradient *gradient)
{
    int64_t axis = ((const struct top_k_options *)gradient->options)->axis;
    if (gradient->wanted[0] && gradient->out_gradient[0].id != 0) {
        gradient->in_gradient[0] = op_emit3(gradient->emitter, "gather_elements_gradient", gradient->out_gradient[0],
                                            gradient->out[1], gradient->in[0], &axis);
    }
}

/* Whether a comes before b in the result. NaN counts as larger than all numbers, as in NumPy's sort. */
static bool comes_before(double a, size_t a_at, double b, size_t b_at, bool smallest)
{
    if (isnan(a) || isnan(b)) {
        return isnan(a) && isnan(b) ? a_at < b_at : isnan(a) != smallest;
    }
    return a == b ? a_at < b_at : (a < b) == smallest;
}

/* Selects, k times, the best of all entries that come after the previous one: slow, but plain. */
static void textbook(const struct op_textbook *textbook)
{
    const struct top_k_options *options = textbook->options;
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    int axis = index_axis(options->axis, x->shape.rank);
    size_t outer = shape_span(&x->shape, 0, axis), inner = shape_span(&x->shape, axis + 1, x->shape.rank);
    size_t size = (size_t)x->shape.dim[axis], k = (size_t)y->shape.dim[axis];
    double *indices = textbook->out_count > 1 ? textbook->out[1].data : NULL;
    for (size_t line = 0; line < outer * inner; line++) {
        const double *from = x->data + line / inner * size * inner + line % inner;
        size_t last = 0;
        for (size_t place = 0; place < k; place++) {
            size_t best = SIZE_MAX;
            for (size_t i = 0; i < size; i++) {
                double value = from[i * inner];
                bool taken = place > 0 && !comes_before(from[last * inner], last, value, i, options->smallest);
                if (!taken && (best == SIZE_MAX ||
                               comes_before(value, i, from[best * inner], best, options->smallest))) {
                    best = i;
                }
            }
            size_t to = (line / inner * k + place) * inner + line % inner;
            y->data[to] = from[best * inner];
            if (indices != NULL) {
                indices[to] = (double)best;
            }
            last = best;
        }
    }
}

/* The definition looks at all entries for each of the k places. */
static void work(struct op_cost *cost)
{
    const struct top_k_options *options = cost->options;
    const fov_shape *x = &cost->in[0].shape, *y = &cost->out[0].shape;
    double looks = (double)op_count(y) * (double)x->dim[index_axis(options->axis, x->rank)];
    cost->multiply_adds = looks < 1e18 ? (int64_t)looks : INT64_MAX;
}

/* ---- on the CPU: a heap of the k best so far, with the worst of them as its root --------------------------------- */

struct job {
    const struct op_run *run;
    size_t               inner, size, k;
};

/* Whether entry a comes before entry b in line `from`, whose entries are `step` floats apart. */
static bool is_before(const float *from, size_t step, int64_t a, int64_t b, bool smallest)
{
    return comes_before((double)from[(size_t)a * step], (size_t)a, (double)from[(size_t)b * step], (size_t)b, smallest);
}

/* Lets the entry at `at` sink until no child is worse than it. */
static void sink(const float *from, size_t step, int64_t *heap, size_t count, size_t at, bool smallest)
{
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && is_before(from, step, heap[child], heap[child + 1], smallest)) {
            child++;
        }
        if (!is_before(from, step, heap[at], heap[child], smallest)) {
            return;
        }
        int64_t kept = heap[at];
        heap[at] = heap[child];
        heap[child] = kept;
        at = child;
    }
}

static void search_line(void *context, size_t line, int worker)
{
    const struct job *job = context;
    const struct op_run *run = job->run;
    bool smallest = ((const struct top_k_options *)run->options)->smallest;
    size_t step = job->inner, k = job->k, begin = line / step * k * step + line % step;
    const float *from = (const float *)run->in[0].data + line / step * job->size * step + line % step;
    int64_t *heap = op_worker_scratch(run, worker);
    int64_t *indices = run->out_count > 1 && run->out[1].shape.rank >= 0 ? run->out[1].data : NULL;
    for (size_t i = 0; i < k; i++) {
        heap[i] = (int64_t)i;
    }
    for (size_t i = k / 2; i-- > 0;) {
        sink(from, step, heap, k, i, smallest);
    }
    for (size_t i = k; i < job->size; i++) {
        if (is_before(from, step, (int64_t)i, heap[0], smallest)) {
            heap[0] = (int64_t)i;
            sink(from, step, heap, k, 0, smallest);
        }
    }
    for (size_t count = k; count-- > 0;) { /* takes the worst off the heap and fills the result from its end */
        size_t to = begin + count * step;
        ((float *)run->out[0].data)[to] = from[(size_t)heap[0] * step];
        if (indices != NULL) {
            indices[to] = heap[0];
        }
        heap[0] = heap[count];
        sink(from, step, heap, count, 0, smallest);
    }
}

static void run(const struct op_run *run)
{
    const struct top_k_options *options = run->options;
    const fov_shape *x = &run->in[0].shape;
    int axis = index_axis(options->axis, x->rank);
    struct job job = {run, shape_span(x, axis + 1, x->rank), (size_t)x->dim[axis], (size_t)run->out[0].shape.dim[axis]};
    if (job.k > 0) {
        pool_run(run->pool, search_line, &job, shape_span(x, 0, axis) * job.inner);
    }
}

static int compile(struct op_compile *compile)
{
    const struct top_k_options *options = compile->options;
    int axis = index_axis(options->axis, compile->in[0].shape.rank);
    compile->run = run;
    compile->scratch_per_worker = (size_t)compile->out[0].shape.dim[axis] * sizeof(int64_t);
    return FOV_OK;
}

static bool supports(const void *options, const struct op_tensor *in, int in_count)
{
    (void)options;
    (void)in_count;
    return in[0].dtype == FOV_F32;
}

static const struct op_cpu cpu = {.layout = OP_WANTS_PLAIN, .supports = supports, .compile = compile};

/* ---- ONNX: k is an attribute before opset 10; largest and sorted came with 11 ------------------------------------ */

static int import_top_k(struct op_import *node)
{
    struct top_k_options options = {node->integer(node->reader, "k", 1), node->integer(node->reader, "axis", -1),
                                    node->integer(node->reader, "largest", 1) == 0,
                                    node->integer(node->reader, "sorted", 1) == 0};
    fov_value first = node->emitter->node(node->emitter->graph, "top_k", node->in, node->in_count, &options,
                                          node->node_name);
    for (int i = 0; first.id > 0 && i < 2; i++) {
        node->result(node->reader, i, node->emitter->output(node->emitter->graph, first, i));
    }
    return FOV_OK;
}

static int export_top_k(struct op_export *node)
{
    const struct top_k_options *options = node->options;
    bool has_k = node->in_count > 1 && node->in[1].shape.rank >= 0;
    const char *k = has_k ? NULL : node->integers(node->writer, &options->k, 1, false);
    node->begin(node->writer, "TopK", NULL);
    node->input(node->writer, 0);
    has_k ? node->input(node->writer, 1) : node->input_name(node->writer, k);
    node->attribute_integer(node->writer, "axis", options->axis);
    node->attribute_integer(node->writer, "largest", !options->smallest);
    node->attribute_integer(node->writer, "sorted", !options->unsorted);
    node->output(node->writer, 0);
    node->output(node->writer, 1);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "TopK", .since = 1, .import = import_top_k, .export = export_top_k};

fov_value fov_top_k_opt(fov_graph *graph, fov_value x, const fov_top_k_options *given, fov_value *indices)
{
    if (given == NULL) {
        return fov_graph_fail(graph, NULL, FOV_E_USAGE, "fov_top_k: options is NULL");
    }
    struct top_k_options options = {given->k, given->axis == 0 ? -1 : given->axis, given->smallest, false};
    fov_value values = op_build(graph, "top_k", &x, 1, &options, given->name);
    if (indices != NULL) {
        *indices = values.id != 0 ? op_emit_output(fov_graph_emitter(graph), values, 1) : values;
    }
    return values;
}

static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)key;
    for (size_t i = 0; index == 1 && i < count; i++) {
        data[i] = 2;
    }
}

static void fill_ties(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)random_below(key, i, 4);
    }
}

static const struct top_k_options best = {3, -1, false, false}, lowest = {2, 1, true, false},
                                  all = {7, -1, false, true}, none = {0, -1, false, false};
static const struct op_case cases[] = {
    {.name = "best three", .in = {{2, {3, 7}}}, .in_count = 1, .options = &best},
    {.name = "lowest channels", .in = {{4, {3, 5, 2, 3}}}, .in_count = 1, .options = &lowest},
    {.name = "all", .in = {{2, {3, 7}}}, .in_count = 1, .options = &all},
    {.name = "none", .in = {{2, {3, 7}}}, .in_count = 1, .options = &none, .no_gradient = true},
    {.name = "k as input", .in = {{2, {3, 7}}, {1, {1}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2, .fill = fill},
    {.name = "ties", .in = {{2, {5, 11}}}, .in_count = 1, .options = &best, .fill = fill_ties, .no_gradient = true},
    {.name = "integers", .in = {{2, {3, 7}}}, .in_dtype = {FOV_I64}, .integers = 9, .in_count = 1, .options = &best},
    {0},
};

const struct op op_top_k = {
    .name = "top_k",
    .family = OP_SHAPE,
    .summary = "The largest or smallest entries along an axis, and where they lie.",
    .formula = "y[j] = x[indices[j]], the j-th in order of size",
    .in = (const struct op_port[]){{.name = "x", .shape = "[..., size, ...]"},
                                   {.name = "k", .shape = "[1]", .optional = true, .plain = true, .values = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[..., k, ...]"},
                                    {.name = "indices", .shape = "[..., k, ...]", .detached = true},
                                    {0}},
    .attributes = attributes,
    .options_size = sizeof(struct top_k_options),
    .infer = infer,
    .gradient = gradient,
    .work = work,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
