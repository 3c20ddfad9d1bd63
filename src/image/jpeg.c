/* SPDX-License-Identifier: MIT */
/* JPEG through libjpeg(-turbo), with its defaults, so that pixels equal those of Pillow and torchvision. Damaged files
 * are an error, where libjpeg would fill in grey and continue: a network must not learn from half a picture. */
#include "image/image.h"
#include <string.h>

bool jpeg_is(const uint8_t *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 0xff && bytes[1] == 0xd8;
}

#ifdef FOVEA_HAVE_JPEG

#include <setjmp.h>
#include <stdio.h>
/* after stdio.h, which it needs */
#include <jpeglib.h>
#include <jerror.h>

/* libjpeg reports through callbacks and must not return from a fatal one: it jumps back to jpeg_decode. */
struct jpeg_reader {
    struct jpeg_error_mgr errors; /* first: libjpeg hands back pointers to it */
    struct jpeg_progress_mgr progress;
    struct jpeg_decompress_struct jpeg;
    jmp_buf back;
    struct error *error;
    struct picture *picture;
    struct jpeg_memory_mgr lender; /* libjpeg's own methods, called by the counting ones below */
    size_t held;                   /* bytes allocated by libjpeg, counted against the limit until it is destroyed */
    int status;
};

static void jpeg_fail(j_common_ptr jpeg)
{
    struct jpeg_reader *reader = (struct jpeg_reader *)(void *)jpeg->err;
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    fov_status status = jpeg->err->msg_code == JERR_OUT_OF_MEMORY ? FOV_E_MEMORY : FOV_E_INPUT;
    reader->status = (int)error_set(reader->error, status, "damaged or unsupported JPEG: %s", message);
    longjmp(reader->back, 1);
}

/* Warnings that mean lost pixels are errors; stray bytes before a marker, which cameras do write, are not. */
static void jpeg_message(j_common_ptr jpeg, int level)
{
    static const int harmless[] = {JWRN_EXTRANEOUS_DATA, JWRN_ADOBE_XFORM, JWRN_JFIF_MAJOR, JWRN_BOGUS_ICC};
    if (level >= 0) {
        return; // traces
    }
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        if (jpeg->err->msg_code == harmless[i]) {
            return;
        }
    }
    if (jpeg->err->msg_code == JWRN_JPEG_EOF) {
        struct jpeg_reader *reader = (struct jpeg_reader *)(void *)jpeg->err;
        reader->status =
            (int)error_set(reader->error, FOV_E_INPUT, "truncated JPEG: the file ends before the picture does");
        longjmp(reader->back, 1);
    }
    jpeg_fail(jpeg);
}

/* libjpeg's memory is counted as it allocates: its allocation methods are replaced by ones that count the bytes against
 * the limit and then call the originals. Its pooling overhead (some KiB) is not counted. */
static void jpeg_hold(j_common_ptr jpeg, size_t bytes)
{
    struct jpeg_reader *reader = (struct jpeg_reader *)(void *)jpeg->err;
    reader->status = memory_hold(reader->picture->memory, bytes, "decoding a JPEG", reader->error);
    if (reader->status) {
        longjmp(reader->back, 1);
    }
    reader->held += bytes;
}

static struct jpeg_memory_mgr *jpeg_lender(j_common_ptr jpeg)
{
    return &((struct jpeg_reader *)(void *)jpeg->err)->lender;
}

static void *jpeg_take_small(j_common_ptr jpeg, int pool, size_t size)
{
    jpeg_hold(jpeg, size);
    return jpeg_lender(jpeg)->alloc_small(jpeg, pool, size);
}

static void *jpeg_take_large(j_common_ptr jpeg, int pool, size_t size)
{
    jpeg_hold(jpeg, size);
    return jpeg_lender(jpeg)->alloc_large(jpeg, pool, size);
}

static JSAMPARRAY jpeg_take_samples(j_common_ptr jpeg, int pool, JDIMENSION width, JDIMENSION rows)
{
    jpeg_hold(jpeg, (size_t)width * rows * sizeof(JSAMPLE));
    return jpeg_lender(jpeg)->alloc_sarray(jpeg, pool, width, rows);
}

static JBLOCKARRAY jpeg_take_blocks(j_common_ptr jpeg, int pool, JDIMENSION width, JDIMENSION rows)
{
    jpeg_hold(jpeg, (size_t)width * rows * sizeof(JBLOCK));
    return jpeg_lender(jpeg)->alloc_barray(jpeg, pool, width, rows);
}

/* Allocates all coefficients of a component of a progressive picture. */
static jvirt_barray_ptr jpeg_take_component(j_common_ptr jpeg, int pool, boolean zeroed, JDIMENSION width,
                                            JDIMENSION rows, JDIMENSION most)
{
    jpeg_hold(jpeg, (size_t)width * rows * sizeof(JBLOCK));
    return jpeg_lender(jpeg)->request_virt_barray(jpeg, pool, zeroed, width, rows, most);
}

