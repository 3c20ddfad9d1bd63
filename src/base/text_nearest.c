/* SPDX-License-Identifier: MIT */
/* "Did you mean": the name with the smallest edit distance (optimal string alignment: insert, delete, replace, swap of
 * neighbours). Differences in case, or between - and _, cost nothing, since people mix them up. */
#include "base/text.h"
#include <string.h>

enum { LONGEST_NAME = 64 };

static char nearest_fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '-' ? '_' : c;
}

/* Distance between two names of at most LONGEST_NAME characters. Three rows of the usual table are enough, since a
 * swap of neighbours looks two rows back. */
static size_t nearest_distance(const char *a, size_t length_a, const char *b, size_t length_b)
{
    size_t  rows[3][LONGEST_NAME + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= length_b; j++) {
        before[j] = 0;
        last[j] = j;
    }
    for (size_t i = 1; i <= length_a; i++) {
        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            char   x = nearest_fold(a[i - 1]), y = nearest_fold(b[j - 1]);
            size_t best = last[j - 1] + (x != y);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && x == nearest_fold(b[j - 2]) && y == nearest_fold(a[i - 2]) &&
                before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            row[j] = best;
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[length_b];
}

const char *text_nearest(const char *wanted, const void *list, size_t count,
                         const char *(*name_at)(const void *list, size_t index))
{
    size_t length = strlen(wanted);
    if (length == 0 || length > LONGEST_NAME) {
        return NULL;
    }
    /* At most a third of the letters may be wrong: beyond that a suggestion is noise. Short names may have two wrong
     * ones, so that a missing "2d" is found. */
    size_t      limit = length < 3 ? 1 : length < 6 ? 2 : length / 3;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *name = name_at(list, i);
        size_t      name_length = name != NULL ? strlen(name) : 0;
        if (name_length == 0 || name_length > LONGEST_NAME) {
            continue;
        }
        size_t distance = nearest_distance(wanted, length, name, name_length);
        /* A name with every letter replaced is not similar: "xy" does not suggest "up". */
        if (distance <= limit && distance < (length > name_length ? length : name_length)) {
            nearest = name;
            if (distance == 0) {
                break;
            }
            limit = distance - 1; /* of equally near names, the first is kept */
        }
    }
    return nearest;
}
