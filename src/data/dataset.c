/* SPDX-License-Identifier: MIT */
/* The public functions of datasets: which source a string stands for, and checks common to all sources. Sources read
 * and decode files (mnist.c, cifar.c, digits.c, folder.c). */
#include "data/dataset.h"
#include "base/arithmetic.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "data/list.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { DATASET_NAMES = 200 };

/* Whether a name ends in `suffix` (small letters), in any case of ASCII letters, and is longer than it. */
static bool dataset_ends_in(const char *name, const char *suffix)
{
    size_t length = strlen(name), tail = strlen(suffix);
    for (size_t i = 0; i < tail && tail < length; i++) {
        char letter = name[length - tail + i];
        if ((letter >= 'A' && letter <= 'Z' ? letter + 32 : letter) != suffix[i]) {
            return false;
        }
    }
    return tail < length;
}

/* Whether a path is that of a file that lists samples lying beside it. */
static bool dataset_is_index(const char *path)
{
    static const char *const known[] = {".csv", ".tsv", ".json", ".yaml", ".yml"};
    bool is = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        is = is || dataset_ends_in(path, known[i]);
    }
    return is && file_exists(path) && !file_is_directory(path);
}

/* Opens the store that a path names: the path of a store, or of an index file, whose folder is then the store. */
static int dataset_open_store(struct fov_context *context, const char *path, struct dataset_found *found,
                              struct error *error)
{
    char folder[DATA_PATH_SIZE];
    if (!dataset_is_index(path)) {
        return store_open(&found->store, path, context->memory, error);
    }
    const char *slash = strrchr(path, '/');
    int fits = snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    found->index = path;
    return fits < 0 || (size_t)fits >= sizeof folder
               ? error_set(error, FOV_E_USAGE, "%.200s...: too long for a path", path)
               : store_open(&found->store, *folder ? folder : "/", context->memory, error);
}

/* Why a path cannot be opened. */
static const char *dataset_reason(const char *path)
{
    struct stat about;
    return stat(path, &about) != 0 ? strerror(errno) : "it is of a kind that is not read";
}

/* The error for a path that cannot be opened: E_IO with the system's reason, as for any other file. A path that can be
 * opened but holds something else is E_INPUT, with a sentence from the source that looked into it. */
static int dataset_cannot_open(const char *path, struct error *error)
{
    bool is_there = file_exists(path);
    const char *why = is_there ? "it is a file, where a folder is wanted" : NULL;
    return error_set(error, FOV_E_IO, "cannot open \"%.400s\": %s", path, why ? why : dataset_reason(path));
}

/* Reads a COUNT of training samples, "5000" or "DIR:5000", behind the name of a source that does not parse counts
 * itself. If a file or folder of that name exists, it is a path instead. */
static int dataset_take_count(struct dataset_found *found, struct error *error)
{
    const char *argument = found->argument, *colon = argument ? strrchr(argument, ':') : NULL;
    const char *digits = colon ? colon + 1 : argument;
    if (argument == NULL || found->kind->counts || file_exists(argument) || *digits == 0 ||
        strspn(digits, "0123456789") != strlen(digits)) {
        return FOV_OK;
    }
    long long most;
    if (!text_to_integer(digits, 1, INT32_MAX, &most)) {
        return error_set(error, FOV_E_USAGE, "%s:%s: the number of samples must be 1 to %d", found->kind->name,
                         argument, INT32_MAX);
    }
    found->most = (size_t)most;
    found->argument = NULL;
    if (colon) {
        int fits = snprintf(found->folder, sizeof found->folder, "%.*s", (int)(colon - argument), argument);
        if (fits < 0 || (size_t)fits >= sizeof found->folder) {
            return error_set(error, FOV_E_USAGE, "%.200s...: too long for a path", argument);
        }
        found->argument = found->folder;
    }
    return FOV_OK;
}

/* The names that stand for data by themselves, not for a way to read a path: "cifar10, cifar100, ...". */
static const char *dataset_names(char out[DATASET_NAMES])
{
    size_t used = 0;
    for (size_t i = 0; i < data_source_table_count; i++) {
        if (data_source_table[i]->open != NULL) {
            used = text_append(out, DATASET_NAMES, used, "%s%s", used > 0 ? ", " : "", data_source_table[i]->name);
        }
    }
    return out;
}

