"""Real photographs written as every kind of file that is read, with what each should read as."""

import io
import struct
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from tests import tiff_kinds  # noqa: F401  which registers its own
from tests.kinds import (
    KINDS,
    WEIGHTS,
    Kind,
    build,
    color_pixels,
    decoded,
    deep_pixels,
    fading,
    gray_pixels,
    kind,
    luminance,
    saved,
    tiff,
)

__all__ = [
    "KINDS",
    "Kind",
    "build",
    "color_pixels",
    "deep_pixels",
    "gray_pixels",
    "luminance",
    "png",
    "psd",
    "saved",
    "tiff",
]

# ---- PNG, by hand: Pillow writes neither 2 and 4 bits nor interlacing ---------------------------

# Adam7: first row, first column, and their steps (ISO/IEC 15948, section 8.2).
_PASSES = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
_PASSES.append((1, 0, 2, 1))


def png(array: np.ndarray, color_type: int, bits: int, interlaced: bool, **chunks: bytes) -> bytes:
    """A PNG of samples ``(H, W, C)``; further chunks (``PLTE``, ``tRNS``) by name."""
    height, width = array.shape[:2]
    passes = [array[top::down, left::right] for top, left, down, right in _PASSES]
    body = b""
    for part in passes if interlaced else [array]:
        if not part.size:
            continue
        rows = part.reshape(len(part), -1)
        if bits == 16:
            packed = rows.astype(">u2").view(np.uint8)
        else:
            planes = np.unpackbits(rows.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :]
            packed = np.packbits(planes.reshape(len(rows), -1), axis=1)
        body += b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, interlaced)
    parts = {"IHDR": header, **chunks, "IDAT": zlib.compress(body), "IEND": b""}
    file = b"\x89PNG\r\n\x1a\n"
    for name, content in parts.items():
        checked = name.encode() + content
        file += struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
    return file


def register_png(color_type: int, bits: int, interlaced: bool) -> None:
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[color_type]
    colors = "gray" if color_type in (0, 4) else "rgb"
    name = f"png_{colors}{'a' * (color_type >= 4)}_{bits}{'_interlaced' * interlaced}"

    @kind(name)
    def builder(size: tuple[int, int]) -> Kind:
        depth = 16 if bits == 16 else 8
        white = 2**bits - 1
        if colors == "gray":
            samples = gray_pixels(size, depth)[..., None]
            if bits < 8:
                samples = samples >> (8 - bits)
            expected = samples[..., 0] * (65535.0 / white)
        else:
            samples = color_pixels(size) if bits == 8 else deep_pixels(size)
            expected = luminance(samples)
        alpha = None
        if color_type >= 4:
            alpha = fading(size, white)
            samples = np.concatenate([samples, alpha[..., None]], axis=-1)
        assert samples.shape[2] == channels
        return Kind(
            png(samples, color_type, bits, interlaced),
            expected,
            None if alpha is None else alpha * (65535.0 / white),
            depth,
            0 if colors == "gray" else 0.51,
        )


for _color_type, _bits in [(0, b) for b in (1, 2, 4, 8, 16)] + [
    (c, b) for c in (2, 4, 6) for b in (8, 16)
]:
    register_png(_color_type, _bits, False)
for _color_type, _bits in [(0, 8), (0, 16), (6, 8), (6, 16)]:
    register_png(_color_type, _bits, True)


@kind("png_palette")
def _png_palette(size: tuple[int, int]) -> Kind:
    image = Image.fromarray(color_pixels(size)).quantize(16)
    return Kind(saved(image, "PNG"), luminance(np.asarray(image.convert("RGB"))))


@kind("png_palette_transparent")
def _png_palette_transparent(size: tuple[int, int]) -> Kind:
    image = Image.fromarray(color_pixels(size)).quantize(16)
    alpha = 65535.0 * (np.asarray(image) != 5)
    data = saved(image, "PNG", transparency=5)
    return Kind(data, luminance(np.asarray(image.convert("RGB"))), alpha)


@kind("png_gray_16_transparent")
def _png_gray_16_transparent(size: tuple[int, int]) -> Kind:
    gray = gray_pixels(size, 16)
    value = int(np.median(gray))
    gray[0, 0] = value
    data = png(gray[..., None], 0, 16, False, tRNS=struct.pack(">H", value))
    return Kind(data, gray.astype(float), 65535.0 * (gray != value), 16, 0)


@kind("png_gray_8_transparent")
def _png_gray_8_transparent(size: tuple[int, int]) -> Kind:
    gray = gray_pixels(size, 8)
    value = int(gray[0, 0])
    data = png(gray[..., None], 0, 8, False, tRNS=struct.pack(">H", value))
    return Kind(data, gray * 257.0, 65535.0 * (gray != value), 8, 0)


