#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes pictures/ and pictures.inc: small files of every kind, with the SHA-256 of the pixels that Pillow (9.4) or plain
arithmetic gives for them, and of Pillow's resized pictures. Run it with python3-pil; results are committed."""
import hashlib
import io
import os
import struct
import sys
import zlib

from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from files import png_chunk as chunk  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
rows, resized = [], []


def pixel(x, y, c):
    """The test pattern; test_image.c has the same formula."""
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


TURNS = {2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
         6: Image.ROTATE_270, 7: Image.TRANSVERSE, 8: Image.ROTATE_90}


def exif(orientation, kind=3, order="<", prefix=b""):
    """A block of EXIF by hand: the orientation as SHORT (3) or LONG (4), in either byte order."""
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *((orientation, 0) if kind == 3 else (orientation,)))
    return (prefix + (b"II" if order == "<" else b"MM") + struct.pack(order + "HIHHHI", 42, 8, 1, 0x0112, kind, 1) + value +
            struct.pack(order + "I", 0))


def add_pillow(name, data, mode):
    """What Pillow decodes, turned as EXIF says, in the mode that fovea's channels mean."""
    image = Image.open(io.BytesIO(data))
    turn = TURNS.get(image.getexif().get(0x0112, 1))
    image = image.convert(mode)
    image = image.transpose(turn) if turn is not None else image
    row(name, data, image.width, image.height, len(image.getbands()), image.tobytes())


def turned():
    """Every place and form in which an orientation is kept."""
    w, h = 13, 9
    for name, block in [("exif_short_big.png", exif(6, order=">")), ("exif_short_little.png", exif(8)),
                        ("exif_long.png", exif(5, kind=4, order=">"))]:
        add_pillow(name, png(w, h, 2, 8, pixel, 3, chunk(b"eXIf", block)), "RGB")
    plain = open(os.path.join(HERE, "pictures", "rgb.jpg"), "rb").read()
    for name, kind, order in [("exif_long_little.jpg", 4, "<"), ("exif_long_big.jpg", 4, ">"),
                              ("exif_short_big.jpg", 3, ">")]:
        block = exif(6, kind, order, b"Exif\0\0")
        add_pillow(name, plain[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + plain[2:], "RGB")


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def webps():
    w, h = 21, 14
    rgb = Image.frombytes("RGB", (w, h), bytes(min(255, x * 9 + y * 5 + c * 40)
                                               for y in range(h) for x in range(w) for c in range(3)))
    clear = rgb.copy()
    clear.putalpha(Image.frombytes("L", (w, h), bytes(255 - x * 12 for y in range(h) for x in range(w))))
    add_pillow("lossy.webp", saved(rgb, "WEBP", quality=80), "RGB")
    add_pillow("lossless.webp", saved(rgb, "WEBP", lossless=True), "RGB")
    add_pillow("lossy_alpha.webp", saved(clear, "WEBP", quality=80, exact=True), "RGBA")
    add_pillow("lossless_alpha.webp", saved(clear, "WEBP", lossless=True, exact=True), "RGBA")
    add_pillow("animated.webp", saved(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(180)], quality=70), "RGB")
    add_pillow("turned6.webp", saved(rgb, "WEBP", lossless=True, exif=exif(6, prefix=b"Exif\0\0")), "RGB")
    add_pillow("turned7_long.webp", saved(rgb, "WEBP", lossless=True, exif=exif(7, 4, ">", b"Exif\0\0")), "RGB")


def sub_blocks(data):
    return b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255)) + b"\0"


def lzw(indices):
    """GIF's LZW of 3-bit indices, without compressing: a clear code often enough that codes stay at 4 bits."""
    codes = []
    for i, index in enumerate(indices):
        codes += ([8] if i % 6 == 0 else []) + [index]
    bits = "".join(format(c, "04b")[::-1] for c in codes + [9])
    bits += "0" * (-len(bits) % 8)
    return bytes([3]) + sub_blocks(bytes(int(bits[i:i + 8][::-1], 2) for i in range(0, len(bits), 8)))


