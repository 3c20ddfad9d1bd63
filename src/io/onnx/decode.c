/* SPDX-License-Identifier: MIT */
/* Decoding an ONNX file with nanopb. For each message type, one callback takes all fields that are not plain numbers.
 * The stream runs over the file's bytes in place: of a weight, only the address is kept. Bytes are requested
 * (file_need) before they are looked at, so that the weights of a large file are not read here. The one message that
 * can contain itself is a graph, in an attribute of a node; the depth is limited. */
#include "base/text.h"
#include "io/onnx/message.h"
#include "io/sniff.h"
#include "onnx.pb.h"
#include <pb_decode.h>
#include <string.h>

struct decoder {
    const char    *file;
    const uint8_t *bytes;
    size_t         size;
    struct arena  *arena;
    struct error  *error;
    const struct file_map *map; /**< the map behind `bytes`, where not all of them have been read; else NULL */
    /** the read position, shared by all streams over the file: they are nested, so one is enough */
    const uint8_t *at;
    int            depth;          /**< of the graph that is being decoded; the model's own: 1 */
    size_t         nodes, tensors; /**< in all graphs together */
};

/** The argument of a field callback: the decoder, and the struct of message.h that it fills. */
struct frame {
    struct decoder *decoder;
    void           *target;
};

typedef bool field_function(pb_istream_t *stream, const pb_field_t *field, void **arg);

static pb_callback_t callback(field_function *function, struct frame *frame)
{
    pb_callback_t made = {.funcs.decode = function, .arg = frame};
    return made;
}

/* ---- places and failures ----------------------------------------------------------------------------------------- */

static bool read_file(pb_istream_t *stream, pb_byte_t *to, size_t count)
{
    struct decoder *decoder = stream->state;
    const uint8_t  *from = decoder->at;
    decoder->at += count;
    if (to == NULL) {
        return true;
    }
    if (file_need(decoder->map, from, count, decoder->error) != 0) {
        return false;
    }
    memcpy(to, from, count);
    return true;
}

/** Whether a stream reads from the file. For single numbers in repeated fields, nanopb passes a stream over a small
 *  buffer of its own instead. */
static bool in_file(const struct decoder *decoder, const pb_istream_t *stream)
{
    return stream->callback == read_file &&
           stream->bytes_left <= decoder->size - (size_t)(decoder->at - decoder->bytes);
}

static size_t position(const struct decoder *decoder, const pb_istream_t *stream)
{
    return in_file(decoder, stream) ? (size_t)(decoder->at - decoder->bytes) : 0;
}

static bool fail(const struct decoder *decoder, const pb_istream_t *stream, const char *field, const char *what)
{
    error_set(decoder->error, FOV_E_INPUT, "%s: byte %zu: %s: %s", decoder->file, position(decoder, stream), field,
              what);
    return false;
}

/** Decodes one message. The error that is reported is that of the innermost message. */
static bool decode(const struct decoder *decoder, pb_istream_t *stream, const pb_msgdesc_t *fields, void *message,
                   const char *name)
{
    if (!in_file(decoder, stream)) {
        return fail(decoder, stream, name, "wrong wire type (expected a message)");
    }
    if (pb_decode(stream, fields, message)) {
        return true;
    }
    const char *why = PB_GET_ERROR(stream);
    bool        is_short = strcmp(why, "end-of-stream") == 0 || strcmp(why, "parent stream too short") == 0;
    error_set(decoder->error, FOV_E_INPUT, "%s: byte %zu: %s: %s (%s)", decoder->file, position(decoder, stream), name,
              is_short ? "truncated or damaged: a length reaches beyond its message" : "not valid protobuf", why);
    return false;
}

/* ---- lists and texts --------------------------------------------------------------------------------------------- */

/** Takes the rest of a stream as a pointer into the file; of a map, these bytes may not have been read yet. */
static const uint8_t *take_bytes(struct decoder *decoder, pb_istream_t *stream, size_t *size, const char *field)
{
    if (!in_file(decoder, stream)) {
        fail(decoder, stream, field, "wrong wire type (expected bytes)");
        return NULL;
    }
    const uint8_t *bytes = decoder->at;
    *size = stream->bytes_left;
    decoder->at += stream->bytes_left;
    stream->bytes_left = 0;
    return bytes;
}

