/* SPDX-License-Identifier: MIT */
/* The internals of a store, for the files that fill it from archives: zip.c and tar.c. */
#ifndef DATA_STORE_INSIDE_H
#define DATA_STORE_INSIDE_H

#include "data/store.h"

enum store_packing { STORE_AS_IT_IS, STORE_ZIP, STORE_ZIP_DEFLATED, STORE_HELD };

/** A file or folder in an archive. */
struct store_entry {
    const char *name;               /**< path from the tree's root, with '/'; a folder's ends in '/' */
    size_t name_at;                 /**< offset in store.names, until store_settle sets .name */
    uint64_t offset;                /**< in the archive: of the content, or of a zip's local header */
    uint64_t packed, size;          /**< size in bytes in the archive, and unpacked */
    uint8_t *held;                  /**< STORE_HELD: the content */
    uint32_t archive, order, check; /**< index of its archive; order of adding; CRC-32 of a zip's entry */
    enum store_packing packing;
};

struct store_archive {
    char *path;
    char *mount;                /**< folder of the tree that holds its entries: "" or "test/" */
    struct file_map map;        /**< a small archive, mapped into memory */
    struct file_source *source; /**< a large archive, read in place; else NULL */
    uint64_t size;
    bool plain; /**< compressed tars are refused */
};

struct store {
    struct memory *memory;
    char *path;
    int owners;
    struct findings findings;
    struct store_archive *archives; /**< NULL: a folder on disk */
    size_t archive_count;
    struct store_entry *entries; /**< sorted by name */
    size_t entry_count, entry_capacity;
    char *names;                 /**< one block: the entries' names */
    size_t name_length, name_capacity;
    uint64_t held; /**< bytes of compressed tars' files in memory */
};

/** Reads `count` bytes of an archive; E_INPUT if they reach beyond its end. Thread-safe. */
int store_archive_read(const struct store_archive *archive, uint64_t offset, void *bytes, size_t count,
                       struct error *error);
/** Adds an entry to the tree under its name in the archive, or leaves it out with a finding (a name that leads out of
 *  the archive, say). Takes over entry->held, which is freed if the entry is left out or the call fails. */
int store_add(struct store *store, size_t archive, const char *name, size_t length, const struct store_entry *entry,
              struct error *error);
/** Adds a finding about an entry that is left out. */
int store_skip(struct store *store, size_t archive, const char *name, size_t length, const char *kind, const char *what,
               struct error *error);

/** Add all entries of one archive to the tree. */
int zip_index(struct store *store, size_t archive, struct error *error);
int tar_index(struct store *store, size_t archive, struct error *error);
bool zip_is(const struct store_archive *archive);
/** Sorts the entries that the archives have added and resolves duplicate names (store.c). */
int store_settle(struct store *store, struct error *error);
/** Reads the first `count` bytes of a zip's entry; verifies the check sum if that is all of it. */
int zip_read(const struct store *store, const struct store_entry *entry, uint8_t *bytes, size_t count,
             struct error *error);

#endif
