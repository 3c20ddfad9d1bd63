/* SPDX-License-Identifier: MIT */
/* A model file as the backbone of another network: its graph up to the last map, with its weights, and its maps of
 * stride 2, 4, 8, 16 and 32. A stage ends at the last map of its size that all paths from input to output pass through,
 * so the branches within a block are not candidates. Strides are relative to the file's own picture size. Read next:
 * zoo/zoo.h (the networks that use backbones), graph/copy.h. */
#include "model/backbone.h"
#include "base/text.h"
#include "graph/copy.h"
#include <math.h>
#include <string.h>

struct search {
    const fov_graph *graph;
    struct model_picture picture;
    const bool *needed; /**< per node: the last output depends on it */
    bool *moves;        /**< per value: it depends on the picture */
    size_t *last;       /**< per value: the last needed node that reads it */
    int *pass;          /**< "passes": values that every path from input to output goes through, in order */
    int passes;         /**< how many */
};

/* Index of a map's stage: 0 for stride 2, ... 4 for stride 32; -1: the value is no map of such a stride. */
static int stage_of(const struct search *s, int id)
{
    const fov_shape *shape = &graph_value(s->graph, id)->shape;
    if (shape->rank != 4 || shape->dim[2] < 1 || shape->dim[3] < 1 || (shape->dim[2] == 1 && shape->dim[3] == 1)) {
        return -1;
    }
    double rows = log2((double)s->picture.height / (double)shape->dim[2]);
    double columns = log2((double)s->picture.width / (double)shape->dim[3]);
    long stage = lround(rows);
    return stage == lround(columns) && stage >= 1 && stage <= ZOO_STAGES ? (int)stage - 1 : -1;
}

/* Fills in .moves and .last; the end is read after all nodes. */
static void mark(struct search *s, int picture, int end)
{
    s->moves[picture] = true;
    for (size_t n = 0; n < s->graph->node_count; n++) {
        const struct node *node = &s->graph->nodes[n];
        bool moves = false;
        for (int i = 0; s->needed[n] && i < node->in_count; i++) {
            moves = moves || s->moves[node->in[i]];
            s->last[node->in[i]] = n;
        }
        for (int i = 0; s->needed[n] && i < node->out_count; i++) {
            s->moves[node->out[i]] = moves;
        }
    }
    s->last[end] = s->graph->node_count;
}

/* Nodes are in topological order: if, after a node, its result is the only computed value that is still to be read, all
 * paths go through that result. */
static void find_passes(struct search *s, int picture)
{
    size_t until = s->last[picture]; /* the last node that reads any value computed so far */
    for (size_t n = 0; n < s->graph->node_count; n++) {
        const struct node *node = &s->graph->nodes[n];
        int read = 0, id = 0;
        for (int i = 0; s->needed[n] && i < node->out_count; i++) {
            if (s->moves[node->out[i]] && s->last[node->out[i]] > n) {
                id = node->out[i];
                read++;
            }
        }
        if (read == 1 && until <= n) {
            s->pass[s->passes++] = id;
        }
        for (int i = 0; read > 0 && i < node->out_count; i++) {
            size_t last = s->last[node->out[i]];
            until = last > until ? last : until;
        }
    }
}

static const struct node *producer(const struct search *s, int id)
{
    const struct value *value = graph_value(s->graph, id);
    return value->kind == VALUE_RESULT ? &s->graph->nodes[value->node] : NULL;
}

static bool is_named(const struct node *node, const char *name)
{
    return node != NULL && strcmp(node->op->name, name) == 0;
}

static bool has_weights(const struct search *s, const struct node *node)
{
    static const char *const layers[] = {"conv", "dense", "matmul"};
    bool found = false;
    for (size_t i = 0; node != NULL && i < sizeof layers / sizeof *layers; i++) {
        found = found || (is_named(node, layers[i]) && model_is_parameter(s->graph, node->in[1]));
    }
    return found;
}

/* Dimensions of a sample that are not 1. */
static int count_wide(const fov_shape *shape)
{
    int wide = 0;
    for (int i = 1; i < shape->rank; i++) {
        wide += shape->dim[i] != 1;
    }
    return wide;
}

