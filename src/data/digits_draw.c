/* SPDX-License-Identifier: MIT */
/* Draws one digit: chooses a glyph, disturbs its points, runs a curve through them, warps the paper, tilts and
 * stretches, fits the result as in MNIST (20 x 20 box, centre of mass in the middle), and inks it.
 *
 * Only +, -, *, / and sqrt are used, which IEEE 754 defines to the last bit: a sample is the same on every machine. */
#include "base/random.h"
#include "data/digits.h"
#include <math.h>
#include <string.h>

enum {
    DIGITS_SPAN = 7, /* straight pieces between two control points */
    DIGITS_MAX_INK = DIGITS_MAX_STROKES * DIGITS_MAX_POINTS * DIGITS_SPAN,
    DIGITS_LATTICE = 5 /* control points of the warp per axis */
};

/* The sequence of random numbers of one sample. */
struct digits_random {
    struct random_key key;
    uint64_t block;
    uint32_t words[4];
    int left;
};

/* A point of the pen's path: its position, the pen's radius, and whether the pen drew from the previous point to it. */
struct digits_ink {
    float x, y, radius;
    bool down;
};

static struct random_key digits_key(uint64_t seed, fov_split split, uint64_t index)
{
    return (struct random_key){.seed = seed, .use = RANDOM_GENERATE | (uint32_t)split << 8, .position = index};
}

/* In [low, high). */
static float digits_between(struct digits_random *random, float low, float high)
{
    if (random->left == 0) {
        random_block(random->key, random->block++, random->words);
        random->left = 4;
    }
    float fraction = (float)(random->words[--random->left] >> 8) * 0x1p-24F;
    return low + (high - low) * fraction;
}

/* A bell-shaped random number of standard deviation 1: the sum of four uniforms, which is close enough to a normal
 * distribution and needs no logarithm. */
static float digits_bell(struct digits_random *random)
{
    float sum = 0.0F;
    for (int i = 0; i < 4; i++) {
        sum += digits_between(random, -0.5F, 0.5F);
    }
    return sum * 1.7320508F; // each uniform has variance 1/12
}

/* Block 0 of a sample's random numbers gives its label; digits_draw starts at block 1. */
int digits_label(uint64_t seed, fov_split split, uint64_t index)
{
    return (int)random_below(digits_key(seed, split, index), 0, DIGITS_CLASSES);
}

static const struct digits_glyph *digits_choose(struct digits_random *random, int label)
{
    int total = 0;
    for (size_t i = 0; i < digits_glyph_count; i++) {
        total += digits_glyphs[i].label == label ? digits_glyphs[i].share : 0;
    }
    float left = digits_between(random, 0.0F, (float)total);
    const struct digits_glyph *chosen = NULL;
    for (size_t i = 0; i < digits_glyph_count; i++) {
        if (digits_glyphs[i].label == label) {
            chosen = &digits_glyphs[i];
            left -= (float)chosen->share;
            if (left < 0.0F) {
                break;
            }
        }
    }
    return chosen;
}

/* A point at t in [0, 1] between b and c of the curve through a, b, c, d (Catmull and Rom, "A class of local
 * interpolating splines", 1974). */
static float digits_spline(float a, float b, float c, float d, float t)
{
    return 0.5F * (2.0F * b + t * (c - a + t * (2.0F * a - 5.0F * b + 4.0F * c - d + t * (3.0F * (b - c) + d - a))));
}

/* Converts one stroke to a path in units of the box (0 to 1). `shake`, in the same units, is the standard deviation of
 * the hand's error at each control point. */
static int digits_trace(struct digits_random *random, const signed char point[][2], int count, unsigned corners,
                        float shake, struct digits_ink *ink)
{
    float x[DIGITS_MAX_POINTS], y[DIGITS_MAX_POINTS];
    for (int i = 0; i < count; i++) {
        x[i] = (float)point[i][0] / 100.0F + shake * digits_bell(random);
        y[i] = (float)point[i][1] / 100.0F + shake * digits_bell(random);
    }
    // a stroke begins late and ends early by a random part of its first and last piece: loops may stay open
    float begin = digits_between(random, 0.0F, 0.25F), end = digits_between(random, 0.75F, 1.0F);
    int made = 0;
    for (int i = 0; i + 1 < count; i++) {
        bool first = i == 0 || (corners >> i & 1), last = i + 2 == count || (corners >> (i + 1) & 1);
        float ax = first ? 2.0F * x[i] - x[i + 1] : x[i - 1], ay = first ? 2.0F * y[i] - y[i + 1] : y[i - 1];
        float dx = last ? 2.0F * x[i + 1] - x[i] : x[i + 2], dy = last ? 2.0F * y[i + 1] - y[i] : y[i + 2];
        float from = i == 0 ? begin : 0.0F, to = i + 2 == count ? end : 1.0F;
        for (int k = i == 0 ? 0 : 1; k <= DIGITS_SPAN; k++) {
            if (made == DIGITS_MAX_POINTS * DIGITS_SPAN) {
                break;
            }
            float t = from + (to - from) * (float)k / DIGITS_SPAN;
            ink[made].x = digits_spline(ax, x[i], x[i + 1], dx, t);
            ink[made].y = digits_spline(ay, y[i], y[i + 1], dy, t);
            ink[made].down = made > 0;
            made++;
        }
    }
    return made;
}

