/* SPDX-License-Identifier: MIT */
/* Texts about a plan's memory, printed by train at its beginning and by inspect. */
#include "memory_text.h"
#include "output.h"
#include <stdio.h>

void memory_text(char out[MEMORY_TEXT], const fov_plan_memory *memory, size_t all)
{
    char bytes[5][NUMBER_SIZE];
    size_t parts = memory->activations + memory->packed + memory->parameters;
    snprintf(out, MEMORY_TEXT, "memory %s: activations %s, weights and state %s, packed %s, all else %s",
             show_bytes(bytes[0], (double)all), show_bytes(bytes[1], (double)memory->activations),
             show_bytes(bytes[2], (double)memory->parameters), show_bytes(bytes[3], (double)memory->packed),
             show_bytes(bytes[4], all > parts ? (double)(all - parts) : 0.0));
}

bool recomputation_text(char out[MEMORY_TEXT], const fov_plan_memory *memory)
{
    char before[NUMBER_SIZE], after[NUMBER_SIZE], what[64] = "";
    int others = memory->recomputed - memory->convolutions_recomputed;
    size_t length = 0;
    double once = (double)(memory->multiply_adds - memory->multiply_adds_recomputed);
    out[0] = '\0';
    if (memory->recomputed == 0) {
        return false;
    }
    if (memory->convolutions_recomputed > 0) {
        length = append_text(what, sizeof what, 0, "%d of %d convolutions%s", memory->convolutions_recomputed,
                             memory->convolutions, others > 0 ? " and " : "");
    }
    if (others > 0) {
        append_text(what, sizeof what, length, "%d %ssteps", others, length > 0 ? "other " : "");
    }
    snprintf(out, MEMORY_TEXT, "recomputes %s: +%.*f %% multiply-adds, activations %s -> %s", what,
             memory->multiply_adds_recomputed > 0 ? 1 : 0,
             once > 0 ? 100 * (double)memory->multiply_adds_recomputed / once : 0.0,
             show_bytes(before, (double)memory->kept_whole), show_bytes(after, (double)memory->activations));
    return true;
}

void memory_to_json(json_t *object, const fov_plan_memory *memory)
{
    json_set_integer(object, "activations", (int64_t)memory->activations);
    json_set_integer(object, "unshared", (int64_t)memory->unshared);
    json_set_integer(object, "packed", (int64_t)memory->packed);
    json_set_integer(object, "scratch", (int64_t)memory->scratch);
    json_set_integer(object, "parameters", (int64_t)memory->parameters);
    json_set_integer(object, "kept_whole", (int64_t)memory->kept_whole);
    json_set_integer(object, "recomputed", memory->recomputed);
    json_set_integer(object, "convolutions_recomputed", memory->convolutions_recomputed);
    json_set_integer(object, "multiply_adds_recomputed", memory->multiply_adds_recomputed);
}
