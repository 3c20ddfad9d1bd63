/* SPDX-License-Identifier: MIT */
/* Detectors whose boxes and scores are separate outputs. The outputs that belong together are found by their shapes,
 * and nodes are added that join them into rows of one form: corners, in pixels or fractions of the input's size, and a
 * probability of each class. Tasks, plans and files then deal with a single output. SSD's offsets are decoded against
 * its default boxes (Liu et al., "SSD: single shot multibox detector", ECCV 2016, section 2.2), in torchvision's order.
 * Read next: boxes_form.c. */
#include "base/arithmetic.h"
#include "base/text.h"
#include "graph/copy.h"
#include "model/boxes_form.h"
#include "model/range.h"
#include <fovea/boxes.h>
#include <fovea/operators.h>
#include <math.h>
#include <string.h>

/* ---- outputs by shape -------------------------------------------------------------------------------------------- */

/* A shape read as [N, boxes, numbers], ignoring dimensions of 1. */
struct flat {
    int64_t boxes, numbers;
};

struct parts {
    fov_value boxes, scores, labels; /* labels: classes of boxes that a suppression in the network has kept; 0: none */
    int64_t count;                   /* of boxes */
    int64_t classes;                 /* scores of each box; 1, if `labels` says of which class the score is */
    bool across;                     /* scores are [N, classes, boxes] */
    bool are_final;                  /* scores need no softmax or sigmoid: a suppression was to read them as they are */
};

static bool flatten(const fov_model *model, fov_value value, struct flat *flat)
{
    fov_shape shape = fov_value_shape(model->graph, value), in = fov_value_shape(model->graph, model->input);
    int64_t wide[2] = {1, 1};
    int count = 0;
    if (shape.rank < 2 || shape.dim[0] != in.dim[0]) {
        return false;
    }
    for (int i = 1; i < shape.rank; i++) {
        if (shape.dim[i] != 1 && (count == 2 || shape.dim[i] < 1)) {
            return false;
        }
        if (shape.dim[i] != 1) {
            wide[count++] = shape.dim[i];
        }
    }
    *flat = (struct flat){wide[0], wide[1]};
    return count > 0;
}

static bool has_word(const fov_model *model, fov_value value, const char *const *words)
{
    const char *name = fov_value_name(model->graph, value);
    bool found = false;
    for (; *words != NULL; words++) {
        found = found || strstr(name, *words) != NULL;
    }
    return found;
}

static void find_boxes(const fov_model *model, struct parts *parts)
{
    static const char *const words[] = {"box", "loc", "reg", NULL};
    struct flat flat;
    bool is_named = false;
    for (int i = 0; i < model->output_count; i++) {
        fov_value value = model->outputs[i].value;
        if (fov_value_dtype(model->graph, value) != FOV_F32 || !flatten(model, value, &flat) || flat.numbers != 4) {
            continue;
        }
        if (parts->boxes.id == 0 || (!is_named && has_word(model, value, words))) {
            is_named = has_word(model, value, words);
            parts->boxes = value;
            parts->count = flat.boxes;
        }
    }
}

static bool find_parts(const fov_model *model, struct parts *parts)
{
    static const char *const words[] = {"class", "label", NULL};
    *parts = (struct parts){.classes = 0};
    find_boxes(model, parts);
    for (int i = 0; i < model->output_count && parts->boxes.id != 0; i++) {
        fov_value value = model->outputs[i].value;
        struct flat flat;
        bool is_float = fov_value_dtype(model->graph, value) == FOV_F32;
        if (value.id == parts->boxes.id || !flatten(model, value, &flat)) {
            continue;
        }
        bool is_list = flat.boxes == parts->count && flat.numbers == 1;
        if (is_list && (!is_float || (has_word(model, value, words) && parts->labels.id == 0))) {
            parts->labels = value;
        } else if (is_float && (flat.boxes == parts->count || flat.numbers == parts->count) && parts->scores.id == 0) {
            parts->scores = value;
            parts->across = flat.boxes != parts->count;
            parts->classes = parts->across ? flat.boxes : flat.numbers;
        }
    }
    return parts->boxes.id != 0 && parts->scores.id != 0 && (parts->labels.id == 0 || parts->classes == 1);
}

