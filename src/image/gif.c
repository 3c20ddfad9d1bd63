/* SPDX-License-Identifier: MIT */
/* GIF through giflib: the first frame, on the canvas that the file states. A file that ends before its trailer is
 * truncated, even where the first frame is whole. */
#include "image/image.h"
#include <string.h>

bool gif_is(const uint8_t *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "GIF8", 4) == 0;
}

#ifdef FOVEA_HAVE_GIF

#include <gif_lib.h>

/* Upper bound of giflib's memory for one file: LZW tables and colour maps. Measured with giflib 5.2: 46 KiB. */
enum { GIF_TABLES = 64 << 10 };

struct gif_reader {
    const uint8_t *bytes;
    size_t size, at;
    int transparent; /**< an index of the palette; -1: none */
    struct picture *picture;
    struct error *error;
};

static int gif_take(GifFileType *gif, GifByteType *to, int count)
{
    struct gif_reader *reader = gif->UserData;
    size_t left = reader->size - reader->at, take = (size_t)count < left ? (size_t)count : left;
    memcpy(to, reader->bytes + reader->at, take);
    reader->at += take;
    return (int)take;
}

static int gif_fail(int code, struct error *error)
{
    bool ends = code == D_GIF_ERR_READ_FAILED || code == D_GIF_ERR_EOF_TOO_SOON;
    fov_status status = code == D_GIF_ERR_NOT_ENOUGH_MEM ? FOV_E_MEMORY : FOV_E_INPUT;
    const char *why = GifErrorString(code);
    return (int)error_set(error, status, "%s: %s", ends ? "truncated GIF" : "damaged or unsupported GIF",
                          why ? why : "no reason given");
}

/* Reads an extension before the first frame: a graphics control extension states the transparent colour. */
static int gif_read_extension(GifFileType *gif, struct gif_reader *reader)
{
    GifByteType *block;
    int code;
    if (DGifGetExtension(gif, &code, &block) != GIF_OK) {
        return gif_fail(gif->Error, reader->error);
    }
    while (block != NULL) {
        GraphicsControlBlock control;
        if (code == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
            reader->transparent = control.TransparentColor;
        }
        if (DGifGetExtensionNext(gif, &block) != GIF_OK) {
            return gif_fail(gif->Error, reader->error);
        }
    }
    return FOV_OK;
}

/* Converts palette indices to 1, 3 or 4 channels. False: an index is beyond the palette. */
static bool gif_paint(const ColorMapObject *map, int transparent, const uint8_t *indices, size_t count, uint8_t *out,
                      int channels)
{
    for (size_t x = 0; x < count; x++, out += channels) {
        unsigned index = indices[x];
        if (map != NULL && index >= (unsigned)map->ColorCount) {
            return false;
        }
        GifColorType c = {(GifByteType)index, (GifByteType)index, (GifByteType)index};
        c = map != NULL ? map->Colors[index] : c;
        memcpy(out, (uint8_t[]){c.Red, c.Green, c.Blue, (int)index == transparent ? 0 : 255}, (size_t)channels);
    }
    return true;
}

/* The frame's row that line `i` of the file holds: interlaced frames are stored in four passes. */
static int gif_line(int i, int height, bool interlaced)
{
    static const int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    for (int pass = 0; interlaced && pass < 4; pass++) {
        int lines = height > first[pass] ? (height - first[pass] + step[pass] - 1) / step[pass] : 0;
        if (i < lines) {
            return first[pass] + i * step[pass];
        }
        i -= lines;
    }
    return i;
}

/* Reads the next frame onto a canvas that is large enough for it. Pixels outside of the frame are transparent or, in a
 * file without transparency, have the palette's first colour, as in Pillow. */