static bool take_text(struct decoder *decoder, pb_istream_t *stream, const char **text, size_t limit,
                      const char *field)
{
    size_t         length = 0;
    const uint8_t *bytes = take_bytes(decoder, stream, &length, field);
    if (bytes == NULL) {
        return false;
    }
    if (length > limit) {
        error_set(decoder->error, FOV_E_INPUT, "%s: byte %zu: %s: too long (got %zu bytes, limit %zu)", decoder->file,
                  position(decoder, stream), field, length, limit);
        return false;
    }
    if (file_need(decoder->map, bytes, length, decoder->error) != 0) {
        return false;
    }
    if (length > 0 && memchr(bytes, 0, length) != NULL) {
        return fail(decoder, stream, field, "a text with a zero byte in it");
    }
    *text = arena_text(decoder->arena, bytes, length);
    return *text != NULL;
}

static bool take_name(struct decoder *decoder, pb_istream_t *stream, const char **text, const char *field)
{
    return take_text(decoder, stream, text, ONNX_MAX_NAME, field);
}

/** Takes a text that is a remark, by anybody: one that is long, or has a zero byte, is passed over. */
static bool take_remark(struct decoder *decoder, pb_istream_t *stream, const char **text, const char *field)
{
    enum { LONG = 256 };
    size_t         length = 0;
    const uint8_t *bytes = take_bytes(decoder, stream, &length, field);
    if (bytes == NULL || length > LONG) {
        return bytes != NULL;
    }
    if (file_need(decoder->map, bytes, length, decoder->error) != 0) {
        return false;
    }
    *text = length > 0 && memchr(bytes, 0, length) == NULL ? arena_text(decoder->arena, bytes, length) : "";
    return *text != NULL;
}

static bool add_name(struct decoder *decoder, pb_istream_t *stream, struct onnx_names *names, const char *field)
{
    const char **grown = arena_grow(decoder->arena, (void *)names->at, names->count, sizeof *names->at);
    if (grown == NULL) {
        return false;
    }
    names->at = grown;
    return take_name(decoder, stream, &names->at[names->count++], field);
}

/** Appends packed or single varints. Counts them first: each varint ends at a byte whose high bit is clear. */
static bool add_integers(const struct decoder *decoder, pb_istream_t *stream, struct onnx_integers *list,
                         const char *field)
{
    size_t count = 1;
    if (in_file(decoder, stream)) {
        const uint8_t *bytes = decoder->at;
        count = 0;
        if (file_need(decoder->map, bytes, stream->bytes_left, decoder->error) != 0) {
            return false;
        }
        for (size_t i = 0; i < stream->bytes_left; i++) {
            count += bytes[i] < 0x80;
        }
    }
    int64_t *grown = arena_reserve(decoder->arena, list->at, &list->capacity, list->count, count, sizeof *list->at);
    if (grown == NULL) {
        return false;
    }
    list->at = grown;
    while (stream->bytes_left > 0) {
        uint64_t value;
        if (list->count >= list->capacity || !pb_decode_varint(stream, &value)) {
            return fail(decoder, stream, field, "a damaged number");
        }
        list->at[list->count++] = (int64_t)value;
    }
    return true;
}

/** Appends packed or single fixed-size numbers, `width` bytes each, copied as they are (little-endian). */
static bool add_fixed(const struct decoder *decoder, pb_istream_t *stream, void **at, size_t *count, size_t *capacity,
                      size_t width, const char *field)
{
    size_t bytes = stream->bytes_left;
    if (bytes % width != 0) {
        return fail(decoder, stream, field, "packed numbers that do not fill whole elements");
    }
    uint8_t *grown = arena_reserve(decoder->arena, *at, capacity, *count, bytes / width, width);
    if (grown == NULL || !pb_read(stream, grown + *count * width, bytes)) {
        return false;
    }
    *at = grown;
    *count += bytes / width;
    return true;
}

