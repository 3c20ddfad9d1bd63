/* SPDX-License-Identifier: MIT */
/* Reading and writing .npy. The header is a Python literal; only the form that NumPy writes is understood, by a parser
 * that makes one pass over at most NPY_MAX_HEADER bytes, nests nothing and evaluates nothing. */
#include "io/npy.h"
#include "base/text.h"
#include "io/sniff.h"
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are used as they lie: little-endian machines only");

static const char magic[] = "\x93NUMPY";

enum { MAGIC_BYTES = 6, TYPE_TEXT = 40 };

static const struct {
    const char *descr; /* without the byte order */
    fov_dtype   dtype;
} types[] = {
    {"f2", FOV_F16}, {"f4", FOV_F32}, {"f8", FOV_F64}, {"i1", FOV_I8},  {"i2", FOV_I16}, {"i4", FOV_I32},
    {"i8", FOV_I64}, {"u1", FOV_U8},  {"u2", FOV_U16}, {"u4", FOV_U32}, {"u8", FOV_U64}, {"b1", FOV_BOOL},
};

/* ---- the header's text ------------------------------------------------------------------------------------------- */

struct header {
    const char    *file;
    const uint8_t *bytes; /* the whole file: `at` and `end` are offsets in it */
    size_t         at, end;
    struct npy    *npy;
    struct error  *error;
};

static int complain(const struct header *header, const char *what)
{
    char got[40] = "the end of the header";
    if (header->at < header->end) {
        uint8_t byte = header->bytes[header->at];
        snprintf(got, sizeof got, byte > 32 && byte < 127 ? "'%c'" : "byte 0x%02x", byte);
    }
    return error_set(header->error, FOV_E_INPUT, "%s: byte %zu: header: expected %s (got %s)", header->file, header->at,
                     what, got);
}

static void skip_spaces(struct header *header)
{
    while (header->at < header->end && header->bytes[header->at] == ' ') {
        header->at++;
    }
}

/** Takes `wanted` if it comes next, after spaces. */
static bool take(struct header *header, char wanted)
{
    skip_spaces(header);
    if (header->at < header->end && header->bytes[header->at] == (uint8_t)wanted) {
        header->at++;
        return true;
    }
    return false;
}

static bool take_word(struct header *header, const char *word)
{
    size_t length = strlen(word);
    skip_spaces(header);
    if (header->end - header->at < length || memcmp(header->bytes + header->at, word, length) != 0) {
        return false;
    }
    header->at += length;
    return true;
}

/** A string in either kind of quotes, without escapes: NumPy writes none in its keys and type names. */
static int read_string(struct header *header, char *text, size_t room)
{
    char quote = take(header, '\'') ? '\'' : take(header, '"') ? '"' : '\0';
    if (quote == '\0') {
        return complain(header, "a string");
    }
    size_t length = 0;
    while (header->at < header->end && header->bytes[header->at] != (uint8_t)quote) {
        uint8_t byte = header->bytes[header->at];
        if (byte < 32 || byte > 126 || byte == '\\' || length + 1 >= room) {
            return complain(header, length + 1 >= room ? "a shorter string" : "a plain character");
        }
        text[length++] = (char)byte;
        header->at++;
    }
    text[length] = '\0';
    return take(header, quote) ? 0 : complain(header, "the end of the string");
}

/* ---- its three entries ------------------------------------------------------------------------------------------- */

