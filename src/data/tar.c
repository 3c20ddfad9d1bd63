/* SPDX-License-Identifier: MIT */
/* Tar archives through libarchive, in one pass when they are opened. Of a plain tar only the headers are read, and the
 * offsets of the files kept. A compressed tar can only be read from its beginning, so the content of its files is kept
 * in memory and counts against the memory limit. libarchive is loaded by the first tar; without it, opening fails. */
#include "data/store_inside.h"
#include "base/library.h"
#include <string.h>

#ifdef FOVEA_HAVE_ARCHIVE
#include <archive.h>
#include <archive_entry.h>

/* The functions of libarchive that are used. */
struct tar_library {
    la_int64_t (*filter_bytes)(struct archive *, int);
    int (*filter_code)(struct archive *, int);
    const char *(*error_string)(struct archive *);
    la_ssize_t (*read_data)(struct archive *, void *, size_t);
    int (*read_free)(struct archive *);
    struct archive *(*read_new)(void);
    int (*read_next_header)(struct archive *, struct archive_entry **);
    int (*read_open1)(struct archive *);
    int (*read_set_callback_data)(struct archive *, void *);
    int (*read_set_read_callback)(struct archive *, archive_read_callback *);
    int (*read_set_skip_callback)(struct archive *, archive_skip_callback *);
    int (*read_support_filter_bzip2)(struct archive *);
    int (*read_support_filter_gzip)(struct archive *);
    int (*read_support_filter_lz4)(struct archive *);
    int (*read_support_filter_xz)(struct archive *);
    int (*read_support_filter_zstd)(struct archive *);
    int (*read_support_format_tar)(struct archive *);
    mode_t (*entry_filetype)(struct archive_entry *);
    const char *(*entry_hardlink)(struct archive_entry *);
    const char *(*entry_hardlink_utf8)(struct archive_entry *);
    const char *(*entry_pathname)(struct archive_entry *);
    const char *(*entry_pathname_utf8)(struct archive_entry *);
    la_int64_t (*entry_size)(struct archive_entry *);
    int (*entry_sparse_count)(struct archive_entry *);
};

static const struct library_function tar_functions[] = {
    LIBRARY_FUNCTION(struct tar_library, filter_bytes, archive_filter_bytes),
    LIBRARY_FUNCTION(struct tar_library, filter_code, archive_filter_code),
    LIBRARY_FUNCTION(struct tar_library, error_string, archive_error_string),
    LIBRARY_FUNCTION(struct tar_library, read_data, archive_read_data),
    LIBRARY_FUNCTION(struct tar_library, read_free, archive_read_free),
    LIBRARY_FUNCTION(struct tar_library, read_new, archive_read_new),
    LIBRARY_FUNCTION(struct tar_library, read_next_header, archive_read_next_header),
    LIBRARY_FUNCTION(struct tar_library, read_open1, archive_read_open1),
    LIBRARY_FUNCTION(struct tar_library, read_set_callback_data, archive_read_set_callback_data),
    LIBRARY_FUNCTION(struct tar_library, read_set_read_callback, archive_read_set_read_callback),
    LIBRARY_FUNCTION(struct tar_library, read_set_skip_callback, archive_read_set_skip_callback),
    LIBRARY_FUNCTION(struct tar_library, read_support_filter_bzip2, archive_read_support_filter_bzip2),
    LIBRARY_FUNCTION(struct tar_library, read_support_filter_gzip, archive_read_support_filter_gzip),
    LIBRARY_FUNCTION(struct tar_library, read_support_filter_lz4, archive_read_support_filter_lz4),
    LIBRARY_FUNCTION(struct tar_library, read_support_filter_xz, archive_read_support_filter_xz),
    LIBRARY_FUNCTION(struct tar_library, read_support_filter_zstd, archive_read_support_filter_zstd),
    LIBRARY_FUNCTION(struct tar_library, read_support_format_tar, archive_read_support_format_tar),
    LIBRARY_FUNCTION(struct tar_library, entry_filetype, archive_entry_filetype),
    LIBRARY_FUNCTION(struct tar_library, entry_hardlink, archive_entry_hardlink),
    LIBRARY_FUNCTION(struct tar_library, entry_hardlink_utf8, archive_entry_hardlink_utf8),
    LIBRARY_FUNCTION(struct tar_library, entry_pathname, archive_entry_pathname),
    LIBRARY_FUNCTION(struct tar_library, entry_pathname_utf8, archive_entry_pathname_utf8),
    LIBRARY_FUNCTION(struct tar_library, entry_size, archive_entry_size),
    LIBRARY_FUNCTION(struct tar_library, entry_sparse_count, archive_entry_sparse_count),
    {NULL, 0},
};

enum { TAR_PIECE = 1 << 18, TAR_MAX_FILE = 256 << 20 /* bytes, as for pictures */ };
static const uint64_t tar_most_held = (uint64_t)4 << 30; /* most bytes of compressed tars' files in a store */