static bool add_floats(const struct decoder *decoder, pb_istream_t *stream, struct onnx_floats *list, const char *field)
{
    void *at = list->at;
    bool  good = add_fixed(decoder, stream, &at, &list->count, &list->capacity, sizeof *list->at, field);
    list->at = at;
    return good;
}

static bool add_doubles(const struct decoder *decoder, pb_istream_t *stream, struct onnx_doubles *list,
                        const char *field)
{
    void *at = list->at;
    bool  good = add_fixed(decoder, stream, &at, &list->count, &list->capacity, sizeof *list->at, field);
    list->at = at;
    return good;
}

/* ---- StringStringEntryProto -------------------------------------------------------------------------------------- */

static bool text_field(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    const struct frame *frame = *arg;
    struct onnx_text   *text = frame->target;
    return field->tag == onnx_StringStringEntryProto_key_tag
               ? take_name(frame->decoder, stream, &text->key, "metadata key")
               : take_text(frame->decoder, stream, &text->value, frame->decoder->size, "metadata value");
}

static bool add_text(struct decoder *decoder, pb_istream_t *stream, struct onnx_text **list, size_t *count,
                     const char *name)
{
    struct onnx_text *grown = arena_grow(decoder->arena, *list, *count, sizeof **list);
    if (grown == NULL) {
        return false;
    }
    *list = grown;
    struct onnx_text *text = &grown[(*count)++];
    *text = (struct onnx_text){"", ""};
    struct frame                frame = {decoder, text};
    onnx_StringStringEntryProto message = {callback(text_field, &frame), callback(text_field, &frame)};
    return decode(decoder, stream, onnx_StringStringEntryProto_fields, &message, name);
}

/* ---- TensorProto ------------------------------------------------------------------------------------------------- */

static bool tensor_field(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    const struct frame   *frame = *arg;
    struct decoder *decoder = frame->decoder;
    struct onnx_tensor   *tensor = frame->target;
    size_t                size;
    switch (field->tag) {
    case onnx_TensorProto_dims_tag:
        return add_integers(decoder, stream, &tensor->dims, "TensorProto.dims");
    case onnx_TensorProto_name_tag:
        return take_name(decoder, stream, &tensor->name, "TensorProto.name");
    case onnx_TensorProto_raw_data_tag:
        tensor->raw = take_bytes(decoder, stream, &tensor->raw_size, "TensorProto.raw_data");
        return tensor->raw != NULL;
    case onnx_TensorProto_float_data_tag:
        tensor->typed_fields |= 1;
        return add_floats(decoder, stream, &tensor->floats, "TensorProto.float_data");
    case onnx_TensorProto_int32_data_tag:
        tensor->typed_fields |= 2;
        return add_integers(decoder, stream, &tensor->integers, "TensorProto.int32_data");
    case onnx_TensorProto_int64_data_tag:
        tensor->typed_fields |= 4;
        return add_integers(decoder, stream, &tensor->integers, "TensorProto.int64_data");
    case onnx_TensorProto_double_data_tag:
        tensor->typed_fields |= 8;
        return add_doubles(decoder, stream, &tensor->doubles, "TensorProto.double_data");
    case onnx_TensorProto_uint64_data_tag:
        tensor->typed_fields |= 16;
        return add_integers(decoder, stream, &tensor->integers, "TensorProto.uint64_data");
    case onnx_TensorProto_external_data_tag:
        return add_text(frame->decoder, stream, &tensor->external, &tensor->external_count,
                        "TensorProto.external_data");
    case onnx_TensorProto_string_data_tag:
        tensor->typed_fields |= 32;
        return take_bytes(decoder, stream, &size, "TensorProto.string_data") != NULL;
    default:
        tensor->has_segment = true;
        return take_bytes(decoder, stream, &size, "TensorProto.segment") != NULL;
    }
}

