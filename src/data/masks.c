/* SPDX-License-Identifier: MIT */
/* Pictures with masks, in two folders with equal names or side by side. A mask's stored values, palette indices or grey
 * levels, are the classes, with 255 as "ignored". Two exceptions: if masks hold black and white only, these are the two
 * classes; if grey levels lie far apart, the classes are their ranks. Which rule applies follows from the values in the
 * masks themselves (decide). */
#include "data/partners.h"
#include <stdio.h>
#include <string.h>

enum { MASKS_LOOKED_AT = 200, VALUES = 256, MOST_GREYS = 32, UNKNOWN = 255 };

static const char *const firsts[] = {"images",   "image",  "imgs", "img",   "jpegimages",
                                     "pictures", "photos", "x",    "input", NULL};
static const char *const seconds[] = {"masks",       "mask",         "labels",        "label",   "segmentationclass",
                                      "annotations", "annotation",   "groundtruth",   "gt",      "seg",
                                      "segs",        "segmentation", "segmentations", "trimaps", NULL};
static const char *const suffixes[] = {"_mask",         "-mask", "_label", "_labels", "_seg",
                                       "_segmentation", "_gt",   ".mask",  NULL};
static const struct partner_words words = {firsts, seconds, suffixes, "picture", "mask", false};

static bool suits(const struct store *store, const char *index)
{
    return index == NULL && partners_suit(store, &words);
}

/* ---- which values there are -------------------------------------------------------------------------------------- */

/* The values that occur in one mask, or in several. */
struct seen {
    bool value[VALUES];
    bool is_indexed, is_lossy;
    int status;
    char why[300];
};

struct looking {
    const struct list *list;
    size_t count;
    struct seen *seen; /* [count] */
};

static size_t looked_at(const struct looking *looking, size_t index)
{
    return index * (looking->list->count / looking->count);
}

static void look_at(void *context, size_t index, int worker)
{
    struct looking *looking = context;
    struct seen *seen = &looking->seen[index];
    const struct listed *listed = &looking->list->samples[looked_at(looking, index)];
    struct picture picture = {.memory = looking->list->memory};
    struct error error = {.status = FOV_OK};
    (void)worker;
    seen->status =
        list_read_mask(looking->list->store, listed->second, &picture, &seen->is_indexed, &seen->is_lossy, &error);
    if (seen->status != FOV_OK) {
        snprintf(seen->why, sizeof seen->why, "%.*s", (int)sizeof seen->why - 1, error.text);
    }
    size_t area = seen->status ? 0 : (size_t)picture.height * (size_t)picture.width;
    for (size_t i = 0; i < area; i++) {
        seen->value[picture.pixels[i]] = true;
    }
    picture_free(&picture);
}

/* ---- what they mean ---------------------------------------------------------------------------------------------- */

static void set_class(struct mask_rule *rule, int value, int class)
{
    rule->to_class[value] = (uint8_t) class;
    rule->is_known[value] = true;
}

/* Sets the rule, list->mask, by the values that occur in the masks. */
static int decide(struct list *list, const struct seen *all, const char *example, struct error *error)
{
    struct mask_rule *rule = &list->mask;
    size_t names = list->class_count;
    int count = 0, largest = -1;
    for (int value = 0; value < VALUES; value++) {
        count += all->value[value];
        largest = all->value[value] && value != UNKNOWN ? value : largest;
    }
    if (names > UNKNOWN) {
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "too many classes", example, "error",
                            error, "%zu classes are named, but masks hold %d at most, 0 to %d: 255 means ignored",
                            names, UNKNOWN, UNKNOWN - 1);
    }
    bool two = !all->is_indexed && all->value[UNKNOWN] && largest <= 0 && names <= 2;
    bool apart = !all->is_indexed && names == 0 && !two && largest > 2 * count && count <= MOST_GREYS;
    if (all->is_lossy && names <= 2) {
        for (int value = 0; value < VALUES; value++) {
            set_class(rule, value, value >= VALUES / 2);
        }
        rule->classes = 2;
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "blurred masks", example,
                            "used, from 128 on as white", error, "a mask in a format that blurs edges");
    }
    if (two) {
        set_class(rule, 0, 0);
        set_class(rule, UNKNOWN, 1);
        rule->classes = 2;
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_NOTE, "black and white masks", example,
                            "0 is class 0, 255 is class 1", error, "masks hold 0 and 255 alone");
    }
    if (apart) {
        for (int value = 0; value < VALUES; value++) {
            if (all->value[value]) {
                set_class(rule, value, rule->classes++);
            }
        }
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "grey values far apart", example,
                            "numbered in their order", error,
                            "masks hold %d grey values up to %d: taken as classes 0 to %d", count, largest, count - 1);
    }
    rule->classes = names > 0 ? (int)names : largest + 1;
    if (names == 0 && !all->is_indexed && count > 2 * MOST_GREYS) {
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "masks of many greys", example, "error",
                            error,
                            "masks hold %d grey values: neither numbers of classes nor black and white (a classes.txt "
                            "with their names says that they are)",
                            count);
    }
    for (int value = 0; value < rule->classes; value++) {
        set_class(rule, value, value);
    }
    if (rule->classes < VALUES) {
        set_class(rule, UNKNOWN, UNKNOWN);
    }
    return largest < rule->classes
               ? FOV_OK
               : findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "unknown class", example, "error",
                              error, "masks hold class %d, but only %zu are named", largest, names);
}

