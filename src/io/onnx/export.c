/* SPDX-License-Identifier: MIT */
/* Writes a graph as an ONNX file. In protobuf, a message's length precedes the message; so the small parts are encoded
 * in memory first, the bytes that the weights will take are computed, and then everything is streamed to the file: no
 * weight is copied. */
#include "io/onnx/export.h"
#include "graph/custom.h"
#include "onnx.pb.h"
#include <string.h>

/* Protobuf limits a message to 2 GiB. (ONNX allows weights outside the file for larger models; that is not written.) */
static const size_t largest_file = 0x7fffffff;

/* ---- encoding the parts ------------------------------------------------------------------------------------------ */

/** Writes an input or output of the graph: name, type, shape; an open dimension is called "batch". */
static void write_port(struct exporter *exporter, uint32_t field, fov_value value)
{
    struct memory      *memory = exporter->arena.memory;
    const struct value *port = graph_value(exporter->graph, value.id);
    struct text         shape = {.memory = memory}, tensor = {.memory = memory}, type = {.memory = memory},
                info = {.memory = memory};
    for (int i = 0; i < port->shape.rank; i++) {
        struct text dim = {.memory = memory};
        if (port->shape.dim[i] == FOV_BATCH) {
            write_text(&dim, onnx_TensorShapeDimension_dim_param_tag, "batch");
        } else {
            write_integer(&dim, onnx_TensorShapeDimension_dim_value_tag, port->shape.dim[i]);
        }
        write_bytes(&shape, onnx_TensorShapeProto_dim_tag, text_string(&dim), dim.length);
        exporter->failed |= dim.failed;
        text_free(&dim);
    }
    write_integer(&tensor, onnx_TensorTypeProto_elem_type_tag, onnx_type_of(port->dtype));
    write_bytes(&tensor, onnx_TensorTypeProto_shape_tag, text_string(&shape), shape.length);
    write_bytes(&type, onnx_TypeProto_tensor_type_tag, text_string(&tensor), tensor.length);
    write_text(&info, onnx_ValueInfoProto_name_tag, port->name);
    write_bytes(&info, onnx_ValueInfoProto_type_tag, text_string(&type), type.length);
    write_bytes(&exporter->ports, field, text_string(&info), info.length);
    exporter->failed |= shape.failed || tensor.failed || type.failed || info.failed;
    text_free(&shape);
    text_free(&tensor);
    text_free(&type);
    text_free(&info);
}

static void mark_used(struct exporter *exporter)
{
    for (size_t n = 0; n < exporter->graph->node_count; n++) {
        const struct node *node = &exporter->graph->nodes[n];
        for (int i = 0; exporter->needed[n] && i < node->in_count; i++) {
            exporter->used[node->in[i]] = true;
        }
    }
    for (int i = 0; i < exporter->what->output_count; i++) {
        exporter->used[exporter->what->outputs[i].id] = true; /* also one that is a constant or a parameter */
    }
}

/** Checks that every result that is read has been written: not every operator can write all its outputs in every
 *  opset. */
static int check_written(const struct exporter *exporter)
{
    char name[ONNX_NAME_TEXT];
    for (size_t id = 1; id < exporter->graph->value_count; id++) {
        const struct value *value = graph_value(exporter->graph, (int)id);
        if (value->kind == VALUE_RESULT && exporter->used[id] && !exporter->written[id]) {
            const struct node *node = &exporter->graph->nodes[value->node];
            return error_set(exporter->error, FOV_E_UNSUPPORTED,
                             "%s: %s \"%s\": its output %d cannot be written in opset %d", exporter->path,
                             node->op->name, text_escape(name, sizeof name, node->name), value->output,
                             exporter->opset);
        }
    }
    return 0;
}

static int check_inputs(const struct exporter *exporter)
{
    char name[ONNX_NAME_TEXT];
    for (size_t id = 1; id < exporter->graph->value_count; id++) {
        const struct value *value = graph_value(exporter->graph, (int)id);
        bool                listed = value->kind != VALUE_INPUT || !exporter->used[id];
        for (int i = 0; !listed && i < exporter->what->input_count; i++) {
            listed = exporter->what->inputs[i].id == (int)id;
        }
        if (!listed) {
            return error_set(exporter->error, FOV_E_USAGE,
                             "%s: the output depends on \"%s\", which is no input of the model", exporter->path,
                             text_escape(name, sizeof name, value->name));
        }
    }
    return 0;
}

