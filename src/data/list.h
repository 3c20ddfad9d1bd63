/* SPDX-License-Identifier: MIT */
/* A list of samples that a source has found in files: the path of each picture, its target, its split. A source of
 * files only fills a list (data_source.scan, dataset.h); the code common to all such sources is here: choosing a split,
 * holding samples back where there is none, sizes and channels from the pictures' headers, reading, and findings. Next:
 * list.c (the dataset made of a list), list_split.c, list_look.c, folder.c (the first source of this kind). */
#ifndef DATA_LIST_H
#define DATA_LIST_H

#include "data/dataset.h"
#include "data/folder_scan.h"
#include "data/store.h"

enum { LIST_WITHOUT_SPLIT = FOLDER_ROLES };

struct listed {
    char *picture;       /**< path in the store */
    char *second;        /**< path of its mask, or of the picture that it should become; NULL: none */
    int32_t label;       /**< FOV_TARGET_CLASS */
    int role;            /**< enum folder_role, or LIST_WITHOUT_SPLIT */
    size_t first, count; /**< range of its boxes or numbers in list.boxes or list.numbers */
};

/** Columns of a table that go into an input of a network besides that of the pictures. */
struct list_input {
    char *name;   /**< of the input */
    size_t count; /**< its columns */
};

/** How the values in masks become classes (masks.c). */
struct mask_rule {
    int classes;
    uint8_t to_class[256]; /**< class of each stored value; 255: ignored */
    bool is_known[256];    /**< whether masks may hold the value; another one is an error */
};

struct list {
    struct fov_context *context;
    struct memory *memory;
    struct store *store;
    const char *index; /**< path of the file that lists the samples, if the user named one; else NULL */
    struct findings findings;
    fov_target target;
    struct listed *samples;
    size_t count, capacity;
    bool needs_test_split;         /**< a lone training split is an error; else part of it is held back */
    bool splits;                   /**< it has folders or lists for splits */
    bool is_for_training;          /**< all samples are stated to be training ones (roles: LIST_WITHOUT_SPLIT) */
    size_t lone_classes;           /**< errors among the findings that matter only where samples are held back */
    char *where[FOLDER_ROLES];     /**< folder of each split; NULL: see place_of in list.c */
    char **classes, **value_names; /**< [class_count], [value_count] */
    size_t class_count, class_capacity, value_count, value_capacity;
    fov_box *boxes;
    float *numbers;
    size_t box_count, box_capacity, number_count, number_capacity;
    const char *asked;         /**< fov_dataset_options.inputs, or NULL */
    struct list_input *inputs; /**< [input_count] */
    size_t input_count, input_capacity;
    double *extras; /**< [count][extra_columns]: the columns of all inputs, for each sample */
    size_t extra_columns, extra_count, extra_capacity;
    bool boxes_are_shares; /**< coordinates are fractions of the picture's width and height (YOLO), not pixels */
    struct mask_rule mask;
};

/** Adds a sample; `second` may be NULL. list_add_box and list_add_number then add to this sample. */
int list_add(struct list *list, const char *picture, const char *second, int32_t label, int role, struct error *error);
int list_add_class(struct list *list, const char *name, struct error *error);
int list_add_value_name(struct list *list, const char *name, struct error *error);
int list_add_box(struct list *list, const fov_box *box, struct error *error);
int list_add_number(struct list *list, float number, struct error *error);
/** Adds an input of a network, whose numbers of each sample list_add_extra then adds. */
int list_add_input(struct list *list, const char *name, size_t columns, struct error *error);
int list_add_extra(struct list *list, double number, struct error *error);
/** Adds the class names, one per line, of a file "classes.txt" (or "names.txt", "labels.txt") in the store's folder
 *  `folder` or at its root; without such a file adds none. */
int list_read_classes(struct list *list, const char *folder, struct error *error);
void list_free(struct list *list);

/** E_INPUT with the first error of the findings, or because the list is empty. */
int list_check(const struct list *list, struct error *error);

/* ---- the dataset (list.c, list_split.c) -------------------------------------------------------------------------- */

/** Makes the list of the samples that source `kind` finds in a store, including the store's own findings. `inputs`:
 *  fov_dataset_options.inputs, or NULL. The caller calls list_free, after failures too. */
int list_scan(struct list *list, struct fov_context *context, const struct data_source *kind, struct store *store,
              const char *index, const char *inputs, struct error *error);
