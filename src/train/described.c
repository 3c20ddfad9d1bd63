/* SPDX-License-Identifier: MIT */
/* The public description of tasks and transforms, read from their descriptors. */
#include "task/task.h"
#include "transform/pipeline.h"
#include <fovea/train.h>

static int describe_options(const struct attribute *table, fov_option_info *options, size_t room)
{
    int count = 0;
    for (int i = 0; i < attribute_count(table) && (size_t)i < room; i++) {
        const struct attribute *a = &table[i];
        options[count++] = (fov_option_info){.name = a->name,
                                             .doc = a->doc,
                                             .word = a->kind == ATTRIBUTE_CHOICE ? a->choices[(int)a->standard] : NULL,
                                             .standard = a->standard,
                                             .minimum = a->minimum,
                                             .maximum = a->maximum};
    }
    return count;
}

int fov_task_count(void)
{
    return (int)task_table_count;
}

fov_task_info fov_task_at(int index)
{
    fov_task_info info = {.name = "", .summary = ""};
    if (index < 0 || index >= fov_task_count()) {
        return info;
    }
    const struct task *t = task_table[index];
    info.name = t->name;
    info.summary = t->summary;
    info.target = t->target;
    info.asked_only = t->asked_only;
    info.per_pixel = t->per_pixel;
    info.optimizer = t->optimizer;
    info.rate = t->rate;
    info.figure_count = task_figure_count(t);
    for (int i = 0; i < info.figure_count; i++) {
        info.figure[i].name = t->figures[i].name;
        info.figure[i].doc = t->figures[i].doc;
        info.figure[i].heading = t->figures[i].heading;
        info.figure[i].while_training = t->figures[i].while_training;
        info.figure[i].only_training = t->figures[i].turn > 0;
        info.figure[i].lower_is_better = t->figures[i].lower_is_better;
        info.figure[i].is_share = t->figures[i].is_share;
    }
    info.option_count = describe_options(t->attributes, info.option, sizeof info.option / sizeof info.option[0]);
    return info;
}

int fov_transform_count(void)
{
    return (int)transform_table_count;
}

fov_transform_info fov_transform_at(int index)
{
    fov_transform_info info = {.name = "", .torchvision = "", .summary = ""};
    if (index < 0 || index >= fov_transform_count()) {
        return info;
    }
    const struct transform *t = transform_table[index];
    info.name = t->name;
    info.torchvision = t->torchvision != NULL ? t->torchvision : "";
    info.summary = t->summary;
    info.geometry = t->kind == TRANSFORM_GEOMETRY;
    info.mixes = t->kind == TRANSFORM_MIX;
    info.option_count = describe_options(t->attributes, info.option, sizeof info.option / sizeof info.option[0]);
    return info;
}

const char *fov_transform_preset(int index, const char **name)
{
    const char *unread;
    return index >= 0 ? pipeline_preset((size_t)index, name != NULL ? name : &unread) : NULL;
}