static bool dataset_refuse_count(const char *text, struct error *error);

/* Finds the source for "NAME" or "NAME:ARGUMENT". Returns FOV_E_INPUT without setting the error if no source has that
 * name. */
static int dataset_find_name(struct fov_context *context, const char *text, struct dataset_found *found,
                             struct error *error)
{
    size_t length = strcspn(text, ":");
    for (size_t i = 0; i < data_source_table_count; i++) {
        const char *name = data_source_table[i]->name;
        if (strlen(name) != length || strncmp(name, text, length) != 0) {
            continue;
        }
        found->kind = data_source_table[i];
        found->argument = text[length] == ':' ? text + length + 1 : NULL;
        if (found->argument && *found->argument == 0) {
            return error_set(error, FOV_E_USAGE, "dataset \"%s\": nothing follows the colon", text);
        }
        if (found->kind->scan == NULL) {
            int status = dataset_take_count(found, error);
            bool wants_folder = found->argument && !found->kind->counts;
            return status == FOV_OK && wants_folder && !file_is_directory(found->argument)
                       ? dataset_cannot_open(found->argument, error)
                       : status;
        }
        const char *path = found->argument;
        if (path == NULL || !(file_is_directory(path) || store_is_archive(path) || dataset_is_index(path))) {
            if (dataset_refuse_count(text, error)) {
                return (int)error->status;
            }
            if (path && !file_exists(path)) {
                return dataset_cannot_open(path, error);
            }
            return error_set(error, FOV_E_INPUT, "%s: %s is not a directory%s", name, path ? path : "(none)",
                             path ? " nor an archive" : "");
        }
        return dataset_open_store(context, path, found, error);
    }
    return FOV_E_INPUT;
}

static void dataset_refuse(const char *text, struct error *error);

int dataset_find(struct fov_context *context, const char *text, struct dataset_found *found, struct error *error)
{
    struct error named = {.status = FOV_OK};
    *found = (struct dataset_found){.kind = NULL};
    int status = dataset_find_name(context, text, found, &named);
    if (status == FOV_OK || named.status != FOV_OK) {
        return status ? error_set(error, named.status, "%s", named.text) : FOV_OK;
    }
    found->argument = text;
    const struct data_source *source = file_is_directory(text) ? data_source_behind(NULL) : NULL;
    for (; source != NULL; source = data_source_behind(source)) {
        if (source->recognises && source->recognises(text)) {
            found->kind = source;
            return FOV_OK;
        }
    }
    if (file_is_directory(text) || store_is_archive(text) || dataset_is_index(text)) {
        status = dataset_open_store(context, text, found, error);
        if (status) {
            return status;
        }
        for (source = data_source_behind(NULL); source != NULL; source = data_source_behind(source)) {
            if (source->suits && source->suits(found->store, found->index)) {
                found->kind = source;
                return FOV_OK;
            }
        }
    }
    dataset_refuse(text, error);
    return (int)error->status;
}

void dataset_forget(struct dataset_found *found)
{
    store_close(found->store);
    *found = (struct dataset_found){.kind = NULL};
}

static const char *dataset_source_name(const void *list, size_t index)
{
    const struct data_source *const *sources = list;
    return sources[index]->name;
}

