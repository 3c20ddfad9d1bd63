/* SPDX-License-Identifier: MIT */
/* Allocation of samples' buffers, and their public view. */
#include "data/sample.h"
#include <string.h>

void sample_begin(struct sample *sample, struct memory *memory)
{
    *sample = (struct sample){.memory = memory};
    sample->picture.memory = sample->mask.memory = sample->other.memory = memory;
}

void sample_free(struct sample *sample)
{
    if (sample->memory == NULL) {
        return;
    }
    picture_free(&sample->picture);
    picture_free(&sample->mask);
    picture_free(&sample->other);
    memory_free(sample->memory, sample->numbers);
    memory_free(sample->memory, sample->boxes);
    sample_begin(sample, sample->memory);
}

int sample_reserve_numbers(struct sample *sample, size_t count, struct error *error)
{
    if (count > sample->number_capacity) {
        float *numbers = memory_allocate(sample->memory, count, sizeof *numbers, "a sample's numbers", error);
        if (numbers == NULL) {
            return FOV_E_MEMORY;
        }
        memory_free(sample->memory, sample->numbers);
        sample->numbers = numbers;
        sample->number_capacity = count;
    }
    for (size_t i = 0; i < count; i++) {
        sample->numbers[i] = 0.0F;
    }
    sample->number_count = count;
    return FOV_OK;
}

int sample_reserve_boxes(struct sample *sample, size_t count, struct error *error)
{
    if (count > sample->box_capacity) {
        fov_box *boxes = memory_allocate(sample->memory, count, sizeof *boxes, "a sample's boxes", error);
        if (boxes == NULL) {
            return FOV_E_MEMORY;
        }
        memory_free(sample->memory, sample->boxes);
        sample->boxes = boxes;
        sample->box_capacity = count;
    }
    sample->box_count = count;
    return FOV_OK;
}

const char *target_name(fov_target target)
{
    static const char *const names[] = {[FOV_TARGET_NONE] = "none",     [FOV_TARGET_CLASS] = "class",
                                        [FOV_TARGET_CLASSES] = "classes", [FOV_TARGET_VALUES] = "values",
                                        [FOV_TARGET_MASK] = "mask",     [FOV_TARGET_BOXES] = "boxes",
                                        [FOV_TARGET_PICTURE] = "picture"};
    return (unsigned)target < sizeof names / sizeof names[0] ? names[target] : "";
}

fov_sample sample_view(const struct sample *sample)
{
    return (fov_sample){.height = sample->picture.height,
                        .width = sample->picture.width,
                        .channels = sample->picture.channels,
                        .pixels = sample->picture.pixels,
                        .label = sample->label,
                        .numbers = sample->numbers,
                        .mask = sample->mask.pixels,
                        .boxes = sample->boxes,
                        .box_count = (int64_t)sample->box_count,
                        .other_height = sample->other.height,
                        .other_width = sample->other.width,
                        .other_channels = sample->other.channels,
                        .other = sample->other.pixels};
}
