/* SPDX-License-Identifier: MIT */
/* Boxes in YOLO's format: for images/A.jpg a text file labels/A.txt with a line "class x y width height" per object:
 * centre and size as shares of the picture's width and height. For an outline (more pairs of numbers) the box around it
 * is used. A data.yaml names the classes and the splits: yolo_description.c. */
#include "base/text.h"
#include "data/boxes.h"
#include "data/yolo.h"
#include <float.h>
#include <stdio.h>
#include <string.h>

enum { MOST_CLASSES = 10000, MOST_NUMBERS = 20000 };

/* ---- labels ------------------------------------------------------------------------------------------------------ */

/* "images/train/1.jpg" to "labels/train/1.txt": the last folder "images" becomes "labels". */
static void label_path(char out[DATA_PATH_SIZE], const char *picture)
{
    static const char folder[] = "/images/";
    const char *found = NULL, *dot = strrchr(picture, '.');
    for (const char *at = picture; (at = strstr(at, folder)) != NULL; at++) {
        found = at;
    }
    size_t stem = dot ? (size_t)(dot - picture) : strlen(picture);
    if (found != NULL && found < picture + stem) {
        const char *rest = found + sizeof folder - 1;
        snprintf(out, DATA_PATH_SIZE, "%.*s/labels/%.*s.txt", (int)(found - picture), picture,
                 (int)(stem - (size_t)(rest - picture)), rest);
    } else {
        snprintf(out, DATA_PATH_SIZE, "%.*s.txt", (int)stem, picture);
    }
}

/* Reads the numbers of a line; returns how many, or SIZE_MAX if something else is in it. */
static size_t read_numbers(char *line, double *numbers, size_t most)
{
    size_t count = 0;
    for (char *at = line + strspn(line, " \t"); *at && count < most; count++) {
        size_t length = strcspn(at, " \t");
        char end = at[length];
        at[length] = '\0';
        if (!text_to_number(at, &numbers[count])) {
            return SIZE_MAX;
        }
        at += length + (end != '\0');
        at += strspn(at, " \t");
    }
    return count;
}

/* Adds the box of one line, one object. */
static int take_line(struct list *list, const char *file, size_t number, char *line, double *numbers,
                     struct error *error)
{
    size_t count = read_numbers(line, numbers, MOST_NUMBERS);
    if (count == 0) {
        return FOV_OK;
    }
    bool is_box = count == 5, is_outline = count >= 7 && count != SIZE_MAX && count % 2 == 1;
    if (!is_box && !is_outline) {
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "no box", file, "left out", error,
                            "line %zu is not \"class x y width height\"", number);
    }
    if (!(numbers[0] >= 0 && numbers[0] < MOST_CLASSES) || numbers[0] != (double)(int)numbers[0] ||
        (list->class_count > 0 && numbers[0] >= (double)list->class_count)) {
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "unknown class", file, "left out",
                            error, "line %zu: class %g, but %zu are named", number, numbers[0], list->class_count);
    }
    double least[2] = {DBL_MAX, DBL_MAX}, most[2] = {-DBL_MAX, -DBL_MAX};
    for (size_t i = 1; is_outline && i < count; i++) {
        int axis = (i + 1) % 2;
        least[axis] = numbers[i] < least[axis] ? numbers[i] : least[axis];
        most[axis] = numbers[i] > most[axis] ? numbers[i] : most[axis];
    }
    for (int axis = 0; is_box && axis < 2; axis++) {
        least[axis] = numbers[1 + axis] - numbers[3 + axis] / 2;
        most[axis] = numbers[1 + axis] + numbers[3 + axis] / 2;
    }
    const fov_box box = {.label = (int)numbers[0],
                         .x1 = (float)least[0],
                         .y1 = (float)least[1],
                         .x2 = (float)most[0],
                         .y2 = (float)most[1]};
    return boxes_add(list, file, &box, 1, 1, error);
}

static int add_sample(struct list *list, const char *picture, int role, double *numbers, struct error *error)
{
    char file[DATA_PATH_SIZE], *text;
    int status = list_add(list, picture, NULL, 0, role, error);
    label_path(file, picture);
    list->splits = list->splits || role != LIST_WITHOUT_SPLIT;
    if (status || store_look(list->store, file) != STORE_FILE) {
        return status ? status
                      : findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_NOTE, "without labels", picture,
                                     "used, without boxes", error, "no file of labels beside it");
    }
    status = list_read_text(list->store, file, list->memory, &text, error);
    char *line = text;
    for (size_t number = 1; status == FOV_OK && *line; number++) {
        size_t length = strcspn(line, "\r\n");
        char end = line[length], *next = line + length + (end == '\r' && line[length + 1] == '\n') + (end != '\0');
        line[length] = '\0';
        status = take_line(list, file, number, line, numbers, error);
        line = next;
    }
    memory_free(list->memory, text);
    return status;
}