/* What a file that is no dataset is, judged by its suffix, and how to get a dataset from it; NULL: unknown suffix. */
static const char *dataset_advice(const char *name)
{
    static const struct {
        const char *suffix, *advice;
    } known[] = {
        {".zip", "is an archive: give it itself as the data"},
        {".7z", "is an archive: unpack it and give the directory"},
        {".rar", "is an archive: unpack it and give the directory"},
        {"-ubyte", "is one of the files of an IDX dataset: give the directory with all four"},
        {"-ubyte.gz", "is one of the files of an IDX dataset: give the directory with all four"},
        {".bin", "is one of the files of a dataset: give their directory (of CIFAR's binary version, say)"},
        {".png", "is one picture; a dataset is a directory with a folder of pictures per class"},
        {".jpg", "is one picture; a dataset is a directory with a folder of pictures per class"},
        {".jpeg", "is one picture; a dataset is a directory with a folder of pictures per class"},
        {".json", "is no list of pictures that is read as a dataset (COCO's instances are)"},
        {".yaml", "is no list of pictures that is read as a dataset (YOLO's data.yaml is)"},
        {".npz", "holds arrays, which are not read as a dataset: write the pictures into a folder per class"},
        {".npy", "holds an array, which is not read as a dataset: write the pictures into a folder per class"},
        {".mat", "holds arrays, which are not read as a dataset: write the pictures into a folder per class"},
        {".h5", "holds arrays, which are not read as a dataset: write the pictures into a folder per class"},
        {".hdf5", "holds arrays, which are not read as a dataset: write the pictures into a folder per class"},
        {".parquet", "holds a table, which is not read as a dataset: write the pictures into a folder per class"},
        {".tfrecord", "holds records, which are not read as a dataset: write the pictures into a folder per class"},
        {".pkl", "is a pickle, which can run programs and is not read: write the pictures into a folder per class"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (dataset_ends_in(name, known[i].suffix)) {
            return known[i].advice;
        }
    }
    return NULL;
}

/* The error for a directory without recognised data, with advice on the first file in it that has a known suffix. */
static void dataset_refuse_directory(const char *text, struct error *error)
{
    struct memory *memory = memory_create(NULL, 0);
    char **names = NULL;
    size_t count = 0;
    const char *advice = NULL, *name = NULL;
    if (memory && file_list(text, memory, &names, &count, NULL) == FOV_OK) {
        for (size_t i = 0; i < count && advice == NULL; i++) {
            name = names[i];
            advice = dataset_advice(name);
        }
    }
    error_set(error, FOV_E_INPUT,
              "%s: no data recognised: neither IDX nor CIFAR files, nor a folder per class with pictures%s%.200s%s%s",
              text, advice ? "; " : "", advice ? name : "", advice ? " in it " : "", advice ? advice : "");
    if (memory) {
        memory_free(memory, names);
    }
    memory_destroy(memory);
}

/* Refuses a count behind a path, "photos:200", with advice how to use fewer samples of a folder; false: no such
 * text. */
static bool dataset_refuse_count(const char *text, struct error *error)
{
    char path[DATA_PATH_SIZE], names[DATASET_NAMES];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon[1] == 0 || strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
        return false;
    }
    int fits = snprintf(path, sizeof path, "%.*s", (int)(colon - text), text);
    const char *file = strchr(path, ':') ? strchr(path, ':') + 1 : path; // "folder:photos:200"
    if (fits < 0 || (size_t)fits >= sizeof path || !(file_exists(path) || file_exists(file))) {
        return false;
    }
    error_set(error, FOV_E_USAGE,
              "%s: a count stands behind these names alone: %s; of samples in files --val-split 0.9 leaves one in ten "
              "of each class to learn from",
              text, dataset_names(names));
    return true;
}

static void dataset_refuse(const char *text, struct error *error)
{
    char names[DATASET_NAMES];
    if (dataset_refuse_count(text, error)) {
        return;
    }
    if (file_is_directory(text)) {
        dataset_refuse_directory(text, error);
        return;
    }
    if (file_exists(text)) {
        const char *advice = dataset_advice(text);
        error_set(error, FOV_E_INPUT, "%s %s%s%s", text,
                  advice ? advice : "is a file; a dataset is a directory or a name (",
                  advice ? "" : dataset_names(names), advice ? "" : ")");
        return;
    }
    if (strchr(text, '/') || strchr(text, '.')) { // a path: names of datasets contain neither
        dataset_cannot_open(text, error);
        return;
    }
    const char *near = text_nearest(text, data_source_table, data_source_table_count, dataset_source_name);
    if (near) {
        error_set(error, FOV_E_USAGE, "no dataset \"%s\" and no such directory; did you mean \"%s\"?", text, near);
    } else {
        error_set(error, FOV_E_USAGE, "no dataset \"%s\" and no such directory (datasets by name: %s)", text,
                  dataset_names(names));
    }
}

