/* SPDX-License-Identifier: MIT */
/* What TensorBoard reads: after each epoch every column of the history as a scalar and every parameter as a histogram,
 * appended to one file of the run folder. The format is that of TensorFlow's event files: records (length, CRC-32C of
 * it, bytes, CRC-32C of them) that hold protocol buffers (tensorflow/core/util/event.proto and
 * framework/summary.proto). A resumed run cuts the file back to its checkpoint first. */
#ifndef TRAIN_EVENTS_H
#define TRAIN_EVENTS_H

#include "train/checkpoint.h"

#define EVENTS_FILE "events.out.tfevents.fovea"

/** Begins the file anew. */
int events_begin(const char *path, struct memory *memory, struct error *error);
/** Leaves what was written up to epoch `epoch`; a file that is not there, or damaged from some place on, is begun, or
 *  goes on from there. */
int events_resume(const char *path, int64_t epoch, struct memory *memory, struct error *error);
/** Adds the last row of the history, and histograms of the graph's parameters that are the model's. */
int events_add(const char *path, const struct history *history, const struct training_step *step, struct error *error);

#endif
