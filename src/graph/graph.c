/* SPDX-License-Identifier: MIT */
/* Building a graph: values, nodes, names, parameters. Every public call checks `failed` first and does nothing after
 * the first error, so that code which builds a network needs no check per call. Shapes for a given batch are in
 * shapes.c, parameters' data in parameters.c. */
#include "graph/graph.h"

#include "base/arithmetic.h"
#include "base/file.h"
#include "base/text.h"
#include "graph/custom.h"
#include "graph/constant_fold.h"
#include "graph/names.h"

#include <stdio.h>
#include <string.h>

enum {
    MAXIMUM_NODES = 100000,
    MAXIMUM_NAME = 4096,
    MADE_NAME = 512 /* bytes of a generated name: scopes of up to 255, an operator's name of up to 127, a number */
};

/* ---- the emitter: how operators' gradients and importers add nodes ----------------------------------------------- */

static fov_value emit_node(void *context, const char *name, const fov_value *in, int in_count, const void *options,
                           const char *node_name)
{
    fov_graph       *graph = context;
    const struct op *op;
    int              ids[OP_MAX_PORTS];

    if (!graph || graph->failed)
        return (fov_value){0};
    op = operator_find(graph->context, name);
    if (!op)
        return fov_graph_fail(graph, node_name, FOV_E_INTERNAL, "there is no operator \"%s\"", name);
    if (in_count > OP_MAX_PORTS)
        return fov_graph_fail(graph, node_name, FOV_E_UNSUPPORTED, "%s has %d inputs (at most %d)", name, in_count,
                              OP_MAX_PORTS);
    for (int i = 0; i < in_count; i++)
        ids[i] = in[i].id;
    return (fov_value){graph_add_node(graph, op, ids, in_count, options, node_name)};
}

static fov_value emit_output(void *context, fov_value first, int index)
{
    const fov_graph *graph = context;

    if (!graph || graph->failed || first.id <= 0)
        return (fov_value){0};
    return (fov_value){graph->nodes[graph_value(graph, first.id)->node].out[index]};
}

static fov_value emit_constant(void *context, fov_dtype dtype, fov_shape shape, const void *data)
{
    return fov_constant(context, NULL, dtype, shape, data);
}

static fov_dtype value_dtype(void *context, fov_value value)
{
    return fov_value_dtype(context, value);
}