static bool options_make_sense(const fov_dataset_options *options, struct error *error)
{
    if (options == NULL) {
        return true;
    }
    int ways = (options->val_split != 0) + (options->val_last != 0) + (options->val_list != NULL);
    if (!(options->val_split >= 0 && options->val_split < 1) || options->val_last < 0) {
        error_set(error, FOV_E_USAGE,
                  "a share of samples to hold back is from 0 to below 1, their number not below 0; here %g and %lld",
                  options->val_split, (long long)options->val_last);
    } else if (options->whole && ways > 0) {
        error_set(error, FOV_E_USAGE, "samples are to be held back and data is to be whole: give one of val_split, "
                                      "val_last, val_list and whole");
    } else if (ways > 1) {
        error_set(
            error, FOV_E_USAGE,
            "a share, a number and a list each say what is held back: give one of val_split, val_last and val_list");
    }
    return error->status == FOV_OK;
}

static fov_dataset *open_dataset(fov_context *context, const char *source, fov_split split,
                                 const fov_dataset_options *options)
{
    if (context == NULL) {
        return NULL;
    }
    if (source == NULL || *source == 0 || split < FOV_TRAIN || split > FOV_VALIDATION) {
        error_set(&context->error, FOV_E_USAGE, "fov_dataset_open: %s",
                  source && *source ? "unknown split" : "no source given");
        return NULL;
    }
    struct error error = {.status = FOV_OK};
    struct dataset_found found = {.kind = NULL};
    fov_dataset *dataset = NULL;
    if (options_make_sense(options, &error) && dataset_find(context, source, &found, &error) == FOV_OK) {
        dataset = dataset_open(context, &found, split, options, &error);
    }
    dataset_forget(&found);
    if (dataset == NULL) {
        error_set(&context->error, error.status, "%s", error.text);
    }
    return dataset;
}

fov_dataset *fov_dataset_open_opt(fov_context *context, const char *source, fov_split split,
                                  const fov_dataset_options *options)
{
    if (context == NULL) {
        return NULL;
    }
    if (source == NULL) {
        call_refuse(context, "fov_dataset_open_opt: source is NULL");
        return NULL;
    }
    struct call call = call_begin(context);
    fov_dataset *made = open_dataset(context, source, split, options);
    call_end(&call);
    return made;
}

fov_dataset *fov_dataset_open(fov_context *context, const char *source, fov_split split)
{
    if (context == NULL) {
        return NULL;
    }
    call_fresh(context);
    if (source == NULL) {
        call_refuse(context, "fov_dataset_open: source is NULL");
        return NULL;
    }
    return fov_dataset_open_opt(context, source, split, NULL);
}

static const char *no_name(const void *user, size_t index)
{
    (void)user;
    (void)index;
    return "";
}

/* For a source whose samples have no names: restricts the dataset to the samples held back for validation (want_held),
 * or to the others. */
static int dataset_hold_back(struct fov_dataset *dataset, const fov_dataset_options *options, bool want_held,
                             struct error *error)
{
    struct memory *memory = dataset->context->memory;
    if (options->val_list) {
        return error_set(error, FOV_E_USAGE, "%s: its samples have no names that a list could hold", dataset->name);
    }
    bool *held = memory_allocate(memory, dataset->count, sizeof *held, "a split", error);
    dataset->chosen = memory_allocate(memory, dataset->count, sizeof *dataset->chosen, "a split", error);
    int status = held && dataset->chosen ? FOV_OK : FOV_E_MEMORY;
    if (status == FOV_OK) {
        status = list_hold_back(memory, options, dataset->count, dataset->labels, no_name, NULL, held, error);
    }
    size_t kept = 0;
    for (size_t i = 0; status == FOV_OK && i < dataset->count; i++) {
        if (held[i] == want_held) {
            dataset->labels[kept] = dataset->labels[i];
            dataset->chosen[kept++] = (uint32_t)i;
        }
    }
    if (status == FOV_OK && kept == 0) {
        status = list_too_few(dataset->name, dataset->count, error);
    }
    dataset->part = want_held ? "held back" : "left";
    dataset->count = kept;
    memory_free(memory, held);
    if (status == FOV_OK && want_held) { // not to be taken for the test split of the same files
        char where[DATA_PATH_SIZE + 16];
        snprintf(where, sizeof where, "%.4000s (held back)", dataset->where);
        memory_free(memory, dataset->where);
        dataset->where = memory_copy_text(memory, where, error);
        status = dataset->where ? FOV_OK : FOV_E_MEMORY;
    }
    return status;
}

