/* SPDX-License-Identifier: MIT */
/* Looks for weights that are NaN, infinite or denormal, and for negative variances. One NaN makes every output NaN, and
 * nothing else tells where it came from. fovea computes with denormals flushed to zero, other programs may not. Loading
 * weights therefore reports the tensors that hold such numbers. Weights that stay in their file are read piece by piece
 * and not kept in memory. */
#include "base/size.h"
#include "base/text.h"
#include "model/model.h"
#include "tensor/convert.h"
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { PIECE = 1024, NAMES = 4, MANY = 100 /* 1 in 100 elements */, CHUNK = 1 << 20, PART = 1 << 15 /* bytes */ };

/** The scan of one tensor. Loading a large model scans hundreds of megabytes, so all threads read, each in parts that
 *  stay in the cache. */
struct scan {
    const fov_graph *graph;
    int              id;
    atomic_size_t    odd, tiny; /* elements: NaN or infinite; denormal */
    atomic_bool      failed;
    struct error     error; /* of the thread that failed first */
};

/** Numbers of elements. odd: not finite (the exponent's bits are all ones); tiny: denormal (the exponent's bits are all
 *  zeros, the number is not zero). */
struct count {
    size_t odd, tiny;
};

/** In blocks of a fixed size, which compilers vectorise: a model's first prediction waits for this scan. */
static struct count count_bits(const uint32_t *bits, size_t count)
{
    enum { BLOCK = 64 };
    struct count total = {0, 0};
    for (; count >= BLOCK; bits += BLOCK, count -= BLOCK) {
        uint32_t odd = 0, tiny = 0;
        for (size_t i = 0; i < BLOCK; i++) {
            odd += (bits[i] & 0x7f800000u) == 0x7f800000u;
            tiny += (bits[i] & 0x7fffffffu) - 1u < 0x007fffffu;
        }
        total.odd += odd;
        total.tiny += tiny;
    }
    for (size_t i = 0; i < count; i++) {
        total.odd += (bits[i] & 0x7f800000u) == 0x7f800000u;
        total.tiny += (bits[i] & 0x7fffffffu) - 1u < 0x007fffffu;
    }
    return total;
}

static size_t count_odd_numbers(fov_dtype dtype, const void *data, size_t count)
{
    size_t odd = 0;
    double numbers[PIECE];
    for (size_t at = 0; at < count; at += PIECE) {
        size_t some = count - at < PIECE ? count - at : PIECE;
        convert_to_double(dtype, (const unsigned char *)data + at * fov_dtype_size(dtype), numbers, some);
        for (size_t i = 0; i < some; i++) {
            odd += isfinite(numbers[i]) ? 0 : 1;
        }
    }
    return odd;
}

static void scan_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    struct scan        *scan = context;
    const struct value *value = graph_value(scan->graph, scan->id);
    struct error        error = {0}; /* of this thread */
    size_t              width = fov_dtype_size(value->dtype), end = (chunk + 1) * CHUNK;
    struct count        total = {0, 0};
    uint32_t            bits[PART / sizeof(uint32_t)];
    end = end < value->bytes ? end : value->bytes;
    for (size_t at = chunk * CHUNK; at < end; at += PART) {
        size_t bytes = end - at < PART ? end - at : PART;
        if (graph_read(scan->graph, scan->id, at, bits, bytes, &error) != 0) {
            if (!atomic_exchange(&scan->failed, true)) {
                scan->error = error;
            }
            return;
        }
        struct count part = value->dtype == FOV_F32
                                ? count_bits(bits, bytes / sizeof *bits)
                                : (struct count){count_odd_numbers(value->dtype, bits, bytes / width), 0};
        total.odd += part.odd;
        total.tiny += part.tiny;
    }
    atomic_fetch_add(&scan->odd, total.odd);
    atomic_fetch_add(&scan->tiny, total.tiny);
}

/** How many elements of a parameter are NaN or infinite, and how many denormal. */
static int count_odd(const fov_graph *graph, int id, size_t *odd, size_t *tiny, struct error *error)
{
    struct scan scan = {.graph = graph, .id = id};
    pool_run(graph->context->pool, scan_chunk, &scan, size_divide_up(graph_value(graph, id)->bytes, CHUNK));
    *odd = atomic_load(&scan.odd);
    *tiny = atomic_load(&scan.tiny);
    return atomic_load(&scan.failed) ? (int)error_set(error, scan.error.status, "%s", scan.error.text) : 0;
}

