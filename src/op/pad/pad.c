/* SPDX-License-Identifier: MIT */
/* Pad: a frame around a tensor, of a constant, of the mirrored, the repeated or the opposite border. Negative pads cut
 * off. The gradient is in gradient.c. */
#include "op/pad/pad.h"

#include "tensor/convert.h"
#include <fovea/operators.h>
#include <string.h>

static const char *const modes[] = {"constant", "reflect", "edge", "wrap", NULL};

const struct op_attribute pad_attributes[] = {
    {OP_ATTRIBUTE(struct pad_options, pads), .kind = OP_LIST, .minimum = -1e12, .maximum = 1e12,
     .doc = "elements before each dimension, then behind each; cut off if < 0"},
    {OP_ATTRIBUTE(struct pad_options, mode), .onnx = "mode", .kind = OP_CHOICE, .choices = modes,
     .doc = "what the frame holds: a value, the mirrored, the nearest or the opposite border"},
    {OP_ATTRIBUTE(struct pad_options, value), .kind = OP_NUMBER, .doc = "of the frame in mode constant"},
    {0},
};

int pad_resolve(const struct index_source *source, const struct pad_options *options, int first, const fov_shape *x,
                struct pad_range range[FOV_MAX_RANK], struct error *error)
{
    struct index_values pads, axes;
    int status = index_values(source, first, &pads);
    status = status != FOV_OK ? status : index_values(source, first + 2, &axes);
    if (status != FOV_OK) {
        return status;
    }
    int count = pads.at != NULL ? pads.count : options->pads.count;
    int dims = axes.at != NULL ? axes.count : x->rank;
    bool seen[FOV_MAX_RANK] = {false};
    if (count != 2 * dims) {
        return error_set(error, FOV_E_SHAPE, "%d pads were given for %d dimensions, two each must be", count, dims);
    }
    for (int d = 0; d < x->rank; d++) {
        range[d] = (struct pad_range){x->dim[d], 0, 0};
    }
    for (int i = 0; i < dims; i++) {
        int64_t axis = axes.at != NULL ? index_clamp(axes.at[i]) : i;
        axis += axis < 0 ? x->rank : 0;
        if (axis < 0 || axis >= x->rank || seen[axis]) {
            return error_set(error, FOV_E_SHAPE, "axis %lld is outside a tensor of rank %d or named twice",
                             (long long)axis, x->rank);
        }
        seen[axis] = true;
        range[axis].before = pads.at != NULL ? index_clamp(pads.at[i]) : options->pads.at[i];
        range[axis].behind = pads.at != NULL ? index_clamp(pads.at[dims + i]) : options->pads.at[dims + i];
    }
    return FOV_OK;
}

int64_t pad_source(const struct pad_range *range, int mode, int64_t at)
{
    /* Negative pads cut first; only what is left is mirrored, repeated or wrapped. */
    int64_t cut = range->before < 0 ? -range->before : 0;
    int64_t size = range->size - cut - (range->behind < 0 ? -range->behind : 0);
    int64_t i = at - (range->before > 0 ? range->before : 0);
    if (i >= 0 && i < size) {
        return i + cut;
    }
    switch (mode) {
    case PAD_REFLECT: { /* 3 2 1 | 0 1 2 3 | 2 1 0: a wave of period 2 (size - 1) */
        int64_t period = size > 1 ? 2 * (size - 1) : 1;
        i = ((i % period) + period) % period;
        return (i < size ? i : period - i) + cut;
    }
    case PAD_EDGE:
        return (i < 0 ? 0 : size - 1) + cut;
    case PAD_WRAP:
        return ((i % size) + size) % size + cut;
    default:
        return -1;
    }
}

int pad_infer(const struct op_infer *infer)
{
    const struct pad_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape;
    struct pad_range range[FOV_MAX_RANK];
    int status = pad_resolve(&(struct index_source){.infer = infer}, options, PAD_PADS, x, range, infer->error);
    for (int d = 0; status == FOV_OK && d < x->rank; d++) {
        int64_t before = range[d].before, behind = range[d].behind, limit = (int64_t)1e12;
        int64_t left = x->dim[d] + (before < 0 ? before : 0) + (behind < 0 ? behind : 0);
        if (x->dim[d] < 0) {
            if (before != 0 || behind != 0) {
                return error_set(infer->error, FOV_E_UNSUPPORTED, "dimension %d is padded, and its size is open", d);
            }
            continue;
        }
        if (before > limit || behind > limit || before < -limit || behind < -limit || left < 0) {
            return error_set(infer->error, FOV_E_SHAPE, "pads %lld and %lld do not fit dimension %d of size %lld",
                             (long long)before, (long long)behind, d, (long long)x->dim[d]);
        }
        if (left == 0 && options->mode != PAD_CONSTANT && (before > 0 || behind > 0)) {
            return error_set(infer->error, FOV_E_SHAPE, "dimension %d is empty and has no border for mode %s", d,
                             modes[options->mode]);
        }
        infer->out[0].shape.dim[d] = x->dim[d] + before + behind;
    }
    if (status == FOV_OK && infer->in_count > PAD_VALUE && infer->in[PAD_VALUE].shape.rank >= 0) {
        const fov_shape *value = &infer->in[PAD_VALUE].shape;
        if (value->rank > 1 || (value->rank == 1 && value->dim[0] != 1)) {
            return error_set(infer->error, FOV_E_SHAPE, "the value must be one number");
        }
        status = op_check_same_dtype(infer, 0, "x", PAD_VALUE, "value");
    }
    return status;
}