/* Opens a dataset of a source that has open() instead of scan(): mnist, cifar, digits. */
static int open_named(struct fov_dataset *dataset, const struct dataset_found *found, fov_split split,
                      const fov_dataset_options *options, struct error *error)
{
    bool cut = options && (options->val_split > 0 || options->val_last > 0 || options->val_list);
    fov_split wanted = split == FOV_VALIDATION ? (cut ? FOV_TRAIN : FOV_TEST) : split; // these have no validation split
    int status = dataset->source->open(dataset, found->argument, wanted, error);
    dataset->part = wanted == FOV_TRAIN ? "train" : "test";
    if (status == FOV_OK && found->most > 0 && wanted == FOV_TRAIN) {
        if (found->most > dataset->count) {
            return error_set(error, FOV_E_USAGE, "%s: there are %zu samples to learn from, not %zu", dataset->name,
                             dataset->count, found->most);
        }
        dataset->count = found->most; // the first ones; the test split keeps all of its samples
    }
    return status == FOV_OK && cut && split != FOV_TEST
               ? dataset_hold_back(dataset, options, split == FOV_VALIDATION, error)
               : status;
}

fov_dataset *dataset_open(struct fov_context *context, const struct dataset_found *found, fov_split split,
                          const fov_dataset_options *options, struct error *error)
{
    fov_dataset *dataset = memory_allocate(context->memory, 1, sizeof *dataset, "a dataset", error);
    if (dataset == NULL) {
        return NULL;
    }
    dataset->context = context;
    dataset->source = found->kind;
    dataset->name = found->kind->name;
    dataset->target = FOV_TARGET_CLASS;
    sample_begin(&dataset->current, context->memory);
    const char *inputs = options != NULL ? options->inputs : NULL;
    int status = found->store ? list_open(dataset, found->store, found->index, split, options, error)
                              : open_named(dataset, found, split, options, error);
    if (status == FOV_OK && !found->kind->has_columns) {
        status = dataset_refuse_columns(dataset, inputs, error);
    }
    status = status ? status : dataset_add_constants(dataset, inputs, error);
    if (status) {
        fov_dataset_free(dataset);
        return NULL;
    }
    if (dataset->most[0] == 0) {
        dataset->least[0] = dataset->most[0] = dataset->height;
        dataset->least[1] = dataset->most[1] = dataset->width;
    }
    return dataset;
}

int dataset_check_readable(const struct fov_dataset *dataset, struct error *error)
{
    if (dataset->unreadable == 0) {
        return FOV_OK;
    }
    struct picture picture = {.memory = dataset->context->memory};
    char more[120] = "";
    struct error first = {.status = FOV_OK};
    int status = dataset_sample(dataset, dataset->first_unreadable, &picture, &first);
    picture_free(&picture);
    if (status == FOV_OK) { // only its header could not be read; the picture decodes
        return FOV_OK;
    }
    if (dataset->unreadable > 1) {
        snprintf(more, sizeof more, " (%zu pictures cannot be read: fovea data check lists them)", dataset->unreadable);
    }
    return error_set(error, first.status, "%.800s%s", first.text, more);
}

