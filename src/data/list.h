/* SPDX-License-Identifier: MIT */
/* Samples that a source has found by names: which picture in which file, with which target, in which split. A source of
 * files only fills a list (data_source.scan, dataset.h); what is common to all is done here: choosing a split, holding
 * samples back where there is none, sizes and channels from the pictures' headers, reading, and findings.
 * Next: list.c (the dataset made of a list), list_split.c, list_look.c, folder.c (the first source of this kind). */
#ifndef DATA_LIST_H
#define DATA_LIST_H

#include "data/dataset.h"
#include "data/folder_scan.h"
#include "data/store.h"

enum { LIST_WITHOUT_SPLIT = FOLDER_ROLES };

struct listed {
    char *picture;       /**< path in the store */
    char *second;        /**< of its mask, or of what it should become; NULL: none */
    int32_t label;       /**< FOV_TARGET_CLASS */
    int role;            /**< enum folder_role, or LIST_WITHOUT_SPLIT */
    size_t first, count; /**< its boxes or numbers in the list's */
};

/** How the values in masks become classes (masks.c). */
struct mask_rule {
    int classes;
    uint8_t to_class[256]; /**< 255: none */
    bool is_known[256];    /**< values that masks may hold */
};

struct list {
    struct fov_context *context;
    struct memory *memory;
    struct store *store;
    const char *index; /**< path of the file that lists the samples, where the user named one; else NULL */
    struct findings findings;
    fov_target target;
    struct listed *samples;
    size_t count, capacity;
    bool needs_test_split;         /**< a split to learn from alone is refused, not cut */
    bool splits;                   /**< it has folders or lists for splits */
    char *where[FOLDER_ROLES];     /**< of a split; NULL: the store's path */
    char **classes, **value_names; /**< [class_count], [value_count] */
    size_t class_count, class_capacity, value_count, value_capacity;
    fov_box *boxes;
    float *numbers;
    size_t box_count, box_capacity, number_count, number_capacity;
    bool boxes_are_shares; /**< of their picture's width and height, which nobody has looked at */
    struct mask_rule mask;
};

/** Adds a sample; `second` may be NULL. Its boxes or numbers are those that are added next. */
int list_add(struct list *list, const char *picture, const char *second, int32_t label, int role, struct error *error);
int list_add_class(struct list *list, const char *name, struct error *error);
int list_add_value_name(struct list *list, const char *name, struct error *error);
int list_add_box(struct list *list, const fov_box *box, struct error *error);
int list_add_number(struct list *list, float number, struct error *error);
/** The names of classes, one to a line, that stand in a file "classes.txt" (or "names.txt", "labels.txt") in `folder`
 *  of the store or at its root; none without such a file. */
int list_read_classes(struct list *list, const char *folder, struct error *error);
void list_free(struct list *list);

/** The first error of the findings, else that nothing was found: E_INPUT. */
int list_check(const struct list *list, struct error *error);

/* ---- the dataset (list.c, list_split.c) -------------------------------------------------------------------------- */

/** Makes the list of what a source finds in a store, with what the store itself has to say. The caller frees, after
 *  failures too. */
int list_scan(struct list *list, struct fov_context *context, const struct data_source *kind, struct store *store,
              const char *index, struct error *error);
/** Fills a dataset from the list that `kind->scan` makes of the store, which the dataset shares. */
int list_open(struct fov_dataset *dataset, struct store *store, const char *index, fov_split split,
              const fov_dataset_options *options, struct error *error);
int list_sample(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error);
int list_target(const struct fov_dataset *dataset, size_t index, struct sample *sample, struct error *error);
const char *list_place(const struct fov_dataset *dataset, size_t index);
void list_close(struct fov_dataset *dataset);
/** Everything that names and headers tell (list_look.c). */
int list_look(struct fov_context *context, const struct data_source *kind, struct store *store, const char *index,
              bool decoded, struct findings *findings, struct error *error);

/** Which samples make up a split: chosen[*chosen_count] indices into the list, in its order. *role: whose they are. */
int list_choose(const struct list *list, fov_split split, const fov_dataset_options *options, uint32_t *chosen,
                size_t *chosen_count, int *role, struct error *error);

/** Which samples to hold back of `count` with these labels (NULL: one group): a share of each class, always the same;
 *  the last; or those a list names. names(user, i) is the path of sample i. */
int list_hold_back(struct memory *memory, const fov_dataset_options *options, size_t count, const int32_t *labels,
                   const char *(*names)(const void *user, size_t index), const void *user, bool *held,
                   struct error *error);
/** strcmp, but runs of digits compare as numbers: "9.png" before "10.png". */
int list_compare_naturally(const char *a, const char *b);

typedef int list_probed(void *user, size_t index, const struct probe *probe, struct error *error);
/** Reads the headers of paths[count] on the context's pool and hands them over one by one, in order. */
int list_probe(struct fov_context *context, const struct store *store, const char *const *paths, size_t count,
               list_probed *take, void *user, struct error *error);

/* ---- masks (masks.c) --------------------------------------------------------------------------------------------- */

/** Looks at masks of the list and sets its rule, and its classes where they have no names. */
int list_survey_masks(struct list *list, struct error *error);
/** A mask as it is stored; *is_lossy: in a format that blurs edges. */
int list_read_mask(const struct store *store, const char *path, struct picture *mask, bool *is_indexed, bool *is_lossy,
                   struct error *error);
/** The mask of a sample whose picture has been read, as classes. */
int list_take_mask(const struct list *list, const struct listed *listed, struct sample *sample, struct error *error);

/* ---- trees of names (list_tree.c) -------------------------------------------------------------------------------- */

/** All pictures in a folder and below it, sorted, as paths in the store; freed by list_paths_free. */
struct list_paths {
    struct memory *memory;
    char **path;
    size_t count, capacity;
};
int list_pictures(const struct store *store, const char *folder, struct list_paths *paths, struct error *error);
int list_paths_add(struct list_paths *paths, const char *path, struct error *error);
void list_paths_free(struct list_paths *paths);
/** The only folder in a folder without pictures, as archives make it: `path` becomes that of the inner one. */
bool list_descend(const struct store *store, char path[DATA_PATH_SIZE]);
/** Whether a picture decodes is found when it is wanted; this reads one from a store. */
int list_read_picture(const struct store *store, const char *path, struct picture *picture,
                      enum image_channels channels, struct error *error);
/** A text file of the store, at most 16 MiB, ended by a 0. */
int list_read_text(const struct store *store, const char *path, struct memory *memory, char **text,
                   struct error *error);

#endif