static int64_t groups_of(const struct node *node)
{
    int64_t groups;
    memcpy(&groups, op_option(node->op, node->options, "groups"), sizeof groups);
    return groups;
}

static bool is_conv(const struct node *node)
{
    return is_named(node, "conv");
}

/* An inverted residual block widens its input before a strided depthwise convolution shrinks the map. The wide map has
 * this stage's size but belongs to the next stage's block; this stage ends at the narrow map before it. `at`: index in
 * .pass of the last map of the stage's size; returns the index of the stage's end. */
static int narrow_end(const struct search *s, int at)
{
    bool is_wide = false;
    for (size_t n = 0; n < s->graph->node_count; n++) {
        const struct node *node = &s->graph->nodes[n];
        is_wide = is_wide || (s->needed[n] && is_conv(node) && node->in[0] == s->pass[at] && groups_of(node) > 1);
    }
    int stage = stage_of(s, s->pass[at]), from = at;
    while (is_wide && from > 0 && !is_conv(producer(s, s->pass[from]))) {
        from--;
    }
    const struct node *conv = is_wide ? producer(s, s->pass[from]) : NULL;
    if (!is_conv(conv) || groups_of(conv) != 1 || from == 0 || conv->in[0] != s->pass[from - 1] ||
        stage_of(s, s->pass[from - 1]) != stage) {
        return at;
    }
    int64_t wide = graph_value(s->graph, s->pass[from])->shape.dim[1];
    return graph_value(s->graph, s->pass[from - 1])->shape.dim[1] < wide ? from - 1 : at;
}

/* How many passes come before the head. A classifier's last layer with weights computes classes, not features, even if
 * it is a convolution before a global pooling. */
static int count_before_head(const struct search *s, int end)
{
    int at = s->passes - 1;
    if (count_wide(&graph_value(s->graph, end)->shape) > 1) {
        return s->passes; /* the network ends in a map: there is no head */
    }
    while (at > 0 && !has_weights(s, producer(s, s->pass[at]))) {
        at--;
    }
    return at > 0 ? at : s->passes;
}

/* If the file has several outputs, those that are maps are taken as the stages. */
static void take_outputs(const fov_model *model, const struct search *s, int stage[ZOO_STAGES])
{
    for (int i = 0; model->output_count > 1 && i < model->output_count; i++) {
        int id = model->outputs[i].value.id, at = stage_of(s, id);
        if (at >= 0 && s->moves[id]) {
            stage[at] = id;
        }
    }
}

static int find_stages(const fov_model *model, struct search *s, int end, int stage[ZOO_STAGES])
{
    int place[ZOO_STAGES], found = 0;
    mark(s, model->input.id, end);
    find_passes(s, model->input.id);
    for (int i = 0; i < ZOO_STAGES; i++) {
        place[i] = -1;
        stage[i] = 0;
    }
    for (int i = 0, count = count_before_head(s, end); i < count; i++) {
        int at = stage_of(s, s->pass[i]);
        if (at >= 0 && !is_named(producer(s, s->pass[i]), "dropout")) { /* a dropout belongs to the head */
            place[at] = i;
        }
    }
    for (int i = 0; i < ZOO_STAGES; i++) {
        bool goes_on = i + 1 < ZOO_STAGES && place[i + 1] >= 0;
        stage[i] = place[i] < 0 ? 0 : s->pass[goes_on ? narrow_end(s, place[i]) : place[i]];
    }
    take_outputs(model, s, stage);
    for (int i = 0; i < ZOO_STAGES; i++) {
        found += stage[i] != 0;
    }
    return found;
}

