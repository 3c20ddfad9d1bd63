/* SPDX-License-Identifier: MIT */
/* Writes animated GIFs through giflib: frames of one size in an endless loop. Grey frames are stored exactly; colours
 * are reduced to 256, chosen for all frames together by median cut (Heckbert, "Color image quantization for frame
 * buffer display", SIGGRAPH 1982), so that nothing flickers. Reading is in gif.c. */
#include "base/file.h"
#include "image/image.h"
#include <stdlib.h>
#include <string.h>

#ifdef FOVEA_HAVE_GIF

#include <gif_lib.h>

enum { COLOURS = 256, BITS = 5, SIDE = 1 << BITS, CELLS = SIDE * SIDE * SIDE, GIF_TABLES = 64 << 10 };

/* ---- the palette ------------------------------------------------------------------------------------------------- */

/* A colour, reduced to 5 bits a channel, that occurs in the frames: its pixels' number and sum of exact colours. */
struct colour {
    uint8_t part[3];
    uint64_t count, sum[3];
};

/* A box of colours: a range of the array of colours that occur. */
struct box {
    size_t first, count;
    uint64_t pixels;
    int axis, extent; /* the channel in which it is widest */
};

struct palette {
    GifColorType colours[COLOURS];
    uint8_t index[CELLS]; /* palette index of each colour of 5 bits a channel that occurs */
};

static size_t cell_of(const uint8_t *rgb)
{
    return (size_t)(rgb[0] >> (8 - BITS)) << (2 * BITS) | (size_t)(rgb[1] >> (8 - BITS)) << BITS |
           (size_t)(rgb[2] >> (8 - BITS));
}

static int compare_first(const void *a, const void *b)
{
    return ((const struct colour *)a)->part[0] - ((const struct colour *)b)->part[0];
}

static int compare_second(const void *a, const void *b)
{
    return ((const struct colour *)a)->part[1] - ((const struct colour *)b)->part[1];
}

static int compare_third(const void *a, const void *b)
{
    return ((const struct colour *)a)->part[2] - ((const struct colour *)b)->part[2];
}

static void measure(struct box *box, const struct colour *colours)
{
    box->pixels = 0;
    box->extent = -1;
    for (int c = 0; c < 3; c++) {
        int low = SIDE, high = -1;
        for (size_t i = box->first; i < box->first + box->count; i++) {
            low = colours[i].part[c] < low ? colours[i].part[c] : low;
            high = colours[i].part[c] > high ? colours[i].part[c] : high;
            box->pixels += c == 0 ? colours[i].count : 0;
        }
        if (high - low > box->extent) {
            box->extent = high - low;
            box->axis = c;
        }
    }
}

/* Cuts the box along its widest channel where half of its pixels are on either side. */
static void cut(struct box *box, struct box *other, struct colour *colours)
{
    static int (*const by_channel[3])(const void *, const void *) = {compare_first, compare_second, compare_third};
    qsort(colours + box->first, box->count, sizeof *colours, by_channel[box->axis]);
    uint64_t below = 0;
    size_t left = 0;
    while (left + 1 < box->count && (left == 0 || 2 * below < box->pixels)) {
        below += colours[box->first + left++].count;
    }
    *other = (struct box){.first = box->first + left, .count = box->count - left};
    box->count = left;
    measure(box, colours);
    measure(other, colours);
}

/* The box to cut next: the largest product of pixels and extent. -1: every box is a single colour. */
static int widest(const struct box *boxes, int count)
{
    int best = -1;
    uint64_t most = 0;
    for (int i = 0; i < count; i++) {
        uint64_t weight = boxes[i].pixels * (uint64_t)boxes[i].extent;
        if (boxes[i].count > 1 && weight > most) {
            best = i;
            most = weight;
        }
    }
    return best;
}

static void choose_colours(struct palette *palette, struct colour *colours, size_t count)
{
    struct box boxes[COLOURS] = {{.first = 0, .count = count}};
    int boxes_count = 1;
    measure(&boxes[0], colours);
    for (int at = widest(boxes, 1); at >= 0 && boxes_count < COLOURS; at = widest(boxes, boxes_count)) {
        cut(&boxes[at], &boxes[boxes_count], colours);
        boxes_count++;
    }
    for (int b = 0; b < boxes_count; b++) {
        uint64_t sum[3] = {0};
        for (size_t i = boxes[b].first; i < boxes[b].first + boxes[b].count; i++) {
            const struct colour *c = &colours[i];
            palette->index[(size_t)c->part[0] << (2 * BITS) | (size_t)c->part[1] << BITS | c->part[2]] = (uint8_t)b;
            for (int k = 0; k < 3; k++) {
                sum[k] += c->sum[k];
            }
        }
        GifByteType level[3];
        for (int k = 0; k < 3; k++) {
            level[k] = (GifByteType)((sum[k] + boxes[b].pixels / 2) / boxes[b].pixels);
        }
        palette->colours[b] = (GifColorType){level[0], level[1], level[2]};
    }
}

