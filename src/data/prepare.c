/* SPDX-License-Identifier: MIT */
/* Preparing one sample at a time: its picture is cropped and resized, or warped with its targets, then normalised. */
#include "data/prepare.h"
#include "data/prepare_fit.h"
#include <string.h>

enum { DEGRADE_PLACE = 255 /* place in the key of degrade's random numbers, above that of any transform */ };
enum { BOX_DIFFICULT = 1U, BOX_CROWD = 2U }; /* pipeline_box.marks */

/* ---- options ----------------------------------------------------------------------------------------------------- */

static int check_options(const struct prepare_options *options, struct error *error)
{
    const fov_preprocessing *p = &options->preprocessing;
    if (options->size.channels != 1 && options->size.channels != 3) {
        return (int)error_set(error, FOV_E_SHAPE, "pictures have 1 or 3 channels, the network's input has %d",
                              options->size.channels);
    }
    if (options->size.height < 1 || options->size.width < 1 || options->size.height > IMAGE_MAX_SIDE ||
        options->size.width > IMAGE_MAX_SIDE) {
        return (int)error_set(error, FOV_E_SHAPE, "an input of %d x %d pixels is out of range (1 to %d)",
                              options->size.height, options->size.width, IMAGE_MAX_SIDE);
    }
    // compared without a sum that could overflow
    if (p->pad < 0 || p->pad > (options->size.height - 1) / 2 || p->pad > (options->size.width - 1) / 2) {
        return (int)error_set(error, FOV_E_SHAPE, "preprocessing pads by %d: no room is left in %d x %d", p->pad,
                              options->size.height, options->size.width);
    }
    if (!(p->scale >= 0.0F && p->scale < 1e6F) || p->shorter < 0 || p->shorter > IMAGE_MAX_SIDE || p->crop < 0 ||
        p->crop > IMAGE_MAX_SIDE) {
        return (int)error_set(error, FOV_E_INPUT,
                              "preprocessing: scale %g, shorter side %d, crop %d make no sense (sides: 1 to %d)",
                              (double)p->scale, p->shorter, p->crop, IMAGE_MAX_SIDE);
    }
    if (options->target == PREPARE_MASK && options->augment != NULL && pipeline_blends(options->augment) != NULL) {
        return (int)error_set(error, FOV_E_UNSUPPORTED,
                              "%s: a pixel of a mask is of one class; cutmix and mosaic can be had",
                              pipeline_blends(options->augment));
    }
    bool is_fitted = p->fit > FOV_FIT_STRETCH || p->shorter > 0 || p->crop > 0;
    bool is_cut = p->shorter > 0 || p->crop > 0 || p->letterbox != FOV_LETTERBOX_NONE;
    if ((unsigned)p->fit > FOV_FIT_INK || (unsigned)p->invert > FOV_INVERT_AUTO ||
        (p->fit > FOV_FIT_STRETCH && is_cut)) {
        return (int)error_set(
            error, FOV_E_INPUT,
            "preprocessing: fit %d, invert %d, shorter side %d, crop %d, letterbox %d do not go together", (int)p->fit,
            (int)p->invert, p->shorter, p->crop, (int)p->letterbox);
    }
    if (options->target != PREPARE_PICTURE && is_fitted) {
        return (int)error_set(error, FOV_E_UNSUPPORTED,
                              "preprocessing that cuts a piece out of a picture or moves it is for classes; here the "
                              "target goes with the whole picture");
    }
    if (p->letterbox != FOV_LETTERBOX_NONE && (p->shorter > 0 || p->crop > 0 || p->pad > 0)) {
        return (int)error_set(
            error, FOV_E_INPUT,
            "preprocessing: a letterbox keeps the whole picture; it goes with no cutting and padding");
    }
    if (p->letterbox != FOV_LETTERBOX_NONE && options->target != PREPARE_PICTURE && options->target != PREPARE_BOXES) {
        return (int)error_set(error, FOV_E_UNSUPPORTED,
                              "preprocessing by letterbox is for pictures alone and for boxes");
    }
    for (int c = 0; c < options->size.channels; c++) {
        // negated, so that NaN is refused as well
        if (!(p->mean[c] > -1e6F && p->mean[c] < 1e6F) || !(p->deviation[c] >= 0.0F && p->deviation[c] < 1e6F)) {
            return (int)error_set(error, FOV_E_INPUT,
                                  "preprocessing of channel %d: mean %g, deviation %g make no sense", c,
                                  (double)p->mean[c], (double)p->deviation[c]);
        }
    }
    return FOV_OK;
}

