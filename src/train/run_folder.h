/* SPDX-License-Identifier: MIT */
/* The folder of a run: config.json, history.csv, last.onnx, best.onnx, checkpoint.safetensors.  The checkpoint is
 * authoritative and written first; the other files are derived from it and can be written again at any time. If the
 * process is killed between two files, the next resume repairs the folder: it reads the checkpoint and writes the
 * derived files. */
#ifndef TRAIN_RUN_FOLDER_H
#define TRAIN_RUN_FOLDER_H

#include "train/checkpoint.h"

struct run_folder {
    const char *directory;
    const struct train_settings *settings;
    struct train_identity identity;
    fov_model *model;
    const struct task_use *use;
    struct training_step *step;
};

/** E_USAGE: the folder already holds files of a run. */
int run_folder_check_free(const char *directory, struct memory *memory, struct error *error);
/** For a new run in an existing folder: removes the checkpoint and best model of an older run, writes all files as of
 *  epoch 0. */
int run_folder_begin(const struct run_folder *folder, const struct train_state *state, struct error *error);
/** For a resumed run: reads the checkpoint and writes the derived files; at an epoch's end also publishes the weights
 *  to the model and writes the model files. */
int run_folder_resume(const struct run_folder *folder, struct train_state *state, struct error *error);
/** Writes the checkpoint alone, in the middle of an epoch. */
int run_folder_checkpoint(const struct run_folder *folder, const struct train_state *state, struct error *error);
/** At an epoch's end, after step_publish: writes checkpoint, history.csv, last.onnx, and best.onnx if this epoch is the
 *  best so far. */
int run_folder_epoch(const struct run_folder *folder, const struct train_state *state, struct error *error);

#endif