/* The frame's gradient belongs to the value: the sum of dy less the sum of dx. */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    const struct pad_options *options = gradient->options;
    fov_value dy = gradient->out_gradient[0], in[4] = {dy, {0}, gradient->in[0]};
    if (gradient->in_count > PAD_PADS) {
        in[PAD_PADS] = gradient->in[PAD_PADS];
    }
    if (gradient->in_count > PAD_AXES) {
        in[PAD_AXES] = gradient->in[PAD_AXES];
    }
    fov_value dx = op_emit(emitter, "pad_gradient", in, 4, options);
    gradient->in_gradient[0] = dx;
    if (gradient->in_count > PAD_VALUE && gradient->wanted[PAD_VALUE] && options->mode == PAD_CONSTANT) {
        fov_value value = gradient->in[PAD_VALUE];
        gradient->in_gradient[PAD_VALUE] = op_emit2(emitter, "sub", op_emit2(emitter, "sum_to", dy, value, NULL),
                                                    op_emit2(emitter, "sum_to", dx, value, NULL), NULL);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const struct pad_options *options = textbook->options;
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    bool has_value = textbook->in_count > PAD_VALUE && textbook->in[PAD_VALUE].data != NULL;
    double value = has_value ? textbook->in[PAD_VALUE].data[0] : options->value;
    struct pad_range range[FOV_MAX_RANK];
    pad_resolve(&(struct index_source){.textbook = textbook}, options, PAD_PADS, &x->shape, range, NULL);
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        int64_t at[FOV_MAX_RANK];
        bool inside = true;
        index_coordinates(&y->shape, i, at);
        for (int d = 0; d < x->shape.rank; d++) {
            at[d] = pad_source(&range[d], options->mode, at[d]);
            inside = inside && at[d] >= 0;
        }
        y->data[i] = inside ? x->data[index_of(&x->shape, at)] : value;
    }
}

/* ---- on the CPU -------------------------------------------------------------------------------------------------- */

static void run_constant(const struct op_run *run, const struct pad_range *range)
{
    const struct pad_options *options = run->options;
    const fov_shape *x = &run->in[0].shape;
    struct move move = {.element = fov_dtype_size(run->in[0].dtype)};
    ptrdiff_t from[FOV_MAX_RANK], to[FOV_MAX_RANK];
    unsigned char bytes[sizeof(double)];
    bool has_value = run->in_count > PAD_VALUE && run->in[PAD_VALUE].shape.rank >= 0;
    convert_from_double(run->in[0].dtype, &options->value, bytes, 1);
    move_fill(run, run->out[0].data, op_count(&run->out[0].shape), has_value ? run->in[PAD_VALUE].data : bytes,
              move.element);
    move_strides(&run->in[0], from);
    move_strides(&run->out[0], to);
    for (int d = 0; d < x->rank; d++) {
        int64_t before = range[d].before, behind = range[d].behind;
        int64_t length = x->dim[d] + (before < 0 ? before : 0) + (behind < 0 ? behind : 0);
        move.from_begin += (ptrdiff_t)(before < 0 ? -before : 0) * from[d];
        move.to_begin += (ptrdiff_t)(before > 0 ? before : 0) * to[d];
        move_loop(&move, (size_t)length, from[d], to[d]);
    }
    move_run(run, &move, run->in[0].data, run->out[0].data);
}

struct frame_job {
    const struct op_run    *run;
    const struct pad_range *range;
    int                     order[FOV_MAX_RANK]; /* dimensions as they lie in memory */
    size_t                  lines;
};