@kind("png_rgb_16_transparent")
def _png_rgb_16_transparent(size: tuple[int, int]) -> Kind:
    rgb = deep_pixels(size)
    value = rgb[-1, -1]
    data = png(rgb, 2, 16, False, tRNS=struct.pack(">3H", *value))
    return Kind(data, luminance(rgb), 65535.0 * (rgb != value).any(axis=-1), 16)


# ---- JPEG, WebP, BMP, GIF, HEIC -----------------------------------------------------------------


@kind("jpeg_gray")
def _jpeg_gray(size: tuple[int, int]) -> Kind:
    data = saved(Image.fromarray(gray_pixels(size, 8)), "JPEG")
    with Image.open(io.BytesIO(data)) as image:
        return Kind(data, np.asarray(image) * 257.0, tolerance=0)


@kind("jpeg_rgb")
def _jpeg_rgb(size: tuple[int, int]) -> Kind:
    return decoded(saved(Image.fromarray(color_pixels(size)), "JPEG"))


@kind("jpeg_progressive")
def _jpeg_progressive(size: tuple[int, int]) -> Kind:
    return decoded(saved(Image.fromarray(color_pixels(size)), "JPEG", progressive=True))


@kind("jpeg_cmyk")
def _jpeg_cmyk(size: tuple[int, int]) -> Kind:
    return decoded(saved(Image.fromarray(color_pixels(size)).convert("CMYK"), "JPEG"))


@kind("mpo")
def _mpo(size: tuple[int, int]) -> Kind:
    first = Image.fromarray(color_pixels(size))
    second = Image.fromarray(255 - color_pixels(size))
    return decoded(saved(first, "MPO", save_all=True, append_images=[second]))


@kind("webp_lossy")
def _webp_lossy(size: tuple[int, int]) -> Kind:
    return decoded(saved(Image.fromarray(color_pixels(size)), "WEBP"))


@kind("webp_lossless")
def _webp_lossless(size: tuple[int, int]) -> Kind:
    rgb = color_pixels(size)
    return Kind(saved(Image.fromarray(rgb), "WEBP", lossless=True), luminance(rgb))


@kind("webp_alpha")
def _webp_alpha(size: tuple[int, int]) -> Kind:
    rgb, alpha = color_pixels(size), fading(size, 255)
    image = Image.fromarray(np.dstack([rgb, alpha]))
    data = saved(image, "WEBP", lossless=True, exact=True)
    return Kind(data, luminance(rgb), alpha * 257.0)


@kind("webp_animated")
def _webp_animated(size: tuple[int, int]) -> Kind:
    rgb = color_pixels(size)
    other = Image.fromarray(255 - rgb)
    options: dict[str, Any] = {"save_all": True, "append_images": [other], "lossless": True}
    return Kind(saved(Image.fromarray(rgb), "WEBP", **options), luminance(rgb))


@kind("bmp_rgb")
def _bmp_rgb(size: tuple[int, int]) -> Kind:
    rgb = color_pixels(size)
    return Kind(saved(Image.fromarray(rgb), "BMP"), luminance(rgb))


@kind("bmp_gray")
def _bmp_gray(size: tuple[int, int]) -> Kind:
    gray = gray_pixels(size, 8)
    return Kind(saved(Image.fromarray(gray), "BMP"), gray * 257.0, tolerance=0)


@kind("bmp_bilevel")
def _bmp_bilevel(size: tuple[int, int]) -> Kind:
    image = Image.fromarray(gray_pixels(size, 8)).convert("1")
    return Kind(saved(image, "BMP"), np.asarray(image) * 65535.0, tolerance=0)


@kind("gif_gray")
def _gif_gray(size: tuple[int, int]) -> Kind:
    gray = gray_pixels(size, 8)
    return Kind(saved(Image.fromarray(gray), "GIF"), gray * 257.0, tolerance=0)


@kind("gif_animated")
def _gif_animated(size: tuple[int, int]) -> Kind:
    first = Image.fromarray(color_pixels(size)).quantize(64)
    data = saved(first, "GIF", save_all=True, append_images=[first.rotate(180)])
    return Kind(data, luminance(np.asarray(first.convert("RGB"))))


@kind("gif_transparent")
def _gif_transparent(size: tuple[int, int]) -> Kind:
    image = Image.fromarray(color_pixels(size)).quantize(64)
    data = saved(image, "GIF", transparency=3)
    alpha = 65535.0 * (np.asarray(image) != 3)
    return Kind(data, luminance(np.asarray(image.convert("RGB"))), alpha)


@kind("heic_rgb")
def _heic_rgb(size: tuple[int, int]) -> Kind:
    return heic(Image.fromarray(color_pixels(size)))


@kind("heic_gray")
def _heic_gray(size: tuple[int, int]) -> Kind:
    return replace(heic(Image.fromarray(gray_pixels(size, 8))), tolerance=0)


@kind("heic_rgb_10")
def _heic_rgb_10(size: tuple[int, int]) -> Kind:
    return deep_heic("RGB;16", deep_pixels(size))


