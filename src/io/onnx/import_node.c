/* SPDX-License-Identifier: MIT */
/* Turns one node of the file into nodes of the graph: by the operator's own import function, or one to one by its table
 * of attributes. An attribute that is never read is refused: ignoring it would silently give wrong results. */
#include "graph/custom.h"
#include "base/text.h"
#include "graph/names.h"
#include "io/onnx/import.h"
#include "tensor/convert.h"
#include <stdio.h>
#include <string.h>

/* ---- finding the operator ---------------------------------------------------------------------------------------- */

static bool is_standard(const char *domain)
{
    return domain == NULL || domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0;
}

static bool reads_type(const struct op_onnx *onnx, const char *type)
{
    if (strcmp(onnx->type, type) == 0) {
        return true;
    }
    for (size_t i = 0; onnx->also != NULL && onnx->also[i] != NULL; i++) {
        if (strcmp(onnx->also[i], type) == 0) {
            return true;
        }
    }
    return false;
}

int64_t importer_opset(const struct importer *importer, const char *domain)
{
    int64_t version = 0;
    for (size_t i = 0; i < importer->model->opset_count; i++) {
        const struct onnx_opset *opset = &importer->model->opsets[i];
        if (is_standard(domain) ? is_standard(opset->domain) : strcmp(opset->domain, domain) == 0) {
            version = opset->version; /* the last one counts, as in ONNX Runtime */
        }
    }
    return version;
}

static bool is_in_domain(const struct op_onnx *onnx, const char *domain)
{
    return is_standard(onnx->domain) ? is_standard(domain) : strcmp(onnx->domain, domain) == 0;
}

static const struct op *find_op(const char *type, const char *domain, int64_t opset)
{
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op_onnx *onnx = op_table[i]->onnx;
        if (onnx != NULL && onnx->since <= opset && reads_type(onnx, type) && is_in_domain(onnx, domain)) {
            return op_table[i];
        }
    }
    return NULL;
}

