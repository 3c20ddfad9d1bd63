/* SPDX-License-Identifier: MIT */
/* The description of a YOLO dataset, data.yaml: the names of its classes and where its splits lie. Only the subset of
 * YAML that such files use is read: keys at the beginning of a line; plain and quoted texts; lists and dictionaries,
 * either in brackets, over any number of lines, or with an item on each line below. Next: yolo.c. */
#ifndef DATA_YOLO_H
#define DATA_YOLO_H

#include "data/list.h"

struct yolo_description {
    char root[DATA_PATH_SIZE];             /**< folder of the file, with its "path" appended */
    struct list_paths split[FOLDER_ROLES]; /**< folders, or files that list pictures, as written; none: not named */
};

/** Reads a description and adds the names of its classes to the list. E_INPUT with the line: a bracket or a quote is
 *  not closed, numbered names that are not in order. The caller calls yolo_description_free, after failures too. */
int yolo_description_read(struct yolo_description *description, struct list *list, const char *file,
                          struct error *error);
void yolo_description_free(struct yolo_description *description);

#endif
