/* SPDX-License-Identifier: MIT */
/* SHA-256 by libmd, behind our own names so that its header reaches no other file. */
#include "base/hash.h"
#include <sha2.h>
#include <stdint.h>

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