/* ---- splits ------------------------------------------------------------------------------------------------------ */

/* Adds all pictures of a folder, with their boxes. */
static int add_folder(struct list *list, const char *folder, int role, double *numbers, struct error *error)
{
    struct list_paths paths = {.memory = list->memory};
    int status = list_pictures(list, folder, &paths, error);
    for (size_t i = 0; i < paths.count && status == FOV_OK; i++) {
        status = add_sample(list, paths.path[i], role, numbers, error);
    }
    list_paths_free(&paths);
    return status;
}

/* Adds the pictures that a text file lists, as paths relative to `root`. */
static int add_listed(struct list *list, const char *root, const char *file, int role, double *numbers,
                      struct error *error)
{
    char *text, path[DATA_PATH_SIZE];
    int status = list_read_text(list->store, file, list->memory, &text, error);
    char *line = text;
    for (size_t number = 1; status == FOV_OK && *line; number++) {
        size_t length = strcspn(line, "\r\n");
        char end = line[length], *next = line + length + (end == '\r' && line[length + 1] == '\n') + (end != '\0');
        while (length > 0 && strchr(" \t", line[length - 1]) != NULL) {
            length--;
        }
        line[length] = '\0';
        const char *name = line + strspn(line, " \t");
        name += strncmp(name, "./", 2) == 0 ? 2 : 0;
        int fits = snprintf(path, sizeof path, "%s/%s", root, name);
        if (*name != '\0' && (fits < 0 || fits >= DATA_PATH_SIZE || store_look(list->store, path) != STORE_FILE)) {
            status = findings_add(&list->findings, role, FOV_FINDING_ERROR, "missing file", file, "error", error,
                                  "line %zu: there is no file \"%.200s\"", number, name);
        } else if (*name != '\0') {
            status = add_sample(list, path, role, numbers, error);
        }
        line = next;
    }
    memory_free(list->memory, text);
    return status;
}

/* Adds a path of a split: as the description has it, or without the leading "../" that some tools write. */
static int add_path(struct list *list, const char *root, const char *given, int role, double *numbers,
                    struct error *error)
{
    char path[DATA_PATH_SIZE];
    const char *value = given;
    for (int plain = 0; plain < 2; plain++) {
        int fits = snprintf(path, sizeof path, "%s/%s", root, value);
        enum store_kind kind = fits > 0 && fits < DATA_PATH_SIZE ? store_look(list->store, path) : STORE_NOTHING;
        if (kind != STORE_NOTHING) {
            return kind == STORE_FOLDER ? add_folder(list, path, role, numbers, error)
                                        : add_listed(list, root, path, role, numbers, error);
        }
        while (strncmp(value, "../", 3) == 0 || strncmp(value, "./", 2) == 0) {
            value += *value == '.' && value[1] == '.' ? 3 : 2;
        }
    }
    return findings_add(&list->findings, role, FOV_FINDING_WARNING, "missing split", store_path(list->store), "skipped",
                        error, "the description names \"%.200s\", which is not there", given);
}

static int add_splits(struct list *list, const struct yolo_description *description, double *numbers,
                      struct error *error)
{
    int status = FOV_OK;
    for (int role = 0; role < FOLDER_ROLES; role++) {
        const struct list_paths *paths = &description->split[role];
        for (size_t i = 0; i < paths->count && status == FOV_OK; i++) {
            status = add_path(list, description->root, paths->path[i], role, numbers, error);
        }
    }
    return status;
}

/* ---- the source -------------------------------------------------------------------------------------------------- */

static bool is_description(const char *name)
{
    size_t length = strlen(name);
    return length > 5 && (folder_compare_names(name + length - 5, ".yaml") == 0 ||
                          folder_compare_names(name + length - 4, ".yml") == 0);
}

/* Finds the folder that contains "labels" folders, directly or in folders for splits; `file`: its description, or
 * "". */