/* The four weights of a uniform cubic B-spline at fraction t of a cell. */
static void digits_weights(float t, float weight[4])
{
    float u = 1.0F - t;
    weight[0] = u * u * u / 6.0F;
    weight[1] = (4.0F - 6.0F * t * t + 3.0F * t * t * t) / 6.0F;
    weight[2] = (4.0F - 6.0F * u * u + 3.0F * u * u * u) / 6.0F;
    weight[3] = t * t * t / 6.0F;
}

/* Bends the paper: a lattice of random displacements, smoothed by cubic B-splines (free-form deformation: Rueckert et
 * al., IEEE Trans. Medical Imaging 18(8), 1999). The box lies in the middle cells. */
static void digits_warp(struct digits_random *random, float strength, struct digits_ink *ink, int count)
{
    float move[DIGITS_LATTICE][DIGITS_LATTICE][2];
    for (int i = 0; i < DIGITS_LATTICE; i++) {
        for (int j = 0; j < DIGITS_LATTICE; j++) {
            move[i][j][0] = strength * digits_bell(random);
            move[i][j][1] = strength * digits_bell(random);
        }
    }
    const int cells = DIGITS_LATTICE - 3;
    for (int p = 0; p < count; p++) {
        float at[2] = {ink[p].y * (float)cells, ink[p].x * (float)cells}, weight[2][4];
        int cell[2];
        for (int axis = 0; axis < 2; axis++) {
            cell[axis] = at[axis] < 1.0F ? 0 : cells - 1;
            float t = at[axis] - (float)cell[axis];
            digits_weights(t < 0.0F ? 0.0F : t > 1.0F ? 1.0F : t, weight[axis]);
        }
        float x = 0.0F, y = 0.0F;
        for (int i = 0; i < 4; i++) {
            for (int j = 0; j < 4; j++) {
                float w = weight[0][i] * weight[1][j];
                x += w * move[cell[0] + i][cell[1] + j][0];
                y += w * move[cell[0] + i][cell[1] + j][1];
            }
        }
        ink[p].x += x;
        ink[p].y += y;
    }
}

/* Slant, rotation and stretch about the middle of the box. */
static void digits_tilt(struct digits_random *random, float sloppy, struct digits_ink *ink, int count)
{
    float slant = 0.12F + (0.12F + 0.08F * sloppy) * digits_bell(random);
    float wide = digits_between(random, 0.62F, 1.08F);
    // half-angle tangent: a rotation without sine and cosine
    float tangent = (0.03F + 0.02F * sloppy) * digits_bell(random);
    float scale = 1.0F / (1.0F + tangent * tangent);
    float cosine = (1.0F - tangent * tangent) * scale, sine = 2.0F * tangent * scale;
    for (int p = 0; p < count; p++) {
        float y = ink[p].y - 0.5F, x = (ink[p].x - 0.5F) * wide - slant * y;
        ink[p].x = cosine * x - sine * y;
        ink[p].y = sine * x + cosine * y;
    }
}

/* Fits the path into MNIST's box of 20 x 20 pixels and puts its centre of mass in the middle of the picture. */
static void digits_fit(struct digits_random *random, struct digits_ink *ink, int count)
{
    float low[2] = {ink[0].x, ink[0].y}, high[2] = {ink[0].x, ink[0].y};
    float mass = 0.0F, middle[2] = {0.0F, 0.0F};
    for (int p = 1; p < count; p++) {
        low[0] = ink[p].x < low[0] ? ink[p].x : low[0];
        low[1] = ink[p].y < low[1] ? ink[p].y : low[1];
        high[0] = ink[p].x > high[0] ? ink[p].x : high[0];
        high[1] = ink[p].y > high[1] ? ink[p].y : high[1];
        if (ink[p].down) {
            float dx = ink[p].x - ink[p - 1].x, dy = ink[p].y - ink[p - 1].y, length = sqrtf(dx * dx + dy * dy);
            mass += length;
            middle[0] += length * 0.5F * (ink[p].x + ink[p - 1].x);
            middle[1] += length * 0.5F * (ink[p].y + ink[p - 1].y);
        }
    }
    float side = high[0] - low[0] > high[1] - low[1] ? high[0] - low[0] : high[1] - low[1];
    float pixels = digits_between(random, 16.4F, 18.6F); // length of the longer side, without the pen's width
    float scale = pixels / (side > 0.05F ? side : 0.05F);
    float away[2] = {digits_between(random, -0.8F, 0.8F), digits_between(random, -0.8F, 0.8F)};
    mass = mass > 0.0F ? mass : 1.0F;
    for (int p = 0; p < count; p++) {
        ink[p].x = (ink[p].x - middle[0] / mass) * scale + DIGITS_SIDE / 2.0F + away[0];
        ink[p].y = (ink[p].y - middle[1] / mass) * scale + DIGITS_SIDE / 2.0F + away[1];
    }
}