/* The user data of libarchive's read callbacks. */
struct tar_reader {
    struct tar_library call;
    struct archive *tar;
    const struct store_archive *archive;
    struct error *error;
    uint64_t at;    /* offset in the archive of the next byte to read */
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

/* Reads the content of a compressed archive's file into memory. */
static int hold(struct store *store, const struct tar_reader *from, struct store_entry *entry, struct error *error)
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
    la_ssize_t count = from->call.read_data(from->tar, entry->held, (size_t)entry->size);
    return count >= 0 && (uint64_t)count == entry->size
               ? FOV_OK
               : error_set(error, FOV_E_INPUT, "damaged or truncated (%s)",
                           count < 0 && from->call.error_string(from->tar) ? from->call.error_string(from->tar)
                                                                           : "it ends too early");
}

/* The name of an entry: as its bytes are or, where libarchive cannot put it into the locale's encoding, in UTF-8. */
static const char *path_of(const struct tar_library *call, struct archive_entry *header)
{
    const char *name = call->entry_pathname(header);
    return name != NULL ? name : call->entry_pathname_utf8(header);
}

static int take_entry(struct store *store, size_t which, const struct tar_reader *from, struct archive_entry *header,
                      struct error *error)
{
    const struct tar_library *call = &from->call;
    const char *name = path_of(call, header);
    if (name == NULL) {
        return store_skip(store, which, "", 0, "unreadable entry", "its name cannot be read", error);
    }
    size_t length = strlen(name);
    la_int64_t size = call->entry_size(header);
    bool plain = call->filter_code(from->tar, 0) == ARCHIVE_FILTER_NONE && call->entry_sparse_count(header) == 0;
    struct store_entry entry = {.packing = STORE_AS_IT_IS};
    bool is_link = call->entry_hardlink(header) != NULL || call->entry_hardlink_utf8(header) != NULL;
    if (is_link || call->entry_filetype(header) == AE_IFLNK) {
        return store_skip(store, which, name, length, "link", "a link, which is not followed in an archive", error);
    }
    if (call->entry_filetype(header) == AE_IFDIR) {
        char folder[4096];
        bool fits = length + 2 < sizeof folder;
        memcpy(folder, name, fits ? length : 0);
        folder[fits ? length : 0] = '/';
        return fits ? store_add(store, which, folder, length + 1, &entry, error)
                    : store_skip(store, which, name, length, "unreadable entry", "its name is too long", error);
    }
    if (call->entry_filetype(header) != AE_IFREG || size < 0 || (size > TAR_MAX_FILE && !plain)) {
        return store_skip(
            store, which, name, length, "unreadable entry",
            size > TAR_MAX_FILE ? "larger than 256 MiB in a compressed archive" : "neither a file nor a folder", error);
    }
    const struct store_archive *archive = &store->archives[which];
    entry.size = entry.packed = (uint64_t)size;
    entry.offset = (uint64_t)call->filter_bytes(from->tar, 0);
    if (plain && (entry.offset > archive->size || entry.size > archive->size - entry.offset)) {
        return store_skip(store, which, name, length, "unreadable entry",
                          "its content would lie beyond the end of the archive", error);
    }
    int status = plain ? FOV_OK : hold(store, from, &entry, error);
    if (status) {
        memory_free(store->memory, entry.held);
        return status;
    }
    return store_add(store, which, name, length, &entry, error);
}

static int index_with(struct store *store, size_t which, struct tar_reader *reader, struct error *error)
{
    const struct tar_library *call = &reader->call;
    struct archive *tar = reader->tar;
    if (!reader->archive->plain) {
        call->read_support_filter_gzip(tar);
        call->read_support_filter_bzip2(tar);
        call->read_support_filter_xz(tar);
        call->read_support_filter_zstd(tar);
        call->read_support_filter_lz4(tar);
    }
    call->read_support_format_tar(tar);
    call->read_set_read_callback(tar, read_piece);
    call->read_set_skip_callback(tar, skip_bytes);
    call->read_set_callback_data(tar, reader);
    struct archive_entry *header;
    int result = call->read_open1(tar), status = FOV_OK;
    while (status == FOV_OK && (result == ARCHIVE_OK || result == ARCHIVE_WARN)) {
        result = call->read_next_header(tar, &header);
        if (result == ARCHIVE_OK || result == ARCHIVE_WARN) {
            status = take_entry(store, which, reader, header, error);
        }
    }
    if (status == FOV_OK && reader->error->status != FOV_OK) {
        status = error_set(error, reader->error->status, "%s", reader->error->text);
    }
    if (status == FOV_OK && result != ARCHIVE_EOF) {
        const char *why = call->error_string(tar);
        status = error_set(error, FOV_E_INPUT, "damaged or truncated tar archive (%s)", why ? why : "no reason given");
    }
    return status;
}

int tar_index(struct store *store, size_t which, struct error *error)
{
    struct error reading = {.status = FOV_OK};
    struct tar_reader reader = {.archive = &store->archives[which], .error = &reading};
    if (library_open(FOVEA_ARCHIVE_FILE, "libarchive", tar_functions, &reader.call, error) != FOV_OK) {
        error_prefix(error, "no tar archive can be read (unpack it and give the directory, or pack it as .zip)");
        return (int)error->status;
    }
    reader.piece = memory_allocate_raw(store->memory, TAR_PIECE, 1, "reading an archive", error);
    if (reader.piece == NULL) {
        return FOV_E_MEMORY;
    }
    reader.tar = reader.call.read_new();
    int status = reader.tar != NULL ? index_with(store, which, &reader, error)
                                    : error_set(error, FOV_E_MEMORY, "no memory left to read an archive");
    reader.call.read_free(reader.tar);
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
