/* SPDX-License-Identifier: MIT */
/* Chooses what is explained and writes it as seeds, the weights of the logits in the score: a class or a value, the
 * region of a map that has a class, a box of a detector. Where a detector's output holds probabilities and has no
 * logits of its own, the inverse of a sigmoid makes logits of them, so that scores mean the same as a classifier's.
 * Read next: explainer.c (the score), task/detect.h (rows to boxes). */
#include "explain/explain.h"
#include "model/boxes_form.h"
#include "task/detect.h"
#include <fovea/operators.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- maps of classes --------------------------------------------------------------------------------------------- */

/* How the scores of a map of classes are indexed, whichever axis holds the classes. */
struct map_view {
    size_t classes, places, class_step, place_step;
    int height, width;
};

static struct map_view view_of_map(const fov_explainer *e)
{
    fov_shape shape = fov_value_shape(e->model->graph, e->scores.logits);
    bool last = model_map_is_channels_last(e->model, e->model->output);
    size_t classes = e->scores.count > 0 && e->score_count % (size_t)e->scores.count == 0 ? (size_t)e->scores.count : 1;
    classes = shape.rank < 4 ? 1 : classes;
    size_t places = e->score_count / classes;
    int64_t width = shape.rank < 2 ? 1 : last ? shape.dim[shape.rank - 2] : shape.dim[shape.rank - 1];
    width = width > 0 && places % (size_t)width == 0 ? width : (int64_t)places;
    return (struct map_view){.classes = classes,
                             .places = places,
                             .class_step = last ? 1 : places,
                             .place_step = last ? classes : 1,
                             .height = (int)(places / (size_t)width),
                             .width = (int)width};
}

/* The class of a place: the largest score; of a single score, whether it is above 0. */
static int class_of_place(const struct map_view *view, const float *logits, size_t place)
{
    const float *at = logits + place * view->place_step;
    int best = 0;
    if (view->classes == 1) {
        return *at > 0.0F ? 1 : 0;
    }
    for (size_t c = 1; c < view->classes; c++) {
        best = at[c * view->class_step] > at[(size_t)best * view->class_step] ? (int)c : best;
    }
    return best;
}

/* The class of most places; the background, 0, only where there is no other. */
static int choose_class(const struct map_view *view, const float *logits)
{
    int classes = view->classes == 1 ? 2 : (int)view->classes, best = 0;
    size_t most = 0;
    for (int c = 1; c < classes; c++) {
        size_t count = 0;
        for (size_t place = 0; place < view->places; place++) {
            count += class_of_place(view, logits, place) == c;
        }
        if (count > most) {
            most = count;
            best = c;
        }
    }
    return best;
}

/* Marks all places of a class. */
static void mark_class(const fov_explainer *e, const struct map_view *view, int answer)
{
    for (size_t place = 0; place < view->places; place++) {
        e->region[place] = class_of_place(view, e->logits, place) == answer;
    }
}

/* Of the marked places, keeps those connected to `from`, over sides and corners. */
static int keep_connected(const fov_explainer *e, const struct map_view *view, size_t from, struct error *error)
{
    enum { MARKED = 1, KEPT = 2 };
    struct memory *memory = e->model->context->memory;
    size_t *waiting = memory_allocate_raw(memory, view->places, sizeof *waiting, "a region", error), count = 0;
    if (waiting == NULL) {
        return FOV_E_MEMORY;
    }
    e->region[from] = KEPT;
    waiting[count++] = from;
    while (count > 0) {
        size_t at = waiting[--count];
        int y = (int)(at / (size_t)view->width), x = (int)(at % (size_t)view->width);
        for (int near_y = y > 0 ? y - 1 : 0; near_y <= y + 1 && near_y < view->height; near_y++) {
            for (int near_x = x > 0 ? x - 1 : 0; near_x <= x + 1 && near_x < view->width; near_x++) {
                size_t near = (size_t)near_y * (size_t)view->width + (size_t)near_x;
                if (e->region[near] == MARKED) {
                    e->region[near] = KEPT;
                    waiting[count++] = near;
                }
            }
        }
    }
    for (size_t place = 0; place < view->places; place++) {
        e->region[place] = e->region[place] == KEPT;
    }
    memory_free(memory, waiting);
    return FOV_OK;
}

/* Sets the seeds to the mean of the class's score over the region; over all places where the region is empty. */
static void seed_region(const fov_explainer *e, const struct map_view *view, int answer)
{
    size_t count = 0;
    for (size_t place = 0; place < view->places; place++) {
        count += e->region[place];
    }
    float share = 1.0F / (float)(count > 0 ? count : view->places);
    float sign = view->classes == 1 && answer == 0 ? -1.0F : 1.0F;
    size_t channel = view->classes == 1 ? 0 : (size_t)answer;
    for (size_t place = 0; place < view->places; place++) {
        if (count == 0 || e->region[place]) {
            e->seeds[channel * view->class_step + place * view->place_step] = sign * share;
        }
    }
}

