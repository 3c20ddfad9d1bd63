/* SPDX-License-Identifier: MIT */
/* What programs see of transforms: their descriptors, read out. */
#include "transform/pipeline.h"
#include <fovea/train.h>

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
    int room = (int)(sizeof info.option / sizeof info.option[0]);
    for (int i = 0; i < attribute_count(t->attributes) && i < room; i++) {
        const struct attribute *a = &t->attributes[i];
        info.option[i].name = a->name;
        info.option[i].doc = a->doc;
        info.option[i].word = a->kind == ATTRIBUTE_CHOICE ? a->choices[(int)a->standard] : NULL;
        info.option[i].standard = a->standard;
        info.option[i].minimum = a->minimum;
        info.option[i].maximum = a->maximum;
        info.option_count++;
    }
    return info;
}

const char *fov_transform_preset(int index, const char **name)
{
    return index >= 0 ? pipeline_preset((size_t)index, name) : NULL;
}