/* Computes the fields that follow from the options and need no memory. */
static void set_constants(struct preparation *preparation)
{
    const struct prepare_options *o = &preparation->options;
    const fov_preprocessing *p = &o->preprocessing;
    preparation->inner_height = o->size.height - 2 * p->pad;
    preparation->inner_width = o->size.width - 2 * p->pad;
    preparation->values = (size_t)o->size.height * (size_t)o->size.width * (size_t)o->size.channels;
    preparation->swaps = p->bgr && o->size.channels == 3;
    for (int c = 0; c < o->size.channels; c++) {
        int own = preparation->swaps ? 2 - c : c; /* the network's index of the picture's channel c */
        double unit = p->scale > 0.0F ? 255.0 * (double)p->scale : 1.0, deviation = (double)p->deviation[own];
        preparation->mean[c] = (float)((double)p->mean[own] / unit);
        preparation->deviation[c] = (float)((deviation > 0 ? deviation : 1.0) / unit);
        preparation->border[c] = (0.0F - preparation->mean[c]) / preparation->deviation[c];
    }
}

int preparation_open(struct preparation *preparation, struct fov_context *context,
                     const struct prepare_options *options, struct error *error)
{
    *preparation = (struct preparation){.options = *options, .memory = context->memory, .kernel = context->kernel};
    int status = check_options(options, error);
    if (status == FOV_OK) {
        set_constants(preparation);
    }
    bool may_stay = options->augment == NULL || options->augment_epochs > 0;
    if (status == FOV_OK && options->target != PREPARE_PICTURE && may_stay) {
        preparation->still = pipeline_create(context->memory, "none", error);
        status = preparation->still ? FOV_OK : (int)error->status;
    }
    return status;
}