static int read_descr(struct header *header)
{
    char   text[TYPE_TEXT];
    size_t start = header->at;
    skip_spaces(header);
    if (header->at < header->end && header->bytes[header->at] == '[') {
        return error_set(header->error, FOV_E_UNSUPPORTED,
                         "%s: byte %zu: descr: structured arrays are not supported (expected one type like '<f4')",
                         header->file, header->at);
    }
    int status = read_string(header, text, sizeof text);
    if (status) {
        return status;
    }
    bool        ordered = text[0] != '\0' && strchr("<>|=", text[0]) != NULL;
    const char *kind = text + ordered;
    if (kind[0] == 'O') {
        return error_set(header->error, FOV_E_UNSUPPORTED,
                         "%s: byte %zu: descr: '%s' are Python objects, and pickled objects are never loaded",
                         header->file, start, text);
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(kind, types[i].descr) == 0 && (fov_dtype_size(types[i].dtype) == 1 || (ordered && text[0] != '|'))) {
            header->npy->dtype = types[i].dtype;
            header->npy->swapped = text[0] == '>' && fov_dtype_size(types[i].dtype) > 1;
            return 0;
        }
    }
    return error_set(
        header->error, FOV_E_UNSUPPORTED,
        "%s: byte %zu: descr: type '%s' is not supported (supported: f2, f4, f8, i1 to i8, u1 to u8, b1, in either "
        "byte order)",
        header->file, start, text);
}

static int read_fortran_order(struct header *header)
{
    header->npy->fortran_order = take_word(header, "True");
    if (!header->npy->fortran_order && !take_word(header, "False")) {
        return complain(header, "fortran_order: True or False");
    }
    return 0;
}

static int read_dimension(struct header *header, int64_t *dimension)
{
    size_t start = header->at;
    *dimension = 0;
    while (header->at < header->end && header->bytes[header->at] >= '0' && header->bytes[header->at] <= '9') {
        int64_t digit = header->bytes[header->at] - '0';
        if (*dimension > (INT64_MAX - digit) / 10) {
            return error_set(header->error, FOV_E_INPUT, "%s: byte %zu: shape: dimension out of range", header->file,
                             start);
        }
        *dimension = *dimension * 10 + digit;
        header->at++;
    }
    if (header->at == start) {
        return complain(header, "shape: a whole number of 0 or more");
    }
    if (header->at < header->end && header->bytes[header->at] == 'L') { /* Python 2 wrote long numbers so */
        header->at++;
    }
    return 0;
}

/** A Python tuple: "()", "(3,)", "(3, 4)"; "(3)" without its comma is none. */
static int read_shape(struct header *header)
{
    fov_shape *shape = &header->npy->shape;
    bool       comma = true;
    if (!take(header, '(')) {
        return complain(header, "shape: a tuple like (2, 3)");
    }
    while (!take(header, ')')) {
        if (!comma) {
            return complain(header, "shape: ',' or ')'");
        }
        if (shape->rank == FOV_MAX_RANK) {
            return error_set(header->error, FOV_E_UNSUPPORTED, "%s: byte %zu: shape: more than %d dimensions",
                             header->file, header->at, FOV_MAX_RANK);
        }
        int status = read_dimension(header, &shape->dim[shape->rank]);
        if (status) {
            return status;
        }
        shape->rank++;
        comma = take(header, ',');
    }
    return shape->rank == 1 && !comma ? complain(header, "shape: a tuple: one dimension is written (3,)") : 0;
}

static int read_dict(struct header *header)
{
    static const struct {
        const char *key;
        int (*read)(struct header *header);
    } entries[] = {{"descr", read_descr}, {"fortran_order", read_fortran_order}, {"shape", read_shape}};
    enum { ENTRIES = 3 };
    bool seen[ENTRIES] = {false}, comma = true;
    if (!take(header, '{')) {
        return complain(header, "a dict");
    }
    while (!take(header, '}')) {
        char   key[TYPE_TEXT];
        size_t start = header->at, i = 0;
        if (!comma) {
            return complain(header, "',' or '}'");
        }
        int status = read_string(header, key, sizeof key);
        if (status) {
            return status;
        }
        while (i < ENTRIES && strcmp(key, entries[i].key) != 0) {
            i++;
        }
        if (i == ENTRIES || seen[i]) {
            return error_set(header->error, FOV_E_INPUT, "%s: byte %zu: header: %s key '%s'", header->file, start,
                             i == ENTRIES ? "unknown" : "repeated", key);
        }
        seen[i] = true;
        if (!take(header, ':')) {
            return complain(header, "':'");
        }
        status = entries[i].read(header);
        if (status) {
            return status;
        }
        comma = take(header, ',');
    }
    for (size_t i = 0; i < ENTRIES; i++) {
        if (!seen[i]) {
            return error_set(header->error, FOV_E_INPUT, "%s: byte %zu: header: key '%s' is missing", header->file,
                             header->at, entries[i].key);
        }
    }
    skip_spaces(header);
    if (header->at + 1 != header->end || header->bytes[header->at] != '\n') {
        return complain(header, "spaces and a newline at its end");
    }
    header->at++;
    return 0;
}