def gif(canvas, frame, palette, indices, local=None, clear=None, interlaced=False, more=b""):
    def table(colours):
        return bytes(colours).ljust(24, b"\0")
    x, y, w, h = frame
    control = b"" if clear is None else b"\x21\xf9\x04\x01\0\0" + bytes([clear]) + b"\0"
    comment = b"\x21\xfe" + sub_blocks(b"made by hand")
    flags = (0x82 if local is not None else 0) | (0x40 if interlaced else 0)
    return (b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x82, 0, 0) + table(palette) + comment + control + b"\x2c" +
            struct.pack("<HHHHB", x, y, w, h, flags) + (table(local) if local is not None else b"") + lzw(indices) + more +
            b"\x3b")


def gifs():
    colours = pattern(8, 1, 3)
    other = bytes(255 - c for c in colours)
    greys = bytes(g for i in range(8) for g in (i * 36,) * 3)
    w, h = 13, 19
    all_of = lambda width, height: [pixel(x, y, 0) & 7 for y in range(height) for x in range(width)]
    order = [y for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(first, h, step)]
    woven = [pixel(x, y, 0) & 7 for y in order for x in range(w)]
    second = b"\x2c" + struct.pack("<HHHHB", 0, 0, w, h, 0) + lzw([0] * (w * h))
    add_pillow("rgb.gif", gif((w, h), (0, 0, w, h), colours, all_of(w, h)), "RGB")
    add_pillow("grey.gif", gif((w, h), (0, 0, w, h), greys, all_of(w, h)), "L")
    add_pillow("local.gif", gif((w, h), (0, 0, w, h), greys, all_of(w, h), local=other), "RGB")
    add_pillow("interlaced.gif", gif((w, h), (0, 0, w, h), colours, woven, interlaced=True), "RGB")
    add_pillow("clear.gif", gif((w, h), (0, 0, w, h), colours, all_of(w, h), clear=3), "RGBA")
    add_pillow("part.gif", gif((w, h), (3, 4, 6, 5), colours, all_of(6, 5)), "RGB")
    add_pillow("part_clear.gif", gif((w, h), (3, 4, 6, 5), colours, all_of(6, 5), clear=2), "RGBA")
    add_pillow("animated.gif", gif((w, h), (0, 0, w, h), colours, all_of(w, h), more=second), "RGB")


def bmp(width, height, depth, rows_of, palette=b"", form=0, masks=b"", header=40, top_down=False, used=0):
    lines = [line + b"\0" * (-len(line) % 4) for line in rows_of]
    data = b"".join(lines if top_down else lines[::-1])
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, depth)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, -height if top_down else height, 1, depth, form, len(data), 0, 0,
                           used, 0) + masks
        info = info.ljust(header, b"\0")
    offset = 14 + len(info) + len(palette)
    return struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset) + info + palette + data


def bmps():
    w, h = 13, 9
    bgr = [b"".join(bytes([pixel(x, y, 2), pixel(x, y, 1), pixel(x, y, 0)]) for x in range(w)) for y in range(h)]
    bgrx = [b"".join(bytes([pixel(x, y, 2), pixel(x, y, 1), pixel(x, y, 0), pixel(x, y, 3)]) for x in range(w))
            for y in range(h)]
    five = [b"".join(struct.pack("<H", pixel(x, y, 0) << 8 & 0x7fff | pixel(x, y, 1)) for x in range(w)) for y in range(h)]
    index = lambda depth: [pack([pixel(x, y, 0) & ((1 << depth) - 1) for x in range(w)], depth) for y in range(h)]
    colours = lambda n, pad: b"".join(bytes([pixel(i, 1, 2), pixel(i, 1, 1), pixel(i, 1, 0)]) + pad for i in range(n))
    greys = b"".join(bytes([i, i, i, 0]) for i in range(256))
    masks = struct.pack("<IIII", 0xff0000, 0xff00, 0xff, 0xff000000)
    add_pillow("rgb.bmp", bmp(w, h, 24, bgr), "RGB")
    add_pillow("top_down.bmp", bmp(w, h, 24, bgr, top_down=True), "RGB")
    add_pillow("old.bmp", bmp(w, h, 24, bgr, header=12), "RGB")
    add_pillow("old_palette.bmp", bmp(w, h, 4, index(4), colours(16, b""), header=12), "RGB")
    add_pillow("palette8.bmp", bmp(w, h, 8, index(8), colours(256, b"\0")), "RGB")
    add_pillow("palette4.bmp", bmp(w, h, 4, index(4), colours(16, b"\0")), "RGB")
    add_pillow("palette1.bmp", bmp(w, h, 1, index(1), colours(2, b"\0")), "RGB")
    add_pillow("grey.bmp", bmp(w, h, 8, index(8), greys), "L")
    add_pillow("bits555.bmp", bmp(w, h, 16, five), "RGB")
    add_pillow("bits565.bmp", bmp(w, h, 16, five, form=3, masks=struct.pack("<III", 0xf800, 0x7e0, 0x1f)), "RGB")
    add_pillow("bgrx.bmp", bmp(w, h, 32, bgrx), "RGB")
    add_pillow("bgra.bmp", bmp(w, h, 32, bgrx, form=3, masks=masks, header=108), "RGBA")


