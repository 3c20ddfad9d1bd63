/* SPDX-License-Identifier: MIT */
/* WebDataset: the files of a sample share a key, KEY.jpg with KEY.cls (the class's number or name) or KEY.json ("cls",
 * "label", "class" ...), in archives of some thousand samples each, which are opened together (store.h). */
#include "base/text.h"
#include "data/boxes.h"
#ifdef FOVEA_HAVE_JANSSON
#include "io/json_size.h"
#include <jansson.h>
#endif
#include <stdio.h>
#include <string.h>

enum { WORD = 256, MOST_CLASSES = 100000 };

/* The length of a name's key: the part before its first dot. */
static size_t key_of(const char *name)
{
    return strcspn(name, ".");
}

static bool has_ending(const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);
    return length > tail && folder_compare_names(name + length - tail, ending) == 0;
}

/* The split that a word of a name stands for: "imagenet-train-000012". */
static int role_of(const char *name)
{
    char word[WORD];
    while (*name) {
        size_t length = strcspn(name, "_-. ");
        snprintf(word, sizeof word, "%.*s", (int)length, name);
        if (folder_role(word) != FOLDER_ROLES) {
            return (int)folder_role(word);
        }
        name += length + (name[length] != '\0');
    }
    return LIST_WITHOUT_SPLIT;
}

/* The number of names, from `first` on, that share its key. */
static size_t count_key(char *const *names, size_t first, size_t count)
{
    size_t key = key_of(names[first]), end = first + 1;
    while (end < count && key_of(names[end]) == key && strncmp(names[end], names[first], key) == 0) {
        end++;
    }
    return end - first;
}

/* Whether a folder has a picture and a .cls or .json with the same key. Names are sorted, so that these lie side by
 * side, in an order that their suffixes give. In a folder within the archive (`is_within`) a .json before its picture
 * does not count: it may be an annotation in a folder of a class, of masks or of pairs. */
static bool has_keys(const struct store *store, struct memory *memory, const char *folder, bool is_within)
{
    char **names = NULL;
    size_t count;
    bool found = false;
    if (store_list(store, folder, memory, &names, &count, NULL) != FOV_OK) {
        return false;
    }
    for (size_t i = 0, here; i < count && !found; i += here) {
        bool has_picture = false, has_class = false;
        here = key_of(names[i]) > 0 ? count_key(names, i, count) : 1;
        for (size_t k = i; k < i + here; k++) {
            bool may_be_class = !is_within || has_picture;
            has_picture = has_picture || probe_name(names[k]) != NULL;
            has_class = has_class || has_ending(names[k], ".cls") || (has_ending(names[k], ".json") && may_be_class);
        }
        found = has_picture && has_class;
    }
    memory_free(memory, names);
    return found;
}

static bool suits(const struct store *store, const char *index)
{
    struct memory *memory = memory_create(NULL, 0);
    char **names = NULL, path[DATA_PATH_SIZE];
    size_t count;
    bool found = false;
    if (memory != NULL && index == NULL && !store_is_folder(store)) {
        found = has_keys(store, memory, store_path(store), false);
        if (!found && store_list(store, store_path(store), memory, &names, &count, NULL) == FOV_OK) {
            for (size_t i = 0; i < count && !found; i++) {
                found = file_join(path, sizeof path, store_path(store), names[i], NULL) == FOV_OK &&
                        store_look(store, path) == STORE_FOLDER && has_keys(store, memory, path, true);
            }
            memory_free(memory, names);
        }
    }
    memory_destroy(memory);
    return found;
}

/* ---- classes ----------------------------------------------------------------------------------------------------- */

/* Copies the class from a sample's JSON to `out`, as it is written there; leaves `out` alone if there is none. */
static int read_json_class(struct list *list, const char *path, const char *text, char out[WORD], struct error *error)
{
#ifdef FOVEA_HAVE_JANSSON
    static const char *const keys[] = {"cls", "label", "class", "class_id", "class_name", "label_name"};
    (void)path;
    size_t held = json_size(text, strlen(text));
    int status = memory_hold(list->memory, held, "a sample's description", error);
    if (status) {
        return status;
    }
    json_t *whole = json_loads(text, 0, NULL);
    for (size_t i = 0; i < sizeof keys / sizeof *keys && *out == '\0'; i++) {
        const json_t *value = json_object_get(whole, keys[i]);
        if (json_is_integer(value)) {
            snprintf(out, WORD, "%lld", (long long)json_integer_value(value));
        } else if (json_is_string(value)) {
            snprintf(out, WORD, "%.255s", json_string_value(value));
        }
    }
    json_decref(whole);
    memory_release(list->memory, held);
    return FOV_OK;
#else
    (void)list, (void)text, (void)out;
    return error_set(error, FOV_E_UNSUPPORTED, "%s: this fovea was built without jansson (FOVEA_WITH_JANSSON)", path);
#endif
}

/* Reads the class from a .cls or .json file, as it is written there; "" if it has none. */
static int read_class(struct list *list, const char *path, char out[WORD], struct error *error)
{
    char *text;
    int status = list_read_text(list->store, path, list->memory, &text, error);
    if (status) {
        return status;
    }
    *out = '\0';
    if (has_ending(path, ".json")) {
        status = read_json_class(list, path, text, out, error);
    } else {
        const char *begin = text + strspn(text, " \t\r\n");
        snprintf(out, WORD, "%.*s", (int)strcspn(begin, "\r\n"), begin);
    }
    memory_free(list->memory, text);
    return status;
}