const struct op_onnx *importer_find(const struct importer *importer, const struct onnx_node *node,
                                    const struct op **op)
{
    int64_t opset = importer_opset(importer, node->domain);
    *op = find_op(node->type, node->domain, opset);
    *op = *op != NULL ? *op : operator_registered(importer->graph->context, node->type, node->domain);
    if (*op != NULL) {
        return (*op)->onnx;
    }
    for (const struct op_onnx *onnx = op_foreign_spellings; onnx->type != NULL; onnx++) {
        if (onnx->since <= opset && reads_type(onnx, node->type) && is_in_domain(onnx, node->domain)) {
            return onnx;
        }
    }
    return NULL;
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

static int read_fail(void *reader, fov_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int read_fail(void *reader, fov_status status, const char *format, ...)
{
    struct importer *importer = reader;
    va_list          list;
    va_start(list, format);
    error_set_list(importer->error, status, format, list);
    va_end(list);
    importer->failed = true;
    return (int)status;
}

static struct onnx_attribute *find_attribute(struct importer *importer, const char *name)
{
    for (size_t i = 0; i < importer->node->attribute_count; i++) {
        struct onnx_attribute *attribute = &importer->node->attributes[i];
        if (strcmp(attribute->name, name) == 0) {
            attribute->used = true;
            return attribute;
        }
    }
    return NULL;
}

/** The attribute's stated type or, in old files without types, the type that its fields imply. */
static int attribute_type(const struct onnx_attribute *attribute)
{
    if (attribute->type != 0) {
        return attribute->type;
    }
    return attribute->has_number               ? ONNX_ATTRIBUTE_FLOAT
           : attribute->has_integer            ? ONNX_ATTRIBUTE_INT
           : attribute->text != NULL           ? ONNX_ATTRIBUTE_STRING
           : attribute->tensor != NULL         ? ONNX_ATTRIBUTE_TENSOR
           : attribute->numbers.count > 0      ? ONNX_ATTRIBUTE_FLOATS
           : attribute->integers.count > 0     ? ONNX_ATTRIBUTE_INTS
           : attribute->texts.count > 0        ? ONNX_ATTRIBUTE_STRINGS
                                               : 0;
}

static struct onnx_attribute *find_typed(struct importer *importer, const char *name, int type, const char *expected)
{
    struct onnx_attribute *attribute = find_attribute(importer, name);
    if (attribute != NULL && (attribute_type(attribute) != type || attribute->has_reference)) {
        read_fail(importer, FOV_E_INPUT, "attribute \"%s\" has the wrong type (got type %d, expected %s)", name,
                  (int)attribute->type, expected);
        return NULL;
    }
    return attribute;
}

static int64_t read_integer(void *reader, const char *name, int64_t fallback)
{
    const struct onnx_attribute *attribute = find_typed(reader, name, ONNX_ATTRIBUTE_INT, "an integer");
    return attribute != NULL ? attribute->integer : fallback;
}

static double read_number(void *reader, const char *name, double fallback)
{
    const struct onnx_attribute *attribute = find_typed(reader, name, ONNX_ATTRIBUTE_FLOAT, "a number");
    return attribute != NULL ? (double)attribute->number : fallback;
}

static bool read_list(void *reader, const char *name, struct op_list *list)
{
    const struct onnx_attribute *attribute = find_typed(reader, name, ONNX_ATTRIBUTE_INTS, "a list of integers");
    size_t                       room = sizeof list->at / sizeof list->at[0];
    if (attribute == NULL) {
        return false;
    }
    if (attribute->integers.count > room) {
        read_fail(reader, FOV_E_INPUT, "attribute \"%s\" is too long (got %zu elements, limit %zu)", name,
                  attribute->integers.count, room);
        return false;
    }
    list->count = (int)attribute->integers.count;
    for (int i = 0; i < list->count; i++) {
        list->at[i] = attribute->integers.at[i];
    }
    return true;
}

static int read_numbers(void *reader, const char *name, float *values, int room)
{
    const struct onnx_attribute *attribute = find_typed(reader, name, ONNX_ATTRIBUTE_FLOATS, "a list of numbers");
    if (attribute == NULL) {
        return 0;
    }
    if (attribute->numbers.count > (size_t)room) {
        read_fail(reader, FOV_E_INPUT, "attribute \"%s\" is too long (got %zu elements, limit %d)", name,
                  attribute->numbers.count, room);
        return 0;
    }
    for (size_t i = 0; i < attribute->numbers.count; i++) {
        values[i] = attribute->numbers.at[i];
    }
    return (int)attribute->numbers.count;
}

static const char *read_text(void *reader, const char *name, const char *fallback)
{
    const struct onnx_attribute *attribute = find_typed(reader, name, ONNX_ATTRIBUTE_STRING, "a text");
    return attribute == NULL ? fallback : attribute->text != NULL ? attribute->text : "";
}

static int read_texts(void *reader, const char *name, const char **values, int room)
{
    const struct onnx_attribute *attribute = find_typed(reader, name, ONNX_ATTRIBUTE_STRINGS, "a list of texts");
    if (attribute == NULL) {
        return 0;
    }
    if (attribute->texts.count > (size_t)room) {
        read_fail(reader, FOV_E_INPUT, "attribute \"%s\" is too long (got %zu texts, limit %d)", name,
                  attribute->texts.count, room);
        return 0;
    }
    for (size_t i = 0; i < attribute->texts.count; i++) {
        values[i] = attribute->texts.at[i];
    }
    return (int)attribute->texts.count;
}

static bool read_has(void *reader, const char *name)
{
    return find_attribute(reader, name) != NULL;
}

static const double *read_tensor(void *reader, const char *name, fov_dtype *dtype, fov_shape *shape)
{
    struct importer             *importer = reader;
    const struct onnx_attribute *attribute = find_typed(reader, name, ONNX_ATTRIBUTE_TENSOR, "a tensor");
    size_t                       count;
    if (attribute == NULL || attribute->tensor == NULL) {
        return NULL;
    }
    if (onnx_tensor_check(importer->model, attribute->tensor, name, dtype, shape, importer->error) != 0 ||
        !shape_count(shape, &count)) {
        importer->failed = true;
        return NULL;
    }
    double *values = arena_take(importer->arena, count, sizeof *values);
    void   *elements = arena_take(importer->arena, count, fov_dtype_size(*dtype));
    if (values == NULL || elements == NULL) {
        importer->failed = true;
        return NULL;
    }
    if (onnx_tensor_read(importer->model, attribute->tensor, *dtype, count, elements, importer->error) != 0) {
        importer->failed = true;
        return NULL;
    }
    convert_to_double(*dtype, elements, values, count);
    return values;
}

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

struct onnx_slot *importer_slot(const struct importer *importer, fov_value value)
{
    return value.id < 0 ? &importer->slots[-(value.id + 1)] : NULL;
}

/** The slot of an input that is a tensor, also if that tensor has become a value already; NULL for other inputs. */
static const struct onnx_slot *constant_slot(const struct importer *importer, int input)
{
    if (input < 0 || input >= importer->in_count || importer->in[input].id == 0) {
        return NULL;
    }
    const struct onnx_slot *slot = importer_slot(importer, importer->in[input]);
    if (slot == NULL && (size_t)input < importer->node->in.count) {
        size_t found = arena_table_find(&importer->table, importer->node->in.at[input]);
        bool   is_tensor = found != SIZE_MAX && importer->slots[found].kind == SLOT_TENSOR;
        slot = is_tensor && importer->slots[found].value.id == importer->in[input].id ? &importer->slots[found] : NULL;
    }
    return slot;
}

/** The elements of an input that earlier nodes computed from constants and shapes; NULL: not known. */
static const double *read_known(struct importer *importer, int input, fov_shape *shape)
{
    if (input < 0 || input >= importer->in_count || importer->in[input].id <= 0) {
        return NULL;
    }
    const double *values = importer_known(importer, importer->in[input]);
    importer->asked[input] = values == NULL;
    if (values != NULL && shape != NULL) {
        *shape = fov_value_shape(importer->graph, importer->in[input]);
    }
    return values;
}

static const double *read_constant(void *reader, int input, fov_shape *shape)
{
    struct importer        *importer = reader;
    const struct onnx_slot *slot = constant_slot(importer, input);
    size_t                  count;
    if (slot == NULL) {
        return read_known(importer, input, shape);
    }
    if (!shape_count(&slot->shape, &count)) {
        return NULL;
    }
    double *values = arena_take(importer->arena, count, sizeof *values);
    void   *elements = arena_take(importer->arena, count, fov_dtype_size(slot->dtype));
    if (values == NULL || elements == NULL) {
        importer->failed = true;
        return NULL;
    }
    if (onnx_tensor_read(importer->model, slot->tensor, slot->dtype, count, elements, importer->error) != 0) {
        importer->failed = true;
        return NULL;
    }
    convert_to_double(slot->dtype, elements, values, count);
    if (shape != NULL) {
        *shape = slot->shape;
    }
    return values;
}

static fov_shape read_shape(void *reader, fov_value value)
{
    const struct importer  *importer = reader;
    const struct onnx_slot *slot = importer_slot(importer, value);
    return slot != NULL ? slot->shape : fov_value_shape(importer->graph, value);
}

static fov_dtype read_dtype(void *reader, fov_value value)
{
    const struct importer  *importer = reader;
    const struct onnx_slot *slot = importer_slot(importer, value);
    return slot != NULL ? slot->dtype : fov_value_dtype(importer->graph, value);
}

static void read_result(void *reader, int output, fov_value value)
{
    struct importer *importer = reader;
    if (output >= 0 && output < OP_MAX_PORTS) {
        importer->result[output] = value;
    }
}

/* ---- tensors become values --------------------------------------------------------------------------------------- */

/** Whether `op` itself updates this input (running statistics): such a parameter is not learned. */
static bool is_statistic(const struct op *op, int port)
{
    for (int i = 0; op != NULL && i < op_port_count(op->out); i++) {
        if (op->out[i].updates == port + 1) {
            return true;
        }
    }
    return false;
}

/** Whether one of the inputs of an add or mul is the result of an operator that multiplies by weights: the other input
 *  is then its bias or scale. */
static bool stands_beside_weights(const struct importer *importer, const struct op *op, const fov_value *in, int count)
{
    if (op == NULL || (strcmp(op->name, "add") != 0 && strcmp(op->name, "mul") != 0)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        const struct value *value = in[i].id > 0 ? graph_value(importer->graph, in[i].id) : NULL;
        const struct op    *producer =
            value != NULL && value->kind == VALUE_RESULT ? importer->graph->nodes[value->node].op : NULL;
        const struct op_port *second = producer != NULL ? op_port_at(producer->in, 1) : NULL;
        if (second != NULL && (strcmp(second->name, "weight") == 0 || strcmp(producer->name, "matmul") == 0)) {
            return true;
        }
    }
    return false;
}

/** Whether a tensor becomes a parameter, which is learned. A single number in an addition or product is part of the
 *  formula instead. Some exporters (Paddle's, TensorFlow's) write weights as Constant nodes. As these also hold numbers
 *  of formulas, a Constant is a weight only where an operator reads it as its weight, or where it is added to, or
 *  multiplied with, the result of an operator with weights. */
static bool is_parameter(const struct importer *importer, const struct onnx_slot *slot, const struct op *op, int port)
{
    size_t count = 0;
    if (slot->dtype != FOV_F32 || op == NULL || !shape_count(&slot->shape, &count)) {
        return false;
    }
    const struct op_port *place = op_port_at(op->in, port);
    if (place != NULL && place->values) {
        return false; /* limits, scales, counts: shapes depend on them, so training must not change them */
    }
    if (slot->is_constant) {
        bool is_weight = port > 0 && ((place != NULL && place->plain) || strcmp(op->name, "matmul") == 0);
        return !importer->ours && (is_weight || (importer->beside_weights && count > 1));
    }
    return importer->ours || (place != NULL && place->plain) || count > 1;
}

enum { STAYS_FROM = 1 << 16 }; /* bytes */

/** Leaves a large weight in the mapped file, or in the file of external data, until it is needed: a plan packs it from
 *  there, so that only one copy is in memory. False: the weight must be read now. */
static bool stay_in_file(struct importer *importer, const struct onnx_slot *slot, struct value *value)
{
    struct onnx_outside   *outside = slot->tensor->outside;
    const struct file_map *map = outside != NULL ? &outside->map : importer->options->map;
    struct file_source   **source = outside != NULL ? &outside->source : &importer->source;
    const uint8_t         *raw = slot->tensor->raw;
    if (importer->options->map == NULL || raw == NULL || value->bytes < STAYS_FROM || raw < map->bytes ||
        raw >= map->bytes + map->size || onnx_type_is_half(slot->tensor->type)) {
        return false;
    }
    if (*source == NULL) {
        importer->failed |= file_source_open(source, map, importer->graph->context->memory, importer->error) != 0;
    }
    value->file = file_source_share(*source);
    value->file_offset = (size_t)(raw - map->bytes);
    return value->file != NULL;
}

static fov_value make_parameter(struct importer *importer, const struct onnx_slot *slot, bool frozen)
{
    fov_graph *graph = importer->graph;
    size_t     count;
    fov_value value =
        fov_parameter(graph, .name = slot->name, .shape = slot->shape, .dtype = slot->dtype, .frozen = frozen);
    if (value.id == 0 || !shape_count(&slot->shape, &count)) {
        return (fov_value){0};
    }
    if (stay_in_file(importer, slot, graph_value(graph, value.id))) {
        return value;
    }
    void *data =
        memory_allocate_raw(graph->context->memory, count, fov_dtype_size(slot->dtype), slot->name, importer->error);
    if (data == NULL) {
        return (fov_value){0};
    }
    graph_value(graph, value.id)->data = data; /* the graph frees it */
    int status = onnx_tensor_read(importer->model, slot->tensor, slot->dtype, count, data, importer->error);
    return status ? (fov_value){0} : value;
}

static fov_value make_constant(struct importer *importer, const struct onnx_slot *slot)
{
    struct memory *memory = importer->graph->context->memory;
    size_t         count = 0;
    shape_count(&slot->shape, &count);
    void *data = memory_allocate_raw(memory, count, fov_dtype_size(slot->dtype), slot->name, importer->error);
    if (data == NULL) {
        return (fov_value){0};
    }
    fov_value value = {0};
    if (onnx_tensor_read(importer->model, slot->tensor, slot->dtype, count, data, importer->error) == 0) {
        value = fov_constant(importer->graph, slot->name, slot->dtype, slot->shape, data);
    }
    memory_free(memory, data);
    return value;
}

fov_value importer_make_value(struct importer *importer, fov_value value, const struct op *op, int port)
{
    struct onnx_slot *slot = importer_slot(importer, value);
    if (slot == NULL) {
        return value;
    }
    if (slot->value.id == 0) {
        slot->value = is_parameter(importer, slot, op, port) ? make_parameter(importer, slot, is_statistic(op, port))
                                                             : make_constant(importer, slot);
        importer->failed |= slot->value.id == 0;
    }
    return slot->value;
}

/* ---- the emitter ------------------------------------------------------------------------------------------------- */

static bool name_is_free(const struct importer *importer, const char *name)
{
    return names_find_value(importer->graph, name) == 0 && arena_table_find(&importer->table, name) == SIZE_MAX;
}

/** Makes up a name that neither the graph nor the file uses. */
static void fresh_name(struct importer *importer, const char *base, char *out, size_t size)
{
    do {
        snprintf(out, size, "%.*s.%d", (int)(size - 16), base, ++importer->fresh);
    } while (!name_is_free(importer, out));
}

static fov_value emit_node(void *context, const char *name, const fov_value *in, int in_count, const void *options,
                           const char *node_name)
{
    struct importer *importer = context;
    const struct op *op = operator_find(importer->graph->context, name);
    fov_value        ids[OP_MAX_PORTS];
    char             made[256];
    if (importer->failed || in_count > OP_MAX_PORTS) {
        return (fov_value){0};
    }
    importer->beside_weights = stands_beside_weights(importer, op, in, in_count);
    for (int i = 0; i < in_count; i++) {
        ids[i] = importer_make_value(importer, in[i], op, i);
        if (op != NULL && ids[i].id > 0 && op_port_at(op->in, i) != NULL && op_port_at(op->in, i)->values) {
            importer_want(importer, ids[i]);
        }
    }
    if (importer->failed) {
        return (fov_value){0};
    }
    if (node_name == NULL || names_find_value(importer->graph, node_name) != 0) {
        fresh_name(importer, importer->node_label, made, sizeof made);
        node_name = made;
    }
    const struct op_emitter *emitter = fov_graph_emitter(importer->graph);
    fov_value                value = emitter->node(emitter->graph, name, ids, in_count, options, node_name);
    importer->failed |= value.id == 0;
    return value;
}

static fov_value emit_output(void *context, fov_value first, int index)
{
    struct importer *importer = context;
    const struct op_emitter *emitter = fov_graph_emitter(importer->graph);
    return first.id > 0 ? emitter->output(emitter->graph, first, index) : (fov_value){0};
}

static fov_value emit_constant(void *context, fov_dtype dtype, fov_shape shape, const void *data)
{
    struct importer *importer = context;
    char             made[256];
    if (importer->failed) {
        return (fov_value){0};
    }
    fresh_name(importer, importer->node_label, made, sizeof made);
    return fov_constant(importer->graph, made, dtype, shape, data);
}

void importer_make_emitter(struct importer *importer)
{
    importer->emitter = (struct op_emitter){emit_node, emit_output, emit_constant, read_dtype, importer};
}

/* ---- one to one -------------------------------------------------------------------------------------------------- */

static int choice_index(struct importer *importer, const struct op_attribute *attribute, const char *text)
{
    char escaped[ONNX_NAME_TEXT];
    for (int i = 0; attribute->choices[i] != NULL; i++) {
        if (strcmp(attribute->choices[i], text) == 0) {
            return i;
        }
    }
    read_fail(importer, FOV_E_UNSUPPORTED, "attribute \"%s\" is \"%s\", which is not known", attribute->onnx,
              text_escape(escaped, sizeof escaped, text));
    return 0;
}

static void set_option(struct importer *importer, const struct op_attribute *attribute, void *options)
{
    char *place = (char *)options + attribute->offset;
    switch (attribute->kind) {
    case OP_INTEGER: {
        int64_t value = read_integer(importer, attribute->onnx, 0);
        memcpy(place, &value, sizeof value);
        break;
    }
    case OP_NUMBER: {
        double value = read_number(importer, attribute->onnx, 0);
        memcpy(place, &value, sizeof value);
        break;
    }
    case OP_FLAG: {
        bool value = read_integer(importer, attribute->onnx, 0) != 0;
        memcpy(place, &value, sizeof value);
        break;
    }
    case OP_LIST: {
        struct op_list value = {0};
        read_list(importer, attribute->onnx, &value);
        memcpy(place, &value, sizeof value);
        break;
    }
    case OP_CHOICE: {
        int value = choice_index(importer, attribute, read_text(importer, attribute->onnx, ""));
        memcpy(place, &value, sizeof value);
        break;
    }
    }
}

static int read_one_to_one(struct importer *importer, const struct op *op, const char *name)
{
    _Alignas(16) unsigned char options[OP_MAX_OPTIONS];
    op_options_default(op, options);
    for (const struct op_attribute *a = op->attributes; a != NULL && a->name != NULL; a++) {
        if (a->onnx != NULL && find_attribute(importer, a->onnx) != NULL) {
            set_option(importer, a, options);
        }
    }
    if (importer->failed) {
        return importer->error->status != FOV_OK ? (int)importer->error->status : FOV_E_INPUT;
    }
    fov_value first = importer->emitter.node(importer, op->name, importer->in, importer->in_count, options, name);
    for (int i = 0; first.id > 0 && i < op_out_count(op, options, importer->in_count); i++) {
        read_result(importer, i, emit_output(importer, first, i));
    }
    return first.id > 0 ? 0 : (int)importer->error->status;
}

/* ---- a node ------------------------------------------------------------------------------------------------------ */

static int gather_inputs(struct importer *importer, const struct onnx_node *node)
{
    memset(importer->in, 0, sizeof importer->in);
    memset(importer->result, 0, sizeof importer->result);
    if (node->in.count > OP_MAX_PORTS || node->out.count > OP_MAX_PORTS || node->out.count == 0) {
        return read_fail(importer, FOV_E_INPUT, "%zu inputs and %zu outputs (at most %d, and an output at least)",
                         node->in.count, node->out.count, OP_MAX_PORTS);
    }
    importer->in_count = (int)node->in.count;
    for (size_t i = 0; i < node->in.count; i++) {
        if (node->in.at[i][0] != '\0') {
            size_t                  index = arena_table_find(&importer->table, node->in.at[i]);
            const struct onnx_slot *slot = &importer->slots[index];
            importer->in[i] = slot->kind == SLOT_TENSOR ? (fov_value){-(int)index - 1} : slot->value;
            if (slot->kind == SLOT_RESULT && slot->value.id == 0) {
                return read_fail(importer, FOV_E_UNSUPPORTED, "input %zu is an output that is not computed here", i);
            }
        }
    }
    /* Drop trailing optional inputs that are absent. */
    while (importer->in_count > 0 && importer->in[importer->in_count - 1].id == 0) {
        importer->in_count--;
    }
    return 0;
}

/** Renames a value to the file's name for it. Another value added for this node that has this name is renamed first. */
static int name_value(struct importer *importer, fov_value value, const char *name)
{
    int holder = names_find_value(importer->graph, name);
    if (holder == value.id || value.id <= 0 || (size_t)value.id < importer->first_value) {
        return 0; /* the value existed before this node (an alias): it keeps its own name */
    }
    if (holder != 0 && (size_t)holder >= importer->first_value) {
        char made[256];
        fresh_name(importer, name, made, sizeof made);
        int status = graph_rename(importer->graph, holder, made);
        if (status) {
            return status;
        }
    }
    return graph_rename(importer->graph, value.id, name);
}

static int name_node(struct importer *importer, fov_value value, const char *name)
{
    if (name[0] == '\0' || value.id <= 0 || (size_t)value.id < importer->first_value) {
        return 0;
    }
    struct node *node = &importer->graph->nodes[graph_value(importer->graph, value.id)->node];
    char        *copy = memory_copy_text(importer->graph->context->memory, name, importer->error);
    if (copy == NULL) {
        return FOV_E_MEMORY;
    }
    memory_free(importer->graph->context->memory, (void *)(uintptr_t)node->name);
    node->name = copy;
    return 0;
}

static int bind_results(struct importer *importer, const struct onnx_node *node)
{
    int status = 0;
    for (size_t i = 0; !status && i < node->out.count; i++) {
        if (node->out.at[i][0] == '\0') {
            continue;
        }
        struct onnx_slot *slot = &importer->slots[arena_table_find(&importer->table, node->out.at[i])];
        slot->value = importer->result[i];
        if (slot->value.id != 0) {
            status = name_value(importer, slot->value, slot->name);
        } else if (slot->used) {
            return read_fail(importer, FOV_E_UNSUPPORTED, "output %zu is used, but not computed here", i);
        }
    }
    return status ? status : name_node(importer, importer->result[0], node->name);
}

static int check_attributes(struct importer *importer, const struct onnx_node *node)
{
    for (size_t i = 0; i < node->attribute_count; i++) {
        if (!node->attributes[i].used) {
            char escaped[ONNX_NAME_TEXT];
            return read_fail(importer, FOV_E_UNSUPPORTED, "attribute \"%s\" is not known",
                             text_escape(escaped, sizeof escaped, node->attributes[i].name));
        }
    }
    return 0;
}

static fov_value read_as(void *reader, const char *type, int opset, const fov_value *in, int in_count);

/** Reads the node by one spelling, with the inputs in importer->in. */
static int read_by(struct importer *importer, const struct op *op, const struct op_onnx *onnx, const char *type,
                   int opset, const char *name)
{
    if (onnx->import == NULL) {
        return read_one_to_one(importer, op, name);
    }
    struct op_import node = {.type = type,
                             .opset = opset,
                             .in = importer->in,
                             .in_count = importer->in_count,
                             .out_count = (int)importer->node->out.count,
                             .emitter = &importer->emitter,
                             .reader = importer,
                             .integer = read_integer,
                             .number = read_number,
                             .list = read_list,
                             .numbers = read_numbers,
                             .text = read_text,
                             .texts = read_texts,
                             .has = read_has,
                             .tensor = read_tensor,
                             .constant = read_constant,
                             .shape = read_shape,
                             .dtype = read_dtype,
                             .node_name = name,
                             .doc = importer->node->doc,
                             .read_as = read_as,
                             .result = read_result,
                             .fail = read_fail};
    return onnx->import(&node);
}

static fov_value read_as(void *reader, const char *type, int opset, const fov_value *in, int in_count)
{
    struct importer *importer = reader;
    const struct op *op = find_op(type, "", opset);
    fov_value        own_in[OP_MAX_PORTS], own_result[OP_MAX_PORTS], result;
    int              own_count = importer->in_count;
    if (op == NULL || in_count > OP_MAX_PORTS || importer->failed) {
        importer->failed = true;
        return (fov_value){0};
    }
    memcpy(own_in, importer->in, sizeof own_in);
    memcpy(own_result, importer->result, sizeof own_result);
    memset(importer->in, 0, sizeof importer->in);
    memcpy(importer->in, in == importer->in ? own_in : in, (size_t)in_count * sizeof *in);
    importer->in_count = in_count;
    importer->failed |= read_by(importer, op, op->onnx, type, opset, NULL) != FOV_OK;
    result = importer->failed ? (fov_value){0} : importer->result[0];
    memcpy(importer->in, own_in, sizeof own_in);
    memcpy(importer->result, own_result, sizeof own_result);
    importer->in_count = own_count;
    return result;
}

static int read_node(struct importer *importer, struct onnx_node *node, const struct op *op,
                     const struct op_onnx *onnx)
{
    int status = gather_inputs(importer, node);
    if (status) {
        return status;
    }
    /* Identity of a tensor adds no node: exporters share weights that way. */
    if (op != NULL && strcmp(op->name, "identity") == 0 && importer->in_count == 1 && importer->in[0].id < 0) {
        importer->result[0] = importer->in[0];
        return bind_results(importer, node);
    }
    /* A node is added under the name of its first result and renamed later (name_node): in ONNX, nodes and values have
     * separate name spaces. */
    const char *name = node->out.at[0][0] != '\0' ? node->out.at[0] : NULL;
    importer->node_label = name != NULL ? name : node->name[0] != '\0' ? node->name : node->type;
    importer_open_reshape(importer);
    status = read_by(importer, op, onnx, node->type, (int)importer_opset(importer, node->domain), name);
    if (!status && (importer->failed || importer->graph->failed)) {
        status = importer->error->status != FOV_OK ? (int)importer->error->status : FOV_E_INTERNAL;
    }
    if (!status) {
        status = check_attributes(importer, node);
    }
    return status ? status : bind_results(importer, node);
}

int importer_read_node(struct importer *importer, struct onnx_node *node)
{
    const struct op      *op;
    const struct op_onnx *onnx = importer_find(importer, node, &op);
    importer->node = node;
    importer->failed = false;
    importer->first_value = importer->graph->value_count;
    memset(importer->asked, 0, sizeof importer->asked);
    int status;
    if (node->is_choice) {
        status = importer_read_choice(importer, node);
        status = status ? status : bind_results(importer, node);
    } else if (onnx == NULL) { /* only in branches: check_operators has refused all other such nodes */
        status =
            error_set(importer->error, FOV_E_UNSUPPORTED, "no operator here reads it, and its branch may be taken");
    } else {
        status = read_node(importer, node, op, onnx);
    }
    for (int i = 0; status && i < importer->in_count; i++) {
        if (importer->asked[i]) {
            importer_want(importer, importer->in[i]);
        }
    }
    if (status) {
        char label[ONNX_NAME_TEXT], type[ONNX_NAME_TEXT];
        error_set(importer->error, (fov_status)status, "cannot be read");
        if (importer->error->status == FOV_E_USAGE) { /* such as an option out of range: here, the file is at fault */
            importer->error->status = FOV_E_INPUT;
            status = FOV_E_INPUT;
        }
        error_prefix(importer->error, "%s: byte %zu: node \"%s\" (%s)", importer->model->file, node->offset,
                     text_escape(label, sizeof label, node->name), text_escape(type, sizeof type, node->type));
    }
    return status;
}