/* ---- the whole file ---------------------------------------------------------------------------------------------- */

/** Reads magic, version and header length; sets header->at and ->end to the begin and end of the header's text. */
static int read_prefix(struct header *header, size_t size)
{
    const uint8_t *bytes = header->bytes;
    const char    *hint = sniff_hint(sniff_content(bytes, size));
    size_t         known = size < MAGIC_BYTES ? size : MAGIC_BYTES;
    if (memcmp(bytes, magic, known) != 0) {
        return error_set(header->error, FOV_E_INPUT, "%s: not a .npy file (starts with byte 0x%02x)%s", header->file,
                         bytes[0], hint);
    }
    if (size < MAGIC_BYTES + 2) {
        return error_set(header->error, FOV_E_INPUT, "%s: truncated: need %d bytes at offset 0, file has %zu%s",
                         header->file, MAGIC_BYTES + 2, size, size == 0 ? hint : "");
    }
    int major = bytes[MAGIC_BYTES], minor = bytes[MAGIC_BYTES + 1];
    if (major < 1 || major > 3 || minor != 0) {
        return error_set(header->error, FOV_E_UNSUPPORTED,
                         "%s: byte %d: version %d.%d is not supported (supported: 1.0, 2.0, 3.0)", header->file,
                         MAGIC_BYTES, major, minor);
    }
    size_t field = major == 1 ? 2 : 4, start = MAGIC_BYTES + 2 + field, length = 0;
    if (size < start) {
        return error_set(header->error, FOV_E_INPUT, "%s: truncated: need %zu bytes at offset %d, file has %zu",
                         header->file, field, MAGIC_BYTES + 2, size);
    }
    for (size_t i = field; i-- > 0;) {
        length = length << 8 | bytes[MAGIC_BYTES + 2 + i];
    }
    if (length > NPY_MAX_HEADER) {
        return error_set(header->error, FOV_E_INPUT,
                         "%s: byte %d: header length out of range (got %zu, limit %d bytes)", header->file,
                         MAGIC_BYTES + 2, length, NPY_MAX_HEADER);
    }
    if (length > size - start) {
        return error_set(header->error, FOV_E_INPUT,
                         "%s: truncated: need %zu bytes at offset %zu for the header, file has %zu", header->file,
                         length, start, size);
    }
    header->at = start;
    header->end = start + length;
    return 0;
}

static int check_data(struct npy *npy, const struct header *header, size_t size)
{
    char   shape[SHAPE_TEXT_SIZE];
    size_t rest = size - header->end;
    if (!shape_count(&npy->shape, &npy->count) || !shape_bytes(&npy->shape, npy->dtype, &npy->bytes)) {
        return error_set(header->error, FOV_E_INPUT, "%s: size overflow in shape %s", header->file,
                         shape_text(&npy->shape, shape));
    }
    if (npy->bytes > rest) {
        return error_set(header->error, FOV_E_INPUT,
                         "%s: truncated: need %zu bytes at offset %zu for %s %s, file has %zu", header->file,
                         npy->bytes, header->end, fov_dtype_name(npy->dtype), shape_text(&npy->shape, shape), size);
    }
    if (npy->bytes < rest) {
        return error_set(header->error, FOV_E_INPUT, "%s: %zu unexpected bytes after end (at offset %zu)", header->file,
                         rest - npy->bytes, header->end + npy->bytes);
    }
    npy->data = header->bytes + header->end;
    return 0;
}

