/* SPDX-License-Identifier: MIT */
/* Reads the headers of PNG (ISO 15948, section 11) and JPEG (T.81, annex B) itself: decoders would need the whole
 * file. */
#include "data/probe.h"
#include "base/file.h"
#include "base/hash.h"
#include "image/image.h"
#include <stdio.h>
#include <string.h>

enum { HASHED = 4096, PNG_HEADER = 33 };

struct suffix {
    const char *suffix, *format;
};

static const char *find_suffix(const char *name, const struct suffix *list)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && list[i].suffix; i++) {
        const char *suffix = list[i].suffix;
        size_t k = 0;
        // ASCII letters only, whatever the locale says
        while (dot[k] && suffix[k] == (dot[k] >= 'A' && dot[k] <= 'Z' ? dot[k] + 32 : dot[k])) {
            k++;
        }
        if (dot[k] == 0 && suffix[k] == 0) {
            return list[i].format;
        }
    }
    return NULL;
}

const char *probe_name(const char *name)
{
    static const struct suffix read[] = {{".png", "PNG"}, {".jpg", "JPEG"}, {".jpeg", "JPEG"}, {".webp", "WebP"},
                                         {".gif", "GIF"}, {".bmp", "BMP"},  {NULL, NULL}};
    return find_suffix(name, read);
}

const char *probe_other_name(const char *name)
{
    static const struct suffix others[] = {
        {".tif", "TIFF"},    {".tiff", "TIFF"},     {".heic", "HEIC"}, {".heif", "HEIC"},     {".avif", "AVIF"},
        {".jxl", "JPEG XL"}, {".jp2", "JPEG 2000"}, {".ppm", "PPM"},   {".pgm", "PGM"},       {".pnm", "PNM"},
        {".tga", "TGA"},     {".ico", "ICO"},       {".svg", "SVG"},   {".dcm", "DICOM"},     {".exr", "OpenEXR"},
        {".dng", "DNG"},     {".cr2", "CR2"},       {".nef", "NEF"},   {".psd", "Photoshop"}, {NULL, NULL}};
    return find_suffix(name, others);
}

static void refuse(struct probe *probe, fov_status status, const char *why)
{
    probe->status = status;
    snprintf(probe->why, sizeof probe->why, "%.*s", (int)sizeof probe->why - 1, why);
}

