/* SPDX-License-Identifier: MIT */
/* Looks networks up by name. The table itself is generated from the files of this folder by cmake/tables.cmake; read
 * course.c for the smallest of them. */
#include "zoo/zoo.h"
#include <string.h>

const struct zoo_network *zoo_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < zoo_table_count; i++) {
        if (strcmp(zoo_table[i]->name, name) == 0) {
            return zoo_table[i];
        }
    }
    return NULL;
}