/* ---- what the numbers are ---------------------------------------------------------------------------------------- */

enum { MOST_LOOKED_AT = 16384 };

/* Whether every number comes directly from a convolution or dense layer, through layout changes only: then the boxes
 * are offsets that the network has not decoded. `left`: values that may still be looked at, of which a graph that joins
 * the same values again and again has too many. */
static bool is_of_head(const fov_graph *graph, int id, int depth, int *left)
{
    static const char *const handed_on[] = {"reshape", "transpose", "flatten", "identity", "cast", "squeeze",
                                            "unsqueeze", "concat", "slice", NULL};
    const struct value *value = graph_value(graph, id);
    if (value->kind != VALUE_RESULT || depth > 64 || (*left)-- <= 0) {
        return false;
    }
    const struct node *node = &graph->nodes[value->node];
    bool moves = node->op->view;
    for (int i = 0; handed_on[i] != NULL; i++) {
        moves = moves || strcmp(node->op->name, handed_on[i]) == 0;
    }
    if (!moves) {
        return strcmp(node->op->name, "conv") == 0 || strcmp(node->op->name, "dense") == 0;
    }
    bool is_joined = strcmp(node->op->name, "concat") == 0, all = true;
    for (int i = 0; i < (is_joined ? node->in_count : 1); i++) {
        all = all && is_of_head(graph, node->in[i], depth + 1, left);
    }
    return all;
}

/* Whether a value is a softmax's result, through layout changes or cuts only. Its first class is then "nothing" (the
 * background). */
static bool is_softmax(const fov_graph *graph, int id)
{
    const struct value *value = graph_value(graph, id);
    while (value->kind == VALUE_RESULT) {
        const struct node *node = &graph->nodes[value->node];
        if (strcmp(node->op->name, "softmax") == 0) {
            return true;
        }
        if (!node->op->view && strcmp(node->op->name, "transpose") != 0 && strcmp(node->op->name, "identity") != 0) {
            return false;
        }
        value = graph_value(graph, node->in[0]);
    }
    return false;
}

/* ---- SSD's default boxes ----------------------------------------------------------------------------------------- */

enum { MAPS = 6, MOST_SHAPES = 6 };

/* The published SSD detectors: picture size, number of boxes, sides of the maps, scale of each map's boxes in parts of
 * the picture's side (one more for the geometric mean with the next map's), and aspect ratios. */
static const struct ssd {
    int side;
    int64_t count;
    double step[MAPS]; /* pixels from place to place; 0: side / map */
    int map[MAPS];
    double scale[MAPS + 1];
    int ratios[MAPS]; /* 1: aspect ratio 2; 2: 2 and 3; with their inverses, beside the squares */
} ssds[] = {
    {320, 3234, {0}, {20, 10, 5, 3, 2, 1}, {0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1}, {2, 2, 2, 2, 2, 2}},
    {300, 8732, {8, 16, 32, 64, 100, 300}, {38, 19, 10, 5, 3, 1}, {0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05},
     {1, 2, 2, 2, 1, 1}},
};

static const struct ssd *ssd_of(const fov_model *model, int64_t count)
{
    struct model_picture picture;
    for (size_t i = 0; i < sizeof ssds / sizeof *ssds && model_picture(model, &picture); i++) {
        if (ssds[i].count == count && ssds[i].side == picture.height && ssds[i].side == picture.width) {
            return &ssds[i];
        }
    }
    return NULL;
}

/* Width and height of the boxes at each cell of a map, in parts of the picture's side, at most 1. Returns how many. */
static int shapes_of_map(const struct ssd *ssd, int map, double shape[MOST_SHAPES][2])
{
    double own = ssd->scale[map], between = sqrt(own * ssd->scale[map + 1]);
    int count = 0;
    for (int i = 0; i < 2; i++) {
        shape[count][0] = shape[count][1] = i == 0 ? own : between;
        count++;
    }
    for (int r = 0; r < ssd->ratios[map]; r++) {
        double root = sqrt((double)(2 + r));
        shape[count][0] = shape[count + 1][1] = own * root;
        shape[count][1] = shape[count + 1][0] = own / root;
        count += 2;
    }
    for (int i = 0; i < count; i++) {
        shape[i][0] = fmin(shape[i][0], 1);
        shape[i][1] = fmin(shape[i][1], 1);
    }
    return count;
}

