/* SPDX-License-Identifier: MIT */
/* What a store is made of, for those who fill it from archives: zip.c and tar.c. */
#ifndef DATA_STORE_INSIDE_H
#define DATA_STORE_INSIDE_H

#include "data/store.h"

enum store_packing { STORE_AS_IT_IS, STORE_ZIP, STORE_ZIP_DEFLATED, STORE_HELD };

/** A file or folder in an archive. */
struct store_entry {
    const char *name;               /**< from the tree's root, '/' between folders, and behind a folder's */
    size_t name_at;                 /**< in the tree's names, until all are known */
    uint64_t offset;                /**< in the archive: of the content, or of a zip's local header */
    uint64_t packed, size;          /**< bytes in the archive and when read */
    uint8_t *held;                  /**< STORE_HELD: the content */
    uint32_t archive, order, check; /**< index; place among all; CRC-32 of a zip's entry */
    enum store_packing packing;
};

struct store_archive {
    char *path;
    char *mount;                /**< where in the tree it lies: "" or "test/" */
    struct file_map map;        /**< of a small file, which is in memory */
    struct file_source *source; /**< of a large one; else NULL */
    uint64_t size;
    bool plain; /**< a tar that is packed is refused */
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
    char *names;
    size_t name_length, name_capacity;
    uint64_t held; /**< bytes kept of compressed tars */
};

/** Bytes of an archive, all of them or E_INPUT; from any thread. */
int store_archive_read(const struct store_archive *archive, uint64_t offset, void *bytes, size_t count,
                       struct error *error);
/** Takes an entry into the tree under its name in the archive, or leaves it out with a finding (a name that leads out
 *  of the archive, say). What `entry` holds is the tree's afterwards, and freed where it is left out. */
int store_add(struct store *store, size_t archive, const char *name, size_t length, const struct store_entry *entry,
              struct error *error);
/** A finding about an entry that is left out. */
int store_skip(struct store *store, size_t archive, const char *name, size_t length, const char *kind, const char *what,
               struct error *error);

/** Fill the tree from one archive. */
int zip_index(struct store *store, size_t archive, struct error *error);
int tar_index(struct store *store, size_t archive, struct error *error);
bool zip_is(const struct store_archive *archive);
/** Sorts what archives have added and judges names that are there twice (store.c). */
int store_settle(struct store *store, struct error *error);
/** The first `count` bytes of a zip's entry; its check sum is compared where all are read. */
int zip_read(const struct store *store, const struct store_entry *entry, uint8_t *bytes, size_t count,
             struct error *error);

#endif
