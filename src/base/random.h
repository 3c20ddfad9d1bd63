/* SPDX-License-Identifier: MIT */
/* Random numbers without a stream: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
 * 2011; Random123's implementation). A number is a pure function of (seed, use, epoch or step, index), so that threads,
 * resume and order cannot change it. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/** The purpose of a number: different uses get independent numbers from one seed. Never renumber: results would
 *  change. */
enum random_use {
    RANDOM_INITIAL = 1,  /**< initial weights; position = parameter index */
    RANDOM_SHUFFLE = 2,  /**< order of samples; position = epoch */
    RANDOM_DROPOUT = 3,  /**< masks; position = step */
    RANDOM_AUGMENT = 4,  /**< augmentation; position = epoch */
    RANDOM_GENERATE = 5, /**< generated datasets; position = sample */
    RANDOM_SPLIT = 6,
    RANDOM_TEST = 7
};

struct random_key {
    uint64_t seed;
    uint32_t use;      /**< enum random_use, optionally + (node id << 8) */
    uint64_t position; /**< 40 bits used: epoch, step or sample */
};

void     random_block(struct random_key key, uint64_t index, uint32_t out[4]);
uint32_t random_u32(struct random_key key, uint64_t index);
/** In [0, 1), 24 bits. */
float random_uniform(struct random_key key, uint64_t index);
/** out[i] = random_uniform(key, first + i), faster: a block serves four indices. */
void random_uniforms(struct random_key key, uint64_t first, float *out, size_t count);
/** Standard normal (Box-Muller in double). */
double random_normal(struct random_key key, uint64_t index);
/** In [0, bound), without modulo bias worth naming (64-bit multiply-shift). */
uint64_t random_below(struct random_key key, uint64_t index, uint64_t bound);
/** A permutation of 0..count-1 (Fisher-Yates from the last element down). */
void random_permutation(struct random_key key, uint32_t *order, size_t count);

#endif