int backbone_find(const fov_model *model, int stage[ZOO_STAGES], struct error *error)
{
    struct memory *memory = model->context->memory;
    const fov_graph *graph = model->graph;
    struct search s = {.graph = graph};
    int end = 0, found = 0;
    for (int i = 0; i < model->output_count; i++) { /* the output that is computed last */
        int id = model->outputs[i].value.id;
        end = id > end ? id : end;
    }
    if (end == 0 || !model_picture(model, &s.picture)) {
        return error_set(error, FOV_E_UNSUPPORTED, "it reads no pictures, [N, C, H, W] or [N, H, W, C]");
    }
    bool *needed = memory_allocate(memory, graph->node_count + 1, sizeof *needed, "a mark per node", error);
    s.moves = memory_allocate(memory, graph->value_count, sizeof *s.moves, "a mark per value", error);
    s.last = memory_allocate(memory, graph->value_count, sizeof *s.last, "a mark per value", error);
    s.pass = memory_allocate(memory, graph->node_count + 1, sizeof *s.pass, "a mark per node", error);
    s.needed = needed;
    if (needed != NULL && s.moves != NULL && s.last != NULL && s.pass != NULL) {
        graph_mark(graph, &end, 1, needed);
        found = find_stages(model, &s, end, stage);
    }
    memory_free(memory, s.pass);
    memory_free(memory, s.last);
    memory_free(memory, s.moves);
    memory_free(memory, needed);
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    return found > 0 ? FOV_OK
                     : error_set(error, FOV_E_UNSUPPORTED,
                                 "no map of stride 2, 4, 8, 16 or 32 of its pictures of %d x %d has all of the network "
                                 "pass through it", s.picture.height, s.picture.width);
}

/* ---- as part of another network ---------------------------------------------------------------------------------- */

static void say_stages(const fov_model *model, const char *path, const int stage[ZOO_STAGES])
{
    char line[512] = "", shape[SHAPE_TEXT_SIZE];
    size_t used = 0;
    for (int i = 0; i < ZOO_STAGES; i++) {
        const struct value *value = graph_value(model->graph, stage[i]);
        if (stage[i] != 0) {
            used = text_append(line, sizeof line, used, "%s%d: \"%s\" %s", used > 0 ? ", " : "", 2 << i, value->name,
                               shape_text(&value->shape, shape));
        }
    }
    context_log(model->context, FOV_LOG_INFO, "%s: maps by stride, %s", path, line);
}

/* Inserts the part of the file's graph that the stages depend on, with x as its picture; returns the last stage. */
static fov_value insert(struct zoo_build *b, const fov_model *file, const int stage[ZOO_STAGES], fov_value x, int *copy)
{
    int wanted[ZOO_STAGES], count = 0;
    struct model_picture picture;
    for (int i = 0; i < ZOO_STAGES; i++) {
        if (stage[i] != 0) {
            wanted[count++] = stage[i];
        }
    }
    if (model_picture(file, &picture) && picture.channels_last) {
        x = fov_transpose(b->graph, x, (const int[]){0, 2, 3, 1}, 4);
    }
    if (graph_insert(b->graph, file->graph, file->input, x, wanted, count, b->graph->scope, GRAPH_LEARNED, copy) !=
        FOV_OK) {
        return (fov_value){0};
    }
    fov_value last = {0};
    for (int i = 0; i < ZOO_STAGES; i++) {
        if (stage[i] != 0) {
            last = (fov_value){copy[stage[i]]};
            zoo_stage(b, 2 << i, last);
        }
    }
    return last;
}

static fov_value features(struct zoo_files *files, struct zoo_build *b, const char *path, fov_value x)
{
    struct backbone_files *of = (struct backbone_files *)files;
    fov_context *context = fov_graph_context(b->graph);
    struct memory *memory = context->memory;
    fov_model *file = fov_model_load(context, path);
    int stage[ZOO_STAGES], *copy = NULL;
    struct model_picture picture;
    fov_value last = {0};
    if (file != NULL && backbone_find(file, stage, &context->error) == FOV_OK && model_picture(file, &picture)) {
        if (picture.channels != b->input.channels) {
            error_set(&context->error, FOV_E_SHAPE, "it reads pictures of %d channels, not %d", picture.channels,
                      b->input.channels);
        } else {
            say_stages(file, path, stage);
            copy = memory_allocate(memory, file->graph->value_count, sizeof *copy, "a network's values",
                                   &context->error);
            last = copy != NULL ? insert(b, file, stage, x, copy) : last;
        }
    }
    of->preprocessing = file != NULL ? file->preprocessing : of->preprocessing;
    of->is_used = true;
    memory_free(memory, copy);
    fov_model_free(file);
    if (last.id == 0) {
        error_prefix(&context->error, "backbone %s", path);
        graph_fail(b->graph);
    }
    return last;
}

struct backbone_files backbone_files(void)
{
    return (struct backbone_files){.files = {features}};
}