/* The place of a map of size `of` that answers a pixel of the input. The map is either the input reduced by a whole
 * factor, or its middle, as a network without padding leaves it. False: no place answers the pixel. */
static bool find_place(const fov_explainer *e, const int of[2], const int pixel[2], size_t *place)
{
    const int size[2] = {e->picture.height, e->picture.width};
    bool strided = size[0] % of[0] == 0 && size[1] % of[1] == 0;
    int at[2];
    for (int axis = 0; axis < 2; axis++) {
        if (pixel[axis] < 0) { /* outside the picture; divided, it would be rounded to place 0 */
            return false;
        }
        at[axis] = strided ? pixel[axis] / (size[axis] / of[axis]) : pixel[axis] - (size[axis] - of[axis]) / 2;
        if (at[axis] < 0 || at[axis] >= of[axis]) {
            return false;
        }
    }
    *place = (size_t)at[0] * (size_t)of[1] + (size_t)at[1];
    return true;
}

bool explain_region_has(const fov_explainer *e, int row, int column)
{
    const int of[2] = {e->region_height, e->region_width}, pixel[2] = {row, column};
    size_t place;
    return e->region_width > 0 && find_place(e, of, pixel, &place) && e->region[place] != 0;
}

static int choose_in_map(fov_explainer *e, const struct explain_wish *wish, struct error *error)
{
    struct map_view view = view_of_map(e);
    size_t place = 0;
    int answers = view.classes == 1 ? 2 : (int)view.classes, status = FOV_OK;
    const int of[2] = {view.height, view.width};
    if (!wish->by_place && wish->answer >= answers) {
        return error_set(error, FOV_E_USAGE, "class %d is asked about; the model has 0 to %d", wish->answer,
                         answers - 1);
    }
    if (wish->by_place && !find_place(e, of, wish->pixel, &place)) {
        return error_set(error, FOV_E_USAGE,
                         "row %d, column %d: the network answers the middle %d x %d of its %d x %d pixels",
                         wish->pixel[0], wish->pixel[1], of[1], of[0], e->picture.width, e->picture.height);
    }
    e->answer = wish->by_place      ? class_of_place(&view, e->logits, place)
                : wish->answer >= 0 ? wish->answer
                                    : choose_class(&view, e->logits);
    mark_class(e, &view, e->answer);
    status = wish->by_place ? keep_connected(e, &view, place, error) : FOV_OK;
    if (status == FOV_OK) {
        e->region_height = view.height;
        e->region_width = view.width;
        seed_region(e, &view, e->answer);
    }
    return status;
}

/* ---- boxes ------------------------------------------------------------------------------------------------------- */

/* log(p / (1 - p)) of the whole output; what it gives for coordinates is never read. */
static fov_value invert(fov_explainer *e, const char *name)
{
    static const float one = 1;
    fov_graph *graph = e->model->graph;
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    fov_value number = fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &one);
    fov_value share = fov_clip(graph, e->rows, 1e-6F, 1 - 1e-6F);
    const fov_value parts[2] = {fov_log(graph, share), fov_log(graph, fov_sub(graph, number, share))};
    return emitter->node(emitter->graph, "sub", parts, 2, NULL, name);
}

int explain_subject_open(fov_explainer *e, struct error *error)
{
    if (e->scores.meaning != FOV_MEANING_BOXES) {
        return FOV_OK;
    }
    struct memory *memory = e->model->context->memory;
    char name[48];
    e->rows = e->model->output;
    if (detect_open(&e->detector, e->model, error) == NULL) {
        return (int)error->status;
    }
    if (e->scores.is_probable) {
        snprintf(name, sizeof name, "explain.logits.%d", e->rows.id);
        fov_value earlier = fov_find(e->model->graph, name); /* of another explainer of the model */
        e->scores.logits = earlier.id != 0 ? earlier : invert(e, name);
    }
    e->found = memory_allocate(memory, DETECT_MOST_FOUND, sizeof *e->found, "boxes", error);
    e->boxes = memory_allocate(memory, DETECT_MOST_FOUND, sizeof *e->boxes, "boxes", error);
    return (int)error->status;
}

void explain_subject_close(fov_explainer *e)
{
    memory_free(e->model->context->memory, e->found);
    memory_free(e->model->context->memory, e->boxes);
    task_close(&e->detector);
}

