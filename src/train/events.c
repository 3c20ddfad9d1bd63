/* SPDX-License-Identifier: MIT */
/* Writes event files: protocol buffers encoded by hand, since there are only four small messages, in TensorFlow's
 * record format. */
#include "train/events.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LARGEST_FILE = 1 << 30, BUCKETS = 30, HEAD = 12, TAIL = 4 };

/* ---- protocol buffers -------------------------------------------------------------------------------------------- */

enum wire { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

static void put_varint(struct text *out, uint64_t value)
{
    do {
        char byte = (char)((value & 127) | (value > 127 ? 128 : 0));
        text_add_bytes(out, &byte, 1);
        value >>= 7;
    } while (value != 0);
}

static void put_key(struct text *out, int field, enum wire wire)
{
    put_varint(out, (uint64_t)field << 3 | (uint64_t)wire);
}

/* Appends an integer of `bytes` bytes, little-endian on every machine. */
static void put_fixed(struct text *out, uint64_t bits, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        char byte = (char)(bits >> (8 * i) & 255);
        text_add_bytes(out, &byte, 1);
    }
}

static void put_double(struct text *out, int field, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(out, field, FIXED64);
    put_fixed(out, bits, 8);
}

static void put_float(struct text *out, int field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(out, field, FIXED32);
    put_fixed(out, bits, 4);
}

static void put_bytes(struct text *out, int field, const void *bytes, size_t size)
{
    put_key(out, field, BYTES);
    put_varint(out, size);
    text_add_bytes(out, bytes, size);
}

/* Appends a finished message to another one as a field, and frees it. */
static void put_message(struct text *out, int field, struct text *message)
{
    put_bytes(out, field, text_string(message), message->length);
    out->failed |= message->failed;
    text_free(message);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

/* CRC-32C (Castagnoli), masked as in TensorFlow. Computed bit by bit, since there are only a few kilobytes an epoch. */
static uint32_t masked_checksum(const char *bytes, size_t size)
{
    uint32_t crc = 0xffffffffU;
    for (size_t i = 0; i < size; i++) {
        crc ^= (uint8_t)bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0x82f63b78U & (0U - (crc & 1U)));
        }
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8U;
}

static void put_record(struct text *out, struct text *event)
{
    size_t begin = out->length;
    put_fixed(out, event->length, 8);
    put_fixed(out, out->failed ? 0 : masked_checksum(out->data + begin, 8), 4);
    text_add_bytes(out, text_string(event), event->length);
    put_fixed(out, masked_checksum(text_string(event), event->length), 4);
    out->failed |= event->failed;
    text_free(event);
}