static int make_palette(struct palette *palette, const struct gif_film *film, struct memory *memory,
                        struct error *error)
{
    size_t pixels = (size_t)film->height * (size_t)film->width, count = 0;
    if (film->channels == 1) {
        for (int i = 0; i < COLOURS; i++) {
            palette->colours[i] = (GifColorType){(GifByteType)i, (GifByteType)i, (GifByteType)i};
        }
        return FOV_OK;
    }
    struct colour *colours = memory_allocate(memory, CELLS, sizeof *colours, "a palette", error);
    if (colours == NULL) {
        return FOV_E_MEMORY;
    }
    for (int f = 0; f < film->count; f++) {
        for (size_t i = 0; i < pixels; i++) {
            const uint8_t *rgb = film->frames[f] + 3 * i;
            struct colour *at = &colours[cell_of(rgb)];
            at->count++;
            for (int k = 0; k < 3; k++) {
                at->sum[k] += rgb[k];
            }
        }
    }
    for (size_t cell = 0; cell < CELLS; cell++) {
        if (colours[cell].count > 0) {
            struct colour *to = &colours[count++]; /* compacts in place: never after `cell` */
            *to = colours[cell];
            to->part[0] = (uint8_t)(cell >> (2 * BITS));
            to->part[1] = (uint8_t)(cell >> BITS & (SIDE - 1));
            to->part[2] = (uint8_t)(cell & (SIDE - 1));
        }
    }
    choose_colours(palette, colours, count);
    memory_free(memory, colours);
    return FOV_OK;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

struct gif_output {
    struct file_writer writer;
    struct error *error;
};

static int gif_put(GifFileType *gif, const GifByteType *bytes, int count)
{
    struct gif_output *output = gif->UserData;
    return output->error->status == FOV_OK &&
                   file_writer_write(&output->writer, bytes, (size_t)count, output->error) == FOV_OK
               ? count
               : 0;
}

/* Writes the extension for an endless loop, introduced by Netscape 2.0. */
static bool put_loop(GifFileType *gif)
{
    static const GifByteType for_ever[3] = {1, 0, 0};
    return EGifPutExtensionLeader(gif, APPLICATION_EXT_FUNC_CODE) == GIF_OK &&
           EGifPutExtensionBlock(gif, 11, "NETSCAPE2.0") == GIF_OK &&
           EGifPutExtensionBlock(gif, sizeof for_ever, for_ever) == GIF_OK && EGifPutExtensionTrailer(gif) == GIF_OK;
}

static bool put_frame(GifFileType *gif, const struct gif_film *film, const uint8_t *frame, const uint8_t *index,
                      GifByteType *line)
{
    const GraphicsControlBlock control = {.DisposalMode = DISPOSE_DO_NOT,
                                          .DelayTime = (film->milliseconds + 5) / 10,
                                          .TransparentColor = NO_TRANSPARENT_COLOR};
    GifByteType block[4];
    size_t zoom = (size_t)film->zoom, width = (size_t)film->width, channels = (size_t)film->channels;
    EGifGCBToExtension(&control, block);
    if (EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, sizeof block, block) != GIF_OK ||
        EGifPutImageDesc(gif, 0, 0, film->width * film->zoom, film->height * film->zoom, false, NULL) != GIF_OK) {
        return false;
    }
    for (size_t y = 0; y < (size_t)film->height * zoom; y++) {
        for (size_t x = 0; x < width * zoom; x++) {
            const uint8_t *pixel = frame + (y / zoom * width + x / zoom) * channels;
            line[x] = channels == 1 ? *pixel : index[cell_of(pixel)];
        }
        if (EGifPutLine(gif, line, film->width * film->zoom) != GIF_OK) {
            return false;
        }
    }
    return true;
}

static int put_film(struct gif_output *output, const struct gif_film *film, const struct palette *palette,
                    GifByteType *line)
{
    int code = 0, closed = 0;
    ColorMapObject *map = GifMakeMapObject(COLOURS, palette->colours);
    GifFileType *gif = map != NULL ? EGifOpen(output, gif_put, &code) : NULL;
    bool good = gif != NULL;
    if (good) {
        EGifSetGifVersion(gif, true);
        good = EGifPutScreenDesc(gif, film->width * film->zoom, film->height * film->zoom, 8, 0, map) == GIF_OK &&
               put_loop(gif);
    }
    for (int f = 0; good && f < film->count; f++) {
        good = put_frame(gif, film, film->frames[f], palette->index, line);
    }
    if (gif != NULL) {
        code = good ? code : gif->Error;
        good = EGifCloseFile(gif, &closed) == GIF_OK && good;
    }
    GifFreeMapObject(map);
    if (!good && output->error->status == FOV_OK) {
        bool memory = gif == NULL || code == E_GIF_ERR_NOT_ENOUGH_MEM;
        const char *why = GifErrorString(code != 0 ? code : closed);
        return (int)error_set(output->error, memory ? FOV_E_MEMORY : FOV_E_IO, "writing a GIF: %s",
                              why != NULL ? why : "no reason given");
    }
    return (int)output->error->status;
}

int image_save_gif(const char *path, const struct gif_film *film, struct memory *memory, struct error *error)
{
    struct gif_output output = {.error = error};
    struct palette *palette = memory_allocate(memory, 1, sizeof *palette, "a palette", error);
    GifByteType *line = memory_allocate(memory, (size_t)film->width, (size_t)film->zoom, "a line of a GIF", error);
    int status = (int)error->status;
    status = status == FOV_OK ? make_palette(palette, film, memory, error) : status;
    status = status == FOV_OK ? memory_hold(memory, GIF_TABLES, "writing a GIF", error) : status;
    if (status == FOV_OK) {
        status = file_writer_open(&output.writer, path, NULL, error);
        if (status == FOV_OK) {
            status = put_film(&output, film, palette, line);
            status = status == FOV_OK ? file_writer_commit(&output.writer, error) : status;
            file_writer_abandon(&output.writer);
        }
        memory_release(memory, GIF_TABLES);
    }
    memory_free(memory, palette);
    memory_free(memory, line);
    return status;
}

#else

int image_save_gif(const char *path, const struct gif_film *film, struct memory *memory, struct error *error)
{
    (void)film, (void)memory;
    return (int)error_set(error, FOV_E_UNSUPPORTED,
                          "%s: GIF is not written by this fovea, which was built without it (FOVEA_WITH_GIF)", path);
}

#endif
