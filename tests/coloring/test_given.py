"""Photographs as callers of the library give them: what cannot be used is refused, and named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_colorize import Colorizer
from keras_colorize.errors import PhotoError
from tests.conftest import SAMPLE

HOUSE = SAMPLE / "modern" / "brick_house_garden.jpg"
GRAY = SAMPLE / "historical" / "alpine_landscape.jpg"


@pytest.fixture(scope="module")
def shipped() -> Colorizer:
    return Colorizer.load()


def test_a_reference_in_gray_is_refused(shipped: Colorizer) -> None:
    """Following it, the photograph would lose its color."""
    with pytest.raises(PhotoError, match=r"alpine_landscape\.jpg: expected a color photograph"):
        shipped(HOUSE, reference=GRAY)
    with Image.open(GRAY) as photo:
        pixels = np.asarray(photo.convert("L"))
    with pytest.raises(PhotoError, match=r"^expected a color photograph"):
        next(shipped.album([HOUSE], like=[pixels]))


def test_an_error_names_the_photograph_once(shipped: Colorizer, tmp_path: Path) -> None:
    absent = tmp_path / "nope.jpg"
    results = shipped.map([HOUSE, absent])
    next(results)
    for ask in (
        lambda: next(results),
        lambda: shipped.session(str(absent)),
        lambda: shipped.propose(absent),
        lambda: shipped(HOUSE, reference=absent),
        lambda: next(shipped.album([absent])),
    ):
        with pytest.raises(PhotoError) as raised:
            ask()
        assert str(raised.value) == f"{absent}: unreadable: No such file or directory"
