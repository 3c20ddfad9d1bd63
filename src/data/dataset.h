/* SPDX-License-Identifier: MIT */
/* The internals of a dataset, and the interface of data sources: a source is one file that recognises a string or
 * directory, opens it, and hands out pictures. Sources know nothing of batches or floats (loader.h) nor of downloads
 * (get.c).
 * Next: source.c (where data is looked for), idx.c (the simplest source that reads files). */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "data/findings.h"
#include "data/inputs.h"
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
    void *state;      /**< private data of the source */
    const char *name; /**< "mnist" */
    char *where;      /**< directory, or "drawn by fovea" */
    const char *part; /**< which samples of the source it has (fov_dataset_info.part) */
    size_t count;
    fov_target target; /**< FOV_TARGET_CLASS unless the source sets another */
    int classes;
    char **class_names; /**< one block */
    int values;         /**< FOV_TARGET_VALUES: numbers per sample */
    char **value_names; /**< one block; NULL: values have no names */
    struct dataset_input *inputs; /**< [input_count] what goes into a network besides the pictures */
    int input_count;
    int channels, height, width;
    bool same_size;
    int least[2], most[2];       /**< smallest and largest height and width; most 0 after opening: height, width */
    size_t unreadable;           /**< number of samples whose file is known to be no picture */
    size_t first_unreadable;     /**< index of the first of these samples */
    fov_fit fit;       /**< the form that its pictures already have (fov_dataset_info.fit); 0: none */
    fov_invert invert;
    uint64_t fingerprint;        /**< hash of the files' content; 0: dataset_fingerprint hashes samples instead */
    int32_t *labels; /**< FOV_TARGET_CLASS: [count], each in 0 .. classes - 1; else NULL */
    /** [count, height, width, channels] if all samples are in memory; NULL: the source decodes each on demand. */
    const uint8_t *pixels;
    uint32_t *chosen; /**< [count] index of each sample in `pixels` or in the source's numbering; NULL: 0, 1, 2 ... */
    struct sample current; /**< the buffer behind fov_dataset_sample and fov_dataset_read */
};

/** One kind of data; constant. To add a source, define `const struct data_source data_source_NAME = {` in a file of
 *  this directory: cmake/tables.cmake finds that line and enters the source into data_source_table. */
struct data_source {
    const char *name; /**< what a user writes: "mnist", "mnist:ARGUMENT" */
    bool counts;      /**< the source parses a COUNT behind its name itself; else it limits the training samples */
    /** The order in which sources are asked whether a path is theirs: smallest first, equal ones by name. Sources that
     *  look for files of one particular name come early, those that accept any tree of pictures come last. */
    int turn;
    /** Whether a bare directory is of this kind; NULL: never. */
    bool (*recognises)(const char *directory);
    /** Fills a zeroed dataset whose context and source are set: every field of it but `current`, with labels checked.
     *  `argument` is what follows "name:", a bare directory, or NULL. On failure the caller calls close. */
    int (*open)(struct fov_dataset *dataset, const char *argument, fov_split split, struct error *error);
    /** Decodes sample `index` into `picture`; called by several threads at once, each with its own picture. NULL where
     *  dataset->pixels holds everything. */
    int (*sample)(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error);
    /** Fills in the target of sample `index`, whose picture has already been decoded into sample->picture; called by
     *  several threads at once like `sample`. NULL where the target is a class: dataset->labels has it. */
    int (*target)(const struct fov_dataset *dataset, size_t index, struct sample *sample, struct error *error);
    /** Reads picture and target in one call, for sources that cannot read them separately; used in place of `sample`
     *  and `target` when a target is wanted. */
    int (*read)(const struct fov_dataset *dataset, size_t index, struct sample *sample, struct error *error);
    /** The path of a sample's file; NULL where samples have none. */
    const char *(*place)(const struct fov_dataset *dataset, size_t index);

    bool has_columns; /**< its samples may have columns for inputs of a network (fov_dataset_options.inputs) */
    /** A sample that cannot be read is a mistake in the calling program, not a bad file, and is never replaced. */
    bool is_program;

