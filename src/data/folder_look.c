/* SPDX-License-Identifier: MIT */
/* Findings of a folder's pictures from their headers: which cannot be read, which are not what their names say, which
 * are used in another way than they are stored. */
#include "base/file.h"
#include "data/folder.h"
#include "data/folder_scan.h"
#include <stdlib.h>
#include <string.h>

enum { LOOK_ASPECT = 10, LOOK_AREA = 100 /* times the usual area, or as much less */ };

struct folder_looker {
    struct findings *findings;
    char *const *paths;
    uint16_t (*sizes)[2]; /* [all pictures] height, width; 0: unknown */
    size_t first;         /* number of the part's first picture */
    int part;
    bool decoded; /* unreadable pictures will be met again: leave them */
    size_t grey, colour, first_grey;
};

static int folder_look_unreadable(const struct folder_looker *looker, const char *path, const struct probe *probe,
                                  struct error *error)
{
    const char *kind = probe->size == 0 ? "empty file" : probe->format ? "damaged picture" : "not a picture";
    return looker->decoded ? FOV_OK
                           : findings_add(looker->findings, looker->part, FOV_FINDING_ERROR, kind, path, "error", error,
                                          "%s", probe->why);
}

static int folder_look_one(void *user, size_t index, const struct probe *probe, struct error *error)
{
    struct folder_looker *looker = user;
    struct findings *findings = looker->findings;
    const char *path = looker->paths[index], *named = probe_name(path);
    int part = looker->part, status = FOV_OK;
    if (probe->status != FOV_OK) {
        return probe->status == FOV_E_MEMORY ? error_set(error, FOV_E_MEMORY, "%s", probe->why)
                                             : folder_look_unreadable(looker, path, probe, error);
    }
    looker->sizes[looker->first + index][0] = (uint16_t)probe->height;
    looker->sizes[looker->first + index][1] = (uint16_t)probe->width;
    looker->colour += probe->channels == 3;
    if (probe->channels == 1 && looker->grey++ == 0) {
        looker->first_grey = looker->first + index;
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

static int folder_compare_areas(const void *a, const void *b)
{
    const uint16_t *first = a, *second = b;
    uint32_t left = (uint32_t)first[0] * first[1], right = (uint32_t)second[0] * second[1];
    return left < right ? -1 : left > right;
}

/* Pictures far larger or smaller than most: a thumbnail among photographs, a scan among icons. */
static int folder_look_areas(const struct folder_looker *looker, const struct folder_scan *scan, size_t count,
                             struct error *error)
{
    struct memory *memory = scan->memory;
    uint16_t(*sorted)[2] = memory_allocate_raw(memory, count + 1, sizeof *sorted, "sizes", error);
    if (sorted == NULL) {
        return FOV_E_MEMORY;
    }
    size_t known = 0, number = 0;
    for (size_t i = 0; i < count; i++) {
        if (looker->sizes[i][0] > 0) {
            memcpy(sorted[known++], looker->sizes[i], sizeof *sorted);
        }
    }
    qsort(sorted, known, sizeof *sorted, folder_compare_areas);
    uint64_t usual = known > 0 ? (uint64_t)sorted[known / 2][0] * sorted[known / 2][1] : 0;
    memory_free(memory, sorted);
    int status = FOV_OK;
    for (int role = 0; role < FOLDER_ROLES; role++) {
        const struct folder_part *part = &scan->part[role];
        for (size_t i = 0; part->labelled && i < part->count && status == FOV_OK; i++, number++) {
            uint64_t height = looker->sizes[number][0], width = looker->sizes[number][1], area = height * width;
            if (area > 0 && (area > LOOK_AREA * usual || LOOK_AREA * area < usual)) {
                status = findings_add(looker->findings, role, FOV_FINDING_WARNING, "extreme size", part->paths[i],
                                      "used", error, "%d x %d pixels: far %s than most", (int)height, (int)width,
                                      area > usual ? "larger" : "smaller");
            }
        }
    }
    return status;
}

static int folder_look_pictures(struct fov_context *context, const struct folder_scan *scan, bool decoded,
                                struct findings *findings, struct error *error)
{
    struct folder_looker looker = {.findings = findings, .decoded = decoded};
    size_t count = 0;
    for (int role = 0; role < FOLDER_ROLES; role++) {
        count += scan->part[role].labelled ? scan->part[role].count : 0;
    }
    looker.sizes = memory_allocate(scan->memory, count + 1, sizeof *looker.sizes, "sizes", error);
    int status = looker.sizes ? FOV_OK : FOV_E_MEMORY;
    const char *grey = NULL;
    for (int role = 0; role < FOLDER_ROLES && status == FOV_OK; role++) {
        const struct folder_part *part = &scan->part[role];
        if (!part->labelled) {
            continue;
        }
        looker.part = role;
        looker.paths = part->paths;
        size_t before = looker.grey;
        status = folder_probe(context, part->paths, part->count, folder_look_one, &looker, error);
        grey = before == 0 && looker.grey > 0 ? part->paths[looker.first_grey - looker.first] : grey;
        looker.first += part->count;
    }
    if (status == FOV_OK && looker.grey > 0 && looker.colour > 0) {
        status =
            findings_add(findings, FINDING_OF_ALL, FOV_FINDING_NOTE, "grey among colour", grey, "used with 3 channels",
                         error, "the first of %zu grey pictures; %zu are in colour", looker.grey, looker.colour);
    }
    status = status ? status : folder_look_areas(&looker, scan, count, error);
    memory_free(scan->memory, looker.sizes);
    return status;
}

int folder_look(struct fov_context *context, const char *directory, bool decoded, struct findings *findings,
                struct error *error)
{
    struct folder_scan scan;
    int status = folder_scan(&scan, directory, context->memory, error);
    if (status == FOV_OK) {
        *findings = scan.findings;
        scan.findings = (struct findings){.memory = context->memory};
        status = folder_look_pictures(context, &scan, decoded, findings, error);
    }
    folder_scan_free(&scan);
    return status;
}
