/* SPDX-License-Identifier: MIT */
/* Matches the classes of a model and a dataset by name: both lists are sorted and merged, first comparing the exact
 * names, then, for names still unmatched, a looser spelling. Then describes the result in one sentence. */
#include "model/classes.h"
#include "base/text.h"
#include "data/dataset.h"
#include <stdlib.h>
#include <string.h>

enum { SHOWN_NAMES = 4, NAME_SIZE = 80, UNMATCHED = -1 };

/* A class name to be sorted. */
struct name {
    const char *text;
    int index; /* the class's number in the model or in the dataset */
};

/* The arrays and texts of a match, in one block of memory. */
struct match_owner {
    struct memory *memory;
    struct text text;
    int *model_class;   /* [data_classes]: the model's class, or UNMATCHED */
    int *data_class;    /* [model_classes]: the data's class, or UNMATCHED */
    struct name *names; /* [model_classes]: the model's names, to be sorted; NULL: classes are not matched by name */
    struct name *left;  /* [data_classes]: the data's names, to be sorted */
    char *folded;       /* looser spellings, one after the other */
    bool twice;         /* a name common to both occurs more than once in one of them, and was not matched */
};

static int compare_names(const void *a, const void *b)
{
    const struct name *first = a, *second = b;
    int order = strcmp(first->text, second->text);
    return order != 0 ? order : first->index - second->index;
}

/* ---- matching ---------------------------------------------------------------------------------------------------- */

/* Writes the looser spelling: ASCII letters in lower case, each run of spaces, tabs, '_' and '-' as one space, none at
   the ends. Returns the address after its terminating 0. */
static char *fold_name(char *out, const char *name)
{
    char *begin = out;
    bool gap = false;
    for (; *name != '\0'; name++) {
        if (strchr(" \t_-", *name) != NULL) {
            gap = out > begin;
            continue;
        }
        if (gap) {
            *out++ = ' ';
            gap = false;
        }
        *out++ = (char)(*name >= 'A' && *name <= 'Z' ? *name - 'A' + 'a' : *name);
    }
    *out++ = '\0';
    return out;
}

/* Pairs the names that occur exactly once in both lists: only these pairs are unambiguous. */
static void pair_names(struct match_owner *owner, size_t model_count, size_t data_count)
{
    struct name *model = owner->names, *data = owner->left;
    qsort(model, model_count, sizeof *model, compare_names);
    qsort(data, data_count, sizeof *data, compare_names);
    for (size_t m = 0, d = 0; m < model_count && d < data_count;) {
        int order = strcmp(model[m].text, data[d].text);
        if (order != 0) {
            m += order < 0;
            d += order > 0;
            continue;
        }
        size_t m_end = m + 1, d_end = d + 1;
        while (m_end < model_count && strcmp(model[m_end].text, model[m].text) == 0) {
            m_end++;
        }
        while (d_end < data_count && strcmp(data[d_end].text, data[d].text) == 0) {
            d_end++;
        }
        if (m_end == m + 1 && d_end == d + 1) {
            owner->model_class[data[d].index] = model[m].index;
            owner->data_class[model[m].index] = data[d].index;
        } else {
            owner->twice = true;
        }
        m = m_end;
        d = d_end;
    }
}

/* Pairs the classes that are still unmatched, by their exact names or, `loosely`, by the looser spelling. */
static void match_names(struct match_owner *owner, const fov_model *model, const fov_dataset *data,
                        const fov_class_match *match, bool loosely)
{
    size_t model_count = 0, data_count = 0;
    char *folded = owner->folded;
    for (int i = 0; i < match->model_classes; i++) {
        if (owner->data_class[i] == UNMATCHED) {
            owner->names[model_count++] = (struct name){loosely ? folded : model->class_names[i], i};
            folded = loosely ? fold_name(folded, model->class_names[i]) : folded;
        }
    }
    for (int i = 0; i < match->data_classes; i++) {
        if (owner->model_class[i] == UNMATCHED) {
            owner->left[data_count++] = (struct name){loosely ? folded : data->class_names[i], i};
            folded = loosely ? fold_name(folded, data->class_names[i]) : folded;
        }
    }
    pair_names(owner, model_count, data_count);
}

