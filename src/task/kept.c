/* SPDX-License-Identifier: MIT */
/* Memory for kept answers. */
#include "task/kept.h"

static bool is_within_bound(int64_t samples, int width)
{
    return samples <= KEPT_MOST_NUMBERS / width;
}

int kept_open_classes(struct kept *kept, int64_t samples, int width, struct memory *memory, struct error *error)
{
    *kept = (struct kept){.capacity = samples, .width = width};
    kept->labels = memory_allocate(memory, (size_t)samples, sizeof *kept->labels, "answers", error);
    kept->answers = memory_allocate(memory, (size_t)samples, sizeof *kept->answers, "answers", error);
    if (kept->labels == NULL || kept->answers == NULL) {
        return FOV_E_MEMORY;
    }
    if (is_within_bound(samples, width)) {
        kept->scores = memory_allocate(memory, (size_t)samples * (size_t)width, sizeof(double), "answers", error);
        return kept->scores != NULL ? FOV_OK : FOV_E_MEMORY;
    }
    return FOV_OK;
}

int kept_open_values(struct kept *kept, int64_t samples, int width, struct memory *memory, struct error *error)
{
    *kept = (struct kept){.capacity = samples, .width = width};
    if (is_within_bound(samples, width)) {
        kept->scores = memory_allocate(memory, (size_t)samples * (size_t)width, sizeof(double), "answers", error);
        kept->truth = memory_allocate(memory, (size_t)samples * (size_t)width, sizeof(double), "answers", error);
        return kept->scores != NULL && kept->truth != NULL ? FOV_OK : FOV_E_MEMORY;
    }
    return FOV_OK;
}

void kept_close(struct kept *kept, struct memory *memory)
{
    memory_free(memory, kept->labels);
    memory_free(memory, kept->answers);
    memory_free(memory, kept->scores);
    memory_free(memory, kept->truth);
    *kept = (struct kept){0};
}
