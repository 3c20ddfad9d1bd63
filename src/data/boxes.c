/* SPDX-License-Identifier: MIT */
/* Validation of boxes, and their classes by name. */
#include "data/boxes.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CLASSES = 10000 };

int boxes_add(struct list *list, const char *file, const fov_box *given, double height, double width,
              struct error *error)
{
    fov_box box = *given;
    const float *side[4] = {&given->x1, &given->y1, &given->x2, &given->y2};
    bool is_number = true;
    for (int i = 0; i < 4; i++) {
        is_number = is_number && isfinite(*side[i]) && fabsf(*side[i]) < 1e7F;
    }
    if (is_number && height > 0 && width > 0) {
        box.x1 = fminf(fmaxf(box.x1, 0), (float)width);
        box.x2 = fminf(fmaxf(box.x2, 0), (float)width);
        box.y1 = fminf(fmaxf(box.y1, 0), (float)height);
        box.y2 = fminf(fmaxf(box.y2, 0), (float)height);
    }
    if (!is_number || !(given->x2 > given->x1) || !(given->y2 > given->y1)) {
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "degenerate box", file, "left out",
                            error, "a box from %g, %g to %g, %g has no area", (double)given->x1, (double)given->y1,
                            (double)given->x2, (double)given->y2);
    }
    if (!(box.x2 > box.x1) || !(box.y2 > box.y1)) {
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "box outside", file, "left out",
                            error, "a box from %g, %g to %g, %g lies outside of the picture, %g x %g",
                            (double)given->x1, (double)given->y1, (double)given->x2, (double)given->y2, height, width);
    }
    int status = FOV_OK;
    float rounding = height > 1 ? 0.5F : 0.002F; // tolerance in pixels; or, if boxes are shares (height 1), in shares
    for (int i = 0; i < 4 && status == FOV_OK; i++) {
        const float *kept[4] = {&box.x1, &box.y1, &box.x2, &box.y2};
        if (fabsf(*kept[i] - *side[i]) > rounding) {
            status =
                findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "box sticks out", file,
                             "cut to the picture", error, "a box from %g, %g to %g, %g in a picture of %g x %g",
                             (double)given->x1, (double)given->y1, (double)given->x2, (double)given->y2, height, width);
            break;
        }
    }
    return status ? status : list_add_box(list, &box, error);
}

int boxes_class(struct list *list, const char *name, int *label, struct error *error)
{
    for (size_t i = 0; i < list->class_count; i++) {
        if (strcmp(list->classes[i], name) == 0) {
            *label = (int)i;
            return FOV_OK;
        }
    }
    *label = (int)list->class_count;
    return list->class_count < MOST_CLASSES
               ? list_add_class(list, name, error)
               : error_set(error, FOV_E_INPUT, "more than %d classes of boxes", MOST_CLASSES);
}

static int compare_classes(const void *a, const void *b)
{
    char *const *first = a, *const *second = b;
    return strcmp(*first, *second);
}

int boxes_sort_classes(struct list *list, struct error *error)
{
    size_t count = list->class_count;
    char **before = memory_allocate_raw(list->memory, count + 1, sizeof *before, "class names", error);
    int *moved = memory_allocate_raw(list->memory, count + 1, sizeof *moved, "class names", error);
    int status = before && moved ? FOV_OK : FOV_E_MEMORY;
    if (status == FOV_OK && count > 1) {
        memcpy(before, list->classes, count * sizeof *before);
        qsort(list->classes, count, sizeof *list->classes, compare_classes);
        for (size_t i = 0; i < count; i++) {
            for (size_t k = 0; k < count; k++) {
                moved[i] = list->classes[k] == before[i] ? (int)k : k == 0 ? 0 : moved[i];
            }
        }
        for (size_t i = 0; i < list->box_count; i++) {
            list->boxes[i].label = moved[list->boxes[i].label];
        }
    }
    memory_free(list->memory, before);
    memory_free(list->memory, moved);
    return status;
}

bool boxes_have(const struct store *store, const char *folder, const char *name, const char *suffix)
{
    struct memory *memory = memory_create(NULL, 0);
    char path[DATA_PATH_SIZE], **names = NULL;
    size_t count, tail = strlen(suffix);
    bool found = false;
    if (memory && file_join(path, sizeof path, folder, name, NULL) == FOV_OK &&
        store_look(store, path) == STORE_FOLDER && store_list(store, path, memory, &names, &count, NULL) == FOV_OK) {
        for (size_t i = 0; i < count && !found; i++) {
            size_t length = strlen(names[i]);
            found = length > tail && folder_compare_names(names[i] + length - tail, suffix) == 0;
        }
        memory_free(memory, names);
    }
    memory_destroy(memory);
    return found;
}
