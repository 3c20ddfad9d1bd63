/* SPDX-License-Identifier: MIT */
/* Checks a whole dataset: collects its source's findings, then decodes every sample of every split on the pool and
 * hashes its pixels, so that pictures which are in two splits, or in two classes, are found. */
#include "base/hash.h"
#include "data/list.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_BLOCK = 64, CHECK_SPLITS = 3 };

/* The result of decoding one sample. */
struct check_result {
    uint64_t hash;
    int status;
    char why[256];
};

/* A sample that was decoded without error. */
struct check_sample {
    uint64_t hash;
    uint32_t index;
    int32_t label;
    int split; /* in the order of checking: train first */
};

struct checking {
    struct fov_context *context;
    const fov_check_options *options;
    struct findings findings;
    fov_dataset *data[CHECK_SPLITS]; /* training, test, validation; NULL: missing, or validation equal to test */
    struct check_sample *samples;
    size_t sample_count;
    int64_t done, total;

    /* the block being decoded */
    const fov_dataset *running;
    size_t first;        /* index of the block's first sample */
    struct sample *made; /* [threads] buffers to decode into */
    struct check_result results[CHECK_BLOCK];
};

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

static void check_decode(void *context, size_t chunk, int worker)
{
    struct checking *checking = context;
    struct sample *sample = &checking->made[worker];
    const struct picture *picture = &sample->picture;
    struct check_result *result = &checking->results[chunk];
    struct error error = {.status = FOV_OK};
    result->status = dataset_read(checking->running, checking->first + chunk, sample, &error);
    if (result->status != FOV_OK) {
        snprintf(result->why, sizeof result->why, "%.*s", (int)sizeof result->why - 1, error.text);
        return;
    }
    int shape[3] = {picture->height, picture->width, picture->channels};
    size_t size = (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2];
    result->hash = hash_fold(hash_fold(0, shape, sizeof shape), picture->pixels, size);
}

/* A file's path, or "mnist #17". */
static const char *check_place(const fov_dataset *data, size_t index, char out[300])
{
    if (data->source->place) {
        return data->source->place(data, index);
    }
    snprintf(out, 300, "%.200s #%zu", data->name, index);
    return out;
}

static int check_take(struct checking *checking, int split, size_t index, const struct check_result *result,
                      struct error *error)
{
    const fov_dataset *data = checking->running;
    char place[300];
    const char *file = check_place(data, index, place);
    if (result->status == FOV_E_MEMORY) {
        return error_set(error, FOV_E_MEMORY, "%s", result->why);
    }
    if (result->status == FOV_OK) {
        checking->samples[checking->sample_count++] =
            (struct check_sample){result->hash, (uint32_t)index, data->labels ? data->labels[index] : 0, split};
        return FOV_OK;
    }
    size_t length = strlen(file); // removes the path from the front of the sentence: findings state it separately
    bool prefixed = strncmp(result->why, file, length) == 0 && strncmp(result->why + length, ": ", 2) == 0;
    const char *why = result->why + (prefixed ? length + 2 : 0);
    const char *kind = result->status == FOV_E_IO         ? "unreadable file"
                       : strstr(why, "the file is empty") ? "empty file"
                       : strncmp(why, "not a ", 6) == 0   ? "not a picture"
                                                          : "damaged picture";
    return findings_add(&checking->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, kind, file, "error", error, "%s", why);
}

static int check_split(struct checking *checking, int split, struct error *error)
{
    const fov_dataset *data = checking->data[split];
    checking->running = data;
    int status = FOV_OK;
    for (checking->first = 0; checking->first < data->count && status == FOV_OK; checking->first += CHECK_BLOCK) {
        size_t left = data->count - checking->first, here = left < CHECK_BLOCK ? left : CHECK_BLOCK;
        pool_run(checking->context->pool, check_decode, checking, here);
        for (size_t i = 0; i < here && status == FOV_OK; i++) {
            status = check_take(checking, split, checking->first + i, &checking->results[i], error);
        }
        checking->done += (int64_t)here;
        const fov_check_options *o = checking->options;
        if (status == FOV_OK && o->progress && o->progress(o->user, checking->done, checking->total)) {
            status = error_set(error, FOV_E_INTERRUPTED, "stopped after %lld of %lld samples",
                               (long long)checking->done, (long long)checking->total);
        }
    }
    return status;
}

