/* SPDX-License-Identifier: MIT */
/* The samples that the model got most wrong, as pictures. */
#include "device/context.h"
#include "review/review.h"
#include "image/resize.h"
#include <fovea/session.h>
#include <math.h>
#include <stdio.h>

enum {
    LARGEST_SIDE = 160, /* pixels of a thumbnail */
    DRAWN_SIDE = 256,   /* of a picture that shows a mask */
    BOXES_SIDE = 420,   /* of a picture with boxes, whose names must stay readable */
    MOST_DRAWN = 8
};

/* Adds a picture, reduced if a side is longer than `most` pixels. */
static int add_small(struct text *html, struct review *review, const fov_image *picture, int most,
                     const char *description)
{
    struct error *error = &review->context->error;
    int side = picture->height > picture->width ? picture->height : picture->width;
    if (side <= most) {
        return page_picture(html, picture->pixels, picture->height, picture->width, picture->channels, most, description,
                            error);
    }
    int height = (int)((int64_t)picture->height * most / side), width = (int)((int64_t)picture->width * most / side);
    height = height > 0 ? height : 1;
    width = width > 0 ? width : 1;
    struct resize_scratch scratch = {.memory = review->memory};
    uint8_t *small = memory_allocate(review->memory, (size_t)height * (size_t)width, (size_t)picture->channels,
                                     "a thumbnail", error);
    int status = small != NULL ? image_resize(picture->pixels, picture->height, picture->width, picture->channels, small,
                                              height, width, &scratch, error)
                               : FOV_E_MEMORY;
    status = status == FOV_OK
                 ? page_picture(html, small, height, width, picture->channels, most, description, error)
                 : status;
    memory_free(review->memory, small);
    resize_free(&scratch);
    return status;
}

static int add_thumbnail(struct text *html, struct review *review, int64_t index, const char *description)
{
    fov_sample sample;
    int status = fov_dataset_read(review->data, index, &sample);
    if (status != FOV_OK) {
        return status;
    }
    const fov_image picture = {.height = sample.height,
                               .width = sample.width,
                               .channels = sample.channels,
                               .pixels = (uint8_t *)(uintptr_t)sample.pixels};
    return add_small(html, review, &picture, LARGEST_SIDE, description);
}

/* Adds an answer, drawn over its picture. */
static int add_drawn(struct text *html, struct review *review, const fov_answer *answer, const fov_image *picture,
                     const char *description)
{
    fov_image drawn = {.pixels = NULL};
    int status = fov_answer_draw(review->context, answer, answer->picture.pixels == NULL ? picture : NULL, &drawn);
    int side = answer->boxes != NULL ? BOXES_SIDE : DRAWN_SIDE;
    status = status == FOV_OK ? add_small(html, review, &drawn, side, description) : status;
    fov_image_free(&drawn);
    return status;
}

/* A sample's true objects as the boxes of an answer, without scores. *answer owns the boxes only. */
static int true_boxes(struct review *review, const fov_sample *sample, fov_answer *answer)
{
    fov_answer_box *boxes = memory_allocate(review->memory, (size_t)sample->box_count, sizeof *boxes, "boxes",
                                            &review->context->error);
    for (int64_t i = 0; boxes != NULL && i < sample->box_count; i++) {
        const fov_box *is = &sample->boxes[i];
        boxes[i] = (fov_answer_box){.index = is->label,
                                    .name = fov_dataset_class(review->data, is->label),
                                    .score = (double)NAN,
                                    .x1 = (double)is->x1,
                                    .y1 = (double)is->y1,
                                    .x2 = (double)is->x2,
                                    .y2 = (double)is->y2};
    }
    *answer = (fov_answer){.boxes = boxes, .box_count = sample->box_count, .owner = review->memory};
    return boxes != NULL ? FOV_OK : FOV_E_MEMORY;
}

/* Answers a picture; a failure's sentence goes from the session to the context. */
static int answer_picture(struct review *review, fov_session *session, const fov_image *picture, fov_answer *answer)
{
    int status = fov_session_answer(session, picture, answer);
    return status == FOV_OK ? FOV_OK
                            : error_set(&review->context->error, (fov_status)status, "%s", fov_session_error(session));
}

/* Adds two pictures of a sample: its true boxes, and those that the model finds. */
static int add_boxes(struct text *html, struct review *review, fov_session *session, int64_t index)
{
    fov_sample sample;
    fov_answer truth = {.count = 0}, answer = {.count = 0};
    int status = fov_dataset_read(review->data, index, &sample);
    if (status != FOV_OK) {
        return status;
    }
    const fov_image picture = {.height = sample.height,
                               .width = sample.width,
                               .channels = sample.channels,
                               .pixels = (uint8_t *)(uintptr_t)sample.pixels};
    status = true_boxes(review, &sample, &truth);
    status = status == FOV_OK ? add_drawn(html, review, &truth, &picture, "what is right") : status;
    status = status == FOV_OK ? answer_picture(review, session, &picture, &answer) : status;
    status = status == FOV_OK ? add_drawn(html, review, &answer, &picture, "what the model says") : status;
    fov_answer_free(&truth);
    fov_answer_free(&answer);
    return status;
}