/* One line of the result: all but its innermost dimension fixed. */
static void frame_line(void *context, size_t line, int worker)
{
    (void)worker;
    const struct frame_job *job = context;
    const struct op_tensor *x = &job->run->in[0], *y = &job->run->out[0];
    int rank = y->shape.rank, mode = ((const struct pad_options *)job->run->options)->mode, last = job->order[rank - 1];
    size_t stride[FOV_MAX_RANK], element = fov_dtype_size(x->dtype), length = (size_t)y->shape.dim[last];
    const char *from = x->data;
    char *to = (char *)y->data + line * length * element;
    op_memory_strides(x, stride);
    for (int i = rank - 2; i >= 0; i--) {
        int d = job->order[i];
        size_t size = (size_t)y->shape.dim[d];
        from += (size_t)pad_source(&job->range[d], mode, (int64_t)(line % size)) * stride[d] * element;
        line /= size;
    }
    const struct pad_range *range = &job->range[last];
    if (range->before == 0 && range->behind == 0) {
        memcpy(to, from, length * element);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        memcpy(to + i * element, from + (size_t)pad_source(range, mode, (int64_t)i) * element, element);
    }
}

static void run(const struct op_run *run)
{
    const struct pad_options *options = run->options;
    struct pad_range range[FOV_MAX_RANK];
    const fov_shape *y = &run->out[0].shape;
    pad_resolve(&(struct index_source){.run = run}, options, PAD_PADS, &run->in[0].shape, range, NULL);
    if (options->mode == PAD_CONSTANT || y->rank == 0) {
        run_constant(run, range);
        return;
    }
    struct frame_job job = {.run = run, .range = range, .lines = 1};
    bool last = run->out[0].layout == OP_CHANNELS_LAST && y->rank >= 3;
    for (int d = 0; d < y->rank; d++) {
        job.order[d] = !last || d == 0 ? d : d < y->rank - 1 ? d + 1 : 1;
    }
    for (int i = 0; i < y->rank - 1; i++) {
        job.lines *= (size_t)y->dim[job.order[i]];
    }
    pool_run(run->pool, frame_line, &job, job.lines);
}

static int compile(struct op_compile *compile)
{
    struct op_infer infer = {.options = compile->options, .in = compile->in, .in_count = compile->in_count,
                             .in_constant = compile->in_values};
    struct pad_range range[FOV_MAX_RANK];
    const fov_shape *x = &compile->in[0].shape;
    bool nothing = pad_resolve(&(struct index_source){.infer = &infer}, compile->options, PAD_PADS, x, range,
                               compile->error) == FOV_OK;
    for (int d = 0; nothing && d < x->rank; d++) {
        nothing = range[d].before == 0 && range[d].behind == 0;
    }
    compile->identity = nothing; /* exporters write such pads before poolings */
    compile->run = run;
    return FOV_OK;
}

static const struct op_cpu cpu = {.layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = compile,
                                  .may_alias = true};

/* ---- ONNX: attributes before opset 11 ("paddings" in the first), then inputs, with axes since 18 ----------------- */

static int import_pad(struct op_import *node)
{
    struct pad_options options = {.mode = PAD_CONSTANT};
    const char *mode = node->text(node->reader, "mode", "constant");
    while (modes[options.mode] != NULL && strcmp(modes[options.mode], mode) != 0) {
        options.mode++;
    }
    if (modes[options.mode] == NULL) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "Pad has a mode that is not known");
    }
    if (node->opset < 11) {
        options.value = node->number(node->reader, "value", 0);
        if (!node->list(node->reader, node->opset < 2 ? "paddings" : "pads", &options.pads)) {
            return node->fail(node->reader, FOV_E_INPUT, "Pad has no pads");
        }
        return index_import_node(node, "pad", node->in, 1, &options);
    }
    return index_import_node(node, "pad", node->in, node->in_count, &options);
}

static int export_pad(struct op_export *node)
{
    const struct pad_options *options = node->options;
    bool has_pads = node->in_count > PAD_PADS && node->in[PAD_PADS].shape.rank >= 0;
    bool has_value = node->in_count > PAD_VALUE && node->in[PAD_VALUE].shape.rank >= 0;
    bool has_axes = node->in_count > PAD_AXES && node->in[PAD_AXES].shape.rank >= 0;
    int needed = options->mode == PAD_WRAP ? 19 : has_axes ? 18 : 11;
    if (node->opset < needed) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "Pad %s needs opset %d, this file is of opset %d",
                          options->mode == PAD_WRAP ? "around the border" : "along chosen axes", needed, node->opset);
    }
    const char *pads =
        has_pads ? NULL : node->integers(node->writer, options->pads.at, options->pads.count, false);
    bool number = !has_value && options->mode == PAD_CONSTANT && options->value != 0;
    const char *value = number ? op_export_number(node, node->in[0].dtype, options->value) : NULL;
    node->begin(node->writer, "Pad", NULL);
    node->input(node->writer, 0);
    has_pads ? node->input(node->writer, PAD_PADS) : node->input_name(node->writer, pads);
    if (has_value) {
        node->input(node->writer, PAD_VALUE);
    } else if (number || has_axes) {
        node->input_name(node->writer, number ? value : "");
    }
    if (has_axes) {
        node->input(node->writer, PAD_AXES);
    }
    node->attribute_text(node->writer, "mode", modes[options->mode]);
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Pad", .since = 1, .import = import_pad, .export = export_pad};