/* Finds the boxes that reach the score threshold of the model's task; where there are none, the best one below it. */
static int find_boxes(fov_explainer *e, const float *rows, const fov_image *picture, struct error *error)
{
    struct detect_state *state = e->detector.state;
    struct detect_frame frame = detect_frame_of(&e->detector, picture->height, picture->width);
    double least = detect_options_of(&e->detector)->least;
    int64_t count = detect_find(&e->detector, state, rows, false, least, e->found, error);
    bool weak = count == 0;
    if (weak) {
        count = detect_find(&e->detector, state, rows, false, 0.0, e->found, error);
    }
    if (count < 0) {
        return (int)error->status;
    }
    e->box_count = 0;
    for (int64_t i = 0; i < count && !(weak && e->box_count > 0); i++) {
        const struct detect_found *found = &e->found[i];
        double at[4];
        if (detect_unmap_inside(&frame, found->box, picture->height, picture->width, at)) {
            e->boxes[e->box_count] = (fov_answer_box){
                found->label, fov_model_class(e->model, found->label), found->score, at[0], at[1], at[2], at[3]};
            e->found[e->box_count++] = *found;
        }
    }
    return e->box_count > 0 ? FOV_OK : error_set(error, FOV_E_UNSUPPORTED, "the detector has no box in this picture");
}

static bool holds(const struct detect_found *found, const int pixel[2])
{
    double y = pixel[0] + 0.5, x = pixel[1] + 0.5;
    return x >= found->box[0] && x < found->box[2] && y >= found->box[1] && y < found->box[3];
}

static int choose_box(fov_explainer *e, const struct explain_wish *wish, struct error *error)
{
    size_t places[2];
    e->box = wish->answer > 0 ? wish->answer : 0;
    if (wish->by_place) {
        for (e->box = 0; e->box < e->box_count && !holds(&e->found[e->box], wish->pixel);) {
            e->box++;
        }
    }
    if (e->box >= e->box_count) {
        return wish->by_place ? error_set(error, FOV_E_USAGE, "no box lies around row %d, column %d", wish->pixel[0],
                                          wish->pixel[1])
                              : error_set(error, FOV_E_USAGE, "box %d is asked about; the model found 0 to %d", e->box,
                                          e->box_count - 1);
    }
    const struct detect_found *found = &e->found[e->box];
    e->answer = found->label;
    int count = detect_scores_of(e->detector.state, found->row, found->label, places);
    for (int i = 0; i < count; i++) {
        e->seeds[places[i]] = 1.0F;
    }
    return FOV_OK;
}

/* ---- classes and values ------------------------------------------------------------------------------------------ */

static int choose_number(fov_explainer *e, const struct explain_wish *wish, struct error *error)
{
    int answer = wish->answer;
    bool single = e->score_count == 1 && e->scores.classes == 2;
    int answers = single ? 2 : (int)e->score_count;
    if (wish->by_place) {
        return error_set(error, FOV_E_USAGE, "a place is asked about; the model answers for the whole picture");
    }
    if (answer >= answers) {
        return error_set(error, FOV_E_USAGE, "answer %d is asked about; the model has 0 to %d", answer, answers - 1);
    }
    if (single) { /* one logit: it speaks for class 1 and as much against class 0 */
        e->answer = answer >= 0 ? answer : e->logits[0] > 0.0F;
        e->seeds[0] = e->answer == 1 ? 1.0F : -1.0F;
        return FOV_OK;
    }
    e->answer = answer > 0 ? answer : 0;
    for (size_t i = 1; answer < 0 && i < e->score_count; i++) {
        e->answer = e->logits[i] > e->logits[e->answer] ? (int)i : e->answer;
    }
    e->seeds[e->answer] = 1.0F;
    return FOV_OK;
}

int explain_choose(fov_explainer *e, fov_plan *plan, const fov_image *picture, const struct explain_wish *wish,
                   struct error *error)
{
    if (wish->answer < -1 ||
        (wish->by_place && (wish->pixel[0] < 0 || wish->pixel[1] < 0 || wish->pixel[0] >= e->picture.height ||
                            wish->pixel[1] >= e->picture.width))) {
        return wish->by_place ? error_set(error, FOV_E_USAGE, "row %d, column %d of %d x %d pixels is asked about",
                                          wish->pixel[0], wish->pixel[1], e->picture.width, e->picture.height)
                              : error_set(error, FOV_E_USAGE, "answer %d is asked about", wish->answer);
    }
    memset(e->seeds, 0, e->score_count * sizeof *e->seeds);
    e->region_height = e->region_width = 0;
    if (e->rows.id != 0) {
        int status = find_boxes(e, explain_row(plan, e->rows, 0), picture, error);
        return status == FOV_OK ? choose_box(e, wish, error) : status;
    }
    return e->scores.meaning == FOV_MEANING_MAP ? choose_in_map(e, wish, error) : choose_number(e, wish, error);
}