void preparation_close(struct preparation *preparation)
{
    pipeline_free(preparation->still);
    preparation->still = NULL;
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

int preparer_widen(struct preparer *preparer, const struct preparation *preparation, struct error *error)
{
    struct memory *memory = preparation->memory;
    const struct prepare_options *o = &preparation->options;
    size_t inner = (size_t)preparation->inner_height * (size_t)preparation->inner_width * (size_t)o->size.channels;
    if (inner > preparer->resized_bytes) {
        memory_free(memory, preparer->resized);
        preparer->resized = memory_allocate_raw(memory, inner, 1, "the loader's pixels", error);
        preparer->resized_bytes = preparer->resized != NULL ? inner : 0;
        if (preparer->resized == NULL) {
            return FOV_E_MEMORY;
        }
    }
    if (o->plain && o->size.channels > 1 && preparation->values > preparer->plain_values) {
        memory_free(memory, preparer->plain);
        preparer->plain =
            memory_allocate_raw(memory, preparation->values, sizeof(float), "the loader's pixels", error);
        preparer->plain_values = preparer->plain != NULL ? preparation->values : 0;
        if (preparer->plain == NULL) {
            return FOV_E_MEMORY;
        }
    }
    return FOV_OK;
}

int preparer_open(struct preparer *preparer, const struct preparation *preparation, struct error *error)
{
    struct memory *memory = preparation->memory;
    *preparer = (struct preparer){.resize.memory = memory, .workspace.memory = memory};
    return preparer_widen(preparer, preparation, error);
}

void preparer_close(struct preparer *preparer, const struct preparation *preparation)
{
    struct memory *memory = preparation->memory;
    resize_free(&preparer->resize);
    pipeline_workspace_free(&preparer->workspace);
    memory_free(memory, preparer->channels.bytes);
    memory_free(memory, preparer->scaled.bytes);
    memory_free(memory, preparer->piece.bytes);
    memory_free(memory, preparer->other_channels.bytes);
    memory_free(memory, preparer->moved.bytes);
    memory_free(memory, preparer->mask.bytes);
    memory_free(memory, preparer->inner_mask.bytes);
    memory_free(memory, preparer->flat.bytes);
    memory_free(memory, preparer->grey.bytes);
    memory_free(memory, preparer->resized);
    memory_free(memory, preparer->plain);
    memory_free(memory, preparer->boxes);
    memory_free(memory, preparer->moving);
    memory_free(memory, preparer->numbers);
    *preparer = (struct preparer){.resized = NULL};
}

static size_t area_of(struct picture_size size)
{
    return (size_t)size.height * (size_t)size.width;
}

/* ---- targets that move with the picture -------------------------------------------------------------------------- */

/* Converts a sample's boxes, letterboxed with their picture, to the pipeline's. */
static int begin_boxes(const struct preparation *preparation, struct preparer *preparer, const struct sample *sample,
                       struct pipeline_job *job, struct error *error)
{
    struct memory *memory = preparation->memory;
    if (sample->box_count > preparer->moving_capacity) {
        memory_free(memory, preparer->moving);
        preparer->moving_capacity = 0;
        preparer->moving = memory_allocate(memory, sample->box_count, sizeof *preparer->moving, "boxes", error);
        if (preparer->moving == NULL) {
            return FOV_E_MEMORY;
        }
        preparer->moving_capacity = sample->box_count;
    }
    for (size_t i = 0; i < sample->box_count; i++) {
        const fov_box *box = &sample->boxes[i];
        double at[4] = {(double)box->x1, (double)box->y1, (double)box->x2, (double)box->y2};
        if (preparer->letterbox.scale > 0) {
            fov_letterbox_map(&preparer->letterbox, (const double[]){at[0], at[1]}, at);
            fov_letterbox_map(&preparer->letterbox, (const double[]){at[2], at[3]}, at + 2);
        }
        preparer->moving[i] = (struct pipeline_box){.at = {(float)at[0], (float)at[1], (float)at[2], (float)at[3]},
                                                    .label = box->label,
                                                    .marks = (box->difficult ? BOX_DIFFICULT : 0U) |
                                                             (box->crowd ? BOX_CROWD : 0U)};
    }
    job->boxes = preparer->moving;
    job->box_count = (int)sample->box_count;
    return FOV_OK;
}

/* Converts the boxes that are left back to fov_box, in pixels of the network's input. */
static int end_boxes(const struct preparation *preparation, struct preparer *preparer, const struct pipeline_box *boxes,
                     int count, struct prepared *prepared, struct error *error)
{
    struct memory *memory = preparation->memory;
    float pad = (float)preparation->options.preprocessing.pad;
    if ((size_t)count > preparer->box_capacity) {
        memory_free(memory, preparer->boxes);
        preparer->box_capacity = 0;
        preparer->boxes = memory_allocate(memory, (size_t)count, sizeof *preparer->boxes, "boxes", error);
        if (preparer->boxes == NULL) {
            return FOV_E_MEMORY;
        }
        preparer->box_capacity = (size_t)count;
    }
    prepared->boxes = preparer->boxes;
    for (int i = 0; i < count; i++) {
        const float *at = boxes[i].at;
        if (!boxes[i].gone) {
            preparer->boxes[prepared->box_count++] = (fov_box){.label = boxes[i].label,
                                                               .x1 = at[0] + pad,
                                                               .y1 = at[1] + pad,
                                                               .x2 = at[2] + pad,
                                                               .y2 = at[3] + pad,
                                                               .difficult = (boxes[i].marks & BOX_DIFFICULT) != 0,
                                                               .crowd = (boxes[i].marks & BOX_CROWD) != 0};
        }
    }
    return FOV_OK;
}

/* Adds the padding's border to the mask, as 255: ignored. */
static int pad_mask(const struct preparation *preparation, struct preparer *preparer, struct prepared *prepared,
                    struct error *error)
{
    const struct prepare_options *o = &preparation->options;
    size_t pad = (size_t)o->preprocessing.pad, width = (size_t)o->size.width, inner = (size_t)preparation->inner_width;
    if (pad == 0) {
        prepared->mask = preparer->inner_mask.bytes;
        return FOV_OK;
    }
    int status = prepare_grow(preparation->memory, &preparer->mask, area_of(o->size), error);
    if (status == FOV_OK) {
        memset(preparer->mask.bytes, 255, area_of(o->size));
        for (size_t y = 0; y < (size_t)preparation->inner_height; y++) {
            memcpy(preparer->mask.bytes + (y + pad) * width + pad, preparer->inner_mask.bytes + y * inner, inner);
        }
        prepared->mask = preparer->mask.bytes;
    }
    return status;
}

/* ---- through the pipeline ---------------------------------------------------------------------------------------- */

/* Sets the inputs of a pipeline's job: the sample's picture, fitted by its preprocessing and with the channels that are
 * wanted, and the target that moves with it. */
static int give_sample(const struct preparation *preparation, struct preparer *preparer, const struct sample *sample,
                       struct pipeline_job *job, struct error *error)
{
    const struct prepare_options *o = &preparation->options;
    const struct picture *given = &sample->picture;
    struct picture picture = {
        .height = given->height, .width = given->width, .channels = given->channels, .pixels = given->pixels};
    int channels = o->target == PREPARE_DEGRADED ? o->other.channels : o->size.channels;
    int status = prepare_fit(preparation, preparer, &picture, channels, error);
    job->pixels = picture.pixels;
    job->height = picture.height;
    job->width = picture.width;
    job->channels = picture.channels;
    if (status == FOV_OK && o->target == PREPARE_MASK) {
        job->mask = sample->mask.pixels;
    } else if (status == FOV_OK && o->target == PREPARE_BOXES) {
        status = begin_boxes(preparation, preparer, sample, job, error);
    } else if (status == FOV_OK && o->target == PREPARE_OTHER) {
        struct picture other = {.height = sample->other.height,
                                .width = sample->other.width,
                                .channels = sample->other.channels,
                                .pixels = sample->other.pixels};
        status = prepare_convert(preparation, &preparer->other_channels, &other, o->other.channels, error);
        job->other.pixels = other.pixels;
        job->other.height = other.height;
        job->other.width = other.width;
        job->other.channels = other.channels;
    }
    return status;
}

/* Sets the outputs of a pipeline's job: the network's picture without padding goes into preparer->resized. */
static int set_outputs(const struct preparation *preparation, struct preparer *preparer, struct pipeline_job *job,
                       struct prepared *prepared, struct error *error)
{
    const struct prepare_options *o = &preparation->options;
    int status = FOV_OK;
    job->out_height = preparation->inner_height;
    job->out_width = preparation->inner_width;
    job->out = preparer->resized;
    if (o->target == PREPARE_MASK) {
        size_t inner = (size_t)preparation->inner_height * (size_t)preparation->inner_width;
        status = prepare_grow(preparation->memory, &preparer->inner_mask, inner, error);
        job->out_mask = preparer->inner_mask.bytes;
    } else if (o->target == PREPARE_OTHER || o->target == PREPARE_DEGRADED) {
        status =
            prepare_grow(preparation->memory, &preparer->moved, area_of(o->other) * (size_t)o->other.channels, error);
        prepared->other = preparer->moved.bytes;
        prepared->other_size = o->other;
    }
    if (o->target == PREPARE_OTHER) {
        job->other.out = preparer->moved.bytes;
        job->other.out_height = o->other.height;
        job->other.out_width = o->other.width;
    } else if (o->target == PREPARE_DEGRADED) {
        job->out_height = o->other.height;
        job->out_width = o->other.width;
        job->out = preparer->moved.bytes;
    }
    return status;
}

/* The user data of read_partner, below. */
struct mixture {
    const struct preparation *preparation;
    struct preparer *preparer;
    struct prepared *prepared;
};

/* Copies the label and the numbers of one part: reading the next sample may overwrite its buffer. */
static void keep_part(const struct mixture *mixture, int part, const struct sample *sample)
{
    struct prepared_part *kept = &mixture->prepared->part[part];
    float *numbers = mixture->preparer->numbers + (size_t)part * mixture->prepared->sample->number_count;
    kept->label = sample->label;
    kept->numbers = numbers;
    if (sample->number_count > 0) {
        memcpy(numbers, sample->numbers, sample->number_count * sizeof *numbers);
    }
}

static int read_partner(void *user, uint64_t index, int part, struct pipeline_job *job, struct error *error)
{
    const struct mixture *mixture = user;
    const struct prepare_partners *partners = &mixture->preparer->partners;
    const struct sample *sample;
    int status = partners->read(partners->user, (size_t)index, &sample, error);
    if (status == FOV_OK) {
        keep_part(mixture, part, sample);
        status = give_sample(mixture->preparation, mixture->preparer, sample, job, error);
    }
    return status;
}

static int mix(const struct preparation *preparation, struct preparer *preparer, const struct pipeline_key *key,
               const struct pipeline_job *job, struct prepared *prepared, struct error *error)
{
    struct mixture mixture = {preparation, preparer, prepared};
    struct mixing_partners partners = {preparer->partners.count, read_partner, &mixture};
    struct mixed mixed;
    size_t need = prepared->sample->number_count * MIXING_MOST_PARTS;
    if (preparer->numbers == NULL || need > preparer->number_capacity) {
        memory_free(preparation->memory, preparer->numbers);
        preparer->numbers = memory_allocate_raw(preparation->memory, need + 1, sizeof(float), "numbers", error);
        preparer->number_capacity = need;
        if (preparer->numbers == NULL) {
            return FOV_E_MEMORY;
        }
    }
    keep_part(&mixture, 0, prepared->sample);
    int status = pipeline_mix(preparation->options.augment, key, job, &partners, &preparer->workspace, &mixed, error);
    prepared->part_count = mixed.part_count;
    for (int i = 0; i < mixed.part_count; i++) {
        prepared->part[i].share = mixed.share[i];
    }
    return status == FOV_OK && preparation->options.target == PREPARE_BOXES
               ? end_boxes(preparation, preparer, mixed.boxes, mixed.box_count, prepared, error)
               : status;
}

/* The pipeline of an epoch's samples: the augmentation, or the identity for targets; NULL: none is needed. */
static const struct pipeline *pipeline_of(const struct preparation *preparation, int64_t epoch)
{
    const struct prepare_options *o = &preparation->options;
    bool changes = o->augment != NULL && (o->augment_epochs == 0 || epoch < o->augment_epochs);
    return changes ? o->augment : preparation->still;
}

/* Runs a sample's picture through the pipeline, and its target through the same geometric map. */
static int transform(const struct preparation *preparation, struct preparer *preparer, const struct pipeline *pipeline,
                     struct pipeline_job *job, int64_t epoch, struct prepared *prepared, struct error *error)
{
    const struct prepare_options *o = &preparation->options;
    const struct pipeline_key key = {o->seed, (uint64_t)epoch, prepared->index};
    int status = set_outputs(preparation, preparer, job, prepared, error);
    if (status == FOV_OK && pipeline_mixes(pipeline)) {
        status = mix(preparation, preparer, &key, job, prepared, error);
    } else if (status == FOV_OK) {
        status = pipeline_apply(pipeline, &key, job, &preparer->workspace, error);
        status = status == FOV_OK && o->target == PREPARE_BOXES
                     ? end_boxes(preparation, preparer, job->boxes, job->box_count, prepared, error)
                     : status;
    }
    if (status == FOV_OK && o->target == PREPARE_MASK) {
        status = pad_mask(preparation, preparer, prepared, error);
    } else if (status == FOV_OK && o->target == PREPARE_DEGRADED) {
        struct transform_draw draw = pipeline_draw(&key, DEGRADE_PLACE);
        o->degrade(o->user, preparer->moved.bytes, preparer->resized, &draw);
    }
    return status;
}

/* Gives a sample the network's channels and size: *result points to [inner height, inner width, channels]. */
static int fit(const struct preparation *preparation, struct preparer *preparer, int64_t epoch, const uint8_t **result,
               struct prepared *prepared, struct error *error)
{
    const struct pipeline *pipeline = pipeline_of(preparation, epoch);
    struct pipeline_job job = {.pixels = NULL};
    int status = give_sample(preparation, preparer, prepared->sample, &job, error);
    if (status == FOV_OK && pipeline != NULL) {
        *result = preparer->resized;
        return transform(preparation, preparer, pipeline, &job, epoch, prepared, error);
    }
    bool fits = job.height == preparation->inner_height && job.width == preparation->inner_width;
    *result = fits ? job.pixels : preparer->resized;
    return fits || status ? status
                          : image_resize(job.pixels, job.height, job.width, job.channels, preparer->resized,
                                         preparation->inner_height, preparation->inner_width, &preparer->resize,
                                         error);
}

/* ---- floats ------------------------------------------------------------------------------------------------------ */

/* Black pixels, normalised. */
static void put_black(const struct preparation *preparation, float *out, size_t pixels)
{
    int channels = preparation->options.size.channels;
    for (size_t p = 0; p < pixels; p++) {
        for (int c = 0; c < channels; c++) {
            *out++ = preparation->border[c];
        }
    }
}

/* Normalises pixels to floats, channels last, with the padding's border around them. */
static void normalise(const struct preparation *preparation, const uint8_t *pixels, float *out)
{
    const struct prepare_options *o = &preparation->options;
    const float *mean = preparation->mean;
    size_t channels = (size_t)o->size.channels, inner = (size_t)preparation->inner_width;
    int pad = o->preprocessing.pad;
    if (pad == 0) {
        preparation->kernel->normalise_u8((size_t)o->size.height * inner, channels, pixels, mean,
                                          preparation->deviation, out);
        return;
    }
    // the border: rows above and below, and between them strips of the right edge of one row and the left of the next
    size_t stride = (size_t)o->size.width * channels, side = (size_t)pad * channels;
    put_black(preparation, out, (size_t)pad * (size_t)o->size.width + (size_t)pad);
    for (int y = 1; y < preparation->inner_height; y++) {
        put_black(preparation, out + (size_t)(y + pad) * stride - side, 2 * (size_t)pad);
    }
    put_black(preparation, out + (size_t)(o->size.height - pad) * stride - side,
              (size_t)pad * (size_t)o->size.width + (size_t)pad);
    for (int y = 0; y < preparation->inner_height; y++) {
        preparation->kernel->normalise_u8(inner, channels, pixels + (size_t)y * inner * channels, mean,
                                              preparation->deviation,
                                              out + (size_t)(y + pad) * stride + (size_t)pad * channels);
    }
}

/* Red first to blue first, in place. */
static void swap_channels(float *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++, pixels += 3) {
        float red = pixels[0];
        pixels[0] = pixels[2];
        pixels[2] = red;
    }
}

