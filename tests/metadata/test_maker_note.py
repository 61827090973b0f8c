"""Notes of cameras' makers: what offsets point at stays, or the note goes and that is said."""

import io
import itertools
import struct
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from PIL.ExifTags import IFD
from PIL.ExifTags import Base as Tag

from keras_colorize.metadata.exif import Dialect, Directory, Exif, Field, build_exif, parse_exif
from keras_colorize.metadata.reading import read_tiff_metadata
from keras_colorize.metadata.upright import upright
from tests.metadata.sources import SIZE, metadata_of, photo, save

OWNER, MODEL = b"Ann Arbor District Library\0", b"IMG:PowerShot S50 JPEG\0"
FIRMWARE, OWNER_NAME, OFFSET_SCHEMA = 7, 9, 0xEA1D


@dataclass(frozen=True)
class Maker:
    """How a note begins, where in it its offsets count from, and its own byte order, if any."""

    head: bytes
    origin: int | None = None
    order: str | None = None


MAKERS = {
    "Canon": Maker(b""),
    "Sony": Maker(b"SONY DSC \0\0\0"),
    "Panasonic": Maker(b"Panasonic\0\0\0"),
    "Pentax, old": Maker(b"AOC\0MM"),
    "Pentax, new": Maker(b"PENTAX \0MM", 0, ">"),
    "Nikon, type 1": Maker(b"Nikon\0\1\0"),
    "Nikon, type 3": Maker(b"Nikon\0\2\x10\0\0MM\0*\0\0\0\x08", 10, ">"),
    "Olympus, new": Maker(b"OLYMPUS\0II\x03\0", 0, "<"),
    "Fujifilm": Maker(b"FUJIFILM\x0c\0\0\0", 0, "<"),
    "Apple": Maker(b"Apple iOS\0\0\1MM", 0, ">"),
}


def note(maker: Maker, order: str, at: int) -> bytes:
    """A note at an offset of the block: two texts in a directory as its maker writes it."""
    order = maker.order or order
    begin = len(maker.head) + 2 + 2 * 12 + 4
    place = begin + (at if maker.origin is None else -maker.origin)
    entries = struct.pack(f"{order}H", 2)
    entries += struct.pack(f"{order}HHII", FIRMWARE, 2, len(MODEL), place)
    entries += struct.pack(f"{order}HHII", OWNER_NAME, 2, len(OWNER), place + len(MODEL))
    return maker.head + entries + bytes(4) + MODEL + OWNER


def texts(block: bytes, maker: Maker, order: str) -> tuple[bytes, bytes] | None:
    """The two texts, where the note's offsets say that they lie; ``None`` without a note."""
    found = parse_exif(block)[0].photo.get(Tag.MakerNote)
    if found is None:
        return None
    at = block.index(found.data)
    begin = at + len(maker.head) + 2
    order = maker.order or order
    origin = 0 if maker.origin is None else at + maker.origin
    model, owner = (
        origin + struct.unpack_from(f"{order}I", block, begin + 12 * entry + 8)[0]
        for entry in range(2)
    )
    return block[model : model + len(MODEL)], block[owner : owner + len(OWNER)]


def exif_block(maker: Maker, order: str, at: int = 640, **more: Field) -> bytes:
    """With orientation 6, and text before the note that a rewritten block would move."""
    dialect = Dialect("little" if order == "<" else "big")
    image: Directory = {
        Tag.Orientation: Field(3, dialect.pack(6, 2)),
        Tag.ImageDescription: Field(2, b"x" * 299 + b"\0"),
    }
    photo_: Directory = {Tag.MakerNote: Field(7, note(maker, order, at), at)}
    photo_ |= {int(tag, 16): value for tag, value in more.items()}
    return build_exif(Exif(dialect, image, photo_))


def block_of(path: Path) -> bytes:
    if path.suffix == ".tif":
        return path.read_bytes()
    with Image.open(path) as image:
        return bytes(image.info["exif"]).removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize(("name", "order"), list(itertools.product(MAKERS, "<>")))
