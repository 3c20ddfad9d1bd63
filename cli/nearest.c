/* SPDX-License-Identifier: MIT */
/* Edit distance by dynamic programming over three rows. Words longer than LONGEST are cut. */
#include "nearest.h"
#include <ctype.h>
#include <string.h>

enum { LONGEST = 40 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

static size_t cut_length(const char *word)
{
    size_t length = strlen(word);
    return length < LONGEST ? length : LONGEST;
}

static char folded(char c)
{
    return c == '_' ? '-' : (char)tolower((unsigned char)c);
}

int nearest_distance(const char *a, const char *b)
{
    int rows[3][LONGEST + 1], *before = rows[0], *above = rows[1], *now = rows[2];
    size_t length_a = cut_length(a), length_b = cut_length(b);
    for (size_t j = 0; j <= length_b; j++) {
        above[j] = before[j] = (int)j;
    }
    for (size_t i = 1; i <= length_a; i++) {
        now[0] = (int)i;
        for (size_t j = 1; j <= length_b; j++) {
            char x = folded(a[i - 1]), y = folded(b[j - 1]);
            now[j] = least(least(above[j] + 1, now[j - 1] + 1), above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == folded(b[j - 2]) && y == folded(a[i - 2])) {
                now[j] = least(now[j], before[j - 2] + 1);
            }
        }
        int *oldest = before;
        before = above;
        above = now;
        now = oldest;
    }
    return above[length_b];
}

void nearest_offer(struct nearest *nearest, const char *known)
{
    size_t typed = strlen(nearest->wanted);
    int distance = nearest_distance(nearest->wanted, known);
    size_t whole = strlen(known);
    /* A common beginning is a better hint than the edit distance: --lab for --label-smoothing, "validation" for val. */
    if ((typed >= 2 && strncmp(nearest->wanted, known, typed) == 0) ||
        (whole >= 3 && strncmp(nearest->wanted, known, whole) == 0)) {
        distance = least(distance, 1);
    }
    int allowed = typed < 4 ? 1 : (int)(typed / 3) + 1;
    if (distance <= allowed && (nearest->best == NULL || distance < nearest->distance)) {
        nearest->best = known;
        nearest->distance = distance;
    }
}
