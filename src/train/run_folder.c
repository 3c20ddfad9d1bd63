/* SPDX-License-Identifier: MIT */
/* Writes the run's files in an order that makes a kill at any time harmless. */
#include "train/run_folder.h"
#include "train/events.h"
#include "base/file.h"
#include "data/dataset.h"
#include <fovea/bench.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 4096, MOST_LOOKED_AT = 64 << 20 /* bytes of a history */ };

static int remove_old(const struct run_folder *folder, const char *name, struct error *error)
{
    const struct file_system *system = file_system_default();
    char path[PATH_SIZE];
    if (file_join(path, sizeof path, folder->directory, name, error) != FOV_OK) {
        return (int)error->status;
    }
    if (system->remove(system->user, path) != 0 && errno != ENOENT) {
        return error_set(error, FOV_E_IO, "%s: cannot remove: %s", path, strerror(errno));
    }
    return FOV_OK;
}

static int write_text(const struct run_folder *folder, const char *name, struct text *text, struct error *error)
{
    char path[PATH_SIZE];
    int status = file_join(path, sizeof path, folder->directory, name, error);
    if (status == FOV_OK && text->failed) {
        status = error_set(error, FOV_E_MEMORY, "%s: no memory to write it", path);
    }
    if (status == FOV_OK) {
        status = file_write(path, text_string(text), text->length, NULL, error);
    }
    text_free(text);
    return status;
}

static int write_history(const struct run_folder *folder, const struct train_state *state, struct error *error)
{
    struct text csv = {.memory = folder->step->context->memory};
    history_write(&state->history, &csv);
    return write_text(folder, "history.csv", &csv, error);
}

static void add_word(struct text *json, const char *key, const char *word)
{
    text_add(json, "  \"%s\": ", key);
    text_add_json(json, word);
    text_add(json, ",\n");
}

static int write_config(const struct run_folder *folder, struct error *error)
{
    fov_context *context = folder->step->context;
    struct text json = {.memory = context->memory};
    struct setting list[SETTINGS_MAX];
    int count = settings_list(folder->settings, list);
    text_add(&json, "{\n");
    add_word(&json, "fovea", fov_version());
    add_word(&json, "machine", fov_machine(context));
    add_word(&json, "isa", fov_context_isa(context));
    fov_rates rates = fov_context_rates(context);
    text_add(&json, "  \"exact_conv\": %s,\n", context->exact_conv ? "true" : "false");
    text_add(&json, "  \"rates\": [%.4g, %.4g, %.4g, %.4g],\n", rates.products, rates.transform, rates.memory,
             rates.wake);
    text_add(&json, "  \"threads\": %d,\n", fov_context_threads(context));
    text_add(&json, "  \"seed\": %" PRIu64 ",\n", folder->identity.seed);
    add_word(&json, "model", fov_model_name(folder->model));
    add_word(&json, "data", folder->identity.data);
    text_add(&json, "  \"samples\": %" PRId64, folder->identity.count);
    for (int i = 0; i < count; i++) {
        text_add(&json, ",\n  \"%s\": ", list[i].key);
        if (list[i].quoted) {
            text_add_json(&json, list[i].value);
        } else {
            text_add(&json, "%s", list[i].value);
        }
    }
    text_add(&json, "\n}\n");
    return write_text(folder, "config.json", &json, error);
}

static int save_model(const struct run_folder *folder, const char *name, struct error *error)
{
    char path[PATH_SIZE];
    if (file_join(path, sizeof path, folder->directory, name, error) != FOV_OK) {
        return (int)error->status;
    }
    return fov_model_save(folder->model, path);
}

/* Writes the files derived from a checkpoint at an epoch's end, whose weights the model holds. */
static int write_followers(const struct run_folder *folder, const struct train_state *state, struct error *error)
{
    int status = write_history(folder, state, error);
    if (status == FOV_OK) {
        status = save_model(folder, "last.onnx", error);
    }
    if (status == FOV_OK && state->epoch > 0 && state->best_epoch == state->epoch) {
        status = save_model(folder, "best.onnx", error);
    }
    return status;
}

/* Begins TensorBoard's event file, cuts it back for a resumed run, or adds an epoch; nothing if it is not wanted. */
enum events_what { EVENTS_BEGIN, EVENTS_RESUME, EVENTS_ADD };
static int write_events(const struct run_folder *folder, const struct train_state *state, enum events_what what,
                        struct error *error)
{
    char path[PATH_SIZE];
    struct memory *memory = folder->step->context->memory;
    if (!folder->settings->given.tensorboard) {
        return FOV_OK;
    }
    int status = file_join(path, sizeof path, folder->directory, EVENTS_FILE, error);
    if (status != FOV_OK) {
        return status;
    }
    return what == EVENTS_BEGIN    ? events_begin(path, memory, error)
           : what == EVENTS_RESUME ? events_resume(path, state->epoch, memory, error)
                                   : events_add(path, &state->history, folder->step, error);
}

