/* SPDX-License-Identifier: MIT */
/* SplitMix64 (Steele, Lea, Flood 2014) and the distributions drawn from its bits. */
#include "learn/draw.h"

#include <math.h>

struct draw draw_from(uint64_t seed)
{
    return (struct draw){seed};
}

uint64_t draw_bits(struct draw *draw)
{
    uint64_t z = draw->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double draw_uniform(struct draw *draw, double low, double high)
{
    return low + (high - low) * (double)(draw_bits(draw) >> 11) * 0x1p-53;
}

int draw_integer(struct draw *draw, int low, int high)
{
    return low + (int)(draw_bits(draw) % ((uint64_t)high - (uint64_t)low + 1));
}

double draw_short(struct draw *draw, double low, double high, int digits)
{
    double scale = pow(10, digits);
    return draw_integer(draw, (int)ceil(low * scale), (int)floor(high * scale)) / scale;
}

double draw_normal(struct draw *draw)
{
    const double turn = 6.283185307179586;
    double radius = sqrt(-2 * log(1 - draw_uniform(draw, 0, 1)));
    return radius * cos(turn * draw_uniform(draw, 0, 1));
}
