"""How much faster is adding chroma to a JPEG than decoding and encoding it?

    python benchmarks/jpeg.py
    python benchmarks/jpeg.py --width 8000 --rounds 5

The photograph is one of the sample, enlarged, with film grain, so that its luminance takes about as
many bytes as that of a camera. Its JPEGs are gray or color (4:2:0), sequential or progressive, of
quality 92; the planes added to them are 4:2:0 at the same quality. *Pillow* decodes such a file to
RGB and encodes it with the same options. The luminance of a color JPEG is coded anew by
libturbojpeg and by jpeglib. All take turns; a share is that of Pillow's
time.
"""

import argparse
import io
from collections.abc import Callable
from time import perf_counter
from typing import Any
from unittest import mock

import numpy as np
from measuring import ROOT, alternate, describe_machine, describe_versions, format_table
from PIL import Image

from keras_colorize.jpeg import luminance as jpeg_luminance
from keras_colorize.jpeg.chroma import add_chroma_planes
from keras_colorize.jpeg.luminance import isolate_luminance, read_luminance
from keras_colorize.jpeg.segments import Segment, read_frame, split_jpeg

PHOTO = ROOT / "keras_colorize" / "sample" / "modern" / "machu_picchu.jpg"
QUALITY = 92
GRAIN = 9.0  # standard deviation, in levels of 255


def make_photo(width: int) -> Image.Image:
    """A photograph of 4:3 with grain, as wide as asked."""
    height = width * 3 // 4
    with Image.open(PHOTO) as photo:
        box = (0, 0, photo.height * 4 // 3, photo.height)
        large = photo.convert("RGB").resize((width, height), Image.Resampling.LANCZOS, box=box)
    grain = np.random.default_rng(0).normal(0.0, GRAIN, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(large) + grain, 0, 255).round().astype(np.uint8))


def encode(image: Image.Image, **options: Any) -> bytes:
    output = io.BytesIO()
    image.save(output, "JPEG", quality=QUALITY, subsampling=2, **options)
    return output.getvalue()


def chroma_planes(photo: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Cb and Cr at half of the size."""
    small = photo.reduce(2).convert("YCbCr")
    _, cb, cr = (np.asarray(plane) for plane in small.split())
    return cb, cr


def steps(
    jpeg: bytes, cb: np.ndarray, cr: np.ndarray, progressive: bool
) -> dict[str, Callable[[], object]]:
    """What is measured of one JPEG."""

    def recode() -> bytes:
        with Image.open(io.BytesIO(jpeg)) as image:
            return encode(image.convert("RGB"), progressive=progressive)

    def isolate() -> list[Segment]:
        segments = split_jpeg(jpeg).segments
        return isolate_luminance(segments, read_frame(segments))

    def isolate_by_jpeglib() -> list[Segment]:
        with mock.patch.object(jpeg_luminance, "recode_luminance", return_value=None):
            return isolate()

    return {
        "Pillow": recode,
        "add_chroma_planes": lambda: add_chroma_planes(jpeg, cb, cr, quality=QUALITY),
        "  of it, the luminance": isolate,
        "  the same by jpeglib": isolate_by_jpeglib,
        "  of it, both planes": lambda: [
            encode(Image.fromarray(plane), progressive=progressive) for plane in (cb, cr)
        ],
        "read_luminance": lambda: read_luminance(jpeg),
    }


def seconds(function: Callable[[], object]) -> Callable[[], float]:
    def measure() -> float:
        start = perf_counter()
        function()
        return perf_counter() - start

    return measure


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of adding chroma to a JPEG.")
    parser.add_argument("--width", type=int, default=4000, help="of the photograph, which is 4:3")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()

    photo = make_photo(arguments.width)
    cb, cr = chroma_planes(photo)
    print(describe_machine())
    print(describe_versions("pillow", "jpeglib", "turbojpeg"))
    print(f"{photo.width} x {photo.height}, medians of {arguments.rounds} rounds")
    for progressive in (False, True):
        for mode in ("L", "RGB"):
            jpeg = encode(photo.convert(mode), progressive=progressive)
            blocks = {
                name: seconds(function)
                for name, function in steps(jpeg, cb, cr, progressive).items()
            }
            medians, _ = alternate(blocks, arguments.rounds)
            kind = f"{'gray' if mode == 'L' else 'color'}{', progressive' * progressive}"
            rows = [
                (name, f"{1e3 * median:.0f}", f"{median / medians['Pillow']:.0%}")
                for name, median in medians.items()
            ]
            print()
            print(format_table((f"{kind}, {len(jpeg) / 1e6:.1f} MB", "ms", "share"), rows))


if __name__ == "__main__":
    main()
