/* SPDX-License-Identifier: MIT */
/* Appends non-maximum suppression to a detector's graph, so that any runtime that runs the file gets final boxes. Rows
 * of any form are converted to corners and scores, of which an operator keeps the best (op/suppressed_boxes). Read
 * next: boxes_form.c (the forms), detector.c (reading detectors of other tools). */
#include "base/arithmetic.h"
#include "model/boxes_form.h"
#include "op/suppressed_boxes/suppressed_boxes.h"
#include "op/yolox_loss/yolox.h"
#include <fovea/boxes.h>
#include <fovea/operators.h>
#include <float.h>
#include <string.h>

static fov_value number(fov_graph *graph, float value)
{
    return fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &value);
}

/* Converts centre and size, each [N, rows, 2], to corners [N, rows, 4]. */
static fov_value corners_of(fov_graph *g, fov_value middle, fov_value size)
{
    fov_value half = fov_mul(g, size, number(g, 0.5F));
    return fov_concat(g, (fov_value[]){fov_sub(g, middle, half), fov_add(g, middle, half)}, 2, 2);
}

/* Converts YOLOX's rows, which are relative to grid cells, to corners in pixels. */
static fov_value corners_of_steps(fov_model *model, const struct boxes_rows *of, fov_value middle, fov_value size)
{
    fov_graph *g = model->graph;
    const struct yolox_options options = {of->height, of->width};
    size_t each = 2 * of->rows;
    float *places = memory_allocate_raw(model->context->memory, 2 * each, sizeof *places, "a detector's places",
                                        &model->context->error);
    if (places == NULL) {
        return (fov_value){0};
    }
    for (size_t row = 0; row < of->rows; row++) {
        struct yolox_place place = yolox_place_of(&options, row);
        places[2 * row] = (float)place.x;
        places[2 * row + 1] = (float)place.y;
        places[each + 2 * row] = places[each + 2 * row + 1] = (float)place.stride;
    }
    const fov_shape shape = {3, {1, (int64_t)of->rows, 2}};
    fov_value place = fov_constant(g, NULL, FOV_F32, shape, places);
    fov_value stride = fov_constant(g, NULL, FOV_F32, shape, places + each);
    memory_free(model->context->memory, places);
    middle = fov_mul(g, fov_add(g, middle, place), stride);
    size = fov_mul(g, fov_exp(g, fov_clip(g, size, -FLT_MAX, 20)), stride); /* clipped as in yolox_decode */
    return corners_of(g, middle, size);
}

/* Sets all but the best class score of a row to 0: as everywhere in fovea, a box has only its best class. */
static fov_value only_best(fov_graph *g, fov_value scores)
{
    const struct op_emitter *emitter = fov_graph_emitter(g);
    fov_value best = fov_reduce_max(g, scores, .axes = {2}, .axis_count = 1, .keep_dims = true);
    return fov_mul(g, scores, fov_cast(g, op_emit2(emitter, "greater_or_equal", scores, best, NULL), FOV_F32));
}

static fov_value rows_of(fov_model *model, const struct boxes_rows *of)
{
    return of->across ? fov_transpose(model->graph, model->output, (const int[]){0, 2, 1}, 3) : model->output;
}

/* Corners of boxes given by centre and size. */
static fov_value decoded_boxes(fov_model *model, const struct boxes_form *form, const struct boxes_rows *of,
                               fov_value rows)
{
    fov_graph *g = model->graph;
    fov_value first = fov_slice(g, rows, 2, 0, 2, 1), second = fov_slice(g, rows, 2, 2, 2, 1);
    return form->is_steps ? corners_of_steps(model, of, first, second) : corners_of(g, first, second);
}

/* Suppresses boxes [N, boxes, 4] with scores [N, classes, boxes]: the result becomes the chosen output. */
static fov_value keep(fov_graph *g, fov_value boxes, fov_value scores, const struct suppressed_options *options)
{
    const struct op_emitter *emitter = fov_graph_emitter(g);
    return emitter->node(emitter->graph, "suppressed_boxes", (const fov_value[]){boxes, scores}, 2, options,
                         "detections");
}

static const struct node *find_suppression(const fov_model *model)
{
    const fov_graph *g = model->graph;
    for (size_t i = g->node_count; i-- > 0;) {
        const struct node *node = &g->nodes[i];
        if (strcmp(node->op->name, "suppressed_boxes") == 0 && node->out[0] == model->output.id) {
            return node;
        }
    }
    return NULL;
}

const struct suppressed_options *model_suppression(const fov_model *model)
{
    const struct node *node = find_suppression(model);
    return node != NULL ? node->options : NULL;
}

int model_suppressed_classes(const fov_model *model)
{
    const struct node *node = find_suppression(model);
    return node != NULL ? (int)graph_value(model->graph, node->in[1])->shape.dim[1] : 0;
}

int model_suppress_again(fov_model *model, const struct suppressed_options *options)
{
    fov_value kept = keep(model->graph, model->outputs[0].value, model->outputs[1].value, options);
    if (kept.id == 0) {
        return graph_refuse(model->graph);
    }
    model->outputs[0] = (struct model_output){.value = kept, .boxes_form = boxes_form_named("kept")};
    model->output_count = 1;
    model->output = kept;
    return model_find_meanings(model);
}

static int add(fov_model *model, const fov_suppress_options *options)
{
    fov_graph *g = model->graph;
    struct error *error = &model->context->error;
    struct boxes_rows of = {.rows = 0};
    const struct boxes_form *form = boxes_form_of(model, model->output, 0, &of);
    if (options->kind != FOV_SUPPRESS_HARD || options->agnostic) {
        return error_set(error, FOV_E_UNSUPPORTED, "in the network suppression is hard, and class by class");
    }
    if (model->output.id == 0 || form == NULL || form->is_kept) {
        return error_set(error, FOV_E_UNSUPPORTED, "%s", form == NULL ? "the model's output is no detector's"
                                                                       : "the model has suppression at its end already");
    }
    fov_value rows = rows_of(model, &of);
    fov_value boxes = form->is_corners ? fov_slice(g, rows, 2, 0, 4, 1) : decoded_boxes(model, form, &of, rows);
    fov_value scores = fov_slice(g, rows, 2, form->first_class, of.classes, 1);
    scores = form->object >= 0 ? fov_mul(g, scores, fov_slice(g, rows, 2, form->object, 1, 1)) : scores;
    const struct suppressed_options told = {options->overlap, options->least, options->most > 0 ? options->most : 300};
    fov_value kept = keep(g, boxes, fov_transpose(g, only_best(g, scores), (const int[]){0, 2, 1}, 3), &told);
    if (kept.id == 0) {
        return graph_refuse(g);
    }
    int status = model_replace_output(model, kept);
    model_state_boxes_form(model, boxes_form_named("kept"));
    return status == FOV_OK ? model_find_meanings(model) : status;
}

int fov_model_add_suppression(fov_model *model, const fov_suppress_options *options)
{
    static const fov_suppress_options standard = {.overlap = 0.65, .least = 0.25};
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    struct call call = call_begin(model->context);
    int status = model->context->error.status != FOV_OK ? (int)model->context->error.status
                                                         : add(model, options != NULL ? options : &standard);
    call_end(&call);
    return status;
}
