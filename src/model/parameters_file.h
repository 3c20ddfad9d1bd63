/* SPDX-License-Identifier: MIT */
/* Lists of a graph's parameters and the safetensors file for them: shared by saving weights, hashing weights and saving
 * the state of a training loop. */
#ifndef MODEL_PARAMETERS_FILE_H
#define MODEL_PARAMETERS_FILE_H

#include "base/file.h"
#include "base/text.h"
#include "graph/graph.h"
#include "io/safetensors.h"
#include <fovea/memory.h>

/** Whether a value is a weight of the model: any parameter except the state that an optimiser adds (fov_update).
 *  Weights are what saving writes, hashing hashes and loading requires. */
bool parameters_is_weight(const struct value *value);
/** Ids of parameters in order of creation: `all`, or the weights only. The caller frees the list. On failure NULL and
 *  an error. */
int *parameters_list(const fov_graph *graph, bool all, size_t *count, struct error *error);
/** Writes the parameters of such a list as safetensors, with `count` entries of metadata, at most PARAMETERS_NOTES.
 *  E_INPUT: there are none. `system`: as in file_writer_open. */
int parameters_write(fov_graph *graph, const char *path, bool all, const struct safetensors_text *notes,
                     size_t note_count, const struct file_system *system);
enum { PARAMETERS_NOTES = 4 };
/** Opens a file of weights of any kind, or several files by their index (weights.c). safetensors_close closes it. */
int weights_open(struct safetensors *file, const char *path, struct memory *memory, struct error *error);
/** Moves the bytes of `made` into `buffer`, which the caller then owns; frees them if `status` is a failure. */
void parameters_hand_over(struct text *made, int status, fov_buffer *buffer);

#endif
