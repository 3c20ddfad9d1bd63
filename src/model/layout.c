/* SPDX-License-Identifier: MIT */
/* The layout of an input: channels first, as PyTorch writes models, or last, as Keras does. A graph keeps its file's
 * layout; the code that fills the input asks here. Rules, in this order: a stated layout; a transpose of the input that
 * moves its last dimension forward (channels last), or a convolution without one (first); which of the second and the
 * last dimension can be a number of channels (1, 3 or 4); if both can, the choice that leaves a square; else first. */
#include "model/model.h"
#include <string.h>

enum { FOLLOWED = 16 }; /* at most this many operators before the first convolution: normalisation, a cast, padding */

static bool is_channels(int64_t size)
{
    return size == 1 || size == 3 || size == 4;
}

/* The first operator that reads a value; NULL: none does. */
static const struct node *reader_of(const fov_graph *graph, int id)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        for (int i = 0; i < graph->nodes[n].in_count; i++) {
            if (graph->nodes[n].in[i] == id) {
                return &graph->nodes[n];
            }
        }
    }
    return NULL;
}

/* The layout by the graph: 1, channels last; 0, first; -1, the graph does not tell. */
static int layout_by_graph(const fov_graph *graph, fov_value input)
{
    const fov_shape *own = &graph_value(graph, input.id)->shape;
    int              id = input.id;
    for (int step = 0; step < FOLLOWED; step++) {
        const struct node *node = reader_of(graph, id);
        if (node == NULL || node->out_count < 1) {
            return -1;
        }
        const fov_shape *shape = &graph_value(graph, node->out[0])->shape;
        if (strcmp(node->op->name, "transpose") == 0) {
            bool forward = shape->rank == 4 && shape->dim[1] == own->dim[3] && is_channels(own->dim[3]);
            return forward ? 1 : -1;
        }
        if (strncmp(node->op->name, "conv", 4) == 0) {
            return 0;
        }
        if (shape->rank != 4 || shape->dim[1] != own->dim[1] || shape->dim[3] != own->dim[3]) {
            return -1; /* a changed shape: what follows tells nothing about the input */
        }
        id = node->out[0];
    }
    return -1;
}

fov_layout model_find_layout(const fov_model *model, fov_value input, bool *is_guess)
{
    const fov_shape *shape = &graph_value(model->graph, input.id)->shape;
    *is_guess = false;
    if (shape->rank != 4) {
        return FOV_LAYOUT_NCHW;
    }
    bool first = is_channels(shape->dim[1]), last = is_channels(shape->dim[3]);
    int  told = last ? layout_by_graph(model->graph, input) : 0;
    if (told < 0 && first) { /* both can be: pictures are square more often than not */
        bool square_before = shape->dim[1] == shape->dim[2], square_behind = shape->dim[2] == shape->dim[3];
        *is_guess = square_before == square_behind;
        told = square_before && !square_behind;
    }
    return told != 0 ? FOV_LAYOUT_NHWC : FOV_LAYOUT_NCHW;
}

fov_layout fov_model_layout(const fov_model *model, fov_value input)
{
    if (model == NULL) {
        return FOV_LAYOUT_NCHW;
    }
    bool is_guess;
    if (input.id < 1 || input.id >= (int)model->graph->value_count) {
        return FOV_LAYOUT_NCHW;
    }
    if (graph_value(model->graph, input.id)->kind != VALUE_INPUT && fov_model_meaning(model, input) == FOV_MEANING_MAP) {
        return model_map_is_channels_last(model, input) ? FOV_LAYOUT_NHWC : FOV_LAYOUT_NCHW;
    }
    return model->layout_stated && input.id == model->input.id ? model->layout
                                                               : model_find_layout(model, input, &is_guess);
}

int fov_model_set_layout(fov_model *model, fov_layout layout)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    struct error *error = &model->context->error;
    if ((unsigned)layout > FOV_LAYOUT_NHWC) {
        return error_set(error, FOV_E_USAGE, "there is no layout %d: FOV_LAYOUT_NCHW or FOV_LAYOUT_NHWC", (int)layout);
    }
    if (model->input.id == 0 || fov_value_shape(model->graph, model->input).rank != 4) {
        return error_set(error, FOV_E_SHAPE, "only an input of four dimensions has a layout");
    }
    model->layout = layout;
    model->layout_stated = true;
    return FOV_OK;
}

bool model_picture(const fov_model *model, struct model_picture *picture)
{
    fov_shape shape = model->input.id != 0 ? fov_value_shape(model->graph, model->input) : (fov_shape){.rank = 0};
    bool      last = shape.rank == 4 && fov_model_layout(model, model->input) == FOV_LAYOUT_NHWC;
    int       channels = last ? 3 : 1, height = last ? 1 : 2;
    *picture = (struct model_picture){.channels_last = last};
    if (shape.rank != 4) {
        return false;
    }
    for (int i = 1; i < 4; i++) {
        if (shape.dim[i] < 1 || shape.dim[i] > 1 << 20) {
            return false;
        }
    }
    picture->channels = (int)shape.dim[channels];
    picture->height = (int)shape.dim[height];
    picture->width = (int)shape.dim[height + 1];
    return picture->channels <= 4;
}

bool fov_model_picture_size(const fov_model *model, int *channels, int *height, int *width)
{
    if (model == NULL || channels == NULL || height == NULL || width == NULL) {
        return false;
    }
    struct model_picture picture;
    bool                 is_picture = model_picture(model, &picture);
    *channels = picture.channels;
    *height = picture.height;
    *width = picture.width;
    return is_picture;
}