static int write_parts(struct exporter *exporter)
{
    fov_graph *graph = exporter->graph;
    for (size_t id = 1; id < graph->value_count; id++) {
        const struct value *value = graph_value(graph, (int)id);
        if (exporter->used[id] && value->kind == VALUE_CONSTANT) {
            exporter_write_constant(exporter, value->name, value->dtype, &value->shape, value->data, value->bytes);
        }
    }
    int status = 0;
    for (size_t n = 0; !status && n < graph->node_count; n++) {
        if (exporter->needed[n]) {
            status = exporter_write_node(exporter, &graph->nodes[n]);
        }
    }
    if (!status) {
        status = check_written(exporter);
    }
    for (int i = 0; i < exporter->what->input_count; i++) {
        write_port(exporter, onnx_GraphProto_input_tag, exporter->what->inputs[i]);
    }
    for (int i = 0; i < exporter->what->output_count; i++) {
        write_port(exporter, onnx_GraphProto_output_tag, exporter->what->outputs[i]);
    }
    return status;
}

static void write_opset(struct exporter *exporter, struct text *out, const char *domain, int version)
{
    struct text opset = {.memory = exporter->arena.memory};
    write_text(&opset, onnx_OperatorSetIdProto_domain_tag, domain);
    write_integer(&opset, onnx_OperatorSetIdProto_version_tag, version);
    write_bytes(out, onnx_ModelProto_opset_import_tag, text_string(&opset), opset.length);
    exporter->failed |= opset.failed;
    text_free(&opset);
}

/** The ONNX domain of a node's operator where it must be imported (optimisers, custom operators); else NULL. */
static const char *domain_of(const fov_graph *graph, size_t node)
{
    const struct op_onnx *onnx = graph->nodes[node].op->onnx;
    bool other = onnx != NULL && onnx->domain != NULL &&
                 (strncmp(onnx->domain, "ai.onnx.", 8) == 0 || operator_is_own(graph->nodes[node].op));
    return other ? onnx->domain : NULL;
}

