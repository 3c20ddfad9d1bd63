/* SPDX-License-Identifier: MIT */
/* SimOTA and YOLOX's loss in a plan: runs the definitions of assign.c and loss.c, one picture per thread. A thread
 * converts its picture's numbers to double in its own workspace, so the results equal those of the definition; sums
 * over pictures are taken in the order of pictures. */
#include "op/common.h"
#include "op/yolox_loss/yolox.h"

#include "tensor/convert.h"
#include <stdio.h>
#include <string.h>

enum { ROWS, OBJECTS, OBJECT, OVERLAP, DLOSS };

/* Sizes: pictures; per picture, the rows, the numbers of all rows, and the numbers of the objects' lines. */
struct sizes {
    size_t pictures, rows, numbers, lines;
};

static struct sizes sizes_of(const struct op_tensor *in)
{
    const fov_shape *rows = &in[ROWS].shape, *objects = &in[OBJECTS].shape;
    return (struct sizes){.pictures = (size_t)rows->dim[0],
                          .rows = (size_t)rows->dim[1],
                          .numbers = (size_t)(rows->dim[1] * rows->dim[2]),
                          .lines = (size_t)(objects->dim[1] * objects->dim[2])};
}

/* A thread's workspace: its picture's data in double. */
struct picture {
    double *rows, *lines, *object, *overlap, *rest;
};

static struct picture picture_in(const struct op_run *run, const struct sizes *s, int worker)
{
    double *at = op_worker_scratch(run, worker);
    struct picture picture = {.rows = at};
    picture.lines = picture.rows + s->numbers;
    picture.object = picture.lines + s->lines;
    picture.overlap = picture.object + s->rows;
    picture.rest = picture.overlap + s->rows;
    return picture;
}

static size_t count_doubles(const struct sizes *s, size_t rest)
{
    return s->numbers + s->lines + 2 * s->rows + rest;
}

static void widen(const struct op_tensor *from, size_t n, size_t count, double *to)
{
    convert_to_double(FOV_F32, (const float *)from->data + n * count, to, count);
}

static void narrow(const double *from, const struct op_tensor *to, size_t n, size_t count)
{
    if (to->data != NULL) {
        convert_from_double(FOV_F32, from, (float *)to->data + n * count, count);
    }
}

static struct yolox_sample sample_in(const struct op_run *run, const struct sizes *s, const struct picture *picture,
                                     size_t n)
{
    widen(&run->in[ROWS], n, s->numbers, picture->rows);
    widen(&run->in[OBJECTS], n, s->lines, picture->lines);
    return yolox_sample_of(run->options, &run->in[ROWS].shape, &run->in[OBJECTS].shape, picture->rows, picture->lines);
}

/* ---- assignment -------------------------------------------------------------------------------------------------- */

static void assign_picture(void *context, size_t n, int worker)
{
    const struct op_run *run = context;
    struct sizes s = sizes_of(run->in);
    struct picture picture = picture_in(run, &s, worker);
    struct yolox_sample sample = sample_in(run, &s, &picture, n);
    sample.workspace = picture.rest;
    yolox_assign(&sample, picture.object, picture.overlap);
    narrow(picture.object, &run->out[0], n, s.rows);
    narrow(picture.overlap, &run->out[1], n, s.rows);
}

static void run_assign(const struct op_run *run)
{
    struct op_run copy = *run; /* the pool's context is not const */
    pool_run(run->pool, assign_picture, &copy, sizes_of(run->in).pictures);
}

static int finish_compile(struct op_compile *compile, op_function *run, size_t rest)
{
    struct sizes s = sizes_of(compile->in);
    compile->scratch_per_worker = count_doubles(&s, rest) * sizeof(double);
    compile->run = run;
    snprintf(compile->detail, sizeof compile->detail, "in double, a picture to a thread");
    return FOV_OK;
}

static int compile_assign(struct op_compile *compile)
{
    struct sizes s = sizes_of(compile->in);
    return finish_compile(compile, run_assign, s.numbers + (YOLOX_CACHED - 5) * s.rows);
}

const struct op_cpu yolox_assign_cpu = {.layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = compile_assign};

/* ---- loss -------------------------------------------------------------------------------------------------------- */

/* The number of rows with an object in the batch; 1 if there are none. */
static double count_found(const struct op_run *run, const struct sizes *s)
{
    const float *object = run->in[OBJECT].data;
    double found = 0;
    for (size_t i = 0; i < s->pictures * s->rows; i++) {
        found += object[i] >= 0;
    }
    return found > 1 ? found : 1;
}

static double loss_of_picture(const struct op_run *run, const struct sizes *s, size_t n, int worker, double *slope)
{
    struct picture picture = picture_in(run, s, worker);
    struct yolox_sample sample = sample_in(run, s, &picture, n);
    widen(&run->in[OBJECT], n, s->rows, picture.object);
    widen(&run->in[OVERLAP], n, s->rows, picture.overlap);
    return yolox_sample_loss(&sample, picture.object, picture.overlap, slope);
}

static void loss_picture(void *context, size_t n, int worker)
{
    const struct op_run *run = context;
    struct sizes s = sizes_of(run->in);
    ((double *)run->scratch)[n] = loss_of_picture(run, &s, n, worker, NULL);
}

static void run_loss(const struct op_run *run)
{
    struct op_run copy = *run;
    struct sizes s = sizes_of(run->in);
    double sum = 0;
    pool_run(run->pool, loss_picture, &copy, s.pictures);
    for (size_t n = 0; n < s.pictures; n++) {
        sum += ((const double *)run->scratch)[n];
    }
    sum /= count_found(run, &s);
    narrow(&sum, &run->out[0], 0, 1);
}

static int compile_loss(struct op_compile *compile)
{
    compile->scratch = sizes_of(compile->in).pictures * sizeof(double);
    return finish_compile(compile, run_loss, 0);
}

const struct op_cpu yolox_loss_cpu = {.layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = compile_loss};

/* ---- gradient ---------------------------------------------------------------------------------------------------- */

static void slope_picture(void *context, size_t n, int worker)
{
    const struct op_run *run = context;
    struct sizes s = sizes_of(run->in);
    double *slope = picture_in(run, &s, worker).rest, found = *(const double *)run->scratch;
    double dloss = (double)*(const float *)run->in[DLOSS].data;
    memset(slope, 0, s.numbers * sizeof *slope);
    loss_of_picture(run, &s, n, worker, slope);
    for (size_t i = 0; i < s.numbers; i++) {
        slope[i] = slope[i] / found * dloss;
    }
    narrow(slope, &run->out[0], n, s.numbers);
}

static void run_gradient(const struct op_run *run)
{
    struct op_run copy = *run;
    struct sizes s = sizes_of(run->in);
    *(double *)run->scratch = count_found(run, &s);
    pool_run(run->pool, slope_picture, &copy, s.pictures);
}

static int compile_gradient(struct op_compile *compile)
{
    compile->scratch = sizeof(double);
    return finish_compile(compile, run_gradient, sizes_of(compile->in).numbers);
}

const struct op_cpu yolox_loss_gradient_cpu = {
    .layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = compile_gradient};
