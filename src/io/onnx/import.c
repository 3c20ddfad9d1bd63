/* SPDX-License-Identifier: MIT */
/* Turns an ONNX file into a graph: checks versions, resolves all names, sorts the nodes, reports all nodes that no
 * operator can read in one message, and only then adds anything to the graph. Next: import_node.c. */
#include "base/text.h"
#include "io/onnx/external.h"
#include "io/onnx/import.h"
#include <stdio.h>
#include <string.h>

/* ---- versions ---------------------------------------------------------------------------------------------------- */

/** A file that has training operators only need not state a version of the standard domain. */
static bool uses_standard_domain(const struct onnx_model *model)
{
    bool uses = model->graph.node_count == 0;
    for (size_t i = 0; !uses && i < model->graph.node_count; i++) {
        uses = model->graph.nodes[i].domain[0] == '\0' || strcmp(model->graph.nodes[i].domain, "ai.onnx") == 0;
    }
    return uses;
}

static int check_versions(struct importer *importer)
{
    const struct onnx_model *model = importer->model;
    if (model->ir_version < ONNX_OLDEST_IR || model->ir_version > ONNX_NEWEST_IR) {
        return error_set(importer->error, model->ir_version > ONNX_NEWEST_IR ? FOV_E_UNSUPPORTED : FOV_E_INPUT,
                         "%s: ir_version: not supported (got %lld, known are %d to %d)", model->file,
                         (long long)model->ir_version, ONNX_OLDEST_IR, ONNX_NEWEST_IR);
    }
    for (size_t i = 0; i < model->opset_count; i++) {
        const struct onnx_opset *opset = &model->opsets[i];
        if (opset->domain[0] != '\0' && strcmp(opset->domain, "ai.onnx") != 0) {
            continue;
        }
        if (opset->version < 1 || opset->version > ONNX_NEWEST_OPSET) {
            return error_set(importer->error, opset->version > ONNX_NEWEST_OPSET ? FOV_E_UNSUPPORTED : FOV_E_INPUT,
                             "%s: opset_import: version not supported (got %lld, newest known %d)", model->file,
                             (long long)opset->version, ONNX_NEWEST_OPSET);
        }
        importer->opset = (int)opset->version; /* where there are several, the last, as in ONNX Runtime */
    }
    if (importer->opset == 0 && uses_standard_domain(model)) {
        return error_set(importer->error, FOV_E_INPUT, "%s: opset_import: the standard domain is missing", model->file);
    }
    if (model->graph.has_sparse) {
        return error_set(importer->error, FOV_E_UNSUPPORTED, "%s: sparse initializers are not supported", model->file);
    }
    return 0;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static int add_slot(struct importer *importer, struct onnx_slot slot, size_t offset)
{
    char escaped[ONNX_NAME_TEXT];
    if (slot.name[0] == '\0') {
        return error_set(importer->error, FOV_E_INPUT, "%s: byte %zu: an initializer or input without a name",
                         importer->model->file, offset);
    }
    if (!arena_table_add(&importer->table, slot.name, importer->slot_count)) {
        return error_set(importer->error, FOV_E_INPUT, "%s: byte %zu: the name \"%s\" is given twice",
                         importer->model->file, offset, text_escape(escaped, sizeof escaped, slot.name));
    }
    importer->slots[importer->slot_count++] = slot;
    return 0;
}

static bool is_constant_node(const struct onnx_node *node)
{
    return strcmp(node->type, "Constant") == 0 && (node->domain[0] == '\0' || strcmp(node->domain, "ai.onnx") == 0);
}

/** The value of a Constant node as a tensor, whichever attribute holds it. NULL: an unsupported kind of value. */
static const struct onnx_tensor *constant_tensor(struct importer *importer, const struct onnx_node *node)
{
    if (node->attribute_count != 1 || node->out.count != 1 || node->in.count != 0) {
        return NULL;
    }
    struct onnx_attribute *attribute = &node->attributes[0];
    if (strcmp(attribute->name, "value") == 0) {
        return attribute->tensor;
    }
    struct onnx_tensor *tensor = arena_take(importer->arena, 1, sizeof *tensor);
    int64_t            *dims = arena_take(importer->arena, 1, sizeof *dims);
    if (tensor == NULL || dims == NULL) {
        return NULL;
    }
    *tensor = (struct onnx_tensor){.name = "", .offset = node->offset};
    tensor->dims.at = dims;
    if (strcmp(attribute->name, "value_float") == 0 && attribute->has_number) {
        tensor->type = ONNX_FLOAT;
        tensor->floats = (struct onnx_floats){&attribute->number, 1, 1};
    } else if (strcmp(attribute->name, "value_int") == 0 && attribute->has_integer) {
        tensor->type = ONNX_INT64;
        tensor->integers = (struct onnx_integers){&attribute->integer, 1, 1};
    } else if (strcmp(attribute->name, "value_floats") == 0) {
        tensor->type = ONNX_FLOAT;
        tensor->floats = attribute->numbers;
        tensor->dims.count = 1;
        dims[0] = (int64_t)attribute->numbers.count;
    } else if (strcmp(attribute->name, "value_ints") == 0) {
        tensor->type = ONNX_INT64;
        tensor->integers = attribute->integers;
        tensor->dims.count = 1;
        dims[0] = (int64_t)attribute->integers.count;
    } else {
        return NULL;
    }
    tensor->typed_fields = tensor->type == ONNX_FLOAT ? 1 : 4;
    return tensor;
}

static int add_node_slots(struct importer *importer, size_t index)
{
    const struct onnx_node *node = &importer->model->graph.nodes[index];
    if (is_constant_node(node)) {
        const struct onnx_tensor *tensor = constant_tensor(importer, node);
        if (tensor == NULL) {
            char label[ONNX_NAME_TEXT];
            return error_set(importer->error, FOV_E_UNSUPPORTED,
                             "%s: byte %zu: node \"%s\" (Constant): its value is of a "
                             "kind that is not supported",
                             importer->model->file, node->offset, text_escape(label, sizeof label, node->name));
        }
        return add_slot(importer, (struct onnx_slot){.kind = SLOT_TENSOR, .name = node->out.at[0], .tensor = tensor,
                                                     .is_constant = true}, node->offset);
    }
    int status = 0;
    for (size_t i = 0; !status && i < node->out.count; i++) {
        if (node->out.at[i][0] != '\0') {
            status = add_slot(importer, (struct onnx_slot){.kind = SLOT_RESULT, .name = node->out.at[i], .node = index},
                              node->offset);
        }
    }
    return status;
}

static int gather_names(struct importer *importer)
{
    struct onnx_model *model = importer->model;
    size_t             count = model->graph.initializer_count + model->graph.input_count;
    for (size_t i = 0; i < model->graph.node_count; i++) {
        count += model->graph.nodes[i].out.count;
    }
    importer->slots = arena_take(importer->arena, count, sizeof *importer->slots);
    if (importer->slots == NULL || arena_table_make(importer->arena, &importer->table, count) != 0) {
        return FOV_E_MEMORY;
    }
    int status = 0;
    for (size_t i = 0; !status && i < model->graph.initializer_count; i++) {
        const struct onnx_tensor *tensor = &model->graph.initializers[i];
        status = add_slot(importer, (struct onnx_slot){.kind = SLOT_TENSOR, .name = tensor->name, .tensor = tensor},
                          tensor->offset);
    }
    for (size_t i = 0; !status && i < model->graph.input_count; i++) {
        /* Until IR 4 every initializer had to be listed among the inputs, too. */
        size_t slot = arena_table_find(&importer->table, model->graph.inputs[i].name);
        if (slot == SIZE_MAX || importer->slots[slot].kind != SLOT_TENSOR) {
            status = add_slot(importer, (struct onnx_slot){.kind = SLOT_INPUT, .name = model->graph.inputs[i].name},
                              model->graph.inputs[i].offset);
        }
    }
    for (size_t i = 0; !status && i < model->graph.node_count; i++) {
        status = add_node_slots(importer, i);
    }
    return status;
}

/** Checks all tensors that will be used before anything is built, and opens external data. */
static int check_tensors(struct importer *importer, const char *directory)
{
    const struct onnx_places places = {directory, importer->graph->context->external};
    int status = 0;
    for (size_t i = 0; !status && i < importer->slot_count; i++) {
        struct onnx_slot *slot = &importer->slots[i];
        if (slot->kind != SLOT_TENSOR || !slot->used) {
            continue;
        }
        if (slot->tensor->is_external) {
            slot->tensor = onnx_external(importer->model, slot->tensor, &places, importer->error);
            if (slot->tensor == NULL) {
                return (int)importer->error->status;
            }
        }
        status =
            onnx_tensor_check(importer->model, slot->tensor, slot->name, &slot->dtype, &slot->shape, importer->error);
        importer->halves += onnx_type_is_half(slot->tensor->type);
    }
    return status;
}

/* ---- nodes that cannot be read ----------------------------------------------------------------------------------- */

/** Reports all nodes that no operator can read in one message: "Foo (opset 17) at "a", "b"; Bar ...". */
static int check_operators(struct importer *importer)
{
    const struct onnx_model *model = importer->model;
    char                     list[700] = "", type[64], label[64];
    size_t                   used = 0, nodes = 0, shown = 0;
    bool                    *listed = arena_take(importer->arena, model->graph.node_count, sizeof *listed);
    if (listed == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < model->graph.node_count; i++) {
        const struct onnx_node *node = &model->graph.nodes[importer->order[i]];
        const struct op        *op;
        if (!importer->needed[importer->order[i]] || is_constant_node(node) || node->is_choice ||
            node->guard != NULL || /* its branch may never be taken */
            importer_find(importer, node, &op) != NULL) {
            continue;
        }
        nodes++;
        /* Nodes of one type are listed together; those of this type may have been listed already. */
        for (size_t k = i; k < model->graph.node_count && !listed[importer->order[i]]; k++) {
            const struct onnx_node *other = &model->graph.nodes[importer->order[k]];
            if (!importer->needed[importer->order[k]] || other->guard != NULL || strcmp(other->type, node->type) != 0 ||
                strcmp(other->domain, node->domain) != 0 || (k > i && listed[importer->order[k]])) {
                continue;
            }
            text_escape(label, sizeof label,
                        other->name[0] != '\0' ? other->name
                        : other->out.count     ? other->out.at[0]
                                               : "");
            size_t before = used;
            used = k == i ? text_append(list, sizeof list, used, "%s%s%s%s (opset %d) at \"%s\"",
                                        used > 0 ? "; " : "", node->domain, node->domain[0] != '\0' ? "." : "",
                                        text_escape(type, sizeof type, node->type),
                                        (int)importer_opset(importer, node->domain), label)
                          : text_append(list, sizeof list, used, ", \"%s\"", label);
            if (used == sizeof list - 1) { /* full: drop the entry that was cut off */
                used = before;
                list[used] = '\0';
                break;
            }
            shown++;
            if (k > i) {
                listed[importer->order[k]] = true;
            }
        }
        listed[importer->order[i]] = true;
    }
    if (nodes == 0) {
        return 0;
    }
    static const char *const flow[] = {"Loop", "Scan", "SequenceMap"};
    const char *hint = "";
    for (size_t i = 0; i < sizeof flow / sizeof flow[0]; i++) { /* people ask what to do instead */
        for (size_t n = 0; n < model->graph.node_count; n++) {
            if (listed[n] && strcmp(model->graph.nodes[n].type, flow[i]) == 0) {
                hint = " (loops are not computed here: export the model with them unrolled, or for one size of input)";
            }
        }
    }
    if (model->has_functions && hint[0] == '\0') {
        hint = " (operators that the file itself defines, as functions, are not computed here: export the model with "
               "them inlined)";
    }
    char rest[40] = "";
    if (shown < nodes) {
        snprintf(rest, sizeof rest, " and %zu more", nodes - shown);
    }
    return error_set(importer->error, FOV_E_UNSUPPORTED, "%s: %zu node%s cannot be read here: %s%s%s", model->file,
                     nodes, nodes == 1 ? "" : "s", list, rest, hint);
}

/* ---- inputs and outputs ------------------------------------------------------------------------------------------ */

/** Adds an input for which the caller supplied a tensor: an input of that tensor's shape or, if it is fixed, a
 *  constant. */
static int add_given(struct importer *importer, const struct onnx_port *port, const struct onnx_given *given,
                     fov_value *value)
{
    char name[ONNX_NAME_TEXT];
    if (onnx_type_dtype(port->type) != given->dtype) {
        return error_set(importer->error, FOV_E_INPUT, "%s: byte %zu: input \"%s\" is %s, what was given for it is %s",
                         importer->model->file, port->offset, text_escape(name, sizeof name, port->name),
                         port->other != NULL ? port->other : onnx_type_name(port->type), fov_dtype_name(given->dtype));
    }
    *value = given->fixed
                 ? fov_constant(importer->graph, port->name, given->dtype, given->shape, given->data)
                 : fov_input(importer->graph, .name = port->name, .dtype = given->dtype, .shape = given->shape);
    return value->id != 0 ? 0 : (int)importer->error->status;
}

static int add_input(struct importer *importer, const struct onnx_port *port, fov_value *value)
{
    char      name[ONNX_NAME_TEXT], open[ONNX_NAME_TEXT];
    fov_dtype dtype = onnx_type_dtype(port->type);
    text_escape(name, sizeof name, port->name);
    if (dtype == FOV_DTYPE_COUNT || !port->has_shape) {
        return error_set(importer->error, FOV_E_UNSUPPORTED, "%s: byte %zu: input \"%s\": %s%s", importer->model->file,
                         port->offset, name,
                         dtype != FOV_DTYPE_COUNT ? "its shape is not given" : "not a tensor of numbers: ",
                         dtype != FOV_DTYPE_COUNT ? ""
                         : port->other != NULL    ? port->other
                                                  : onnx_type_name(port->type));
    }
    fov_shape shape = {.rank = (int)port->rank};
    /* Channels-last input: only the last dimension can be channels, so height and width are dimensions 1 and 2. */
    bool   is_last = port->rank == 4 && port->dim[1] < 0 && port->dim[3] >= 1 && port->dim[3] <= 4;
    size_t first = is_last ? 1 : 2;
    for (size_t i = 0; i < port->rank; i++) {
        shape.dim[i] = port->dim[i];
        bool is_size = shape.rank == 4 && i >= first && i < first + 2;
        if (is_size && port->dim[i] < 0 && importer->options->open_size[i - first] > 0) {
            shape.dim[i] = importer->options->open_size[i - first];
            importer->sized = true;
        } else if (i > 0 && port->dim[i] < 0) {
            return error_set(
                importer->error, FOV_E_UNSUPPORTED,
                "%s: byte %zu: input \"%s\": dimension %zu is open (\"%s\"); only the first, the batch, may be",
                importer->model->file, port->offset, name, i, text_escape(open, sizeof open, port->open[i]));
        }
        if (port->dim[i] > INT32_MAX) {
            return error_set(importer->error, FOV_E_INPUT,
                             "%s: byte %zu: input \"%s\": dimension %zu out of range (got %lld)", importer->model->file,
                             port->offset, name, i, (long long)port->dim[i]);
        }
    }
    if (importer->options->open_batch && shape.rank >= 2 && shape.dim[0] > 0) {
        importer->opened = shape.dim[0];
        shape.dim[0] = FOV_BATCH;
    }
    if (importer->options->one_sample && shape.rank > 0 && shape.dim[0] < 0) {
        shape.dim[0] = 1;
    }
    *value = fov_input(importer->graph, .name = port->name, .dtype = dtype, .shape = shape);
    return value->id != 0 ? 0 : (int)importer->error->status;
}

static int add_inputs(struct importer *importer, struct onnx_imported *imported)
{
    const struct onnx_model *model = importer->model;
    imported->inputs = arena_take(importer->arena, model->graph.input_count, sizeof *imported->inputs);
    if (imported->inputs == NULL) {
        return FOV_E_MEMORY;
    }
    const struct onnx_import_options *options = importer->options;
    int                               status = 0, count = 0;
    for (size_t i = 0; !status && i < model->graph.input_count; i++) {
        struct onnx_slot *slot = &importer->slots[arena_table_find(&importer->table, model->graph.inputs[i].name)];
        if (slot->kind == SLOT_INPUT) {
            status = options->given != NULL && count < options->given_count
                         ? add_given(importer, &model->graph.inputs[i], &options->given[count], &slot->value)
                         : add_input(importer, &model->graph.inputs[i], &slot->value);
            imported->inputs[count++] = slot->value;
        }
    }
    imported->input_count = count;
    importer->inputs = imported->inputs;
    importer->input_count = count;
    return status;
}

static int find_outputs(struct importer *importer, struct onnx_imported *imported)
{
    const struct onnx_model *model = importer->model;
    imported->outputs = arena_take(importer->arena, model->graph.output_count, sizeof *imported->outputs);
    if (imported->outputs == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < model->graph.output_count; i++) {
        size_t    index = arena_table_find(&importer->table, model->graph.outputs[i].name);
        fov_value value = importer->slots[index].value;
        if (importer->slots[index].kind == SLOT_TENSOR) {
            value = (fov_value){-(int)index - 1};
        }
        value = importer_make_value(importer, value, NULL, 0);
        if (value.id == 0) {
            return error_set(importer->error, FOV_E_UNSUPPORTED, "%s: output %zu cannot be computed here", model->file,
                             i);
        }
        if (strcmp(graph_value(importer->graph, value.id)->name, model->graph.outputs[i].name) != 0) {
            /* the value is an alias that kept another name: a branch's result, a cast to the type that it has
             * already */
            value = importer->emitter.node(importer->emitter.graph, "identity", &value, 1, NULL,
                                           model->graph.outputs[i].name);
        }
        imported->outputs[imported->output_count++] = value;
    }
    return 0;
}

static int check_outputs(const struct importer *importer)
{
    const struct onnx_model *model = importer->model;
    char                     name[ONNX_NAME_TEXT];
    if (model->graph.output_count == 0) {
        return error_set(importer->error, FOV_E_INPUT, "%s: the graph has no output", model->file);
    }
    for (size_t i = 0; i < model->graph.output_count; i++) {
        if (arena_table_find(&importer->table, model->graph.outputs[i].name) == SIZE_MAX) {
            return error_set(importer->error, FOV_E_INPUT, "%s: byte %zu: output \"%s\" is made by nobody", model->file,
                             model->graph.outputs[i].offset,
                             text_escape(name, sizeof name, model->graph.outputs[i].name));
        }
    }
    return 0;
}

/* ---- the whole import -------------------------------------------------------------------------------------------- */

static int build(struct importer *importer, struct onnx_imported *imported)
{
    const struct onnx_model *model = importer->model;
    int                      status = add_inputs(importer, imported);
    for (size_t i = 0; !status && i < model->graph.node_count; i++) {
        struct onnx_node *node = &importer->model->graph.nodes[importer->order[i]];
        if (importer->needed[importer->order[i]] && !is_constant_node(node) &&
            importer_is_taken(importer, node->guard)) {
            status = importer_read_node(importer, node);
        }
    }
    return status ? status : find_outputs(importer, imported);
}

static bool is_made(const struct onnx_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct onnx_node *node = &graph->nodes[i];
        for (size_t k = 0; k < node->out.count && !is_constant_node(node); k++) {
            if (strcmp(node->out.at[k], name) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Whether a NonMaxSuppression reads boxes as centre and size instead of corners. */
static bool has_centres(const struct onnx_node *node)
{
    for (size_t i = 0; i < node->attribute_count; i++) {
        if (strcmp(node->attributes[i].name, "center_point_box") == 0 && node->attributes[i].integer != 0) {
            return true;
        }
    }
    return false;
}

/* Makes the boxes and scores that a NonMaxSuppression reads the outputs of the graph. How many boxes it keeps depends
 * on the picture, and so do the shapes of everything after it. */
static int end_before_suppression(struct importer *importer)
{
    struct onnx_graph *graph = &importer->model->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct onnx_node *node = &graph->nodes[i];
        bool is_one = strcmp(node->type, "NonMaxSuppression") == 0 && node->in.count >= 2 && !has_centres(node);
        if (is_one && is_made(graph, node->in.at[0]) && is_made(graph, node->in.at[1])) {
            graph->outputs = arena_take(importer->arena, 2, sizeof *graph->outputs);
            graph->output_count = 2;
            for (size_t k = 0; graph->outputs != NULL && k < 2; k++) {
                graph->outputs[k] = (struct onnx_port){.name = node->in.at[k], .offset = node->offset};
            }
            return graph->outputs != NULL ? FOV_OK : FOV_E_MEMORY;
        }
    }
    return error_set(importer->error, FOV_E_UNSUPPORTED, "no suppression of boxes that the network makes");
}

static int import_model(struct importer *importer, const char *directory, struct onnx_imported *imported)
{
    struct onnx_model *model = importer->model;
    int                status = check_versions(importer);
    for (size_t i = 0; i < model->metadata_count; i++) {
        importer->ours |= strcmp(model->metadata[i].key, "fovea.version") == 0;
    }
    if (!status && importer->options->before_suppression) {
        status = end_before_suppression(importer);
    }
    if (!status) {
        status = importer_merge_branches(importer);
    }
    if (!status) {
        status = gather_names(importer);
    }
    if (!status) {
        status = check_outputs(importer);
    }
    if (!status) {
        status = importer_sort(importer);
    }
    if (!status) {
        status = check_operators(importer);
    }
    if (!status) {
        status = check_tensors(importer, directory);
    }
    if (!status) {
        importer_make_emitter(importer);
        status = build(importer, imported);
    }
    imported->sized = importer->sized;
    imported->halves = importer->halves;
    imported->producer = model->producer;
    imported->name = model->graph.name;
    imported->doc = model->doc;
    imported->ir_version = (int)model->ir_version;
    imported->opset = importer->opset;
    imported->metadata = model->metadata;
    imported->metadata_count = (int)model->metadata_count;
    return status;
}

int onnx_import(fov_graph *graph, const char *file, const char *directory, const uint8_t *bytes, size_t size,
                struct onnx_imported *imported)
{
    return onnx_import_with(graph, file, directory, bytes, size, &(struct onnx_import_options){.given = NULL},
                            imported);
}

int onnx_import_with(fov_graph *graph, const char *file, const char *directory, const uint8_t *bytes, size_t size,
                     const struct onnx_import_options *options, struct onnx_imported *imported)
{
    struct memory   *memory = graph->context->memory;
    struct error    *error = &graph->context->error;
    struct importer *importer = NULL;
    *imported = (struct onnx_imported){0};
    imported->arena = memory_allocate(memory, 1, sizeof *imported->arena, "an ONNX reader", error);
    if (imported->arena == NULL) {
        return FOV_E_MEMORY;
    }
    *imported->arena = (struct arena){.memory = memory, .error = error};
    struct onnx_model *model = arena_take(imported->arena, 1, sizeof *model);
    importer = arena_take(imported->arena, 1, sizeof *importer);
    int status = FOV_E_MEMORY;
    if (model != NULL && importer != NULL) {
        *importer = (struct importer){
            .graph = graph, .model = model, .arena = imported->arena, .error = error, .options = options};
        status = onnx_decode(model, file, bytes, size, options->map, imported->arena, error);
        if (!status) {
            status = import_model(importer, directory, imported);
        }
        file_source_close(importer->source);
        onnx_external_close(model);
    }
    if (status) {
        onnx_imported_free(imported);
    }
    return status;
}

void onnx_imported_free(struct onnx_imported *imported)
{
    if (imported->arena != NULL) {
        struct memory *memory = imported->arena->memory;
        arena_free(imported->arena);
        memory_free(memory, imported->arena);
    }
    *imported = (struct onnx_imported){0};
}