@kind("heic_gray_10")
def _heic_gray_10(size: tuple[int, int]) -> Kind:
    return deep_heic("I;16", gray_pixels(size, 16))


def deep_heic(mode: str, pixels: np.ndarray) -> Kind:
    import pillow_heif

    file = io.BytesIO()
    size = pixels.shape[1], pixels.shape[0]
    pillow_heif.from_bytes(mode, size, pixels.tobytes()).save(file, quality=90)
    read = pillow_heif.open_heif(file, convert_hdr_to_8bit=False)
    levels = np.rint((np.asarray(read) >> 6) * (65535 / 1023))
    return Kind(file.getvalue(), levels if levels.ndim == 2 else levels @ WEIGHTS, None, 16)


def heic(image: Image.Image) -> Kind:
    import pillow_heif  # of an extra: tests skip without it

    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=80)
    read = pillow_heif.read_heif(file.getvalue()).to_pillow()
    if read.mode == "L":
        return Kind(file.getvalue(), np.asarray(read) * 257.0)
    return Kind(file.getvalue(), luminance(np.asarray(read.convert("RGB"))))


# ---- AVIF, JPEG 2000, JPEG XL, PNM, JPEG of other than 8 bits -----------------------------------


def register_lossless(format_: str, colors: str, bits: int) -> None:
    @kind(f"{format_}_{colors}_{bits}")
    def builder(size: tuple[int, int]) -> Kind:
        import imagecodecs

        deep = bits > 8
        samples = gray_pixels(size, 16 if deep else 8)
        if colors == "rgb":
            samples = deep_pixels(size) if deep else color_pixels(size)
        samples = samples >> (16 - bits if deep else 0)
        scaled = np.rint(samples.astype(np.float64) * (65535 / (2**bits - 1)))
        tolerance = 0 if colors == "gray" else 0.51
        if format_ == "jxl" and deep:  # as imagecodecs marks them, of linear light
            light, tolerance = scaled / 65535, 4
            curve = 1.055 * light ** (1 / 2.4) - 0.055  # IEC 61966-2-1
            scaled = 65535 * np.where(light <= 0.0031308, 12.92 * light, curve)
        if format_ == "jp2":
            data = imagecodecs.jpeg2k_encode(samples, level=0, bitspersample=bits)
        elif format_ == "jxl":
            data = imagecodecs.jpegxl_encode(samples, lossless=True, bitspersample=bits)
        elif format_ == "pnm":
            magic, white = ("P5" if colors == "gray" else "P6"), 2**bits - 1
            head = f"{magic}\n# a remark\n{size[0]} {size[1]}\n{white}\n".encode()
            data = head + samples.astype(">u2" if deep else "u1").tobytes()
        else:
            data = imagecodecs.jpeg8_encode(samples, lossless=True, bitspersample=bits)
        if colors == "gray":
            return Kind(data, scaled, None, 16 if deep else 8, tolerance)
        return Kind(data, scaled @ WEIGHTS, None, 16 if deep else 8, tolerance)


for _format in ("jp2", "jxl", "pnm", "jpeg_lossless"):
    for _colors in ("gray", "rgb"):
        for _bits in (8, 12, 16):
            register_lossless(_format, _colors, _bits)


@kind("jpeg_gray_12")
def _jpeg_gray_12(size: tuple[int, int]) -> Kind:
    import imagecodecs

    data = imagecodecs.jpeg8_encode(gray_pixels(size, 16) >> 4, bitspersample=12, level=100)
    numbers = imagecodecs.jpeg8_decode(data).astype(np.float64)
    return Kind(data, np.rint(numbers * (65535 / 4095)), None, 16, 0)


@kind("pnm_bilevel")
def _pnm_bilevel(size: tuple[int, int]) -> Kind:
    image = Image.fromarray(gray_pixels(size, 8)).convert("1")
    return Kind(saved(image, "PPM"), np.asarray(image) * 65535.0, tolerance=0)


@kind("avif_rgb")
def _avif_rgb(size: tuple[int, int]) -> Kind:
    return decoded(saved(Image.fromarray(color_pixels(size)), "AVIF"))


def psd(rgb: np.ndarray, flattened: bool = True) -> bytes:
    """By hand: a head, one resource, no layers, planes that are not packed."""
    height, width, channels = rgb.shape
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, channels, height, width, 8, 3)
    version = struct.pack(">IB", 1, flattened) + bytes(12)
    resource = struct.pack(">4sHHI", b"8BIM", 1057, 0, len(version)) + version
    resource += bytes(len(resource) % 2)
    sections = bytes(4) + struct.pack(">I", len(resource)) + resource + bytes(4)
    return head + sections + bytes(2) + np.ascontiguousarray(np.moveaxis(rgb, -1, 0)).tobytes()


@kind("psd_rgb")
def _psd_rgb(size: tuple[int, int]) -> Kind:
    rgb = color_pixels(size)
    notes = ("its flattened picture is colored, without its layers",)
    return Kind(psd(rgb), luminance(rgb), notes=notes)
