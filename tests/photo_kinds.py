"""Real photographs written as every kind of file that is read, with what each should read as.

The luminance is computed from the pixels in float64, apart from the code that is tested.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from tests.conftest import SAMPLE

__all__ = [
    "KINDS",
    "Kind",
    "build",
    "color_pixels",
    "deep_pixels",
    "gray_pixels",
    "luminance",
    "png",
    "saved",
    "tiff",
]

WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class Kind:
    """A file and how it should be read.

    Attributes:
        data: the file's bytes.
        luminance: float64 ``(H, W)``, white 65535.
        alpha: the same of its opacity.
        depth: 8 or 16.
        tolerance: by how much luminance may differ: 0 of gray, of color the rounding.
    """

    data: bytes
    luminance: np.ndarray
    alpha: np.ndarray | None = None
    depth: int = 8
    tolerance: float = 0.51


Builder = Callable[[tuple[int, int]], Kind]
KINDS: dict[str, Builder] = {}


def build(name: str, size: tuple[int, int] = (61, 43)) -> Kind:
    """A kind of file, with a picture of this width and height."""
    return KINDS[name](size)


def color_pixels(size: tuple[int, int]) -> np.ndarray:
    """A photograph, uint8 ``(H, W, 3)``."""
    with Image.open(SAMPLE / "modern" / "pont_du_gard.jpg") as image:
        return np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))


def deep_pixels(size: tuple[int, int]) -> np.ndarray:
    """The same with 16 bits: means of four pixels each, uint16 ``(H, W, 3)``."""
    large = color_pixels((2 * size[0], 2 * size[1])).astype(np.float64)
    means = large.reshape(size[1], 2, size[0], 2, 3).mean(axis=(1, 3))
    return np.rint(means * 257).astype(np.uint16)


def luminance(rgb: np.ndarray) -> np.ndarray:
    """Of uint8 or uint16 ``(H, W, 3)``, on the scale of 65535."""
    return rgb.astype(np.float64) @ WEIGHTS * (65535 / np.iinfo(rgb.dtype).max)


def gray_pixels(size: tuple[int, int], depth: int) -> np.ndarray:
    rgb = color_pixels(size) if depth == 8 else deep_pixels(size)
    return np.rint(rgb.astype(np.float64) @ WEIGHTS).astype(rgb.dtype)


def fading(size: tuple[int, int], white: int) -> np.ndarray:
    """Opacity, from transparent at the left to opaque; ``(H, W)``."""
    ramp = np.linspace(0, white, size[0]).round().astype(np.uint8 if white == 255 else np.uint16)
    return np.broadcast_to(ramp, size[::-1])


def saved(image: Image.Image, format_: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def decoded(data: bytes, **fields: Any) -> Kind:
    """A kind whose pixels are as Pillow decodes them, as after lossy compression."""
    with Image.open(io.BytesIO(data)) as image:
        return Kind(data, luminance(np.asarray(image.convert("RGB"))), **fields)


def tiff(array: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, metadata=None, **options)
    return file.getvalue()


def kind(name: str) -> Callable[[Builder], Builder]:
    def register(builder: Builder) -> Builder:
        KINDS[name] = builder
        return builder

    return register


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


def heic(image: Image.Image) -> Kind:
    import pillow_heif  # of an extra: test_originals.py skips without it

    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=80)
    read = pillow_heif.read_heif(file.getvalue()).to_pillow()
    if read.mode == "L":
        return Kind(file.getvalue(), np.asarray(read) * 257.0)
    return Kind(file.getvalue(), luminance(np.asarray(read.convert("RGB"))))


# ---- TIFF ---------------------------------------------------------------------------------------

PACKINGS: dict[str, dict[str, Any]] = {
    "": {},
    "_lzw": {"compression": "lzw"},
    "_lzw_predicted": {"compression": "lzw", "predictor": True},
    "_deflate": {"compression": "adobe_deflate"},
    "_deflate_predicted": {"compression": "adobe_deflate", "predictor": True},
    "_zstd": {"compression": "zstd"},
    "_packbits": {"compression": "packbits"},
    "_tiled": {"tile": (16, 32)},
    "_tiled_deflate": {"tile": (16, 32), "compression": "adobe_deflate"},
    "_tiled_lzw_predicted": {"tile": (32, 16), "compression": "lzw", "predictor": True},
    "_strips": {"rowsperstrip": 5, "compression": "adobe_deflate"},
    "_big_endian": {"byteorder": ">"},
    "_big_endian_lzw": {"byteorder": ">", "compression": "lzw", "predictor": True},
    "_bigtiff": {"bigtiff": True},
}


def register_tiff(packing: str, bits: int, colors: str) -> None:
    @kind(f"tiff_{colors}_{bits}{packing}")
    def builder(size: tuple[int, int]) -> Kind:
        options = PACKINGS[packing]
        if colors == "gray":
            gray = gray_pixels(size, bits)
            data = tiff(gray, photometric="minisblack", **options)
            return Kind(data, gray * (257.0 if bits == 8 else 1.0), None, bits, 0)
        rgb = color_pixels(size) if bits == 8 else deep_pixels(size)
        return Kind(tiff(rgb, photometric="rgb", **options), luminance(rgb), None, bits)


for _packing in PACKINGS:
    for _bits in (8, 16):
        for _colors in ("gray", "rgb"):
            register_tiff(_packing, _bits, _colors)


@kind("tiff_bilevel")
def _tiff_bilevel(size: tuple[int, int]) -> Kind:
    return bilevel(size, photometric="minisblack")


@kind("tiff_bilevel_white_is_zero")
def _tiff_bilevel_white_is_zero(size: tuple[int, int]) -> Kind:
    return bilevel(size, photometric="miniswhite")


@kind("tiff_fax")
def _tiff_fax(size: tuple[int, int]) -> Kind:
    image = Image.fromarray(gray_pixels(size, 8)).convert("1")
    data = saved(image, "TIFF", compression="group4")
    return Kind(data, np.asarray(image) * 65535.0, tolerance=0)


def bilevel(size: tuple[int, int], photometric: str) -> Kind:
    white = gray_pixels(size, 8) > 128
    stored = white if photometric == "minisblack" else ~white
    return Kind(tiff(stored, photometric=photometric), white * 65535.0, tolerance=0)


@kind("tiff_gray_8_white_is_zero")
def _tiff_gray_8_white_is_zero(size: tuple[int, int]) -> Kind:
    gray = gray_pixels(size, 8)
    return Kind(tiff(255 - gray, photometric="miniswhite"), gray * 257.0, tolerance=0)


@kind("tiff_gray_16_white_is_zero")
def _tiff_gray_16_white_is_zero(size: tuple[int, int]) -> Kind:
    gray = gray_pixels(size, 16)
    return Kind(tiff(65535 - gray, photometric="miniswhite"), gray * 1.0, None, 16, 0)


@kind("tiff_graya_16_white_is_zero")
def _tiff_graya_16_white_is_zero(size: tuple[int, int]) -> Kind:
    gray, alpha = gray_pixels(size, 16), fading(size, 65535)
    stored = np.dstack([65535 - gray, alpha])
    options: dict[str, Any] = {"extrasamples": ["unassalpha"], "planarconfig": "contig"}
    data = tiff(stored, photometric="miniswhite", **options)
    return Kind(data, gray * 1.0, alpha * 1.0, 16, 0)


def register_tiff_alpha(bits: int, associated: bool, planar: bool) -> None:
    @kind(f"tiff_rgba_{bits}{'_associated' * associated}{'_planar' * planar}")
    def builder(size: tuple[int, int]) -> Kind:
        rgb = color_pixels(size) if bits == 8 else deep_pixels(size)
        white = 2**bits - 1
        alpha = np.maximum(fading(size, white), 1)
        expected, tolerance = luminance(rgb), 0.51
        if associated:
            # Dividing it out again magnifies the rounding, by what the alpha is small.
            rgb = np.rint(rgb * (alpha[..., None] / white)).astype(rgb.dtype)
            restored = np.minimum(rgb * (white / alpha[..., None]), white)
            expected = (restored @ WEIGHTS) * (65535 / white)
            tolerance = 257.0 if bits == 8 else 1.0
        array = np.dstack([rgb, alpha])
        data = tiff(
            np.moveaxis(array, -1, 0) if planar else array,
            photometric="rgb",
            planarconfig="separate" if planar else "contig",
            extrasamples=["assocalpha" if associated else "unassalpha"],
        )
        return Kind(data, expected, alpha * (65535.0 / white), bits, tolerance)


for _bits in (8, 16):
    register_tiff_alpha(_bits, False, False)
    register_tiff_alpha(_bits, True, False)
register_tiff_alpha(16, False, True)


@kind("tiff_rgb_8_planar")
def _tiff_rgb_8_planar(size: tuple[int, int]) -> Kind:
    rgb = color_pixels(size)
    data = tiff(np.moveaxis(rgb, -1, 0), photometric="rgb", planarconfig="separate")
    return Kind(data, luminance(rgb))


@kind("tiff_rgb_8_planar_deflate")
def _tiff_rgb_8_planar_deflate(size: tuple[int, int]) -> Kind:
    rgb = color_pixels(size)
    options: dict[str, Any] = {"planarconfig": "separate", "compression": "adobe_deflate"}
    data = tiff(np.moveaxis(rgb, -1, 0), photometric="rgb", **options)
    return Kind(data, luminance(rgb))


@kind("tiff_rgb_16_planar")
def _tiff_rgb_16_planar(size: tuple[int, int]) -> Kind:
    rgb = deep_pixels(size)
    data = tiff(np.moveaxis(rgb, -1, 0), photometric="rgb", planarconfig="separate")
    return Kind(data, luminance(rgb), None, 16)


@kind("tiff_rgb_16_planar_tiled")
def _tiff_rgb_16_planar_tiled(size: tuple[int, int]) -> Kind:
    rgb = deep_pixels(size)
    options: dict[str, Any] = {"planarconfig": "separate", "tile": (32, 16), "compression": "lzw"}
    data = tiff(np.moveaxis(rgb, -1, 0), photometric="rgb", **options)
    return Kind(data, luminance(rgb), None, 16)


@kind("tiff_rgbx_16")
def _tiff_rgbx_16(size: tuple[int, int]) -> Kind:
    """A fourth channel whose meaning isn't told isn't opacity."""
    rgb = deep_pixels(size)
    array = np.dstack([rgb, fading(size, 65535)])
    data = tiff(array, photometric="rgb", planarconfig="contig", extrasamples=["unspecified"])
    return Kind(data, luminance(rgb), None, 16)


@kind("tiff_palette")
def _tiff_palette(size: tuple[int, int]) -> Kind:
    image = Image.fromarray(color_pixels(size)).quantize(64)
    return Kind(saved(image, "TIFF"), luminance(np.asarray(image.convert("RGB"))))


@kind("tiff_cmyk")
def _tiff_cmyk(size: tuple[int, int]) -> Kind:
    return decoded(saved(Image.fromarray(color_pixels(size)).convert("CMYK"), "TIFF"))


@kind("tiff_lab")
def _tiff_lab(size: tuple[int, int]) -> Kind:
    from PIL import ImageCms

    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(
        Image.fromarray(color_pixels(size)), srgb, lab, outputMode="LAB"
    )
    assert image is not None
    back = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    return Kind(saved(image, "TIFF"), luminance(np.asarray(back)), tolerance=257.0)


@kind("tiff_jpeg_rgb")
def _tiff_jpeg_rgb(size: tuple[int, int]) -> Kind:
    return decoded(saved(Image.fromarray(color_pixels(size)), "TIFF", compression="jpeg"))


@kind("tiff_jpeg_gray")
def _tiff_jpeg_gray(size: tuple[int, int]) -> Kind:
    data = saved(Image.fromarray(gray_pixels(size, 8)), "TIFF", compression="jpeg")
    return replace(decoded(data), tolerance=0.01)  # R = G = B: the weights sum to 1, nearly


def register_tiff_float(colors: str, white: float, dtype: str, packing: str = "") -> None:
    @kind(f"tiff_{colors}_{dtype}_{white:g}{packing}")
    def builder(size: tuple[int, int]) -> Kind:
        rgb = deep_pixels(size)
        pixels = rgb if colors == "rgb" else gray_pixels(size, 16)
        pixels[0, 0] = 65535
        values = pixels / 65535.0 * white
        if dtype.startswith("uint"):
            values = np.rint(values)
        stored = values.astype(dtype)
        rounded = np.rint(stored.astype(np.float64) / white * 65535)
        photometric = "rgb" if colors == "rgb" else "minisblack"
        expected = rounded @ WEIGHTS if colors == "rgb" else rounded
        tolerance = 0.51 if colors == "rgb" else 0
        data = tiff(stored, photometric=photometric, **PACKINGS[packing])
        return Kind(data, expected, None, 16, tolerance)


for _colors in ("gray", "rgb"):
    for _white, _dtype in [(1, "float32"), (255, "float32"), (65535, "float32"), (1, "float64")]:
        register_tiff_float(_colors, _white, _dtype)
    register_tiff_float(_colors, 1, "float16")
    register_tiff_float(_colors, 65535, "uint32")
    register_tiff_float(_colors, 65535, "uint32", "_lzw_predicted")
    register_tiff_float(_colors, 1, "float32", "_deflate_predicted")
    register_tiff_float(_colors, 1, "float32", "_big_endian_lzw")


@kind("tiff_gray_12")
def _tiff_gray_12(size: tuple[int, int]) -> Kind:
    """12 bits, two numbers in three bytes: as some scanners have it."""
    width, height = size
    gray = (gray_pixels(size, 16) >> 4).astype(np.uint16)
    bits = np.unpackbits(gray.astype(">u2")[..., None].view(np.uint8), axis=-1)[..., 4:]
    body = np.packbits(bits.reshape(height, -1), axis=1).tobytes()
    tags = [(256, 3, width), (257, 3, height), (258, 3, 12), (259, 3, 1), (262, 3, 1)]
    tags += [(273, 4, 8), (277, 3, 1), (278, 3, height), (279, 4, len(body))]
    entries = b"".join(
        struct.pack(f"<HHI{'H2x' if type_ == 3 else 'I'}", tag, type_, 1, value)
        for tag, type_, value in tags
    )
    head = struct.pack("<2sHI", b"II", 42, 8 + len(body))
    data = head + body + struct.pack("<H", len(tags)) + entries + bytes(4)
    return Kind(data, np.rint(gray * (65535 / 4095)), None, 16, 0)
