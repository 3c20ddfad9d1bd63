/* SPDX-License-Identifier: MIT */
/* Split: cuts a tensor along an axis into a number of parts, equal or of given sizes; the inverse of concat. The
 * gradient concatenates the parts' gradients; where only some parts have one, it writes those into zeros. */
#include "op/index.h"

#include <fovea/operators.h>
#include <string.h>

struct split_options {
    int64_t axis, outputs;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct split_options, axis), .onnx = "axis", .kind = OP_INTEGER, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "dimension that is cut; from the end if < 0"},
    {OP_ATTRIBUTE(struct split_options, outputs), .kind = OP_INTEGER, .standard = 2, .minimum = 1,
     .maximum = OP_MAX_PORTS, .doc = "parts; without sizes all are equal, the last may be smaller"},
    {0},
};

static int out_count(const void *options, int in_count)
{
    (void)in_count;
    int64_t outputs = ((const struct split_options *)options)->outputs;
    return outputs < 1 ? 1 : outputs > OP_MAX_PORTS ? OP_MAX_PORTS : (int)outputs;
}

static int infer(const struct op_infer *infer)
{
    const struct split_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape;
    struct index_values sizes;
    int axis, status = shape_axis(x, options->axis, &axis, infer->error);
    status = status != FOV_OK ? status : index_values_infer(infer, 1, &sizes);
    if (status != FOV_OK) {
        return status;
    }
    int64_t size = x->dim[axis], sum = 0, parts = infer->out_count;
    if (size < 0) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "axis %d is the open batch, its size must be known", axis);
    }
    if (sizes.at != NULL && sizes.count != parts) {
        return error_set(infer->error, FOV_E_SHAPE, "%d sizes were given for %lld parts", sizes.count,
                         (long long)parts);
    }
    int64_t equal = size / parts + (size % parts != 0);
    for (int i = 0; i < parts; i++) {
        int64_t rest = size - sum, length = equal < rest ? equal : rest;
        if (sizes.at != NULL) {
            length = index_clamp(sizes.at[i]);
        }
        if (length < 0 || length > rest) {
            return error_set(infer->error, FOV_E_SHAPE,
                             "part %d would have %lld of the %lld elements left along axis %d", i, (long long)length,
                             (long long)rest, axis);
        }
        sum += length;
        infer->out[i].dtype = infer->in[0].dtype;
        infer->out[i].shape = *x;
        infer->out[i].shape.dim[axis] = length;
    }
    if (sum != size) {
        return error_set(infer->error, FOV_E_SHAPE, "the sizes add up to %lld, axis %d has %lld elements",
                         (long long)sum, axis, (long long)size);
    }
    return FOV_OK;
}

/* concat's options, which are private to its folder, are a single number, the axis. */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    const struct split_options *options = gradient->options;
    const fov_shape *x = &gradient->in_tensor[0].shape;
    int axis = index_axis(options->axis, x->rank);
    bool all = true;
    for (int i = 0; i < gradient->out_count; i++) {
        all = all && gradient->out_gradient[i].id != 0;
    }
    if (all) {
        int64_t concat_axis = axis;
        gradient->in_gradient[0] =
            op_emit(emitter, "concat", gradient->out_gradient, gradient->out_count, &concat_axis);
        return;
    }
    fov_value sum = {0};
    int64_t begin = 0;
    for (int i = 0; i < gradient->out_count; i++) {
        if (gradient->out_gradient[i].id != 0) {
            struct place_options place = {axis, begin, 1, x->dim[axis]};
            fov_value part = op_emit1(emitter, "place", gradient->out_gradient[i], &place);
            sum = sum.id == 0 ? part : op_emit2(emitter, "add", sum, part, NULL);
        }
        begin += gradient->out_tensor[i].shape.dim[axis];
    }
    gradient->in_gradient[0] = sum;
}

static void textbook(const struct op_textbook *textbook)
{
    const struct split_options *options = textbook->options;
    const struct op_textbook_tensor *x = &textbook->in[0];
    int axis = index_axis(options->axis, x->shape.rank);
    int64_t begin = 0;
    for (int part = 0; part < textbook->out_count; part++) {
        const struct op_textbook_tensor *y = &textbook->out[part];
        size_t count = y->data != NULL ? op_count(&y->shape) : 0;
        for (size_t i = 0; i < count; i++) {
            int64_t at[FOV_MAX_RANK];
            index_coordinates(&y->shape, i, at);
            at[axis] += begin;
            y->data[i] = x->data[index_of(&x->shape, at)];
        }
        begin += y->shape.dim[axis];
    }
}

static bool as_part(struct op_part *part)
{
    const struct split_options *options = part->options;
    const fov_shape *x = &part->in[0].shape;
    if (index_axis(options->axis, x->rank) != 1) {
        return false;
    }
    int64_t outputs = options->outputs, equal = x->dim[1] / outputs + (x->dim[1] % outputs != 0);
    const double *sizes = part->in_count > 1 ? part->in_values[1] : NULL;
    part->first = sizes != NULL ? 0 : part->output * equal < x->dim[1] ? part->output * equal : x->dim[1];
    for (int i = 0; sizes != NULL && i < part->output; i++) {
        part->first += index_clamp(sizes[i]);
    }
    return sizes != NULL || part->in_count < 2 || part->in[1].shape.rank < 0;
}

