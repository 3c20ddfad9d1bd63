/* SPDX-License-Identifier: MIT */
/* Lists of a graph's parameters, and the file they go to: what saving weights, hashing them and saving a loop share. */
#ifndef MODEL_PARAMETERS_FILE_H
#define MODEL_PARAMETERS_FILE_H

#include "base/file.h"
#include "base/text.h"
#include "graph/graph.h"
#include <fovea/memory.h>

/** Whether a value is one of a model's weights: a parameter that no optimiser keeps beside them (fov_update). What
 *  saving weights writes, hashing hashes and loading asks for. */
bool parameters_is_weight(const struct value *value);
/** Ids of parameters, in order of creation: `all`, or the weights only. NULL and an error. */
int *parameters_list(const fov_graph *graph, bool all, size_t *count, struct error *error);
/** Writes them as safetensors. E_INPUT: there are none. `system`: as in file_writer_open. */
int parameters_write(fov_graph *graph, const char *path, bool all, const struct file_system *system);
/** What was written into `made` becomes the caller's; nothing does after a failure. */
void parameters_hand_over(struct text *made, int status, fov_buffer *buffer);

#endif