const struct op_emitter *fov_graph_emitter(fov_graph *graph)
{
    static const struct op_emitter nothing = {emit_node, emit_output, emit_constant, value_dtype, NULL};

    return graph ? &graph->emitter : &nothing;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

fov_graph *fov_graph_create(fov_context *context)
{
    if (!context)
        return NULL;
    call_fresh(context);
    fov_graph *graph;

    if (context->error.status)
        return NULL;
    graph = memory_allocate(context->memory, 1, sizeof *graph, "graph", &context->error);
    if (!graph)
        return NULL;
    graph->context = context;
    graph->emitter = (struct op_emitter){emit_node, emit_output, emit_constant, value_dtype, graph};
    graph->value_count = 1; /* value 0 means none */
    if (memory_grow(context->memory, (void **)&graph->values, &graph->value_capacity, 1, sizeof *graph->values,
                    "graph values", &context->error)) {
        fov_graph_free(graph);
        return NULL;
    }
    return graph;
}

void fov_graph_free(fov_graph *graph)
{
    struct memory *memory;

    if (!graph)
        return;
    memory = graph->context->memory;
    for (size_t i = 1; graph->values && i < graph->value_count; i++) {
        memory_free(memory, (void *)graph->values[i].name);
        memory_free(memory, graph->values[i].known);
        if (!graph->values[i].borrowed)
            memory_free(memory, graph->values[i].data);
        file_source_close(graph->values[i].file);
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        memory_free(memory, (void *)graph->nodes[i].name);
        memory_free(memory, graph->nodes[i].options);
        memory_free(memory, graph->nodes[i].in);
        memory_free(memory, graph->nodes[i].out);
    }
    memory_free(memory, graph->names.slot);
    memory_free(memory, graph->nodes);
    memory_free(memory, graph->values);
    memory_free(memory, graph);
}

fov_context *fov_graph_context(const fov_graph *graph)
{
    if (!graph)
        return NULL;
    return graph->context;
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

int graph_fail(fov_graph *graph)
{
    if (!graph->failed) {
        error_set(&graph->context->error, FOV_E_INTERNAL, "building the graph failed"); /* keeps an earlier error */
        graph->failed  = true;
        graph->failure = graph->context->error;
    }
    return (int)graph->failure.status;
}

/* As graph_fail; the id of no value. */
static int fail(fov_graph *graph)
{
    graph_fail(graph);
    return 0;
}

fov_value fov_graph_fail(fov_graph *graph, const char *node, fov_status status, const char *format, ...)
{
    struct error *error;
    va_list       list;

    if (!graph || graph->failed)
        return (fov_value){0};
    error = &graph->context->error;
    call_fresh(graph->context);
    if (!error->status) {
        va_start(list, format);
        error_set_list(error, status, format, list);
        va_end(list);
        if (node)
            error_prefix(error, "\"%s\"", node);
    }
    return (fov_value){fail(graph)};
}

int graph_refuse(const fov_graph *graph)
{
    struct error *error = &graph->context->error;

    if (!error->status)
        *error = graph->failure;
    return (int)error->status;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Writes SCOPES.KIND_NUMBER, with the next number for which the name is free: a file's names may be arbitrary. */
static const char *make_name(const fov_graph *graph, const char *kind, size_t number,
                             char made[MADE_NAME])
{
    do
        snprintf(made, MADE_NAME, "%s%s_%zu", graph->scope, kind, number++);
    while (names_find_value(graph, made));
    return made;
}

/* Adds a value with a copy of `name` (NULL: one is generated from `kind`). Returns the id, 0 on failure. */
static int add_value(fov_graph *graph, const char *name, const char *kind, struct value value)
{
    struct memory *memory = graph->context->memory;
    struct error  *error  = &graph->context->error;
    char           made[MADE_NAME];
    int            id = (int)graph->value_count;

    if (!name)
        name = make_name(graph, kind, (size_t)id, made);
    if (strlen(name) > MAXIMUM_NAME) {
        error_set(error, FOV_E_USAGE, "a name of %zu bytes is too long (at most %d)", strlen(name), MAXIMUM_NAME);
        return fail(graph);
    }
    if (names_find_value(graph, name)) {
        error_set(error, FOV_E_USAGE, "the name \"%s\" is taken twice in the graph", name);
        return fail(graph);
    }
    if (memory_grow(memory, (void **)&graph->values, &graph->value_capacity, graph->value_count, sizeof *graph->values,
                    "graph values", error))
        return fail(graph);
    value.name = memory_copy_text(memory, name, error);
    if (!value.name)
        return fail(graph);
    graph->values[id] = value;
    graph->value_count++;
    if (names_add(graph, id)) { /* value.data still belongs to the caller */
        graph->value_count--;
        memory_free(memory, (void *)graph->values[id].name);
        return fail(graph);
    }
    return id;
}

static bool check_tensor(fov_graph *graph, const char *what, const char *name, fov_dtype dtype, const fov_shape *shape)
{
    char text[SHAPE_TEXT_SIZE];

    if ((unsigned)dtype >= FOV_DTYPE_COUNT) {
        error_set(&graph->context->error, FOV_E_USAGE, "%s \"%s\": there is no element type %d", what, name ? name : "",
                  (int)dtype);
        return false;
    }
    if (shape->rank < 0 || shape->rank > FOV_MAX_RANK) {
        error_set(&graph->context->error, FOV_E_SHAPE, "%s \"%s\": rank %d (0 to %d)", what, name ? name : "",
                  shape->rank, FOV_MAX_RANK);
        return false;
    }
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] < 0 && !(i == 0 && shape->dim[i] == FOV_BATCH)) {
            error_set(&graph->context->error, FOV_E_SHAPE, "%s \"%s\": dimension %d of %s is negative", what,
                      name ? name : "", i, shape_text(shape, text));
            return false;
        }
    return true;
}

fov_value fov_input_opt(fov_graph *graph, const fov_input_options *options)
{
    if (!graph)
        return (fov_value){0};
    static const fov_input_options standard = {0};
    const char                    *name;

    if (graph->failed)
        return (fov_value){0};
    call_fresh(graph->context);
    if (!options)
        options = &standard;
    name = options->name ? options->name : names_find_value(graph, "input") ? NULL : "input";
    if (!check_tensor(graph, "input", name, options->dtype, &options->shape))
        return (fov_value){fail(graph)};
    return (fov_value){add_value(
        graph, name, "input",
        (struct value){.kind = VALUE_INPUT, .dtype = options->dtype, .shape = options->shape, .node = -1})};
}

fov_value fov_parameter_opt(fov_graph *graph, const fov_parameter_options *options)
{
    if (!graph)
        return (fov_value){0};
    struct value value = {.kind = VALUE_PARAMETER, .node = -1};
    int          id;

    if (graph->failed)
        return (fov_value){0};
    call_fresh(graph->context);
    if (!options || !options->name) {
        error_set(&graph->context->error, FOV_E_USAGE, "a parameter needs a name");
        return (fov_value){fail(graph)};
    }
    if (!check_tensor(graph, "parameter", options->name, options->dtype, &options->shape))
        return (fov_value){fail(graph)};
    if (!shape_is_known(&options->shape)) {
        error_set(&graph->context->error, FOV_E_SHAPE,
                  "parameter \"%s\": its first dimension is open (FOV_BATCH), but a parameter has a size",
                  options->name);
        return (fov_value){fail(graph)};
    }
    value.dtype   = options->dtype;
    value.shape   = options->shape;
    value.initial = options->initial;
    value.scale   = options->scale;
    value.frozen  = options->frozen;
    value.number  = graph->parameter_count;
    if (!shape_bytes(&value.shape, value.dtype, &value.bytes)) {
        error_set(&graph->context->error, FOV_E_SHAPE, "parameter \"%s\": its size does not fit memory", options->name);
        return (fov_value){fail(graph)};
    }
    id = add_value(graph, options->name, "parameter", value);
    if (id)
        graph->parameter_count++;
    return (fov_value){id};
}

fov_value fov_constant(fov_graph *graph, const char *name, fov_dtype dtype, fov_shape shape, const void *data)
{
    if (!graph)
        return (fov_value){0};
    struct value value = {.kind = VALUE_CONSTANT, .dtype = dtype, .shape = shape, .node = -1};
    int          id;

    if (graph->failed)
        return (fov_value){0};
    call_fresh(graph->context);
    if (!check_tensor(graph, "constant", name, dtype, &shape))
        return (fov_value){fail(graph)};
    if (!shape_bytes(&shape, dtype, &value.bytes)) {
        error_set(&graph->context->error, FOV_E_SHAPE, "constant \"%s\": its size does not fit memory",
                  name ? name : "");
        return (fov_value){fail(graph)};
    }
    if (!data && value.bytes) {
        error_set(&graph->context->error, FOV_E_USAGE, "constant \"%s\": its data are NULL", name ? name : "");
        return (fov_value){fail(graph)};
    }
    value.data = memory_allocate_raw(graph->context->memory, value.bytes, 1, "constant", &graph->context->error);
    if (!value.data)
        return (fov_value){fail(graph)};
    if (value.bytes)
        memcpy(value.data, data, value.bytes);
    id = add_value(graph, name, "constant", value);
    if (!id)
        memory_free(graph->context->memory, value.data);
    return (fov_value){id};
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static int infer_outputs(fov_graph *graph, const struct op *op, const struct node *node, struct op_tensor *out)
{
    struct op_tensor        in[OP_MAX_PORTS];
    const double           *constant[OP_MAX_PORTS];
    struct constant_folding folding = {.graph = graph};
    struct error           *error = &graph->context->error;
    struct op_infer         infer = {node->op, node->options, in,    node->in_count, constant,
                                     out,      node->out_count, error};
    int                     status;

    for (int i = 0; i < node->in_count; i++) {
        const struct value *value = graph_value(graph, node->in[i]);
        in[i] = (struct op_tensor){.dtype = value->dtype, .shape = value->shape};
        if (!node->in[i])
            in[i].shape.rank = -1;
        constant[i] = node->in[i] && op_port_at(node->op->in, i)->values
                          ? constant_fold_required(&folding, node->in[i])
                          : constant_fold_values(&folding, node->in[i]);
    }
    if (error->status)
        return (int)error->status;
    for (int i = 0; i < node->out_count; i++)
        out[i] = node->in_count ? in[0] : (struct op_tensor){0};
    status = op->infer(&infer);
    if (status && !error->status)
        error_set(error, FOV_E_SHAPE, "the inputs do not fit");
    for (int i = 0; !status && i < node->out_count; i++) {
        char text[SHAPE_TEXT_SIZE];

        if (out[i].shape.rank >= 0 && !shape_is_sound(&out[i].shape, out[i].dtype)) /* rank -1: absent output */
            status =
                error_set(error, FOV_E_SHAPE, "its result %s does not fit memory", shape_text(&out[i].shape, text));
    }
    return status;
}

static bool check_inputs(fov_graph *graph, const struct op *op, const int *in, int in_count)
{
    struct error *error = &graph->context->error;
    int           ports = op_port_count(op->in);
    bool          variadic = ports && op->in[ports - 1].variadic;

    if (in_count > ports && !variadic) {
        error_set(error, FOV_E_USAGE, "%d inputs given, at most %d taken", in_count, ports);
        return false;
    }
    for (int i = 0; i < (in_count > ports ? in_count : ports); i++) {
        const struct op_port *port = op_port_at(op->in, i);
        bool                  here = i < in_count && in[i] > 0;

        if (i < in_count && (in[i] < 0 || (size_t)in[i] >= graph->value_count)) {
            error_set(error, FOV_E_USAGE, "input %s is no value of this graph", port->name);
            return false;
        }
        if (!here && !port->optional) {
            error_set(error, FOV_E_USAGE, "input %s is missing", port->name);
            return false;
        }
    }
    return true;
}

static void drop_node(fov_graph *graph, struct node *node)
{
    struct memory *memory = graph->context->memory;

    memory_free(memory, node->in);
    memory_free(memory, node->out);
    memory_free(memory, node->options);
    memory_free(memory, (void *)node->name);
    *node = (struct node){0};
}

/* Makes room for one more node and allocates its arrays. The node is not counted yet, so a failure leaves the graph as
 * it was. */
static struct node *new_node(fov_graph *graph, const struct op *op, int in_count, const void *options)
{
    struct memory *memory = graph->context->memory;
    struct error  *error  = &graph->context->error;
    struct node   *node;

    if (graph->node_count >= MAXIMUM_NODES) {
        error_set(error, FOV_E_UNSUPPORTED, "the graph has more than %d nodes", MAXIMUM_NODES);
        return NULL;
    }
    if (memory_grow(memory, (void **)&graph->nodes, &graph->node_capacity, graph->node_count, sizeof *graph->nodes,
                    "graph nodes", error))
        return NULL;
    node            = &graph->nodes[graph->node_count];
    *node           = (struct node){.op = op, .in_count = in_count, .out_count = op_out_count(op, options, in_count)};
    node->in        = memory_allocate(memory, (size_t)in_count, sizeof *node->in, "node", error);
    node->out       = memory_allocate(memory, (size_t)node->out_count, sizeof *node->out, "node", error);
    node->options   = memory_allocate(memory, op->options_size ? op->options_size : 1, 1, "node options", error);
    if (node->in && node->out && node->options)
        return node;
    drop_node(graph, node);
    return NULL;
}

/* Copies the options, checks them, infers shapes, adds the output values. */
static int fill_node(fov_graph *graph, struct node *node, const int *in, const void *options)
{
    struct op_tensor out[OP_MAX_PORTS];
    const struct op *op    = node->op;
    struct error    *error = &graph->context->error;
    int              index = (int)graph->node_count;

    if (node->in_count)
        memcpy(node->in, in, sizeof *in * (size_t)node->in_count);
    if (options)
        memcpy(node->options, options, op->options_size);
    else
        op_options_default(op, node->options);
    if (op_options_check(op, node->options, error) || !check_inputs(graph, op, in, node->in_count) ||
        infer_outputs(graph, op, node, out))
        return (int)error->status;
    for (int i = 0; i < node->out_count; i++) {
        char name[MAXIMUM_NAME + 16];

        snprintf(name, sizeof name, i ? "%s:%d" : "%s", node->name, i);
        node->out[i] = add_value(graph, name, op->name,
                                 (struct value){.kind   = VALUE_RESULT,
                                                .dtype  = out[i].dtype,
                                                .shape  = out[i].shape,
                                                .node   = index,
                                                .output = i});
        if (!node->out[i])
            return (int)error->status;
    }
    return constant_fold_node(&(struct constant_folding){.graph = graph}, node);
}

/* Assigns new values to frozen parameters that the node itself renews, such as batch norm's running mean: they need no
 * fov_assign. If two nodes share such a parameter, the first one renews it. */
static void let_statistics_follow(fov_graph *graph, const struct node *node)
{
    for (int i = 0; i < node->out_count; i++) {
        int           port = op_port_at(node->op->out, i)->updates - 1;
        struct value *old, *next = graph_value(graph, node->out[i]);

        if (port < 0 || port >= node->in_count)
            continue;
        old = graph_value(graph, node->in[port]);
        if (old->kind != VALUE_PARAMETER || !old->frozen || old->assigned || old->dtype != next->dtype ||
            !shape_equal(&old->shape, &next->shape))
            continue;
        old->assigned = node->out[i];
        old->follows  = true;
    }
}

int graph_add_node(fov_graph *graph, const struct op *op, const int *in, int in_count, const void *options,
                   const char *name)
{
    struct error   *error = &graph->context->error;
    struct node    *node;
    struct arithmetic mode;
    char            made[MADE_NAME];
    int             filled;

    if (graph->failed)
        return 0;
    call_fresh(graph->context);
    if (error->status)
        return fail(graph);
    if (!name)
        name = make_name(graph, op->name, graph->node_count + 1, made);
    node = new_node(graph, op, in_count, options);
    if (node)
        node->name = memory_copy_text(graph->context->memory, name, error);
    mode   = arithmetic_enter(DENORMALS_KEPT); /* sizes are computed in floating point, too */
    filled = node && node->name ? fill_node(graph, node, in, options) : FOV_E_MEMORY;
    arithmetic_leave(mode);
    if (filled) {
        error_prefix(error, "%s \"%s\"", op->name, name);
        if (node)
            drop_node(graph, node);
        return fail(graph);
    }
    graph->node_count++;
    let_statistics_follow(graph, node);
    return node->out[0];
}

int graph_rename(fov_graph *graph, int id, const char *name)
{
    struct value *value = graph_value(graph, id);
    char         *copy;

    if (strcmp(value->name, name) == 0)
        return FOV_OK;
    if (names_find_value(graph, name))
        return error_set(&graph->context->error, FOV_E_INPUT, "the name \"%s\" is taken twice in the graph", name);
    copy = memory_copy_text(graph->context->memory, name, &graph->context->error);
    if (!copy)
        return FOV_E_MEMORY;
    memory_free(graph->context->memory, (void *)value->name);
    value->name = copy;
    return names_rebuild(graph);
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

const char *fov_graph_node_name(fov_graph *graph, const char *wanted, const char *kind)
{
    int length;

    if (!graph || graph->failed)
        return NULL;
    call_fresh(graph->context);
    if (wanted)
        length = snprintf(graph->node_name, sizeof graph->node_name, "%s%s", graph->scope, wanted);
    else
        for (size_t n = 1;; n++) { /* the first free number, so that names count in order: conv2d_1, conv2d_2 */
            length = snprintf(graph->node_name, sizeof graph->node_name, "%s%s_%zu", graph->scope, kind, n);
            if (length >= (int)sizeof graph->node_name || !names_find_value(graph, graph->node_name))
                break;
        }
    if (length >= (int)sizeof graph->node_name) {
        error_set(&graph->context->error, FOV_E_USAGE, "the name \"%s...\" is too long", graph->node_name);
        fail(graph);
        return NULL;
    }
    return graph->node_name;
}

fov_value fov_graph_parameter(fov_graph *graph, const char *node, const char *name, fov_shape shape,
                              fov_initial initial, float scale, bool frozen)
{
    char full[400];

    if (!graph || graph->failed || !node)
        return (fov_value){0};
    snprintf(full, sizeof full, "%s.%s", node, name);
    return fov_parameter(graph, .name = full, .shape = shape, .initial = initial, .scale = scale, .frozen = frozen);
}

void fov_scope_push(fov_graph *graph, const char *name)
{
    if (!graph || !name || graph->failed)
        return;
    size_t length = strlen(graph->scope);

    call_fresh(graph->context);
    if (length + strlen(name) + 2 > sizeof graph->scope ||
        (size_t)graph->scope_count == sizeof graph->scope_begins / sizeof *graph->scope_begins) {
        error_set(&graph->context->error, FOV_E_USAGE, "scopes are nested too deeply at \"%s\"", name);
        fail(graph);
        return;
    }
    graph->scope_begins[graph->scope_count++] = length;
    text_append(graph->scope, sizeof graph->scope, length, "%s.", name);
}

void fov_scope_pop(fov_graph *graph)
{
    if (graph && !graph->failed && graph->scope_count > 0)
        graph->scope[graph->scope_begins[--graph->scope_count]] = '\0';
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

fov_value fov_find(const fov_graph *graph, const char *name)
{
    if (!graph || !name)
        return (fov_value){0};
    return (fov_value){names_find_value(graph, name)};
}

const char *fov_value_name(const fov_graph *graph, fov_value value)
{
    if (!graph)
        return "";
    return value.id > 0 && (size_t)value.id < graph->value_count ? graph_value(graph, value.id)->name : "";
}

fov_shape fov_value_shape(const fov_graph *graph, fov_value value)
{
    if (!graph)
        return (fov_shape){0};
    return value.id > 0 && (size_t)value.id < graph->value_count ? graph_value(graph, value.id)->shape
                                                                 : (fov_shape){0};
}

fov_dtype fov_value_dtype(const fov_graph *graph, fov_value value)
{
    if (!graph)
        return FOV_F32;
    return value.id > 0 && (size_t)value.id < graph->value_count ? graph_value(graph, value.id)->dtype : FOV_F32;
}

void graph_mark(const fov_graph *graph, const int *outputs, int count, bool *needed)
{
    /* Nodes are in topological order: one pass from the last to the first marks all of them. */
    for (int i = 0; i < count; i++)
        if (outputs[i] > 0 && graph_value(graph, outputs[i])->node >= 0)
            needed[graph_value(graph, outputs[i])->node] = true;
    for (size_t n = graph->node_count; n-- > 0;) {
        const struct node *node = &graph->nodes[n];

        for (int i = 0; needed[n] && i < node->in_count; i++)
            if (node->in[i] && graph_value(graph, node->in[i])->node >= 0)
                needed[graph_value(graph, node->in[i])->node] = true;
    }
}
