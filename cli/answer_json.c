/* SPDX-License-Identifier: MIT */
/* Writes ranked scores with their names, and the items of an answer, into JSON objects. */
#include "answer_json.h"
#include <string.h>

bool answer_form_of(fov_model *model, struct answer_form *form)
{
    fov_value output = fov_model_output(model);
    fov_shape shape = fov_value_shape(fov_model_graph(model), output);
    fov_meaning meaning = fov_model_meaning(model, output);
    *form = (struct answer_form){.model = model, .count = fov_model_scores(model)};
    form->values = meaning == FOV_MEANING_VALUES;
    form->alone = meaning == FOV_MEANING_SIGMOID;
    form->single = !form->values && form->count == 2;
    for (int i = 1; i < shape.rank; i++) {
        form->single = form->single && shape.dim[i] == 1;
    }
    return form->count > 0;
}

void answer_rank(const struct answer_form *form, const float *scores, int top, int *order)
{
    for (int i = 0; i < form->count; i++) {
        order[i] = i;
    }
    for (int i = 0; i < top && !form->values; i++) {
        int best = i;
        for (int j = i + 1; j < form->count; j++) {
            float a = scores[order[j]], b = scores[order[best]];
            if (a > b || (a == b && order[j] < order[best])) {
                best = j;
            }
        }
        int keep = order[best];
        memmove(order + i + 1, order + i, (size_t)(best - i) * sizeof *order);
        order[i] = keep;
    }
}

void answer_set_scores(json_t *object, const struct answer_form *form, const float *scores, const int *order, int top)
{
    if (!form->values) {
        json_t *list = json_array();
        for (int i = 0; i < top; i++) {
            json_t *one = json_object();
            json_set_integer(one, "class", order[i]);
            json_set_text(one, "name", fov_model_class(form->model, order[i]));
            json_set_number(one, "probability", (double)scores[order[i]]);
            json_add(list, one);
        }
        json_set(object, "top", list);
    }
    if (form->values || form->alone || form->single) {
        json_t *list = json_array();
        for (int i = form->single ? 1 : 0; i < form->count; i++) {
            json_add(list, json_from_number((double)scores[i]));
        }
        json_set(object, "scores", list);
    }
}

json_t *json_from_boxes(const fov_answer_box *found, int64_t count)
{
    json_t *boxes = json_array();
    for (int64_t i = 0; i < count; i++) {
        const fov_answer_box *box = &found[i];
        const double corner[4] = {box->x1, box->y1, box->x2, box->y2};
        json_t *one = json_object(), *at = json_array();
        json_set_integer(one, "class", box->index);
        json_set_text(one, "name", box->name);
        json_set_number(one, "score", box->score);
        for (int k = 0; k < 4; k++) {
            json_add(at, json_from_number(corner[k]));
        }
        json_set(one, "box", at);
        json_add(boxes, one);
    }
    return boxes;
}

void answer_set_note(json_t *object, const char *note)
{
    if (note != NULL) {
        json_set_text(object, "note", note);
    }
}

void answer_set_items(json_t *object, const fov_answer *answer)
{
    const fov_image *pixels = answer->mask.pixels != NULL ? &answer->mask : &answer->picture;
    json_set_text(object, "task", answer->task);
    answer_set_note(object, answer->note);
    if (answer->boxes != NULL) { /* items then only hold the number of boxes of each class */
        json_set(object, "boxes", json_from_boxes(answer->boxes, answer->box_count));
        return;
    }
    if (answer->count > 0) {
        json_t *items = json_array();
        for (int i = 0; i < answer->count; i++) {
            const fov_answer_item *item = &answer->items[i];
            json_t *one = json_object();
            json_set_integer(one, "class", item->index);
            json_set_text(one, "name", item->name);
            json_set_number(one, answer->measure, item->value);
            if (answer->has_yes) {
                json_set_flag(one, "yes", item->yes);
            }
            json_add(items, one);
        }
        json_set(object, "items", items);
    }
    if (answer->count > 0 && pixels->pixels == NULL) {
        json_t *scores = json_array();
        for (int i = 0; i < answer->count; i++) {
            json_add(scores, json_from_number(answer->items[i].value));
        }
        json_set(object, "scores", scores);
    }
    if (pixels->pixels != NULL) {
        json_set_integer(object, "height", pixels->height);
        json_set_integer(object, "width", pixels->width);
    }
}
