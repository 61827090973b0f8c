"""Real photographs written as every kind of TIFF that is read, with what each should read as."""

import io
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from tests.kinds import (
    WEIGHTS,
    Kind,
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
    "_bigtiff_big_endian": {"bigtiff": True, "byteorder": ">"},
    "_lzma": {"compression": "lzma"},
    "_jpeg2000": {"compression": "jpeg2000"},
    "_jpegxl": {"compression": "jpegxl"},
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


@kind("tiff_rgb_8_webp")
def _tiff_rgb_8_webp(size: tuple[int, int]) -> Kind:
    rgb = color_pixels(size)
    return Kind(tiff(rgb, photometric="rgb", compression="webp"), luminance(rgb))


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


@kind("tiff_bilevel_lzw")
def _tiff_bilevel_lzw(size: tuple[int, int]) -> Kind:
    image = Image.fromarray(gray_pixels(size, 8)).convert("1")
    data = saved(image, "TIFF", compression="tiff_lzw")
    return Kind(data, np.asarray(image) * 65535.0, tolerance=0)


def register_tiff_few_bits(bits: int, packing: str) -> None:
    @kind(f"tiff_gray_{bits}{packing}")
    def builder(size: tuple[int, int]) -> Kind:
        """Written as bytes that hold several numbers, which the tags then say."""
        gray = gray_pixels(size, 8) >> (8 - bits)
        planes = np.unpackbits(gray[..., None], axis=-1)[..., 8 - bits :]
        packed = np.packbits(planes.reshape(len(gray), -1), axis=1)
        data = bytearray(tiff(packed, photometric="minisblack", **PACKINGS[packing]))
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            order, tags = file.byteorder, file.pages[0].tags
            values = {"BitsPerSample": bits, "ImageWidth": size[0]}
            if "TileWidth" in tags:
                values["TileWidth"] = tags["TileWidth"].value * 8 // bits
            for name, value in values.items():
                letter = {3: "H", 4: "I"}[tags[name].dtype]
                struct.pack_into(order + letter, data, tags[name].valueoffset, value)
        levels = np.rint(gray * (255 / (2**bits - 1)))
        return Kind(bytes(data), levels * 257, tolerance=0)


for _bits in (2, 4):
    for _packing in ("", "_lzw", "_deflate", "_big_endian", "_tiled_deflate"):
        register_tiff_few_bits(_bits, _packing)


def register_tiff_signed(colors: str, bits: int, packing: str) -> None:
    @kind(f"tiff_{colors}_int{bits}{packing}")
    def builder(size: tuple[int, int]) -> Kind:
        """The least number is black, the largest white."""
        gray, rgb = colors == "gray", color_pixels(size) if bits == 8 else deep_pixels(size)
        pixels = gray_pixels(size, bits) if gray else rgb
        pixels = pixels.copy()
        pixels[0, 0] = 5
        half = 1 << (bits - 1)
        signed = (pixels.astype(np.int64) - half).astype(f"i{bits // 8}")
        data = tiff(signed, photometric="minisblack" if gray else "rgb", **PACKINGS[packing])
        expected = pixels * (257.0 if bits == 8 else 1.0) if gray else luminance(pixels)
        note = f"signed numbers: {-half} was taken for black and {half - 1} for white"
        return Kind(data, expected, None, bits, 0 if gray else 0.51, (note,))


for _colors in ("gray", "rgb"):
    for _bits in (8, 16):
        for _packing in ("", "_lzw_predicted", "_big_endian"):
            register_tiff_signed(_colors, _bits, _packing)


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


@kind("tiff_palette_lzw")
def _tiff_palette_lzw(size: tuple[int, int]) -> Kind:
    image = Image.fromarray(color_pixels(size)).quantize(64)
    data = saved(image, "TIFF", compression="tiff_lzw")
    return Kind(data, luminance(np.asarray(image.convert("RGB"))))


def register_tiff_ycbcr(planar: bool, packing: str) -> None:
    @kind(f"tiff_ycbcr{'_planar' * planar}{packing}")
    def builder(size: tuple[int, int]) -> Kind:
        """Luminance is Y, but where the colors don't fit into RGB of 8 bits."""
        ycbcr = np.asarray(Image.fromarray(color_pixels(size)).convert("YCbCr"))
        rgb = np.asarray(Image.fromarray(ycbcr, mode="YCbCr").convert("RGB"))
        data = tiff(
            np.moveaxis(ycbcr, -1, 0) if planar else ycbcr,
            photometric="ycbcr",
            planarconfig="separate" if planar else "contig",
            subsampling=None if planar else (1, 1),
            **PACKINGS[packing],
        )
        return Kind(data, luminance(rgb), tolerance=1.2 * 257)


for _packing in ("", "_lzw"):
    register_tiff_ycbcr(False, _packing)
    register_tiff_ycbcr(True, _packing)


@kind("tiff_cmyk")
def _tiff_cmyk(size: tuple[int, int]) -> Kind:
    return decoded(saved(Image.fromarray(color_pixels(size)).convert("CMYK"), "TIFF"))


def register_tiff_inks(bits: int, packing: str, planar: bool) -> None:
    @kind(f"tiff_cmyk_{bits}{packing}{'_planar' * planar}")
    def builder(size: tuple[int, int]) -> Kind:
        """No black, so that paper without an ink is the color without that ink."""
        rgb = color_pixels(size) if bits == 8 else deep_pixels(size)
        white = np.iinfo(rgb.dtype).max
        inks = np.concatenate([white - rgb, np.zeros_like(rgb[..., :1])], axis=-1)
        data = tiff(
            np.moveaxis(inks, -1, 0) if planar else inks,
            photometric="separated",
            planarconfig="separate" if planar else "contig",
            **PACKINGS[packing],
        )
        return Kind(data, luminance(rgb), None, bits)


for _bits in (8, 16):
    for _packing in ("_lzw_predicted", "_tiled_deflate"):
        for _planar in (False, True):
            register_tiff_inks(_bits, _packing, _planar)


def register_tiff_jpeg(photometric: str, planar: bool) -> None:
    @kind(f"tiff_jpeg_{photometric}{'_planar' * planar}")
    def builder(size: tuple[int, int]) -> Kind:
        """As each plane's JPEG is decoded apart."""
        colors = color_pixels(size)
        if photometric == "separated":
            colors = np.concatenate([255 - colors, np.zeros_like(colors[..., :1])], axis=-1)
        data = tiff(
            np.moveaxis(colors, -1, 0) if planar else colors,
            photometric=photometric,
            planarconfig="separate" if planar else "contig",
            compression="jpeg",
        )
        stored = tifffile.imread(io.BytesIO(data))
        stored = np.moveaxis(stored, 0, -1) if planar else stored
        rgb = stored if photometric == "rgb" else 255 - stored[..., :3]
        assert np.abs(rgb.astype(int) - color_pixels(size)).mean() < 4
        if photometric == "separated":  # some black may have come about
            rgb = (rgb.astype(int) * (255 - stored[..., 3:].astype(int)) + 127) // 255
        return Kind(data, luminance(rgb.astype(np.uint8)))


register_tiff_jpeg("rgb", True)
register_tiff_jpeg("separated", False)
register_tiff_jpeg("separated", True)

# From CIE XYZ under D50 to linear sRGB, by Bradford's adaptation: the inverse of the colorants of
# the sRGB profile of the ICC (sRGB2014.icc).
_FROM_D50 = np.linalg.inv(
    [[0.4360, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]]
)


def luminance_of_lab(lab: np.ndarray) -> np.ndarray:
    """By the formulas of CIE 15 and IEC 61966-2-1."""
    f = (lab[..., 0] + 16) / 116
    f = np.stack([f + lab[..., 1] / 500, f, f - lab[..., 2] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * (0.9642, 1.0, 0.8249)
    linear = np.clip(xyz @ _FROM_D50.T, 0.0, 1.0)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return 65535 * (coded @ WEIGHTS)


def register_tiff_lab(bits: int, photometric: str) -> None:
    @kind(f"tiff_{photometric}_{bits}")
    def builder(size: tuple[int, int]) -> Kind:
        from skimage.color import rgb2lab

        lab = rgb2lab(color_pixels(size), illuminant="D50")
        step = 1 if bits == 8 else 256
        chroma = np.rint(lab[..., 1:] * step)
        lightness = np.rint(lab[..., :1] * ((2**bits - 1) / 100))
        shown = np.concatenate([lightness * (100 / (2**bits - 1)), chroma / step], axis=-1)
        chroma += 128 * step if photometric == "icclab" else 0
        stored = np.concatenate([lightness, chroma], axis=-1).astype(np.int64)
        data = tiff(stored.astype(f"u{bits // 8}"), photometric=photometric)
        return Kind(data, luminance_of_lab(shown), None, bits, 25.0)


for _bits in (8, 16):
    register_tiff_lab(_bits, "cielab")
    register_tiff_lab(_bits, "icclab")


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
