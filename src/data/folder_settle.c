/* SPDX-License-Identifier: MIT */
/* Reconciles the splits of a scanned folder: one list of classes, into which the labels of all splits index, and a
 * substitute for a validation or test split whose pictures are unlabelled. Read next: folder.c. */
#include "base/text.h"
#include "data/folder_scan.h"
#include <stdio.h>
#include <string.h>

static int32_t find_class(const struct folder_scan *scan, const char *name)
{
    size_t low = 0, high = scan->class_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(scan->classes[middle], name);
        if (order == 0) {
            return (int32_t)middle;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return -1;
}

/* Writes the first four names that `from` has and `other` has not, quoted; returns how many such names there are. */
static size_t list_missing(char out[256], char *const *from, size_t from_count, char *const *other, size_t other_count)
{
    size_t missing = 0, used = 0, j = 0;
    out[0] = '\0';
    for (size_t i = 0; i < from_count; i++) {
        while (j < other_count && strcmp(other[j], from[i]) < 0) {
            j++;
        }
        if (j < other_count && strcmp(other[j], from[i]) == 0) {
            continue;
        }
        if (missing++ < 4) {
            used = text_append(out, 256, used, "%s\"%.40s\"", used > 0 ? ", " : "", from[i]);
        }
    }
    if (missing > 4) {
        text_append(out, 256, used, " ...");
    }
    return missing;
}

/* Compares a split's classes with those of the training split. A class without samples in this split is merely
   untested: a warning. A class without training samples is an error: labels of the two splits do not mean the same. */
static int compare_classes(struct folder_scan *scan, int role, struct error *error)
{
    struct folder_part *part = &scan->part[role];
    const char *base = scan->part[FOLDER_TRAIN].path;
    char extra[256], missing[256];
    size_t extra_count = list_missing(extra, part->classes, part->class_count, scan->classes, scan->class_count);
    size_t missing_count = list_missing(missing, scan->classes, scan->class_count, part->classes, part->class_count);
    if (extra_count == part->class_count && part->class_count == 1 && scan->class_count > 1) {
        part->labelled = false; // a folder such as test/unknown or val/images is no class
        return findings_add(scan->findings, FOLDER_TEST, FOV_FINDING_WARNING, "pictures without classes", part->path,
                            "skipped", error, "its one folder, %s, is no class of %s", extra, base);
    }
    int status = FOV_OK;
    for (size_t i = 0; i < part->class_count && status == FOV_OK; i++) {
        if (find_class(scan, part->classes[i]) < 0) {
            status = findings_add(scan->findings, role, FOV_FINDING_ERROR, "class in one split", part->path, "error",
                                  error, "class \"%.100s\" is in %s but not in %s%s%s%s", part->classes[i], part->path,
                                  base, missing_count ? " (only there: " : "", missing, missing_count ? ")" : "");
        }
    }
    for (size_t i = 0, j = 0; i < scan->class_count && status == FOV_OK; i++) {
        while (j < part->class_count && strcmp(part->classes[j], scan->classes[i]) < 0) {
            j++;
        }
        if (j == part->class_count || strcmp(part->classes[j], scan->classes[i]) != 0) {
            status = findings_add(scan->findings, role, FOV_FINDING_WARNING, "class in one split", part->path,
                                  "cannot be tested", error, "class \"%.100s\" is in %s but not in %s",
                                  scan->classes[i], base, part->path);
        }
    }
    for (size_t i = 0; i < part->count; i++) {
        part->labels[i] = find_class(scan, part->classes[part->labels[i]]);
    }
    return status;
}

static int settle_classes(struct folder_scan *scan, struct error *error)
{
    int base = scan->part[FOLDER_TRAIN].labelled  ? FOLDER_TRAIN
               : scan->part[FOLDER_TEST].labelled ? FOLDER_TEST
                                                  : FOLDER_VALIDATION;
    scan->classes = scan->part[base].classes;
    scan->class_count = scan->part[base].class_count;
    int status = FOV_OK;
    for (int role = FOLDER_VALIDATION; role < FOLDER_ROLES && base == FOLDER_TRAIN && status == FOV_OK; role++) {
        status = scan->part[role].labelled ? compare_classes(scan, role, error) : FOV_OK;
    }
    bool unlabelled = scan->part[FOLDER_VALIDATION].path != NULL || scan->part[FOLDER_TEST].path != NULL;
    scan->cut = scan->part[FOLDER_TRAIN].labelled && !scan->part[FOLDER_VALIDATION].labelled &&
                !scan->part[FOLDER_TEST].labelled && (!scan->splits || unlabelled);
    if (base != FOLDER_TRAIN && scan->part[FOLDER_TEST].labelled && scan->part[FOLDER_VALIDATION].labelled) {
        scan->part[FOLDER_VALIDATION].labelled = false; // no training classes to compare with: only test remains
    }
    return status;
}

/* A class of one picture is an error if samples are to be held back: none could be. */
static int check_cut(struct folder_scan *scan, struct error *error)
{
    const struct folder_part *part = &scan->part[FOLDER_TRAIN];
    int status = FOV_OK;
    for (size_t i = 0; scan->cut && i < part->count && status == FOV_OK; i++) {
        bool alone = (i == 0 || part->labels[i - 1] != part->labels[i]) &&
                     (i + 1 == part->count || part->labels[i + 1] != part->labels[i]);
        scan->lone_classes += alone;
        if (alone) {
            status =
                findings_add(scan->findings, FOLDER_TRAIN, FOV_FINDING_ERROR, "class of one picture", part->paths[i],
                             "error", error, "class \"%.100s\" has one picture: too few to hold one back for testing",
                             part->classes[part->labels[i]]);
        }
    }
    return status;
}

/* Notes what takes the place of a validation or test split whose pictures are unlabelled. */
static int note_substitute(struct folder_scan *scan, struct error *error)
{
    const struct folder_part *test = &scan->part[FOLDER_TEST], *validation = &scan->part[FOLDER_VALIDATION];
    const struct folder_part *flat = test->path && !test->labelled               ? test
                                     : validation->path && !validation->labelled ? validation
                                                                                 : NULL;
    const struct folder_part *used = test->labelled ? test : validation;
    if (flat == NULL || !scan->part[FOLDER_TRAIN].labelled) {
        return FOV_OK;
    }
    return scan->cut
               ? findings_add(scan->findings, FOLDER_TEST, FOV_FINDING_WARNING, "split taken instead",
                              scan->part[FOLDER_TRAIN].path, "a tenth held back", error,
                              "a tenth of each of its classes, always the same, is for testing in place of %s",
                              flat->path)
               : findings_add(scan->findings, FOLDER_TEST, FOV_FINDING_WARNING, "split taken instead", used->path,
                              "used", error, "for validation and for testing, as %s has no classes", flat->path);
}

int folder_settle(struct folder_scan *scan, struct error *error)
{
    if (scan->unlabelled) {
        bool tested = scan->part[FOLDER_VALIDATION].count + scan->part[FOLDER_TEST].count > 0;
        scan->cut = scan->part[FOLDER_TRAIN].count > 0 && !tested;
        return FOV_OK;
    }
    int status = settle_classes(scan, error);
    status = status ? status : check_cut(scan, error);
    return status ? status : note_substitute(scan, error);
}
