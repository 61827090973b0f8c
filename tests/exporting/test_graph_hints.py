"""Colors that a person knows, in the exported graph: what a session on the desk paints."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_colorize import Colorizer
from keras_colorize.coloring.hints import Hint
from keras_colorize.exporting.origin import load_origin
from keras_colorize.exporting.saved_model import export_saved_model
from tests.exporting.forms import difference, encode, house, make_generator

# Of every radius, over each other, at the borders; none whose rim runs through the middle of a
# pixel, which float32 and float64 see on different sides.
PORCH = Hint(0.413, 0.653, "#3d6b4f", 0.047)
HINTS = [
    PORCH,
    Hint(0.427, 0.621, "#a03020", 0.033),
    Hint(0.0, 0.0, "#80a0e0", 0.203),
    Hint(1.0, 1.0, "#c0b060", 0.001),
    Hint(0.811, 0.307, "#806040"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Colorizer, Any]:
    """A generator as the package runs it, and its signature for hints."""
    folder = tmp_path_factory.mktemp("hinted")
    path = make_generator(folder / "generator.keras", depth=4)
    version = export_saved_model(load_origin(path), folder / "served", max_pixels=1_000_000)
    loaded = tf.saved_model.load(str(version))
    colorizer = Colorizer.load(path)
    # Kept alive: the signature does not hold the variables.
    return colorizer, lambda *given: ask(loaded, *given)


def ask(loaded: Any, photo: bytes, hints: list[Hint] | list[list[float]]) -> tuple[bytes, str]:
    rows = [row(hint) if isinstance(hint, Hint) else hint for hint in hints]
    table = np.asarray(rows, np.float32).reshape(-1, 6)
    answer = loaded.signatures["colorize_hinted"](
        image_bytes=tf.constant(photo), hints=tf.constant(table)
    )
    return answer["png_bytes"].numpy(), answer["error"].numpy().decode()


def row(hint: Hint) -> list[float]:
    assert isinstance(hint.color, str)
    rgb = (int(hint.color[start : start + 2], 16) for start in (1, 3, 5))
    return [hint.x, hint.y, hint.radius, *rgb]


def decode(png: bytes, folder: Path) -> Image.Image:
    (folder / "answer.png").write_bytes(png)
    with Image.open(folder / "answer.png") as image:
        return image.convert("RGB")


@pytest.mark.parametrize("size", [(150, 101), (61, 300), (7, 5)])
def test_the_graph_paints_what_a_session_paints(
    served: tuple[Colorizer, Any], size: tuple[int, int], tmp_path: Path
) -> None:
    colorizer, ask_served = served
    photo = house(size)
    photo.save(tmp_path / "house.png")
    session = colorizer.session(tmp_path / "house.png")
    for hints in (HINTS[:1], HINTS, HINTS[::-1]):
        png, error = ask_served(encode(photo), hints)
        assert error == ""
        difference_ = difference(decode(png, tmp_path), session.color(hints))
        assert difference_.max() <= 1
    assert difference(session.color(HINTS), session.color()).max() > 20  # they do something


def test_without_hints_it_is_the_plain_answer(
    served: tuple[Colorizer, Any], tmp_path: Path
) -> None:
    colorizer, ask_served = served
    house((150, 101)).save(tmp_path / "house.png")
    png, error = ask_served((tmp_path / "house.png").read_bytes(), [])
    assert error == ""
    assert difference(decode(png, tmp_path), colorizer(tmp_path / "house.png")).max() <= 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": 1.5}, "x and y of hints must be in [0, 1]"),
        ({"y": np.nan}, "x and y of hints must be in [0, 1]"),
        ({"radius": 0.0}, "radius of hints must be in (0, 1]"),
        ({"red": 256.0}, "must be in 0 to 255"),
        ({"blue": -np.inf}, "must be in 0 to 255"),
    ],
)
def test_what_is_no_hint_is_refused(
    served: tuple[Colorizer, Any], changed: dict[str, float], message: str
) -> None:
    good = dict(zip(("x", "y", "radius", "red", "green", "blue"), row(PORCH)))
    png, error = served[1](encode(house((50, 40))), [list((good | changed).values())])
    assert png == b"" and message in error


def test_too_many_hints_and_no_photograph_are_refused(served: tuple[Colorizer, Any]) -> None:
    assert served[1](encode(house((50, 40))), [PORCH] * 51) == (b"", "hints must be 50 at most")
    png, error = served[1](b"not a photograph", [PORCH])
    assert png == b"" and "JPEG, PNG" in error
