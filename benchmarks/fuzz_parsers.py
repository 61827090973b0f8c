"""Coverage-guided fuzzing of the parsers that read what anyone may have written.

    pip install atheris
    python benchmarks/fuzz_parsers.py exif /tmp/corpus -max_total_time=3600

The parsers are `exif`, `icc`, `iptc`, `jpeg`, `photo`, `tiff` and `xmp`. The folder keeps inputs
that reach new code, from run to run; what follows is libFuzzer's
(https://llvm.org/docs/LibFuzzer.html).

A parser may read bytes or raise the error that its docstring names. Anything else, or a promise
that doesn't hold (what is written is read again, and is the same), ends the run and is written to a
file `crash-*`: mend it, try that file in place of the folder, and make it a case of the tests.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["keras_colorize"]):
    from keras_colorize.errors import IrreversibleJpegError
    from keras_colorize.jpeg.chroma import drop_chroma
    from keras_colorize.jpeg.metadata import declare_ycbcr, relocate_pictures, replace_xmp
    from keras_colorize.jpeg.segments import join_jpeg, quantization_tables, read_frame, split_jpeg
    from keras_colorize.metadata.embedding import fit_to_format
    from keras_colorize.metadata.exif import build_exif, extend_tiff, parse_exif
    from keras_colorize.metadata.iptc import build_resources, parse_resources, sound_records
    from keras_colorize.metadata.reading import (
        Metadata,
        orientation,
        read_metadata,
        read_tiff_metadata,
    )
    from keras_colorize.metadata.upright import upright
    from keras_colorize.metadata.xmp import Xmp, find_xmp
    from keras_colorize.photos.formats import open_image
    from keras_colorize.photos.mending import mend
    from keras_colorize.photos.profiles import make_converter


def carry(metadata: Metadata) -> None:
    """All that is done with the metadata of a photograph, short of writing a file."""
    orientation(metadata)
    for turned in (True, False):
        copy = upright(metadata, (640, 480), turned=turned)
        for format_ in ("JPEG", "PNG", "TIFF", "WEBP"):
            fitted = fit_to_format(copy, format_)
            assert fit_to_format(fitted, format_) == fitted


def fuzz_exif(data: bytes) -> None:
    """An EXIF block."""
    try:
        exif, _ = parse_exif(data)
    except ValueError:
        return
    block = build_exif(exif)
    again, problems = parse_exif(block)
    assert (again.directories(), problems) == (exif.directories(), [])
    carry(Metadata(exif=block))


def fuzz_tiff(data: bytes) -> None:
    """A TIFF file that is read from and added to."""
    file = io.BytesIO(data)
    metadata = read_tiff_metadata(file)
    carry(metadata)
    find_xmp(file)
    exif, _ = parse_exif(b"MM\0*\0\0\0\x08\0\1\1\x31\0\2\0\0\0\2A\0\0\0\0\0\0\0")
    try:
        extend_tiff(file, exif)
    except ValueError:
        return
    written = read_tiff_metadata(file).exif
    assert written is not None and b"A\0" in written


def fuzz_icc(data: bytes) -> None:
    """A color profile."""
    for channels in (1, 3, 4):
        try:
            convert = make_converter(data, channels)
        except ValueError:
            continue
        if convert is not None:
            for dtype in (np.uint8, np.uint16):
                pixels = np.linspace(0, np.iinfo(dtype).max, 4 * channels).astype(dtype)
                converted = convert(pixels.reshape(2, 2, channels))
                assert converted.shape == (2, 2, 3) and converted.dtype == np.uint16


def fuzz_iptc(data: bytes) -> None:
    """Photoshop's resources and IPTC records."""
    records = sound_records(data)
    assert sound_records(records) == records
    resources, _ = parse_resources(data)
    again = build_resources(resources.items())
    assert parse_resources(again) == (resources, len(again))


def fuzz_xmp(data: bytes) -> None:
    """An XMP packet."""
    try:
        xmp = Xmp(data)
    except ValueError:
        return
    xmp.set("xmp:CreatorTool", "ours")
    xmp.append("xmpMM:History", {"stEvt:action": "colorized"})
    packet = xmp.to_bytes()
    again = Xmp(packet)
    assert again.to_bytes() == packet
    assert again.text("xmp:CreatorTool") == "ours"
    carry(Metadata(xmp=packet))
    again.set("kerasColorize:software", "ours")
    assert again.shorten(len(again.to_bytes())) == []
    again.shorten(0)
    assert not again.has("kerasColorize:software")


def fuzz_jpeg(data: bytes) -> None:
    """The segments of a JPEG."""
    find_xmp(io.BytesIO(data))
    try:
        file = split_jpeg(data)
    except IrreversibleJpegError:
        return
    segments = replace_xmp(declare_ycbcr(file.segments), b"<a/>")
    joined = join_jpeg(relocate_pictures(segments, file.end), file.trailer)
    assert find_xmp(io.BytesIO(joined)) == b"<a/>"
    assert len(split_jpeg(joined).segments) == len(segments)
    try:
        read_frame(file.segments)
        for segment in file.segments:
            if segment.marker == 0xDB:
                list(quantization_tables(segment))
        drop_chroma(data)
    except IrreversibleJpegError:
        return


def fuzz_photo(data: bytes) -> None:
    """The metadata of a JPEG or PNG that Pillow opens."""
    format_ = "PNG" if data.startswith(b"\x89PNG") else "JPEG"
    mended = mend(io.BytesIO(data), format_)
    try:
        image = open_image(mended.file, format_)
    except Exception:  # noqa: BLE001  nothing but the pixels is to blame any more
        return
    carry(read_metadata(image))


PARSERS: dict[str, Callable[[bytes], None]] = {
    "exif": fuzz_exif,
    "icc": fuzz_icc,
    "iptc": fuzz_iptc,
    "jpeg": fuzz_jpeg,
    "photo": fuzz_photo,
    "tiff": fuzz_tiff,
    "xmp": fuzz_xmp,
}

if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 2 else ""
    if name not in PARSERS:
        sys.exit(f"usage: fuzz_parsers.py {'|'.join(PARSERS)} FOLDER|FILE [OPTION ...]")
    if not Path(sys.argv[2]).is_file():
        Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], PARSERS[name])
    atheris.Fuzz()