int prepare_sample(const struct preparation *preparation, struct preparer *preparer, const struct sample *sample,
                   size_t index, int64_t epoch, float *out, struct prepared *prepared, struct error *error)
{
    const uint8_t *pixels;
    *prepared = (struct prepared){.sample = sample, .index = index, .epoch = epoch,
                                  .size = preparation->options.size, .part_count = 1};
    prepared->part[0] = (struct prepared_part){1, sample->label, sample->numbers};
    int status = fit(preparation, preparer, epoch, &pixels, prepared, error);
    if (status) {
        return status;
    }
    if (preparer->plain == NULL) { // channels-last, or a single channel, for which both layouts are the same
        normalise(preparation, pixels, out);
        if (preparation->swaps) {
            swap_channels(out, preparation->values / 3);
        }
        return FOV_OK;
    }
    size_t channels = (size_t)preparation->options.size.channels, area = preparation->values / channels;
    normalise(preparation, pixels, preparer->plain);
    if (preparation->swaps) {
        swap_channels(preparer->plain, area);
    }
    for (size_t c = 0; c < channels; c++) {
        for (size_t p = 0; p < area; p++) {
            out[c * area + p] = preparer->plain[p * channels + c];
        }
    }
    return FOV_OK;
}

int prepare_reserve(const struct preparation *preparation, struct preparer *preparer, const struct picture *picture,
                    struct error *error)
{
    const uint8_t *pixels;
    const struct sample sample = {.picture = *picture};
    struct prepared prepared = {.sample = &sample};
    return preparation->options.target != PREPARE_PICTURE
               ? FOV_OK
               : fit(preparation, preparer, 0, &pixels, &prepared, error);
}