/** Fills a dataset from the list that its source's scan makes of the store; the dataset becomes an owner of the
 *  store. */
int list_open(struct fov_dataset *dataset, struct store *store, const char *index, fov_split split,
              const fov_dataset_options *options, struct error *error);
int list_sample(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error);
int list_target(const struct fov_dataset *dataset, size_t index, struct sample *sample, struct error *error);
const char *list_place(const struct fov_dataset *dataset, size_t index);
void list_close(struct fov_dataset *dataset);
/** Collects all findings from names and headers (list_look.c). `decoded`: the caller decodes the pictures as well, so
 *  unreadable ones are left for it to report. */
int list_look(struct fov_context *context, const struct data_source *kind, struct store *store, const char *index,
              bool decoded, struct findings *findings, struct error *error);

/** The samples of a split, as list_choose finds them. */
struct list_choice {
    uint32_t *index; /**< [count] indices into the list, in its order; room for all of it */
    size_t count;
    int role;         /**< the split of the list that they come from */
    const char *part; /**< fov_dataset_info.part */
};
/** Chooses the samples of a split; choice->index is the caller's. */
int list_choose(const struct list *list, fov_split split, const fov_dataset_options *options,
                struct list_choice *choice, struct error *error);
/** Whether the list states no splits, so that fov_dataset_options.whole makes all its samples one part. */
bool list_states_no_splits(const struct list *list);
/** Fails because of `count` samples none can be held back so that some are left. */
int list_too_few(const char *name, size_t count, struct error *error);

/** Marks in `held` which of `count` samples are held back: a share of each class (labels NULL: of all), always the
 *  same; the last ones; or those that a list names. names(user, i) is the path of sample i. */
int list_hold_back(struct memory *memory, const fov_dataset_options *options, size_t count, const int32_t *labels,
                   const char *(*names)(const void *user, size_t index), const void *user, bool *held,
                   struct error *error);
/** strcmp, but runs of digits compare as numbers: "9.png" before "10.png". */
int list_compare_naturally(const char *a, const char *b);

typedef int list_probed(void *user, size_t index, const struct probe *probe, struct error *error);
/** Reads the headers of paths[count] on the context's pool and calls `take` for each, in order, on the calling
 *  thread. */
int list_probe(struct fov_context *context, const struct store *store, const char *const *paths, size_t count,
               list_probed *take, void *user, struct error *error);

/* ---- masks (masks.c) --------------------------------------------------------------------------------------------- */

/** Reads some masks of the list, derives list->mask from the values in them, and adds classes where none are named. */
int list_survey_masks(struct list *list, struct error *error);
/** Reads a mask as it is stored; *is_indexed: its values are indices of a palette; *is_lossy: JPEG, which blurs
 *  edges. */
int list_read_mask(const struct store *store, const char *path, struct picture *mask, bool *is_indexed, bool *is_lossy,
                   struct error *error);
/** Reads the mask of a sample whose picture has already been read, converted to classes. */
int list_take_mask(const struct list *list, const struct listed *listed, struct sample *sample, struct error *error);

/* ---- trees of names (list_tree.c) -------------------------------------------------------------------------------- */

/** Paths in a store; freed by list_paths_free. */
struct list_paths {
    struct memory *memory;
    char **path;
    size_t count, capacity;
};
/** Adds all pictures in a folder of the list's store and below it, sorted. Folders nested too deep become an error of
 *  the list's findings. */
int list_pictures(struct list *list, const char *folder, struct list_paths *paths, struct error *error);
int list_paths_add(struct list_paths *paths, const char *path, struct error *error);
void list_paths_free(struct list_paths *paths);
/** Descends into an archive's wrapper folder: if `path` holds exactly one folder and no pictures, `path` becomes that
 *  folder's path; else false. */
bool list_descend(const struct store *store, char path[DATA_PATH_SIZE]);
/** Reads and decodes a picture from a store. */
int list_read_picture(const struct store *store, const char *path, struct picture *picture,
                      enum image_channels channels, struct error *error);
/** Reads a text file of the store, at most 16 MiB, without a byte order mark; the text is zero-terminated, freed with
 *  memory_free. */
int list_read_text(const struct store *store, const char *path, struct memory *memory, char **text,
                   struct error *error);
/** The length of the UTF-8 byte order mark that a text begins with, as some editors write it; 0: none. */
size_t list_mark(const char *text);

#endif
