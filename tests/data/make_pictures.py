#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes pictures/ and pictures.inc: small files of every kind, with the SHA-256 of the pixels that Pillow (9.4) or plain
arithmetic gives for them, and of Pillow's resized pictures. Run it with python3-pil; results are committed."""
import hashlib
import os
import struct
import zlib

from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
rows, resized = [], []


def pixel(x, y, c):
    """The test pattern; test_resize.c has the same formula."""
    return (x * x * 7 + y * 13 + x * y * (3 + c) + 91 * c + (x >> 2) * 64) & 255


def pattern(width, height, channels):
    return bytes(pixel(x, y, c) for y in range(height) for x in range(width) for c in range(channels))


def sha(data):
    return hashlib.sha256(data).hexdigest()


def row(name, data, width, height, channels, pixels):
    with open(os.path.join(HERE, "pictures", name), "wb") as file:
        file.write(data)
    assert len(pixels) == width * height * channels, name
    rows.append(f'    {{"{name}", {height}, {width}, {channels}, "{sha(pixels)}"}},')


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack(samples, depth):
    """A row of samples to bytes, most significant bits first."""
    if depth == 16:
        return b"".join(struct.pack(">H", s) for s in samples)
    bits = "".join(format(s, f"0{depth}b") for s in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def png(width, height, kind, depth, sample, channels, extra=b"", interlaced=False):
    """PNG by hand: sample(x, y, c) gives numbers of `depth` bits."""
    def lines(xs, ys):
        return b"".join(b"\0" + pack([sample(x, y, c) for x in xs for c in range(channels)], depth) for y in ys if xs)
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        raw = b"".join(lines(range(x0, width, dx), range(y0, height, dy)) for x0, y0, dx, dy in passes)
    else:
        raw = lines(range(width), range(height))
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw, 9)) +
            chunk(b"IEND", b""))


def every(width, height, channels, value):
    return bytes(value(x, y, c) for y in range(height) for x in range(width) for c in range(channels))


def pngs():
    w, h = 13, 9
    for depth in (1, 2, 4, 8):
        top = (1 << depth) - 1
        value = lambda x, y, c: pixel(x, y, c) & top
        row(f"grey{depth}.png", png(w, h, 0, depth, value, 1), w, h, 1,
            every(w, h, 1, lambda x, y, c: value(x, y, c) * 255 // top))
    wide = lambda x, y, c: pixel(x, y, c) << 8 | pixel(y, x, c)
    row("grey16.png", png(w, h, 0, 16, wide, 1), w, h, 1, every(w, h, 1, pixel))
    row("grey_alpha.png", png(w, h, 4, 8, pixel, 2), w, h, 1, every(w, h, 1, pixel))
    row("rgb.png", png(w, h, 2, 8, pixel, 3), w, h, 3, every(w, h, 3, pixel))
    row("rgb16.png", png(w, h, 2, 16, wide, 3), w, h, 3, every(w, h, 3, pixel))
    row("rgba.png", png(w, h, 6, 8, pixel, 4), w, h, 4, every(w, h, 4, pixel))
    row("rgb_interlaced.png", png(w, h, 2, 8, pixel, 3, interlaced=True), w, h, 3, every(w, h, 3, pixel))
    row("grey2_interlaced.png", png(1, h, 0, 2, lambda x, y, c: y & 3, 1, interlaced=True), 1, h, 1,
        every(1, h, 1, lambda x, y, c: (y & 3) * 85))
    palette = pattern(16, 1, 3)
    index = lambda x, y, c: pixel(x, y, 0) & 15
    look = lambda x, y, c: palette[3 * index(x, y, 0) + c]
    row("palette4.png", png(w, h, 3, 4, index, 1, chunk(b"PLTE", palette)), w, h, 3, every(w, h, 3, look))
    clear = bytes(range(0, 160, 10))
    row("palette_alpha.png", png(w, h, 3, 4, index, 1, chunk(b"PLTE", palette) + chunk(b"tRNS", clear)), w, h, 4,
        every(w, h, 4, lambda x, y, c: clear[index(x, y, 0)] if c == 3 else look(x, y, c)))


def jpegs():
    import io
    w, h = 21, 14
    smooth = bytes(min(255, (x * 9 + y * 5 + c * 40)) for y in range(h) for x in range(w) for c in range(3))
    rgb = Image.frombytes("RGB", (w, h), smooth)

    def add(name, image, **options):
        out = io.BytesIO()
        image.save(out, "JPEG", **options)
        back = Image.open(io.BytesIO(out.getvalue()))
        channels = 1 if back.mode == "L" else 3
        orientation = back.getexif().get(0x0112, 1)
        turn = {2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
                6: Image.ROTATE_270, 7: Image.TRANSVERSE, 8: Image.ROTATE_90}.get(orientation)
        back = back.transpose(turn) if turn is not None else back
        back = back.convert("RGB") if back.mode == "CMYK" else back
        row(name, out.getvalue(), back.width, back.height, channels, back.tobytes())

    add("rgb.jpg", rgb, quality=90)
    add("grey.jpg", rgb.convert("L"), quality=90)
    add("progressive.jpg", rgb, quality=80, progressive=True)
    add("sampled444.jpg", rgb, quality=75, subsampling=0)
    add("cmyk.jpg", rgb.convert("CMYK"), quality=85)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        add(f"turned{orientation}.jpg", rgb, quality=85, exif=exif)


def resizing():
    for w, h, c, ow, oh in [(28, 28, 1, 32, 32), (28, 28, 1, 28, 14), (28, 28, 1, 7, 28), (640, 480, 3, 224, 224),
                            (17, 31, 3, 64, 5), (1, 1, 3, 9, 9), (100, 3, 1, 1, 1), (33, 29, 3, 227, 227),
                            (500, 375, 3, 32, 32), (5, 5, 1, 5, 4), (299, 1, 3, 150, 2)]:
        image = Image.frombytes("L" if c == 1 else "RGB", (w, h), pattern(w, h, c))
        out = image.resize((ow, oh), Image.BILINEAR).tobytes()
        resized.append(f'    {{{h}, {w}, {c}, {oh}, {ow}, "{sha(out)}"}},')


def main():
    pngs()
    jpegs()
    resizing()
    luma = sha(Image.frombytes("RGB", (256, 256), pattern(256, 256, 3)).convert("L").tobytes())
    with open(os.path.join(HERE, "pictures.inc"), "w", encoding="ascii") as file:
        file.write("/* SPDX-License-Identifier: MIT */\n/* Made by make_pictures.py: what Pillow makes of pictures/ and of "
                   "the test pattern. Do not edit. */\n")
        file.write("static const struct picture_case {\n    const char *name;\n    int height, width, channels;\n"
                   "    const char *sha256;\n} picture_cases[] = {\n" + "\n".join(rows) + "\n};\n\n")
        file.write("static const struct resize_case {\n    int height, width, channels, out_height, out_width;\n"
                   "    const char *sha256;\n} resize_cases[] = {\n" + "\n".join(resized) + "\n};\n\n")
        file.write(f'/* The pattern of 256 x 256 RGB pixels, converted to grey. */\n'
                   f'static const char luma_sha256[] = "{luma}";\n')


main()