int npy_parse(struct npy *npy, const char *name, const uint8_t *bytes, size_t size, struct error *error)
{
    struct header header = {.file = name, .bytes = bytes, .npy = npy, .error = error};
    *npy = (struct npy){.data = NULL};
    int status = read_prefix(&header, size);
    if (!status) {
        status = read_dict(&header);
    }
    if (!status) {
        status = check_data(npy, &header, size);
    }
    if (status) {
        *npy = (struct npy){.data = NULL};
    }
    return status;
}

void npy_copy(const struct npy *npy, void *data)
{
    size_t   size = fov_dtype_size(npy->dtype);
    uint8_t *to = data;
    int64_t  index[FOV_MAX_RANK] = {0};
    int64_t  stride[FOV_MAX_RANK]; /* elements, in the file */
    int64_t  step = 1, place = 0;
    if (npy->count == 0) { /* the product of the other dimensions, computed below, might overflow */
        return;
    }
    shape_strides(&npy->shape, stride);
    for (int axis = 0; axis < npy->shape.rank && npy->fortran_order; axis++) {
        stride[axis] = step;
        step *= npy->shape.dim[axis];
    }
    for (size_t k = 0; k < npy->count; k++) {
        const uint8_t *from = npy->data + (size_t)place * size;
        for (size_t i = 0; i < size; i++) {
            to[k * size + i] = npy->swapped ? from[size - 1 - i] : from[i];
        }
        if (npy->dtype == FOV_BOOL) {
            to[k] = to[k] != 0;
        }
        /* Advances to the next index in plain order, and `place` to its position in the file. */
        for (int axis = npy->shape.rank - 1; axis >= 0; axis--) {
            place += stride[axis];
            if (++index[axis] < npy->shape.dim[axis]) {
                break;
            }
            place -= stride[axis] * npy->shape.dim[axis];
            index[axis] = 0;
        }
    }
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static const char *descr_of(fov_dtype dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].dtype == dtype) {
            return types[i].descr;
        }
    }
    return NULL;
}

int npy_write(const char *path, fov_dtype dtype, const fov_shape *shape, const void *data,
              const struct file_system *system, struct error *error)
{
    enum { PREFIX = 10 };
    char        header[8 * NPY_ALIGNMENT], dims[SHAPE_TEXT_SIZE] = "";
    const char *descr = descr_of(dtype);
    size_t      bytes, used = 0;
    if (descr == NULL || !shape_bytes(shape, dtype, &bytes)) {
        return error_set(error, FOV_E_USAGE, "%s: not an array of a known type and shape", path);
    }
    for (int axis = 0; axis < shape->rank; axis++) {
        used = text_append(dims, sizeof dims, used, axis > 0 ? ", %lld" : "%lld", (long long)shape->dim[axis]);
    }
    size_t end = text_append(header, sizeof header, PREFIX,
                             "{'descr': '%c%s', 'fortran_order': False, 'shape': (%s%s), }",
                             fov_dtype_size(dtype) == 1 ? '|' : '<', descr, dims, shape->rank == 1 ? "," : "");
    size_t start = (end + NPY_ALIGNMENT) / NPY_ALIGNMENT * NPY_ALIGNMENT;
    memset(header + end, ' ', start - end);
    header[start - 1] = '\n';
    memcpy(header, magic, MAGIC_BYTES);
    header[MAGIC_BYTES] = 1;
    header[MAGIC_BYTES + 1] = 0;
    header[MAGIC_BYTES + 2] = (char)((start - PREFIX) & 255);
    header[MAGIC_BYTES + 3] = (char)((start - PREFIX) >> 8);
    struct file_writer writer;
    int                status = file_writer_open(&writer, path, system, error);
    if (!status) {
        status = file_writer_write(&writer, header, start, error);
    }
    if (!status) {
        status = file_writer_write(&writer, data, bytes, error);
    }
    return status ? status : file_writer_commit(&writer, error);
}