def resizing():
    for w, h, c, ow, oh in [(28, 28, 1, 32, 32), (28, 28, 1, 28, 14), (28, 28, 1, 7, 28), (640, 480, 3, 224, 224),
                            (17, 31, 3, 64, 5), (1, 1, 3, 9, 9), (100, 3, 1, 1, 1), (33, 29, 3, 227, 227),
                            (500, 375, 3, 32, 32), (5, 5, 1, 5, 4), (299, 1, 3, 150, 2)]:
        image = Image.frombytes("L" if c == 1 else "RGB", (w, h), pattern(w, h, c))
        out = image.resize((ow, oh), Image.BILINEAR).tobytes()
        resized.append(f'    {{{h}, {w}, {c}, {oh}, {ow}, "{sha(out)}"}},')


PREPARED = 20  # pixels a side


def prepared():
    """A photograph as phones save it, and what torchvision's Resize(24), CenterCrop(20) make of it: bytes."""
    w, h = 100, 75
    image = Image.frombytes("RGB", (w, h), bytes(
        (int(120 + 90 * ((x * (3 + c) + y * 5) % 64 / 64) + (x * y * 7 + c * 31) % 29)) & 255
        for y in range(h) for x in range(w) for c in range(3)))
    block = exif(6, prefix=b"Exif\0\0")
    data = saved(image, "JPEG", quality=85)
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]
    add_pillow("phone.jpg", data, "RGB")
    image = Image.open(io.BytesIO(data)).transpose(TURNS[6])
    image = image.resize((24, 24 * image.height // image.width), Image.BILINEAR)
    left, top = round((image.width - PREPARED) / 2.0), round((image.height - PREPARED) / 2.0)
    image = image.crop((left, top, left + PREPARED, top + PREPARED))
    numbers = [str(byte) for byte in image.tobytes()]
    return ",\n".join("    " + ", ".join(numbers[i:i + 20]) for i in range(0, len(numbers), 20))


def main():
    pngs()
    jpegs()
    turned()
    webps()
    gifs()
    bmps()
    resizing()
    photo = prepared()
    luma = sha(Image.frombytes("RGB", (256, 256), pattern(256, 256, 3)).convert("L").tobytes())
    with open(os.path.join(HERE, "pictures.inc"), "w", encoding="ascii") as file:
        file.write("/* SPDX-License-Identifier: MIT */\n/* Made by make_pictures.py: what Pillow makes of pictures/ and of "
                   "the test pattern. Do not edit. */\n")
        file.write("static const struct picture_case {\n    const char *name;\n    int height, width, channels;\n"
                   "    const char *sha256;\n} picture_cases[] = {\n" + "\n".join(rows) + "\n};\n\n")
        file.write("static const struct resize_case {\n    int height, width, channels, out_height, out_width;\n"
                   "    const char *sha256;\n} resize_cases[] = {\n" + "\n".join(resized) + "\n};\n\n")
        file.write(f"/* phone.jpg turned, its shorter side 24 pixels, and of that the middle. */\n"
                   f"enum {{ PREPARED = {PREPARED} }};\n"
                   f"static const uint8_t prepared_pixels[PREPARED * PREPARED * 3] = {{\n{photo},\n}};\n\n")
        file.write(f'/* The pattern of 256 x 256 RGB pixels, converted to grey. */\n'
                   f'static const char luma_sha256[] = "{luma}";\n')


main()