static int make_owner(struct match_owner **made, const fov_model *model, const fov_dataset *data,
                      const fov_class_match *match, struct error *error)
{
    struct memory *memory = model->context->memory;
    size_t model_count = (size_t)match->model_classes, data_count = (size_t)match->data_classes, text = 1;
    for (size_t i = 0; model->class_names != NULL && i < model_count; i++) {
        text += strlen(model->class_names[i]) + 1;
    }
    for (size_t i = 0; i < data_count; i++) {
        text += strlen(data->class_names[i]) + 1;
    }
    size_t per_class = sizeof(struct name) + sizeof(int);
    struct match_owner *owner =
        memory_allocate(memory, 1, sizeof *owner + (model_count + data_count) * per_class + text, "class names", error);
    if (owner == NULL) {
        return FOV_E_MEMORY;
    }
    owner->memory = owner->text.memory = memory;
    owner->names = (struct name *)(void *)(owner + 1);
    owner->left = owner->names + model_count;
    owner->model_class = (int *)(void *)(owner->left + data_count);
    owner->data_class = owner->model_class + data_count;
    owner->folded = (char *)(owner->data_class + model_count);
    for (size_t i = 0; i < data_count; i++) {
        owner->model_class[i] = UNMATCHED;
    }
    for (size_t i = 0; i < model_count; i++) {
        owner->data_class[i] = UNMATCHED;
    }
    *made = owner;
    return FOV_OK;
}

/* ---- saying it --------------------------------------------------------------------------------------------------- */

static void add_name(struct text *text, const char *before, const char *name)
{
    char shown[NAME_SIZE];
    text_add(text, "%s\"%s\"", before, text_escape(shown, sizeof shown, name));
}

/* Lists the first few names whose `partner` is UNMATCHED. */
static void add_unmatched(struct text *text, char *const *names, const int *partner, int count)
{
    int said = 0, all = 0;
    for (int i = 0; i < count; i++) {
        if (partner[i] == UNMATCHED && all++ < SHOWN_NAMES) {
            add_name(text, said++ > 0 ? ", " : "", names[i]);
        }
    }
    if (all > said) {
        text_add(text, " and %d more", all - said);
    }
}

static int count_unmatched(const int *partner, int count)
{
    int all = 0;
    for (int i = 0; i < count; i++) {
        all += partner[i] == UNMATCHED;
    }
    return all;
}

/* Lists classes whose numbers differ: "blue" is 0 there (in the data) and 2 in the model. */
static void add_moved(struct text *text, const fov_dataset *data, const int *model_class)
{
    int said = 0, all = 0;
    for (int i = 0; i < data->classes; i++) {
        if (model_class[i] != i && all++ < SHOWN_NAMES) {
            add_name(text, said++ > 0 ? ", " : "", data->class_names[i]);
            text_add(text, said == 1 ? " is %d there and %d in the model" : " %d and %d", i, model_class[i]);
        }
    }
    if (all > said) {
        text_add(text, " and %d more", all - said);
    }
}

static void add_respelled(struct text *text, const fov_model *model, const fov_dataset *data, const int *model_class)
{
    int said = 0, all = 0;
    for (int i = 0; i < data->classes; i++) {
        if (strcmp(data->class_names[i], model->class_names[model_class[i]]) != 0 && all++ < SHOWN_NAMES) {
            add_name(text,
                     said++ > 0         ? ", "
                     : text->length > 0 ? "; "
                                        : "class names differ in spelling: ",
                     data->class_names[i]);
            add_name(text, " is taken for ", model->class_names[model_class[i]]);
        }
    }
    if (all > said) {
        text_add(text, " and %d more", all - said);
    }
}