/* Names the classes without names: "black" and "white" for two, else by their numbers. */
static int name_classes(struct list *list, struct error *error)
{
    int status = FOV_OK;
    bool two = list->mask.classes == 2 && list->mask.is_known[UNKNOWN] && list->mask.to_class[UNKNOWN] == 1;
    while (list->class_count < (size_t)list->mask.classes && status == FOV_OK) {
        char name[24];
        snprintf(name, sizeof name, "%zu", list->class_count);
        status = list_add_class(list, two ? (list->class_count ? "white" : "black") : name, error);
    }
    return status;
}

int list_survey_masks(struct list *list, struct error *error)
{
    struct looking looking = {.list = list, .count = list->count < MASKS_LOOKED_AT ? list->count : MASKS_LOOKED_AT};
    struct seen all = {.status = FOV_OK};
    const char *example = NULL;
    if (list->count == 0) {
        return FOV_OK;
    }
    looking.seen = memory_allocate(list->memory, looking.count, sizeof *looking.seen, "masks", error);
    if (looking.seen == NULL) {
        return FOV_E_MEMORY;
    }
    pool_run(list->context->pool, look_at, &looking, looking.count);
    int status = FOV_OK;
    for (size_t i = 0; i < looking.count && status == FOV_OK; i++) {
        const struct seen *seen = &looking.seen[i];
        const char *path = list->samples[looked_at(&looking, i)].second;
        if (seen->status == FOV_E_MEMORY) {
            status = error_set(error, FOV_E_MEMORY, "%s", seen->why);
        } else if (seen->status == FOV_OK) { // a damaged mask is reported when its sample is read
            example = example ? example : path;
            all.is_indexed |= seen->is_indexed;
            all.is_lossy |= seen->is_lossy;
            for (int value = 0; value < VALUES; value++) {
                all.value[value] |= seen->value[value];
            }
        }
    }
    memory_free(list->memory, looking.seen);
    if (status == FOV_OK && example != NULL) {
        status = decide(list, &all, example, error);
        status = status ? status : name_classes(list, error);
    }
    return status;
}

int list_take_mask(const struct list *list, const struct listed *listed, struct sample *sample, struct error *error)
{
    const struct mask_rule *rule = &list->mask;
    struct picture *mask = &sample->mask;
    bool is_indexed, is_lossy;
    int status = list_read_mask(list->store, listed->second, mask, &is_indexed, &is_lossy, error);
    if (status) {
        return status;
    }
    if (mask->height != sample->picture.height || mask->width != sample->picture.width) {
        return error_set(error, FOV_E_INPUT, "%s: the mask has %d x %d pixels, its picture %d x %d", listed->second,
                         mask->height, mask->width, sample->picture.height, sample->picture.width);
    }
    size_t area = (size_t)mask->height * (size_t)mask->width;
    for (size_t i = 0; i < area; i++) {
        uint8_t value = mask->buffer[i];
        if (!rule->is_known[value]) {
            return error_set(error, FOV_E_INPUT, "%s: value %d at row %zu, column %zu is no class (there are %d)",
                             listed->second, value, i / (size_t)mask->width, i % (size_t)mask->width, rule->classes);
        }
        mask->buffer[i] = rule->to_class[value];
    }
    return FOV_OK;
}

int list_read_mask(const struct store *store, const char *path, struct picture *mask, bool *is_indexed, bool *is_lossy,
                   struct error *error)
{
    uint8_t *bytes;
    size_t size;
    int status = store_read(store, path, IMAGE_MAX_FILE, mask->memory, &bytes, &size, error);
    *is_indexed = *is_lossy = false;
    if (status == FOV_OK) {
        *is_lossy = jpeg_is(bytes, size);
        status = image_decode_stored(mask, bytes, size, is_indexed, error);
        memory_free(mask->memory, bytes);
        if (status) {
            error_prefix(error, "%s", path);
        }
    }
    return status;
}

/* ---- the source -------------------------------------------------------------------------------------------------- */

static int scan(struct list *list, struct error *error)
{
    list->target = FOV_TARGET_MASK;
    int status = partners_scan(list, &words, error);
    status = status ? status : list_read_classes(list, store_path(list->store), error);
    return status ? status : list_survey_masks(list, error);
}

const struct data_source data_source_masks = {.name = "masks",
                                              .turn = 60,
                                              .suits = suits,
                                              .scan = scan,
                                              .sample = list_sample,
                                              .target = list_target,
                                              .place = list_place,
                                              .close = list_close};
