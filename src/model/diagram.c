/* SPDX-License-Identifier: MIT */
/* Turns nodes into boxes, groups boxes into blocks, and folds identical consecutive blocks into one. */
#include "model/diagram.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

struct making {
    struct diagram *diagram;
    const fov_graph *graph;
    const fov_layer *layers; /* of the summary, in the order of nodes */
    int layer_count;
    int *box_of; /* per value: the box that computes it; or INPUT, or WEIGHTS: computed from weights alone */
    int64_t *carried; /* per value: parameters that it is computed from, to be counted in the box that reads it */
};
enum { INPUT = -1, WEIGHTS = -2 };

/* ---- boxes ------------------------------------------------------------------------------------------------------- */

static bool is_data(const struct making *m, int id)
{
    return id != 0 && m->box_of[id] != WEIGHTS;
}

/* The first input of a node that depends on the network's input, and *count of them; 0: none. */
static int main_input(const struct making *m, const struct node *node, int *count)
{
    int first = 0;
    *count = 0;
    for (int i = 0; i < node->in_count; i++) {
        if (is_data(m, node->in[i])) {
            first = first == 0 ? node->in[i] : first;
            *count += 1;
        }
    }
    return first;
}

static bool changes_size(const fov_shape *in, const fov_shape *out)
{
    return in->rank == 4 && out->rank == 4 && (in->dim[2] != out->dim[2] || in->dim[3] != out->dim[3]);
}

/* Whether a node gets a box: it multiplies, joins branches, pools (with any stride) or changes the map's size. */
static bool is_drawn(const struct making *m, const struct node *node, const fov_layer *layer)
{
    int count = 0, first = main_input(m, node, &count);
    if (first == 0) {
        return false;
    }
    fov_shape in = graph_value(m->graph, first)->shape;
    return layer->multiply_adds > 0 || count > 1 || node->op->family == OP_POOLING ||
           (strcmp(node->op->name, "transpose") != 0 && changes_size(&in, &graph_value(m->graph, node->out[0])->shape));
}

/* "3x3 depthwise conv 64 /2", "dense 1000", "global avg_pool", "add". */
static void write_label(const struct making *m, const struct node *node, const fov_layer *layer,
                        char out[DIAGRAM_LABEL])
{
    struct op_tensor in[OP_MAX_PORTS], made[OP_MAX_PORTS];
    struct op_cost cost = graph_cost(m->graph, node, in, made);
    const fov_shape *x = &in[0].shape, *y = &made[0].shape;
    bool has_window = cost.kernel[0] > 1 || cost.kernel[1] > 1 || strcmp(node->op->name, "conv") == 0;
    size_t used = 0;
    if (has_window && !cost.global) {
        used = text_append(out, DIAGRAM_LABEL, used, "%lldx%lld ", (long long)cost.kernel[0], (long long)cost.kernel[1]);
    }
    bool is_depthwise = strcmp(node->op->name, "conv") == 0 && node->in_count > 1 && x->rank == 4 &&
                        in[1].shape.rank == 4 && in[1].shape.dim[1] == 1 && x->dim[1] > 1;
    used = text_append(out, DIAGRAM_LABEL, used, "%s%s", is_depthwise ? "depthwise " : "", node->op->name);
    if (layer->multiply_adds > 0 && y->rank > 1) { /* number of filters or units */
        int axis = strcmp(node->op->name, "matmul") == 0 ? y->rank - 1 : 1;
        used = text_append(out, DIAGRAM_LABEL, used, " %lld", (long long)y->dim[axis]);
    }
    if (cost.dilation[0] > 1) {
        used = text_append(out, DIAGRAM_LABEL, used, " dilated %lld", (long long)cost.dilation[0]);
    }
    if (cost.stride[0] > 1 || cost.stride[1] > 1) {
        text_append(out, DIAGRAM_LABEL, used, " /%lld", (long long)cost.stride[0]);
    }
}

