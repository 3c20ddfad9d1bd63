/* SPDX-License-Identifier: MIT */
/* The known word that somebody most likely meant. */
#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

#include <stddef.h>

/** Edits (insert, delete, replace, swap neighbours) that lead from one word to the other (Damerau 1964). */
int nearest_distance(const char *a, const char *b);

struct nearest {
    const char *wanted, *best;
    int distance;
};
/** Offer every known word in turn; .best stays NULL while nothing is near enough to be worth saying. */
void nearest_offer(struct nearest *nearest, const char *known);

#endif
