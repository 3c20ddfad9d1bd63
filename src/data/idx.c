/* SPDX-License-Identifier: MIT */
/* The IDX reader. It takes the content piece by piece (a gzip file is never unpacked as a whole), checks the header's
 * sizes against the file's before it allocates, and allows no bytes after the end. The MNIST dataset made of four such
 * files is mnist.c. */
#include "data/idx.h"
#include "base/file.h"
#include "image/image.h"
#include "data/unpack.h"
#include <string.h>

enum { IDX_UNSIGNED_BYTE = 0x08 };

/* The state of reading one file. */
struct idx_reader {
    struct idx *idx;
    struct memory *memory;
    int rank;      /* the rank that the caller wants */
    uint64_t most; /* upper bound on the size of the unpacked content, header included, bytes */
    bool exact;    /* `most` is the exact size: the file is not packed */
    uint8_t header[4 + 4 * IDX_MAX_RANK];
    size_t header_size; /* bytes of the header read so far */
    size_t filled;      /* elements read so far */
};

static const char *idx_kind(int rank)
{
    return rank == 1 ? "labels" : rank == 3 ? "pictures" : "something else";
}

static const char *idx_type_name(uint8_t type)
{
    static const struct {
        uint8_t type;
        const char *name;
    } names[] = {{0x08, "unsigned bytes"},  {0x09, "signed bytes"},  {0x0b, "16-bit integers"},
                 {0x0c, "32-bit integers"}, {0x0d, "32-bit floats"}, {0x0e, "64-bit floats"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].type == type) {
            return names[i].name;
        }
    }
    return NULL;
}

/* The first four bytes: zero, zero, type, rank. */
static int idx_check_magic(const struct idx_reader *reader, struct error *error)
{
    const uint8_t *h = reader->header;
    const char *type = idx_type_name(h[2]);
    if (h[0] != 0 || h[1] != 0 || type == NULL) {
        return error_set(error, FOV_E_INPUT, "not an IDX file (starts with %02x %02x %02x %02x, IDX starts with 00 00)",
                         h[0], h[1], h[2], h[3]);
    }
    if (h[2] != IDX_UNSIGNED_BYTE) {
        return error_set(error, FOV_E_UNSUPPORTED, "IDX of %s; only unsigned bytes are supported", type);
    }
    if (h[3] != reader->rank) {
        bool swapped = (h[3] == 1 && reader->rank == 3) || (h[3] == 3 && reader->rank == 1);
        return error_set(error, FOV_E_INPUT, "holds %s (rank %d) where %s (rank %d) should be%s", idx_kind(h[3]), h[3],
                         idx_kind(reader->rank), reader->rank, swapped ? ": are the files swapped?" : "");
    }
    return FOV_OK;
}

/* Reads the dimensions and compares their product with the size of the file before anything is allocated. */
static int idx_check_dimensions(struct idx_reader *reader, struct error *error)
{
    struct idx *idx = reader->idx;
    size_t size = 1;
    idx->rank = reader->rank;
    for (int i = 0; i < idx->rank; i++) {
        const uint8_t *b = reader->header + 4 + 4 * i;
        uint32_t dim = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
        if (dim == 0 || (i > 0 && dim > IMAGE_MAX_SIDE)) {
            return error_set(error, FOV_E_INPUT, "dimension %d is %u: out of range (1 to %u)", i, dim,
                             i > 0 ? (unsigned)IMAGE_MAX_SIDE : UINT32_MAX);
        }
        if (!size_multiply(size, dim, &size)) {
            return error_set(error, FOV_E_INPUT, "the header's dimensions multiply beyond any memory");
        }
        idx->dim[i] = dim;
    }
    uint64_t header = 4 + 4 * (uint64_t)idx->rank;
    if (size > reader->most - header) {
        return error_set(error, FOV_E_INPUT,
                         "truncated: the header announces %zu bytes after offset %llu, the file has %s%llu", size,
                         (unsigned long long)header, reader->exact ? "" : "at most ",
                         (unsigned long long)(reader->most - header));
    }
    if (reader->exact && size < reader->most - header) {
        return error_set(error, FOV_E_INPUT, "%llu unexpected bytes after the end (offset %llu)",
                         (unsigned long long)(reader->most - header - size), (unsigned long long)(header + size));
    }
    idx->bytes = memory_allocate_raw(reader->memory, size, 1, "an IDX file", error);
    if (idx->bytes == NULL) {
        return FOV_E_MEMORY;
    }
    idx->size = size;
    return FOV_OK;
}

/* Takes the next `count` bytes of the content. */
static int idx_take(void *user, const uint8_t *bytes, size_t count, struct error *error)
{
    struct idx_reader *reader = user;
    while (count > 0 && reader->idx->bytes == NULL) {
        reader->header[reader->header_size++] = *bytes++;
        count--;
        if (reader->header_size == 4 && idx_check_magic(reader, error)) {
            return -1;
        }
        if (reader->header_size == 4 + 4 * (size_t)reader->rank && idx_check_dimensions(reader, error)) {
            return -1;
        }
    }
    if (count > reader->idx->size - reader->filled) {
        size_t end = reader->header_size + reader->idx->size;
        return error_set(error, FOV_E_INPUT, "unexpected bytes after the end (offset %zu)", end);
    }
    if (count > 0) {
        memcpy(reader->idx->bytes + reader->filled, bytes, count);
        reader->filled += count;
    }
    return 0;
}

int idx_parse(struct idx *idx, const uint8_t *bytes, size_t size, int rank, struct memory *memory, struct error *error)
{
    *idx = (struct idx){.rank = 0};
    bool packed = unpack_is_gzip(bytes, size);
    struct idx_reader reader = {.idx = idx, .memory = memory, .rank = rank, .most = size, .exact = !packed};
    uint64_t need = 4 + 4 * (uint64_t)rank;
    int result;
    if (packed) {
        reader.most = need + (uint64_t)size * UNPACK_MAX_RATIO;
        result = unpack_gzip(bytes, size, memory, idx_take, &reader, error);
    } else if (size >= 4 && size < need && idx_take(&reader, bytes, 4, error)) {
        result = -1; // reports a wrong magic number rather than "truncated"
    } else if (size < need) {
        result = error_set(error, FOV_E_INPUT,
                           size == 0 ? "the file is empty" : "truncated: the header needs %llu bytes, the file has %zu",
                           (unsigned long long)need, size);
    } else {
        result = idx_take(&reader, bytes, size, error);
    }
    if (result == 0 && (idx->bytes == NULL || reader.filled < idx->size)) {
        result =
            error_set(error, FOV_E_INPUT, "truncated: need %llu bytes, the unpacked file has %zu",
                      (unsigned long long)(idx->bytes ? need + idx->size : need), reader.header_size + reader.filled);
    }
    if (result != 0) {
        memory_free(memory, idx->bytes);
        *idx = (struct idx){.rank = 0};
        return error && error->status ? (int)error->status : FOV_E_INPUT;
    }
    return FOV_OK;
}

int idx_read(struct idx *idx, const char *path, int rank, struct memory *memory, struct error *error)
{
    uint8_t *bytes;
    size_t size;
    int status = file_read(path, (size_t)1 << 31, memory, &bytes, &size, error);
    if (status) {
        return status; // file_read's error names the path already
    }
    status = idx_parse(idx, bytes, size, rank, memory, error);
    memory_free(memory, bytes);
    if (status) {
        error_prefix(error, "%s", path);
    }
    return status;
}
