"""Photoshop's resources and the IPTC records in them."""

from pathlib import Path

import pytest

from keras_colorize.metadata.iptc import build_resources, parse_resources, sound_records
from tests.metadata.sources import (
    IPTC,
    RESOURCES,
    metadata_of,
    photo,
    record,
    resource,
    segment,
)


@pytest.mark.parametrize(
    "data, sound",
    [
        (IPTC, len(IPTC)),
        (IPTC + b"\0\0", len(IPTC)),
        (IPTC[:-1], len(IPTC) - len(record(120, "Ein Aquädukt\nam Gardon"))),
        (b"\x1c\2\x78\x80\4\0\0\0\3abc" + b"\x1c\2", 12),  # a length of 4 bytes
        (b"\x1c\2\x78\xff\xff" + b"\xff" * 100, 0),
        (b"", 0),
    ],
)
def test_records_before_the_damage(data: bytes, sound: int) -> None:
    assert sound_records(data) == data[:sound]


def test_resources_come_back() -> None:
    content = [(0x0404, b"odd"), (0x040A, b"\1"), (0x040B, b"")]
    data = build_resources(content)
    assert parse_resources(data) == (dict(content), len(data))
    named = data[:6] + b"\3abc" + data[8:]
    assert parse_resources(named)[0] == dict(content)
    assert parse_resources(data + b"8BIM") == (dict(content), len(data))


def test_damaged_resources_and_records_are_named(tmp_path: Path) -> None:
    for cut, warning in ((-3, "Photoshop's resources"), (-20, "Photoshop's resources")):
        extra = segment(0xED, b"Photoshop 3.0\0" + RESOURCES[:cut])
        photo().save(tmp_path / "x.jpg", extra=extra)
        assert metadata_of(tmp_path / "x.jpg").warnings[0].startswith(warning)
    extra = segment(0xED, b"Photoshop 3.0\0" + resource(0x0404, IPTC[:-2]))
    photo().save(tmp_path / "x.jpg", extra=extra)
    metadata = metadata_of(tmp_path / "x.jpg")
    assert metadata.warnings == ("IPTC is damaged; the records before the damage were read",)
    assert metadata.iptc is not None and IPTC.startswith(metadata.iptc)
