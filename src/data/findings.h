/* SPDX-License-Identifier: MIT */
/* Findings: a growing list of remarks about a dataset's files, each with the file's fate ("skipped", "error" ...).
 * Opening a dataset logs the findings or fails with the first error; `fovea data check` prints them all. Next:
 * folder_scan.c, check.c. */
#ifndef DATA_FINDINGS_H
#define DATA_FINDINGS_H

#include "base/error.h"
#include "base/memory.h"
#include <fovea/dataset.h>

enum { FINDING_OF_ALL = -1 };

struct findings {
    struct memory *memory;
    fov_finding *list; /**< file and what: one block each, freed with the list */
    int *part;         /**< of each finding: the split it is about (enum folder_role), or FINDING_OF_ALL */
    size_t count, capacity, part_capacity;
    size_t errors, warnings;
};

/** Adds a finding; `kind` and `fate` must be constant texts, the others are copied. FOV_OK or E_MEMORY. */
int findings_add(struct findings *findings, int part, fov_severity severity, const char *kind, const char *file,
                 const char *fate, struct error *error, const char *format, ...) __attribute__((format(printf, 8, 9)));
/** Fails with the first finding that is an error: E_INPUT, "FILE: WHAT", and how many more there are. FOV_OK: none
 *  is. */
int findings_fail(const struct findings *findings, const char *source, struct error *error);
void findings_free(struct findings *findings);

#endif
