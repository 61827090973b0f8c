"""The desk: what is kept of a photograph while it lies there."""

import dataclasses
import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_colorize import Colorizer
from keras_colorize.coloring.decided import begin_session
from keras_colorize.coloring.decisions import Decisions
from keras_colorize.files import hash_file
from keras_colorize.studio import desk
from tests.studio.conftest import MAX_PIXELS


def test_of_all_sizes_that_are_tried_two_are_kept(
    photos: Path, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[weakref.ref[Any]] = []

    def begin(*arguments: Any) -> Any:
        session = begin_session(*arguments)
        begun.append(weakref.ref(session))
        return session

    monkeypatch.setattr(desk, "begin_session", begin)
    house = photos / "house.jpg"
    photo = desk.Desk(colorizer, tmp_path, MAX_PIXELS).open(house, hash_file(house))
    decisions = Decisions(photo.hash, colorizer.model_hash, 32)
    first = photo.paint(decisions).chroma
    for size in (40, 48, 56, 64):
        photo.paint(dataclasses.replace(decisions, working_size=size))
    photo.paint(dataclasses.replace(decisions, working_size=56))  # there and back
    assert len(begun) == 5
    gc.collect()
    assert sum(session() is not None for session in begun) == 2
    np.testing.assert_array_equal(photo.paint(decisions).chroma, first)
