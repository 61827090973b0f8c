"""A JPEG colored without touching its luminance: what of it is decoded, and chroma added to it."""

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image, JpegImagePlugin

from keras_colorize.coloring.halved import HalvedJpeg
from keras_colorize.coloring.upsampling import Enlargement
from keras_colorize.errors import IrreversibleJpegError
from keras_colorize.jpeg.chroma import add_chroma_planes
from keras_colorize.jpeg.metadata import drop_profile
from keras_colorize.metadata.embedding import fit_to_format
from keras_colorize.metadata.provenance import Provenance, add_provenance
from keras_colorize.metadata.reading import Metadata, holds_profile, orientation, read_metadata
from keras_colorize.metadata.upright import upright
from keras_colorize.photos.condition import Tone, find_tone
from keras_colorize.photos.cut import END
from keras_colorize.photos.formats import TURN, open_file, photo_errors
from keras_colorize.photos.mending import add_end, mend
from keras_colorize.photos.pixels import check_size, opposite_turn, swaps_sides, turn_array
from keras_colorize.photos.profiles import make_converter
from keras_colorize.photos.uncommon import is_lossless_jpeg, jpeg_precision

__all__ = ["Jpeg"]

_PREVIEW_SIDE = 128  # pixels


@dataclass(frozen=True)
class Jpeg:
    """What is decoded of a JPEG to color it.

    Attributes:
        data: the file, without a profile of gray.
        luminance: upright, uint8, at the resolution of the chroma it will get: the photograph's,
            or half of it.
        size: width and height of the photograph, upright.
        turn: how it was turned upright.
        tone: whether it is in color.
        metadata: as they are.
        recoded: its luminance coded anew, where that was done to decode it.
    """

    data: bytes
    luminance: np.ndarray
    size: tuple[int, int]
    turn: Image.Transpose | None
    tone: Tone
    metadata: Metadata
    recoded: bytes | None = None

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
            if jpeg_precision(file) != 8:
                raise IrreversibleJpegError(f"its numbers have {jpeg_precision(file)} bits")
            file.seek(0)
            data = file.read()
            mended = mend(io.BytesIO(data), "JPEG")
            image = JpegImagePlugin.JpegImageFile(mended.file)
            width, height = image.size  # before decoding at half of it changes that
            check_size(width, height, max_pixels)
            if (ended := add_end(mended)) is not mended:
                data, mended = data + END, ended
                image = JpegImagePlugin.JpegImageFile(mended.file)
            if is_lossless_jpeg(file):
                raise IrreversibleJpegError("lossless JPEG, which has no coefficients")
            of_gray = _check_colors(image)
            half = min(image.size) >= half_chroma_from
            tables = _tables(image) if half and image.mode == "RGB" else None
            quick = None if tables is None else HalvedJpeg.read(data, tables)
            if quick is None:
                luminance, preview = _decode(image, half=half, size=len(data))
            else:
                luminance, preview = quick.luminance, quick.preview
            metadata, notes = read_metadata(image), mended.notes
            in_pieces = image.info.get("icc_profile") is None and holds_profile(image.applist)
            if of_gray or in_pieces:
                data = drop_profile(data)
            if of_gray:
                notes += ("its profile of gray, whose tones are those of sRGB, left out",)
            metadata = replace(metadata, warnings=metadata.warnings + notes)
            turn = TURN.get(orientation(metadata))
            return cls(
                data,
                turn_array(luminance, turn),
                (height, width) if swaps_sides(turn) else (width, height),
                turn,
                find_tone(np.asarray(_reduce(preview))),
                metadata,
                None if quick is None else quick.recoded,
            )

    def with_color(
        self, enlargement: Enlargement, *, quality: int, provenance: Provenance
    ) -> tuple[bytes, tuple[str, ...]]:
        """The file in color, and warnings of what its metadata lost.

        Args:
            enlargement: its chroma, at the size of :attr:`luminance`.
            quality: of the chroma, 1 to 100.
            provenance: to embed; for the rest, metadata stay, but for a gray thumbnail.

        Raises:
            IrreversibleJpegError: its luminance cannot stay as it is.
        """
        cb, cr = (
            turn_array(plane, opposite_turn(self.turn))
            for plane in enlargement.coded(self.luminance)
        )
        stored = (self.size[1], self.size[0]) if swaps_sides(self.turn) else self.size
        metadata = upright(self.metadata, stored, turned=False)
        metadata = replace(metadata, xmp=add_provenance(metadata.xmp, provenance))
        metadata = fit_to_format(metadata, "JPEG")
        jpeg = add_chroma_planes(
            self.data,
            cb,
            cr,
            quality=quality,
            exif=metadata.exif or b"",  # what is damaged, or only a thumbnail, goes
            xmp=metadata.xmp,
            dpi=metadata.dpi,
            recoded=self.recoded,
        )
        return jpeg, metadata.warnings


def _decode(
    image: JpegImagePlugin.JpegImageFile, *, half: bool, size: int
) -> tuple[np.ndarray, Image.Image]:
    """Luminance, as the file stores it, and the picture; ``size`` is that of the file in bytes."""
    width, height = image.size
    # Without a conversion: of a gray one L, of others luminance and chroma as coded.
    asked = (width // 2, height // 2) if half else image.size
    image.draft("L" if image.mode == "L" else "YCbCr", asked)
    # In one piece: between pieces, Pillow waits for Python's lock.
    image.decodermaxblock = size
    image.load()
    return np.asarray(image if image.mode == "L" else image.getchannel(0)), image


def _tables(image: JpegImagePlugin.JpegImageFile) -> list[np.ndarray] | None:
    """The quantization table of each component, ``(8, 8)``, if all stand before the first scan."""
    slots = [slot for *_, slot in image.layer]
    if any(slot not in image.quantization for slot in slots):
        return None
    return [np.reshape(image.quantization[slot], (8, 8)) for slot in slots]


def _reduce(preview: Image.Image) -> Image.Image:
    """RGB of at most ``_PREVIEW_SIDE`` pixels on the shorter side."""
    scale = min(1.0, _PREVIEW_SIDE / min(preview.size))
    width, height = (max(round(scale * side), 1) for side in preview.size)
    reduced = preview.resize((width, height), Image.Resampling.BOX, reducing_gap=1.0)
    return reduced.convert("RGB")


def _check_colors(image: JpegImagePlugin.JpegImageFile) -> bool:
    """Whether it has a profile of gray, which a picture in color cannot keep and doesn't need.

    Raises:
        IrreversibleJpegError: its luminance would look different beside chroma.
    """
    if image.mode not in ("L", "RGB"):
        raise IrreversibleJpegError(f"its colors are {image.mode}")
    # As libjpeg tells it: by Adobe's segment, or without one of JFIF by the components' names.
    named = "jfif" not in image.info and bytes(layer[0] for layer in image.layer) == b"RGB"
    if image.mode == "RGB" and image.info.get("adobe_transform", 0 if named else 1) == 0:
        raise IrreversibleJpegError("coded as red, green and blue, not as luminance and chroma")
    profile = image.info.get("icc_profile")
    if profile is None:
        return False
    of_gray = image.mode == "L" and profile[16:20] != b"RGB "  # ICC.1:2022, section 7.2.6
    try:
        srgb = make_converter(profile, 1 if of_gray else 3) is None
    except ValueError as error:
        # Why not is told where the pixels are read without it.
        raise IrreversibleJpegError("its ICC profile cannot be used") from error
    if not srgb:
        raise IrreversibleJpegError(
            "its profile of gray has other tones than sRGB, which a picture in color has"
            if of_gray
            else "its color profile is not sRGB"
        )
    return of_gray
