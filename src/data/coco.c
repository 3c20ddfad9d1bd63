/* SPDX-License-Identifier: MIT */
/* COCO: one JSON file with images, annotations (a box as x, y, width, height in pixels, a category, "iscrowd") and
 * categories (Lin et al., "Microsoft COCO: Common Objects in Context", 2014). Classes are its categories in order of
 * their numbers, which may have gaps. JSON is parsed by jansson. */
#include "data/boxes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 30 /* bytes of a file */, WORD = 64 };

/* ---- which files ------------------------------------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *suffix)
{
    size_t length = strlen(name), tail = strlen(suffix);
    return length > tail && folder_compare_names(name + length - tail, suffix) == 0;
}

/* Finds files whose names promise boxes: annotations/instances_*.json, or _annotations.coco.json in a split's
 * folder. */
static int find_files(const struct store *store, struct list_paths *files, struct error *error)
{
    static const char *const folders[] = {"annotations", "train", "valid", "val", "test", ""};
    char root[DATA_PATH_SIZE], folder[DATA_PATH_SIZE], path[DATA_PATH_SIZE], **names = NULL;
    snprintf(root, sizeof root, "%s", store_path(store));
    int status = FOV_OK;
    for (int depth = 0; depth < 4 && status == FOV_OK && files->count == 0; depth++) {
        for (size_t f = 0; f < sizeof folders / sizeof *folders && status == FOV_OK; f++) {
            size_t count;
            int fits = snprintf(folder, sizeof folder, "%s%s%s", root, *folders[f] ? "/" : "", folders[f]);
            if (fits < 0 || fits >= DATA_PATH_SIZE || store_look(store, folder) != STORE_FOLDER) {
                continue;
            }
            status = store_list(store, folder, files->memory, &names, &count, error);
            for (size_t i = 0; status == FOV_OK && i < count; i++) {
                bool is_instances = ends_in(names[i], ".json") && strncmp(names[i], "instances", 9) == 0;
                if (is_instances || ends_in(names[i], ".coco.json")) {
                    status = file_join(path, sizeof path, folder, names[i], error);
                    status = status ? status : list_paths_add(files, path, error);
                }
            }
            memory_free(files->memory, names);
        }
        if (!list_descend(store, root)) {
            break;
        }
    }
    return status;
}

static bool suits(const struct store *store, const char *index)
{
    if (index != NULL) {
        return ends_in(index, ".json");
    }
    struct list_paths files = {.memory = memory_create(NULL, 0)};
    bool found = files.memory != NULL && find_files(store, &files, NULL) == FOV_OK && files.count > 0;
    if (files.memory != NULL) {
        list_paths_free(&files);
        memory_destroy(files.memory);
    }
    return found;
}

#ifdef FOVEA_HAVE_JANSSON

#include "io/json_size.h"
#include <jansson.h>

/* The split that a word of the file's name stands for ("instances_train2017.json"), else the name of its folder. */
static int role_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char word[WORD];
    while (*name) {
        size_t length = strcspn(name, "_-.");
        snprintf(word, sizeof word, "%.*s", (int)length, name);
        if (folder_role(word) != FOLDER_ROLES) {
            return (int)folder_role(word);
        }
        name += length + (name[length] != '\0');
    }
    const char *before = slash;
    while (before != NULL && before > path && before[-1] != '/') {
        before--;
    }
    snprintf(word, sizeof word, "%.*s", before ? (int)(slash - before) : 0, before ? before : "");
    return (int)folder_role(word);
}

/* ---- one file ---------------------------------------------------------------------------------------------------- */

/* An object of a JSON array, with the number that it is sorted by. */
struct numbered {
    json_int_t number;
    size_t place; /* index in the array */
};

static int compare_numbered(const void *a, const void *b)
{
    const struct numbered *first = a, *second = b;
    return first->number != second->number ? (first->number < second->number ? -1 : 1)
                                           : (first->place < second->place ? -1 : first->place > second->place);
}

/* Sorts the objects of the array `key` by their member `number`; *count: how many have that member. */
static int sort_by(struct memory *memory, const json_t *whole, const char *key, const char *number,
                   struct numbered **sorted, size_t *count, struct error *error)
{
    const json_t *array = json_object_get(whole, key);
    size_t size = json_array_size(array);
    *count = 0;
    *sorted = memory_allocate_raw(memory, size + 1, sizeof **sorted, "annotations", error);
    if (*sorted == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < size; i++) {
        const json_t *value = json_object_get(json_array_get(array, i), number);
        if (json_is_integer(value)) {
            (*sorted)[(*count)++] = (struct numbered){json_integer_value(value), i};
        }
    }
    if (*count > 1) {
        qsort(*sorted, *count, sizeof **sorted, compare_numbered);
    }
    return FOV_OK;
}

