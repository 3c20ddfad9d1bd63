/* SPDX-License-Identifier: MIT */
/* The list of findings. */
#include "data/findings.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

int findings_add(struct findings *findings, int part, fov_severity severity, const char *kind, const char *file,
                 const char *fate, struct error *error, const char *format, ...)
{
    char what[512];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);

    void *entries = findings->list, *parts = findings->part;
    struct memory *memory = findings->memory;
    int status =
        memory_grow(memory, &entries, &findings->capacity, findings->count, sizeof *findings->list, "findings", error);
    findings->list = entries;
    if (status == FOV_OK) {
        status = memory_grow(memory, &parts, &findings->part_capacity, findings->count, sizeof *findings->part,
                             "findings", error);
        findings->part = parts;
    }
    size_t length = strlen(file) + 1, size = length + strlen(what) + 1;
    char *text = status == FOV_OK ? memory_allocate_raw(memory, size, 1, "findings", error) : NULL;
    if (text == NULL) {
        return FOV_E_MEMORY;
    }
    memcpy(text, file, length);
    memcpy(text + length, what, size - length);
    findings->part[findings->count] = part;
    findings->list[findings->count++] = (fov_finding){severity, kind, text, text + length, fate};
    findings->errors += severity == FOV_FINDING_ERROR;
    findings->warnings += severity == FOV_FINDING_WARNING;
    return FOV_OK;
}

int findings_fail(const struct findings *findings, const char *source, struct error *error)
{
    for (size_t i = 0; i < findings->count; i++) {
        const fov_finding *finding = &findings->list[i];
        if (finding->severity == FOV_FINDING_ERROR) {
            int status = error_set(error, FOV_E_INPUT, "%s: %s", finding->file, finding->what);
            size_t more = findings->errors - 1;
            if (more > 0 && error != NULL) {
                text_append(error->text, sizeof error->text, strlen(error->text),
                            " (and %zu more: fovea data check %s)", more, source);
            }
            return status;
        }
    }
    return FOV_OK;
}

void findings_free(struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        memory_free(findings->memory, (void *)(uintptr_t)findings->list[i].file);
    }
    if (findings->memory != NULL) {
        memory_free(findings->memory, findings->list);
        memory_free(findings->memory, findings->part);
    }
    *findings = (struct findings){.memory = findings->memory};
}
