/* SPDX-License-Identifier: MIT */
/* SHA-256 by libmd, behind our own names so that its header reaches no other file. */
#include "base/hash.h"
#include <sha2.h>
#include <string.h>

_Static_assert(sizeof(SHA2_CTX) <= sizeof(((struct hash_state *)0)->opaque), "hash_state is too small for libmd");
_Static_assert(_Alignof(SHA2_CTX) <= 16, "hash_state is not aligned enough for libmd");

/* The opaque bytes are only ever used as this one type. */
static SHA2_CTX *hash_context(struct hash_state *state)
{
    return (SHA2_CTX *)(void *)state->opaque;
}

void hash_begin(struct hash_state *state)
{
    SHA256Init(hash_context(state));
}

void hash_add(struct hash_state *state, const void *bytes, size_t count)
{
    if (count > 0) {
        SHA256Update(hash_context(state), bytes, count);
    }
}

void hash_add_number(struct hash_state *state, uint64_t number)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
    hash_add(state, bytes, sizeof bytes);
}

void hash_end(struct hash_state *state, char hex[HASH_HEX_SIZE])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256Final(digest, hash_context(state));
    for (size_t i = 0; i < sizeof digest; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[2 * sizeof digest] = '\0';
}

void hash_bytes(const void *bytes, size_t count, char hex[HASH_HEX_SIZE])
{
    struct hash_state state;
    hash_begin(&state);
    hash_add(&state, bytes, count);
    hash_end(&state, hex);
}

/* Eight bytes as a number, the same on machines of either byte order; compilers make one load of it. */
static uint64_t hash_word(const uint8_t *at)
{
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
           (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
}

/* Multiplying by an odd number is a bijection, and so is xor-ing the high bits onto the low ones: two inputs of equal
   length that differ in one word never collide. */
static uint64_t hash_step(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0xd6e8feb86659fd93U;
    return hash ^ hash >> 32;
}

/* The final mixing is MurmurHash3's (Appleby). */
uint64_t hash_fold(uint64_t seed, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    uint64_t hash = hash_step(hash_step(0x9e3779b97f4a7c15U, seed), count);
    for (; count >= 8; count -= 8, at += 8) {
        hash = hash_step(hash, hash_word(at));
    }
    if (count > 0) {
        uint8_t rest[8] = {0};
        memcpy(rest, at, count);
        hash = hash_step(hash, hash_word(rest));
    }
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdU;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53U;
    return hash ^ hash >> 33;
}