/** Writes the model's fields with numbers below the graph's to `head` and those above it to `tail`. */
static void write_model_head(struct exporter *exporter, struct text *head, struct text *tail)
{
    /* The IR version that came with the opset: a reader that knows the one knows the other. */
    write_integer(head, onnx_ModelProto_ir_version_tag, exporter->opset <= 18 ? 8 : exporter->opset <= 20 ? 9 : 10);
    write_text(head, onnx_ModelProto_producer_name_tag, "fovea");
    write_text(head, onnx_ModelProto_producer_version_tag, FOVEA_VERSION);
    if (exporter->what->doc != NULL && exporter->what->doc[0] != '\0') {
        write_text(head, onnx_ModelProto_doc_string_tag, exporter->what->doc);
    }
    write_opset(exporter, tail, "", exporter->opset);
    for (size_t n = 0; n < exporter->graph->node_count; n++) {
        const char *domain = domain_of(exporter->graph, n);
        bool        is_new = domain != NULL;
        for (size_t i = 0; is_new && i < n; i++) {
            const char *other = domain_of(exporter->graph, i);
            is_new = other == NULL || strcmp(other, domain) != 0;
        }
        if (is_new) {
            write_opset(exporter, tail, domain, 1);
        }
    }
    for (int i = 0; i < exporter->what->metadata_count; i++) {
        struct text entry = {.memory = exporter->arena.memory};
        write_text(&entry, onnx_StringStringEntryProto_key_tag, exporter->what->metadata[i].key);
        write_text(&entry, onnx_StringStringEntryProto_value_tag, exporter->what->metadata[i].value);
        write_bytes(tail, onnx_ModelProto_metadata_props_tag, text_string(&entry), entry.length);
        exporter->failed |= entry.failed;
        text_free(&entry);
    }
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static bool is_initializer(const struct exporter *exporter, size_t id)
{
    return exporter->used[id] && graph_value(exporter->graph, (int)id)->kind == VALUE_PARAMETER;
}

/** Computes the bytes that the parameters will take as initializers, tags and lengths included. */
static int measure_weights(struct exporter *exporter, size_t *total)
{
    struct text head = {.memory = exporter->arena.memory};
    int         status = 0;
    *total = 0;
    for (size_t id = 1; !status && id < exporter->graph->value_count; id++) {
        const struct value *value = graph_value(exporter->graph, (int)id);
        if (is_initializer(exporter, id)) {
            size_t body;
            head.length = 0;
            exporter_tensor_head(&head, value->name, value->dtype, &value->shape, value->bytes);
            if (!size_add(head.length, value->bytes, &body) || !size_add(*total, 1 + write_varint_size(body), total) ||
                !size_add(*total, body, total) || *total > largest_file) {
                status = error_set(exporter->error, FOV_E_UNSUPPORTED,
                                   "%s: the weights do not fit an ONNX file (limit 2 GiB)", exporter->path);
            }
        }
    }
    exporter->failed |= head.failed;
    text_free(&head);
    return status;
}

static int put(struct file_writer *file, const struct text *text, struct error *error)
{
    return text->length > 0 ? file_writer_write(file, text->data, text->length, error) : 0;
}

static int stream_weights(struct exporter *exporter, struct file_writer *file)
{
    struct text head = {.memory = exporter->arena.memory}, tag = {.memory = exporter->arena.memory};
    int         status = 0;
    for (size_t id = 1; !status && id < exporter->graph->value_count; id++) {
        if (!is_initializer(exporter, id)) {
            continue;
        }
        const void         *data = graph_data(exporter->graph, (int)id);
        const struct value *value = graph_value(exporter->graph, (int)id);
        if (data == NULL) { /* no memory, or the file that holds it could not be read */
            status = (int)exporter->error->status;
            break;
        }
        head.length = tag.length = 0;
        exporter_tensor_head(&head, value->name, value->dtype, &value->shape, value->bytes);
        write_header(&tag, onnx_GraphProto_initializer_tag, head.length + value->bytes);
        if (head.failed || tag.failed) {
            status = error_set(exporter->error, FOV_E_MEMORY, "%s: out of memory while writing", exporter->path);
        }
        if (!status) {
            status = put(file, &tag, exporter->error);
        }
        if (!status) {
            status = put(file, &head, exporter->error);
        }
        if (!status && value->bytes > 0) {
            status = file_writer_write(file, data, value->bytes, exporter->error);
        }
    }
    text_free(&head);
    text_free(&tag);
    return status;
}

/** Writes the model to the file: head, graph { nodes, name, initializers, ports }, tail. */
static int stream_model(struct exporter *exporter, struct text *head, const struct text *tail, const struct text *name,
                        size_t weights, struct file_writer *file)
{
    write_header(head, onnx_ModelProto_graph_tag,
                 exporter->nodes.length + name->length + exporter->tensors.length + weights + exporter->ports.length);
    if (exporter->failed || head->failed || tail->failed || name->failed || exporter->nodes.failed ||
        exporter->tensors.failed || exporter->ports.failed) {
        return error_set(exporter->error, FOV_E_MEMORY, "%s: out of memory while writing", exporter->path);
    }
    const struct text *before[] = {head, &exporter->nodes, name, &exporter->tensors},
                      *after[] = {&exporter->ports, tail};
    int                status = 0;
    for (size_t i = 0; !status && i < sizeof before / sizeof before[0]; i++) {
        status = put(file, before[i], exporter->error);
    }
    if (!status) {
        status = stream_weights(exporter, file);
    }
    for (size_t i = 0; !status && i < sizeof after / sizeof after[0]; i++) {
        status = put(file, after[i], exporter->error);
    }
    return status;
}

static int write_file(struct exporter *exporter, const struct file_system *system)
{
    struct memory *memory = exporter->arena.memory;
    struct text    head = {.memory = memory}, tail = {.memory = memory}, name = {.memory = memory};
    size_t         weights;
    int            status = measure_weights(exporter, &weights);
    write_text(&name, onnx_GraphProto_name_tag, exporter->what->name[0] != '\0' ? exporter->what->name : "model");
    write_model_head(exporter, &head, &tail);
    struct file_writer *file = arena_take(&exporter->arena, 1, sizeof *file);
    if (!status) {
        status = file == NULL ? FOV_E_MEMORY : file_writer_open(file, exporter->path, system, exporter->error);
        if (!status) {
            status = stream_model(exporter, &head, &tail, &name, weights, file);
            if (!status) {
                status = file_writer_commit(file, exporter->error);
            }
            if (status) {
                file_writer_abandon(file);
            }
        }
    }
    text_free(&head);
    text_free(&tail);
    text_free(&name);
    return status;
}

static int export_graph(struct exporter *exporter, const struct file_system *system)
{
    fov_graph *graph = exporter->graph;
    int       *outputs = arena_take(&exporter->arena, (size_t)exporter->what->output_count, sizeof *outputs);
    exporter->needed = arena_take(&exporter->arena, graph->node_count, sizeof *exporter->needed);
    exporter->used = arena_take(&exporter->arena, graph->value_count, sizeof *exporter->used);
    exporter->written = arena_take(&exporter->arena, graph->value_count, sizeof *exporter->written);
    if (outputs == NULL || exporter->needed == NULL || exporter->used == NULL || exporter->written == NULL) {
        return FOV_E_MEMORY;
    }
    for (int i = 0; i < exporter->what->output_count; i++) {
        outputs[i] = exporter->what->outputs[i].id;
    }
    graph_mark(graph, outputs, exporter->what->output_count, exporter->needed);
    mark_used(exporter);
    int status = check_inputs(exporter);
    if (!status) {
        status = write_parts(exporter);
    }
    return status ? status : write_file(exporter, system);
}

static int export_as(fov_graph *graph, const struct onnx_exported *exported, int opset, const char *path,
                     const struct file_system *system)
{
    struct memory  *memory = graph->context->memory;
    struct exporter exporter = {.graph = graph,
                                .what = exported,
                                .path = path,
                                .opset = opset,
                                .arena = {.memory = memory, .error = &graph->context->error},
                                .error = &graph->context->error,
                                .nodes = {.memory = memory},
                                .tensors = {.memory = memory},
                                .ports = {.memory = memory},
                                .node_body = {.memory = memory}};
    int             status = export_graph(&exporter, system);
    text_free(&exporter.nodes);
    text_free(&exporter.tensors);
    text_free(&exporter.ports);
    text_free(&exporter.node_body);
    arena_free(&exporter.arena);
    return status;
}

int onnx_export(fov_graph *graph, const struct onnx_exported *exported, const char *path,
                const struct file_system *system)
{
    struct error *error = &graph->context->error, first;
    if (graph->failed) {
        graph_refuse(graph);
        error_prefix(error, "%s: the graph is not complete", path);
        return (int)error->status;
    }
    if (exported->opset != 0) {
        if (exported->opset < ONNX_OLDEST_WRITTEN_OPSET || exported->opset > ONNX_NEWEST_WRITTEN_OPSET) {
            return error_set(error, FOV_E_USAGE, "%s: opset %d is not written (%d to %d)", path, exported->opset,
                             ONNX_OLDEST_WRITTEN_OPSET, ONNX_NEWEST_WRITTEN_OPSET);
        }
        return export_as(graph, exported, exported->opset, path, system);
    }
    int status = export_as(graph, exported, ONNX_WRITTEN_OPSET, path, system);
    first = *error;
    for (int opset = ONNX_WRITTEN_OPSET + 1; status == FOV_E_UNSUPPORTED && opset <= ONNX_NEWEST_WRITTEN_OPSET;
         opset++) {
        error_clear(error);
        status = export_as(graph, exported, opset, path, system);
    }
    if (status == FOV_E_UNSUPPORTED) {
        *error = first; /* report what the default opset lacks; later opsets lack it as well */
    }
    return status;
}