static bool decode_tensor(struct decoder *decoder, pb_istream_t *stream, struct onnx_tensor *tensor)
{
    *tensor = (struct onnx_tensor){.name = "", .offset = position(decoder, stream)};
    struct frame     frame = {decoder, tensor};
    onnx_TensorProto message = onnx_TensorProto_init_zero;
    message.dims = message.segment = message.float_data = message.int32_data = message.string_data =
        message.int64_data = message.name = message.raw_data = message.double_data = message.uint64_data =
            message.external_data = callback(tensor_field, &frame);
    if (!decode(decoder, stream, onnx_TensorProto_fields, &message, "TensorProto")) {
        return false;
    }
    tensor->type = message.data_type;
    tensor->is_external = message.data_location == 1;
    return true;
}

/* ---- AttributeProto, NodeProto ----------------------------------------------------------------------------------- */

static bool decode_graph(struct decoder *decoder, pb_istream_t *stream, struct onnx_graph *graph);

static bool attribute_field(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    const struct frame    *frame = *arg;
    struct decoder        *decoder = frame->decoder;
    struct onnx_attribute *attribute = frame->target;
    size_t                 size;
    switch (field->tag) {
    case onnx_AttributeProto_name_tag:
        return take_name(decoder, stream, &attribute->name, "AttributeProto.name");
    case onnx_AttributeProto_s_tag:
        return take_text(decoder, stream, &attribute->text, decoder->size, "AttributeProto.s");
    case onnx_AttributeProto_t_tag:
        attribute->tensor = arena_take(decoder->arena, 1, sizeof *attribute->tensor);
        return attribute->tensor != NULL && decode_tensor(decoder, stream, attribute->tensor);
    case onnx_AttributeProto_g_tag:
        attribute->graph = arena_take(decoder->arena, 1, sizeof *attribute->graph);
        return attribute->graph != NULL && decode_graph(decoder, stream, attribute->graph);
    case onnx_AttributeProto_strings_tag:
        return add_name(decoder, stream, &attribute->texts, "AttributeProto.strings");
    case onnx_AttributeProto_floats_tag:
        return add_floats(decoder, stream, &attribute->numbers, "AttributeProto.floats");
    case onnx_AttributeProto_ints_tag:
        return add_integers(decoder, stream, &attribute->integers, "AttributeProto.ints");
    case onnx_AttributeProto_ref_attr_name_tag:
        attribute->has_reference = true;
        return take_bytes(decoder, stream, &size, "AttributeProto.ref_attr_name") != NULL;
    default:
        attribute->has_other = true;
        return take_bytes(decoder, stream, &size, "AttributeProto") != NULL;
    }
}

static bool add_attribute(struct decoder *decoder, pb_istream_t *stream, struct onnx_node *node)
{
    struct onnx_attribute *grown =
        arena_grow(decoder->arena, node->attributes, node->attribute_count, sizeof *node->attributes);
    if (grown == NULL) {
        return false;
    }
    node->attributes = grown;
    struct onnx_attribute *attribute = &grown[node->attribute_count++];
    *attribute = (struct onnx_attribute){.name = ""};
    struct frame        frame = {decoder, attribute};
    onnx_AttributeProto message = onnx_AttributeProto_init_zero;
    message.name = message.s = message.t = message.g = message.floats = message.ints = message.strings =
        message.tensors = message.graphs = message.ref_attr_name = message.sparse_tensor =
            callback(attribute_field, &frame);
    if (!decode(decoder, stream, onnx_AttributeProto_fields, &message, "AttributeProto")) {
        return false;
    }
    attribute->type = message.type;
    attribute->has_number = message.has_f;
    attribute->number = message.f;
    attribute->has_integer = message.has_i;
    attribute->integer = message.i;
    return true;
}

static bool node_field(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    const struct frame *frame = *arg;
    struct onnx_node   *node = frame->target;
    switch (field->tag) {
    case onnx_NodeProto_input_tag:
        return add_name(frame->decoder, stream, &node->in, "NodeProto.input");
    case onnx_NodeProto_output_tag:
        return add_name(frame->decoder, stream, &node->out, "NodeProto.output");
    case onnx_NodeProto_name_tag:
        return take_name(frame->decoder, stream, &node->name, "NodeProto.name");
    case onnx_NodeProto_op_type_tag:
        return take_name(frame->decoder, stream, &node->type, "NodeProto.op_type");
    case onnx_NodeProto_domain_tag:
        return take_name(frame->decoder, stream, &node->domain, "NodeProto.domain");
    case onnx_NodeProto_doc_string_tag:
        return take_remark(frame->decoder, stream, &node->doc, "NodeProto.doc_string");
    default:
        return add_attribute(frame->decoder, stream, node);
    }
}