/* ---- the same picture twice -------------------------------------------------------------------------------------- */

static int check_compare(const void *a, const void *b)
{
    const struct check_sample *first = a, *second = b;
    if (first->hash != second->hash) {
        return first->hash < second->hash ? -1 : 1;
    }
    if (first->split != second->split) {
        return first->split - second->split;
    }
    return first->index < second->index ? -1 : first->index > second->index;
}

static int check_compare_place(const void *a, const void *b)
{
    const struct check_sample *const *first = a, *const *second = b;
    int split = (*first)->split - (*second)->split;
    return split ? split : (*first)->index < (*second)->index ? -1 : (*first)->index > (*second)->index;
}

static int check_note_twin(struct checking *checking, const struct check_sample *twin, const struct check_sample *first,
                           struct error *error)
{
    const fov_dataset *data = checking->data[twin->split], *other = checking->data[first->split];
    char place[300], other_place[300];
    const char *file = check_place(data, twin->index, place);
    const char *other_file = check_place(other, first->index, other_place);
    if (twin->label != first->label) {
        return findings_add(&checking->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "in two classes", file,
                            "both used", error, "the same pixels as %.200s, but \"%.60s\" here and \"%.60s\" there",
                            other_file, data->class_names[twin->label], other->class_names[first->label]);
    }
    return findings_add(&checking->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "in two splits", file, "both used",
                        error, "the same pixels as %.300s", other_file);
}

