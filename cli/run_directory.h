/* SPDX-License-Identifier: MIT */
/* The folder of a training run, as the command sees it: where a new one goes, and what was typed when it began. The
 * trainer writes config.json (every setting); args.json beside it keeps the words that the library never sees: which
 * model and which data. */
#ifndef CLI_RUN_DIRECTORY_H
#define CLI_RUN_DIRECTORY_H

#include "cli.h"
#include "json.h"

enum { RUN_PATH = 4096 };

struct run_directory {
    char path[RUN_PATH];
    bool made; /**< by us, now: to be taken away again when nothing came of it */
};

/** `wanted`, made with its parents, and refused where it holds a run unless `overwrite`; NULL: runs/train, or the first
 *  of runs/train2, runs/train3 ... that is not there yet. Says why not; answers an exit code. */
int run_directory_take(struct cli *cli, const char *wanted, bool overwrite, struct run_directory *folder);
/** Removes the folder if it was made for a run that left nothing in it. */
void run_directory_abandon(const struct run_directory *folder);

/** Makes a folder with its parents; -1 and errno where that fails. *made: it was not there before. */
int run_directory_make(const char *path, bool *made);

/** FOLDER/NAME, in out. */
const char *run_directory_file(char out[RUN_PATH], const struct run_directory *folder, const char *name);
bool run_directory_has(const struct run_directory *folder, const char *name);

/** What a run was asked for, by the words that were typed. */
struct run_words {
    const char *model, *data;
    bool model_is_file, data_is_file;             /**< not names that fovea knows */
    const char *weights;                          /**< a file, of the network `model`; NULL: not given */
    const char *input, *freeze, *output, *scores; /**< NULL: not given */
    fov_dataset_options held;                     /**< samples held back */
    int classes;                                  /**< 0: those of the data */
};
/** Keeps them in args.json. 0 or an exit code. */
int run_directory_keep_words(struct cli *cli, const struct run_directory *folder, const struct run_words *words);
/** Reads a JSON object of the folder, all numbers as doubles; NULL after a sentence, with the exit code in *code.
 *  `text`: NULL, or receives the file's bytes, to be freed. */
json_t *run_directory_read(struct cli *cli, const struct run_directory *folder, const char *name, char **text,
                           int *code);
/** Reads config.json, and of its seed all 64 bits, where there is one (*seed stays as it is where there is none).
 *  EXIT_OK, or an exit code after a sentence. *config is the caller's in any case. */
int run_directory_read_config(struct cli *cli, const struct run_directory *folder, json_t **config, uint64_t *seed);

#endif