    /* a source of files has `suits` and `scan` in place of `recognises` and `open`: list.h does the rest */
    /** Whether the files of a store are of this kind; `index`: the file that the user named in it, or NULL. Only called
     *  for paths without a source's name in front. */
    bool (*suits)(const struct store *store, const char *index);
    /** Fills a zeroed list whose context, memory, store and index are set. Problems with the files become findings. */
    int (*scan)(struct list *list, struct error *error);

    /** Frees `state`, which may be NULL or partly initialised; NULL if the source has no state. */
    void (*close)(struct fov_dataset *dataset);
};
extern const struct data_source *const data_source_table[]; /* by name */
extern const size_t data_source_table_count;
/** Iterates over the sources by turn: the one that follows `last`, or the first for NULL; NULL at the end. */
const struct data_source *data_source_behind(const struct data_source *last);

/** The source that a user's text ("mnist", "photos.zip") stands for. Free with dataset_forget. */
struct dataset_found {
    const struct data_source *kind;
    const char   *argument; /**< argument of the source's open(); NULL: none */
    char          folder[DATA_PATH_SIZE]; /**< buffer for `argument` when a ":COUNT" was cut off its end */
    size_t        most;     /**< use only the first `most` training samples; 0: all */
    struct store *store;    /**< the files, for a source of files; else NULL */
    const char   *index;    /**< the file in the store that the user named, or NULL */
};
/** Finds the source that `text` names, and its argument. An unknown text gives an error with advice: E_USAGE, E_IO or
 *  E_INPUT. The caller calls dataset_forget, after failures too. */
int  dataset_find(struct fov_context *context, const char *text, struct dataset_found *found, struct error *error);
void dataset_forget(struct dataset_found *found); /**< accepts a zeroed one */
/** Opens one split of the dataset that was found; NULL and an error. `options` may be NULL. */
fov_dataset *dataset_open(struct fov_context *context, const struct dataset_found *found, fov_split split,
                          const fov_dataset_options *options, struct error *error);
/** Fails with the reason if a sample's file is known to be unreadable: for callers that need every sample. */
int dataset_check_readable(const struct fov_dataset *dataset, struct error *error);
/** A hash of the dataset's content: labels, class names, and files or pixels, so that a resumed run notices that its
 *  dataset was exchanged. Of large files only the first bytes are hashed. */
uint64_t dataset_fingerprint(const struct fov_dataset *dataset);

/** Sample `index` with its target. Thread-safe; each thread has its own sample. */
int dataset_read(const struct fov_dataset *dataset, size_t index, struct sample *sample, struct error *error);
/** Pixels of sample `index`: `picture` points into dataset->pixels if that is set, else receives the decoded picture.
 *  Thread-safe. */
int dataset_sample(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error);

/** The name of sample `index` for messages: "sample 17 of mnist", followed by its file where it has one. */
enum { SAMPLE_TEXT_SIZE = 700 };
const char *dataset_sample_text(const struct fov_dataset *dataset, size_t index, char out[SAMPLE_TEXT_SIZE]);

/** Sets classes and class_names, or values and value_names, from a list of names. */
int dataset_set_classes(struct fov_dataset *dataset, const char *const *names, size_t count, struct error *error);
int dataset_set_values(struct fov_dataset *dataset, const char *const *names, size_t count, struct error *error);

/* Where data lies */

/** The directory for downloads and look-ups: $FOVEA_DATA, else $XDG_DATA_HOME/fovea, else ~/.local/share/fovea. */
int data_directory(char *out, size_t size, struct error *error);

/** Finds the directory that `recognises` accepts. With an argument DIR: among DIR and DIR/FOLDER for each of `folders`;
 *  without one: among the same below $FOVEA_DATA, then $XDG_DATA_HOME/fovea, then (FOVEA_DATA not set) below data and
 *  ../shared/data. The error says where it looked, and `advice`. */
int data_find(char *out, size_t size, const char *name, const char *argument, const char *const *folders,
              bool (*recognises)(const char *directory), const char *advice, struct error *error);

#endif