uint64_t dataset_fingerprint(const struct fov_dataset *dataset)
{
    enum { LOOKED_AT = 16 };
    uint64_t hash = dataset->fingerprint;
    if (dataset->labels) {
        hash = hash_fold(hash, dataset->labels, dataset->count * sizeof *dataset->labels);
    }
    for (int i = 0; i < dataset->classes; i++) {
        hash = hash_fold(hash, dataset->class_names[i], strlen(dataset->class_names[i]));
    }
    hash = dataset_hash_inputs(dataset, hash);
    size_t size = (size_t)dataset->height * (size_t)dataset->width * (size_t)dataset->channels;
    for (size_t i = 0; dataset->pixels && dataset->chosen && i < dataset->count; i++) {
        hash = hash_fold(hash, dataset->pixels + dataset->chosen[i] * size, size);
    }
    if (dataset->pixels) {
        return dataset->chosen ? hash : hash_fold(hash, dataset->pixels, size * dataset->count);
    }
    struct picture picture = {.memory = dataset->context->memory};
    for (size_t i = 0; dataset->fingerprint == 0 && i < LOOKED_AT && i < dataset->count; i++) {
        size_t index = i * (dataset->count / LOOKED_AT > 0 ? dataset->count / LOOKED_AT : 1);
        if (dataset_sample(dataset, index, &picture, NULL) == FOV_OK) {
            hash = hash_fold(hash, picture.pixels,
                             (size_t)picture.height * (size_t)picture.width * (size_t)picture.channels);
        }
    }
    picture_free(&picture);
    return hash;
}

void fov_dataset_free(fov_dataset *dataset)
{
    if (dataset == NULL) {
        return;
    }
    struct memory *memory = dataset->context->memory;
    if (dataset->source->close) {
        dataset->source->close(dataset);
    }
    sample_free(&dataset->current);
    memory_free(memory, dataset->labels);
    memory_free(memory, dataset->chosen);
    memory_free(memory, dataset->class_names);
    memory_free(memory, dataset->value_names);
    dataset_free_inputs(dataset);
    memory_free(memory, dataset->where);
    memory_free(memory, dataset);
}

fov_dataset_info fov_dataset_describe(const fov_dataset *dataset)
{
    if (dataset == NULL) {
        return (fov_dataset_info){.name = "", .source = "", .part = ""};
    }
    return (fov_dataset_info){.name = dataset->name,
                              .source = dataset->where,
                              .count = (int64_t)dataset->count,
                              .target = dataset->target,
                              .classes = dataset->classes,
                              .values = dataset->values,
                              .channels = dataset->channels,
                              .height = dataset->height,
                              .width = dataset->width,
                              .same_size = dataset->same_size,
                              .least = {dataset->least[0], dataset->least[1]},
                              .most = {dataset->most[0], dataset->most[1]},
                              .unreadable = (int64_t)dataset->unreadable,
                              .fit = dataset->fit,
                              .invert = dataset->invert,
                              .part = dataset->part};
}

const char *fov_dataset_class(const fov_dataset *dataset, int index)
{
    if (dataset == NULL) {
        return "";
    }
    return dataset && index >= 0 && index < dataset->classes ? dataset->class_names[index] : "";
}

int fov_dataset_label(const fov_dataset *dataset, int64_t index)
{
    if (dataset == NULL) {
        return -1;
    }
    return dataset && dataset->labels && index >= 0 && (uint64_t)index < dataset->count ? dataset->labels[index] : -1;
}

const char *fov_dataset_value_name(const fov_dataset *dataset, int index)
{
    if (dataset == NULL) {
        return "";
    }
    return dataset && dataset->value_names && index >= 0 && index < dataset->values ? dataset->value_names[index] : "";
}

static int read_sample(fov_dataset *dataset, int64_t index, bool with_target)
{
    if (dataset == NULL) {
        return FOV_E_USAGE;
    }
    struct fov_context *context = dataset->context;
    if (index < 0 || (uint64_t)index >= dataset->count) {
        return (int)error_set(&context->error, FOV_E_USAGE, "%s: sample %lld is out of range (%zu samples)",
                              dataset->name, (long long)index, dataset->count);
    }
    struct error error = {.status = FOV_OK};
    struct sample *sample = &dataset->current;
    int status = with_target ? dataset_read(dataset, (size_t)index, sample, &error)
                             : dataset_sample(dataset, (size_t)index, &sample->picture, &error);
    return status ? (int)error_set(&context->error, error.status, "%s", error.text) : FOV_OK;
}