static bool add_node(struct decoder *decoder, pb_istream_t *stream, struct onnx_graph *graph)
{
    if (decoder->nodes++ >= ONNX_MAX_NODES) {
        return fail(decoder, stream, "GraphProto.node", "more than 100000 nodes");
    }
    struct onnx_node *grown = arena_grow(decoder->arena, graph->nodes, graph->node_count, sizeof *graph->nodes);
    if (grown == NULL) {
        return false;
    }
    graph->nodes = grown;
    struct onnx_node *node = &grown[graph->node_count++];
    *node = (struct onnx_node){.name = "", .type = "", .domain = "", .doc = "", .offset = position(decoder, stream)};
    struct frame   frame = {decoder, node};
    onnx_NodeProto message;
    message.input = message.output = message.name = message.op_type = message.attribute = message.doc_string =
        message.domain = callback(node_field, &frame);
    return decode(decoder, stream, onnx_NodeProto_fields, &message, "NodeProto");
}

/* ---- ValueInfoProto and its parts -------------------------------------------------------------------------------- */

static bool dimension_name(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    const struct frame *frame = *arg;
    (void)field;
    return take_name(frame->decoder, stream, frame->target, "dim_param");
}

static bool shape_field(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    const struct frame       *frame = *arg;
    struct onnx_port         *port = frame->target;
    const char               *name = "";
    struct frame              inner = {frame->decoder, &name};
    onnx_TensorShapeDimension message = onnx_TensorShapeDimension_init_zero;
    message.dim_param = callback(dimension_name, &inner);
    (void)field;
    if (!decode(frame->decoder, stream, onnx_TensorShapeDimension_fields, &message, "TensorShapeProto.Dimension")) {
        return false;
    }
    if (port->rank >= FOV_MAX_RANK) {
        return fail(frame->decoder, stream, "TensorShapeProto", "more than 8 dimensions");
    }
    /* A name wins over a number; a dimension with neither is open, and 0 and -1 are used for "open" by some writers. */
    bool is_open = name[0] != '\0' || !message.has_dim_value || message.dim_value <= 0;
    port->dim[port->rank] = is_open ? -1 : message.dim_value;
    port->open[port->rank++] = name;
    return true;
}

static bool tensor_type_field(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    const struct frame *frame = *arg;
    struct onnx_port   *port = frame->target;
    struct frame        inner = {frame->decoder, port};
    (void)field;
    onnx_TensorShapeProto message = {callback(shape_field, &inner)};
    port->has_shape = true;
    port->rank = 0;
    return decode(frame->decoder, stream, onnx_TensorShapeProto_fields, &message, "TensorShapeProto");
}

/** The name of a type that is no tensor. */
static const char *other_type(uint32_t tag)
{
    switch (tag) {
    case onnx_TypeProto_sequence_type_tag:
        return "a sequence";
    case onnx_TypeProto_map_type_tag:
        return "a map";
    case onnx_TypeProto_sparse_tensor_type_tag:
        return "a sparse tensor";
    default:
        return "an optional value";
    }
}

static bool type_field(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    const struct frame  *frame = *arg;
    struct onnx_port    *port = frame->target;
    struct frame         inner = {frame->decoder, port};
    onnx_TensorTypeProto message = onnx_TensorTypeProto_init_zero;
    size_t               size;
    if (field->tag != onnx_TypeProto_tensor_type_tag) {
        port->other = other_type(field->tag);
        return take_bytes(frame->decoder, stream, &size, "TypeProto") != NULL;
    }
    message.shape = callback(tensor_type_field, &inner);
    if (!decode(frame->decoder, stream, onnx_TensorTypeProto_fields, &message, "TypeProto.Tensor")) {
        return false;
    }
    port->type = message.elem_type;
    return true;
}

