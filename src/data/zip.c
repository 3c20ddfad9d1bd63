/* SPDX-License-Identifier: MIT */
/* The directory of a zip (PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3) and its entries, stored or deflated. Archive
 * libraries read from front to back; training needs random access from several threads. So the directory is read here,
 * once, and each entry's content in place. zlib unpacks it. */
#include "data/store_inside.h"
#include <string.h>
#define ZLIB_CONST /* input is only read */
#include <zlib.h>

enum {
    ZIP_END = 22,            /* bytes of the end of central directory record */
    ZIP_END_64 = 56,         /* bytes of its Zip64 form */
    ZIP_LOCATOR = 20,        /* bytes of the locator of the Zip64 form */
    ZIP_ENTRY = 46,          /* bytes of a directory entry, without its name */
    ZIP_LOCAL = 30,          /* bytes of the local header before an entry's content, without its name */
    ZIP_COMMENT = 65535,     /* most bytes of the comment after the end record */
    ZIP_DIRECTORY = 1 << 30, /* bytes of the largest directory that is read */
    ZIP_DEFLATE = 8
};

static uint32_t little_endian(const uint8_t *bytes, int size)
{
    uint32_t value = 0;
    for (int i = size; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static uint64_t little_endian_8(const uint8_t *bytes)
{
    return little_endian(bytes, 4) | (uint64_t)little_endian(bytes + 4, 4) << 32;
}

bool zip_is(const struct store_archive *archive)
{
    uint8_t begin[4];
    return store_archive_read(archive, 0, begin, sizeof begin, NULL) == FOV_OK &&
           (memcmp(begin, "PK\3\4", 4) == 0 || memcmp(begin, "PK\5\6", 4) == 0);
}

/* ---- the directory ----------------------------------------------------------------------------------------------- */

/* Location and size of the directory. */
struct zip_directory {
    uint64_t offset, size, count;
    uint64_t shift; /* bytes before the zip in a self-extracting archive; added to all offsets */
};

/* Finds where the Zip64 form of the end record lies, by the locator in front of the end record; false: no locator. */
static bool find_end_64(const struct store_archive *archive, uint64_t end, uint64_t *at)
{
    uint8_t locator[ZIP_LOCATOR];
    if (end < ZIP_LOCATOR || store_archive_read(archive, end - ZIP_LOCATOR, locator, sizeof locator, NULL) != FOV_OK ||
        memcmp(locator, "PK\6\7", 4) != 0) {
        return false;
    }
    *at = little_endian_8(locator + 8);
    return true;
}

static int read_end_64(const struct store_archive *archive, uint64_t end, struct zip_directory *directory,
                       struct error *error)
{
    uint8_t record[ZIP_END_64];
    uint64_t at;
    if (!find_end_64(archive, end, &at)) {
        return error_set(error, FOV_E_INPUT, "damaged zip: it lacks the record for large archives");
    }
    if (at > end || store_archive_read(archive, at, record, sizeof record, NULL) != FOV_OK ||
        memcmp(record, "PK\6\6", 4) != 0) {
        return error_set(error, FOV_E_INPUT, "damaged zip: its record for large archives is not where it should be");
    }
    directory->count = little_endian_8(record + 32);
    directory->size = little_endian_8(record + 40);
    directory->offset = little_endian_8(record + 48);
    return FOV_OK;
}

/* Finds the end record, searching backwards past a comment of any length, and reads the directory's location from
 * it. */
static int find_directory(const struct store *store, const struct store_archive *archive,
                          struct zip_directory *directory, struct error *error)
{
    size_t tail = archive->size < ZIP_END + ZIP_COMMENT ? (size_t)archive->size : ZIP_END + ZIP_COMMENT;
    uint8_t *bytes = memory_allocate_raw(store->memory, tail + 1, 1, "a zip's end", error);
    int status = bytes ? store_archive_read(archive, archive->size - tail, bytes, tail, error) : FOV_E_MEMORY;
    const uint8_t *record = NULL;
    for (size_t at = tail < ZIP_END ? 0 : tail - ZIP_END + 1; status == FOV_OK && record == NULL && at-- > 0;) {
        bool fits = memcmp(bytes + at, "PK\5\6", 4) == 0 && little_endian(bytes + at + 20, 2) <= tail - at - ZIP_END;
        record = fits ? bytes + at : NULL;
    }
    if (status == FOV_OK && record == NULL) {
        status = error_set(error, FOV_E_INPUT, "damaged or truncated zip: it has no directory at its end");
    }
    if (status == FOV_OK) {
        uint64_t end = archive->size - tail + (uint64_t)(record - bytes), large;
        *directory = (struct zip_directory){.count = little_endian(record + 10, 2),
                                            .size = little_endian(record + 12, 4),
                                            .offset = little_endian(record + 16, 4)};
        if (little_endian(record + 4, 2) != 0 && little_endian(record + 4, 2) != UINT16_MAX) {
            status = error_set(error, FOV_E_INPUT, "the last of several parts of a zip: join them first (zip -s 0)");
        } else if (directory->size == UINT32_MAX || directory->offset == UINT32_MAX ||
                   (directory->count == UINT16_MAX && find_end_64(archive, end, &large))) {
            status = read_end_64(archive, end, directory, error);
        } else if (directory->size <= end && directory->offset <= end - directory->size) {
            directory->shift = end - directory->size - directory->offset;
        }
        if (status == FOV_OK && (directory->size > end || directory->offset > end - directory->size ||
                                 directory->size > ZIP_DIRECTORY || directory->count > directory->size / ZIP_ENTRY)) {
            status = error_set(error, FOV_E_INPUT,
                               "damaged zip: a directory of %llu entries in %llu bytes at %llu does not fit the file",
                               (unsigned long long)directory->count, (unsigned long long)directory->size,
                               (unsigned long long)directory->offset);
        }
    }
    memory_free(store->memory, bytes);
    return status;
}

/* Reads the sizes and the offset of a large entry from its Zip64 extra field: only those that are UINT32_MAX in the
 * entry are in the field, in this order. */
static bool read_large(const uint8_t *extra, size_t length, struct store_entry *entry)
{
    uint64_t *const wanted[] = {&entry->size, &entry->packed, &entry->offset};
    while (length >= 4) {
        size_t size = little_endian(extra + 2, 2);
        if (size > length - 4) {
            return false;
        }
        if (little_endian(extra, 2) == 1) {
            const uint8_t *at = extra + 4;
            for (int i = 0; i < 3; i++) {
                if (*wanted[i] == UINT32_MAX) {
                    if ((size_t)(at - extra) + 8 > size + 4) {
                        return false;
                    }
                    *wanted[i] = little_endian_8(at);
                    at += 8;
                }
            }
            return true;
        }
        extra += 4 + size;
        length -= 4 + size;
    }
    return false;
}

/* Why an entry cannot be used; NULL: it can. */
static const char *judge(const struct store_archive *archive, const uint8_t *record, const struct store_entry *entry,
                         const char **kind)
{
    enum { ENCRYPTED = 1, UNIX = 3, TYPE = 0170000, LINK = 0120000, FOLDER = 0040000, FILE_ = 0100000 };
    unsigned type = record[5] == UNIX ? little_endian(record + 40, 2) & TYPE : 0;
    unsigned method = little_endian(record + 10, 2);
    *kind = "unreadable entry";
    if (type != 0 && type != FOLDER && type != FILE_) {
        *kind = "link";
        return type == LINK ? "a link, which is not followed in an archive" : "neither a file nor a folder";
    }
    if (little_endian(record + 8, 2) & ENCRYPTED) {
        return "encrypted";
    }
    if (method != 0 && method != ZIP_DEFLATE) {
        return "packed in a way that is not read (only stored and deflated entries are)";
    }
    if (entry->offset > archive->size || archive->size - entry->offset < ZIP_LOCAL ||
        entry->packed > archive->size - entry->offset - ZIP_LOCAL) {
        return "its content would lie beyond the end of the archive";
    }
    if (method == 0 && entry->packed != entry->size) {
        return "stored, but with two different sizes";
    }
    return NULL;
}

static bool has_entry(const uint8_t *directory, size_t at, size_t size)
{
    return size - at >= ZIP_ENTRY && memcmp(directory + at, "PK\1\2", 4) == 0;
}

int zip_index(struct store *store, size_t which, struct error *error)
{
    const struct store_archive *archive = &store->archives[which];
    struct zip_directory directory;
    int status = find_directory(store, archive, &directory, error);
    if (status) {
        return status;
    }
    size_t size = (size_t)directory.size;
    uint8_t *bytes = memory_allocate_raw(store->memory, size + 1, 1, "a zip's directory", error);
    status = bytes ? store_archive_read(archive, directory.offset + directory.shift, bytes, size, error) : FOV_E_MEMORY;
    size_t at = 0;
    // some archivers count only to 65,535 and begin again: the directory goes on as long as entries follow
    for (uint64_t i = 0; status == FOV_OK && (i < directory.count || has_entry(bytes, at, size)); i++) {
        const uint8_t *record = bytes + at;
        size_t left = size - at, name = left >= ZIP_ENTRY ? little_endian(record + 28, 2) : 0;
        size_t extra = left >= ZIP_ENTRY ? little_endian(record + 30, 2) : 0;
        size_t comment = left >= ZIP_ENTRY ? little_endian(record + 32, 2) : 0;
        if (!has_entry(bytes, at, size) || left - ZIP_ENTRY < name + extra + comment) {
            status = error_set(error, FOV_E_INPUT, "damaged zip: entry %llu of its directory is none",
                               (unsigned long long)i + 1);
            break;
        }
        struct store_entry entry = {.offset = little_endian(record + 42, 4),
                                    .packed = little_endian(record + 20, 4),
                                    .size = little_endian(record + 24, 4),
                                    .check = little_endian(record + 16, 4),
                                    .packing = little_endian(record + 10, 2) ? STORE_ZIP_DEFLATED : STORE_ZIP};
        bool large = entry.size == UINT32_MAX || entry.packed == UINT32_MAX || entry.offset == UINT32_MAX;
        bool whole = !large || read_large(record + ZIP_ENTRY + name, extra, &entry);
        entry.offset =
            whole && entry.offset <= UINT64_MAX - directory.shift ? entry.offset + directory.shift : UINT64_MAX;
        const char *kind, *wrong = judge(archive, record, &entry, &kind);
        const char *text = (const char *)record + ZIP_ENTRY;
        status = wrong ? store_skip(store, which, text, name, kind, wrong, error)
                       : store_add(store, which, text, name, &entry, error);
        at += ZIP_ENTRY + name + extra + comment;
    }
    memory_free(store->memory, bytes);
    return status;
}

/* ---- content ----------------------------------------------------------------------------------------------------- */

static void *zip_allocate(void *memory, unsigned count, unsigned size)
{
    return memory_allocate(memory, count, size, "unpacking", NULL);
}

static void zip_release(void *memory, void *block)
{
    memory_free(memory, block);
}

/* Unpacks the first `count` bytes of deflated content. */
static int inflate_begin(struct memory *memory, const uint8_t *packed, size_t packed_size, uint8_t *bytes, size_t count,
                         struct error *error)
{
    enum { PLAIN_DEFLATE = -15 };
    z_stream stream = {.zalloc = zip_allocate,
                       .zfree = zip_release,
                       .opaque = memory,
                       .next_in = packed,
                       .avail_in = (unsigned)packed_size,
                       .next_out = bytes,
                       .avail_out = (unsigned)count};
    if (inflateInit2(&stream, PLAIN_DEFLATE) != Z_OK) {
        return error_set(error, FOV_E_MEMORY, "no memory left to unpack");
    }
    int result = inflate(&stream, Z_SYNC_FLUSH);
    size_t left = stream.avail_out;
    inflateEnd(&stream);
    if (result == Z_MEM_ERROR) {
        return error_set(error, FOV_E_MEMORY, "no memory left to unpack");
    }
    return left == 0 ? FOV_OK
                     : error_set(error, FOV_E_INPUT, "damaged: %zu of %zu bytes can be unpacked", count - left, count);
}

/* Finds where an entry's content begins: after its local header, whose name and extra field may differ in length from
 * those in the directory. */
static int find_content(const struct store_archive *archive, const struct store_entry *entry, uint64_t *at,
                        struct error *error)
{
    uint8_t local[ZIP_LOCAL];
    int status = store_archive_read(archive, entry->offset, local, sizeof local, error);
    if (status) {
        return status;
    }
    *at = entry->offset + ZIP_LOCAL + little_endian(local + 26, 2) + little_endian(local + 28, 2);
    bool right = memcmp(local, "PK\3\4", 4) == 0 && *at <= archive->size && entry->packed <= archive->size - *at;
    return right ? FOV_OK : error_set(error, FOV_E_INPUT, "damaged: its header in the archive is none");
}

int zip_read(const struct store *store, const struct store_entry *entry, uint8_t *bytes, size_t count,
             struct error *error)
{
    const struct store_archive *archive = &store->archives[entry->archive];
    uint64_t at;
    int status = find_content(archive, entry, &at, error);
    if (status == FOV_OK && entry->packing == STORE_ZIP) {
        status = store_archive_read(archive, at, bytes, count, error);
    } else if (status == FOV_OK && count > 0) {
        // deflate never enlarges data by more than a few bytes per 16 KiB: read no more than that needs
        uint64_t most = (uint64_t)count + count / 1000 + 1024, packed = entry->packed < most ? entry->packed : most;
        uint8_t *content = memory_allocate_raw(store->memory, (size_t)packed + 1, 1, "a packed file", error);
        status = content ? store_archive_read(archive, at, content, (size_t)packed, error) : FOV_E_MEMORY;
        status = status ? status : inflate_begin(store->memory, content, (size_t)packed, bytes, count, error);
        memory_free(store->memory, content);
    }
    if (status == FOV_OK && count == entry->size && crc32(0, bytes, (unsigned)count) != entry->check) {
        status = error_set(error, FOV_E_INPUT, "damaged: its check sum in the archive is another");
    }
    return status;
}
