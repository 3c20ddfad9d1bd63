/* SPDX-License-Identifier: MIT */
/* The ring. Large data is sent in parts, so that a rank works on one part while its neighbours transfer others. The
 * result is distributed only after all parts have reached the last rank: with transports whose sends block until they
 * are received, doing both at once in a ring would deadlock. */
#include "train/ranks.h"

#include <string.h>

enum { PART = 256 << 10 /* bytes: sending them takes much longer than a message's latency */ };

static int lost(int rank, struct error *error)
{
    return error_set(error, FOV_E_IO, "rank %d is lost: the others cannot go on without it", rank);
}

static size_t part_of(size_t bytes, size_t offset)
{
    return bytes - offset < PART ? bytes - offset : PART;
}

struct rank_share ranks_deal(const fov_ranks *ranks, int64_t batches)
{
    int64_t rank = ranks->rank, count = ranks->count;
    struct rank_share share = {(batches * rank + count - 1) / count, (batches * (rank + 1) + count - 1) / count};
    return share;
}

int ranks_add(const fov_ranks *ranks, void *data, size_t bytes, rank_add *add, void *context, struct error *error)
{
    int last = ranks->count - 1, before = ranks->rank - 1, after = ranks->rank + 1;

    for (size_t offset = 0; offset < bytes; offset += PART) {
        char *part = (char *)data + offset;
        size_t length = part_of(bytes, offset);
        if (ranks->rank > 0) {
            if (ranks->receive(ranks->user, before, part, length) != 0) {
                return lost(before, error);
            }
            add(context, part, offset, length);
        }
        if (ranks->rank < last && ranks->send(ranks->user, after, part, length) != 0) {
            return lost(after, error);
        }
    }
    for (size_t offset = 0; offset < bytes && last > 0; offset += PART) { /* the last rank has the result */
        char *part = (char *)data + offset;
        size_t length = part_of(bytes, offset);
        int from = ranks->rank > 0 ? before : last, to = ranks->rank < last ? after : 0;
        if (ranks->rank != last && ranks->receive(ranks->user, from, part, length) != 0) {
            return lost(from, error);
        }
        if (ranks->rank != last - 1 && ranks->send(ranks->user, to, part, length) != 0) {
            return lost(to, error);
        }
    }
    return FOV_OK;
}

static void add_nothing(void *context, void *so_far, size_t offset, size_t bytes)
{
    (void)context;
    (void)so_far;
    (void)offset;
    (void)bytes;
}

int ranks_spread(const fov_ranks *ranks, void *data, size_t bytes, struct error *error)
{
    return ranks_add(ranks, data, bytes, add_nothing, NULL, error);
}

struct word {
    int status, rank;
    char text[ERROR_TEXT_SIZE];
};

/* Keeps the first failure. */
static void add_word(void *context, void *so_far, size_t offset, size_t bytes)
{
    const struct word *own = context;
    struct word *word = so_far; /* in one piece, since it is shorter than PART */
    (void)offset;
    (void)bytes;
    if (word->status == FOV_OK) {
        *word = *own;
    }
}

int ranks_agree(const fov_ranks *ranks, int status, struct error *error)
{
    struct word own = {.status = status, .rank = ranks->rank}, all;
    if (status != FOV_OK) {
        memcpy(own.text, error->text, sizeof own.text);
    }
    all = own;
    struct error failure = {.status = FOV_OK};
    if (ranks_add(ranks, &all, sizeof all, add_word, &own, &failure) != FOV_OK) {
        return error_set(error, failure.status, "%s", failure.text); /* the rank's own failure stands, if it has one */
    }
    if (all.status != FOV_OK && status == FOV_OK) {
        all.text[sizeof all.text - 1] = '\0';
        return error_set(error, (fov_status)all.status, "rank %d: %s", all.rank, all.text);
    }
    return status;
}