static int check_twins(struct checking *checking, struct error *error)
{
    struct memory *memory = checking->context->memory;
    size_t count = checking->sample_count, twins = 0;
    /* pairs: a sample and the first one with the same pixels; reported in the order of files */
    const struct check_sample *(*pairs)[2] = memory_allocate_raw(memory, count + 1, sizeof *pairs, "samples", error);
    if (pairs == NULL) {
        return FOV_E_MEMORY;
    }
    qsort(checking->samples, count, sizeof *checking->samples, check_compare);
    for (size_t i = 0, first = 0; i < count; i++) {
        const struct check_sample *sample = &checking->samples[i], *same = &checking->samples[first];
        if (sample->hash != same->hash) {
            first = i;
        } else if (i > first && (sample->label != same->label || sample->split != same->split)) {
            pairs[twins][0] = sample;
            pairs[twins++][1] = same;
        }
    }
    qsort(pairs, twins, sizeof *pairs, check_compare_place);
    int status = FOV_OK;
    for (size_t i = 0; i < twins && status == FOV_OK; i++) {
        status = check_note_twin(checking, pairs[i][0], pairs[i][1], error);
    }
    memory_free(memory, pairs);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* Opens every split there is. `problem` receives the error of the first split that cannot be opened. */
static int check_open(struct checking *checking, const struct dataset_found *found, struct error *problem,
                      struct error *error)
{
    static const fov_split splits[CHECK_SPLITS] = {FOV_TRAIN, FOV_TEST, FOV_VALIDATION};
    for (int i = 0; i < CHECK_SPLITS; i++) {
        struct error here = {.status = FOV_OK};
        fov_dataset *data = dataset_open(checking->context, found, splits[i], NULL, &here);
        const fov_dataset *test = checking->data[1];
        if (data == NULL && here.status == FOV_E_MEMORY) {
            return error_set(error, FOV_E_MEMORY, "%s", here.text);
        }
        if (data == NULL) {
            error_set(problem, here.status, "%s", here.text); // keeps the first error only
        } else if (i == 2 && (found->store == NULL || (test != NULL && strcmp(data->where, test->where) == 0))) {
            fov_dataset_free(data); // the same split as test
        } else {
            checking->data[i] = data;
            checking->total += (int64_t)data->count;
        }
    }
    return FOV_OK;
}

static int check_samples(struct checking *checking, struct error *error)
{
    struct memory *memory = checking->context->memory;
    size_t threads = (size_t)pool_threads(checking->context->pool);
    checking->made = memory_allocate(memory, threads, sizeof *checking->made, "pictures", error);
    checking->samples =
        memory_allocate_raw(memory, (size_t)checking->total + 1, sizeof *checking->samples, "samples", error);
    int status = checking->made && checking->samples ? FOV_OK : FOV_E_MEMORY;
    for (size_t i = 0; i < threads && status == FOV_OK; i++) {
        sample_begin(&checking->made[i], memory);
    }
    for (int i = 0; i < CHECK_SPLITS && status == FOV_OK; i++) {
        status = checking->data[i] ? check_split(checking, i, error) : FOV_OK;
    }
    status = status ? status : check_twins(checking, error);
    for (size_t i = 0; checking->made && i < threads; i++) {
        sample_free(&checking->made[i]);
    }
    memory_free(memory, checking->made);
    memory_free(memory, checking->samples);
    return status;
}

static int check_source(struct checking *checking, const struct dataset_found *found, const char *source,
                        struct error *error)
{
    struct error problem = {.status = FOV_OK};
    bool named = checking->options->quick && found->store; // list_look, below, finds all that names and headers tell
    int status = named ? FOV_OK : check_open(checking, found, &problem, error);
    bool decode = !checking->options->quick && (checking->data[0] || checking->data[1]);
    if (status == FOV_OK && found->store) {
        status = list_look(checking->context, found->kind, found->store, found->index, decode, &checking->findings,
                           error);
    }
    if (status == FOV_OK && problem.status != FOV_OK && checking->findings.errors == 0) {
        status = findings_add(&checking->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "cannot be opened", source,
                              "error", error, "%s", problem.text);
    }
    return status == FOV_OK && decode ? check_samples(checking, error) : status;
}

struct check_owner {
    struct findings findings;
    fov_finding list[]; /* the same, sorted: errors, warnings, notes */
};

static int check_report(struct checking *checking, fov_check *check, struct error *error)
{
    struct findings *findings = &checking->findings;
    struct check_owner *owner = memory_allocate(
        checking->context->memory, 1, sizeof *owner + findings->count * sizeof(fov_finding), "findings", error);
    if (owner == NULL) {
        return FOV_E_MEMORY;
    }
    size_t count = 0;
    for (int severity = FOV_FINDING_ERROR; severity >= FOV_FINDING_NOTE; severity--) {
        for (size_t i = 0; i < findings->count; i++) {
            if ((int)findings->list[i].severity == severity) {
                owner->list[count++] = findings->list[i];
            }
        }
    }
    owner->findings = *findings;
    *check = (fov_check){.count = (int64_t)count,
                         .findings = owner->list,
                         .errors = (int64_t)findings->errors,
                         .warnings = (int64_t)findings->warnings,
                         .notes = (int64_t)(count - findings->errors - findings->warnings),
                         .samples = (int64_t)checking->sample_count,
                         .owner = owner};
    *findings = (struct findings){.memory = findings->memory};
    return FOV_OK;
}

int fov_dataset_check(fov_context *context, const char *source, const fov_check_options *options, fov_check *check)
{
    call_fresh(context);
    if (source == NULL || check == NULL) {
        return call_refuse(context, "fov_dataset_check: source or check is NULL");
    }
    const fov_check_options standard = {.quick = false};
    struct error error = {.status = FOV_OK};
    struct checking *checking = NULL;
    struct dataset_found found;
    *check = (fov_check){.count = 0};
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    if (dataset_find(context, source, &found, &error) == FOV_OK) {
        checking = memory_allocate(context->memory, 1, sizeof *checking, "checking a dataset", &error);
    }
    if (checking != NULL) {
        checking->context = context;
        checking->options = options ? options : &standard;
        checking->findings.memory = context->memory;
        int status = check_source(checking, &found, source, &error);
        status = status ? status : check_report(checking, check, &error);
        for (int i = 0; i < CHECK_SPLITS; i++) {
            fov_dataset_free(checking->data[i]);
        }
        findings_free(&checking->findings);
        memory_free(context->memory, checking);
    }
    dataset_forget(&found);
    return error.status ? error_set(&context->error, error.status, "%s", error.text) : FOV_OK;
}

void fov_check_free(fov_check *check)
{
    if (check == NULL || check->owner == NULL) {
        return;
    }
    struct check_owner *owner = check->owner;
    struct memory *memory = owner->findings.memory;
    findings_free(&owner->findings);
    memory_free(memory, owner);
    *check = (fov_check){.count = 0};
}