static int gif_read_frame(GifFileType *gif, struct gif_reader *reader)
{
    if (DGifGetImageDesc(gif) != GIF_OK) {
        return gif_fail(gif->Error, reader->error);
    }
    const GifImageDesc *frame = &gif->Image;
    const ColorMapObject *map = frame->ColorMap != NULL ? frame->ColorMap : gif->SColorMap;
    int right = frame->Left + frame->Width, bottom = frame->Top + frame->Height;
    int width = gif->SWidth > right ? gif->SWidth : right, height = gif->SHeight > bottom ? gif->SHeight : bottom;
    int status = image_check_size((uint64_t)frame->Height, (uint64_t)frame->Width, reader->error);
    bool grey = true;
    for (int i = 0; map != NULL && i < map->ColorCount; i++) {
        const GifColorType *c = &map->Colors[i];
        grey = grey && c->Red == c->Green && c->Green == c->Blue;
    }
    bool clear = reader->transparent >= 0 && (map == NULL || reader->transparent < map->ColorCount);
    int channels = clear ? 4 : grey ? 1 : 3;
    if (!status) {
        status = picture_reserve(reader->picture, height, width, channels, reader->error);
    }
    if (status) {
        return status;
    }
    struct memory *memory = reader->picture->memory;
    uint8_t *line = memory_allocate(memory, (size_t)width, 1, "a line of a GIF", reader->error);
    if (line == NULL) {
        return FOV_E_MEMORY;
    }
    size_t stride = (size_t)width * (size_t)channels;
    memset(line, clear ? reader->transparent : 0, (size_t)width);
    bool good = true;
    for (int y = 0; y < height; y++) {
        bool covered = frame->Width == width && y >= frame->Top && y < bottom;
        good = good && (covered || gif_paint(map, reader->transparent, line, (size_t)width,
                                             reader->picture->buffer + (size_t)y * stride, channels));
    }
    for (int i = 0; !status && i < frame->Height; i++) {
        if (DGifGetLine(gif, line, frame->Width) != GIF_OK) {
            status = gif_fail(gif->Error, reader->error);
            break;
        }
        int y = frame->Top + gif_line(i, frame->Height, frame->Interlace);
        uint8_t *out = reader->picture->buffer + (size_t)y * stride + (size_t)frame->Left * (size_t)channels;
        good = good && gif_paint(map, reader->transparent, line, (size_t)frame->Width, out, channels);
    }
    memory_free(memory, line);
    return status || good ? status
                          : (int)error_set(reader->error, FOV_E_INPUT, "damaged GIF: a colour beyond the palette's %d",
                                           map->ColorCount);
}

static int gif_read(GifFileType *gif, struct gif_reader *reader)
{
    for (;;) {
        GifRecordType kind;
        if (DGifGetRecordType(gif, &kind) != GIF_OK) {
            return gif_fail(gif->Error, reader->error);
        }
        if (kind == IMAGE_DESC_RECORD_TYPE) {
            return gif_read_frame(gif, reader);
        }
        if (kind == TERMINATE_RECORD_TYPE) {
            return (int)error_set(reader->error, FOV_E_INPUT, "damaged GIF: no picture before its end");
        }
        int status = kind == EXTENSION_RECORD_TYPE ? gif_read_extension(gif, reader) : FOV_OK;
        if (status) {
            return status;
        }
    }
}

/* Checks that the file has a trailer: walks through its blocks without unpacking any. */
static int gif_check_end(const uint8_t *bytes, size_t size, struct error *error)
{
    enum { HEADER = 13, FRAME = 10, EXTENSION = 2 };
    size_t at = HEADER;
    at += size > 10 && (bytes[10] & 0x80) != 0 ? 3U << ((bytes[10] & 7) + 1) : 0;
    while (at < size && bytes[at] != 0x3b) {
        if (bytes[at] == 0x2c) {
            uint8_t flags = size - at >= FRAME ? bytes[at + 9] : 0;
            at += FRAME + ((flags & 0x80) != 0 ? 3U << ((flags & 7) + 1) : 0) + 1; // 1: the width of LZW's first codes
        } else if (bytes[at] == 0x21) {
            at += EXTENSION;
        } else {
            return (int)error_set(error, FOV_E_INPUT, "damaged GIF: an unknown block %02x at offset %zu", bytes[at],
                                  at);
        }
        while (at < size && bytes[at] != 0) {
            at += 1U + bytes[at];
        }
        at++;
    }
    return at < size
               ? FOV_OK
               : (int)error_set(error, FOV_E_INPUT, "truncated GIF: the file's %zu bytes end before its trailer", size);
}

int gif_decode(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation, struct error *error)
{
    struct gif_reader reader = {.bytes = bytes, .size = size, .transparent = -1, .picture = picture, .error = error};
    *orientation = 1;
    int code = 0, status = gif_check_end(bytes, size, error);
    if (!status) {
        status = memory_hold(picture->memory, GIF_TABLES, "decoding a GIF", error);
    }
    if (status) {
        return status;
    }
    GifFileType *gif = DGifOpen(&reader, gif_take, &code);
    status = gif == NULL ? gif_fail(code, error) : gif_read(gif, &reader);
    if (gif != NULL) {
        DGifCloseFile(gif, &code);
    }
    memory_release(picture->memory, GIF_TABLES);
    return status;
}

#else

int gif_decode(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation, struct error *error)
{
    (void)picture, (void)bytes, (void)size;
    *orientation = 1;
    return (int)error_set(error, FOV_E_UNSUPPORTED, "a GIF, and this fovea was built without GIF (FOVEA_WITH_GIF)");
}

#endif