static uint64_t get_fixed(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

/* The step of an event, which follows the wall time as in events written here; 0: the event has none. */
static uint64_t step_of(const uint8_t *event, uint64_t size)
{
    enum { AT = 9 }; /* after a key and a double */
    uint64_t step = 0;
    if (size < AT + 2 || event[AT] != (2 << 3 | VARINT)) {
        return 0;
    }
    for (uint64_t i = AT + 1, shift = 0; i < size && shift < 63; i++, shift += 7) {
        step |= (uint64_t)(event[i] & 127) << shift;
        if (event[i] < 128) {
            break;
        }
    }
    return step;
}

/* Length of the file's part that consists of whole records of epochs up to `epoch`. */
static size_t good_bytes(const uint8_t *bytes, size_t size, int64_t epoch)
{
    size_t at = 0;
    while (size - at >= HEAD + TAIL) {
        uint64_t length = get_fixed(bytes + at, 8);
        if (length > size - at - HEAD - TAIL || step_of(bytes + at + HEAD, length) > (uint64_t)epoch ||
            get_fixed(bytes + at + 8, 4) != masked_checksum((const char *)bytes + at, 8)) {
            break;
        }
        at += HEAD + (size_t)length + TAIL;
    }
    return at;
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void begin_event(struct text *event, struct memory *memory, int64_t step)
{
    *event = (struct text){.memory = memory};
    put_double(event, 1, (double)time(NULL));
    if (step > 0) {
        put_key(event, 2, VARINT);
        put_varint(event, (uint64_t)step);
    }
}

static void add_scalar(struct text *summary, const char *name, double value)
{
    struct text one = {.memory = summary->memory};
    put_bytes(&one, 1, name, strlen(name));
    put_float(&one, 2, (float)value);
    put_message(summary, 1, &one);
}

/* HistogramProto with buckets of equal width; numbers that are not finite are left out. */
static void add_histogram(struct text *summary, const char *name, const float *values, size_t count)
{
    double low = INFINITY, high = -INFINITY, sum = 0.0, squares = 0.0, counts[BUCKETS] = {0}, number = 0.0;
    struct text one = {.memory = summary->memory}, histogram = {.memory = summary->memory};
    for (size_t i = 0; i < count; i++) {
        double x = (double)values[i];
        if (isfinite(x)) {
            low = fmin(low, x);
            high = fmax(high, x);
            sum += x;
            squares += x * x;
            number += 1.0;
        }
    }
    if (number < 1.0) {
        return;
    }
    double width = high > low ? (high - low) / BUCKETS : 1.0;
    for (size_t i = 0; i < count; i++) {
        if (isfinite(values[i])) {
            int bucket = (int)(((double)values[i] - low) / width);
            counts[bucket < BUCKETS ? bucket : BUCKETS - 1] += 1.0;
        }
    }
    put_double(&histogram, 1, low);
    put_double(&histogram, 2, high);
    put_double(&histogram, 3, number);
    put_double(&histogram, 4, sum);
    put_double(&histogram, 5, squares);
    for (int field = 6; field <= 7; field++) { /* upper limits, then counts; both packed */
        put_key(&histogram, field, BYTES);
        put_varint(&histogram, BUCKETS * sizeof(double));
        for (int b = 0; b < BUCKETS; b++) {
            double value = field == 7 ? counts[b] : b + 1 < BUCKETS ? low + (b + 1) * width : fmax(high, low + width);
            uint64_t bits;
            memcpy(&bits, &value, sizeof bits);
            put_fixed(&histogram, bits, 8);
        }
    }
    put_bytes(&one, 1, name, strlen(name));
    put_message(&one, 5, &histogram);
    put_message(summary, 1, &one);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

int events_begin(const char *path, struct memory *memory, struct error *error)
{
    static const char version[] = "brain.Event:2";
    struct text file = {.memory = memory}, event;
    begin_event(&event, memory, 0);
    put_bytes(&event, 3, version, sizeof version - 1);
    put_record(&file, &event);
    int status = file.failed ? error_set(error, FOV_E_MEMORY, "%s: no memory to write it", path)
                             : file_write(path, text_string(&file), file.length, NULL, error);
    text_free(&file);
    return status;
}

int events_resume(const char *path, int64_t epoch, struct memory *memory, struct error *error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!file_exists(path)) {
        return events_begin(path, memory, error);
    }
    int status = file_read(path, LARGEST_FILE, memory, &bytes, &size, error);
    size_t good = status == FOV_OK ? good_bytes(bytes, size, epoch) : 0;
    if (status == FOV_OK) {
        status = good > 0 ? file_write(path, bytes, good, NULL, error) : events_begin(path, memory, error);
    }
    memory_free(memory, bytes);
    return status;
}

/* Appends in place, so that a reader that follows the file sees it grow. A kill may leave half a record, which readers
 * skip. */
static int append(const char *path, const struct text *record, struct error *error)
{
    const struct file_system *system = file_system_default();
    int file = system->open(system->user, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666), why = errno;
    bool written = file >= 0;
    for (size_t done = 0; written && done < record->length;) {
        ssize_t now = system->write(system->user, file, record->data + done, record->length - done);
        why = now == 0 ? EIO : errno;
        written = now > 0 || (now < 0 && why == EINTR);
        done += now > 0 ? (size_t)now : 0;
    }
    if (file >= 0 && system->close(system->user, file) != 0 && written) {
        why = errno;
        written = why == EINTR;
    }
    return written ? FOV_OK : error_set(error, FOV_E_IO, "%s: cannot write: %s", path, strerror(why));
}

int events_add(const char *path, const struct history *history, const struct training_step *step, struct error *error)
{
    struct memory *memory = history->memory;
    struct text file = {.memory = memory}, event, summary = {.memory = memory};
    size_t row = history->count - 1;
    for (int c = 1; c < history->columns; c++) {
        double value = history_at(history, row, c);
        if (!isnan(value)) {
            add_scalar(&summary, history->names[c], value);
        }
    }
    for (size_t v = 1; v < step->graph->value_count; v++) {
        const struct value *value = graph_value(step->graph, (int)v);
        if (value->kind == VALUE_PARAMETER && value->dtype == FOV_F32 && value->data != NULL &&
            step->of_model[value->number] != 0) {
            add_histogram(&summary, value->name, value->data, value->bytes / sizeof(float));
        }
    }
    begin_event(&event, memory, (int64_t)history->count);
    put_message(&event, 5, &summary);
    put_record(&file, &event);
    int status = file.failed ? error_set(error, FOV_E_MEMORY, "%s: no memory to write it", path)
                             : append(path, &file, error);
    text_free(&file);
    return status;
}
