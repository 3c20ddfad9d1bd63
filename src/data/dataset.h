/* SPDX-License-Identifier: MIT */
/* A dataset from inside, and what a source of data is: one file that recognises a string or directory, opens it, and
 * hands out pictures. Sources know nothing of batches or floats (loader.h) nor of downloads (get.c).
 * Next: source.c (where data is looked for), idx.c (the simplest source that reads files). */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "data/findings.h"
#include "data/sample.h"
#include "device/context.h"
#include <fovea/dataset.h>

enum { DATA_PATH_SIZE = 4096 };

struct data_source;
struct list;
struct store;

struct fov_dataset {
    struct fov_context *context;
    const struct data_source *source;
    void *state;      /**< the source's own */
    const char *name; /**< "mnist" */
    char *where;      /**< directory, or "drawn by fovea" */
    size_t count;
    fov_target target; /**< a class, where the source says nothing else */
    int classes;
    char **class_names; /**< one block */
    int values;         /**< of FOV_TARGET_VALUES */
    char **value_names; /**< one block; NULL: they have none */
    int channels, height, width;
    bool same_size;
    int least[2], most[2];       /**< height and width; 0: those above */
    size_t unreadable;           /**< samples whose file is known to be no picture */
    size_t first_unreadable;     /**< the first of them */
    fov_fit fit;       /**< the form that its pictures have already; 0: none */
    fov_invert invert;
    uint64_t fingerprint;        /**< of what the files hold; 0: dataset_fingerprint looks at the samples */
    int32_t *labels; /**< FOV_TARGET_CLASS: [count], each in 0 .. classes - 1; else NULL */
    /** [count, height, width, channels] where all samples are kept in memory, else NULL: then the source decodes. */
    const uint8_t *pixels;
    uint32_t *chosen; /**< [count] places of the samples in `pixels`, or for the source; NULL: 0, 1, 2 ... */
    struct sample current; /**< of fov_dataset_sample and fov_dataset_read */
};

/** One kind of data. Constant. A line `const struct data_source data_source_NAME = {` in a file of this room is all it
 *  takes to add one: cmake/tables.cmake lists it. */
struct data_source {
    const char *name; /**< what a user writes: "mnist", "mnist:ARGUMENT" */
    bool counts;      /**< a count behind the name is its own affair, not that of the samples that are used */
    /** Whose turn it is to say whether a path is theirs, where several might: the smallest first; of equal ones by
     *  name. Who knows the files by one name has an early turn, who takes any tree of pictures the last. */
    int turn;
    /** Whether a bare directory is of this kind; NULL: never. */
    bool (*recognises)(const char *directory);
    /** Fills a zeroed dataset whose context and source are set: everything above but `current`, with labels checked.
     *  `argument` is what follows "name:", a bare directory, or NULL. On failure the caller calls close. */
    int (*open)(struct fov_dataset *dataset, const char *argument, fov_split split, struct error *error);
    /** Decodes sample `index` into `picture`; called by several threads at once, each with its own picture. NULL where
     *  dataset->pixels holds everything. */
    int (*sample)(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error);
    /** Fills in the target of sample `index`, whose picture has been decoded into sample->picture; called as `sample`
     *  is. NULL where the target is a class, which dataset->labels says. */
    int (*target)(const struct fov_dataset *dataset, size_t index, struct sample *sample, struct error *error);
    /** Both at once, in place of the two above where neither can be had alone. */
    int (*read)(const struct fov_dataset *dataset, size_t index, struct sample *sample, struct error *error);
    /** The path of a sample's file; NULL where samples have none. */
    const char *(*place)(const struct fov_dataset *dataset, size_t index);

    /** A sample that cannot be had is a mistake in a program, not a bad file: no other takes its place. */
    bool is_program;

    /* a source of files has these two in place of the above: list.h does the rest */
    /** Whether the files of a store are of this kind; `index`: the file that the user named in it, or NULL. Asked for
     *  paths without a source's name in front. */
    bool (*suits)(const struct store *store, const char *index);
    /** Fills a zeroed list whose context, memory, store and index are set. What is wrong with the files is a
     *  finding. */
    int (*scan)(struct list *list, struct error *error);

    /** Frees `state`, which may be half made or NULL; NULL where there is none. */
    void (*close)(struct fov_dataset *dataset);
};
extern const struct data_source *const data_source_table[]; /* by name */
extern const size_t data_source_table_count;
/** By turn: the one behind `last`, the first for NULL; NULL behind the last. */
const struct data_source *data_source_behind(const struct data_source *last);

/** What a text means. Free with dataset_forget. */
struct dataset_found {
    const struct data_source *kind;
    const char   *argument; /**< what the source is told; NULL: nothing */
    char          folder[DATA_PATH_SIZE]; /**< that argument, where a count was cut off behind it */
    size_t        most;     /**< samples to learn from, the first ones; 0: all */
    struct store *store;    /**< of a source of files */
    const char   *index;    /**< the file in it that was named, or NULL */
};
/** The source that `text` names, and what it is told: E_INPUT and a sentence for anything unknown. */
int  dataset_find(struct fov_context *context, const char *text, struct dataset_found *found, struct error *error);
void dataset_forget(struct dataset_found *found); /**< accepts a zeroed one */
/** Opens one split of what was found; NULL and a sentence. `options` may be NULL. */
fov_dataset *dataset_open(struct fov_context *context, const struct dataset_found *found, fov_split split,
                          const fov_dataset_options *options, struct error *error);
/** E_INPUT where a sample's file is known to be no picture: whoever needs them all should not begin. */
int dataset_check_readable(const struct fov_dataset *dataset, struct error *error);
/** Names a dataset's content: labels, class names, and files or pixels. Two datasets that a run could take for each
 *  other differ in it; of large files only the first bytes count. */
uint64_t dataset_fingerprint(const struct fov_dataset *dataset);

/** Sample `index` with its target. Thread-safe; each thread has its own sample. */
int dataset_read(const struct fov_dataset *dataset, size_t index, struct sample *sample, struct error *error);
/** Sample `index` as pixels: in place where the dataset is in memory, else decoded into `picture`. Thread-safe. */
int dataset_sample(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error);

/** What to call sample `index` in a sentence: "sample 17 of mnist", and its file where it has one. */
enum { SAMPLE_TEXT_SIZE = 700 };
const char *dataset_sample_text(const struct fov_dataset *dataset, size_t index, char out[SAMPLE_TEXT_SIZE]);

/** Sets classes and class_names, or values and value_names, from a list of names. */
int dataset_set_classes(struct fov_dataset *dataset, const char *const *names, size_t count, struct error *error);
int dataset_set_values(struct fov_dataset *dataset, const char *const *names, size_t count, struct error *error);

/* Where data lies */

/** The directory for downloads and look-ups: $FOVEA_DATA, else $XDG_DATA_HOME/fovea, else ~/.local/share/fovea. */
int data_directory(char *out, size_t size, struct error *error);

/** Finds the directory that `recognises`: with an argument DIR among DIR and DIR/each of `folders`; without one among
 *  the same below $FOVEA_DATA, then below the XDG directory's fovea/. Error: where it looked, then `advice`. */
int data_find(char *out, size_t size, const char *name, const char *argument, const char *const *folders,
              bool (*recognises)(const char *directory), const char *advice, struct error *error);

#endif
