/* SPDX-License-Identifier: MIT */
/* A store of files: a folder, an archive, or several archives that belong together, all read in the same way. Paths of
 * files begin with the store's own path, whether the folders below it exist on disk or in an archive:
 * "photos.zip/train/cat/7.jpg". Nothing is ever unpacked to disk. Sources interpret the files.
 * Next: store.c (the tree), zip.c and tar.c (fill the tree from archives), list.h (samples found in a store). */
#ifndef DATA_STORE_H
#define DATA_STORE_H

#include "base/file.h"
#include "data/findings.h"
#include "data/probe.h"

struct store;

enum store_kind { STORE_NOTHING, STORE_FILE, STORE_FOLDER };

/** Whether a path is that of an existing file with an archive's suffix, or a pattern of shards ("shard-{000..003}.tar",
 *  which are not looked for). */
bool store_is_archive(const char *path);
/** Opens a folder, an archive, or shards: those that a pattern names, or those in a folder that holds no other data.
 *  Beside "NAME-train.zip" its siblings NAME-test, NAME-val ... are opened too, as folders test, val ... of the same
 *  tree. Archives are indexed here: of a zip only the directory is read, of a plain tar the headers; of a compressed
 *  tar the files' content is kept in memory. Unsafe entries are left out, each with a finding. */
int store_open(struct store **store, const char *path, struct memory *memory, struct error *error);
/** Opens an archive in memory, a zip or a plain tar. The bytes belong to the caller and must stay valid until the store
 *  is closed. Its paths begin with "archive". */
int store_open_memory(struct store **store, const uint8_t *bytes, size_t size, struct memory *memory,
                      struct error *error);
/** Calls `take` with the path of each file of an archive, in the archive's order. Stops at the first result that is not
 *  FOV_OK and returns it. */
int store_each(const struct store *store, int (*take)(void *user, const char *path, struct error *error), void *user,
               struct error *error);
struct store *store_share(struct store *store); /**< one more owner; each calls store_close */
void store_close(struct store *store);          /**< accepts NULL */

const char *store_path(const struct store *store);
const struct findings *store_findings(const struct store *store); /**< about its archives' entries */
bool store_is_folder(const struct store *store);                  /**< a folder on disk, not archives */

enum store_kind store_look(const struct store *store, const char *path);
/** Lists the names in a folder of the store, sorted bytewise, hidden ones included; one block, freed with
 *  memory_free. */
int store_list(const struct store *store, const char *folder, struct memory *memory, char ***names, size_t *count,
               struct error *error);

/** Reads a file; thread-safe. The content is followed by one zero byte; free it with memory_free. Damaged content
 *  (wrong check sum) or more than `limit` bytes is E_INPUT. */
int store_read(const struct store *store, const char *path, size_t limit, struct memory *memory, uint8_t **bytes,
               size_t *size, struct error *error);
/** Reads the first `most` bytes of an archive's file, or all if there are fewer; *whole: the size of the file. */
int store_read_begin(const struct store *store, const char *path, size_t most, struct memory *memory, uint8_t **bytes,
                     size_t *size, uint64_t *whole, struct error *error);
/** Reads a picture's header, like probe_file. */
void store_probe(const struct store *store, const char *path, struct probe *probe, struct memory *memory);

#endif