int run_folder_checkpoint(const struct run_folder *folder, const struct train_state *state, struct error *error)
{
    char path[PATH_SIZE];
    if (file_join(path, sizeof path, folder->directory, "checkpoint.safetensors", error) != FOV_OK) {
        return (int)error->status;
    }
    return checkpoint_write(path, folder->step, folder->settings, &folder->identity, state, error);
}

int run_folder_epoch(const struct run_folder *folder, const struct train_state *state, struct error *error)
{
    int status = run_folder_checkpoint(folder, state, error);
    status = status == FOV_OK ? write_events(folder, state, EVENTS_ADD, error) : status;
    status = status == FOV_OK ? write_followers(folder, state, error) : status;
    const struct task *task = folder->use->task;
    return status == FOV_OK && task->show != NULL
               ? task->show(folder->use, folder->model, folder->directory, state->epoch, error)
               : status;
}

/* Whether the folder has a file with that name; history.csv counts only if it has a row for an epoch. */
static bool holds(const char *directory, const char *name, struct memory *memory)
{
    char path[PATH_SIZE];
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (file_join(path, sizeof path, directory, name, NULL) != FOV_OK || !file_exists(path)) {
        return false;
    }
    if (strcmp(name, "history.csv") != 0 || file_read(path, MOST_LOOKED_AT, memory, &bytes, &size, NULL) != FOV_OK) {
        return true; /* a file that is unreadable or so long must not be overwritten */
    }
    const uint8_t *head = memchr(bytes, '\n', size);
    bool has_row = head == NULL || (size_t)(head - bytes) + 1 < size;
    memory_free(memory, bytes);
    return has_row;
}

/* Every folder of a run whose first epoch has begun has one of these files. A last.onnx counts only without a
 * config.json: a run that was killed in its beginning has written config.json before it, but a model alone is somebody
 * else's. */
int run_folder_check_free(const char *directory, struct memory *memory, struct error *error)
{
    static const char *const kept[] = {"checkpoint.safetensors", "best.onnx", "history.csv", "last.onnx"};
    bool begun = holds(directory, "config.json", memory);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        bool counts = !begun || strcmp(kept[i], "last.onnx") != 0;
        if (counts && holds(directory, kept[i], memory)) {
            return error_set(error, FOV_E_USAGE,
                             "%s holds a run already (%s), which stays as it is: go on with it (resume), or begin "
                             "another one in another folder",
                             directory, kept[i]);
        }
    }
    return FOV_OK;
}

int run_folder_begin(const struct run_folder *folder, const struct train_state *state, struct error *error)
{
    /* The old checkpoint is removed first, so that after a kill a resume cannot continue the older run. */
    int status = remove_old(folder, "checkpoint.safetensors", error);
    status = status == FOV_OK ? remove_old(folder, "best.onnx", error) : status;
    status = status == FOV_OK ? write_config(folder, error) : status;
    status = status == FOV_OK ? write_events(folder, state, EVENTS_BEGIN, error) : status;
    status = status == FOV_OK ? write_followers(folder, state, error) : status;
    /* The new checkpoint is written last: if there is a checkpoint, all files are there. */
    return status == FOV_OK ? run_folder_checkpoint(folder, state, error) : status;
}

int run_folder_resume(const struct run_folder *folder, struct train_state *state, struct error *error)
{
    char path[PATH_SIZE];
    int status = file_join(path, sizeof path, folder->directory, "checkpoint.safetensors", error);
    if (status == FOV_OK && !file_exists(path)) {
        status = error_set(error, FOV_E_IO, "%s: there is no checkpoint to go on from", path);
    }
    if (status == FOV_OK) {
        status = checkpoint_read(path, folder->step, folder->settings, &folder->identity, state, error);
    }
    status = status == FOV_OK ? write_config(folder, error) : status;
    status = status == FOV_OK ? write_events(folder, state, EVENTS_RESUME, error) : status;
    if (status == FOV_OK && state->step == 0) {
        status = step_publish(folder->step);
        return status == FOV_OK ? write_followers(folder, state, error) : status;
    }
    /* In the middle of an epoch the model files are older than the checkpoint, and complete. */
    return status == FOV_OK ? write_history(folder, state, error) : status;
}