/* Centres and sizes of all default boxes in pixels, each [count, 2]: x, y. */
static void default_boxes(const struct ssd *ssd, float *middle, float *size)
{
    size_t at = 0;
    for (int m = 0; m < MAPS; m++) {
        double shape[MOST_SHAPES][2], step = ssd->step[m] > 0 ? ssd->step[m] : (double)ssd->side / ssd->map[m];
        int shapes = shapes_of_map(ssd, m, shape);
        for (int i = 0; i < ssd->map[m] * ssd->map[m] * shapes; i++) {
            int place = i / shapes;
            middle[at] = (float)((place % ssd->map[m] + 0.5) * step);
            middle[at + 1] = (float)((place / ssd->map[m] + 0.5) * step);
            size[at] = (float)(shape[i % shapes][0] * ssd->side);
            size[at + 1] = (float)(shape[i % shapes][1] * ssd->side);
            at += 2;
        }
    }
}

static fov_value number(fov_graph *graph, float value)
{
    return fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &value);
}

/* Decodes offsets [N, count, 4] to corners in pixels: centre + 0.1 offset x side, side x exp(0.2 offset), where a side
 * grows at most 62.5 times, as in torchvision. */
static fov_value decode(fov_model *model, const struct ssd *ssd, fov_value offsets)
{
    fov_graph *g = model->graph;
    struct memory *memory = model->context->memory;
    size_t each = 2 * (size_t)ssd->count;
    const fov_shape shape = {3, {1, ssd->count, 2}};
    float *middles = memory_allocate_raw(memory, 2 * each, sizeof *middles, "default boxes", &model->context->error);
    if (middles == NULL) {
        return (fov_value){0};
    }
    default_boxes(ssd, middles, middles + each);
    fov_value middle = fov_constant(g, NULL, FOV_F32, shape, middles);
    fov_value size = fov_constant(g, NULL, FOV_F32, shape, middles + each);
    memory_free(memory, middles);
    fov_value moved = fov_mul(g, fov_slice(g, offsets, 2, 0, 2, 1), number(g, 0.1F));
    fov_value grown = fov_mul(g, fov_slice(g, offsets, 2, 2, 2, 1), number(g, 0.2F));
    moved = fov_add(g, fov_mul(g, moved, size), middle);
    grown = fov_mul(g, fov_exp(g, fov_clip(g, grown, -1e4F, logf(62.5F))), fov_mul(g, size, number(g, 0.5F)));
    return fov_concat(g, (fov_value[]){fov_sub(g, moved, grown), fov_add(g, moved, grown)}, 2, 2);
}

/* ---- one output -------------------------------------------------------------------------------------------------- */

static fov_value as_rows(fov_graph *graph, fov_value value, int64_t boxes, int64_t numbers)
{
    return fov_reshape(graph, value, (fov_shape){3, {fov_value_shape(graph, value).dim[0], boxes, numbers}});
}

/* Probabilities of the classes, [N, boxes, classes], without that of "nothing". Appends to `said` how they were
 * found. */
static fov_value scores_of(fov_model *model, const struct parts *parts, bool is_ssd, struct text *said)
{
    fov_graph *g = model->graph;
    struct range range = range_of(g, parts->scores.id);
    bool softmax = !parts->are_final && is_softmax(g, parts->scores.id);
    bool is_share = softmax || parts->are_final || (range.low >= 0 && range.high <= 1);
    fov_value scores = parts->across ? as_rows(g, parts->scores, parts->classes, parts->count)
                                     : as_rows(g, parts->scores, parts->count, parts->classes);
    scores = parts->across ? fov_transpose(g, scores, (const int[]){0, 2, 1}, 3) : scores;
    bool has_nothing = (is_ssd || softmax) && parts->classes > 1;
    if (!is_share) {
        scores = has_nothing ? fov_softmax(g, scores) : fov_sigmoid(g, scores);
    }
    text_add(said, "%s of %lld classes%s", is_share ? "probabilities" : has_nothing ? "softmax" : "sigmoid",
             (long long)parts->classes, has_nothing ? ", the first of which is \"nothing\"" : "");
    return has_nothing ? fov_slice(g, scores, 2, 1, parts->classes - 1, 1) : scores;
}

