/* SPDX-License-Identifier: MIT */
/* What was met while somebody looked through a dataset: a growing list of remarks about files, each with what happens
 * to the file. Whoever opens a dataset logs them or fails with the first error; `fovea data check` prints them all.
 * Next: folder_scan.c, check.c. */
#ifndef DATA_FINDINGS_H
#define DATA_FINDINGS_H

#include "base/error.h"
#include "base/memory.h"
#include <fovea/dataset.h>

enum { FINDING_OF_ALL = -1 };

struct findings {
    struct memory *memory;
    fov_finding *list; /**< file and what: one block each, freed with the list */
    int *part;         /**< which part of the dataset it is about (folder_scan.h); FINDING_OF_ALL */
    size_t count, capacity, part_capacity;
    size_t errors, warnings;
};

/** Adds a remark; `kind` and `fate` are constant texts, the others are copied. FOV_OK or E_MEMORY. */
int findings_add(struct findings *findings, int part, fov_severity severity, const char *kind, const char *file,
                 const char *fate, struct error *error, const char *format, ...) __attribute__((format(printf, 8, 9)));
/** The first error as a failure: E_INPUT, "FILE: WHAT", and how many more there are. */
int findings_fail(const struct findings *findings, const char *source, struct error *error);
void findings_free(struct findings *findings);

#endif