int fov_dataset_sample(fov_dataset *dataset, int64_t index, const uint8_t **pixels, int *height, int *width,
                       int *channels)
{
    if (dataset == NULL) {
        return FOV_E_USAGE;
    }
    if (pixels == NULL || height == NULL || width == NULL || channels == NULL) {
        return call_refuse(dataset->context, "fov_dataset_sample: pixels, height, width or channels is NULL");
    }
    struct call call = call_begin(dataset->context);
    int status = read_sample(dataset, index, false);
    if (status == FOV_OK) {
        *pixels = dataset->current.picture.pixels;
        *height = dataset->current.picture.height;
        *width = dataset->current.picture.width;
        *channels = dataset->current.picture.channels;
    }
    call_end(&call);
    return status;
}

int fov_dataset_read(fov_dataset *dataset, int64_t index, fov_sample *sample)
{
    if (dataset == NULL) {
        return FOV_E_USAGE;
    }
    if (sample == NULL) {
        return call_refuse(dataset->context, "fov_dataset_read: sample is NULL");
    }
    struct call call = call_begin(dataset->context);
    int status = read_sample(dataset, index, true);
    if (status == FOV_OK) {
        *sample = sample_view(&dataset->current);
    }
    call_end(&call);
    return status;
}

int dataset_read(const struct fov_dataset *dataset, size_t index, struct sample *sample, struct error *error)
{
    if (dataset->source->read) {
        return dataset->source->read(dataset, index, sample, error);
    }
    int status = dataset_sample(dataset, index, &sample->picture, error);
    sample->label = dataset->labels ? dataset->labels[index] : 0;
    if (status == FOV_OK && dataset->source->target) {
        status = dataset->source->target(dataset, index, sample, error);
    }
    return status;
}

int dataset_sample(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error)
{
    index = dataset->chosen ? dataset->chosen[index] : index;
    if (dataset->pixels == NULL) {
        return dataset->source->sample(dataset, index, picture, error);
    }
    size_t size = (size_t)dataset->height * (size_t)dataset->width * (size_t)dataset->channels;
    picture->height = dataset->height;
    picture->width = dataset->width;
    picture->channels = dataset->channels;
    picture->pixels = dataset->pixels + index * size;
    return FOV_OK;
}

const char *dataset_sample_text(const struct fov_dataset *dataset, size_t index, char out[SAMPLE_TEXT_SIZE])
{
    const char *file = dataset->source->place != NULL ? dataset->source->place(dataset, index) : NULL;
    char shown[512];
    text_append(out, SAMPLE_TEXT_SIZE, 0, "sample %zu of %s%s%s%s", index, dataset->name, file != NULL ? " (" : "",
                file != NULL ? text_escape(shown, sizeof shown, file) : "", file != NULL ? ")" : "");
    return out;
}

/* One block: pointers, then the texts they point to. */
static char **copy_names(struct memory *memory, const char *const *names, size_t count, const char *what,
                         struct error *error)
{
    size_t bytes = count * sizeof(char *);
    for (size_t i = 0; i < count; i++) {
        bytes += strlen(names[i]) + 1;
    }
    char **list = memory_allocate(memory, bytes, 1, what, error);
    if (list == NULL) {
        return NULL;
    }
    char *text = (char *)(list + count);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]) + 1;
        list[i] = memcpy(text, names[i], length);
        text += length;
    }
    return list;
}

int dataset_set_classes(struct fov_dataset *dataset, const char *const *names, size_t count, struct error *error)
{
    dataset->class_names = copy_names(dataset->context->memory, names, count, "class names", error);
    dataset->classes = dataset->class_names ? (int)count : 0;
    return dataset->class_names ? FOV_OK : FOV_E_MEMORY;
}

int dataset_set_values(struct fov_dataset *dataset, const char *const *names, size_t count, struct error *error)
{
    dataset->value_names = copy_names(dataset->context->memory, names, count, "names of values", error);
    dataset->values = dataset->value_names ? (int)count : 0;
    return dataset->value_names ? FOV_OK : FOV_E_MEMORY;
}
