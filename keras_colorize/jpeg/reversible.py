"""A JPEG colored without touching its luminance: what of it is decoded, and chroma added to it."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from keras_colorize import color
from keras_colorize.condition import Tone, find_tone
from keras_colorize.errors import IrreversibleJpegError
from keras_colorize.formats import TURN, open_file, open_image, photo_errors
from keras_colorize.icc import make_converter
from keras_colorize.jpeg.chroma import add_chroma_planes
from keras_colorize.metadata.provenance import Provenance, add_provenance
from keras_colorize.metadata.reading import Metadata, orientation, read_metadata
from keras_colorize.metadata.upright import upright
from keras_colorize.pixels import check_size, opposite_turn, swaps_sides, turn_array
from keras_colorize.upsampling import Enlargement, strips

__all__ = ["Jpeg"]

_PREVIEW_SIDE = 128  # pixels


@dataclass(frozen=True)
class Jpeg:
    """What is decoded of a JPEG to color it.

    Attributes:
        data: the file.
        luminance: upright, uint8, at the resolution of the chroma it will get: the photograph's,
            or half of it.
        size: width and height of the photograph, upright.
        turn: how it was turned upright.
        tone: whether it is in color.
        metadata: as they are.
    """

    data: bytes
    luminance: np.ndarray
    size: tuple[int, int]
    turn: Image.Transpose | None
    tone: Tone
    metadata: Metadata

    @classmethod
    def read(cls, path: Path, *, max_pixels: int, half_chroma_from: int) -> Self:
        """Read a JPEG.

        Args:
            path: the file.
            max_pixels: refuse a photograph with more.
            half_chroma_from: short side in pixels from which chroma has half the resolution, as
                cameras have it (4:2:0): it takes a quarter of the work and of the space.

        Raises:
            IrreversibleJpegError: its luminance cannot stay as it is.
            PhotoError: it cannot be read.
        """
        with open_file(path) as file, photo_errors("JPEG"):
            data = file.read()
            image: Image.Image = open_image(io.BytesIO(data), "JPEG")
            check_size(*image.size, max_pixels)
            _check_colors(image)
            width, height = image.size
            half = min(image.size) >= half_chroma_from
            size = (-(-width // 2), -(-height // 2)) if half else image.size
            asked = (width // 2, height // 2) if half else image.size
            # Without a conversion: of a gray one L, of others luminance and chroma as coded.
            image.draft("L" if image.mode == "L" else "YCbCr", asked)
            image.load()
            metadata = read_metadata(image)
            turn = TURN.get(orientation(metadata))
            luminance = turn_array(np.asarray(image.getchannel(0)), turn)
            reduced = image.reduce(max(1, min(size) // _PREVIEW_SIDE))
            return cls(
                data,
                luminance,
                (height, width) if swaps_sides(turn) else (width, height),
                turn,
                find_tone(np.asarray(reduced.convert("RGB"))),
                metadata,
            )

    def with_color(
        self, enlargement: Enlargement, *, quality: int, provenance: Provenance
    ) -> bytes:
        """The file in color.

        Args:
            enlargement: its chroma, at the size of :attr:`luminance`.
            quality: of the chroma, 1 to 100.
            provenance: to embed; for the rest, metadata stay, but for a gray thumbnail.

        Raises:
            IrreversibleJpegError: its luminance cannot stay as it is.
        """
        cb, cr = (
            turn_array(plane, opposite_turn(self.turn)) for plane in self._planes(enlargement)
        )
        stored = (self.size[1], self.size[0]) if swaps_sides(self.turn) else self.size
        metadata = upright(self.metadata, stored, turned=False)
        return add_chroma_planes(
            self.data,
            cb,
            cr,
            quality=quality,
            exif=metadata.exif,
            xmp=add_provenance(metadata.xmp, provenance),
        )

    def _planes(self, enlargement: Enlargement) -> np.ndarray:
        """Cb and Cr as JPEG codes them (T.871, section 7), uint8 ``(2, h, w)``, upright."""
        planes = np.empty((2, *self.luminance.shape), np.uint8)
        for top, bottom in strips(*self.luminance.shape):
            y = self.luminance[top:bottom].astype(np.float32) / np.float32(255.0)
            limited = color.limit_chroma_planes(y, *enlargement.chroma(top, y))
            for plane, chroma in zip(planes, limited):
                # Half a level more, since the conversion to integers cuts off. It stays below 256:
                # the luminance of pure blue and pure red, which alone have chroma of 0.5, lies
                # between two levels.
                chroma *= 255.0
                chroma += 128.5
                plane[top:bottom] = chroma
        return planes


def _check_colors(image: Image.Image) -> None:
    if image.mode not in ("L", "RGB"):
        raise IrreversibleJpegError(f"its colors are {image.mode}")
    profile = image.info.get("icc_profile")
    if profile is None:
        return
    try:
        srgb = make_converter(profile, 3) is None
    except ValueError as error:  # damaged, or of gray, which no color picture can have
        raise IrreversibleJpegError(str(error)) from error
    if not srgb:
        raise IrreversibleJpegError("its color profile is not sRGB")