/* The label for a class: the number itself, or the index of its name among the names met so far. */
static int label_of(struct list *list, const char *word, bool *is_numbered, int32_t *label, struct error *error)
{
    long long number;
    int place;
    if (text_to_integer(word, 0, MOST_CLASSES - 1, &number)) {
        *is_numbered = true;
        *label = (int32_t)number;
        return FOV_OK;
    }
    int status = boxes_class(list, word, &place, error);
    *label = place;
    return status;
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

/* Which of the files of a key is its picture: KEY.png rather than KEY.mask.png, else the first; SIZE_MAX: none. */
static size_t choose_picture(char *const *names, size_t count)
{
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (probe_name(names[i]) != NULL) {
            if (strchr(names[i], '.') == strrchr(names[i], '.')) {
                return i;
            }
            first = first == SIZE_MAX ? i : first;
        }
    }
    return first;
}

static int add_key(struct list *list, const char *folder, char *const *names, size_t count, int role, bool *is_numbered,
                   struct error *error)
{
    char picture[DATA_PATH_SIZE] = "", class[DATA_PATH_SIZE] = "", word[WORD];
    size_t chosen = choose_picture(names, count);
    int status = FOV_OK;
    for (size_t i = 0; i < count && status == FOV_OK; i++) {
        bool is_class = has_ending(names[i], ".cls") || (*class == '\0' && has_ending(names[i], ".json"));
        char *to = i == chosen ? picture : is_class ? class : NULL, other[DATA_PATH_SIZE];
        status = to ? file_join(to, DATA_PATH_SIZE, folder, names[i], error) : FOV_OK;
        if (status == FOV_OK && i != chosen && probe_name(names[i]) != NULL) {
            status = file_join(other, sizeof other, folder, names[i], error);
            status = status ? status
                            : findings_add(&list->findings, role == LIST_WITHOUT_SPLIT ? FINDING_OF_ALL : role,
                                           FOV_FINDING_WARNING, "several pictures", other, "skipped", error,
                                           "another picture of its key is used, %.200s", names[chosen]);
        }
    }
    if (status || *picture == '\0') {
        return status;
    }
    int32_t label = 0;
    if (*class != '\0') {
        status = read_class(list, class, word, error);
        if (status) {
            return status;
        }
    }
    if (*class == '\0' || *word == '\0') {
        return findings_add(&list->findings, role == LIST_WITHOUT_SPLIT ? FINDING_OF_ALL : role, FOV_FINDING_WARNING,
                            "without class", picture, "skipped", error, "no class of its key (.cls or .json)");
    }
    status = label_of(list, word, is_numbered, &label, error);
    return status ? status : list_add(list, picture, NULL, label, role, error);
}

static int add_folder(struct list *list, const char *folder, int role, bool *is_numbered, struct error *error)
{
    char **names = NULL;
    size_t count;
    int status = store_list(list->store, folder, list->memory, &names, &count, error);
    for (size_t i = 0, here; i < count && status == FOV_OK; i += here) {
        here = count_key(names, i, count);
        status = add_key(list, folder, names + i, here, role, is_numbered, error);
    }
    memory_free(list->memory, names);
    list->splits = list->splits || role != LIST_WITHOUT_SPLIT;
    return status;
}

/* Names numbered classes: from a list of names in the archives, else by their numbers. */
static int name_numbers(struct list *list, struct error *error)
{
    int32_t most = -1;
    int status = list_read_classes(list, store_path(list->store), error);
    for (size_t i = 0; i < list->count; i++) {
        most = list->samples[i].label > most ? list->samples[i].label : most;
    }
    while (status == FOV_OK && most >= 0 && list->class_count <= (size_t)most) {
        char name[24];
        snprintf(name, sizeof name, "%zu", list->class_count);
        status = list_add_class(list, name, error);
    }
    return status;
}

static int scan(struct list *list, struct error *error)
{
    char **names = NULL, path[DATA_PATH_SIZE];
    size_t count;
    bool is_numbered = false;
    const char *root = store_path(list->store), *slash = strrchr(root, '/');
    int status = add_folder(list, root, role_of(slash ? slash + 1 : root), &is_numbered, error);
    status = status ? status : store_list(list->store, root, list->memory, &names, &count, error);
    for (size_t i = 0; status == FOV_OK && i < count; i++) {
        status = file_join(path, sizeof path, root, names[i], error);
        if (status == FOV_OK && store_look(list->store, path) == STORE_FOLDER) {
            status = add_folder(list, path, role_of(names[i]), &is_numbered, error);
        }
    }
    memory_free(list->memory, names);
    if (status == FOV_OK && is_numbered && list->class_count > 0) {
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "classes of two kinds", root, "error",
                            error, "some samples have numbers for classes, others names (\"%.60s\")", list->classes[0]);
    }
    return status || !is_numbered ? status : name_numbers(list, error);
}

const struct data_source data_source_shards = {.name = "shards",
                                               .turn = 50,
                                               .suits = suits,
                                               .scan = scan,
                                               .sample = list_sample,
                                               .place = list_place,
                                               .close = list_close};
