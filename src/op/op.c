/* SPDX-License-Identifier: MIT */
/* The functions of op.h that need no graph: lookup, ports, option blocks, short forms of the emitter. No operator is
 * known here by name. Next: common.h, the helpers shared by several operators, then any folder beside this file. */
#include "op/op.h"
#include "tensor/convert.h"

#include <math.h>
#include <string.h>

const char *op_layout_name(enum op_layout layout)
{
    static const char *const names[] = {
        [OP_PLAIN] = "plain", [OP_CHANNELS_LAST] = "channels-last", [OP_BATCH_INNERMOST] = "images-last"};
    return names[layout];
}

const struct op *op_find(const char *name)
{
    /* The table is sorted by name when it is generated; tests/op/test_descriptors.c checks that it is. */
    size_t low = 0, high = name != NULL ? op_table_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, op_table[middle]->name);
        if (order == 0) {
            return op_table[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

int op_port_count(const struct op_port *ports)
{
    int count = 0;
    while (ports != NULL && ports[count].name != NULL) {
        count++;
    }
    return count;
}

int op_out_count(const struct op *op, const void *options, int in_count)
{
    _Alignas(16) unsigned char standard[OP_MAX_OPTIONS];
    if (op->out_count == NULL) {
        return op_port_count(op->out);
    }
    if (options == NULL) {
        op_options_default(op, standard);
        options = standard;
    }
    int count = op->out_count(options, in_count);
    return count < 1 ? 1 : count > OP_MAX_PORTS ? OP_MAX_PORTS : count;
}

const struct op_port *op_port_at(const struct op_port *ports, int index)
{
    int count = op_port_count(ports);
    if (index < 0 || count == 0) {
        return NULL;
    }
    if (index < count) {
        return &ports[index];
    }
    return ports[count - 1].variadic ? &ports[count - 1] : NULL;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

int64_t op_list_get(const struct op_list *list, int index, int64_t fallback)
{
    return list != NULL && index >= 0 && index < list->count ? list->at[index] : fallback;
}

/* Options are plain structs; the attribute table has the offset and kind of each member, but not its C type, hence
 * memcpy. */
void op_options_default(const struct op *op, void *options)
{
    if (op->options_size == 0) {
        return;
    }
    memset(options, 0, op->options_size);
    for (const struct op_attribute *attribute = op->attributes; attribute != NULL && attribute->name != NULL;
         attribute++) {
        char *member = (char *)options + attribute->offset;
        switch (attribute->kind) {
        case OP_INTEGER: {
            int64_t value = (int64_t)attribute->standard;
            memcpy(member, &value, sizeof value);
            break;
        }
        case OP_NUMBER:
            memcpy(member, &attribute->standard, sizeof attribute->standard);
            break;
        case OP_FLAG: {
            bool value = attribute->standard != 0;
            memcpy(member, &value, sizeof value);
            break;
        }
        case OP_CHOICE: {
            int value = (int)attribute->standard;
            memcpy(member, &value, sizeof value);
            break;
        }
        case OP_LIST: /* count 0, "not given", is what the memset left */
            break;
        }
    }
}

static int check_number(const struct op_attribute *attribute, double value, struct error *error)
{
    if (isnan(value)) {
        return error_set(error, FOV_E_USAGE, "%s is not a number", attribute->name);
    }
    if (attribute->minimum < attribute->maximum && (value < attribute->minimum || value > attribute->maximum)) {
        return error_set(error, FOV_E_USAGE, "%s is %.10g, it must lie in %.10g .. %.10g", attribute->name, value,
                         attribute->minimum, attribute->maximum);
    }
    return FOV_OK;
}

static int check_list(const struct op_attribute *attribute, const struct op_list *list, struct error *error)
{
    int capacity = (int)(sizeof list->at / sizeof list->at[0]);
    if (list->count < 0 || list->count > capacity) {
        return error_set(error, FOV_E_USAGE, "%s has %d elements, at most %d fit", attribute->name, list->count,
                         capacity);
    }
    for (int i = 0; i < list->count; i++) {
        int status = check_number(attribute, (double)list->at[i], error);
        if (status != FOV_OK) {
            return status;
        }
    }
    return FOV_OK;
}

static int check_choice(const struct op_attribute *attribute, int value, struct error *error)
{
    int count = 0;
    while (attribute->choices != NULL && attribute->choices[count] != NULL) {
        count++;
    }
    if (value < 0 || value >= count) {
        return error_set(error, FOV_E_USAGE, "%s is choice %d, there are %d (0 is \"%s\")", attribute->name, value,
                         count, count > 0 ? attribute->choices[0] : "");
    }
    return FOV_OK;
}

int op_options_check(const struct op *op, const void *options, struct error *error)
{
    if (op->options_size == 0) {
        return FOV_OK;
    }
    if (options == NULL) {
        return error_set(error, FOV_E_INTERNAL, "operator %s was handed no options block", op->name);
    }
    int status = FOV_OK;
    for (const struct op_attribute *attribute = op->attributes;
         status == FOV_OK && attribute != NULL && attribute->name != NULL; attribute++) {
        const char *member = (const char *)options + attribute->offset;
        switch (attribute->kind) {
        case OP_INTEGER: {
            int64_t value;
            memcpy(&value, member, sizeof value);
            status = check_number(attribute, (double)value, error);
            break;
        }
        case OP_NUMBER: {
            double value;
            memcpy(&value, member, sizeof value);
            status = check_number(attribute, value, error);
            break;
        }
        case OP_LIST: {
            struct op_list list;
            memcpy(&list, member, sizeof list);
            status = check_list(attribute, &list, error);
            break;
        }
        case OP_CHOICE: {
            int value;
            memcpy(&value, member, sizeof value);
            status = check_choice(attribute, value, error);
            break;
        }
        case OP_FLAG:
            break;
        }
    }
    return status;
}

/* ---- emitting ---------------------------------------------------------------------------------------------------- */

fov_value op_emit(const struct op_emitter *emitter, const char *name, const fov_value *in, int count,
                  const void *options)
{
    return emitter->node(emitter->graph, name, in, count, options, NULL);
}

fov_value op_emit1(const struct op_emitter *emitter, const char *name, fov_value a, const void *options)
{
    return op_emit(emitter, name, &a, 1, options);
}

fov_value op_emit2(const struct op_emitter *emitter, const char *name, fov_value a, fov_value b, const void *options)
{
    fov_value in[] = {a, b};
    return op_emit(emitter, name, in, 2, options);
}

fov_value op_emit3(const struct op_emitter *emitter, const char *name, fov_value a, fov_value b, fov_value c,
                   const void *options)
{
    fov_value in[] = {a, b, c};
    return op_emit(emitter, name, in, 3, options);
}

fov_value op_emit_scalar(const struct op_emitter *emitter, fov_value like, double number)
{
    fov_shape scalar = {.rank = 0};
    fov_dtype dtype = emitter->dtype(emitter->graph, like);
    unsigned char bytes[sizeof(double)];
    dtype = dtype <= FOV_F16 ? dtype : FOV_F32;
    convert_from_double(dtype, &number, bytes, 1);
    return emitter->constant(emitter->graph, dtype, scalar, bytes);
}

fov_value op_emit_output(const struct op_emitter *emitter, fov_value first, int index)
{
    return emitter->output(emitter->graph, first, index);
}

/* ---- shape rules ----------------------------------------------------------------------------------------------- */

int op_infer_same(const struct op_infer *infer)
{
    for (int i = 0; i < infer->out_count; i++) {
        infer->out[i].dtype = infer->in[0].dtype;
        infer->out[i].shape = infer->in[0].shape;
    }
    return FOV_OK;
}

/* ---- taking work over -------------------------------------------------------------------------------------------- */

bool op_producer_for(const struct op_substitution *node, int value, struct op_producer *producer)
{
    return value != 0 && node->readers(node->plan, value) == 1 && node->producer(node->plan, value, producer) &&
           producer->output == 0;
}

const void *op_option(const struct op *op, const void *options, const char *name)
{
    const struct op_attribute *attribute = op->attributes;
    while (strcmp(attribute->name, name) != 0) {
        attribute++;
    }
    return (const char *)options + attribute->offset;
}

struct op_compile op_compile_alone(const struct op_compile *compile)
{
    struct op_compile alone = *compile;
    alone.in_rows = NULL;
    alone.residual = alone.saved_activation = NULL;
    alone.before = alone.producer = NULL;
    alone.part_rows = 0;
    alone.deferred = alone.seen = false;
    return alone;
}

const float *op_rows(const struct op_run *run, int i, size_t first, size_t count, float *workspace)
{
    const struct op_run *producer = run->row_producer == NULL ? NULL : run->row_producer[i];
    if (producer == NULL) {
        return (const float *)run->in[i].data + first * op_pixel_stride(&run->in[i]);
    }
    producer->op->cpu->rows(producer, first, count, workspace);
    return workspace;
}

const float *op_rows_source(const struct op_run *run, int i, size_t first)
{
    const struct op_run *producer = run->row_producer == NULL ? NULL : run->row_producer[i];
    const struct op_tensor *source = producer == NULL ? &run->in[i] : &producer->in[0];
    return (const float *)source->data + first * op_pixel_stride(source);
}

void op_show(const struct op_run *run, size_t first, size_t count, size_t channel, size_t channels)
{
    if (run->observer != NULL) {
        run->observer->op->cpu->see(run->observer, first, count, channel, channels);
    }
}
