/* SPDX-License-Identifier: MIT */
/* Archives for tests; see archives.h. */
#include "support/temporary.h"
#include "data/archives.h"
#include <unistd.h>
#include <zlib.h>

struct bytes {
    uint8_t *data;
    size_t size, capacity;
};

static void add(struct bytes *bytes, const void *more, size_t size)
{
    if (bytes->size + size >= bytes->capacity) {
        bytes->capacity = 2 * (bytes->size + size) + 64;
        bytes->data = realloc(bytes->data, bytes->capacity);
        assert_non_null(bytes->data);
    }
    memcpy(bytes->data + bytes->size, size ? more : "", size);
    bytes->size += size;
}

static void add_number(struct bytes *bytes, uint64_t value, int size)
{
    uint8_t piece[8];
    for (int i = 0; i < size; i++) {
        piece[i] = (uint8_t)(value >> (8 * i));
    }
    add(bytes, piece, (size_t)size);
}

static void pack(const struct archived *file, struct bytes *packed)
{
    uLong most = compressBound(file->size) + 64;
    packed->data = calloc(most, 1);
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)file->bytes,
                       .avail_in = (uInt)file->size,
                       .next_out = packed->data,
                       .avail_out = (uInt)most};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed->size = stream.total_out;
    deflateEnd(&stream);
}

uint8_t *make_zip(const struct archived *files, size_t count, bool large, size_t *size)
{
    struct bytes zip = {NULL, 0, 0}, directory = {NULL, 0, 0};
    for (size_t i = 0; i < count; i++) {
        const struct archived *file = &files[i];
        struct bytes packed = {NULL, 0, 0};
        if (file->deflated) {
            pack(file, &packed);
        } else {
            add(&packed, file->bytes, file->size);
        }
        uint32_t check = (uint32_t)crc32(0, file->bytes, (uInt)file->size);
        if (file->is_damaged) {
            packed.data[packed.size / 2] ^= 1;
        }
        uint64_t at = zip.size, whole = file->claims_size ? file->claims_size : file->size;
        unsigned method = file->method ? file->method : file->deflated ? 8 : 0;
        size_t name = strlen(file->name);
        for (int part = 0; part < 2; part++) { // the local header, then the directory's entry
            struct bytes *to = part ? &directory : &zip;
            add(to, part ? "PK\1\2" : "PK\3\4", 4);
            if (part) {
                add_number(to, 20 | 3 << 8, 2);
            }
            add_number(to, 20, 2);
            add_number(to, file->flags, 2);
            add_number(to, method, 2);
            add_number(to, 0, 4);
            add_number(to, check, 4);
            add_number(to, large ? UINT32_MAX : packed.size, 4);
            add_number(to, large ? UINT32_MAX : whole, 4);
            add_number(to, name, 2);
            add_number(to, part ? (large ? 28 : 0) : 8, 2); // their extra fields differ in size
            if (part) {
                add_number(to, 0, 6);
                add_number(to, file->is_link ? 0120777U << 16 : 0, 4);
                add_number(to, large ? UINT32_MAX : file->claims_offset ? file->claims_offset : at, 4);
            }
            add(to, file->name, name);
            if (part && large) {
                add_number(to, 1 | 24 << 16, 4);
                add_number(to, whole, 8);
                add_number(to, packed.size, 8);
                add_number(to, at, 8);
            } else if (!part) {
                add(to, "\x99\x99\4\0....", 8);
                add(to, packed.data, packed.size);
            }
        }
        free(packed.data);
    }
    uint64_t start = zip.size, end;
    add(&zip, directory.data, directory.size);
    end = zip.size;
    if (large) {
        add(&zip, "PK\6\6", 4);
        add_number(&zip, 44, 8);
        add_number(&zip, 45 | 45 << 16, 4);
        add_number(&zip, 0, 8);
        add_number(&zip, count, 8);
        add_number(&zip, count, 8);
        add_number(&zip, directory.size, 8);
        add_number(&zip, start, 8);
        add(&zip, "PK\6\7", 4);
        add_number(&zip, 0, 4);
        add_number(&zip, end, 8);
        add_number(&zip, 1, 4);
    }
    add(&zip, "PK\5\6", 4);
    add_number(&zip, 0, 4);
    add_number(&zip, large ? UINT16_MAX : count, 2);
    add_number(&zip, large ? UINT16_MAX : count, 2);
    add_number(&zip, large ? UINT32_MAX : directory.size, 4);
    add_number(&zip, large ? UINT32_MAX : start, 4);
    add_number(&zip, 7, 2);
    add(&zip, "comment", 7);
    free(directory.data);
    *size = zip.size;
    return zip.data;
}

void put_zip(const char *path, const struct archived *files, size_t count)
{
    size_t size;
    uint8_t *bytes = make_zip(files, count, false, &size);
    put_file(path, bytes, size);
    free(bytes);
}

