/* SPDX-License-Identifier: MIT */
/* Writes a node of the graph as ONNX nodes: one to one by the operator's table of attributes, or by the operator's own
 * export function, which uses the small interface of op/onnx.h. */
#include "base/text.h"
#include "graph/constant_fold.h"
#include "graph/names.h"
#include "io/onnx/export.h"
#include "onnx.pb.h"
#include "tensor/convert.h"
#include <stdio.h>
#include <string.h>

static int write_fail(void *writer, fov_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int write_fail(void *writer, fov_status status, const char *format, ...)
{
    struct exporter *exporter = writer;
    va_list          list;
    va_start(list, format);
    error_set_list(exporter->error, status, format, list);
    va_end(list);
    exporter->failed = true;
    return (int)status;
}

/** Makes up a name that the graph does not use: "NODE.1", "NODE.2"... The counter never goes back. */
static const char *fresh_name(struct exporter *exporter)
{
    char made[280];
    do {
        snprintf(made, sizeof made, "%.240s.%d", exporter->node->name, ++exporter->fresh);
    } while (names_find_value(exporter->graph, made) != 0);
    const char *name = arena_text(&exporter->arena, made, strlen(made));
    exporter->failed |= name == NULL;
    return name != NULL ? name : "";
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static void end_node(struct exporter *exporter)
{
    if (exporter->is_open) {
        write_bytes(&exporter->nodes, onnx_GraphProto_node_tag, text_string(&exporter->node_body),
                    exporter->node_body.length);
        exporter->failed |= exporter->node_body.failed;
        exporter->node_body.length = 0;
        exporter->is_open = false;
    }
}

static void write_begin(void *writer, const char *type, const char *domain)
{
    struct exporter      *exporter = writer;
    const struct op_onnx *onnx = exporter->node->op->onnx;
    bool                  is_standard = domain == NULL || domain[0] == '\0';
    end_node(exporter);
    if (is_standard && onnx->domain == NULL && strcmp(type, onnx->type) == 0 && onnx->since > exporter->opset) {
        write_fail(exporter, FOV_E_UNSUPPORTED, "%s needs opset %d, not %d", type, onnx->since, exporter->opset);
    }
    exporter->is_open = true;
    /* The first ONNX node keeps the node's name; the others get generated names. */
    const char *name = exporter->begun++ == 0 ? exporter->node->name : fresh_name(exporter);
    write_text(&exporter->node_body, onnx_NodeProto_name_tag, name);
    write_text(&exporter->node_body, onnx_NodeProto_op_type_tag, type);
    if (domain != NULL && domain[0] != '\0') {
        write_text(&exporter->node_body, onnx_NodeProto_domain_tag, domain);
    }
}

static void write_doc(void *writer, const char *text)
{
    struct exporter *exporter = writer;
    write_text(&exporter->node_body, onnx_NodeProto_doc_string_tag, text);
}

static void write_input_name(void *writer, const char *name)
{
    struct exporter *exporter = writer;
    write_text(&exporter->node_body, onnx_NodeProto_input_tag, name);
}

static const char *name_of_input(void *writer, int in)
{
    const struct exporter *exporter = writer;
    int                    id = in >= 0 && in < exporter->node->in_count ? exporter->node->in[in] : 0;
    return id != 0 ? graph_value(exporter->graph, id)->name : "";
}

static void write_input(void *writer, int in)
{
    write_input_name(writer, name_of_input(writer, in));
}

static void write_output_name(void *writer, const char *name)
{
    struct exporter *exporter = writer;
    write_text(&exporter->node_body, onnx_NodeProto_output_tag, name);
}

static void write_output(void *writer, int out)
{
    struct exporter *exporter = writer;
    if (out >= 0 && out < exporter->node->out_count && exporter->node->out[out] != 0) {
        exporter->used[exporter->node->out[out]] = exporter->written[exporter->node->out[out]] = true;
        write_output_name(writer, graph_value(exporter->graph, exporter->node->out[out])->name);
    } else {
        write_output_name(writer, "");
    }
}

static const char *write_temporary(void *writer)
{
    return fresh_name(writer);
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

static void write_attribute(struct exporter *exporter, const char *name, enum onnx_attribute_type type,
                            struct text *value)
{
    struct text body = {.memory = exporter->arena.memory};
    write_text(&body, onnx_AttributeProto_name_tag, name);
    text_add_bytes(&body, text_string(value), value->length);
    write_integer(&body, onnx_AttributeProto_type_tag, type);
    exporter->failed |= body.failed || value->failed;
    write_bytes(&exporter->node_body, onnx_NodeProto_attribute_tag, text_string(&body), body.length);
    text_free(&body);
    text_free(value);
}

static void write_attribute_integer(void *writer, const char *name, int64_t value)
{
    struct exporter *exporter = writer;
    struct text      body = {.memory = exporter->arena.memory};
    write_integer(&body, onnx_AttributeProto_i_tag, value);
    write_attribute(exporter, name, ONNX_ATTRIBUTE_INT, &body);
}

static void write_attribute_number(void *writer, const char *name, double value)
{
    struct exporter *exporter = writer;
    struct text      body = {.memory = exporter->arena.memory};
    write_float(&body, onnx_AttributeProto_f_tag, (float)value);
    write_attribute(exporter, name, ONNX_ATTRIBUTE_FLOAT, &body);
}

static void write_attribute_list(void *writer, const char *name, const int64_t *values, int count)
{
    struct exporter *exporter = writer;
    struct text      body = {.memory = exporter->arena.memory};
    for (int i = 0; i < count; i++) {
        write_integer(&body, onnx_AttributeProto_ints_tag, values[i]);
    }
    write_attribute(exporter, name, ONNX_ATTRIBUTE_INTS, &body);
}

static void write_attribute_text(void *writer, const char *name, const char *value)
{
    struct exporter *exporter = writer;
    struct text      body = {.memory = exporter->arena.memory};
    write_text(&body, onnx_AttributeProto_s_tag, value);
    write_attribute(exporter, name, ONNX_ATTRIBUTE_STRING, &body);
}

static void write_attribute_texts(void *writer, const char *name, const char *const *values, int count)
{
    struct exporter *exporter = writer;
    struct text      body = {.memory = exporter->arena.memory};
    for (int i = 0; i < count; i++) {
        write_text(&body, onnx_AttributeProto_strings_tag, values[i]);
    }
    write_attribute(exporter, name, ONNX_ATTRIBUTE_STRINGS, &body);
}

static void write_attribute_numbers(void *writer, const char *name, const float *values, int count)
{
    struct exporter *exporter = writer;
    struct text      body = {.memory = exporter->arena.memory};
    for (int i = 0; i < count; i++) {
        write_float(&body, onnx_AttributeProto_floats_tag, values[i]);
    }
    write_attribute(exporter, name, ONNX_ATTRIBUTE_FLOATS, &body);
}

static void write_attribute_tensor(void *writer, const char *name, fov_dtype dtype, double value)
{
    struct exporter *exporter = writer;
    struct text      tensor = {.memory = exporter->arena.memory}, body = {.memory = exporter->arena.memory};
    fov_shape        one = {1, {1}};
    unsigned char    bytes[sizeof value];
    size_t           size = fov_dtype_size(dtype);
    convert_from_double(dtype, &value, bytes, 1);
    exporter_tensor_head(&tensor, "", dtype, &one, size);
    text_add_bytes(&tensor, (const char *)bytes, size);
    write_bytes(&body, onnx_AttributeProto_t_tag, text_string(&tensor), tensor.length);
    exporter->failed |= tensor.failed;
    text_free(&tensor);
    write_attribute(exporter, name, ONNX_ATTRIBUTE_TENSOR, &body);
}

/* ---- constants --------------------------------------------------------------------------------------------------- */

void exporter_tensor_head(struct text *out, const char *name, fov_dtype dtype, const fov_shape *shape, size_t bytes)
{
    for (int i = 0; i < shape->rank; i++) {
        write_integer(out, onnx_TensorProto_dims_tag, shape->dim[i]);
    }
    write_integer(out, onnx_TensorProto_data_type_tag, onnx_type_of(dtype));
    if (name[0] != '\0') {
        write_text(out, onnx_TensorProto_name_tag, name);
    }
    write_header(out, onnx_TensorProto_raw_data_tag, bytes);
}

void exporter_write_constant(struct exporter *exporter, const char *name, fov_dtype dtype, const fov_shape *shape,
                             const void *data, size_t bytes)
{
    struct memory *memory = exporter->arena.memory;
    struct text    tensor = {.memory = memory}, attribute = {.memory = memory}, node = {.memory = memory};
    exporter_tensor_head(&tensor, "", dtype, shape, bytes);
    if (bytes > 0) {
        text_add_bytes(&tensor, data, bytes);
    }
    write_text(&attribute, onnx_AttributeProto_name_tag, "value");
    write_bytes(&attribute, onnx_AttributeProto_t_tag, text_string(&tensor), tensor.length);
    write_integer(&attribute, onnx_AttributeProto_type_tag, ONNX_ATTRIBUTE_TENSOR);
    write_text(&node, onnx_NodeProto_output_tag, name);
    write_text(&node, onnx_NodeProto_name_tag, name);
    write_text(&node, onnx_NodeProto_op_type_tag, "Constant");
    write_bytes(&node, onnx_NodeProto_attribute_tag, text_string(&attribute), attribute.length);
    write_bytes(&exporter->nodes, onnx_GraphProto_node_tag, text_string(&node), node.length);
    exporter->failed |= tensor.failed || attribute.failed || node.failed;
    text_free(&tensor);
    text_free(&attribute);
    text_free(&node);
}

static const char *write_integers(void *writer, const int64_t *values, int64_t count, bool scalar)
{
    struct exporter *exporter = writer;
    const char      *name = fresh_name(exporter);
    struct text      tensor = {.memory = exporter->arena.memory};
    fov_shape        shape = {.rank = scalar ? 0 : 1, .dim = {count}};
    size_t           bytes = (size_t)count * sizeof *values;
    exporter_tensor_head(&tensor, name, FOV_I64, &shape, bytes);
    if (bytes > 0) {
        text_add_bytes(&tensor, (const char *)values, bytes);
    }
    exporter->failed |= tensor.failed;
    write_bytes(&exporter->tensors, onnx_GraphProto_initializer_tag, text_string(&tensor), tensor.length);
    text_free(&tensor);
    return name;
}

/** Writes a Constant node, not an initializer: float initializers in fovea's own files are read as parameters. The
 *  Constant comes before the node being written, which is still in node_body. */
static const char *write_number(void *writer, float value)
{
    struct exporter *exporter = writer;
    const char      *name = fresh_name(exporter);
    fov_shape        shape = {.rank = 0};
    exporter_write_constant(exporter, name, FOV_F32, &shape, &value, sizeof value);
    return name;
}

/* Limit for constants with which an operator is spelled by others (a matrix of pooling windows). */
enum { LARGEST_CONSTANT = 1 << 24 /* elements */ };

static const char *write_constant(void *writer, fov_dtype dtype, const fov_shape *shape, op_element *element,
                                  const void *context)
{
    struct exporter *exporter = writer;
    const char      *name = fresh_name(exporter);
    size_t           count = 0, width = fov_dtype_size(dtype);
    char             text[SHAPE_TEXT_SIZE];
    if (!shape_count(shape, &count) || count > LARGEST_CONSTANT) {
        write_fail(exporter, FOV_E_UNSUPPORTED, "it needs a constant %s in ONNX, at most %d elements are written",
                   shape_text(shape, text), LARGEST_CONSTANT);
        return name;
    }
    uint8_t *data = arena_take(&exporter->arena, count, width);
    if (data == NULL) {
        exporter->failed = true;
        return name;
    }
    for (size_t i = 0; i < count; i++) {
        double value = element(context, i);
        convert_from_double(dtype, &value, data + i * width, 1);
    }
    exporter_write_constant(exporter, name, dtype, shape, data, count * width);
    return name;
}

static const char *name_of_output(void *writer, int out)
{
    const struct exporter *exporter = writer;
    int                    id = out >= 0 && out < exporter->node->out_count ? exporter->node->out[out] : 0;
    return id != 0 ? graph_value(exporter->graph, id)->name : "";
}

static const double *known_input(void *writer, int in)
{
    const struct exporter *exporter = writer;
    int                    id = in >= 0 && in < exporter->node->in_count ? exporter->node->in[in] : 0;
    return id != 0 ? constant_fold_values(&(struct constant_folding){.graph = exporter->graph}, id) : NULL;
}

/* ---- one to one -------------------------------------------------------------------------------------------------- */

static void write_option(struct exporter *exporter, const struct op_attribute *attribute, const void *options)
{
    const char *place = (const char *)options + attribute->offset;
    switch (attribute->kind) {
    case OP_INTEGER: {
        int64_t value;
        memcpy(&value, place, sizeof value);
        write_attribute_integer(exporter, attribute->onnx, value);
        break;
    }
    case OP_NUMBER: {
        double value;
        memcpy(&value, place, sizeof value);
        write_attribute_number(exporter, attribute->onnx, value);
        break;
    }
    case OP_FLAG: {
        bool value;
        memcpy(&value, place, sizeof value);
        write_attribute_integer(exporter, attribute->onnx, value ? 1 : 0);
        break;
    }
    case OP_LIST: {
        struct op_list value;
        memcpy(&value, place, sizeof value);
        if (value.count > 0) {
            write_attribute_list(exporter, attribute->onnx, value.at, value.count);
        }
        break;
    }
    case OP_CHOICE: {
        int value;
        memcpy(&value, place, sizeof value);
        write_attribute_text(exporter, attribute->onnx, attribute->choices[value]);
        break;
    }
    }
}

/** Whether an option has its default value, so that a file without it means the same. */
static bool is_standard_option(const struct op_attribute *attribute, const void *options)
{
    const char    *place = (const char *)options + attribute->offset;
    int64_t        integer;
    double         number;
    bool           flag;
    int            choice;
    struct op_list list;
    switch (attribute->kind) {
    case OP_INTEGER:
        memcpy(&integer, place, sizeof integer);
        return (double)integer == attribute->standard;
    case OP_NUMBER:
        memcpy(&number, place, sizeof number);
        return number == attribute->standard;
    case OP_FLAG:
        memcpy(&flag, place, sizeof flag);
        return (flag ? 1 : 0) == attribute->standard;
    case OP_CHOICE:
        memcpy(&choice, place, sizeof choice);
        return choice == attribute->standard;
    case OP_LIST:
        memcpy(&list, place, sizeof list);
        for (int i = 0; i < list.count; i++) {
            if ((double)list.at[i] != attribute->standard) {
                return false;
            }
        }
        return true;
    }
    return false;
}

static int write_one_to_one(struct exporter *exporter, const struct node *node)
{
    int inputs = node->in_count;
    while (inputs > 0 && node->in[inputs - 1] == 0) {
        inputs--;
    }
    write_begin(exporter, node->op->onnx->type, node->op->onnx->domain);
    for (int i = 0; i < inputs; i++) {
        write_input(exporter, i);
    }
    /* Leave out trailing outputs that are not read: they only serve gradients, and ONNX's operator may not have
     * them. */
    int outputs = node->out_count;
    while (outputs > 1 && (node->out[outputs - 1] == 0 || !exporter->used[node->out[outputs - 1]])) {
        outputs--;
    }
    for (int i = 0; i < outputs; i++) {
        write_output(exporter, i);
    }
    for (const struct op_attribute *a = node->op->attributes; a != NULL && a->name != NULL; a++) {
        if (a->onnx == NULL) {
            continue;
        }
        if (a->since <= exporter->opset) {
            write_option(exporter, a, node->options);
        } else if (!is_standard_option(a, node->options)) {
            return write_fail(exporter, FOV_E_UNSUPPORTED, "option %s needs opset %d, not %d", a->name, a->since,
                              exporter->opset);
        }
    }
    return 0;
}

static int write_by_function(struct exporter *exporter, const struct node *node)
{
    struct op_tensor in[OP_MAX_PORTS], out[OP_MAX_PORTS];
    for (int i = 0; i < node->in_count; i++) {
        const struct value *value = graph_value(exporter->graph, node->in[i]);
        in[i] = (struct op_tensor){.dtype = value->dtype, .shape = value->shape};
        if (node->in[i] == 0) {
            in[i].shape.rank = -1;
        }
    }
    for (int i = 0; i < node->out_count; i++) {
        const struct value *value = graph_value(exporter->graph, node->out[i]);
        out[i] = (struct op_tensor){.dtype = value->dtype, .shape = value->shape};
        if (node->out[i] == 0 || (i > 0 && !exporter->used[node->out[i]])) {
            out[i].shape.rank = -1;
        }
    }
    struct op_export writer = {.op = node->op,
                               .options = node->options,
                               .in = in,
                               .out = out,
                               .in_count = node->in_count,
                               .out_count = node->out_count,
                               .opset = exporter->opset,
                               .writer = exporter,
                               .begin = write_begin,
                               .doc = write_doc,
                               .input = write_input,
                               .input_name = write_input_name,
                               .integers = write_integers,
                               .number = write_number,
                               .constant = write_constant,
                               .in_name = name_of_input,
                               .out_name = name_of_output,
                               .known = known_input,
                               .attribute_integer = write_attribute_integer,
                               .attribute_number = write_attribute_number,
                               .attribute_list = write_attribute_list,
                               .attribute_text = write_attribute_text,
                               .attribute_texts = write_attribute_texts,
                               .attribute_numbers = write_attribute_numbers,
                               .attribute_tensor = write_attribute_tensor,
                               .output = write_output,
                               .temporary = write_temporary,
                               .output_name = write_output_name,
                               .fail = write_fail};
    return node->op->onnx->export(&writer);
}

int exporter_write_node(struct exporter *exporter, const struct node *node)
{
    char name[ONNX_NAME_TEXT];
    exporter->node = node;
    exporter->begun = 0;
    text_escape(name, sizeof name, node->name);
    if (node->op->onnx == NULL) {
        return error_set(exporter->error, FOV_E_UNSUPPORTED, "%s: %s \"%s\" has no counterpart in ONNX", exporter->path,
                         node->op->name, name);
    }
    int status = 0;
    if (node->op->onnx->export == NULL) {
        status = write_one_to_one(exporter, node);
    } else {
        status = write_by_function(exporter, node);
    }
    end_node(exporter);
    if (!status && exporter->failed) {
        status = exporter->error->status != FOV_OK
                     ? (int)exporter->error->status
                     : (int)error_set(exporter->error, FOV_E_MEMORY, "out of memory while writing a node");
    }
    if (status) {
        error_prefix(exporter->error, "%s: %s \"%s\"", exporter->path, node->op->name, name);
    }
    return status;
}
