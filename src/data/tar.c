/* SPDX-License-Identifier: MIT */
/* Tar archives through libarchive, in one pass when they are opened. Of a plain tar only headers are looked at, and the
 * places of the files are kept; what is compressed can only be read from its beginning, so the files' bytes are kept
 * in memory, against the memory limit. Without libarchive: a sentence. */
#include "data/store_inside.h"
#include <string.h>

#ifdef FOVEA_HAVE_ARCHIVE
#include <archive.h>
#include <archive_entry.h>

enum { TAR_PIECE = 1 << 18, TAR_MAX_FILE = 256 << 20 /* bytes, as for pictures */ };
static const uint64_t tar_most_held = (uint64_t)4 << 30; /* bytes of a compressed archive's files */

/* What libarchive reads from. */
struct tar_reader {
    const struct store_archive *archive;
    struct error *error;
    uint64_t at;
    uint8_t *piece; /* [TAR_PIECE] */
};

static la_ssize_t read_piece(struct archive *unused, void *user, const void **bytes)
{
    struct tar_reader *reader = user;
    uint64_t left = reader->archive->size - reader->at;
    size_t count = left < TAR_PIECE ? (size_t)left : TAR_PIECE;
    (void)unused;
    *bytes = reader->piece;
    if (store_archive_read(reader->archive, reader->at, reader->piece, count, reader->error) != FOV_OK) {
        return -1;
    }
    reader->at += count;
    return (la_ssize_t)count;
}

static la_int64_t skip_bytes(struct archive *unused, void *user, la_int64_t count)
{
    struct tar_reader *reader = user;
    uint64_t left = reader->archive->size - reader->at;
    (void)unused;
    if (count < 0) {
        return 0;
    }
    uint64_t skipped = (uint64_t)count < left ? (uint64_t)count : left;
    reader->at += skipped;
    return (la_int64_t)skipped;
}

/* The content of a compressed archive's file. */
static int hold(struct store *store, struct archive *tar, struct store_entry *entry, struct error *error)
{
    if (entry->size > tar_most_held - store->held) {
        return error_set(error, FOV_E_INPUT,
                         "more than 4 GiB when unpacked, which would have to be kept in memory: a plain .tar or a .zip "
                         "is read where it lies");
    }
    store->held += entry->size;
    entry->packing = STORE_HELD;
    entry->held = memory_allocate_raw(store->memory, (size_t)entry->size + 1, 1, "a compressed archive's files", error);
    if (entry->held == NULL) {
        return FOV_E_MEMORY;
    }
    la_ssize_t count = archive_read_data(tar, entry->held, (size_t)entry->size);
    return count >= 0 && (uint64_t)count == entry->size
               ? FOV_OK
               : error_set(error, FOV_E_INPUT, "damaged or truncated (%s)",
                           count < 0 && archive_error_string(tar) ? archive_error_string(tar) : "it ends too early");
}

static int take_entry(struct store *store, size_t which, struct archive *tar, struct archive_entry *header,
                      struct error *error)
{
    const char *name = archive_entry_pathname(header);
    name = name ? name : "";
    size_t length = strlen(name);
    la_int64_t size = archive_entry_size(header);
    bool plain = archive_filter_code(tar, 0) == ARCHIVE_FILTER_NONE && archive_entry_sparse_count(header) == 0;
    struct store_entry entry = {.packing = STORE_AS_IT_IS};
    if (archive_entry_hardlink(header) != NULL || archive_entry_filetype(header) == AE_IFLNK) {
        return store_skip(store, which, name, length, "link", "a link, which is not followed in an archive", error);
    }
    if (archive_entry_filetype(header) == AE_IFDIR) {
        char folder[4096];
        bool fits = length + 2 < sizeof folder;
        memcpy(folder, name, fits ? length : 0);
        folder[fits ? length : 0] = '/';
        return fits ? store_add(store, which, folder, length + 1, &entry, error)
                    : store_skip(store, which, name, length, "unreadable entry", "its name is too long", error);
    }
    if (archive_entry_filetype(header) != AE_IFREG || size < 0 || (size > TAR_MAX_FILE && !plain)) {
        return store_skip(
            store, which, name, length, "unreadable entry",
            size > TAR_MAX_FILE ? "larger than 256 MiB in a compressed archive" : "neither a file nor a folder", error);
    }
    const struct store_archive *archive = &store->archives[which];
    entry.size = entry.packed = (uint64_t)size;
    entry.offset = (uint64_t)archive_filter_bytes(tar, 0);
    if (plain && (entry.offset > archive->size || entry.size > archive->size - entry.offset)) {
        return store_skip(store, which, name, length, "unreadable entry",
                          "its content would lie beyond the end of the archive", error);
    }
    int status = plain ? FOV_OK : hold(store, tar, &entry, error);
    if (status) {
        memory_free(store->memory, entry.held);
        return status;
    }
    return store_add(store, which, name, length, &entry, error);
}

static int index_with(struct store *store, size_t which, struct archive *tar, struct tar_reader *reader,
                      struct error *error)
{
    archive_read_support_filter_gzip(tar);
    archive_read_support_filter_bzip2(tar);
    archive_read_support_filter_xz(tar);
    archive_read_support_filter_zstd(tar);
    archive_read_support_filter_lz4(tar);
    archive_read_support_format_tar(tar);
    archive_read_set_read_callback(tar, read_piece);
    archive_read_set_skip_callback(tar, skip_bytes);
    archive_read_set_callback_data(tar, reader);
    struct archive_entry *header;
    int result = archive_read_open1(tar), status = FOV_OK;
    while (status == FOV_OK && (result == ARCHIVE_OK || result == ARCHIVE_WARN)) {
        result = archive_read_next_header(tar, &header);
        if (result == ARCHIVE_OK || result == ARCHIVE_WARN) {
            status = take_entry(store, which, tar, header, error);
        }
    }
    if (status == FOV_OK && reader->error->status != FOV_OK) {
        status = error_set(error, reader->error->status, "%s", reader->error->text);
    }
    if (status == FOV_OK && result != ARCHIVE_EOF) {
        const char *why = archive_error_string(tar);
        status = error_set(error, FOV_E_INPUT, "damaged or truncated tar archive (%s)", why ? why : "no reason given");
    }
    return status;
}

int tar_index(struct store *store, size_t which, struct error *error)
{
    struct error reading = {.status = FOV_OK};
    struct tar_reader reader = {.archive = &store->archives[which], .error = &reading};
    struct archive *tar = archive_read_new();
    reader.piece = memory_allocate_raw(store->memory, TAR_PIECE, 1, "reading an archive", error);
    int status = reader.piece ? FOV_OK : FOV_E_MEMORY;
    if (status == FOV_OK && tar == NULL) {
        status = error_set(error, FOV_E_MEMORY, "no memory left to read an archive");
    }
    status = status ? status : index_with(store, which, tar, &reader, error);
    archive_read_free(tar);
    memory_free(store->memory, reader.piece);
    return status;
}

#else

int tar_index(struct store *store, size_t which, struct error *error)
{
    (void)store;
    (void)which;
    return error_set(error, FOV_E_UNSUPPORTED,
                     "this build reads no tar archives (it was made without libarchive): unpack it and give the "
                     "directory, or pack it as .zip");
}

#endif