static void add_to_tar(struct bytes *tar, const char *name, char type, const void *content, size_t size)
{
    static const uint8_t zeros[512];
    char header[512] = "";
    unsigned sum = 8 * ' ';
    snprintf(header, 100, "%s", name);
    memcpy(header + 100, "0000644", 7);
    memcpy(header + 108, "0000000", 7);
    memcpy(header + 116, "0000000", 7);
    snprintf(header + 124, 12, "%011zo", size);
    memcpy(header + 136, "00000000000", 11);
    header[156] = type;
    memcpy(header + 157, type == '2' ? "elsewhere" : "", type == '2' ? 9 : 0);
    memcpy(header + 257, "ustar\00000", 8);
    for (int k = 0; k < 512; k++) {
        sum += k < 148 || k >= 156 ? (uint8_t)header[k] : 0;
    }
    snprintf(header + 148, 8, "%06o", sum);
    header[155] = ' ';
    add(tar, header, 512);
    add(tar, content, size);
    add(tar, zeros, (512 - size % 512) % 512);
}

void put_tar(const char *path, const struct archived *files, size_t count)
{
    struct bytes tar = {NULL, 0, 0};
    static const uint8_t zeros[1024];
    for (size_t i = 0; i < count; i++) {
        const struct archived *file = &files[i];
        if (file->in_record) { /* "LENGTH path=NAME\n", where LENGTH counts itself */
            char record[200];
            size_t length = strlen(file->name) + 7;
            snprintf(record, sizeof record, "%zu path=%s\n", length + (length + 2 < 100 ? 2 : 3), file->name);
            add_to_tar(&tar, "record", 'x', record, strlen(record));
        }
        char type = file->is_link ? '2' : file->name[strlen(file->name) - 1] == '/' ? '5' : '0';
        add_to_tar(&tar, file->in_record ? "?" : file->name, type, file->bytes, file->size);
    }
    add(&tar, zeros, 1024);
    if (strcmp(path + strlen(path) - 2, "gz") == 0) {
        gzFile file = gzopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(gzwrite(file, tar.data, (unsigned)tar.size), (int)tar.size);
        assert_int_equal(gzclose(file), Z_OK);
    } else {
        put_file(path, tar.data, tar.size);
    }
    free(tar.data);
}

uint8_t *make_png(int height, int width, uint8_t value, size_t *size)
{
    char path[TEMPORARY_PATH];
    fov_context *context = make_context(1);
    uint8_t *pixels = malloc((size_t)height * (size_t)width);
    memset(pixels, value, (size_t)height * (size_t)width);
    temporary_file(path, ".png");
    assert_int_equal(fov_image_save_png(context, path, height, width, 1, pixels), FOV_OK);
    free(pixels);
    fov_context_free(context);
    uint8_t *bytes = get_file(path, size);
    assert_non_null(bytes);
    unlink(path);
    return bytes;
}

static void add_chunk(struct bytes *png, const char *name, const void *content, size_t size)
{
    uint8_t length[4] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};
    add(png, length, 4);
    size_t begin = png->size;
    add(png, name, 4);
    add(png, content, size);
    uint32_t check = (uint32_t)crc32(0, png->data + begin, (uInt)(size + 4));
    uint8_t bytes[4] = {(uint8_t)(check >> 24), (uint8_t)(check >> 16), (uint8_t)(check >> 8), (uint8_t)check};
    add(png, bytes, 4);
}

uint8_t *make_stored_png(int height, int width, int depth, bool indexed, const uint16_t *values, size_t *size)
{
    struct bytes png = {NULL, 0, 0}, rows = {NULL, 0, 0};
    uint8_t header[13] = {0, 0, 0, (uint8_t)width, 0, 0, 0, (uint8_t)height, (uint8_t)depth, indexed ? 3 : 0};
    uint8_t palette[768];
    for (int y = 0; y < height; y++) {
        size_t row = rows.size + 1;
        add(&rows, (uint8_t[64]){0}, 1 + (size_t)(width * depth + 7) / 8);
        for (int x = 0; x < width; x++) {
            unsigned value = values[y * width + x];
            if (depth == 16) {
                rows.data[row + 2 * (size_t)x] = (uint8_t)(value >> 8);
                rows.data[row + 2 * (size_t)x + 1] = (uint8_t)value;
            } else {
                rows.data[row + (size_t)(x * depth / 8)] |= (uint8_t)(value << (8 - depth - x * depth % 8));
            }
        }
    }
    uLongf packed = compressBound(rows.size);
    uint8_t *data = malloc(packed);
    assert_int_equal(compress(data, &packed, rows.data, rows.size), Z_OK);
    for (size_t i = 0; i < sizeof palette; i++) {
        palette[i] = (uint8_t)(i * 37);
    }
    add(&png, "\x89PNG\r\n\x1a\n", 8);
    add_chunk(&png, "IHDR", header, sizeof header);
    if (indexed) {
        add_chunk(&png, "PLTE", palette, depth < 8 ? 3U << depth : sizeof palette);
    }
    add_chunk(&png, "IDAT", data, packed);
    add_chunk(&png, "IEND", NULL, 0);
    free(data);
    free(rows.data);
    *size = png.size;
    return png.data;
}

void put_picture(void **state, const char *name, int height, int width, uint8_t value)
{
    size_t size;
    uint8_t *bytes = make_png(height, width, value, &size);
    put_file(path_in(state, name), bytes, size);
    free(bytes);
}

void put_text(void **state, const char *name, const char *text)
{
    put_file(path_in(state, name), text, strlen(text));
}
