/* SPDX-License-Identifier: MIT */
/* Findings about a list's pictures from their headers: unreadable ones, ones with the wrong extension, ones that are
 * converted for use (transparency, CMYK, orientation), extreme sizes. */
#include "data/list.h"
#include <stdlib.h>
#include <string.h>

enum { LOOK_ASPECT = 10, LOOK_AREA = 100 /* extreme ratios: of the sides, and to the median area */ };

struct looker {
    struct findings *findings;
    const char **paths;   /* [all pictures] part by part */
    uint16_t (*sizes)[2]; /* [all pictures] height, width; 0: unknown */
    int *parts;           /* [all pictures] */
    bool decoded;         /* the caller decodes all pictures afterwards and reports unreadable ones itself */
    size_t grey, colour, first_grey;
};

static int look_unreadable(const struct looker *looker, int part, const char *path, const struct probe *probe,
                           struct error *error)
{
    const char *kind = probe->status == FOV_E_IO ? "unreadable file"
                       : probe->size == 0        ? "empty file"
                       : probe->format           ? "damaged picture"
                                                 : "not a picture";
    return looker->decoded
               ? FOV_OK
               : findings_add(looker->findings, part, FOV_FINDING_ERROR, kind, path, "error", error, "%s", probe->why);
}

static int look_one(void *user, size_t index, const struct probe *probe, struct error *error)
{
    struct looker *looker = user;
    struct findings *findings = looker->findings;
    const char *path = looker->paths[index], *named = probe_name(path);
    int part = looker->parts[index], status = FOV_OK;
    if (probe->status != FOV_OK) {
        return probe->status == FOV_E_MEMORY ? error_set(error, FOV_E_MEMORY, "%s", probe->why)
                                             : look_unreadable(looker, part, path, probe, error);
    }
    looker->sizes[index][0] = (uint16_t)probe->height;
    looker->sizes[index][1] = (uint16_t)probe->width;
    looker->colour += probe->channels == 3;
    if (probe->channels == 1 && looker->grey++ == 0) {
        looker->first_grey = index;
    }
    if (named != NULL && probe->format != NULL && strcmp(named, probe->format) != 0) {
        status = findings_add(findings, part, FOV_FINDING_WARNING, "wrong extension", path, "used as what it is", error,
                              "a %s by its content, a %s by its name", probe->format, named);
    }
    if (status == FOV_OK && probe->alpha) {
        status = findings_add(findings, part, FOV_FINDING_NOTE, "transparency", path, "used, transparency dropped",
                              error, "has transparent pixels or could have them");
    }
    if (status == FOV_OK && probe->cmyk) {
        status = findings_add(findings, part, FOV_FINDING_NOTE, "ink colours", path, "used, converted to RGB", error,
                              "stored as CMYK, without its colour profile");
    }
    if (status == FOV_OK && probe->orientation > 1) {
        status = findings_add(findings, part, FOV_FINDING_NOTE, "orientation", path, "used, turned upright", error,
                              "stored turned or mirrored (EXIF orientation %d)", probe->orientation);
    }
    if (status == FOV_OK &&
        (probe->height >= LOOK_ASPECT * probe->width || probe->width >= LOOK_ASPECT * probe->height)) {
        status =
            findings_add(findings, part, FOV_FINDING_WARNING, "extreme size", path, "used", error,
                         "%d x %d pixels: one side is %d times the other", probe->height, probe->width,
                         probe->height > probe->width ? probe->height / probe->width : probe->width / probe->height);
    }
    return status;
}

static int compare_areas(const void *a, const void *b)
{
    const uint16_t *first = a, *second = b;
    uint32_t left = (uint32_t)first[0] * first[1], right = (uint32_t)second[0] * second[1];
    return left < right ? -1 : left > right;
}

/* Notes pictures far larger or smaller than most: a thumbnail among photographs, a scan among icons. */
static int look_areas(const struct looker *looker, struct memory *memory, size_t count, struct error *error)
{
    uint16_t(*sorted)[2] = memory_allocate_raw(memory, count + 1, sizeof *sorted, "sizes", error);
    if (sorted == NULL) {
        return FOV_E_MEMORY;
    }
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        if (looker->sizes[i][0] > 0) {
            memcpy(sorted[known++], looker->sizes[i], sizeof *sorted);
        }
    }
    qsort(sorted, known, sizeof *sorted, compare_areas);
    uint64_t usual = known > 0 ? (uint64_t)sorted[known / 2][0] * sorted[known / 2][1] : 0;
    memory_free(memory, sorted);
    int status = FOV_OK;
    for (size_t i = 0; i < count && status == FOV_OK; i++) {
        uint64_t height = looker->sizes[i][0], width = looker->sizes[i][1], area = height * width;
        if (area > 0 && (area > LOOK_AREA * usual || LOOK_AREA * area < usual)) {
            status = findings_add(looker->findings, looker->parts[i], FOV_FINDING_WARNING, "extreme size",
                                  looker->paths[i], "used", error, "%d x %d pixels: far %s than most", (int)height,
                                  (int)width, area > usual ? "larger" : "smaller");
        }
    }
    return status;
}

static int look_pictures(const struct list *list, bool decoded, struct findings *findings, struct error *error)
{
    static const int order[] = {FOLDER_TRAIN, LIST_WITHOUT_SPLIT, FOLDER_VALIDATION, FOLDER_TEST};
    struct memory *memory = list->memory;
    struct looker looker = {.findings = findings, .decoded = decoded};
    size_t count = 0;
    looker.sizes = memory_allocate(memory, list->count + 1, sizeof *looker.sizes, "sizes", error);
    looker.paths = memory_allocate(memory, list->count + 1, sizeof *looker.paths, "paths", error);
    looker.parts = memory_allocate(memory, list->count + 1, sizeof *looker.parts, "paths", error);
    int status = looker.sizes && looker.paths && looker.parts ? FOV_OK : FOV_E_MEMORY;
    for (size_t k = 0; k < sizeof order / sizeof *order && status == FOV_OK; k++) {
        for (size_t i = 0; i < list->count; i++) {
            if (list->samples[i].role == order[k]) {
                looker.paths[count] = list->samples[i].picture;
                looker.parts[count++] = order[k] == LIST_WITHOUT_SPLIT ? FOLDER_TRAIN : order[k];
            }
        }
    }
    status = status ? status : list_probe(list->context, list->store, looker.paths, count, look_one, &looker, error);
    if (status == FOV_OK && looker.grey > 0 && looker.colour > 0) {
        status = findings_add(findings, FINDING_OF_ALL, FOV_FINDING_NOTE, "grey among colour",
                              looker.paths[looker.first_grey], "used with 3 channels", error,
                              "the first of %zu grey pictures; %zu are in colour", looker.grey, looker.colour);
    }
    status = status ? status : look_areas(&looker, memory, count, error);
    memory_free(memory, looker.sizes);
    memory_free(memory, looker.paths);
    memory_free(memory, looker.parts);
    return status;
}

int list_look(struct fov_context *context, const struct data_source *kind, struct store *store, const char *index,
              bool decoded, struct findings *findings, struct error *error)
{
    struct list list;
    int status = list_scan(&list, context, kind, store, index, NULL, error);
    if (status == FOV_OK) {
        *findings = list.findings;
        list.findings = (struct findings){.memory = context->memory};
        status = look_pictures(&list, decoded, findings, error);
    }
    list_free(&list);
    return status;
}