static bool port_field(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    const struct frame *frame = *arg;
    struct onnx_port   *port = frame->target;
    if (field->tag == onnx_ValueInfoProto_name_tag) {
        return take_name(frame->decoder, stream, &port->name, "ValueInfoProto.name");
    }
    struct frame   inner = {frame->decoder, port};
    onnx_TypeProto message;
    message.tensor_type = message.sequence_type = message.map_type = message.sparse_tensor_type =
        message.optional_type = callback(type_field, &inner);
    return decode(frame->decoder, stream, onnx_TypeProto_fields, &message, "TypeProto");
}

static bool add_port(struct decoder *decoder, pb_istream_t *stream, struct onnx_port **list, size_t *count)
{
    struct onnx_port *grown =
        *count < ONNX_MAX_TENSORS ? arena_grow(decoder->arena, *list, *count, sizeof **list) : NULL;
    if (grown == NULL) {
        return fail(decoder, stream, "GraphProto", "more than 100000 inputs or outputs");
    }
    *list = grown;
    struct onnx_port *port = &grown[(*count)++];
    *port = (struct onnx_port){.name = "", .offset = position(decoder, stream)};
    struct frame        frame = {decoder, port};
    onnx_ValueInfoProto message = {callback(port_field, &frame), callback(port_field, &frame)};
    return decode(decoder, stream, onnx_ValueInfoProto_fields, &message, "ValueInfoProto");
}

/* ---- GraphProto, ModelProto -------------------------------------------------------------------------------------- */

static bool add_initializer(struct decoder *decoder, pb_istream_t *stream, struct onnx_graph *graph)
{
    if (decoder->tensors++ >= ONNX_MAX_TENSORS) {
        return fail(decoder, stream, "GraphProto.initializer", "more than 100000 tensors");
    }
    struct onnx_tensor *grown =
        arena_grow(decoder->arena, graph->initializers, graph->initializer_count, sizeof *graph->initializers);
    if (grown == NULL) {
        return false;
    }
    graph->initializers = grown;
    return decode_tensor(decoder, stream, &grown[graph->initializer_count++]);
}

static bool graph_field(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    const struct frame *frame = *arg;
    struct onnx_graph  *graph = frame->target;
    size_t              size;
    switch (field->tag) {
    case onnx_GraphProto_node_tag:
        return add_node(frame->decoder, stream, graph);
    case onnx_GraphProto_name_tag:
        return take_name(frame->decoder, stream, &graph->name, "GraphProto.name");
    case onnx_GraphProto_initializer_tag:
        return add_initializer(frame->decoder, stream, graph);
    case onnx_GraphProto_input_tag:
        return add_port(frame->decoder, stream, &graph->inputs, &graph->input_count);
    case onnx_GraphProto_output_tag:
        return add_port(frame->decoder, stream, &graph->outputs, &graph->output_count);
    default:
        graph->has_sparse = true;
        return take_bytes(frame->decoder, stream, &size, "GraphProto.sparse_initializer") != NULL;
    }
}

/** Decodes a graph into `graph`, whose old content is overwritten. */
static bool decode_graph(struct decoder *decoder, pb_istream_t *stream, struct onnx_graph *graph)
{
    *graph = (struct onnx_graph){.name = ""};
    if (decoder->depth >= ONNX_MAX_DEPTH) {
        return fail(decoder, stream, "GraphProto", "graphs inside graphs, more than 8 deep");
    }
    struct frame    frame = {decoder, graph};
    onnx_GraphProto message;
    message.node = message.name = message.initializer = message.input = message.output = message.sparse_initializer =
        callback(graph_field, &frame);
    decoder->depth++;
    bool good = decode(decoder, stream, onnx_GraphProto_fields, &message, "GraphProto");
    decoder->depth--;
    return good;
}

static bool opset_domain(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    const struct frame *frame = *arg;
    (void)field;
    return take_name(frame->decoder, stream, frame->target, "OperatorSetIdProto.domain");
}

