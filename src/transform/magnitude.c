/* SPDX-License-Identifier: MIT */
/* Operations of a given strength. Where no registered transform takes an exact strength, two private transforms of this
 * file do (exact_geometry, exact_colour), which draw nothing: the policy has drawn everything already. */
#include "transform/magnitude.h"
#include <math.h>

struct exact_options {
    double linear[4]; /* [2][2], around the middle */
    double x, y;      /* shift, as a share of width and height */
    double factor;
    void (*apply)(const struct colours *colours, double factor);
};

static void move(const void *options, struct transform_draw *draw, struct geometry *geometry)
{
    const struct exact_options *o = options;
    const struct image_map step = {
        {1, 0, trunc(o->x * geometry->width), 0, 1, trunc(o->y * geometry->height), 0, 0, 1}};

    (void)draw;
    geometry_around_middle(geometry, o->linear);
    geometry_then(geometry, &step);
}

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct exact_options *o = options;

    (void)draw;
    o->apply(colours, o->factor);
}

static const struct transform exact_geometry = {.name = "geometry of a policy",
                                                .kind = TRANSFORM_GEOMETRY,
                                                .options_size = sizeof(struct exact_options),
                                                .geometry = move};
static const struct transform exact_colour = {.name = "colours of a policy",
                                              .kind = TRANSFORM_COLOUR,
                                              .options_size = sizeof(struct exact_options),
                                              .colour = colour};

_Static_assert(sizeof(struct exact_options) <= TRANSFORM_MOST_OPTIONS, "options of a policy's operation");

static struct transform_use always(const char *name, const char *option, double value)
{
    struct transform_use use = transform_with(name, option, value);

    attribute_put(attribute_find(use.transform->attributes, "p"), use.options, 1);
    return use;
}

/* An operation of exactly this `strength`, which may be negative: a geometry, or the factor of a colour operation. */
static struct transform_use exact(enum magnitude_operation operation, double strength)
{
    static void (*const factors[])(const struct colours *, double) = {
        [MAGNITUDE_BRIGHTNESS] = colours_brighten, [MAGNITUDE_COLOR] = colours_saturate,
        [MAGNITUDE_CONTRAST] = colours_contrast, [MAGNITUDE_SHARPNESS] = colours_sharpen};
    bool is_colour = operation >= MAGNITUDE_BRIGHTNESS;
    double turned = operation == MAGNITUDE_ROTATE ? strength * 30 * 3.14159265358979323846 / 180 : 0;
    struct transform_use use = {.transform = is_colour ? &exact_colour : &exact_geometry};
    struct exact_options *o = (struct exact_options *)(void *)use.options;

    *o = (struct exact_options){.linear = {cos(turned), operation == MAGNITUDE_SHEAR_X ? 0.3 * strength : -sin(turned),
                                           operation == MAGNITUDE_SHEAR_Y ? 0.3 * strength : sin(turned), cos(turned)},
                                .x = operation == MAGNITUDE_TRANSLATE_X ? strength * 150 / 331 : 0,
                                .y = operation == MAGNITUDE_TRANSLATE_Y ? strength * 150 / 331 : 0,
                                .factor = 1 + 0.9 * strength,
                                .apply = is_colour ? factors[operation] : NULL};
    return use;
}

struct transform_use magnitude_use(enum magnitude_operation operation, double magnitude, struct transform_draw *draw)
{
    switch (operation) {
    case MAGNITUDE_POSTERIZE:
        return always("posterize", "bits", 8 - floor(4 * magnitude + 0.5));
    case MAGNITUDE_SOLARIZE:
        return always("solarize", "threshold", floor(256 * (1 - magnitude) + 0.5));
    case MAGNITUDE_AUTOCONTRAST:
        return always("autocontrast", "p", 1);
    case MAGNITUDE_EQUALIZE:
        return always("equalize", "p", 1);
    case MAGNITUDE_INVERT:
        return always("invert", "p", 1);
    default:
        return exact(operation, draw_chance(draw, 0.5) ? -magnitude : magnitude);
    }
}
