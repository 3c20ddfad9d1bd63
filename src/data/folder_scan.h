/* SPDX-License-Identifier: MIT */
/* A folder of pictures as people have it: which of its folders are splits, which are classes, which files are pictures,
 * and a finding for everything else. Names only; no picture is opened. Next: folder_scan.c, then folder.c. */
#ifndef DATA_FOLDER_SCAN_H
#define DATA_FOLDER_SCAN_H

#include "data/store.h"

enum folder_role { FOLDER_TRAIN, FOLDER_VALIDATION, FOLDER_TEST, FOLDER_ROLES };

/** One split: a folder with a folder per class. */
struct folder_part {
    char *path;      /**< NULL: there is none */
    bool labelled;   /**< it has classes that the dataset knows; else it holds pictures that nobody has sorted */
    char **classes;  /**< [class_count] names with at least one picture, sorted bytewise */
    size_t class_count;
    char **paths;    /**< [count] of pictures, class by class */
    int32_t *labels; /**< [count] indices into the dataset's classes */
    size_t count;
    size_t class_capacity, path_capacity, label_capacity;
};

struct folder_scan {
    struct memory *memory;
    const struct store *store;
    struct findings *findings; /**< of whoever scans */
    struct folder_part part[FOLDER_ROLES];
    bool splits; /**< it has folders for splits */
    bool unlabelled; /**< nowhere is there a class folder: pictures alone, whose labels are 0 */
    /** nothing to test with but unsorted pictures, or no splits at all: a tenth of each class of the training part is
     *  held back */
    bool cut;
    char **classes; /**< [class_count] the dataset's: those of the training part, else of the test or validation part */
    size_t class_count;
};

/** Looks through a store. What is wrong with it is a finding; a failure is one of memory or of the system. The caller
 *  frees, after failures too. */
int folder_scan(struct folder_scan *scan, const struct store *store, struct findings *findings, struct error *error);
void folder_scan_free(struct folder_scan *scan);

/** The second half of folder_scan (folder_settle.c): classes of all parts, labels by them, and `cut`. */
int folder_settle(struct folder_scan *scan, struct error *error);

/** strcmp without regard to the case of ASCII letters, whatever the locale says. */
int folder_compare_names(const char *a, const char *b);
/** The role that a folder's name gives it, in any case: "Training_Set", "valid", "test2017"; FOLDER_ROLES: none. */
enum folder_role folder_role(const char *name);
/** What systems and archives leave behind: hidden files, Thumbs.db, __MACOSX. */
bool folder_is_system(const char *name);

#endif