static uint32_t big_endian(const uint8_t *bytes, int size)
{
    uint32_t value = 0;
    for (int i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* The bytes [at, at + count) of the file; NULL if they reach beyond its end or cannot be read. */
static const uint8_t *look(const struct file_map *map, size_t at, size_t count)
{
    if (at > map->size || count > map->size - at || file_need(map, map->bytes + at, count, NULL) != FOV_OK) {
        return NULL;
    }
    return map->bytes + at;
}

/* Swaps height and width if the orientation turns the picture by a quarter. */
static void turn(struct probe *probe)
{
    if (probe->orientation >= 5) {
        int height = probe->height;
        probe->height = probe->width;
        probe->width = height;
    }
}

/* IHDR comes first; a tRNS chunk, which makes single colours transparent, before the pixels; EXIF before or after them.
   In a large file, which is read in parts, chunks after the first IDAT are not looked at. */
static void probe_png(struct probe *probe, const struct file_map *map)
{
    enum { GREY = 0, GREY_ALPHA = 4, RGB_ALPHA = 6 };
    const uint8_t *header = look(map, 0, PNG_HEADER);
    if (header == NULL || memcmp(header + 12, "IHDR", 4) != 0) {
        refuse(probe, FOV_E_INPUT, "truncated PNG");
        return;
    }
    uint32_t width = big_endian(header + 16, 4), height = big_endian(header + 20, 4);
    struct error error = {.status = FOV_OK};
    if (image_check_size(height, width, &error) != FOV_OK) {
        refuse(probe, error.status, error.text);
        return;
    }
    probe->height = (int)height;
    probe->width = (int)width;
    int color = header[25];
    probe->channels = color == GREY || color == GREY_ALPHA ? 1 : 3;
    probe->alpha = color == GREY_ALPHA || color == RGB_ALPHA;
    for (size_t at = PNG_HEADER;;) {
        const uint8_t *chunk = look(map, at, 8);
        if (chunk == NULL || (map->parts != NULL && memcmp(chunk + 4, "IDAT", 4) == 0)) {
            break;
        }
        size_t length = big_endian(chunk, 4);
        const uint8_t *exif = memcmp(chunk + 4, "eXIf", 4) == 0 ? look(map, at + 8, length) : NULL;
        probe->orientation = exif != NULL ? exif_orientation(exif, length) : probe->orientation;
        probe->alpha = probe->alpha || (memcmp(chunk + 4, "tRNS", 4) == 0 && color != GREY);
        at += 12 + length;
    }
    turn(probe);
}

/* Reads segments up to the frame header (SOF), which has size and components, and EXIF's orientation on the way. */
static void probe_jpeg(struct probe *probe, const struct file_map *map)
{
    enum { APP1 = 0xe1, SOS = 0xda, EOI = 0xd9, DHT = 0xc4, JPG = 0xc8, DAC = 0xcc };
    probe->orientation = 1;
    for (size_t at = 2;;) {
        const uint8_t *marker = look(map, at, 4);
        if (marker == NULL || marker[1] == SOS || marker[1] == EOI) {
            break;
        }
        if (marker[0] != 0xff || marker[1] == 0xff || marker[1] == 0) {
            at++; // fill bytes, and what cameras leave between segments
            continue;
        }
        size_t length = big_endian(marker + 2, 2);
        const uint8_t *body = length >= 2 ? look(map, at + 4, length - 2) : NULL;
        if (body == NULL) {
            break;
        }
        bool frame = marker[1] >= 0xc0 && marker[1] <= 0xcf && marker[1] != DHT && marker[1] != JPG && marker[1] != DAC;
        if (marker[1] == APP1) {
            int found = exif_orientation(body, length - 2);
            probe->orientation = found > 1 ? found : probe->orientation;
        } else if (frame && length >= 8) {
            uint32_t height = big_endian(body + 1, 2), width = big_endian(body + 3, 2);
            struct error error = {.status = FOV_OK};
            if (image_check_size(height, width, &error) != FOV_OK) {
                refuse(probe, error.status, error.text);
                return;
            }
            probe->height = (int)height;
            probe->width = (int)width;
            turn(probe);
            probe->channels = body[5] == 1 ? 1 : 3;
            probe->cmyk = body[5] == 4;
            return;
        }
        at += 2 + length;
    }
    refuse(probe, FOV_E_INPUT, "truncated JPEG: the file ends before its frame header");
}

/* Decodes files of other formats, and files that are no pictures, for their size or for the decoder's error. */
static void probe_other(struct probe *probe, const char *path, const struct file_map *map, const uint8_t *begin,
                        size_t first, struct memory *memory)
{
    probe->format = webp_is(begin, first) ? "WebP" : gif_is(begin, first) ? "GIF" : bmp_is(begin, first) ? "BMP" : NULL;
    struct picture picture = {.memory = memory};
    struct error error = {.status = FOV_OK};
    int status = path ? image_read(&picture, path, IMAGE_AS_STORED, &error)
                      : image_decode(&picture, map->bytes, map->size, IMAGE_AS_STORED, &error);
    if (status == FOV_OK) {
        probe->height = picture.height;
        probe->width = picture.width;
        probe->alpha = picture.channels == 4;
        probe->channels = picture.channels == 1 ? 1 : 3;
    } else {
        size_t length = path ? strlen(path) : 0;
        bool named = path && strncmp(error.text, path, length) == 0 && strncmp(error.text + length, ": ", 2) == 0;
        refuse(probe, error.status, error.text + (named ? length + 2 : 0));
    }
    picture_free(&picture);
}

/* `path` NULL: the file's bytes are in the map only. */
static void probe_map(struct probe *probe, const char *path, const struct file_map *map, struct memory *memory)
{
    size_t first = map->size < HASHED ? map->size : HASHED;
    const uint8_t *begin = look(map, 0, first);
    *probe = (struct probe){.status = FOV_OK, .orientation = 1, .size = map->size};
    if (begin == NULL) {
        refuse(probe, FOV_E_IO, "the file cannot be read");
    } else if (map->size == 0) {
        refuse(probe, FOV_E_INPUT, "the file is empty");
    } else {
        probe->begin = hash_fold(0, begin, first);
        if (png_is(begin, first)) {
            probe->format = "PNG";
            probe_png(probe, map);
        } else if (jpeg_is(begin, first)) {
            probe->format = "JPEG";
            probe_jpeg(probe, map);
        } else {
            probe_other(probe, path, map, begin, first, memory);
        }
    }
}

void probe_file(struct probe *probe, const char *path, struct memory *memory)
{
    struct file_map map;
    struct error error = {.status = FOV_OK};
    if (file_map_parts(&map, path, memory, &error) != FOV_OK) {
        *probe = (struct probe){.orientation = 1};
        refuse(probe, error.status, error.text);
        return;
    }
    probe_map(probe, path, &map, memory);
    file_unmap(&map);
}

void probe_bytes(struct probe *probe, const uint8_t *bytes, size_t size, struct memory *memory)
{
    const struct file_map map = {.bytes = bytes, .size = size};
    probe_map(probe, NULL, &map, memory);
}
