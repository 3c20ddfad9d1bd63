/* SPDX-License-Identifier: MIT */
/* A plan's use of memory, as text and as JSON. */
#ifndef CLI_MEMORY_TEXT_H
#define CLI_MEMORY_TEXT_H

#include "json.h"
#include <fovea/plan.h>

enum { MEMORY_TEXT = 256 };

/** "memory 212.0 MiB: activations 150.0 MiB, weights and state 45.0 MiB, ..."; `all`: bytes that the context holds. */
void memory_text(char out[MEMORY_TEXT], const fov_plan_memory *memory, size_t all);
/** "recomputes 14 of 53 convolutions and 40 other steps: +22 % multiply-adds, activations 3.1 GiB -> 1.9 GiB"; false
 *  and "" where nothing is recomputed. */
bool recomputation_text(char out[MEMORY_TEXT], const fov_plan_memory *memory);
void memory_to_json(json_t *object, const fov_plan_memory *memory);

#endif
