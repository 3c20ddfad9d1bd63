/* SPDX-License-Identifier: MIT */
/* The ring. Large data is sent in parts, so that a rank works on one part while its neighbours transfer others. The
 * last rank sends a part's result around as soon as it has it; the other ranks handle each part, then the result of an
 * earlier part.
 *
 * Sends may block until they are received, so a ring of ranks might wait for each other. It does not, since all handle
 * messages in one common order, in which the first unfinished message is always the next one for both of its ranks. Let
 * rank r send part k on to r + 1 at time 4 k + r, for in its turn a rank handles four messages, and the last rank the
 * result at time 4 (k + L) + 1, with one unit more for each rank that hands it on. Then each rank but the last one
 * handles the result of part k right after part k + L, and the last one after part k, if it has that by then:
 * 4 (k + L) + 1 > 4 k + R - 2 for R ranks, so L is the whole part of (R + 1) / 4. */
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

/* The sum of the ranks before this one. */
static int take_part(const fov_ranks *ranks, void *part, size_t length, struct error *error)
{
    int before = ranks->rank - 1;
    return before >= 0 && ranks->receive(ranks->user, before, part, length) != 0 ? lost(before, error) : FOV_OK;
}

static int hand_on(const fov_ranks *ranks, const void *part, size_t length, struct error *error)
{
    int after = ranks->rank + 1;
    return after < ranks->count && ranks->send(ranks->user, after, part, length) != 0 ? lost(after, error) : FOV_OK;
}

/* The last rank has the result. */
static int spread_part(const fov_ranks *ranks, void *part, size_t length, struct error *error)
{
    int last = ranks->count - 1, from = ranks->rank > 0 ? ranks->rank - 1 : last;
    int to = ranks->rank < last ? ranks->rank + 1 : 0;
    if (ranks->rank != last && ranks->receive(ranks->user, from, part, length) != 0) {
        return lost(from, error);
    }
    return ranks->rank != last - 1 && last > 0 && ranks->send(ranks->user, to, part, length) != 0 ? lost(to, error)
                                                                                                  : FOV_OK;
}

int ranks_add(const fov_ranks *ranks, void *data, size_t bytes, rank_add *add, void *context, struct error *error)
{
    size_t parts = bytes / PART + (bytes % PART != 0);
    size_t behind = ranks->rank == ranks->count - 1 ? 0 : ((size_t)ranks->count + 1) / 4; /* parts; L above */
    int status = FOV_OK;

    for (size_t turn = 0; status == FOV_OK && turn < parts + behind; turn++) {
        if (turn < parts) {
            size_t offset = turn * PART, length = part_of(bytes, offset);
            status = take_part(ranks, (char *)data + offset, length, error);
            if (status == FOV_OK) {
                add(context, (char *)data + offset, offset, length);
                status = hand_on(ranks, (char *)data + offset, length, error);
            }
        }
        if (status == FOV_OK && turn >= behind) {
            size_t offset = (turn - behind) * PART;
            status = spread_part(ranks, (char *)data + offset, part_of(bytes, offset), error);
        }
    }
    return status;
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

/* Keeps the first failure; rank 0's own word is there already. */
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
