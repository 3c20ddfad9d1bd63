/* SPDX-License-Identifier: MIT */
/* Finding conformance cases below a folder, in the order of their names. What a case is: conformance_case.c. */
#include "base/arithmetic.h"
#include "base/file.h"
#include "device/context.h"
#include "model/conformance.h"
#include <stdio.h>
#include <string.h>

enum { DEEPEST = 32 }; /* levels of folders: enough for any tree, and an end to circular links */

struct walk {
    fov_context                   *context;
    const fov_conformance_options *options;
    fov_conformance               *total;
    struct case_run               *run;
};

static void run_case(const struct walk *walk, const char *model_path, const char *directory)
{
    case_run(walk->run, walk->context, walk->options, model_path, directory);
    const fov_case *result = &walk->run->result;
    walk->total->passed += result->outcome == FOV_CASE_PASSED;
    walk->total->failed += result->outcome == FOV_CASE_FAILED;
    walk->total->skipped += result->outcome == FOV_CASE_SKIPPED;
    if (walk->options->seen != NULL) {
        walk->options->seen(walk->options->user, result);
    }
    case_end(walk->run);
}

/** Whether the file is NAME.onnx with NAME_output_0.pb beside it. */
static bool has_output_beside(const char *path)
{
    char   output[CASE_PATH];
    size_t length = strlen(path), suffix = strlen(".onnx");
    if (length <= suffix || strcmp(path + length - suffix, ".onnx") != 0) {
        return false;
    }
    int written = snprintf(output, sizeof output, "%.*s_output_0.pb", (int)(length - suffix), path);
    return written > 0 && (size_t)written < sizeof output && file_exists(output);
}

static int walk_folder(const struct walk *walk, const char *directory, int depth)
{
    struct memory *memory = walk->context->memory;
    struct error  *error = &walk->context->error;
    char         **names, path[CASE_PATH];
    size_t         count;
    int            status = file_list(directory, memory, &names, &count, error);
    for (size_t i = 0; !status && i < count; i++) {
        status = file_join(path, sizeof path, directory, names[i], error);
        if (status) {
            break;
        }
        if (strcmp(names[i], "model.onnx") == 0) {
            run_case(walk, path, directory);
        } else if (file_is_directory(path)) {
            bool is_data = strncmp(names[i], "test_data_set_", strlen("test_data_set_")) == 0;
            status = depth < DEEPEST && !is_data ? walk_folder(walk, path, depth + 1) : 0;
        } else if (has_output_beside(path)) {
            run_case(walk, path, NULL);
        }
    }
    memory_free(memory, names);
    return status;
}

static int run_cases(fov_context *context, const char *directory, const fov_conformance_options *options,
                        fov_conformance *total)
{
    static const fov_conformance_options standard = {.seen = NULL};
    struct error                        *error = &context->error;
    char                                 name[200];
    *total = (fov_conformance){0};
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    if (!file_is_directory(directory)) {
        return error_set(error, FOV_E_IO, "%s: there is no such folder", text_clean(name, sizeof name, directory));
    }
    struct case_run *run = memory_allocate(context->memory, 1, sizeof *run, "a conformance case", error);
    if (run == NULL) {
        return FOV_E_MEMORY;
    }
    struct walk walk = {context, options != NULL ? options : &standard, total, run};
    int         status = walk_folder(&walk, directory, 0);
    memory_free(context->memory, run);
    if (!status && total->passed + total->failed + total->skipped == 0) {
        status = error_set(error, FOV_E_INPUT, "%s: no conformance case (a folder with model.onnx) in it or below",
                           text_clean(name, sizeof name, directory));
    }
    return status;
}

int fov_conformance_run(fov_context *context, const char *directory, const fov_conformance_options *options,
                        fov_conformance *total)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    if (directory == NULL || total == NULL) {
        return call_refuse(context, "fov_conformance_run: directory or total is NULL");
    }
    struct call call = call_begin(context);
    int status = run_cases(context, directory, options, total);
    call_end(&call);
    return status;
}
