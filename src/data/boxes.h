/* SPDX-License-Identifier: MIT */
/* What the three ways to write boxes have in common: which boxes are none, and what is said of them. */
#ifndef DATA_BOXES_H
#define DATA_BOXES_H

#include "data/list.h"

/** Adds a box to the list's last sample. One that sticks out of a picture of height x width (0: unknown) is cut to it,
 *  one of which nothing is left is left out; both are findings about `file`. */
int boxes_add(struct list *list, const char *file, const fov_box *box, double height, double width,
              struct error *error);
/** The class of that name, added to the list where it is new. */
int boxes_class(struct list *list, const char *name, int *label, struct error *error);
/** Sorts the classes by name; labels follow. */
int boxes_sort_classes(struct list *list, struct error *error);
/** Whether a folder of the store has a folder "name" with a file that ends so. */
bool boxes_have(const struct store *store, const char *folder, const char *name, const char *suffix);

#endif
