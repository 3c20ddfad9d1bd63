/* SPDX-License-Identifier: MIT */
/* Where a source's files lie: a folder, an archive, or several archives that belong together, read in the same way. A
 * store answers for paths that begin with its own, whether the folders in between exist on disk or in an archive:
 * "photos.zip/train/cat/7.jpg". Nothing is ever unpacked to disk. What the files mean is the business of sources.
 * Next: store.c (the tree), zip.c and tar.c (what fills it from archives), list.h (samples found in a store). */
#ifndef DATA_STORE_H
#define DATA_STORE_H

#include "base/file.h"
#include "data/findings.h"
#include "data/probe.h"

struct store;

enum store_kind { STORE_NOTHING, STORE_FILE, STORE_FOLDER };

/** Whether this is the path of an archive by its name, or a list of shards ("shard-{000..003}.tar"). */
bool store_is_archive(const char *path);
/** Opens a folder, an archive, or shards: those a pattern names, or those in a folder that holds nothing else. Beside
 *  "NAME-train.zip" its siblings NAME-test, NAME-val ... are opened too, as folders test, val ... of the same tree.
 *  Archives are indexed here: of a zip only its directory is read, of a plain tar its headers; of a compressed tar the
 *  files' bytes are kept in memory. Entries that must not be trusted are left out, each with a finding. */
int store_open(struct store **store, const char *path, struct memory *memory, struct error *error);
/** The same of an archive's bytes, which are the caller's and stay until it is closed: a zip or a plain tar, whose
 *  paths begin with "archive". */
int store_open_memory(struct store **store, const uint8_t *bytes, size_t size, struct memory *memory,
                      struct error *error);
/** Calls `take` for each file of an archive, in the archive's order, with its path, until it answers something else
 *  than FOV_OK: that, or FOV_OK. */
int store_each(const struct store *store, int (*take)(void *user, const char *path, struct error *error), void *user,
               struct error *error);
struct store *store_share(struct store *store); /**< one more owner; each calls store_close */
void store_close(struct store *store);          /**< accepts NULL */

const char *store_path(const struct store *store);
const struct findings *store_findings(const struct store *store); /**< of its archives' entries */
bool store_is_folder(const struct store *store);                  /**< on disk, not archives */

enum store_kind store_look(const struct store *store, const char *path);
/** Names in a folder of the store, sorted bytewise, hidden ones too; one block, freed with memory_free. */
int store_list(const struct store *store, const char *folder, struct memory *memory, char ***names, size_t *count,
               struct error *error);

/** Reads a file, from any number of threads at once. One byte more, a 0, follows the content, freed with memory_free.
 *  Content that is damaged (its check sum is another) or larger than `limit` bytes is E_INPUT. */
int store_read(const struct store *store, const char *path, size_t limit, struct memory *memory, uint8_t **bytes,
               size_t *size, struct error *error);
/** The first bytes of a file, `most` or as many as there are; *whole: how many it has. */
int store_read_begin(const struct store *store, const char *path, size_t most, struct memory *memory, uint8_t **bytes,
                     size_t *size, uint64_t *whole, struct error *error);
/** Its picture's header, as probe_file does it. */
void store_probe(const struct store *store, const char *path, struct probe *probe, struct memory *memory);

#endif