fov_value fov_pad_opt(fov_graph *graph, fov_value x, const fov_pad_options *given)
{
    if (graph == NULL || given == NULL) {
        return fov_graph_fail(graph, NULL, FOV_E_USAGE, "fov_pad: options is NULL");
    }
    struct pad_options options = {.mode = (int)given->mode, .value = given->value};
    int rank = fov_value_shape(graph, x).rank;
    options.pads.count = 2 * rank;
    for (int i = 0; i < rank && i < FOV_MAX_RANK; i++) {
        options.pads.at[i] = given->before[i];
        options.pads.at[rank + i] = given->behind[i];
    }
    return op_build(graph, "pad", &x, 1, &options, given->name);
}

static void fill(int index, double *data, size_t count, struct random_key key)
{
    static const double pads[] = {1, 2, 0, 1}, axes[] = {-1, 2};
    (void)key;
    for (size_t i = 0; i < count && (index == PAD_PADS || index == PAD_AXES); i++) {
        data[i] = index == PAD_PADS ? pads[i] : axes[i];
    }
}

static const struct pad_options frame = {{8, {0, 0, 1, 2, 0, 0, 2, 1}}, PAD_CONSTANT, 1.5},
                                everywhere = {{6, {1, 0, 2, 0, 3, -1}}, PAD_CONSTANT, 0},
                                mirror = {{8, {0, 0, 1, 2, 0, 0, 2, 1}}, PAD_REFLECT, 0},
                                nearest = {{8, {0, 0, 1, 2, 0, 0, 2, 1}}, PAD_EDGE, 0},
                                around = {{8, {0, 1, 1, 2, 0, 0, 2, 1}}, PAD_WRAP, 0},
                                mirror_twice = {{2, {7, 9}}, PAD_REFLECT, 0}, cut = {{2, {-1, 3}}, PAD_EDGE, 0};
static const struct op_case cases[] = {
    {.name = "constant", .in = {{4, {3, 2, 3, 4}}}, .in_count = 1, .options = &frame},
    {.name = "constant, some cut off", .in = {{3, {3, 2, 4}}}, .in_count = 1, .options = &everywhere},
    {.name = "reflect", .in = {{4, {3, 2, 4, 5}}}, .in_count = 1, .options = &mirror},
    {.name = "edge", .in = {{4, {1, 3, 4, 3}}}, .in_count = 1, .options = &nearest},
    {.name = "wrap", .in = {{4, {1, 3, 4, 3}}}, .in_count = 1, .options = &around},
    {.name = "reflected more than once", .in = {{1, {4}}}, .in_count = 1, .options = &mirror_twice},
    {.name = "edge, some cut off", .in = {{1, {4}}}, .in_count = 1, .options = &cut},
    {.name = "pads, value and axes as inputs", .in = {{4, {3, 2, 4, 5}}, {1, {4}}, {0, {0}}, {1, {2}}},
     .in_dtype = {FOV_F32, FOV_I64, FOV_F32, FOV_I64}, .in_count = 4, .fill = fill},
    {.name = "bytes", .in = {{4, {3, 2, 3, 4}}}, .in_dtype = {FOV_U8}, .integers = 200, .in_count = 1,
     .options = &mirror},
    {0},
};

const struct op op_pad = {
    .name = "pad",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "A frame around a tensor.",
    .formula = "y[i] = x[i - before] inside, else the value, or x at the mirrored, nearest or opposite place",
    .in = (const struct op_port[]){
        {.name = "x", .shape = "[...]"},
        {.name = "pads", .shape = "[2 rank]: in place of the option", .optional = true, .plain = true, .values = true},
        {.name = "value", .shape = "[]", .optional = true, .plain = true},
        {.name = "axes", .shape = "[k]: the pads are of these", .optional = true, .plain = true, .values = true},
        {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[before_i + size_i + behind_i]"}, {0}},
    .attributes = pad_attributes,
    .options_size = sizeof(struct pad_options),
    .infer = pad_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