static void run(const struct op_run *run)
{
    const struct split_options *options = run->options;
    int axis = index_axis(options->axis, run->in[0].shape.rank);
    ptrdiff_t begin = 0;
    for (int part = 0; part < run->out_count; part++) {
        const struct op_tensor *y = &run->out[part];
        struct move move = {.element = fov_dtype_size(y->dtype)};
        ptrdiff_t from[FOV_MAX_RANK], to[FOV_MAX_RANK];
        if (y->shape.rank < 0) {
            continue;
        }
        move_strides(&run->in[0], from);
        move_strides(y, to);
        for (int d = 0; d < y->shape.rank; d++) {
            move_loop(&move, (size_t)y->shape.dim[d], from[d], to[d]);
        }
        move.from_begin = begin * from[axis];
        begin += (ptrdiff_t)y->shape.dim[axis];
        if (y->data != NULL) {
            move_run(run, &move, run->in[0].data, y->data);
        }
    }
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    return FOV_OK;
}

static const struct op_cpu cpu = {.layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = compile};

/* ---- ONNX: sizes as an attribute before opset 13, then as an input; equal parts are the default ------------------ */

static int import_split(struct op_import *node)
{
    struct split_options options = {node->integer(node->reader, "axis", 0), node->out_count};
    fov_value in[2] = {node->in[0]};
    int count = 1;
    int64_t parts = node->integer(node->reader, "num_outputs", node->out_count);
    if (parts != node->out_count) {
        return node->fail(node->reader, FOV_E_INPUT, "Split makes %lld parts and names %d", (long long)parts,
                          node->out_count);
    }
    if (node->opset < 13) {
        index_import_list(node, "split", 1, in, &count);
    } else if (node->in_count > 1) {
        in[1] = node->in[1];
        count = 2;
    }
    fov_value first = node->emitter->node(node->emitter->graph, "split", in, count, &options, node->node_name);
    for (int i = 0; first.id > 0 && i < node->out_count; i++) {
        node->result(node->reader, i, node->emitter->output(node->emitter->graph, first, i));
    }
    return FOV_OK;
}

static int export_split(struct op_export *node)
{
    const struct split_options *options = node->options;
    bool has_sizes = node->in_count > 1 && node->in[1].shape.rank >= 0;
    int axis = index_axis(options->axis, node->in[0].shape.rank);
    int64_t sizes[OP_MAX_PORTS];
    for (int i = 0; i < node->out_count; i++) {
        sizes[i] = node->out[i].shape.dim[axis];
    }
    const char *name = has_sizes ? NULL : node->integers(node->writer, sizes, node->out_count, false);
    node->begin(node->writer, "Split", NULL);
    node->input(node->writer, 0);
    has_sizes ? node->input(node->writer, 1) : node->input_name(node->writer, name);
    node->attribute_integer(node->writer, "axis", options->axis);
    for (int i = 0; i < node->out_count; i++) {
        node->output(node->writer, i);
    }
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Split", .since = 2, .import = import_split, .export = export_split};

int fov_split_into(fov_graph *graph, fov_value x, int axis, const int64_t *sizes, int count, fov_value *parts)
{
    struct split_options options = {axis, count};
    if (graph == NULL || parts == NULL) {
        return FOV_E_USAGE;
    }
    memset(parts, 0, sizeof *parts * (size_t)(count > 0 ? count : 0));
    if (count < 1 || count > OP_MAX_PORTS) {
        fov_graph_fail(graph, fov_graph_node_name(graph, NULL, "split"), FOV_E_USAGE, "%d parts, possible are 1 .. %d",
                       count, OP_MAX_PORTS);
        return FOV_E_USAGE;
    }
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    fov_value in[] = {x, sizes != NULL ? index_constant(emitter, sizes, count) : (fov_value){0}};
    fov_value first = op_build(graph, "split", in, sizes != NULL ? 2 : 1, &options, NULL);
    for (int i = 0; i < count; i++) {
        parts[i] = first.id != 0 ? op_emit_output(emitter, first, i) : first;
    }
    return first.id != 0 ? FOV_OK : FOV_E_SHAPE;
}

static void fill(int index, double *data, size_t count, struct random_key key)
{
    static const double sizes[] = {1, 3, 0};
    (void)key;
    for (size_t i = 0; index == 1 && i < count; i++) {
        data[i] = sizes[i];
    }
}

static const struct split_options halves = {1, 2}, thirds = {-1, 3}, uneven = {1, 3}, sized = {1, 3}, samples = {0, 3};
static const struct op_case cases[] = {
    {.name = "channels in halves", .in = {{4, {3, 4, 2, 3}}}, .in_count = 1, .options = &halves},
    {.name = "columns in thirds", .in = {{3, {3, 2, 9}}}, .in_count = 1, .options = &thirds},
    {.name = "a smaller last part", .in = {{4, {1, 7, 2, 3}}}, .in_count = 1, .options = &uneven},
    {.name = "given sizes", .in = {{4, {3, 4, 3, 2}}, {1, {3}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .options = &sized, .fill = fill},
    {.name = "samples", .in = {{2, {3, 4}}}, .in_count = 1, .options = &samples},
    {.name = "integers", .in = {{2, {3, 9}}}, .in_dtype = {FOV_I64}, .integers = 99, .in_count = 1, .options = &thirds},
    {0},
};

const struct op op_split = {
    .name = "split",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "A tensor cut along an axis.",
    .formula = "y_0, y_1, ... side by side = x",
    .in = (const struct op_port[]){
        {.name = "x", .shape = "[..., sum of a_i, ...]"},
        {.name = "sizes", .shape = "[outputs]: a_i", .optional = true, .plain = true, .values = true},
        {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[..., a_i, ...]", .variadic = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct split_options),
    .infer = infer,
    .out_count = out_count,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
    .as_part = as_part,
};
