/* SPDX-License-Identifier: MIT */
/* Words to pictures: files, folders, lists of files, patterns that no shell has expanded, and standard input. */
#ifndef CLI_PICTURE_LIST_H
#define CLI_PICTURE_LIST_H

#include "cli.h"

struct picture_list {
    char **path; /**< [count]; "-": standard input */
    int count;
    int capacity;
    struct picture_file *files; /**< sorted, for picture_list_has; NULL: not asked yet */
    int file_count;
};

/** Adds what `word` names: a folder's pictures, those of the folders in it too, in order of their names; with "@" before
 *  it the lines of a list; a pattern's matches ("*.png", quoted); else the word itself. An exit code after a sentence
 *  where a folder, list or pattern has none. */
int picture_list_add(struct cli *cli, struct picture_list *list, const char *word);
void picture_list_free(struct picture_list *list);

/** Is one of the pictures this file, whatever links and other spellings lead to it? The list is complete by now. */
bool picture_list_has(struct picture_list *list, const char *path);

/** Decodes one, from standard input too. An exit code after a sentence. */
int picture_list_load(struct cli *cli, const char *path, fov_image *image);

#endif
