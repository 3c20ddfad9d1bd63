/* SPDX-License-Identifier: MIT */
/* JPEG through libjpeg(-turbo), with its defaults, so that pixels equal those of Pillow and torchvision. Damage is an
 * error here, where libjpeg would fill in grey and go on: a network must not learn from half a picture. */
#include "data/image.h"
#include <string.h>

/* A 16- or 32-bit number in TIFF's byte order. */
static uint32_t exif_number(const uint8_t *bytes, int size, bool big)
{
    uint32_t value = 0;
    for (int i = 0; i < size; i++) {
        value |= (uint32_t)bytes[i] << 8 * (big ? size - 1 - i : i);
    }
    return value;
}

/* "Exif\0\0", then a TIFF header whose first directory may hold tag 0x0112 (CIPA DC-008, 4.6). Only that directory is
 * read, so nothing can loop. */
int exif_orientation(const uint8_t *bytes, size_t size)
{
    if (size < 6 + 8 || memcmp(bytes, "Exif\0\0", 6) != 0) {
        return 1;
    }
    const uint8_t *tiff = bytes + 6;
    bool big = tiff[0] == 'M';
    size -= 6;
    if (tiff[0] != tiff[1] || (tiff[0] != 'M' && tiff[0] != 'I') || exif_number(tiff + 2, 2, big) != 42) {
        return 1;
    }
    size_t at = exif_number(tiff + 4, 4, big);
    if (at > size || size - at < 2) {
        return 1;
    }
    size_t entries = exif_number(tiff + at, 2, big);
    at += 2;
    for (size_t i = 0; i < entries && size - at >= 12; i++, at += 12) {
        uint32_t tag = exif_number(tiff + at, 2, big), type = exif_number(tiff + at + 2, 2, big);
        uint32_t value = exif_number(tiff + at + 8, 2, big);
        if (tag == 0x0112) {
            return type == 3 && value >= 1 && value <= 8 ? (int)value : 1;
        }
    }
    return 1;
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

/* Called as scans are read: each one costs a pass over the whole picture, and a file may hold thousands. */
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
        memcpy(pixels + 3 * p, rgb, 3); // 3 p + 3 <= 4 p + 4: what is still needed is not overwritten
    }
}

/* Everything between setjmp and the end; failures jump. */
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

/* The landing place of the jumps: a function of its own, whose locals nobody reads afterwards. */
static void jpeg_guard(struct jpeg_reader *reader, const uint8_t *bytes, size_t size, int *orientation)
{
    if (setjmp(reader->back) == 0) {
        jpeg_create_decompress(&reader->jpeg);
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