static void jpeg_count_memory(struct jpeg_reader *reader)
{
    struct jpeg_memory_mgr *memory = reader->jpeg.mem;
    reader->lender = *memory;
    memory->alloc_small = jpeg_take_small;
    memory->alloc_large = jpeg_take_large;
    memory->alloc_sarray = jpeg_take_samples;
    memory->alloc_barray = jpeg_take_blocks;
    memory->request_virt_barray = jpeg_take_component;
}

/* libjpeg's progress callback, limits the number of scans: each costs a pass over the whole picture, and a file may
 * hold thousands. */
static void jpeg_count_scans(j_common_ptr common)
{
    struct jpeg_reader *reader = (struct jpeg_reader *)(void *)common->err;
    if (common->is_decompressor && reader->jpeg.input_scan_number > IMAGE_MAX_SCANS) {
        reader->status = (int)error_set(reader->error, FOV_E_INPUT, "JPEG with more than %d scans", IMAGE_MAX_SCANS);
        longjmp(reader->back, 1);
    }
}

/* CMYK to RGB without colour management, in place. Adobe's files store inverted ink. */
static void jpeg_from_cmyk(uint8_t *pixels, size_t count, bool inverted)
{
    for (size_t p = 0; p < count; p++) {
        const uint8_t *cmyk = pixels + 4 * p;
        uint8_t rgb[3];
        unsigned black = inverted ? cmyk[3] : 255U - cmyk[3];
        for (int c = 0; c < 3; c++) {
            unsigned ink = inverted ? cmyk[c] : 255U - cmyk[c];
            rgb[c] = (uint8_t)((ink * black + 127) / 255);
        }
        memcpy(pixels + 3 * p, rgb, 3); // 3 p + 3 <= 4 p + 4: overwrites no pixel that is still to be read
    }
}

/* Everything after setjmp; failures longjmp back to jpeg_guard. */
static void jpeg_read_pixels(struct jpeg_reader *reader, const uint8_t *bytes, size_t size, int *orientation)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    jpeg_mem_src(jpeg, bytes, (unsigned long)size);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(jpeg, TRUE);
    for (jpeg_saved_marker_ptr marker = jpeg->marker_list; marker; marker = marker->next) {
        int found = exif_orientation(marker->data, marker->data_length);
        *orientation = found > 1 ? found : *orientation;
    }
    reader->status = image_check_size(jpeg->image_height, jpeg->image_width, reader->error);
    if (reader->status) {
        longjmp(reader->back, 1);
    }
    bool grey = jpeg->jpeg_color_space == JCS_GRAYSCALE;
    bool ink = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = grey ? JCS_GRAYSCALE : ink ? JCS_CMYK : JCS_RGB;
    reader->progress.progress_monitor = jpeg_count_scans;
    jpeg->progress = &reader->progress;
    jpeg_start_decompress(jpeg);

    struct picture *picture = reader->picture;
    reader->status = picture_reserve(picture, (int)jpeg->output_height, (int)jpeg->output_width,
                                     jpeg->output_components, reader->error);
    if (reader->status) {
        longjmp(reader->back, 1);
    }
    size_t stride = (size_t)picture->width * (size_t)picture->channels;
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = picture->buffer + jpeg->output_scanline * stride;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
    if (ink) {
        jpeg_from_cmyk(picture->buffer, (size_t)picture->height * (size_t)picture->width, jpeg->saw_Adobe_marker);
        picture->channels = 3;
    }
}

/* The target of the longjmps: a separate function, so that no local variables are read after a jump. */
static void jpeg_guard(struct jpeg_reader *reader, const uint8_t *bytes, size_t size, int *orientation)
{
    if (setjmp(reader->back) == 0) {
        jpeg_create_decompress(&reader->jpeg);
        jpeg_count_memory(reader);
        jpeg_read_pixels(reader, bytes, size, orientation);
    }
}

int jpeg_decode(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation, struct error *error)
{
    struct jpeg_reader reader = {.error = error, .picture = picture};
    *orientation = 1;
    reader.jpeg.err = jpeg_std_error(&reader.errors);
    reader.errors.error_exit = jpeg_fail;
    reader.errors.emit_message = jpeg_message;
    jpeg_guard(&reader, bytes, size, orientation);
    jpeg_destroy_decompress(&reader.jpeg); // harmless when creation itself failed: the struct was zeroed
    memory_release(picture->memory, reader.held);
    return reader.status;
}

#else

int jpeg_decode(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation, struct error *error)
{
    (void)picture;
    (void)bytes;
    (void)size;
    *orientation = 1;
    return (int)error_set(error, FOV_E_UNSUPPORTED, "this fovea was built without JPEG (FOVEA_WITH_JPEG)");
}

#endif