/* Index of the first element whose number is at least `number`. */
static size_t find_number(const struct numbered *sorted, size_t count, json_int_t number)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct coco {
    struct list *list;
    const char *file;
    int role;
    json_t *whole;
    struct numbered *annotations, *categories; /* sorted by image_id; sorted by id */
    size_t annotation_count, category_count;
};

/* The folder around a path, "" at the store's root. */
static void folder_of(char out[DATA_PATH_SIZE], const char *path)
{
    const char *slash = strrchr(path, '/');
    snprintf(out, DATA_PATH_SIZE, "%.*s", slash ? (int)(slash - path) : 0, path);
}

/* Finds the file of a picture: its name is looked up beside the JSON file, in "images", in a folder named after the
 * split and in "images" with that folder; then in the same places one level further out. */
static bool find_picture(const struct coco *coco, const char *name, char path[DATA_PATH_SIZE])
{
    char base[2][DATA_PATH_SIZE], split[WORD] = "";
    const char *slash = strrchr(coco->file, '/'), *stem = slash ? slash + 1 : coco->file;
    const char *mark = strchr(stem, '_'), *dot = strrchr(stem, '.');
    folder_of(base[0], coco->file);
    folder_of(base[1], base[0]);
    if (mark != NULL && dot > mark) { // "train2017" of instances_train2017.json
        snprintf(split, sizeof split, "%.*s", (int)(dot - mark - 1), mark + 1);
    }
    const char *const inner[] = {"", "images/", split, "images/"};
    for (int out = 0; out < 2; out++) {
        for (int i = 0; i < 4; i++) {
            const char *second = i == 3 ? split : "";
            int fits = snprintf(path, DATA_PATH_SIZE, "%s%s%s%s%s%s", base[out], *base[out] ? "/" : "", inner[i],
                                second, i >= 2 && *split ? "/" : "", name);
            if (fits > 0 && fits < DATA_PATH_SIZE && store_look(coco->list->store, path) == STORE_FILE) {
                return true;
            }
        }
    }
    return false;
}

static int add_annotation(const struct coco *coco, const json_t *annotation, double height, double width,
                          struct error *error)
{
    struct list *list = coco->list;
    const json_t *bbox = json_object_get(annotation, "bbox");
    json_int_t category = json_integer_value(json_object_get(annotation, "category_id"));
    json_int_t own = json_integer_value(json_object_get(annotation, "id"));
    size_t label = find_number(coco->categories, coco->category_count, category);
    if (label == coco->category_count || coco->categories[label].number != category) {
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "unknown class", coco->file,
                            "left out", error, "annotation %lld is of category %lld, which is not there",
                            (long long)own, (long long)category);
    }
    double side[4];
    for (size_t i = 0; i < 4; i++) {
        const json_t *value = json_array_get(bbox, i);
        if (json_array_size(bbox) != 4 || !json_is_number(value)) {
            return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "no box", coco->file, "left out",
                                error, "annotation %lld has no box of four numbers", (long long)own);
        }
        side[i] = json_number_value(value);
    }
    const json_t *crowd = json_object_get(annotation, "iscrowd");
    const fov_box box = {.label = (int)label,
                         .x1 = (float)side[0],
                         .y1 = (float)side[1],
                         .x2 = (float)(side[0] + side[2]),
                         .y2 = (float)(side[1] + side[3]),
                         .crowd = json_is_true(crowd) || json_integer_value(crowd) != 0};
    return boxes_add(list, coco->file, &box, height, width, error);
}

/* Adds a picture with its boxes. */
static int add_image(const struct coco *coco, const json_t *image, struct error *error)
{
    struct list *list = coco->list;
    char path[DATA_PATH_SIZE];
    const char *name = json_string_value(json_object_get(image, "file_name"));
    const json_t *number = json_object_get(image, "id");
    if (name == NULL || !json_is_integer(number)) {
        return error_set(error, FOV_E_INPUT, "%s: an image without \"file_name\" or \"id\"", coco->file);
    }
    if (!find_picture(coco, name, path)) {
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "missing file", coco->file, "error",
                            error, "image %lld: there is no file \"%.200s\"", (long long)json_integer_value(number),
                            name);
    }
    double height = json_number_value(json_object_get(image, "height"));
    double width = json_number_value(json_object_get(image, "width"));
    const json_t *all = json_object_get(coco->whole, "annotations");
    int status = list_add(list, path, NULL, 0, coco->role, error);
    for (size_t i = find_number(coco->annotations, coco->annotation_count, json_integer_value(number));
         i < coco->annotation_count && coco->annotations[i].number == json_integer_value(number) && status == FOV_OK;
         i++) {
        status = add_annotation(coco, json_array_get(all, coco->annotations[i].place), height, width, error);
    }
    return status;
}