static void say_different(struct text *text, const fov_model *model, const fov_dataset *data,
                          const fov_class_match *match, const struct match_owner *owner)
{
    int data_only = count_unmatched(owner->model_class, match->data_classes);
    int model_only = count_unmatched(owner->data_class, match->model_classes);
    text_add(text, "the data's classes are not the model's: %d of its %d ", data_only, match->data_classes);
    text_add(text, data_only == 1 ? "is unknown to the model (" : "are unknown to the model (");
    add_unmatched(text, data->class_names, owner->model_class, match->data_classes);
    text_add(text, "), %d of the model's %d %s not in the data", model_only, match->model_classes,
             model_only == 1 ? "is" : "are");
    if (model_only > 0) {
        text_add(text, " (");
        add_unmatched(text, model->class_names, owner->data_class, match->model_classes);
        text_add(text, ")");
    }
    if (owner->twice) {
        text_add(text, "; a name that stands twice on one side is not matched");
    }
}

/* If the model has names, lists those that differ from the data's; else the first few names of the data. */
static void say_by_position(struct text *text, const fov_model *model, const fov_dataset *data,
                            const fov_class_match *match)
{
    bool has_names = model->class_names != NULL && model->class_count == match->model_classes;
    int said = 0, all = 0;
    for (int i = 0; has_names && i < data->classes; i++) {
        all += strcmp(data->class_names[i], model->class_names[i]) != 0;
    }
    if (has_names && all == 0) {
        text_add(text, "classes by position, as asked: all %d names are the same", data->classes);
    } else if (has_names) {
        text_add(text, "classes by position, as asked: %d of %d ", all, data->classes);
        text_add(text, all == 1 ? "has another name in the model (" : "have other names in the model (");
    } else {
        all = data->classes;
        text_add(text, "the model has no class names: its outputs 0 to %d are taken, by position, for ", all - 1);
    }
    for (int i = 0; i < data->classes && said < SHOWN_NAMES; i++) {
        if (has_names && strcmp(data->class_names[i], model->class_names[i]) != 0) {
            add_name(text, said++ > 0 ? ", " : "", data->class_names[i]);
            text_add(text, " is taken for output %d, ", i);
            add_name(text, "", model->class_names[i]);
        } else if (!has_names) {
            add_name(text, said++ > 0 ? ", " : "", data->class_names[i]);
        }
    }
    if (all > said) {
        text_add(text, " and %d more", all - said);
    }
    text_add(text, "%s", has_names && all > 0 ? ")" : "");
    if (match->model_classes > data->classes) {
        text_add(text, "; %d more of the model's outputs stand for nothing in the data",
                 match->model_classes - data->classes);
    }
}

static void say(fov_class_match *match, const fov_model *model, const fov_dataset *data, struct match_owner *owner)
{
    struct text *text = &owner->text;
    switch (match->relation) {
    case FOV_CLASSES_REORDERED:
        text_add(text, "the data has the model's %d classes in another order: they are matched by name (",
                 match->data_classes);
        add_moved(text, data, owner->model_class);
        text_add(text, ")");
        add_respelled(text, model, data, owner->model_class);
        break;
    case FOV_CLASSES_FEWER:
        text_add(text,
                 "the data has %d of the model's %d classes, matched by name; not in the data: ", match->data_classes,
                 match->model_classes);
        add_unmatched(text, model->class_names, owner->data_class, match->model_classes);
        add_respelled(text, model, data, owner->model_class);
        break;
    case FOV_CLASSES_SAME:
        add_respelled(text, model, data, owner->model_class);
        break;
    case FOV_CLASSES_BY_POSITION:
        say_by_position(text, model, data, match);
        break;
    case FOV_CLASSES_DIFFERENT:
        if (match->model_classes == 0) {
            fov_value output = fov_model_output(model);
            text_add(text, "output \"%.60s\" of the model holds %s, not scores of classes (--scores and "
                     "fov_model_set_meaning say otherwise), and %s has %d classes",
                     fov_value_name(model->graph, output), fov_meaning_name(fov_model_meaning(model, output)),
                     data->name, match->data_classes);
        } else if (owner->names == NULL) {
            text_add(text, "%s has %d outputs, but %s has %d classes",
                     model->name[0] != '\0' ? model->name : "the model", match->model_classes, data->name,
                     match->data_classes);
        } else {
            say_different(text, model, data, match, owner);
        }
        break;
    }
    match->text = text_string(text);
}