/* The pen's radius: one for the whole digit, varied along the path. */
static void digits_press(struct digits_random *random, struct digits_ink *ink, int count)
{
    float radius = 1.05F + 0.28F * digits_bell(random);
    radius = radius < 0.6F ? 0.6F : radius > 1.9F ? 1.9F : radius;
    float knots[4];
    for (int i = 0; i < 4; i++) {
        knots[i] = radius * (1.0F + digits_between(random, -0.22F, 0.22F));
    }
    for (int p = 0; p < count; p++) {
        float at = 3.0F * (float)p / (float)count;
        int knot = (int)at;
        float t = at - (float)knot;
        ink[p].radius = knots[knot] + t * (knots[knot + 1] - knots[knot]);
    }
}

/* Inks the piece between two points: a pixel is as dark as the pen covers it, with soft edges. */
static void digits_ink_piece(const struct digits_ink *a, const struct digits_ink *b, float soft, float *paper)
{
    float reach = (a->radius > b->radius ? a->radius : b->radius) + soft;
    float low_x = (a->x < b->x ? a->x : b->x) - reach, high_x = (a->x > b->x ? a->x : b->x) + reach;
    float low_y = (a->y < b->y ? a->y : b->y) - reach, high_y = (a->y > b->y ? a->y : b->y) + reach;
    int left = low_x < 0.0F ? 0 : (int)low_x, top = low_y < 0.0F ? 0 : (int)low_y;
    float dx = b->x - a->x, dy = b->y - a->y, square = dx * dx + dy * dy;
    for (int row = top; row < DIGITS_SIDE && (float)row < high_y; row++) {
        for (int column = left; column < DIGITS_SIDE && (float)column < high_x; column++) {
            float px = (float)column + 0.5F - a->x, py = (float)row + 0.5F - a->y;
            float t = square > 0.0F ? (px * dx + py * dy) / square : 0.0F;
            t = t < 0.0F ? 0.0F : t > 1.0F ? 1.0F : t;
            px -= t * dx;
            py -= t * dy;
            float square_distance = px * px + py * py;
            if (square_distance > reach * reach) {
                continue; // out of the pen's reach: skips the square root
            }
            float inside = a->radius + t * (b->radius - a->radius) - sqrtf(square_distance);
            float ink = 0.5F + inside / (2.0F * soft);
            if (ink <= 0.0F) {
                continue;
            }
            ink = ink > 1.0F ? 1.0F : ink * ink * (3.0F - 2.0F * ink);
            float *spot = &paper[row * DIGITS_SIDE + column];
            *spot = ink > *spot ? ink : *spot;
        }
    }
}

void digits_draw(uint64_t seed, fov_split split, uint64_t index, uint8_t pixels[DIGITS_SIDE * DIGITS_SIDE])
{
    struct digits_random random = {.key = digits_key(seed, split, index), .block = 1};
    const struct digits_glyph *glyph = digits_choose(&random, digits_label(seed, split, index));
    struct digits_ink ink[DIGITS_MAX_INK];
    float paper[DIGITS_SIDE * DIGITS_SIDE] = {0.0F};

    // most samples are drawn steadily, a few sloppily: these make the task hard
    float haste = digits_between(&random, 0.0F, 1.0F), sloppy = 0.6F + 1.5F * haste * haste * haste;
    int count = 0;
    for (int s = 0; s < DIGITS_MAX_STROKES && glyph->stroke[s].count > 0; s++) {
        count += digits_trace(&random, glyph->stroke[s].point, glyph->stroke[s].count, glyph->stroke[s].corners,
                              0.02F * sloppy, ink + count);
    }
    digits_warp(&random, 0.115F * sloppy, ink, count);
    digits_tilt(&random, sloppy, ink, count);
    digits_fit(&random, ink, count);
    digits_press(&random, ink, count);

    float soft = digits_between(&random, 0.55F, 0.9F), level = digits_between(&random, 215.0F, 255.9F);
    for (int p = 1; p < count; p++) {
        if (ink[p].down) {
            digits_ink_piece(&ink[p - 1], &ink[p], soft, paper);
        }
    }
    for (int p = 0; p < DIGITS_SIDE * DIGITS_SIDE; p++) {
        pixels[p] = (uint8_t)(paper[p] * level);
    }
}