static bool find_root(const struct store *store, char root[DATA_PATH_SIZE], char file[DATA_PATH_SIZE])
{
    static const char *const inner[] = {"labels",       "labels/train", "labels/train2017", "labels/val",
                                        "train/labels", "valid/labels", "val/labels"};
    static const char *const names[] = {"data.yaml", "dataset.yaml", "data.yml", "dataset.yml"};
    snprintf(root, DATA_PATH_SIZE, "%s", store_path(store));
    for (int depth = 0; depth < 4; depth++) {
        for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
            if (!boxes_have(store, root, inner[i], ".txt")) {
                continue;
            }
            for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
                if (file_join(file, DATA_PATH_SIZE, root, names[k], NULL) == FOV_OK &&
                    store_look(store, file) == STORE_FILE) {
                    return true;
                }
            }
            *file = '\0';
            return true;
        }
        if (!list_descend(store, root)) {
            break;
        }
    }
    return false;
}

static bool suits(const struct store *store, const char *index)
{
    char root[DATA_PATH_SIZE], file[DATA_PATH_SIZE];
    return index != NULL ? is_description(index) : find_root(store, root, file);
}

/* Adds samples without a description: from images/SPLIT and SPLIT/images, or from images alone. */
static int add_by_names(struct list *list, const char *root, double *numbers, struct error *error)
{
    static const char *const splits[] = {"train", "train2017", "val", "valid", "val2017", "test", "test2017"};
    char path[DATA_PATH_SIZE];
    int status = FOV_OK;
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        for (int outside = 0; outside < 2 && status == FOV_OK; outside++) {
            snprintf(path, sizeof path, outside ? "%s/%s/images" : "%s/images/%s", root, splits[i]);
            if (store_look(list->store, path) == STORE_FOLDER) {
                status = add_folder(list, path, (int)folder_role(splits[i]), numbers, error);
            }
        }
    }
    if (status == FOV_OK && list->count == 0) {
        status = file_join(path, sizeof path, root, "images", error);
        status = status == FOV_OK && store_look(list->store, path) == STORE_FOLDER
                     ? add_folder(list, path, LIST_WITHOUT_SPLIT, numbers, error)
                     : status;
    }
    return status;
}

/* Names the classes by their numbers if nothing else names them. */
static int number_classes(struct list *list, struct error *error)
{
    int most = -1, status = FOV_OK;
    for (size_t i = 0; i < list->box_count; i++) {
        most = list->boxes[i].label > most ? list->boxes[i].label : most;
    }
    while (list->class_count <= (size_t)most && most >= 0 && status == FOV_OK) {
        char name[24];
        snprintf(name, sizeof name, "%zu", list->class_count);
        status = list_add_class(list, name, error);
    }
    return status;
}

static int scan_with(struct list *list, double *numbers, struct error *error)
{
    char root[DATA_PATH_SIZE] = "", file[DATA_PATH_SIZE] = "";
    struct yolo_description *description =
        memory_allocate(list->memory, 1, sizeof *description, "a description", error);
    int status = description ? FOV_OK : FOV_E_MEMORY;
    bool found = list->index != NULL || find_root(list->store, root, file);
    if (status == FOV_OK && list->index != NULL) {
        snprintf(file, sizeof file, "%s%s", strchr(list->index, '/') ? "" : "./", list->index);
    }
    if (status == FOV_OK && !found) {
        status = findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "no labels", store_path(list->store),
                              "error", error, "no folder \"labels\" with .txt files in it");
    } else if (status == FOV_OK && *file != '\0') {
        status = yolo_description_read(description, list, file, error);
        status = status ? status : add_splits(list, description, numbers, error);
        snprintf(root, sizeof root, "%s", description->root);
    } else if (status == FOV_OK) {
        status = list_read_classes(list, root, error);
    }
    if (status == FOV_OK && found && list->count == 0 && list->findings.errors == 0) {
        status = add_by_names(list, root, numbers, error);
    }
    if (description != NULL) {
        yolo_description_free(description);
    }
    memory_free(list->memory, description);
    return status ? status : number_classes(list, error);
}

static int scan(struct list *list, struct error *error)
{
    list->target = FOV_TARGET_BOXES;
    list->boxes_are_shares = true;
    double *numbers = memory_allocate_raw(list->memory, MOST_NUMBERS, sizeof *numbers, "an outline", error);
    int status = numbers ? scan_with(list, numbers, error) : FOV_E_MEMORY;
    memory_free(list->memory, numbers);
    return status;
}

const struct data_source data_source_yolo = {.name = "yolo",
                                             .turn = 30,
                                             .suits = suits,
                                             .scan = scan,
                                             .sample = list_sample,
                                             .target = list_target,
                                             .place = list_place,
                                             .close = list_close};
