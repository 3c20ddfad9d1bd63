# SPDX-License-Identifier: MIT
"""Files that the Python tests write and read without fovea and without other libraries: 8-bit PNG and the header of
safetensors. A test puts this folder on its path:

    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    import files
"""
import json
import os
import struct
import zlib

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # PNG's number for grey, grey with alpha, RGB, RGBA
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def write(path, content):
    """Bytes, or text, as a file, in a folder that is made where it is not there; returns the path."""
    if os.path.dirname(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(height, width, channels, pixels):
    """The bytes of a PNG; pixels: 8 bits a channel, row after row."""
    row = width * channels
    assert len(pixels) == height * row, (len(pixels), height, width, channels)
    rows = b"".join(b"\0" + bytes(pixels[i * row:(i + 1) * row]) for i in range(height))
    size = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)
    return SIGNATURE + png_chunk(b"IHDR", size) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def write_png(path, height, width, channels, pixels):
    write(path, png(height, width, channels, pixels))


def write_even(path, height, width, *colour):
    """A PNG of one colour: one number for grey, three for RGB."""
    write_png(path, height, width, len(colour), bytes(colour) * (height * width))


def paeth(left, above, corner):
    guess = left + above - corner
    distances = (abs(guess - left), abs(guess - above), abs(guess - corner))
    return (left, above, corner)[distances.index(min(distances))]


def png_size(path):
    """(height, width) of a PNG, from its header."""
    with open(path, "rb") as file:
        head = file.read(24)
    assert head[:8] == SIGNATURE and head[12:16] == b"IHDR", f"{path} is no PNG"
    return struct.unpack(">II", head[16:24])[::-1]


def read_png(path):
    """(height, width, channels, pixels) of a PNG of 8 bits a channel that is not interlaced."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == SIGNATURE, f"{path} is no PNG"
    at, packed, head = 8, b"", None
    while at < len(data):
        length, name = struct.unpack(">I", data[at:at + 4])[0], data[at + 4:at + 8]
        body = data[at + 8:at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0] == zlib.crc32(name + body), f"{path}: {name}"
        head = struct.unpack(">IIBBBBB", body) if name == b"IHDR" else head
        packed += body if name == b"IDAT" else b""
        at += 12 + length
    assert name == b"IEND", f"{path} is cut short"
    width, height, depth, kind, _, _, interlaced = head
    channels = {number: count for count, number in COLOUR_TYPES.items()}[kind]
    assert depth == 8 and not interlaced, f"{path}: {depth} bits, interlaced {interlaced}"
    filtered, row = zlib.decompress(packed), width * channels
    assert len(filtered) == height * (row + 1), f"{path}: {len(filtered)} bytes of rows"
    above, pixels = bytes(row), bytearray()
    for y in range(height):
        method, line = filtered[y * (row + 1)], bytearray(filtered[y * (row + 1) + 1:(y + 1) * (row + 1)])
        for x in range(row):
            left, corner = (line[x - channels], above[x - channels]) if x >= channels else (0, 0)
            line[x] = (line[x] + (0, left, above[x], (left + above[x]) // 2, paeth(left, above[x], corner))[method]) & 255
        above = bytes(line)
        pixels += line
    return height, width, channels, bytes(pixels)


def safetensors(path):
    """(header, bytes of the tensors) of a safetensors file."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        return json.loads(file.read(length)), file.read()


def write_safetensors(path, header, body):
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)
