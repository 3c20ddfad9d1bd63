/* SPDX-License-Identifier: MIT */
/* Helpers of all transforms: random numbers drawn by key, composition of maps, and arithmetic on colours. */
#include "transform/transform.h"

#include <math.h>
#include <string.h>

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

double draw_uniform(struct transform_draw *draw, double low, double high)
{
    return low + (high - low) * (double)random_uniform(draw->key, draw->next++);
}

double draw_normal(struct transform_draw *draw)
{
    return random_normal(draw->key, draw->next++);
}

int64_t draw_below(struct transform_draw *draw, int64_t bound)
{
    return bound > 0 ? (int64_t)random_below(draw->key, draw->next++, (uint64_t)bound) : 0;
}

bool draw_chance(struct transform_draw *draw, double probability)
{
    return draw_uniform(draw, 0, 1) < probability;
}

/* A gamma variable (Marsaglia & Tsang, "A simple method for generating gamma variables", 2000; for shapes below 1 by
 * their section 6). */
static double draw_gamma(struct transform_draw *draw, double shape)
{
    double raised = shape < 1 ? shape + 1 : shape, d = raised - 1.0 / 3, c = 1 / sqrt(9 * d), v = 0, u, x;

    do {
        x = draw_normal(draw);
        v = (1 + c * x) * (1 + c * x) * (1 + c * x);
        u = draw_uniform(draw, 0, 1);
    } while (v <= 0 || log(u) >= 0.5 * x * x + d - d * v + d * log(v));
    return shape < 1 ? d * v * pow(draw_uniform(draw, 0, 1), 1 / shape) : d * v;
}

double draw_beta(struct transform_draw *draw, double alpha)
{
    double a = draw_gamma(draw, alpha), b = draw_gamma(draw, alpha);

    return a + b > 0 ? a / (a + b) : (double)draw_below(draw, 2); /* with a tiny alpha both may underflow to 0 */
}

/* ---- geometry ---------------------------------------------------------------------------------------------------- */

void geometry_then(struct geometry *geometry, const struct image_map *step)
{
    geometry->map = image_map_multiply(&geometry->map, step);
}

void geometry_around_middle(struct geometry *geometry, const double linear[4])
{
    double x = geometry->width / 2, y = geometry->height / 2;
    const struct image_map step = {{linear[0], linear[1], x - linear[0] * x - linear[1] * y, linear[2], linear[3],
                                    y - linear[2] * x - linear[3] * y, 0, 0, 1}};

    geometry_then(geometry, &step);
}

/* ---- colours ----------------------------------------------------------------------------------------------------- */

void colours_by_table(const struct colours *colours, const uint8_t table[256])
{
    int64_t values = (int64_t)colours->height * colours->width * colours->channels;

    for (int64_t i = 0; i < values; i++) {
        colours->pixels[i] = table[colours->pixels[i]];
    }
}

uint8_t colours_blend(double factor, double pixel, double other)
{
    double value = factor * pixel + (1 - factor) * other;

    return (uint8_t)(fmin(fmax(value, 0), 255) + 0.5);
}

double colours_luma(const uint8_t *pixel, int channels)
{
    return channels < 3 ? pixel[0] : 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

const struct transform *transform_find(const char *name)
{
    for (size_t i = 0; i < transform_table_count; i++) {
        const char *known = transform_table[i]->name, *at = name;

        for (; *known != '\0' && (*known == *at || (*known == '-' && *at == '_')); known++, at++) {
        }
        if (*known == '\0' && *at == '\0') {
            return transform_table[i];
        }
    }
    return NULL;
}

struct transform_use transform_with(const char *name, const char *option, double value)
{
    struct transform_use use = {.transform = transform_find(name)};

    if (use.transform != NULL) {
        attribute_defaults(use.transform->attributes, use.options, use.transform->options_size);
        attribute_put(attribute_find(use.transform->attributes, option), use.options, value);
    }
    return use;
}