/** E_INPUT: a batch norm has a negative variance, of which it would take the square root. */
static int check_variances(const fov_graph *graph, const char *path, struct error *error)
{
    enum { VARIANCE = 4 /* input of batch_norm */ };
    char name[80];
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        int id = strcmp(node->op->name, "batch_norm") == 0 && node->in_count > VARIANCE ? node->in[VARIANCE] : 0;
        const struct value *value = graph_value(graph, id);
        if (id == 0 || value->dtype != FOV_F32 || (value->data == NULL && value->file == NULL)) {
            continue;
        }
        float piece[PIECE];
        for (size_t at = 0; at < value->bytes; at += sizeof piece) {
            size_t bytes = value->bytes - at < sizeof piece ? value->bytes - at : sizeof piece;
            int    status = graph_read(graph, id, at, piece, bytes, error);
            for (size_t i = 0; !status && i < bytes / sizeof *piece; i++) {
                if (piece[i] < 0) {
                    status = error_set(error, FOV_E_INPUT,
                                       "%s: batch_norm \"%s\": the variance of channel %zu is negative (%g)", path,
                                       text_escape(name, sizeof name, node->name), at / sizeof *piece + i,
                                       (double)piece[i]);
                }
            }
            if (status) {
                return status;
            }
        }
    }
    return 0;
}

/** The names of the first few tensors with a fault, and how many tensors have it. */
struct naming {
    char   list[400];
    size_t used, tensors;
};

static void name_tensor(struct naming *naming, const struct value *value, size_t count)
{
    char name[80];
    if (naming->tensors++ >= NAMES) {
        return;
    }
    naming->used = text_append(naming->list, sizeof naming->list, naming->used, "%s\"%s\" (%zu of %zu)",
                               naming->used > 0 ? ", " : "", text_escape(name, sizeof name, value->name), count,
                               value->bytes / fov_dtype_size(value->dtype));
}

/** A warning, or under `strict` an error. */
static int tell(fov_model *model, const char *path, const struct naming *naming, const char *what)
{
    const char *s = naming->tensors == 1 ? "" : "s", *rest = naming->tensors > NAMES ? ", ..." : "";
    if (naming->tensors > 0 && model->context->strict) {
        return error_set(&model->context->error, FOV_E_INPUT, "%s: %zu tensor%s with %s: %s%s", path, naming->tensors,
                         s, what, naming->list, rest);
    }
    if (naming->tensors > 0) {
        context_log(model->context, FOV_LOG_WARNING, "%s: %zu tensor%s with %s: %s%s", path, naming->tensors, s, what,
                    naming->list, rest);
    }
    return 0;
}

int model_check_finite(fov_model *model, const char *path)
{
    const fov_graph *graph = model->graph;
    struct error    *error = &model->context->error;
    struct naming    odd = {.used = 0}, tiny = {.used = 0};
    bool             heard = model->context->strict || model->context->log != NULL; /* else there is no way to report */
    for (size_t id = 1; heard && id < graph->value_count; id++) {
        const struct value *value = graph_value(graph, (int)id);
        size_t              odd_count = 0, tiny_count = 0;
        bool                floats = value->dtype == FOV_F32 || value->dtype == FOV_F16 || value->dtype == FOV_F64;
        if (value->kind != VALUE_PARAMETER || !floats || (value->data == NULL && value->file == NULL)) {
            continue; /* weights that are not drawn yet will be finite */
        }
        int status = count_odd(graph, (int)id, &odd_count, &tiny_count, error);
        if (status) {
            error_prefix(error, "%s", path);
            return status;
        }
        if (odd_count > 0) {
            name_tensor(&odd, value, odd_count);
        }
        if (tiny_count > value->bytes / sizeof(float) / MANY) { /* every network has a few */
            name_tensor(&tiny, value, tiny_count);
        }
    }
    int status = tell(model, path, &odd, "weights that are NaN or infinite");
    status = status ? status : tell(model, path, &tiny, "many weights so small that they count as zero (denormal)");
    return status ? status : check_variances(graph, path, error);
}
