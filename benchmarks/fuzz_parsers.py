"""Coverage-guided fuzzing of the parsers that read what anyone may have written.

    pip install atheris
    python benchmarks/fuzz_parsers.py exif /tmp/corpus -max_total_time=3600

The parsers are `exif`, `icc`, `iptc`, `jpeg`, `photo`, `tiff` and `xmp`. A new folder begins with
what the tests know of each; it keeps inputs that reach new code, from run to run. What follows is
libFuzzer's (https://llvm.org/docs/LibFuzzer.html).

A parser may read bytes or raise the error that its docstring names. Anything else, or a promise
that doesn't hold (what is written is read again, and is the same), ends the run and is written to a
file `crash-*`: mend it, try that file in place of the folder, and make it a case of the tests.
"""

import contextlib
import importlib
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import atheris
import numpy as np
from measuring import ROOT

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
    again.split(len(again.to_bytes()))
    assert again.has("kerasColorize:software")
    again.merge(Xmp(again.split(0)))
    assert again.has("kerasColorize:software")


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
    mended = _mended(data)
    try:
        image = open_image(*mended)
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


def seeds(parser: str) -> Iterator[bytes]:
    """Small inputs that a parser reads: random bytes don't become a profile within hours."""
    sys.path.insert(0, str(ROOT))
    # The tests' own, which are not typed as the package is.
    photo_kinds = importlib.import_module("tests.photo_kinds")
    icc_profiles = importlib.import_module("tests.photos.icc_profiles")
    if parser == "icc":
        yield from (icc_profiles.gray_profile(gamma) for gamma in (None, 2.2))
        yield from (icc_profiles.rgb_profile(name) for name in icc_profiles.PRIMARIES)
        yield icc_profiles.ink_profile()
        return
    starts = {"jpeg": (b"\xff\xd8",), "tiff": (b"II", b"MM"), "photo": (b"\xff\xd8", b"\x89PNG")}
    files = [photo_kinds.build(name, (8, 8)).data for name in photo_kinds.KINDS]
    files += [path.read_bytes() for path in sorted((ROOT / "tests" / "cases").glob("*.*g"))]
    if parser in starts:
        yield from (data for data in files if data.startswith(starts[parser]))
        return
    yield {
        "exif": build_exif(parse_exif(b"MM\0*\0\0\0\x08\0\0\0\0\0\0")[0]),
        "iptc": build_resources([(0x0404, b"\x1c\2\x78\0\3ABC"), (0x040A, b"\1")]),
        "xmp": _packet(),
    }[parser]
    for data in files:
        if data.startswith(starts["photo"]):
            with contextlib.suppress(SyntaxError):  # of a JPEG that Pillow doesn't open
                block = getattr(read_metadata(open_image(*_mended(data))), parser)
                if block is not None:
                    yield block


def _mended(data: bytes) -> tuple[BinaryIO, str]:
    format_ = "PNG" if data.startswith(b"\x89PNG") else "JPEG"
    return mend(io.BytesIO(data), format_).file, format_


def _packet() -> bytes:
    xmp = Xmp()
    xmp.set("xmp:CreatorTool", "a scanner")
    xmp.append("xmpMM:History", {"stEvt:action": "saved"})
    return xmp.to_bytes()


if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 2 else ""
    if name not in PARSERS:
        sys.exit(f"usage: fuzz_parsers.py {'|'.join(PARSERS)} FOLDER|FILE [OPTION ...]")
    folder = Path(sys.argv[2])
    if not folder.exists():
        folder.mkdir(parents=True)
        for number, data in enumerate(seeds(name)):
            (folder / f"seed_{number:03}").write_bytes(data)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], PARSERS[name])
    atheris.Fuzz()
