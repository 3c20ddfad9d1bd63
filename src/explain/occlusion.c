/* SPDX-License-Identifier: MIT */
/* Occlusion: a square is put over each part of the picture in turn; a pixel's number is by how much the score fell, the
 * mean over the squares that covered it. Zeiler, Fergus, "Visualizing and understanding convolutional networks", ECCV
 * 2014, section 4.2. The last squares of a row and a column are cut off at the edge. */
#include "explain/explain.h"
#include <string.h>

struct squares {
    int window, stride, down, across;
};

static struct squares plan_squares(const struct explain_job *job)
{
    const struct model_picture *p = &job->explainer->picture;
    int shorter = p->height < p->width ? p->height : p->width;
    struct squares s = {.window = job->options->window, .stride = job->options->stride};
    s.window = s.window > 0 ? s.window : shorter / 8 > 1 ? shorter / 8 : 1;
    s.window = s.window < shorter ? s.window : shorter;
    s.stride = s.stride > 0 ? s.stride : s.window / 2 > 1 ? s.window / 2 : 1;
    s.stride = s.stride < s.window ? s.stride : s.window; /* every pixel is covered */
    s.down = (p->height - s.window + s.stride - 1) / s.stride + 1;
    s.across = (p->width - s.window + s.stride - 1) / s.stride + 1;
    return s;
}

static int end_of(int begin, int window, int size)
{
    return begin + window < size ? begin + window : size;
}

static void cover(const struct explain_job *job, const struct squares *s, int number, float *out)
{
    const fov_explainer *e = job->explainer;
    int top = number / s->across * s->stride, left = number % s->across * s->stride;
    memcpy(out, e->input, e->pixels * sizeof *out);
    for (int c = 0; c < e->picture.channels; c++) {
        for (int y = top; y < end_of(top, s->window, e->picture.height); y++) {
            for (int x = left; x < end_of(left, s->window, e->picture.width); x++) {
                size_t i = explain_place(e, c, y, x);
                out[i] = job->baseline[i];
            }
        }
    }
}

static void count(const struct explain_job *job, const struct squares *s, int number, double fall, double *sums,
                  int *counts)
{
    const struct model_picture *p = &job->explainer->picture;
    int top = number / s->across * s->stride, left = number % s->across * s->stride;
    for (int y = top; y < end_of(top, s->window, p->height); y++) {
        for (int x = left; x < end_of(left, s->window, p->width); x++) {
            size_t i = (size_t)y * (size_t)p->width + (size_t)x;
            sums[i] += fall;
            counts[i]++;
        }
    }
}

static int run(struct explain_job *job)
{
    fov_explainer *e = job->explainer;
    struct memory *memory = e->model->context->memory;
    struct squares s = plan_squares(job);
    size_t area = (size_t)e->picture.height * (size_t)e->picture.width;
    int total = s.down * s.across;
    fov_plan *plan = explain_plan(e, false, total);
    double *sums = memory_allocate(memory, area, sizeof *sums, "occlusion", job->error);
    int *counts = memory_allocate(memory, area, sizeof *counts, "occlusion", job->error);
    int status = (int)job->error->status;
    int rows = status == FOV_OK ? explain_rows(e, plan) : 1;
    for (int done = 0; done < total && status == FOV_OK; done += rows) {
        int take = total - done < rows ? total - done : rows;
        for (int row = 0; row < take; row++) {
            cover(job, &s, done + row, explain_input(e, plan, row));
        }
        status = explain_run(e, plan, take, job->error);
        for (int row = 0; row < take && status == FOV_OK; row++) {
            count(job, &s, done + row, e->score - explain_score(e, plan, row), sums, counts);
        }
    }
    for (size_t i = 0; i < area && status == FOV_OK; i++) {
        job->result->values[i] = (float)(sums[i] / counts[i]);
    }
    job->result->runs = total;
    job->result->window = s.window;
    job->result->stride = s.stride;
    memory_free(memory, sums);
    memory_free(memory, counts);
    return status;
}

const struct explain_method explain_occlusion = {
    .text = {.name = "occlusion",
             .title = "Occlusion",
             .summary = "by how much the score falls when that part of the picture is covered",
             .source = "Zeiler and Fergus, Visualizing and understanding convolutional networks, ECCV 2014"},
    .run = run,
};
