/* SPDX-License-Identifier: MIT */
/* Splits of a list: those that the data states, and samples held back where it states none. Which samples are held
 * back depends on the samples' order, number and labels alone, so that splits opened separately, or in another run,
 * agree. */
#include "base/random.h"
#include "base/text.h"
#include "data/list.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- holding back ------------------------------------------------------------------------------------------------ */

int list_compare_naturally(const char *a, const char *b)
{
    const char *first = a, *second = b;
    while (*a && *b) {
        if (*a >= '0' && *a <= '9' && *b >= '0' && *b <= '9') {
            a += strspn(a, "0");
            b += strspn(b, "0");
            size_t digits = strspn(a, "0123456789"), others = strspn(b, "0123456789");
            int order = digits != others ? (digits < others ? -1 : 1) : strncmp(a, b, digits);
            if (order) {
                return order;
            }
            a += digits;
            b += others;
        } else if (*a == *b) {
            a++;
            b++;
        } else {
            break;
        }
    }
    int order = (unsigned char)*a - (unsigned char)*b;
    return order ? order : strcmp(first, second);
}

/* Holds back a share of the `count` samples of one group, rounded down, but at least one if there are two or more, and
 * never all. */
static int hold_share(struct memory *memory, const uint32_t *group, size_t count, double share, int32_t label,
                      bool *held, struct error *error)
{
    size_t wanted = (size_t)((double)count * share + 1e-9);
    wanted = wanted > 0 ? wanted : count > 1;
    wanted = wanted < count ? wanted : count - 1;
    uint32_t *order = memory_allocate_raw(memory, count + 1, sizeof *order, "a split", error);
    if (order == NULL) {
        return FOV_E_MEMORY;
    }
    random_permutation((struct random_key){.use = RANDOM_SPLIT, .position = (uint64_t)label}, order, count);
    for (size_t i = 0; i < wanted; i++) {
        held[group[order[i]]] = true;
    }
    memory_free(memory, order);
    return FOV_OK;
}

struct keyed {
    uint32_t index;
    int32_t label;
    const char *name;
};

static int compare_labels(const void *a, const void *b)
{
    const struct keyed *first = a, *second = b;
    return first->label != second->label ? (first->label < second->label ? -1 : 1)
                                         : (first->index < second->index ? -1 : first->index > second->index);
}

static int compare_names(const void *a, const void *b)
{
    const struct keyed *first = a, *second = b;
    int order = list_compare_naturally(first->name, second->name);
    return order ? order : first->index < second->index ? -1 : first->index > second->index;
}

/* Holds back a share of each group of samples with the same label. */
static int hold_shares(struct memory *memory, struct keyed *keyed, size_t count, double share, bool *held,
                       struct error *error)
{
    uint32_t *group = memory_allocate_raw(memory, count + 1, sizeof *group, "a split", error);
    int status = group ? FOV_OK : FOV_E_MEMORY;
    if (count > 1) {
        qsort(keyed, count, sizeof *keyed, compare_labels);
    }
    for (size_t begin = 0, end; begin < count && status == FOV_OK; begin = end) {
        for (end = begin; end < count && keyed[end].label == keyed[begin].label; end++) {
            group[end - begin] = keyed[end].index;
        }
        status = hold_share(memory, group, end - begin, share, keyed[begin].label, held, error);
    }
    memory_free(memory, group);
    return status;
}

/* Whether a line names a file: it equals the end of its path, whole components, with or without the suffix. */
static bool is_named(const char *path, const char *line, size_t length)
{
    size_t size = strlen(path), bare = size;
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    bare = dot ? (size_t)(dot - path) : size;
    const size_t ends[2] = {size, bare};
    for (int i = 0; i < 2; i++) {
        if (length <= ends[i] && strncmp(path + ends[i] - length, line, length) == 0 &&
            (length == ends[i] || path[ends[i] - length - 1] == '/')) {
            return true;
        }
    }
    return false;
}

