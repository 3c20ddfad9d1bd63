/* SPDX-License-Identifier: MIT */
/* Shared by the three box formats (YOLO, COCO, Pascal VOC): rejecting degenerate boxes, clipping, class names. */
#ifndef DATA_BOXES_H
#define DATA_BOXES_H

#include "data/list.h"

/** Adds a box to the list's last sample. A box that sticks out of a picture of height x width (0: unknown) is clipped
 *  to it; a box without area, or outside of the picture, is left out. Both are findings about `file`. */
int boxes_add(struct list *list, const char *file, const fov_box *box, double height, double width,
              struct error *error);
/** Index of the class `name`, which is added to the list where it is new. */
int boxes_class(struct list *list, const char *name, int *label, struct error *error);
/** Sorts the classes by name and renumbers the boxes' labels accordingly. */
int boxes_sort_classes(struct list *list, struct error *error);
/** Whether the store's folder `folder` has a subfolder `name` with at least one file whose name ends in `suffix`. */
bool boxes_have(const struct store *store, const char *folder, const char *name, const char *suffix);

#endif
