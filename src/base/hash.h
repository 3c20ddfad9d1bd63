/* SPDX-License-Identifier: MIT */
/* SHA-256 (libmd), by which data files are checked and weights are named. And a fast 64-bit hash, to compare data where
 * no attack is to be feared. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_HEX_SIZE = 65 };

/** SHA-256 of several pieces: zero a struct hash_state, then begin, add, end. */
struct hash_state {
    _Alignas(16) unsigned char opaque[256];
};
void hash_begin(struct hash_state *state);
void hash_add(struct hash_state *state, const void *bytes, size_t count);
/** A number as 8 bytes, little-endian. Names and data are hashed behind their sizes, so that different contents never
 *  give the same sequence of bytes. */
void hash_add_number(struct hash_state *state, uint64_t number);
void hash_end(struct hash_state *state, char hex[HASH_HEX_SIZE]); /**< lower-case hexadecimal, terminated */
void hash_bytes(const void *bytes, size_t count, char hex[HASH_HEX_SIZE]);

/** A 64-bit hash of `seed` (0, or the result of an earlier call, to continue) and the bytes. Not cryptographic; some
 *  gigabytes per second. */
uint64_t hash_fold(uint64_t seed, const void *bytes, size_t count);

#endif
