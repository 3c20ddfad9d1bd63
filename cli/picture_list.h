/* SPDX-License-Identifier: MIT */
/* From words of the command line to pictures: files, folders, lists of files, patterns that no shell has expanded, and
 * standard input. */
#ifndef CLI_PICTURE_LIST_H
#define CLI_PICTURE_LIST_H

#include "cli.h"

struct picture_list {
    char **path; /**< [count]; "-": standard input */
    int count;
    int capacity;
    struct picture_file *files; /**< sorted identities of the files, made by the first picture_list_has */
    int file_count;
};

/** Adds the pictures that `word` names: for a folder its pictures and those of its subfolders, in order of names; for
 *  "@FILE" the lines of that list; for a pattern its matches ("*.png", quoted); for an array of several pictures (.npy)
 *  each as "FILE.npy[3]"; else the word itself. 0, or an exit code after a sentence where a folder, list or pattern has
 *  no pictures. */
int picture_list_add(struct cli *cli, struct picture_list *list, const char *word);
void picture_list_free(struct picture_list *list);

/** Whether one of the pictures is the file at `path`, also under another spelling or by a link. To be called only when
 *  the list is complete. */
bool picture_list_has(struct picture_list *list, const char *path);

/** Reads a picture, or an array of numbers for a network's input; "-": from standard input. 0 or an exit code after a
 *  sentence. */
int picture_list_load(struct cli *cli, const char *path, fov_image *image);

#endif
