/* SPDX-License-Identifier: MIT */
/* The event file for TensorBoard: after each epoch every column of the history is appended as a scalar and every
 * parameter as a histogram. The format is that of TensorFlow's event files: records (length, CRC-32C of the length,
 * bytes, CRC-32C of the bytes) that hold protocol buffers (tensorflow/core/util/event.proto and
 * framework/summary.proto). A resumed run first cuts the file back to its checkpoint. */
#ifndef TRAIN_EVENTS_H
#define TRAIN_EVENTS_H

#include "train/checkpoint.h"

#define EVENTS_FILE "events.out.tfevents.fovea"

/** Creates the file, or empties it. */
int events_begin(const char *path, struct memory *memory, struct error *error);
/** Removes events after epoch `epoch`, and everything from the first damaged record on; creates the file if there is
 *  none. */
int events_resume(const char *path, int64_t epoch, struct memory *memory, struct error *error);
/** Appends the last row of the history, and histograms of the model's parameters (without the optimiser's). */
int events_add(const char *path, const struct history *history, const struct training_step *step, struct error *error);

#endif