/* Drops the class name of "nothing" if the model has one name more than there are classes. */
static int name_classes(fov_model *model, int64_t classes)
{
    bool has_one_more = model->class_count == classes + 1;
    return has_one_more ? fov_model_set_classes(model, (const char *const *)model->class_names + 1, (int)classes)
                        : FOV_OK;
}

/* Joins boxes, scores and labels into one output of a form, the model's only output from then on. */
static int join(fov_model *model, const struct parts *parts, const char *form, struct text *said)
{
    fov_graph *g = model->graph;
    struct error *error = &model->context->error;
    bool is_kept = parts->labels.id != 0, is_ssd = strcmp(form, "ssd") == 0;
    const struct ssd *ssd = is_ssd ? ssd_of(model, parts->count) : NULL;
    fov_value part[3] = {as_rows(g, parts->boxes, parts->count, 4)};
    int64_t classes = parts->classes;
    text_add(said, "detector %s: \"%s\" has %lld boxes, ", form, fov_value_name(g, parts->boxes),
             (long long)parts->count);
    if (is_ssd && ssd == NULL) {
        return error_set(error, FOV_E_UNSUPPORTED,
                         "detector ssd: %lld boxes are not SSD's at 300 x 300 (8,732) or SSDLite's at 320 x 320 "
                         "(3,234), whose default boxes are known; corners are read by the detector raw",
                         (long long)parts->count);
    }
    if (is_ssd) {
        part[0] = decode(model, ssd, part[0]);
    }
    text_add(said, "%s; \"%s\" ", is_ssd ? "offsets to default boxes" : "corners", fov_value_name(g, parts->scores));
    if (is_kept) {
        part[1] = as_rows(g, parts->scores, parts->count, 1);
        bool is_float = fov_value_dtype(g, parts->labels) == FOV_F32;
        part[2] = as_rows(g, is_float ? parts->labels : fov_cast(g, parts->labels, FOV_F32), parts->count, 1);
        text_add(said, "their scores, \"%s\" their classes", fov_value_name(g, parts->labels));
    } else {
        part[1] = scores_of(model, parts, is_ssd, said);
        classes = fov_value_shape(g, part[1]).dim[2];
    }
    fov_value rows = fov_concat(g, part, is_kept ? 3 : 2, 2);
    if (rows.id == 0) {
        return (int)error->status;
    }
    model->outputs[0] = (struct model_output){.value = rows, .boxes_form = boxes_form_named(form)};
    model->output_count = 1;
    model->output = rows;
    int status = model_find_meanings(model);
    return status == FOV_OK && !is_kept ? name_classes(model, classes) : status;
}

/* ---- what is asked for ------------------------------------------------------------------------------------------- */

/* For a detector with one output: states its form, `which` in boxes_form_names; 0: a form that its shape tells, if
 * any. */
static int take_rows(fov_model *model, int which, struct text *said)
{
    struct boxes_rows rows;
    char shape[SHAPE_TEXT_SIZE];
    const struct boxes_form *form = boxes_form_of(model, model->output, which, &rows);
    fov_shape of = fov_value_shape(model->graph, model->output);
    if (which == 0 && (form == NULL || fov_model_meaning(model, model->output) != FOV_MEANING_BOXES)) {
        return FOV_OK;
    }
    if (form == NULL) {
        return error_set(&model->context->error, FOV_E_SHAPE, "output \"%s\" %s has no rows of the detector %s: %s",
                         fov_value_name(model->graph, model->output), shape_text(&of, shape), boxes_form_names[which],
                         boxes_forms[which - 1].doc);
    }
    model_state_boxes_form(model, (int)(form - boxes_forms) + 1);
    text_add(said, "detector %s: \"%s\" %s has %s", form->name, fov_value_name(model->graph, model->output),
             shape_text(&of, shape), form->doc);
    return model_find_meanings(model);
}

