/* SPDX-License-Identifier: MIT */
/* The samples that the model got most wrong, as pictures. */
#include "device/context.h"
#include "review/review.h"
#include "transform/pipeline.h"
#include <math.h>
#include <stdio.h>

enum { LARGEST_SIDE = 160 /* pixels of a thumbnail */ };

/* Pictures are made small for the page; grey ones stay grey. */
static int add_thumbnail(struct text *html, struct review *review, int64_t index, const char *description)
{
    struct error *error = &review->context->error;
    fov_sample sample;
    int status = fov_dataset_read(review->data, index, &sample);
    if (status != FOV_OK) {
        return status;
    }
    int side = sample.height > sample.width ? sample.height : sample.width;
    if (side <= LARGEST_SIDE) {
        return page_picture(html, sample.pixels, sample.height, sample.width, sample.channels, LARGEST_SIDE, description,
                            error);
    }
    int height = (int)((int64_t)sample.height * LARGEST_SIDE / side), width = (int)((int64_t)sample.width * LARGEST_SIDE / side);
    height = height > 0 ? height : 1;
    width = width > 0 ? width : 1;
    struct resize_scratch scratch = {.memory = review->memory};
    uint8_t *small = memory_allocate(review->memory, (size_t)height * (size_t)width, (size_t)sample.channels,
                                     "a thumbnail", error);
    status = small != NULL ? image_resize(sample.pixels, sample.height, sample.width, sample.channels, small, height,
                                          width, &scratch, error)
                           : FOV_E_MEMORY;
    status = status == FOV_OK
                 ? page_picture(html, small, height, width, sample.channels, LARGEST_SIDE, description, error)
                 : status;
    memory_free(review->memory, small);
    resize_free(&scratch);
    return status;
}

int review_samples(struct text *html, struct review *review)
{
    int status = FOV_OK;
    if (review->worst_count < 1) {
        return FOV_OK;
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
