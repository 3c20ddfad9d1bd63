/* SPDX-License-Identifier: MIT */
/* Numbers from Philox4x32-10 (Salmon et al., SC 2011; Random123). The 128-bit counter holds (use, position, index), the
 * 64-bit key holds the seed; each block of four words is a pure function of these. */
#include "base/random.h"
#include <Random123/philox.h>
#include <math.h>

/* Counter layout, word by word: index bits 0-31; index bits 32-55 and position bits 32-39; position bits 0-31; use.
 * It must never change: trained weights depend on it. */
void random_block(struct random_key key, uint64_t index, uint32_t out[4])
{
    philox4x32_ctr_t counter = {{
        (uint32_t)index,
        (uint32_t)(index >> 32 & 0xffffff) | (uint32_t)(key.position >> 32 & 0xff) << 24,
        (uint32_t)key.position,
        key.use,
    }};
    philox4x32_key_t seed = {{(uint32_t)key.seed, (uint32_t)(key.seed >> 32)}};
    philox4x32_ctr_t block = philox4x32_R(10, counter, seed);
    for (int i = 0; i < 4; i++) {
        out[i] = block.v[i];
    }
}

/* Four consecutive indices share a block, so that a mask over n elements costs n / 4 blocks when made by blocks. */
uint32_t random_u32(struct random_key key, uint64_t index)
{
    uint32_t block[4];
    random_block(key, index / 4, block);
    return block[index % 4];
}

static float uniform_of(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24F;
}

float random_uniform(struct random_key key, uint64_t index)
{
    return uniform_of(random_u32(key, index));
}

void random_uniforms(struct random_key key, uint64_t first, float *out, size_t count)
{
    uint32_t block[4];
    for (size_t i = 0; i < count; i++) {
        uint64_t index = first + i;
        if (i == 0 || index % 4 == 0) {
            random_block(key, index / 4, block);
        }
        out[i] = uniform_of(block[index % 4]);
    }
}

/* 53 random bits in (0, 1]: never 0, so that its logarithm is finite. */
static double random_fraction(uint32_t high, uint32_t low)
{
    uint64_t bits = ((uint64_t)high << 32 | low) >> 11;
    return (double)(bits + 1) * 0x1p-53;
}

/* Box and Muller, "A note on the generation of random normal deviates", 1958. One deviate per block: its sine twin is
 * thrown away, so that each index stands alone. */
double random_normal(struct random_key key, uint64_t index)
{
    const double two_pi = 6.28318530717958647692;
    uint32_t     block[4];
    random_block(key, index, block);
    double radius = sqrt(-2.0 * log(random_fraction(block[0], block[1])));
    return radius * cos(two_pi * random_fraction(block[2], block[3]));
}

/* The high 64 bits of a 128-bit product, by halves: ISO C has no 128-bit integer. */
static uint64_t random_multiply_high(uint64_t a, uint64_t b)
{
    uint64_t a0 = a & 0xffffffff, a1 = a >> 32, b0 = b & 0xffffffff, b1 = b >> 32;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
    uint64_t cross = a0 * b1 + (middle & 0xffffffff);
    return a1 * b1 + (middle >> 32) + (cross >> 32);
}

/* Lemire, "Fast random integer generation in an interval", 2019, without the rejection: the bias is below
 * bound / 2^64. */
uint64_t random_below(struct random_key key, uint64_t index, uint64_t bound)
{
    uint32_t block[4];
    random_block(key, index, block);
    return random_multiply_high((uint64_t)block[0] << 32 | block[1], bound);
}

void random_permutation(struct random_key key, uint32_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        order[i] = (uint32_t)i;
    }
    for (size_t i = count; i > 1; i--) {
        size_t   other = (size_t)random_below(key, i - 1, i);
        uint32_t moved = order[i - 1];
        order[i - 1] = order[other];
        order[other] = moved;
    }
}
