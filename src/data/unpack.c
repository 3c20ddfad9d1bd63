/* SPDX-License-Identifier: MIT */
/* gzip through zlib. zlib's memory comes from `struct memory`, so that it is counted and can fail in tests. */
#include "data/unpack.h"
#define ZLIB_CONST /* input is only read */
#include <zlib.h>

enum { UNPACK_PIECE = 1 << 16 };

bool unpack_is_gzip(const uint8_t *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

static void *unpack_allocate(void *memory, unsigned count, unsigned size)
{
    return memory_allocate(memory, count, size, "unpacking", NULL);
}

static void unpack_release(void *memory, void *block)
{
    memory_free(memory, block);
}

/* Calls inflate once, for at most one piece. Returns 0 to go on, 1 at the clean end, negative on failure. */
static int unpack_step(z_stream *stream, uint8_t *piece, size_t *left, size_t size, unpack_sink *sink, void *user,
                       struct error *error)
{
    // zlib counts in unsigned int: hand the input over in parts
    unsigned part = *left < (1U << 30) ? (unsigned)*left : 1U << 30;
    stream->avail_in = part;
    stream->next_out = piece;
    stream->avail_out = UNPACK_PIECE;
    int result = inflate(stream, Z_NO_FLUSH);
    *left -= part - stream->avail_in;

    size_t made = UNPACK_PIECE - stream->avail_out;
    if (made > 0 && sink(user, piece, made, error)) {
        return -1;
    }
    if (result == Z_STREAM_END) {
        if (*left == 0) {
            return 1;
        }
        // gzip files may be concatenated; anything else after the end is damage
        if (!unpack_is_gzip(stream->next_in, *left)) {
            error_set(error, FOV_E_INPUT, "%zu unexpected bytes after the end of the gzip data", *left);
            return -1;
        }
        return inflateReset(stream) == Z_OK ? 0 : -1;
    }
    if (result == Z_MEM_ERROR) {
        error_set(error, FOV_E_MEMORY, "no memory left to unpack gzip data");
        return -1;
    }
    if (result != Z_OK && result != Z_BUF_ERROR) {
        error_set(error, FOV_E_INPUT, "damaged gzip data near offset %zu of %zu (%s)", size - *left, size,
                  stream->msg ? stream->msg : "not deflate");
        return -1;
    }
    if (*left == 0 && made < UNPACK_PIECE) {
        error_set(error, FOV_E_INPUT, "truncated: the gzip data does not end within the file's %zu bytes", size);
        return -1;
    }
    return 0;
}

int unpack_gzip(const uint8_t *bytes, size_t size, struct memory *memory, unpack_sink *sink, void *user,
                struct error *error)
{
    uint8_t *piece = memory_allocate_raw(memory, UNPACK_PIECE, 1, "unpacking", error);
    if (piece == NULL) {
        return FOV_E_MEMORY;
    }
    z_stream stream = {.zalloc = unpack_allocate, .zfree = unpack_release, .opaque = memory, .next_in = bytes};
    int result = -1;
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) { // 16: gzip, not zlib
        error_set(error, FOV_E_MEMORY, "no memory left to unpack gzip data");
    } else {
        size_t left = size;
        do {
            result = unpack_step(&stream, piece, &left, size, sink, user, error);
        } while (result == 0);
        inflateEnd(&stream);
    }
    memory_free(memory, piece);
    if (result > 0) {
        return FOV_OK;
    }
    return error && error->status ? (int)error->status : FOV_E_INPUT;
}