/* Holds back the samples that a file names, one per line. */
static int hold_listed(struct memory *memory, const char *file, struct keyed *keyed, size_t count, bool *held,
                       struct error *error)
{
    enum { LARGEST = 64 << 20 };
    uint8_t *bytes = NULL;
    size_t size, line_number = 0, named = 0;
    int status = file_read(file, LARGEST, memory, &bytes, &size, error);
    const char *line = status == FOV_OK ? (const char *)bytes + list_mark((const char *)bytes) : NULL;
    while (status == FOV_OK && *line) {
        size_t length = strcspn(line, "\r\n"), name = length;
        while (name > 0 && (line[name - 1] == ' ' || line[name - 1] == '\t')) {
            name--;
        }
        bool found = name == 0;
        line_number++;
        for (size_t i = 0; i < count; i++) {
            if (name > 0 && is_named(keyed[i].name, line, name)) {
                held[keyed[i].index] = found = true;
            }
        }
        if (!found) {
            status = error_set(error, FOV_E_INPUT, "%s, line %zu: no sample is named \"%.*s\"", file, line_number,
                               (int)(name < 200 ? name : 200), line);
        }
        line += length;
        line += line[0] == '\r' && line[1] == '\n' ? 2 : line[0] != '\0';
    }
    memory_free(memory, bytes);
    for (size_t i = 0; i < count; i++) {
        named += held[i];
    }
    return status != FOV_OK || (named > 0 && named < count)
               ? status
               : error_set(error, FOV_E_INPUT, "%s names %zu of %zu samples: none would be left to %s", file, named,
                           count, named == 0 ? "validate with" : "learn from");
}

int list_hold_back(struct memory *memory, const fov_dataset_options *options, size_t count, const int32_t *labels,
                   const char *(*names)(const void *user, size_t index), const void *user, bool *held,
                   struct error *error)
{
    const double share = options && options->val_split > 0 ? options->val_split : 0.1;
    struct keyed *keyed = memory_allocate(memory, count + 1, sizeof *keyed, "a split", error);
    if (keyed == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        keyed[i] = (struct keyed){(uint32_t)i, labels ? labels[i] : 0, names(user, i)};
    }
    int status = FOV_OK;
    if (options && options->val_list) {
        status = hold_listed(memory, options->val_list, keyed, count, held, error);
    } else if (options && options->val_last > 0) {
        if ((uint64_t)options->val_last >= count) {
            status = error_set(error, FOV_E_USAGE, "the last %lld samples cannot be held back: there are %zu",
                               (long long)options->val_last, count);
        } else {
            qsort(keyed, count, sizeof *keyed, compare_names);
            for (size_t i = count - (size_t)options->val_last; i < count; i++) {
                held[keyed[i].index] = true;
            }
        }
    } else {
        status = hold_shares(memory, keyed, count, share, held, error);
    }
    memory_free(memory, keyed);
    return status;
}

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

/* The samples of a list that may be held back: the user data of candidate_name. */
struct candidates {
    const struct list *list;
    const uint32_t *index;
};

static const char *candidate_name(const void *user, size_t i)
{
    const struct candidates *candidates = user;
    return candidates->list->samples[candidates->index[i]].picture;
}

static bool is_for_training(const struct listed *sample)
{
    return sample->role == FOLDER_TRAIN || sample->role == LIST_WITHOUT_SPLIT;
}

/* Chooses from the training samples those that are held back (want_held), or the others. */
static int choose_around_held(const struct list *list, const fov_dataset_options *options, bool want_held,
                              struct list_choice *choice, struct error *error)
{
    struct memory *memory = list->memory;
    uint32_t *index = memory_allocate_raw(memory, list->count + 1, sizeof *index, "a split", error);
    int32_t *labels = memory_allocate_raw(memory, list->count + 1, sizeof *labels, "a split", error);
    bool *held = memory_allocate(memory, list->count + 1, sizeof *held, "a split", error);
    int status = index && labels && held ? FOV_OK : FOV_E_MEMORY;
    size_t count = 0;
    for (size_t i = 0; i < list->count && status == FOV_OK; i++) {
        if (is_for_training(&list->samples[i])) {
            labels[count] = list->samples[i].label;
            index[count++] = (uint32_t)i;
        }
    }
    const struct candidates candidates = {list, index};
    if (status == FOV_OK) {
        status = list_hold_back(memory, options, count, list->target == FOV_TARGET_CLASS ? labels : NULL,
                                candidate_name, &candidates, held, error);
    }
    for (size_t i = 0; i < count && status == FOV_OK; i++) {
        if (held[i] == want_held) {
            choice->index[choice->count++] = index[i];
        }
    }
    memory_free(memory, held);
    memory_free(memory, labels);
    memory_free(memory, index);
    return status;
}

