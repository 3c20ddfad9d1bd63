/* SPDX-License-Identifier: MIT */
/* A thin layer over jansson. Text is made valid UTF-8 and numbers finite before, so that lack of memory is the only
 * failure left. */
#include "json.h"
#include "output.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DIGITS = 9,         /* enough to tell any two float32 apart */
    DOUBLE_DIGITS = 17, /* enough to tell any two doubles apart */
    MOST_BYTES = 1 << 30
};

static json_t *need(json_t *value)
{
    if (value == NULL) {
        fputs("fovea: out of memory\n", stderr);
        exit(EXIT_MEMORY);
    }
    return value;
}

void json_set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, need(value)) != 0) {
        need(NULL);
    }
}

void json_add(json_t *array, json_t *value)
{
    if (json_array_append_new(array, need(value)) != 0) {
        need(NULL);
    }
}

json_t *json_from_text(const char *text)
{
    json_t *value = json_string(text); /* NULL where it is not UTF-8 */
    if (value != NULL) {
        return value;
    }
    size_t length = strlen(text), n = 0;
    char *plain = take_memory(length + 1, 3), one[8];
    for (size_t i = 0; i < length; i++) {
        /* Byte by byte, as such text is rare and short: ASCII stays, all other bytes are replaced. */
        snprintf(one, sizeof one, "%s", (unsigned char)text[i] < 0x80 ? (char[]){text[i], '\0'} : "\xef\xbf\xbd");
        memcpy(plain + n, one, strlen(one));
        n += strlen(one);
    }
    value = need(json_stringn(plain, n));
    free(plain);
    return value;
}

json_t *json_from_number(double number)
{
    return need(isfinite(number) ? json_real(number) : json_null());
}

json_t *json_from_plane(const float *values, int height, int width)
{
    json_t *rows = json_array();
    for (int y = 0; y < height; y++) {
        json_t *row = json_array();
        for (int x = 0; x < width; x++) {
            json_add(row, json_from_number((double)values[y * width + x]));
        }
        json_add(rows, row);
    }
    return rows;
}

json_t *json_from_planes(const float *values, int channels, int height, int width)
{
    json_t *planes = json_array();
    for (int c = 0; c < channels; c++) {
        json_add(planes, json_from_plane(values + (size_t)c * (size_t)height * (size_t)width, height, width));
    }
    return planes;
}

json_t *json_from_shape(const fov_shape *shape)
{
    json_t *array = need(json_array());
    for (int i = 0; i < shape->rank; i++) {
        json_add(array, shape->dim[i] == FOV_BATCH ? json_string("N") : json_integer(shape->dim[i]));
    }
    return array;
}

void json_set_text(json_t *object, const char *key, const char *text)
{
    json_set(object, key, json_from_text(text));
}

void json_set_integer(json_t *object, const char *key, int64_t number)
{
    json_set(object, key, json_integer(number));
}

void json_set_number(json_t *object, const char *key, double number)
{
    json_set(object, key, json_from_number(number));
}

void json_set_flag(json_t *object, const char *key, bool flag)
{
    json_set(object, key, json_boolean(flag));
}

static void print(struct cli *cli, json_t *object, size_t digits)
{
    char *text = json_dumps(object, JSON_REAL_PRECISION(digits));
    if (text == NULL) {
        need(NULL);
    }
    fprintf(cli->out, "%s\n", text);
    free(text);
    json_decref(object);
}

void json_print(struct cli *cli, json_t *object)
{
    print(cli, object, DIGITS);
}

void json_print_exactly(struct cli *cli, json_t *object)
{
    print(cli, object, DOUBLE_DIGITS);
}

/* Opens a regular file, without blocking where the path is a FIFO; -1 with errno. */
static int open_regular(const char *path, int flags)
{
    struct stat about;
    int file = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
    if (file >= 0 && (fstat(file, &about) != 0 || !S_ISREG(about.st_mode))) {
        close(file);
        errno = S_ISDIR(about.st_mode) ? EISDIR : EINVAL;
        file = -1;
    }
    return file;
}

static int complain(char *problem, size_t size, int code, const char *format, ...) CLI_PRINTF(4, 5);
static int complain(char *problem, size_t size, int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(problem, size, format, list);
    va_end(list);
    return code;
}

/* Reads the whole file, with a terminating 0; NULL with errno. */
static char *read_all(int file, size_t *length)
{
    size_t capacity = 1 << 12, used = 0;
    char *text = take_memory(capacity, 1);
    for (ssize_t got = 1; got != 0;) {
        if (used + 1 == capacity) {
            char *larger = take_memory(2 * capacity, 1);
            memcpy(larger, text, used);
            free(text);
            text = larger;
            capacity *= 2;
        }
        got = read(file, text + used, capacity - used - 1);
        used += got > 0 ? (size_t)got : 0;
        if ((got < 0 && errno != EINTR) || used > MOST_BYTES) {
            errno = got < 0 ? errno : EFBIG;
            free(text);
            return NULL;
        }
    }
    *length = used;
    return text;
}

json_t *json_read(const char *path, size_t flags, char **text, int *code, char *problem, size_t size)
{
    json_error_t error;
    size_t length = 0;
    int file = open_regular(path, O_RDONLY);
    char *bytes = file >= 0 ? read_all(file, &length) : NULL;
    int reason = errno;
    json_t *object = bytes != NULL ? json_loadb(bytes, length, flags | JSON_REJECT_DUPLICATES, &error) : NULL;
    *code = EXIT_OK;
    if (file >= 0) {
        close(file);
    }
    if (bytes == NULL) {
        *code = complain(problem, size, EXIT_IO, "%s: cannot read: %s", path,
                         reason == EINVAL ? "not a regular file" : strerror(reason));
    } else if (object == NULL) {
        *code = complain(problem, size, EXIT_INPUT, "%s: no JSON at line %d: %s", path, error.line, error.text);
    }
    if (text != NULL && object != NULL) {
        *text = bytes;
    } else {
        free(bytes);
    }
    return object;
}

/* Writes a temporary file beside `path` and renames it after fsync, so that a crash leaves the old file or the new
 * one. */
int json_save(const char *path, json_t *object)
{
    char name[4096];
    int length = snprintf(name, sizeof name, "%s.new", path), opened = -1;
    errno = ENAMETOOLONG;
    if (length > 0 && (size_t)length < sizeof name) {
        opened = open_regular(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    }
    FILE *file = opened >= 0 ? fdopen(opened, "w") : NULL;
    int status = -1, reason = file != NULL ? 0 : errno;
    if (file != NULL) {
        status = json_dumpf(object, file, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS));
        status = fputc('\n', file) == EOF || fflush(file) != 0 || fsync(fileno(file)) != 0 ? -1 : status;
        reason = errno;
        if (fclose(file) != 0 && status == 0) {
            status = -1;
            reason = errno;
        }
        if (status == 0 && rename(name, path) != 0) {
            status = -1;
            reason = errno;
        }
        if (status != 0) {
            remove(name);
        }
    }
    json_decref(object);
    errno = reason;
    return status;
}
