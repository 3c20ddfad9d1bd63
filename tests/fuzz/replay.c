/* SPDX-License-Identifier: MIT */
/* Runs a fuzz harness on files, or on all files of folders: for compilers without libFuzzer, for valgrind, to replay a
 * finding, and as a test (tests/fuzz/replay.sh). */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static long files;

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "replay: cannot read %s\n", path);
        return 4;
    }
    size_t   size = (size_t)ftell(file);
    uint8_t *bytes = malloc(size + (size == 0)); /* exact size: sanitizers find a read of one byte too many */
    rewind(file);
    if (bytes == NULL || fread(bytes, 1, size, file) != size) {
        return 4;
    }
    fclose(file);
    fprintf(stderr, "%s\n", path); /* the last line names the file of a finding */
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    files++;
    return 0;
}

static int run_folder(const char *path, DIR *folder)
{
    int status = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL && status == 0; entry = readdir(folder)) {
        char name[4096];
        int  length = snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && length > 0 && (size_t)length < sizeof name) {
            status = run_file(name);
        }
    }
    return status;
}

int main(int count, char **paths)
{
    int status = 0;
    for (int i = 1; i < count && status == 0; i++) {
        DIR *folder = opendir(paths[i]);
        status = folder != NULL ? run_folder(paths[i], folder) : run_file(paths[i]);
        if (folder != NULL) {
            closedir(folder);
        }
    }
    printf("%ld files\n", files);
    if (status == 0 && files == 0) {
        fprintf(stderr, "replay: no file to run\n");
        status = 4;
    }
    return status;
}