/* Adds the categories of the first file as classes; those of further files must be the same. */
static int take_categories(const struct coco *coco, bool is_first, struct error *error)
{
    const json_t *all = json_object_get(coco->whole, "categories");
    int status = FOV_OK;
    for (size_t i = 0; i < coco->category_count && status == FOV_OK; i++) {
        const char *name = json_string_value(json_object_get(json_array_get(all, coco->categories[i].place), "name"));
        if (i > 0 && coco->categories[i].number == coco->categories[i - 1].number) {
            status = error_set(error, FOV_E_INPUT, "%s: two categories have the number %lld", coco->file,
                               (long long)coco->categories[i].number);
        } else if (is_first) {
            status = list_add_class(coco->list, name ? name : "", error);
        } else if (i >= coco->list->class_count || strcmp(coco->list->classes[i], name ? name : "") != 0) {
            status =
                error_set(error, FOV_E_INPUT, "%s: its categories are others than those of the first file", coco->file);
        }
    }
    return status;
}

static int take_whole(struct coco *coco, bool is_first, struct error *error)
{
    struct memory *memory = coco->list->memory;
    const json_t *images = json_object_get(coco->whole, "images");
    if (!json_is_array(images) || !json_is_array(json_object_get(coco->whole, "annotations")) ||
        !json_is_array(json_object_get(coco->whole, "categories"))) {
        return error_set(error, FOV_E_INPUT,
                         "%s: no COCO file: it has no lists \"images\", \"annotations\" and "
                         "\"categories\"",
                         coco->file);
    }
    int status =
        sort_by(memory, coco->whole, "annotations", "image_id", &coco->annotations, &coco->annotation_count, error);
    status = status ? status
                    : sort_by(memory, coco->whole, "categories", "id", &coco->categories, &coco->category_count, error);
    status = status ? status : take_categories(coco, is_first, error);
    for (size_t i = 0; i < json_array_size(images) && status == FOV_OK; i++) {
        status = add_image(coco, json_array_get(images, i), error);
    }
    memory_free(memory, coco->annotations);
    memory_free(memory, coco->categories);
    return status;
}

static int read_file(struct list *list, const char *file, int role, bool is_first, struct error *error)
{
    struct coco coco = {.list = list, .file = file, .role = role};
    uint8_t *bytes;
    size_t size;
    json_error_t why;
    int status = store_read(list->store, file, LARGEST, list->memory, &bytes, &size, error);
    if (status) {
        return status;
    }
    size_t mark = list_mark((const char *)bytes), held = json_size((const char *)bytes, size);
    status = memory_hold(list->memory, held, "annotations", error);
    if (status == FOV_OK) {
        coco.whole = json_loadb((const char *)bytes + mark, size - mark, 0, &why);
        status = coco.whole ? take_whole(&coco, is_first, error)
                            : error_set(error, FOV_E_INPUT, "%s, line %d: %s", file, why.line, why.text);
        json_decref(coco.whole);
        memory_release(list->memory, held);
    }
    memory_free(list->memory, bytes);
    list->splits = list->splits || role != LIST_WITHOUT_SPLIT;
    return status;
}

static int scan(struct list *list, struct error *error)
{
    struct list_paths files = {.memory = list->memory};
    char index[DATA_PATH_SIZE];
    int status = FOV_OK;
    list->target = FOV_TARGET_BOXES;
    if (list->index != NULL) {
        snprintf(index, sizeof index, "%s%s", strchr(list->index, '/') ? "" : "./", list->index);
        status = list_paths_add(&files, index, error);
    } else {
        status = find_files(list->store, &files, error);
    }
    if (status == FOV_OK && files.count == 0) {
        status = findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "no annotations",
                              store_path(list->store), "error", error, "no annotations/instances_*.json");
    }
    for (size_t i = 0; i < files.count && status == FOV_OK; i++) {
        // a file that the user names alone has no split, whatever its name says
        int role = list->index ? LIST_WITHOUT_SPLIT : role_of(files.path[i]);
        status = read_file(list, files.path[i], role, i == 0, error);
    }
    list_paths_free(&files);
    return status;
}

#else

static int scan(struct list *list, struct error *error)
{
    (void)list;
    return error_set(error, FOV_E_UNSUPPORTED,
                     "this build reads no COCO boxes (it was made without jansson, FOVEA_WITH_JANSSON)");
}

#endif

const struct data_source data_source_coco = {.name = "coco",
                                             .turn = 20,
                                             .suits = suits,
                                             .scan = scan,
                                             .sample = list_sample,
                                             .target = list_target,
                                             .place = list_place,
                                             .close = list_close};
