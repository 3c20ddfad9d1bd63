/* SPDX-License-Identifier: MIT */
/* The order of samples in an epoch. Its random key is (seed, epoch), so that it does not depend on earlier draws and a
 * resumed run sees the same batches. */
#include "base/random.h"
#include "data/loader.h"

void data_order(uint64_t seed, int epoch, uint32_t *order, size_t count)
{
    random_permutation((struct random_key){.seed = seed, .use = RANDOM_SHUFFLE, .position = (uint64_t)(uint32_t)epoch},
                       order, count);
}