/* Adds three pictures of a sample: the input, the target, and what the model made of the input. */
static int add_triple(struct text *html, struct review *review, fov_session *session, int64_t index)
{
    fov_sample sample;
    fov_answer answer = {.count = 0};
    int status = fov_dataset_read(review->data, index, &sample);
    if (status != FOV_OK) {
        return status;
    }
    const fov_image picture = {.height = sample.height,
                               .width = sample.width,
                               .channels = sample.channels,
                               .pixels = (uint8_t *)(uintptr_t)sample.pixels};
    const fov_answer truth = {.mask = {.height = sample.height,
                                       .width = sample.width,
                                       .channels = 1,
                                       .pixels = (uint8_t *)(uintptr_t)sample.mask},
                              .picture = {.height = sample.other_height,
                                          .width = sample.other_width,
                                          .channels = sample.other_channels,
                                          .pixels = (uint8_t *)(uintptr_t)sample.other}};
    status = add_small(html, review, &picture, DRAWN_SIDE, "the picture");
    status = status == FOV_OK ? add_drawn(html, review, &truth, &picture, "what is right") : status;
    status = status == FOV_OK ? answer_picture(review, session, &picture, &answer) : status;
    status = status == FOV_OK ? add_drawn(html, review, &answer, &picture, "what the model says") : status;
    fov_answer_free(&answer);
    return status;
}

/* The worst samples of a task whose answers can be drawn: masks, pictures, boxes. */
static int add_triples(struct text *html, struct review *review)
{
    fov_session *session = fov_session_create(review->model, NULL);
    int status = session != NULL ? FOV_OK : (int)review->context->error.status;
    bool has_boxes = fov_dataset_describe(review->data).target == FOV_TARGET_BOXES;
    page_section(html, "Worst samples",
                 has_boxes ? "The greatest losses first. From the left: what is right, what the model says."
                           : "The greatest losses first. From the left: the picture, what is right, what the model says.");
    text_add(html, "<ul class=\"samples %s\">", has_boxes ? "pairs" : "triple");
    for (int i = 0; i < review->worst_count && i < MOST_DRAWN && status == FOV_OK; i++) {
        const struct review_sample *sample = &review->worst[i];
        text_add(html, "<li><div>");
        status = has_boxes ? add_boxes(html, review, session, sample->index)
                           : add_triple(html, review, session, sample->index);
        text_add(html, "</div>sample %lld, loss %.3f</li>", (long long)sample->index, sample->loss);
    }
    text_add(html, "</ul>");
    page_section_end(html);
    fov_session_free(session);
    if (status == FOV_E_UNSUPPORTED) { /* a build without PNG */
        error_clear(&review->context->error);
        status = FOV_OK;
    }
    return status;
}

int review_samples(struct text *html, struct review *review)
{
    int status = FOV_OK;
    if (review->worst_count < 1) {
        return FOV_OK;
    }
    fov_target target = fov_dataset_describe(review->data).target;
    if (target == FOV_TARGET_MASK || target == FOV_TARGET_PICTURE || target == FOV_TARGET_BOXES) {
        return add_triples(html, review);
    }
    bool judged = review->worst[0].truth >= 0;
    page_section(html, judged ? "Worst mistakes" : "Worst samples",
                 judged ? "What it was surest of and yet wrong about: the greatest losses first. Labels can be wrong, too."
                        : "The greatest losses first.");
    text_add(html, "<ul class=\"samples\">");
    for (int i = 0; i < review->worst_count && status == FOV_OK; i++) {
        const struct review_sample *sample = &review->worst[i];
        char description[64];
        snprintf(description, sizeof description, "sample %lld", (long long)sample->index);
        text_add(html, "<li>");
        status = add_thumbnail(html, review, sample->index, description);
        if (status == FOV_E_UNSUPPORTED) { /* a build without PNG says the rest in words */
            error_clear(&review->context->error);
            status = FOV_OK;
        }
        if (judged) {
            text_add(html, "<b>");
            page_text(html, fov_model_class(review->model, sample->answer));
            text_add(html, "</b> %.1f %%<br>is ", 100 * sample->probability);
            page_text(html, fov_model_class(review->model, sample->truth));
            text_add(html, "<br>");
        }
        text_add(html, "%s, loss %.2f</li>", description, sample->loss);
    }
    text_add(html, "</ul>");
    page_section_end(html);
    return status;
}