/* ---- the answer -------------------------------------------------------------------------------------------------- */

static bool same_names(const fov_model *model, const fov_dataset *data)
{
    for (int i = 0; i < data->classes; i++) {
        if (strcmp(model->class_names[i], data->class_names[i]) != 0) {
            return false;
        }
    }
    return true;
}

static fov_class_relation relate_names(fov_class_match *match, const fov_model *model, const fov_dataset *data,
                                       struct match_owner *owner)
{
    bool same_count = match->data_classes == match->model_classes;
    if (same_count && same_names(model, data)) { // also where a name stands twice
        for (int i = 0; i < match->data_classes; i++) {
            owner->model_class[i] = owner->data_class[i] = i;
        }
        match->matched = match->data_classes;
        return FOV_CLASSES_SAME;
    }
    match_names(owner, model, data, match, false);
    match_names(owner, model, data, match, true);
    match->matched = match->data_classes - count_unmatched(owner->model_class, match->data_classes);
    if (match->matched < match->data_classes) {
        return FOV_CLASSES_DIFFERENT;
    }
    bool moved = false;
    for (int i = 0; i < match->data_classes; i++) {
        moved = moved || owner->model_class[i] != i;
    }
    return !same_count ? FOV_CLASSES_FEWER : moved ? FOV_CLASSES_REORDERED : FOV_CLASSES_SAME;
}

int classes_match(const fov_model *model, const fov_dataset *data, int outputs, bool by_position,
                  fov_class_match *match, struct error *error)
{
    struct match_owner *owner = NULL;
    *match = (fov_class_match){.model_classes = outputs, .data_classes = data->classes};
    bool named = !by_position && model->class_names != NULL && model->class_count == outputs;
    int status = make_owner(&owner, model, data, match, error);
    if (status != FOV_OK) {
        return status;
    }
    if (named) {
        match->relation = relate_names(match, model, data, owner);
    } else {
        bool fits = outputs == data->classes || (by_position && outputs > data->classes);
        match->relation = fits && data->classes > 0 ? FOV_CLASSES_BY_POSITION : FOV_CLASSES_DIFFERENT;
        for (int i = 0; i < data->classes; i++) {
            owner->model_class[i] = i < outputs ? i : UNMATCHED;
        }
        owner->names = NULL; // so that the sentence counts classes instead of naming them
    }
    match->owner = owner;
    match->model_class = owner->model_class;
    say(match, model, data, owner);
    if (owner->text.failed) {
        fov_class_match_free(match);
        return error_set(error, FOV_E_MEMORY, "no memory to compare class names");
    }
    return FOV_OK;
}

int fov_classes_match(fov_model *model, const fov_dataset *data, bool by_position, fov_class_match *match)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (data == NULL || match == NULL) {
        return call_refuse(model->context, "fov_classes_match: data or match is NULL");
    }
    *match = (fov_class_match){.relation = FOV_CLASSES_DIFFERENT};
    struct error *error = &model->context->error;
    return error->status != FOV_OK ? (int)error->status
                                   : classes_match(model, data, fov_model_classes(model), by_position, match, error);
}

void fov_class_match_free(fov_class_match *match)
{
    if (match == NULL || match->owner == NULL) {
        return;
    }
    struct match_owner *owner = match->owner;
    struct memory *memory = owner->memory;
    text_free(&owner->text);
    memory_free(memory, owner);
    *match = (fov_class_match){.relation = FOV_CLASSES_DIFFERENT};
}
