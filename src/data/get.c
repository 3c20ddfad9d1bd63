/* SPDX-License-Identifier: MIT */
/* `fovea data get`: the known files, their mirrors, and their verification. A file is written only after its SHA-256
 * has been found right, and then atomically: a directory never holds half a file. The transfer itself: download.c. */
#include "data/get.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/download.h"
#include "data/unpack.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The four files of MNIST. torchvision's, Keras' and our copies have the same content in different .gz files. */
static const struct get_file get_mnist_files[] = {
    {"train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47040016},
    {"train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60008},
    {"t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7840016},
    {"t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10008},
};
static const char *const get_mnist_mirrors[] = {"https://ossci-datasets.s3.amazonaws.com/mnist/",
                                                "https://storage.googleapis.com/cvdf-datasets/mnist/",
                                                "http://yann.lecun.com/exdb/mnist/", NULL};
const struct get_set get_mnist = {
    .name = "mnist", .folder = "mnist", .mirrors = get_mnist_mirrors, .files = get_mnist_files, .file_count = 4};

static const struct get_set *const get_sets[] = {&get_mnist};
enum { GET_SETS = sizeof get_sets / sizeof *get_sets };

/* Hashes bytes as they are unpacked; stops when there are more than `most`. */
struct get_check {
    struct hash_state hash;
    size_t size, most;
};

static int get_take(void *user, const uint8_t *bytes, size_t count, struct error *error)
{
    struct get_check *check = user;
    if (count > check->most - check->size) {
        return (int)error_set(error, FOV_E_INPUT, "more bytes than expected");
    }
    hash_add(&check->hash, bytes, count);
    check->size += count;
    return 0;
}

bool get_is_right(const struct get_file *file, const uint8_t *bytes, size_t size, struct memory *memory)
{
    struct get_check check = {.most = file->size};
    struct error ignored = {.status = FOV_OK};
    char hex[HASH_HEX_SIZE];
    hash_begin(&check.hash);
    int status = unpack_is_gzip(bytes, size) ? unpack_gzip(bytes, size, memory, get_take, &check, &ignored)
                                             : get_take(&check, bytes, size, &ignored);
    hash_end(&check.hash, hex);
    return status == 0 && check.size == file->size && strcmp(hex, file->sha256) == 0;
}

/* Whether a file on disk has the right content; false for files that cannot be read. */
static bool get_have(const struct get_file *file, const char *path, struct memory *memory)
{
    uint8_t *bytes;
    size_t size;
    struct error ignored = {.status = FOV_OK};
    if (!file_exists(path) || file_read(path, DOWNLOAD_MAX, memory, &bytes, &size, &ignored)) {
        return false;
    }
    bool right = get_is_right(file, bytes, size, memory);
    memory_free(memory, bytes);
    return right;
}

struct get_watch {
    get_progress *progress;
    void *user;
    const char *file;
};

static int get_tell(void *user, uint64_t done, uint64_t total)
{
    const struct get_watch *watch = user;
    return watch->progress ? watch->progress(watch->user, watch->file, done, total) : 0;
}

/* Downloads one file from the first mirror whose copy is right; the error has a sentence per mirror that failed. */
static int get_download(struct memory *memory, const struct get_set *set, const struct get_file *file, const char *path,
                        struct get_watch *watch, struct error *error)
{
    struct text failures = {.memory = memory};
    int status = FOV_E_IO;
    const char *own = getenv("FOVEA_MIRROR"); // the user's own mirror comes first; its content is verified all the same
    for (int i = own && *own ? -1 : 0; status == FOV_E_IO && (i < 0 || set->mirrors[i]); i++) {
        char url[2048];
        const char *mirror = i < 0 ? own : set->mirrors[i];
        bool slash = mirror[strlen(mirror) - 1] == '/';
        struct error why = {.status = FOV_OK};
        struct download download = {.memory = memory, .progress = get_tell, .user = watch};
        snprintf(url, sizeof url, "%s%s%s.gz", mirror, slash ? "" : "/", file->name);
        status = download_fetch(&download, url, &why);
        if (status == FOV_OK && !get_is_right(file, download.bytes, download.size, memory)) {
            status = FOV_E_IO;
            error_set(&why, FOV_E_IO, "%s: the content is not the published one (its SHA-256 differs)", url);
        }
        if (status == FOV_OK) {
            status = file_write(path, download.bytes, download.size, NULL, error);
            memory_free(memory, download.bytes);
            break; // even if writing failed: another mirror would not help
        }
        memory_free(memory, download.bytes);
        if (status != FOV_E_IO) {
            error_set(error, why.status, "%s", why.text);
        }
        text_add(&failures, "%s%s", failures.length ? "; " : "", why.text);
    }
    error_set(status ? error : NULL, FOV_E_IO, "cannot fetch %s: %s", file->name, text_string(&failures));
    text_free(&failures);
    return status;
}

int get_fetch(struct fov_context *context, const struct get_set *set, const char *directory, get_progress *progress,
              void *user, struct error *error)
{
    int status = file_make_directories(directory, error);
    for (size_t i = 0; i < set->file_count && status == FOV_OK; i++) {
        const struct get_file *file = &set->files[i];
        struct get_watch watch = {.progress = progress, .user = user, .file = file->name};
        char plain[DATA_PATH_SIZE], packed[DATA_PATH_SIZE];
        int fits = snprintf(plain, sizeof plain, "%s/%s", directory, file->name);
        if (fits < 0 || (size_t)fits + 4 > sizeof packed) {
            return (int)error_set(error, FOV_E_USAGE, "%s: the path is too long", directory);
        }
        snprintf(packed, sizeof packed, "%.*s.gz", fits, plain);
        // readers look for the plain name first: a wrong file of that name must be replaced
        bool plain_exists = file_exists(plain);
        if (get_have(file, plain_exists ? plain : packed, context->memory)) {
            context_log(context, FOV_LOG_INFO, "%s: already there and right", plain_exists ? plain : packed);
            continue;
        }
        status = get_download(context->memory, set, file, plain_exists ? plain : packed, &watch, error);
    }
    return status;
}

static const char *get_name_at(const void *list, size_t index)
{
    const struct get_set *const *sets = list;
    return sets[index]->name;
}

int fov_dataset_get(fov_context *context, const char *name, const char *directory,
                    int (*progress)(void *user, const char *file, uint64_t done, uint64_t total), void *user)
{
    call_fresh(context);
    if (name == NULL) {
        return call_refuse(context, "fov_dataset_get: name is NULL");
    }
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    struct error error = {.status = FOV_OK};
    const struct get_set *set = NULL;
    char base[DATA_PATH_SIZE], place[DATA_PATH_SIZE];
    for (size_t i = 0; name && i < GET_SETS; i++) {
        set = strcmp(get_sets[i]->name, name) == 0 ? get_sets[i] : set;
    }
    if (set == NULL) {
        const char *near = name ? text_nearest(name, get_sets, GET_SETS, get_name_at) : NULL;
        error_set(&error, FOV_E_USAGE, "no dataset \"%s\" can be fetched%s%s%s", name ? name : "",
                  near ? "; did you mean \"" : " (only mnist)", near ? near : "", near ? "\"?" : "");
    } else if (directory) {
        get_fetch(context, set, directory, progress, user, &error);
    } else if (data_directory(base, sizeof base, &error) == FOV_OK &&
               file_join(place, sizeof place, base, set->folder, &error) == FOV_OK) {
        get_fetch(context, set, place, progress, user, &error);
    }
    return error.status ? (int)error_set(&context->error, error.status, "%s", error.text) : FOV_OK;
}
