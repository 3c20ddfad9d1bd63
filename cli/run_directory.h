/* SPDX-License-Identifier: MIT */
/* The folder of a training run: choosing and making it, and keeping the words that the run was started with. The
 * trainer writes config.json (every setting); args.json beside it has the words that the library never sees, such as
 * those for model and data. */
#ifndef CLI_RUN_DIRECTORY_H
#define CLI_RUN_DIRECTORY_H

#include "cli.h"
#include "json.h"

enum { RUN_PATH = 4096 };

struct run_directory {
    char path[RUN_PATH];
    bool made; /**< made by this process, to be removed again if the run leaves nothing in it */
};

/** Makes the folder `wanted` with its parents, and refuses it where it holds a run unless `overwrite`; NULL:
 *  runs/train, or the first of runs/train2, runs/train3 ... that does not exist yet. 0 or an exit code after a
 *  sentence. */
int run_directory_take(struct cli *cli, const char *wanted, bool overwrite, struct run_directory *folder);
/** Removes the folder if it was made for a run that left nothing in it. */
void run_directory_abandon(const struct run_directory *folder);

/** Makes a folder with its parents; -1 and errno on failure. *made: whether it did not exist before. */
int run_directory_make(const char *path, bool *made);

/** Writes the path FOLDER/NAME to out and returns it; "" where it is too long. */
const char *run_directory_file(char out[RUN_PATH], const struct run_directory *folder, const char *name);
bool run_directory_has(const struct run_directory *folder, const char *name);

/** The words that a run was started with, as typed. */
struct run_words {
    const char *model, *data;
    bool model_is_file, data_is_file;             /**< paths, not names that fovea knows */
    const char *weights;                          /**< a weights file for the network `model`; NULL: not given */
    const char *input, *freeze, *output, *scores; /**< NULL: not given */
    fov_dataset_options held;                     /**< samples held back */
    int classes;                                  /**< 0: those of the data */
};
/** Writes the words to args.json. 0 or an exit code. */
int run_directory_keep_words(struct cli *cli, const struct run_directory *folder, const struct run_words *words);
/** Reads a JSON file of the folder, all numbers as doubles; NULL after a sentence, with the exit code in *code. `text`
 *  (or NULL) receives the file's bytes, which the caller frees. */
json_t *run_directory_read(struct cli *cli, const struct run_directory *folder, const char *name, char **text,
                           int *code);
/** Whether `folder` is that of a run which learned from the data that `source` means here. *held then says how it held
 *  samples back; held->val_list belongs to *words, which the caller releases in any case (json_decref). */
bool run_directory_learned_from(const struct run_directory *folder, const char *source, fov_dataset_options *held,
                                json_t **words);
/** The options of args.json for samples held back and further inputs; val_list and inputs point into `words`. */
fov_dataset_options run_directory_held(const json_t *words);
/** Reads config.json, and its seed with all 64 bits (*seed is unchanged where the file has none). EXIT_OK, or an exit
 *  code after a sentence. The caller frees *config in either case. */
int run_directory_read_config(struct cli *cli, const struct run_directory *folder, json_t **config, uint64_t *seed);

#endif
