/* SPDX-License-Identifier: MIT */
/* The folder a run leaves: config.json, history.csv, last.onnx, best.onnx, checkpoint.safetensors.
 *
 * The checkpoint is the truth and is written first; the other files follow from it and can be written again at any
 * time. So a kill between two files is mended by the next resume: it reads the checkpoint and writes what follows. */
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

/** E_USAGE where the folder holds files of a run already. */
int run_folder_check_free(const char *directory, struct memory *memory, struct error *error);
/** A fresh run, in a folder that is there: removes what an older run left, writes all files as of epoch 0. */
int run_folder_begin(const struct run_folder *folder, const struct train_state *state, struct error *error);
/** Goes on: reads the checkpoint, writes what follows from it, publishes the weights. */
int run_folder_resume(const struct run_folder *folder, struct train_state *state, struct error *error);
/** The checkpoint alone, in the middle of an epoch. */
int run_folder_checkpoint(const struct run_folder *folder, const struct train_state *state, struct error *error);
/** At an epoch's end, after step_publish: checkpoint, history, last, and best where this epoch is the best. */
int run_folder_epoch(const struct run_folder *folder, const struct train_state *state, struct error *error);

#endif
