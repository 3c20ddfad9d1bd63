/* SPDX-License-Identifier: MIT */
/* WebP through libwebp: a still picture, or the first frame of an animation on its canvas, with the orientation that
 * its EXIF chunk states. libwebp allocates memory itself; an upper bound of it is counted against the limit first. */
#include "image/image.h"
#include <string.h>

bool webp_is(const uint8_t *bytes, size_t size)
{
    return size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

#ifdef FOVEA_HAVE_WEBP

#include <webp/decode.h>
#include <webp/demux.h>

static int webp_fail(VP8StatusCode code, struct error *error)
{
    static const char *const reasons[] = {"",
                                          "no memory",
                                          "a parameter is wrong",
                                          "its bits make no picture",
                                          "a feature that libwebp does not know",
                                          "suspended",
                                          "stopped",
                                          "the file ends before the picture does"};
    bool known = (size_t)code < sizeof reasons / sizeof *reasons;
    return (int)error_set(error, code == VP8_STATUS_OUT_OF_MEMORY ? FOV_E_MEMORY : FOV_E_INPUT, "%s: %s",
                          code == VP8_STATUS_NOT_ENOUGH_DATA ? "truncated WebP" : "damaged or unsupported WebP",
                          known ? reasons[code] : "no reason given");
}

/* The memory that libwebp 1.2 allocates while it decodes a frame, according to its source: lossless keeps all pixels in
 * 4 bytes each; lossy does so for its transparency, which is coded losslessly; then some lines, and tables. */
static size_t webp_need(const WebPIterator *frame, const WebPBitstreamFeatures *features)
{
    size_t width = (size_t)frame->width, pixels = width * (size_t)frame->height;
    bool lossless = features->format == 2;
    size_t planes = lossless ? 4 * pixels : features->has_alpha ? 5 * pixels : 0;
    return planes + 100 * width + (512 << 10);
}

/* Decodes the frame's pixels into their place on the canvas. */
static int webp_read_frame(struct picture *picture, const WebPIterator *frame, int channels, struct error *error)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) {
        return (int)error_set(error, FOV_E_INTERNAL, "libwebp is of another version than its headers");
    }
    VP8StatusCode code = WebPGetFeatures(frame->fragment.bytes, frame->fragment.size, &config.input);
    if (code != VP8_STATUS_OK) {
        return webp_fail(code, error);
    }
    size_t need = webp_need(frame, &config.input), stride = (size_t)picture->width * (size_t)channels;
    size_t start = (size_t)frame->y_offset * stride + (size_t)(frame->x_offset * channels);
    if (config.input.width != frame->width || config.input.height != frame->height) {
        return (int)error_set(error, FOV_E_INPUT,
                              "damaged WebP: a frame of %d x %d pixels where %d x %d were announced",
                              config.input.width, config.input.height, frame->width, frame->height);
    }
    int status = memory_hold(picture->memory, need, "decoding a WebP", error);
    if (status) {
        return status;
    }
    config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = picture->buffer + start;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = (size_t)picture->height * stride - start;
    code = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    memory_release(picture->memory, need);
    return code == VP8_STATUS_OK ? FOV_OK : webp_fail(code, error);
}

static int webp_read(WebPDemuxer *file, struct picture *picture, int *orientation, struct error *error)
{
    uint32_t width = WebPDemuxGetI(file, WEBP_FF_CANVAS_WIDTH), height = WebPDemuxGetI(file, WEBP_FF_CANVAS_HEIGHT);
    int status = image_check_size(height, width, error);
    if (status) {
        return status;
    }
    WebPChunkIterator exif;
    if (WebPDemuxGetChunk(file, "EXIF", 1, &exif)) {
        *orientation = exif_orientation(exif.chunk.bytes, exif.chunk.size);
        WebPDemuxReleaseChunkIterator(&exif);
    }
    WebPIterator frame;
    if (!WebPDemuxGetFrame(file, 1, &frame)) {
        return (int)error_set(error, FOV_E_INPUT, "damaged WebP: no picture in it");
    }
    bool covers = (uint32_t)frame.width == width && (uint32_t)frame.height == height;
    int channels = frame.has_alpha || !covers ? 4 : 3;
    bool fits = frame.x_offset >= 0 && frame.y_offset >= 0 && frame.width <= (int)width - frame.x_offset &&
                frame.height <= (int)height - frame.y_offset;
    if (!fits) {
        status = (int)error_set(error, FOV_E_INPUT, "damaged WebP: its first frame reaches beyond the canvas");
    }
    if (!status) {
        status = picture_reserve(picture, (int)height, (int)width, channels, error);
    }
    if (!status) {
        if (!covers) {
            memset(picture->buffer, 0, (size_t)height * width * (size_t)channels);
        }
        status = webp_read_frame(picture, &frame, channels, error);
    }
    WebPDemuxReleaseIterator(&frame);
    return status;
}

int webp_decode(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation, struct error *error)
{
    WebPData data = {.bytes = bytes, .size = size};
    WebPDemuxState state = WEBP_DEMUX_PARSING_HEADER;
    *orientation = 1;
    WebPDemuxer *file = WebPDemuxPartial(&data, &state);
    int status;
    if (file == NULL || state != WEBP_DEMUX_DONE) {
        bool damaged = state == WEBP_DEMUX_PARSE_ERROR;
        status = (int)error_set(error, FOV_E_INPUT, "%s",
                                damaged ? "damaged or unsupported WebP"
                                        : "truncated WebP: the file ends before the picture does");
    } else {
        status = webp_read(file, picture, orientation, error);
    }
    WebPDemuxDelete(file);
    return status;
}

#else

int webp_decode(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation, struct error *error)
{
    (void)picture, (void)bytes, (void)size;
    *orientation = 1;
    return (int)error_set(error, FOV_E_UNSUPPORTED, "a WebP, and this fovea was built without WebP (FOVEA_WITH_WEBP)");
}

#endif
