/* SPDX-License-Identifier: MIT */
/* libFuzzer harness: any bytes as an archive, all of whose files are listed and read, as a table, as box annotations of
 * three formats, or as a mask. The first byte says which. */
#include "data/list.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Reads every file in a folder of the store, and in the folders below it. */
static void read_all(const struct store *store, struct memory *memory, const char *folder, int depth)
{
    char **names = NULL, path[DATA_PATH_SIZE];
    size_t count = 0;
    if (depth > 12 || store_list(store, folder, memory, &names, &count, NULL) != FOV_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t *content = NULL;
        size_t length;
        if (file_join(path, sizeof path, folder, names[i], NULL) != FOV_OK) {
            continue;
        }
        if (store_look(store, path) == STORE_FOLDER) {
            read_all(store, memory, path, depth + 1);
        } else if (store_read(store, path, 1 << 20, memory, &content, &length, NULL) == FOV_OK) {
            memory_free(memory, content);
        }
    }
    memory_free(memory, names);
}

static void put(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size) {
        abort();
    }
    fclose(file);
}

static void try_archive(const char *path)
{
    struct memory *memory = memory_create(NULL, 64 << 20);
    struct error error = {.status = FOV_OK};
    struct store *store = NULL;
    int status = store_open(&store, path, memory, &error);
    if (status == FOV_OK) {
        read_all(store, memory, path, 0);
        store_close(store);
    } else if (error.text[0] == '\0') {
        abort();
    }
    if (memory_in_use(memory) != 0) {
        abort();
    }
    memory_destroy(memory);
}

static void try_dataset(const char *source)
{
    static fov_context *context;
    if (context == NULL) {
        context = fov_context_create(&(fov_context_options){.threads = 1, .max_memory = 64 << 20});
    }
    fov_error_clear(context);
    size_t before = memory_in_use(context->memory);
    fov_dataset *data = fov_dataset_open(context, source, FOV_TRAIN);
    if (data == NULL && fov_error(context)[0] == '\0') {
        abort();
    }
    for (int64_t i = 0; i < fov_dataset_describe(data).count && i < 8; i++) {
        fov_sample sample;
        (void)!fov_dataset_read(data, i, &sample);
    }
    fov_dataset_free(data);
    if (memory_in_use(context->memory) != before) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char folder[400], path[8][420];
    static const char *const names[] = {
        "a.zip", "a.tar", "t.csv", "c.json", "data.yaml", "labels/1.txt", "Annotations/1.xml", "masks/1.png"};
    /* A picture of 1 x 1 pixels, to which tables and annotations may refer. */
    static const uint8_t bitmap[] = {'B', 'M', 58, 0, 0, 0, 0, 0, 0,  0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0,
                                     0,   0,   1,  0, 0, 0, 1, 0, 24, 0, 0,  0, 0, 0, 4,  0, 0, 0, 0, 0,
                                     0,   0,   0,  0, 0, 0, 0, 0, 0,  0, 0,  0, 0, 0, 9,  9, 9, 0};
    if (*folder == '\0') {
        static const char *const made[] = {"labels", "images", "Annotations", "JPEGImages", "masks"};
        const char *top = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/fovea-fuzz-XXXXXX", top != NULL ? top : "/tmp");
        if (mkdtemp(folder) == NULL) {
            abort();
        }
        for (size_t i = 0; i < 8; i++) {
            snprintf(path[i], sizeof path[i], "%s/%zu", folder, i);
            (void)file_make_directories(path[i], NULL);
            for (size_t k = 0; k < sizeof made / sizeof *made; k++) {
                char inner[1000];
                snprintf(inner, sizeof inner, "%.419s/%s", path[i], made[k]);
                (void)file_make_directories(inner, NULL);
                snprintf(inner, sizeof inner, "%.419s/%s/1.bmp", path[i], k % 2 ? made[k] : ".");
                put(inner, bitmap, sizeof bitmap);
            }
        }
    }
    if (size == 0) {
        return 0;
    }
    size_t which = bytes[0] % 8;
    char file[500];
    snprintf(file, sizeof file, "%s/%s", path[which], names[which]);
    put(file, bytes + 1, size - 1);
    if (which < 2) {
        try_archive(file);
    } else {
        try_dataset(which == 2 || which == 3 || which == 4 ? file : path[which]);
    }
    return 0;
}