static bool add_opset(struct decoder *decoder, pb_istream_t *stream, struct onnx_model *model)
{
    struct onnx_opset *grown = arena_grow(decoder->arena, model->opsets, model->opset_count, sizeof *model->opsets);
    if (grown == NULL) {
        return false;
    }
    model->opsets = grown;
    struct onnx_opset *opset = &grown[model->opset_count++];
    *opset = (struct onnx_opset){.domain = ""};
    struct frame            frame = {decoder, &opset->domain};
    onnx_OperatorSetIdProto message = onnx_OperatorSetIdProto_init_zero;
    message.domain = callback(opset_domain, &frame);
    bool good = decode(decoder, stream, onnx_OperatorSetIdProto_fields, &message, "OperatorSetIdProto");
    opset->version = message.version;
    return good;
}

static bool model_field(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    const struct frame *frame = *arg;
    struct decoder     *decoder = frame->decoder;
    struct onnx_model  *model = frame->target;
    size_t              size;
    switch (field->tag) {
    case onnx_ModelProto_producer_name_tag:
        return take_name(decoder, stream, &model->producer, "ModelProto.producer_name");
    case onnx_ModelProto_doc_string_tag:
        return take_text(decoder, stream, &model->doc, decoder->size, "ModelProto.doc_string");
    case onnx_ModelProto_opset_import_tag:
        return add_opset(decoder, stream, model);
    case onnx_ModelProto_metadata_props_tag:
        return add_text(decoder, stream, &model->metadata, &model->metadata_count, "ModelProto.metadata_props");
    case onnx_ModelProto_functions_tag:
        model->has_functions = true;
        return take_bytes(decoder, stream, &size, "ModelProto.functions") != NULL;
    default:
        if (model->graph_count++ > 0) {
            return fail(decoder, stream, "ModelProto.graph", "appears twice");
        }
        return decode_graph(decoder, stream, &model->graph);
    }
}

int onnx_decode(struct onnx_model *model, const char *file, const uint8_t *bytes, size_t size,
                const struct file_map *map, struct arena *arena, struct error *error)
{
    *model = (struct onnx_model){
        .file = file, .arena = arena, .map = map, .producer = "", .doc = "", .graph.name = ""};
    if (file_need(map, bytes, size < SNIFF_BYTES ? size : SNIFF_BYTES, error) != 0) {
        return (int)error->status;
    }
    enum sniff_kind kind = sniff_content(bytes, size);
    if (kind != SNIFF_UNKNOWN) {
        return error_set(error, FOV_E_INPUT, "%s: not an ONNX file%s", file, sniff_hint(kind));
    }
    struct decoder decoder = {.file = file, .bytes = bytes, .size = size, .arena = arena, .error = error, .map = map,
                              .at = bytes};
    struct frame    frame = {&decoder, model};
    pb_istream_t    stream = {.callback = read_file, .state = &decoder, .bytes_left = size};
    onnx_ModelProto message = onnx_ModelProto_init_zero;
    message.producer_name = message.doc_string = message.graph = message.opset_import =
        message.metadata_props = message.functions = callback(model_field, &frame);
    if (!decode(&decoder, &stream, onnx_ModelProto_fields, &message, "ModelProto")) {
        return (int)error->status;
    }
    model->ir_version = message.ir_version;
    if (model->graph_count == 0) {
        return error_set(error, FOV_E_INPUT, "%s: byte 0: graph: missing: not an ONNX model", file);
    }
    return 0;
}

int onnx_decode_tensor(struct onnx_model *model, struct onnx_tensor *tensor, const char *file, const uint8_t *bytes,
                       size_t size, struct arena *arena, struct error *error)
{
    *model = (struct onnx_model){
        .file = file, .arena = arena, .producer = "", .graph.name = ""};
    struct decoder decoder = {.file = file, .bytes = bytes, .size = size, .arena = arena, .error = error,
                              .at = bytes};
    pb_istream_t   stream = {.callback = read_file, .state = &decoder, .bytes_left = size};
    return decode_tensor(&decoder, &stream, tensor) ? 0 : (int)error->status;
}
