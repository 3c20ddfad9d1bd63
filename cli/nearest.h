/* SPDX-License-Identifier: MIT */
/* Finds the known word that a mistyped word most likely means. */
#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

#include <stddef.h>

/** Edits (insert, delete, replace, swap neighbours) that lead from one word to the other (Damerau 1964). */
int nearest_distance(const char *a, const char *b);

struct nearest {
    const char *wanted, *best;
    int distance;
};
/** Compares .wanted with a known word; call it for every known word. .best stays NULL while none is similar enough. */
void nearest_offer(struct nearest *nearest, const char *known);

#endif