/* If an output [1, boxes, 4] has a fixed batch although the input's is open, rebuilds the graph for a batch of 1. */
static int fix_batch(fov_model *model)
{
    struct graph_change change = {.id = model->input.id, .shape = fov_value_shape(model->graph, model->input)};
    bool is_single = false;
    for (int i = 0; i < model->output_count; i++) {
        fov_shape out = fov_value_shape(model->graph, model->outputs[i].value);
        is_single = is_single || (out.rank == 3 && out.dim[0] == 1 && out.dim[2] == 4);
    }
    if (!is_single || model->input_count != 1 || change.shape.dim[0] != FOV_BATCH) {
        return FOV_OK;
    }
    struct memory *memory = model->context->memory;
    struct error *error = &model->context->error;
    change.shape.dim[0] = 1;
    int *copy = memory_allocate(memory, model->graph->value_count, sizeof *copy, "a copy of the graph", error);
    fov_graph *graph = copy != NULL ? graph_rebuild(model->graph, copy, &change, 1) : NULL;
    int status = graph != NULL ? model_take_graph(model, graph, copy, &change, 1) : (int)error->status;
    memory_free(memory, copy);
    return status;
}

static int read_boxes(fov_model *model, const char *detector, struct text *said)
{
    struct error *error = &model->context->error;
    struct parts parts;
    int which = detector != NULL ? boxes_form_named(detector) : 0;
    if (which < 0) {
        char known[160] = "";
        size_t used = 0;
        for (int i = 1; boxes_form_names[i] != NULL; i++) {
            used = text_append(known, sizeof known, used, "%s%s", i > 1 ? ", " : "", boxes_form_names[i]);
        }
        return error_set(error, FOV_E_USAGE, "there is no detector \"%.40s\"; it is one of %s", detector, known);
    }
    if (model->output.id == 0 || error->status != FOV_OK) {
        return error_set(error, FOV_E_USAGE, "the model has no output yet (fov_model_set_input_output)");
    }
    bool by_parts = which == 0 || boxes_forms[which - 1].has_parts;
    if (by_parts && model->output_count > 1 && fix_batch(model) != FOV_OK) {
        return (int)error->status;
    }
    if (by_parts && model->output_count > 1 && find_parts(model, &parts)) {
        int left = MOST_LOOKED_AT;
        const char *form = parts.labels.id != 0                                  ? "kept"
                           : detector != NULL && which > 0                       ? boxes_form_names[which]
                           : is_of_head(model->graph, parts.boxes.id, 0, &left) &&
                                     ssd_of(model, parts.count) != NULL          ? "ssd"
                                                                                 : "raw";
        return join(model, &parts, form, said);
    }
    return take_rows(model, which, said);
}

int model_read_suppressed(fov_model *model)
{
    struct text said = {.memory = model->context->memory};
    fov_value boxes = model->outputs[0].value, scores = model->outputs[1].value;
    fov_shape shape = fov_value_shape(model->graph, scores), of = fov_value_shape(model->graph, boxes);
    if (of.rank != 3 || of.dim[2] != 4 || shape.rank != 3 || shape.dim[2] != of.dim[1]) {
        return error_set(&model->context->error, FOV_E_SHAPE, "a suppression reads boxes [N, boxes, 4] and scores "
                                                              "[N, classes, boxes]");
    }
    const struct parts parts = {
        .boxes = boxes, .scores = scores, .count = of.dim[1], .classes = shape.dim[1], .across = true, .are_final = true};
    int status = join(model, &parts, "raw", &said);
    text_free(&said);
    return status;
}

int fov_model_read_boxes(fov_model *model, const char *detector, char *said, size_t size)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    struct call call = call_begin(model->context);
    struct text text = {.memory = model->context->memory};
    int status = read_boxes(model, detector, &text);
    if (said != NULL && size > 0) {
        text_append(said, size, 0, "%s", status == FOV_OK ? text_string(&text) : "");
    }
    text_free(&text);
    call_end(&call);
    return status;
}
