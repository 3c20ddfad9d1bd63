/* SPDX-License-Identifier: MIT */
/* Reads the names of views, and makes their pixels. */
#include "data/views.h"
#include <string.h>

int views_read(const char *text, struct views *views, struct error *error)
{
    static const struct views alone = {1, {{.weight = 1}}};
    static const struct views mirror = {2, {{.weight = 0.5F}, {.mirrored = true, .weight = 0.5F}}};
    static const struct views shifts = {6,
                                        {{.weight = 0.25F},
                                         {.mirrored = true, .weight = 0.25F},
                                         {.down = -1, .right = -1, .weight = 0.125F},
                                         {.mirrored = true, .down = -1, .right = -1, .weight = 0.125F},
                                         {.down = 1, .right = 1, .weight = 0.125F},
                                         {.mirrored = true, .down = 1, .right = 1, .weight = 0.125F}}};
    if (text == NULL || *text == '\0' || strcmp(text, "none") == 0) {
        *views = alone;
    } else if (strcmp(text, "mirror") == 0) {
        *views = mirror;
    } else if (strcmp(text, "shifts") == 0) {
        *views = shifts;
    } else {
        return error_set(error, FOV_E_USAGE, "views are none, mirror or shifts, not \"%.60s\"", text);
    }
    return FOV_OK;
}

/* Reflects an index at the edges without repeating the edge pixel: -1 becomes 1, `count` becomes count - 2. */
static int reflected(int at, int count)
{
    at = at < 0 ? -at : at >= count ? 2 * count - 2 - at : at;
    return count > 1 ? at : 0;
}

void view_make(const struct view *view, const float *from, float *to, const struct picture_size *size)
{
    size_t channels = (size_t)size->channels;
    for (int y = 0; y < size->height; y++) {
        const float *row = from + (size_t)reflected(y - view->down, size->height) * (size_t)size->width * channels;
        for (int x = 0; x < size->width; x++, to += channels) {
            int seen = reflected((view->mirrored ? size->width - 1 - x : x) - view->right, size->width);
            memcpy(to, row + (size_t)seen * channels, channels * sizeof *to);
        }
    }
}