def test_offsets_point_at_the_same_or_the_note_goes(
    tmp_path: Path, name: str, order: str, suffix: str
) -> None:
    maker = MAKERS[name]
    block = exif_block(maker, order)
    assert texts(block, maker, order) == (MODEL, OWNER)
    photo().save(tmp_path / "scan.jpg", exif=b"Exif\0\0" + block)
    metadata = metadata_of(tmp_path / "scan.jpg")
    assert metadata.warnings == ()
    result = tmp_path / f"x{suffix}"
    save(result, upright(metadata, SIZE))
    left_out = suffix == ".tif" and maker.origin is None
    assert texts(block_of(result), maker, order) == (None if left_out else (MODEL, OWNER))
    if suffix == ".tif":  # and from there once more
        with result.open("rb") as file:
            again = read_tiff_metadata(file)
        save(tmp_path / "y.tif", upright(again, SIZE))
        kept = texts((tmp_path / "y.tif").read_bytes(), maker, order)
        assert kept == (None if left_out else (MODEL, OWNER))


@pytest.mark.parametrize("name", ["Canon", "Sony", "Nikon, type 3", "Fujifilm"])
@pytest.mark.parametrize("order", "<>")
def test_a_note_whose_values_lie_outside_of_it_goes(tmp_path: Path, name: str, order: str) -> None:
    """As the previews of some cameras, which lie behind the picture."""
    maker = MAKERS[name]
    whole = note(maker, order, 640)
    schema = {"ea1d": Field(9, bytes(4))}
    exif, _ = parse_exif(exif_block(maker, order, **schema))
    exif.photo[Tag.MakerNote] = Field(7, whole[: -len(OWNER)], 640)
    photo().save(tmp_path / "scan.jpg", exif=b"Exif\0\0" + build_exif(exif))
    metadata = metadata_of(tmp_path / "scan.jpg")
    assert metadata.warnings == ("EXIF: MakerNote has values that lie outside of it; left out",)
    kept = parse_exif(metadata.exif or b"")[0].photo
    assert not {Tag.MakerNote, OFFSET_SCHEMA} & kept.keys()


def test_a_note_that_a_program_has_moved_and_says_so(tmp_path: Path) -> None:
    """Its offsets are wrong by what OffsetSchema says."""
    moved = {"ea1d": Field(9, (100).to_bytes(4, "little", signed=True))}
    exif, _ = parse_exif(exif_block(MAKERS["Canon"], "<", **moved))
    exif.photo[Tag.MakerNote] = Field(7, note(MAKERS["Canon"], "<", 540), 640)
    photo().save(tmp_path / "scan.jpg", exif=b"Exif\0\0" + build_exif(exif))
    metadata = metadata_of(tmp_path / "scan.jpg")
    assert metadata.warnings == ()
    save(tmp_path / "x.tif", upright(metadata, SIZE))
    with Image.open(tmp_path / "x.tif") as image:  # where neither has a meaning
        assert not {Tag.MakerNote, OFFSET_SCHEMA} & image.getexif().get_ifd(IFD.Exif).keys()


def test_a_note_of_another_type_keeps_its_bytes(tmp_path: Path) -> None:
    """Numbers of a type of words are turned around where the byte order is another."""
    exif, _ = parse_exif(exif_block(MAKERS["Apple"], ">"))
    whole = exif.photo[Tag.MakerNote].data
    exif.photo[Tag.MakerNote] = Field(4, whole + bytes(-len(whole) % 4), 640)
    output = io.BytesIO()
    photo().save(output, "JPEG", exif=b"Exif\0\0" + build_exif(exif))
    (tmp_path / "scan.jpg").write_bytes(output.getvalue())
    save(tmp_path / "x.tif", upright(metadata_of(tmp_path / "scan.jpg"), SIZE))
    assert texts((tmp_path / "x.tif").read_bytes(), MAKERS["Apple"], ">") == (MODEL, OWNER)