/* Adds a layer that has no box of its own to its producer's box: "bn", "relu". */
static void add_behind(struct diagram_box *box, const struct node *node, const fov_layer *layer)
{
    bool is_norm = node->op->family == OP_NORMALISATION;
    size_t used = strlen(box->behind);
    const char *word = strcmp(node->op->name, "batch_norm") == 0 ? "bn" : node->op->name;
    if (is_norm || node->op->family == OP_ACTIVATION) {
        text_append(box->behind, DIAGRAM_LABEL, used, "%s%s", used > 0 ? " " : "", word);
    }
    box->layer.parameters += layer->parameters;
    box->layer.shape = layer->shape;
    box->layer.receptive_field[0] = layer->receptive_field[0];
    box->layer.receptive_field[1] = layer->receptive_field[1];
}

static void add_input(struct diagram_box *box, int from)
{
    for (int i = 0; i < box->input_count; i++) {
        if (box->inputs[i] == from) {
            return;
        }
    }
    if (box->input_count < DIAGRAM_MOST_INPUTS) {
        box->inputs[box->input_count++] = from;
    }
}

static void add_node(struct making *m, const struct node *node, const fov_layer *layer)
{
    struct diagram *d = m->diagram;
    int count = 0, first = main_input(m, node, &count), made = first != 0 ? m->box_of[first] : WEIGHTS;
    fov_layer own = *layer;
    for (int i = 0; i < node->in_count; i++) {
        own.parameters += m->carried[node->in[i]];
        m->carried[node->in[i]] = 0;
    }
    if (is_drawn(m, node, layer)) {
        made = d->box_count;
        struct diagram_box *box = &d->boxes[d->box_count++];
        *box = (struct diagram_box){.layer = own};
        write_label(m, node, layer, box->label);
        for (int i = 0; i < node->in_count; i++) {
            if (is_data(m, node->in[i])) {
                add_input(box, m->box_of[node->in[i]]);
            }
        }
    } else if (made >= 0) {
        add_behind(&d->boxes[made], node, &own);
    } else {
        m->carried[node->out[0]] = own.parameters;
    }
    for (int i = 0; i < node->out_count; i++) {
        m->box_of[node->out[i]] = made;
    }
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

static bool is_number(const char *word, size_t length)
{
    return length > 0 && strspn(word, "0123456789") >= length;
}

/* The scope that names a layer's block: the first part of the name and the numbers after it ("layer1.0" of
 * "layer1.0.conv1", "features.1.0" of "features.1.0.block.0"); only the first part if it has a number itself
 * ("inception3a" of "inception3a.branch2.0.conv"); else the first two ("features.denseblock1" of
 * "features.denseblock1.norm.x"). "" for "conv1". */
static void find_scope(const char *name, char out[DIAGRAM_NAME])
{
    const char *last = strrchr(name, '.');
    size_t whole = last != NULL ? (size_t)(last - name) : 0, length = strcspn(name, ".");
    bool has_number = strcspn(name, "0123456789") < length;
    length = length < whole ? length : whole;
    for (int part = 1; part < 3 && length < whole; part++) {
        size_t next = strcspn(name + length + 1, ".");
        if (!is_number(name + length + 1, next) && (has_number || part > 1)) {
            break;
        }
        length += 1 + next;
    }
    snprintf(out, DIAGRAM_NAME, "%.*s", (int)(length < DIAGRAM_NAME ? length : DIAGRAM_NAME - 1), name);
}

/* The scope of a box. A join without a scope, such as a sum that the graph named by itself, takes that of the box just
 * before it, if it reads that one. */
static void scope_of(const struct diagram *d, int number, char out[DIAGRAM_NAME])
{
    const struct diagram_box *box = &d->boxes[number];
    find_scope(box->layer.name, out);
    bool joins = box->input_count > 1 && box->layer.multiply_adds == 0;
    int last = -1;
    for (int i = 0; i < box->input_count; i++) {
        last = box->inputs[i] > last ? box->inputs[i] : last;
    }
    if (out[0] == '\0' && joins && last == number - 1 && last >= 0) {
        scope_of(d, last, out);
    }
}

/* Whether all layers of a scope form one block: its name has a number. Without one, as "features", it may be a whole
 * network. */
static bool is_whole(const char *scope)
{
    return scope[strcspn(scope, "0123456789")] != '\0';
}

static bool same_size(const fov_shape *a, const fov_shape *b)
{
    return a->rank == b->rank && (a->rank != 4 || (a->dim[2] == b->dim[2] && a->dim[3] == b->dim[3]));
}

/* Whether the next box is of another scope and this one reads only the box before it. */
static bool is_single(const struct diagram *d, int number, const char *scope)
{
    char other[DIAGRAM_NAME] = "";
    const struct diagram_box *box = &d->boxes[number];
    if (number + 1 < d->box_count) {
        scope_of(d, number + 1, other);
    }
    return scope[0] != '\0' && strcmp(scope, other) != 0 && box->input_count == 1 && box->inputs[0] == number - 1;
}

/* Whether a box continues the present block: it has the same scope, and either that scope is one block, or is empty, or
 * the map's size stays the same (VGG's stages); or both are single boxes of their scopes. */
static bool goes_on(const struct diagram *d, const struct diagram_block *block, int number, const char *scope)
{
    const struct diagram_box *box = &d->boxes[number], *before = &d->boxes[number - 1];
    char own[DIAGRAM_NAME];
    scope_of(d, number - 1, own);
    if (strcmp(scope, own) == 0) {
        return is_whole(scope) || scope[0] == '\0' || same_size(&box->layer.shape, &before->layer.shape);
    }
    return block->singles && is_single(d, number, scope);
}

static void place_box(struct diagram *d, struct diagram_block *block, struct diagram_box *box)
{
    int wanted = -1, taken[64] = {0};
    box->level = 0;
    for (int i = 0; i < box->input_count; i++) {
        const struct diagram_box *from = box->inputs[i] >= block->first ? &d->boxes[box->inputs[i]] : NULL;
        if (from != NULL && from->level >= box->level) {
            box->level = from->level + 1;
        }
        wanted = from != NULL && (wanted < 0 || from->column < wanted) ? from->column : wanted;
    }
    for (const struct diagram_box *other = &d->boxes[block->first]; other < box; other++) {
        taken[other->level == box->level && other->column < 63 ? other->column : 63] = 1;
    }
    for (box->column = wanted > 0 ? wanted : 0; box->column < 63 && taken[box->column]; box->column++) {
    }
    block->levels = box->level >= block->levels ? box->level + 1 : block->levels;
    block->columns = box->column >= block->columns ? box->column + 1 : block->columns;
}

static void add_to_block(struct diagram *d, struct diagram_block *block, int number)
{
    struct diagram_box *box = &d->boxes[number];
    box->block = (int)(block - d->blocks);
    block->count++;
    place_box(d, block, box);
    block->parameters += box->layer.parameters;
    block->multiply_adds += box->layer.multiply_adds;
    block->shape = box->layer.shape;
    memcpy(block->receptive_field, box->layer.receptive_field, sizeof block->receptive_field);
}

/* A block is named by its scope if that is one block ("layer1.0"), else by its layer ("conv1"). */
static void name_block(char out[DIAGRAM_NAME], const char *scope, const struct diagram_box *box)
{
    const char *name = is_whole(scope) ? scope : box->layer.name;
    snprintf(out, DIAGRAM_NAME, "%.*s", DIAGRAM_NAME - 1, name);
}

static void make_blocks(struct diagram *d)
{
    char scope[DIAGRAM_NAME];
    for (int i = 0; i < d->box_count; i++) {
        scope_of(d, i, scope);
        if (i == 0 || !goes_on(d, &d->blocks[d->block_count - 1], i, scope)) {
            struct diagram_block *block = &d->blocks[d->block_count++];
            *block = (struct diagram_block){.first = i, .times = 1, .singles = is_single(d, i, scope)};
            name_block(block->name, scope, &d->boxes[i]);
        }
        struct diagram_block *block = &d->blocks[d->block_count - 1];
        add_to_block(d, block, i);
        name_block(block->last_name, scope, &d->boxes[i]);
    }
}

/* ---- alike ------------------------------------------------------------------------------------------------------- */

static bool are_alike(const struct diagram *d, const struct diagram_block *a, const struct diagram_block *b)
{
    bool alike = a->count == b->count && a->levels == b->levels && a->parameters == b->parameters &&
                 shape_equal(&a->shape, &b->shape);
    for (int i = 0; alike && i < a->count; i++) {
        const struct diagram_box *x = &d->boxes[a->first + i], *y = &d->boxes[b->first + i];
        alike = strcmp(x->label, y->label) == 0 && strcmp(x->behind, y->behind) == 0 && x->level == y->level &&
                x->column == y->column;
    }
    return alike;
}

static void fold_blocks(struct diagram *d)
{
    int kept = 0;
    for (int k = 1; k < d->block_count; k++) {
        struct diagram_block *last = &d->blocks[kept];
        if (are_alike(d, last, &d->blocks[k])) {
            last->times++;
            memcpy(last->last_name, d->blocks[k].last_name, sizeof last->last_name);
            memcpy(last->receptive_field, d->blocks[k].receptive_field, sizeof last->receptive_field);
        } else {
            d->blocks[++kept] = d->blocks[k];
        }
    }
    d->block_count = d->block_count > 0 ? kept + 1 : 0;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

int diagram_open(struct diagram *d, fov_model *model, const fov_shape *input, struct error *error)
{
    struct memory *memory = model->context->memory;
    const fov_graph *graph = model->graph;
    *d = (struct diagram){.memory = memory};
    if (fov_model_summary(model, input, &d->summary) != FOV_OK) {
        return (int)error->status;
    }
    size_t most = (size_t)d->summary.layer_count + 1;
    struct making m = {.diagram = d, .graph = graph, .layers = d->summary.layers,
                       .layer_count = d->summary.layer_count};
    d->boxes = memory_allocate(memory, most, sizeof *d->boxes, "a drawing", error);
    d->blocks = memory_allocate(memory, most, sizeof *d->blocks, "a drawing", error);
    m.box_of = memory_allocate(memory, graph->value_count, sizeof *m.box_of, "a drawing", error);
    m.carried = memory_allocate(memory, graph->value_count, sizeof *m.carried, "a drawing", error);
    bool fine = d->boxes != NULL && d->blocks != NULL && m.box_of != NULL && m.carried != NULL;
    int status = fine ? FOV_OK : FOV_E_MEMORY;
    for (size_t v = 0; status == FOV_OK && v < graph->value_count; v++) {
        m.box_of[v] = graph_value(graph, (int)v)->kind == VALUE_INPUT ? INPUT : WEIGHTS;
        m.carried[v] = 0;
    }
    for (size_t n = 0, at = 0; status == FOV_OK && n < graph->node_count && at < (size_t)m.layer_count; n++) {
        if (m.layers[at].name == graph->nodes[n].name) { /* the summary lists needed nodes only */
            add_node(&m, &graph->nodes[n], &m.layers[at++]);
        }
    }
    memory_free(memory, m.box_of);
    memory_free(memory, m.carried);
    if (status == FOV_OK && d->box_count == 0) {
        status = error_set(error, FOV_E_SHAPE, "the network has no layer to draw");
    }
    if (status == FOV_OK) {
        make_blocks(d);
        fold_blocks(d);
    }
    return status;
}

void diagram_close(struct diagram *d)
{
    if (d->memory != NULL) {
        memory_free(d->memory, d->boxes);
        memory_free(d->memory, d->blocks);
    }
    *d = (struct diagram){.box_count = 0};
}
