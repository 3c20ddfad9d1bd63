/* SPDX-License-Identifier: MIT */
/* Sorts out a user's folder of pictures: which of its folders are splits, which are classes, which files are pictures,
 * with a finding for everything else. Goes by names only; no picture is opened. Next: folder_scan.c, then folder.c. */
#ifndef DATA_FOLDER_SCAN_H
#define DATA_FOLDER_SCAN_H

#include "data/store.h"

enum folder_role { FOLDER_TRAIN, FOLDER_VALIDATION, FOLDER_TEST, FOLDER_ROLES };

/** One split: a folder with a folder per class. */
struct folder_part {
    char *path;      /**< NULL: there is none */
    bool labelled;   /**< has folders of classes that the dataset knows; false: its pictures are unlabelled */
    char **classes;  /**< [class_count] names with at least one picture, sorted bytewise */
    size_t class_count;
    char **paths;    /**< [count] paths of pictures, class by class */
    int32_t *labels; /**< [count] indices into the dataset's classes */
    size_t count;
    size_t class_capacity, path_capacity, label_capacity;
};

struct folder_scan {
    struct memory *memory;
    const struct store *store;
    struct findings *findings; /**< the caller's */
    struct folder_part part[FOLDER_ROLES];
    bool splits; /**< it has folders for splits */
    bool unlabelled; /**< no part has a class folder: pictures alone, whose labels are 0 */
    /** a tenth of each class of the training part is to be held back, because there are no splits at all, or because
     *  the pictures to validate or test with are unlabelled */
    bool cut;
    size_t lone_classes; /**< how many of the findings are errors because one picture is all of a class and is cut */
    char **classes; /**< [class_count] the dataset's classes: those of the training part, else of the test or
                         validation part */
    size_t class_count;
};

/** Scans a store. Problems with its files become findings; only memory or the system can make the call fail. The caller
 *  calls folder_scan_free, after failures too. */
int folder_scan(struct folder_scan *scan, const struct store *store, struct findings *findings, struct error *error);
void folder_scan_free(struct folder_scan *scan);

/** The second half of folder_scan (folder_settle.c): determines the dataset's classes, all labels, and `cut`. */
int folder_settle(struct folder_scan *scan, struct error *error);

/** strcmp without regard to the case of ASCII letters, whatever the locale says. */
int folder_compare_names(const char *a, const char *b);
/** The role that a folder's name gives it, in any case: "Training_Set", "valid", "test2017"; FOLDER_ROLES: none. */
enum folder_role folder_role(const char *name);
/** Whether a name is one that operating systems and archivers leave behind: hidden files, Thumbs.db, __MACOSX. */
bool folder_is_system(const char *name);

#endif