static void choose_role(const struct list *list, int role, struct list_choice *choice)
{
    static const char *const parts[FOLDER_ROLES + 1] = {"train", "val", "test", "all"};
    choice->role = role < FOLDER_ROLES ? role : FOLDER_TRAIN;
    choice->part = parts[role];
    for (size_t i = 0; i < list->count; i++) {
        if (list->samples[i].role == role) {
            choice->index[choice->count++] = (uint32_t)i;
        }
    }
}

bool list_states_no_splits(const struct list *list)
{
    bool stated = list->splits || list->is_for_training;
    for (size_t i = 0; i < list->count && !stated; i++) {
        stated = list->samples[i].role != LIST_WITHOUT_SPLIT;
    }
    return !stated;
}

int list_too_few(const char *name, size_t count, struct error *error)
{
    char number[32];
    return error_set(error, FOV_E_INPUT, "%s: %s sample%s too few to hold one back", name,
                     text_thousands(number, sizeof number, (long long)count), count == 1 ? " is" : "s are");
}

/* The error for a split that is not there and that nothing can be held back for: which splits there are. */
static int no_such_split(const struct list *list, const size_t has[FOLDER_ROLES + 1], fov_split split,
                         struct error *error)
{
    static const char *const names[FOLDER_ROLES] = {"train", "val", "test"};
    char there[160] = "", number[32];
    size_t used = 0;
    const char *root = list->index ? list->index : store_path(list->store);
    for (int role = 0; role < FOLDER_ROLES; role++) {
        if (has[role] > 0) {
            used = text_append(there, sizeof there, used, "%s\"%s\" (%s sample%s)", used > 0 ? " and " : "", names[role],
                               text_thousands(number, sizeof number, (long long)has[role]), has[role] == 1 ? "" : "s");
        }
    }
    return split == FOV_TRAIN || has[FOLDER_TRAIN] == 0
               ? error_set(error, FOV_E_INPUT,
                           "%s has no split \"train\" to learn from or to hold samples back from, only %s; name a "
                           "source that has it, or a folder or archive around both",
                           root, there)
               : error_set(error, FOV_E_INPUT,
                           "%s has no split \"test\" or \"val\", only %s: --val-split 0.1 holds a tenth of these back",
                           root, there);
}

int list_choose(const struct list *list, fov_split split, const fov_dataset_options *options,
                struct list_choice *choice, struct error *error)
{
    size_t has[FOLDER_ROLES + 1] = {0};
    bool asked = options && (options->val_split > 0 || options->val_last > 0 || options->val_list);
    for (size_t i = 0; i < list->count; i++) {
        has[list->samples[i].role]++;
    }
    bool tested = has[FOLDER_TEST] > 0, validated = has[FOLDER_VALIDATION] > 0;
    bool cut = has[LIST_WITHOUT_SPLIT] > 0 || asked; // samples are held back for a split that does not exist
    choice->count = 0;
    if (asked && validated) {
        return error_set(error, FOV_E_USAGE, "%s has a validation split of its own: nothing is to be held back for one",
                         store_path(list->store));
    }
    int status = FOV_OK;
    bool own =
        split != FOV_TRAIN && (split == FOV_TEST ? tested || (validated && !cut) : validated || (tested && !cut));
    if (options && options->whole && list_states_no_splits(list)) {
        choose_role(list, LIST_WITHOUT_SPLIT, choice);
    } else if (own) {
        choose_role(list,
                    split == FOV_TEST ? (tested ? FOLDER_TEST : FOLDER_VALIDATION)
                                      : (validated ? FOLDER_VALIDATION : FOLDER_TEST),
                    choice);
    } else if (split == FOV_TRAIN && !cut) {
        choose_role(list, FOLDER_TRAIN, choice);
    } else if (has[FOLDER_TRAIN] + has[LIST_WITHOUT_SPLIT] > 0 && cut) {
        choice->role = FOLDER_TRAIN;
        choice->part = split == FOV_TRAIN ? "left" : "held back";
        status = choose_around_held(list, options, split != FOV_TRAIN, choice, error);
        if (status == FOV_OK && choice->count == 0) {
            status = list_too_few(store_path(list->store), list->count, error);
        }
    }
    return status == FOV_OK && choice->count == 0 ? no_such_split(list, has, split, error) : status;
}
