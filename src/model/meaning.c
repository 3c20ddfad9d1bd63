/* SPDX-License-Identifier: MIT */
/* Derives the meaning of an output's numbers from the last operators before it. Casts, reshapes and the like are
 * skipped; if there is no softmax or sigmoid, the bounds of the numbers tell whether they are probabilities anyway
 * (range.c). Nothing is run here. Users: predict.c, train/step.c, head.c and the tasks. */
#include "model/boxes_form.h"
#include "model/range.h"
#include <string.h>

static const char *const names[] = {[FOV_MEANING_LOGITS] = "logits",
                                    [FOV_MEANING_SOFTMAX] = "softmax",
                                    [FOV_MEANING_SIGMOID] = "sigmoid",
                                    [FOV_MEANING_VALUES] = "values",
                                    [FOV_MEANING_MAP] = "map",
                                    [FOV_MEANING_BOXES] = "boxes"};
enum { MEANINGS = sizeof names / sizeof names[0], MOST_CLASSES = 1000000 };

const char *fov_meaning_name(fov_meaning meaning)
{
    return (unsigned)meaning < MEANINGS ? names[meaning] : "";
}

bool fov_meaning_find(const char *name, fov_meaning *meaning)
{
    if (name == NULL || meaning == NULL) {
        return false;
    }
    for (int i = 0; i < MEANINGS; i++) {
        if (strcmp(names[i], name) == 0) {
            *meaning = (fov_meaning)i;
            return true;
        }
    }
    return false;
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* Dimensions of a sample that are not 1: a row of scores has one at most, a map several. */
static int count_wide(const fov_shape *shape)
{
    int wide = 0;
    for (int i = 1; i < shape->rank; i++) {
        wide += shape->dim[i] != 1;
    }
    return wide;
}

int model_count_values(const fov_model *model, fov_value output)
{
    fov_shape in = graph_value(model->graph, model->input.id)->shape;
    fov_shape shape = graph_value(model->graph, output.id)->shape;
    int64_t samples = in.rank > 0 ? in.dim[0] : 1;
    bool is_row = shape.rank > 0 && shape.dim[0] == samples;
    if (!is_row && samples != 1) {
        return 0; /* one result of all samples together */
    }
    if (is_row) {
        shape.dim[0] = 1;
    }
    size_t count;
    return shape_count(&shape, &count) && count <= INT32_MAX ? (int)count : 0;
}

/* Whether size[0] and size[1] are the height and width of the model's pictures, both divided by the same integer. */
static bool is_picture_size(const fov_model *model, const int64_t *size)
{
    struct model_picture picture;
    return model_picture(model, &picture) && size[0] > 0 && size[1] > 0 && picture.height % size[0] == 0 &&
           picture.width % size[1] == 0 && picture.height / size[0] == picture.width / size[1];
}

/* Whether a shape is a map: [N, C, H, W] or of higher rank; or [N, H, W] of a picture's proportions. */
static bool is_map(const fov_model *model, const fov_shape *shape)
{
    if (shape->rank != 3 || count_wide(shape) < 2) {
        return shape->rank > 3 && count_wide(shape) > 1;
    }
    return is_picture_size(model, shape->dim + 1);
}

/* Whether an output has one of the known forms of detectors. */
static bool are_boxes(const fov_model *model, fov_value output)
{
    struct boxes_rows rows;
    return boxes_form_of(model, output, 0, &rows) != NULL;
}

bool model_map_is_channels_last(const fov_model *model, fov_value output)
{
    const fov_shape *shape = &graph_value(model->graph, output.id)->shape;
    struct model_picture picture;
    if (shape->rank != 4 || !model_picture(model, &picture) || !is_picture_size(model, shape->dim + 1)) {
        return false;
    }
    return picture.channels_last || !is_picture_size(model, shape->dim + 2);
}

/* Whether an output can be a row of scores for each picture: [N, classes], with other dimensions of 1 or none. */
static bool is_row(const fov_model *model, const fov_shape *shape)
{
    const fov_shape *in = &graph_value(model->graph, model->input.id)->shape;
    bool has_samples = shape->rank > 0 && in->rank > 0 && shape->dim[0] == in->dim[0];
    return count_wide(shape) + (shape->rank > 0 && !has_samples && shape->dim[0] != 1) <= 1;
}

int model_check_meaning(const fov_model *model, fov_value output, fov_meaning meaning)
{
    const struct value *value = graph_value(model->graph, output.id);
    int count = model_count_values(model, output), wide = count_wide(&value->shape);
    char text[SHAPE_TEXT_SIZE];
    if (meaning == FOV_MEANING_BOXES && !are_boxes(model, output)) {
        return error_set(&model->context->error, FOV_E_SHAPE,
                         "output \"%s\" %s has no form of a detector's that is known (docs/tasks.md, detect)",
                         value->name, shape_text(&value->shape, text));
    }
    if (meaning == FOV_MEANING_BOXES || meaning == FOV_MEANING_VALUES || (meaning == FOV_MEANING_MAP && wide > 1 && count > 0)) {
        return FOV_OK;
    }
    if (meaning != FOV_MEANING_MAP && count > 0 && count <= MOST_CLASSES && is_row(model, &value->shape)) {
        return FOV_OK;
    }
    return error_set(&model->context->error, FOV_E_SHAPE, "output \"%s\" %s is %s", value->name,
                     shape_text(&value->shape, text),
                     meaning == FOV_MEANING_MAP ? "no map of scores, such as [N, C, H, W]"
                                                : "not a row of scores for each picture, [N, classes]");
}

/* ---- the end of the graph ---------------------------------------------------------------------------------------- */

/* Where the numbers of an output come from: the value before all casts and changes of shape. */
struct source {
    int id;
    const struct node *node; /* NULL: an input, a parameter or a constant */
    bool is_reshaped, is_whole; /* is_whole: the output or a value on the way is of an integer type */
};

static bool is_named(const struct node *node, const char *name)
{
    return node != NULL && strcmp(node->op->name, name) == 0;
}

const struct node *model_producer(const fov_graph *graph, int id)
{
    const struct value *value = graph_value(graph, id);
    return value->kind == VALUE_RESULT ? &graph->nodes[value->node] : NULL;
}

static bool is_float(fov_dtype dtype)
{
    return dtype == FOV_F32 || dtype == FOV_F64 || dtype == FOV_F16;
}

/* Whether the node passes on the rows of its first input, changing at most their type or shape. */
static bool hands_on(const fov_graph *graph, const struct node *node)
{
    const fov_shape *in = &graph_value(graph, node->in[0])->shape, *out = &graph_value(graph, node->out[0])->shape;
    if (is_named(node, "identity") || is_named(node, "dropout") || is_named(node, "cast")) {
        return true;
    }
    bool is_same_row = in->rank > 0 && out->rank > 0 && in->dim[0] == out->dim[0];
    if (is_named(node, "transpose")) { /* moves nothing if a sample is a single row */
        return is_same_row && count_wide(in) < 2 && count_wide(out) < 2;
    }
    bool is_fixed = shape_is_known(in) && shape_is_known(out);
    return node->op->view && (is_same_row || is_fixed);
}

static struct source find_source(const fov_graph *graph, int id)
{
    struct source source = {.id = id, .node = model_producer(graph, id)};
    source.is_whole = !is_float(graph_value(graph, id)->dtype);
    while (source.node != NULL && hands_on(graph, source.node)) {
        source.is_reshaped |= !shape_equal(&graph_value(graph, source.id)->shape,
                                           &graph_value(graph, source.node->in[0])->shape);
        source.id = source.node->in[0];
        source.node = model_producer(graph, source.id);
        source.is_whole |= !is_float(graph_value(graph, source.id)->dtype);
    }
    return source;
}

/* The x of exp(x) / sum of exp(x), as some exporters write a softmax; 0: the node is something else. */
static int spelled_softmax(const fov_graph *graph, const struct node *node)
{
    if (!is_named(node, "div")) {
        return 0;
    }
    const struct node *above = model_producer(graph, node->in[0]), *below = model_producer(graph, node->in[1]);
    return is_named(above, "exp") && is_named(below, "reduce_sum") && below->in[0] == node->in[0] ? above->in[0] : 0;
}

/* Whether a softmax runs over the whole row of a sample or, if it is a map, over the channels. */
static bool runs_over(const fov_graph *graph, const struct node *node, bool map)
{
    const fov_shape *shape = &graph_value(graph, node->out[0])->shape;
    int64_t axis = 0;
    if (is_named(node, "div")) { /* spelled out: the sum must have left one number of each row, or of each pixel */
        const fov_shape *sum = &graph_value(graph, node->in[1])->shape;
        if (map) {
            return shape->rank == sum->rank && shape->rank > 1 && sum->dim[1] == 1 && count_wide(sum) > 0;
        }
        return count_wide(shape) <= 1 && count_wide(sum) == 0 && (sum->rank == 0 || sum->dim[0] == shape->dim[0]);
    }
    memcpy(&axis, op_option(node->op, node->options, "axis"), sizeof axis);
    axis += axis < 0 ? shape->rank : 0;
    if (map) {
        return axis == 1;
    }
    return axis > 0 ? count_wide(shape) == (shape->dim[axis] != 1) : shape->rank == 1 && shape->dim[0] != FOV_BATCH;
}

/* ---- the answer -------------------------------------------------------------------------------------------------- */

/* What the last node before an output computes, and from which logits. */
struct ending {
    fov_meaning meaning;
    int logits; /* the input of a softmax or sigmoid; 0: none was found */
};

/* The input of a clip to about 0 .. 1, which some losses need before a logarithm; 0: the node is something else. */
static int clipped_probability(const struct node *node)
{
    static const double close = 1e-3;
    double low, high;
    if (!is_named(node, "clip")) {
        return 0;
    }
    memcpy(&low, op_option(node->op, node->options, "min"), sizeof low);
    memcpy(&high, op_option(node->op, node->options, "max"), sizeof high);
    return low <= close && high >= 1 - close ? node->in[0] : 0;
}

/* The input of a softmax over the whole row, or over the channels of a map; 0: the node is something else. */
static int softmax_input(const fov_graph *graph, const struct node *node, bool map)
{
    int spelled = spelled_softmax(graph, node);
    bool is_softmax = is_named(node, "softmax") || spelled != 0;
    return !is_softmax || !runs_over(graph, node, map) ? 0 : spelled != 0 ? spelled : node->in[0];
}

/* The same for the logarithm of a softmax, in one operator or two. */
static int log_softmax_input(const fov_graph *graph, const struct node *node, bool map)
{
    if (is_named(node, "log")) {
        struct source inner = find_source(graph, node->in[0]);
        return softmax_input(graph, inner.node, map);
    }
    return is_named(node, "log_softmax") && runs_over(graph, node, map) ? node->in[0] : 0;
}

/* Whether a node's results are not meant as logits: elements are selected, normalised over another axis, or divided by
 * a length or a sum. A division by a constant is a temperature and keeps them logits. */
static bool makes_values(const fov_graph *graph, const struct node *node)
{
    static const char *const names_of_them[] = {"top_k", "log", "softmax", "log_softmax", "lp_norm", NULL};
    for (int i = 0; names_of_them[i] != NULL; i++) {
        if (is_named(node, names_of_them[i])) {
            return true;
        }
    }
    return is_named(node, "div") && model_producer(graph, node->in[1]) != NULL;
}

static struct ending find_ending(const fov_graph *graph, const struct source *source, bool map)
{
    const struct node *node = source->node;
    if (source->is_whole || node == NULL) {
        return (struct ending){FOV_MEANING_VALUES, 0};
    }
    int of_softmax = softmax_input(graph, node, map), of_logarithm = log_softmax_input(graph, node, map);
    if (of_softmax != 0) {
        return (struct ending){FOV_MEANING_SOFTMAX, of_softmax};
    }
    if (of_logarithm != 0) {
        return (struct ending){FOV_MEANING_LOGITS, of_logarithm}; /* softmax(log softmax x) = softmax x */
    }
    if (is_named(node, "sigmoid")) {
        return (struct ending){FOV_MEANING_SIGMOID, node->in[0]};
    }
    struct source inner = *source;
    for (int id = clipped_probability(node); id != 0; id = clipped_probability(inner.node)) {
        inner = find_source(graph, id);
    }
    if (inner.node != node) {
        struct ending ending = find_ending(graph, &inner, map);
        if (ending.logits != 0 && ending.meaning != FOV_MEANING_LOGITS) {
            return ending;
        }
    }
    struct range range = range_of(graph, source->id);
    if (!is_named(node, "softmax") && range.low >= 0 && range.high <= 1) {
        return (struct ending){FOV_MEANING_SIGMOID, 0};
    }
    /* Numbers with both bounds (tanh) are not logits either. */
    bool is_bounded = range.low > -range_infinite && range.high < range_infinite;
    return (struct ending){is_bounded || makes_values(graph, node) ? FOV_MEANING_VALUES : FOV_MEANING_LOGITS, 0};
}

/* Whether a row is a flattened map: then its numbers are not classes. */
static bool is_flattened_map(const fov_graph *graph, int id)
{
    struct source source = find_source(graph, id);
    return count_wide(&graph_value(graph, source.id)->shape) > 1;
}

fov_meaning model_find_meaning(const fov_model *model, fov_value output, int class_names)
{
    const fov_graph *graph = model->graph;
    const fov_shape *shape = &graph_value(graph, output.id)->shape;
    int count = model_count_values(model, output);
    if (count == 0) {
        return FOV_MEANING_VALUES;
    }
    struct source source = find_source(graph, output.id);
    bool is_row = count_wide(shape) < 2;
    struct ending ending = find_ending(graph, &source, !is_row);
    if (!is_row && are_boxes(model, output)) {
        return FOV_MEANING_BOXES;
    }
    if (!is_row) {
        return is_map(model, shape) ? FOV_MEANING_MAP : FOV_MEANING_VALUES;
    }
    int scores = ending.logits != 0 ? ending.logits : source.id;
    bool is_alone = ending.meaning == FOV_MEANING_SOFTMAX && count == 1; /* always 1 */
    if (count > MOST_CLASSES || is_alone || is_flattened_map(graph, scores)) {
        return FOV_MEANING_VALUES;
    }
    if (count == 1 && ending.meaning == FOV_MEANING_LOGITS) {
        return class_names == 2 ? FOV_MEANING_LOGITS : FOV_MEANING_VALUES; /* else a regression */
    }
    return ending.meaning;
}

/* A detector's rows before the sigmoid, which applies to all but their first four numbers; 0: the graph does not end in
 * such a sigmoid. */
static int logits_of_boxes(const fov_graph *graph, int output)
{
    const struct node *end = model_producer(graph, output);
    if (!is_named(end, "concat") || end->in_count != 2) {
        return 0;
    }
    const struct node *boxes = model_producer(graph, end->in[0]), *sigmoid = model_producer(graph, end->in[1]);
    const struct node *scores = is_named(sigmoid, "sigmoid") ? model_producer(graph, sigmoid->in[0]) : NULL;
    return is_named(boxes, "slice") && is_named(scores, "slice") && boxes->in[0] == scores->in[0] ? boxes->in[0] : 0;
}

struct model_scores model_scores(const fov_model *model, fov_value output)
{
    struct model_scores scores = {.meaning = fov_model_meaning(model, output), .logits = output};
    if (output.id == 0) {
        return scores;
    }
    const fov_shape *shape = &graph_value(model->graph, output.id)->shape;
    scores.count = model_count_values(model, output);
    bool is_map = scores.meaning == FOV_MEANING_MAP;
    if (is_map) {
        int channels = model_map_is_channels_last(model, output) ? 3 : 1;
        scores.count = shape->rank > 3 ? (int)shape->dim[channels] : 1;
    }
    if (scores.meaning == FOV_MEANING_VALUES) {
        return scores;
    }
    if (scores.meaning == FOV_MEANING_BOXES) {
        int logits = logits_of_boxes(model->graph, output.id);
        scores.logits.id = logits != 0 ? logits : output.id;
        scores.is_probable = logits == 0;
        scores.independent = true;
        struct boxes_rows rows;
        scores.classes = boxes_form_of(model, output, 0, &rows) != NULL ? rows.classes : 0;
        return scores;
    }
    struct source source = find_source(model->graph, output.id);
    struct ending ending = find_ending(model->graph, &source, is_map);
    if (is_map ? !source.is_reshaped : ending.meaning == scores.meaning) {
        scores.logits.id = ending.logits != 0 ? ending.logits : scores.logits.id;
    }
    fov_meaning kind = is_map ? ending.meaning : scores.meaning;
    scores.independent = kind == FOV_MEANING_SIGMOID || (kind == FOV_MEANING_LOGITS && scores.count == 1);
    scores.classes = scores.count == 1 && scores.independent ? 2 : scores.count;
    scores.is_probable = scores.logits.id == output.id &&
                         (kind == FOV_MEANING_SIGMOID || kind == FOV_MEANING_SOFTMAX);
    return scores;
}
