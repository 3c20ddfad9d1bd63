/* SPDX-License-Identifier: MIT */
/* The archive of a PyTorch file, read in place through its central directory. PyTorch stores entries uncompressed, so
 * that tensors can be mapped. Sizes beyond 4 GB are in zip64's fields (APPNOTE 4.3.14 to 4.3.16 and 4.5.3). Every
 * offset is checked against the file's size before it is followed. */
#include "io/torch_file.h"
#include <stdlib.h>
#include <string.h>

enum {
    END_BYTES = 22,
    END_COMMENT = 65535,
    LOCATOR_BYTES = 20,
    END64_BYTES = 56,
    CENTRAL_BYTES = 46,
    LOCAL_BYTES = 30
};
enum { MOST_ENTRIES = 1000000 };

struct zip {
    const char *name;
    const uint8_t *bytes;
    size_t size;
    struct error *error;
};

static uint64_t number(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) {
        value = value << 8 | at[i];
    }
    return value;
}

static int damaged(const struct zip *zip, uint64_t where, const char *what)
{
    return error_set(zip->error, FOV_E_INPUT, "%s: byte %llu: the archive is damaged or cut off: %s", zip->name,
                     (unsigned long long)where, what);
}

/* Whether `count` bytes lie at `where`. */
static bool inside(const struct zip *zip, uint64_t where, uint64_t count)
{
    return where <= zip->size && count <= zip->size - where;
}

static bool has_mark(const struct zip *zip, uint64_t where, uint64_t count, uint32_t mark)
{
    return inside(zip, where, count) && number(zip->bytes + where, 4) == mark;
}

/* Finds where the central directory begins, and how many entries it has. */
static int find_directory(const struct zip *zip, uint64_t *where, uint64_t *count)
{
    size_t back = END_BYTES;
    while (back <= zip->size && back <= END_BYTES + END_COMMENT &&
           !has_mark(zip, zip->size - back, END_BYTES, 0x06054b50)) {
        back++;
    }
    if (back > zip->size || back > END_BYTES + END_COMMENT) {
        return damaged(zip, zip->size, "it has no directory");
    }
    uint64_t end = zip->size - back;
    const uint8_t *at = zip->bytes + end;
    *count = number(at + 10, 2);
    *where = number(at + 16, 4);
    if (*count != 0xffff && *where != 0xffffffff) {
        return FOV_OK;
    }
    if (end < LOCATOR_BYTES || !has_mark(zip, end - LOCATOR_BYTES, LOCATOR_BYTES, 0x07064b50)) {
        return damaged(zip, end, "its large directory has no locator");
    }
    uint64_t large = number(zip->bytes + end - LOCATOR_BYTES + 8, 8);
    if (!has_mark(zip, large, END64_BYTES, 0x06064b50)) {
        return damaged(zip, large, "its large directory is not where it should be");
    }
    *count = number(zip->bytes + large + 32, 8);
    *where = number(zip->bytes + large + 48, 8);
    return FOV_OK;
}

/* Replaces sizes and the local header's offset that do not fit 32 bits (all bits set) by those in the zip64 extra
 * field, where they come in this order. False: that field is cut off. */
static bool read_large(const uint8_t *extra, size_t length, uint64_t *size, uint64_t *packed, uint64_t *local)
{
    uint64_t *wanted[] = {size, packed, local};
    while (length >= 4) {
        size_t bytes = (size_t)number(extra + 2, 2);
        if (bytes > length - 4) {
            return false;
        }
        if (number(extra, 2) == 1) {
            const uint8_t *at = extra + 4, *end = at + bytes;
            for (int i = 0; i < 3; i++) {
                if (*wanted[i] == 0xffffffff) {
                    if (end - at < 8) {
                        return false;
                    }
                    *wanted[i] = number(at, 8);
                    at += 8;
                }
            }
            return true;
        }
        extra += 4 + bytes;
        length -= 4 + bytes;
    }
    return true;
}

/* Reads one entry of the directory; sets *next to the offset of the entry after it. */
static int read_entry(const struct zip *zip, uint64_t where, struct torch_entry *entry, uint64_t *next)
{
    if (!has_mark(zip, where, CENTRAL_BYTES, 0x02014b50)) {
        return damaged(zip, where, "an entry of its directory is not there");
    }
    const uint8_t *at = zip->bytes + where;
    uint64_t method = number(at + 10, 2), packed = number(at + 20, 4), size = number(at + 24, 4);
    uint64_t name = number(at + 28, 2), extra = number(at + 30, 2), comment = number(at + 32, 2);
    uint64_t local = number(at + 42, 4);
    if (!inside(zip, where + CENTRAL_BYTES, name + extra + comment) ||
        !read_large(at + CENTRAL_BYTES + name, (size_t)extra, &size, &packed, &local)) {
        return damaged(zip, where, "an entry of its directory is cut off");
    }
    *next = where + CENTRAL_BYTES + name + extra + comment;
    *entry = (struct torch_entry){.name = (const char *)at + CENTRAL_BYTES, .name_length = (size_t)name};
    if (method != 0 || packed != size) {
        return error_set(zip->error, FOV_E_UNSUPPORTED,
                         "%s: byte %llu: an entry is compressed or encrypted; PyTorch and Keras store them as they are",
                         zip->name, (unsigned long long)where);
    }
    if (!has_mark(zip, local, LOCAL_BYTES, 0x04034b50)) {
        return damaged(zip, local, "an entry is not where the directory says");
    }
    uint64_t data = local + LOCAL_BYTES + number(zip->bytes + local + 26, 2) + number(zip->bytes + local + 28, 2);
    if (!inside(zip, data, size)) {
        return damaged(zip, local, "an entry reaches beyond the file");
    }
    entry->data = zip->bytes + data;
    entry->bytes = (size_t)size;
    return FOV_OK;
}

static int compare_names(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_entries(const void *a, const void *b)
{
    const struct torch_entry *left = a, *right = b;
    return compare_names(left->name, left->name_length, right->name, right->name_length);
}

int torch_archive_read(struct torch_archive *archive, const char *name, const uint8_t *bytes, size_t size,
                       struct memory *memory, struct error *error)
{
    const struct zip zip = {name, bytes, size, error};
    uint64_t where = 0, count = 0;
    *archive = (struct torch_archive){0};
    int status = find_directory(&zip, &where, &count);
    if (status != FOV_OK) {
        return status;
    }
    if (count > MOST_ENTRIES || count > size / CENTRAL_BYTES) {
        return damaged(&zip, where, "its directory has more entries than fit");
    }
    archive->entries = memory_allocate(memory, (size_t)count, sizeof *archive->entries, "an archive's list", error);
    if (archive->entries == NULL) {
        return FOV_E_MEMORY;
    }
    for (uint64_t i = 0; i < count && status == FOV_OK; i++) {
        status = read_entry(&zip, where, &archive->entries[i], &where);
        archive->count += status == FOV_OK;
    }
    if (status != FOV_OK) {
        torch_archive_free(archive, memory);
        return status;
    }
    if (archive->count > 0) {
        qsort(archive->entries, archive->count, sizeof *archive->entries, compare_entries);
    }
    return FOV_OK;
}

void torch_archive_free(struct torch_archive *archive, struct memory *memory)
{
    memory_free(memory, archive->entries);
    *archive = (struct torch_archive){0};
}

const struct torch_entry *torch_archive_find(const struct torch_archive *archive, const char *name, size_t length)
{
    size_t low = 0, high = archive->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct torch_entry *entry = &archive->entries[middle];
        int order = compare_names(entry->name, entry->name_length, name, length);
        if (order == 0) {
            return entry;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}
