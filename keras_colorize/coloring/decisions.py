"""What a person decided about a photograph's colors, as a file: ``house.jpg.colors.json``.

It is what the studio writes beside a result, and what ``colorize --decisions`` makes the same
result from. Places are relative, so that they hold at any size; the photograph is known by its
content, so that files may be renamed and moved::

    {
      "format": 2,
      "photo": "<SHA-256 of the original's file>",
      "model": "<SHA-256 of the generator's file>",
      "working_size": 192,
      "saturation": 1.1,
      "remove_tint": false,
      "proposal": 0,
      "reference": null,
      "palette": ["#b5a48b", "#6d7d4e"],
      "look": "natural",
      "hints": [
        {"x": 0.4, "y": 0.6, "radius": 0.012, "color": "#3d6b4f"},
        {"outline": [[0.1, 0.1], [0.3, 0.1], [0.2, 0.4]], "color": "#a03c32"}
      ]
    }

A reference, whose colors the photograph follows, lies in ``references/`` beside the results, and is
named by its SHA-256. ``format`` counts up when a file can no longer be read as before; files of the
first, which had neither palette nor look, still can.
"""

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeGuard

import numpy as np
from PIL import Image, ImageDraw

from keras_colorize.coloring.hints import Hint, Region, chroma_of
from keras_colorize.coloring.proposals import MOST
from keras_colorize.errors import ConfigError
from keras_colorize.files import atomic_path
from keras_colorize.looks import check_look

__all__ = ["FORMAT", "Decisions", "Outline"]

FORMAT = 2
_MASK_SIDE = 512  # pixels; an outline drawn by hand isn't finer
_MOST_HINTS = 500
_MOST_CORNERS = 2000
_MOST_COLORS = 16  # of a palette
_MOST_SATURATION = 4.0
_MOST_WORKING_SIZE = 1024  # pixels; of more, one photograph takes gigabytes
_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Outline:
    """A color of an area, drawn around it.

    Attributes:
        corners: its outline, x and y relative to width and height, in [0, 1]; at least three.
        color: ``"#rrggbb"``, as of a :class:`Hint`.

    Raises:
        ValueError: a corner lies outside, or there are too few or too many.
    """

    corners: tuple[tuple[float, float], ...]
    color: str

    def __post_init__(self) -> None:
        if not 3 <= len(self.corners) <= _MOST_CORNERS:
            raise ValueError(
                f"outline must have 3 to {_MOST_CORNERS} corners. Received: {len(self.corners)}"
            )
        if not all(0.0 <= value <= 1.0 for corner in self.corners for value in corner):
            raise ValueError("outline must have its corners in [0, 1], relative")
        chroma_of(self.color)

    def region(self) -> Region:
        """The area that it encloses, its rim included."""
        mask = Image.new("1", (_MASK_SIDE, _MASK_SIDE))
        corners = [(x * (_MASK_SIDE - 1), y * (_MASK_SIDE - 1)) for x, y in self.corners]
        ImageDraw.Draw(mask).polygon(corners, fill=1, outline=1)
        return Region(np.asarray(mask), self.color)


@dataclass(frozen=True)
class Decisions:
    """What was decided about one photograph.

    Attributes:
        photo: SHA-256 of the original's file.
        model: SHA-256 of the generator's file that it was decided with.
        working_size: short side in pixels of what the network sees.
        saturation: factor of all chroma, 0 to 4.
        remove_tint: make the paper of a toned print white first.
        proposal: which of the colorings that the model proposes; 0 is the plain one.
        reference: SHA-256 of a color photograph of alike things, whose colors it follows.
        palette: colors, ``"#rrggbb"``, to which what the network is unsure of is drawn; not beside
            a reference.
        look: what the colors become in an old process, one of
            :data:`~keras_colorize.looks.LOOKS`; None leaves it to the colorizer.
        hints: colors that are known at places; of several pages, on the first.

    Raises:
        ConfigError: there is no such look.
        ValueError: one of the others is out of its range.
    """

    photo: str
    model: str
    working_size: int
    saturation: float = 1.0
    remove_tint: bool = False
    proposal: int = 0
    reference: str | None = None
    palette: tuple[str, ...] = ()
    look: str | None = None
    hints: tuple[Hint | Outline, ...] = ()

    def __post_init__(self) -> None:
        for name in ("photo", "model", "reference"):
            value = getattr(self, name)
            if value is not None and not _HASH.fullmatch(value):
                raise ValueError(
                    f"{name} must be a SHA-256 in 64 lower-case hexadecimal digits. "
                    f"Received: {value[:80]!r}"
                )
        if not 0 <= self.proposal <= MOST:
            raise ValueError(f"proposal must be 0 to {MOST}. Received: {self.proposal}")
        if self.working_size < 1:
            raise ValueError(f"working_size must be at least 1. Received: {self.working_size}")
        if not 0.0 <= self.saturation <= _MOST_SATURATION:
            raise ValueError(
                f"saturation must be in [0, {_MOST_SATURATION:g}]. Received: {self.saturation}"
            )
        if len(self.palette) > _MOST_COLORS:
            raise ValueError(
                f"palette must have at most {_MOST_COLORS} colors. Received: {len(self.palette)}"
            )
        for color in self.palette:
            chroma_of(color)
        if self.palette and self.reference is not None:
            raise ValueError("expected a reference or a palette. Received: both")
        if self.look is not None:
            check_look(self.look)
        if len(self.hints) > _MOST_HINTS:
            raise ValueError(f"at most {_MOST_HINTS} hints. Received: {len(self.hints)}")

    @classmethod
    def parse(cls, content: object) -> "Decisions":
        """From what JSON holds.

        Raises:
            ConfigError: something is missing, unknown or out of its range.
        """
        try:
            values = _take(content, "decisions", _fields(content))
            del values["format"]
            # Here alone: who calls the library knows how much memory there is; a file does not.
            if values["working_size"] > _MOST_WORKING_SIZE:
                raise ValueError(
                    f"working_size must be at most {_MOST_WORKING_SIZE}. "
                    f"Received: {str(values['working_size'])[:80]}"
                )
            hints = tuple(_parse_hint(hint) for hint in values.pop("hints"))
            palette = tuple(_as(str, color, "a color") for color in values.pop("palette", []))
            return cls(**values, palette=palette, hints=hints)
        except ValueError as error:
            raise ConfigError(str(error)) from error

    def to_json(self) -> dict[str, Any]:
        """As :meth:`parse` takes it."""
        return {
            "format": FORMAT,
            "photo": self.photo,
            "model": self.model,
            "working_size": self.working_size,
            "saturation": self.saturation,
            "remove_tint": self.remove_tint,
            "proposal": self.proposal,
            "reference": self.reference,
            "palette": list(self.palette),
            "look": self.look,
            "hints": [_hint_to_json(hint) for hint in self.hints],
        }

    def save(self, path: Path) -> None:
        """Write the file, complete or not at all, making its folder where it is missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Decisions":
        """Read a file.

        Raises:
            ConfigError: it cannot be read, or is no such file.
        """
        try:
            return cls.parse(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"cannot use the decisions in {path}: {error}") from error

    @property
    def chosen_colors(self) -> str | None:
        """SHA-256 of the colors that the person chose; None where there are none."""
        if not (self.hints or self.proposal or self.reference or self.palette):
            return None
        content = self.to_json()
        chosen = {name: content[name] for name in ("hints", "proposal", "reference")}
        if self.palette:  # results of before there were palettes stay what they are
            chosen["palette"] = content["palette"]
        return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()

    @property
    def regions(self) -> list[Hint | Region]:
        """The hints as a ``Session`` takes them."""
        return [hint.region() if isinstance(hint, Outline) else hint for hint in self.hints]


_FIELDS: Mapping[str, Any] = {
    "format": int,
    "photo": str,
    "model": str,
    "working_size": int,
    "saturation": float,
    "remove_tint": bool,
    "proposal": int,
    "reference": str | None,
    "hints": list,
}
_FIELDS_SINCE_2: Mapping[str, Any] = {"palette": list, "look": str | None}


def _fields(content: object) -> Mapping[str, Any]:
    """What a file of its format holds.

    Raises:
        ValueError: this version knows no such format.
    """
    number = content.get("format") if isinstance(content, Mapping) else FORMAT
    if number not in (1, FORMAT):
        raise ValueError(
            f"format must be 1 or {FORMAT}, or this version cannot read it. "
            f"Received: {str(number)[:80]}"
        )
    return _FIELDS if number == 1 else {**_FIELDS, **_FIELDS_SINCE_2}


def _parse_hint(content: object) -> Hint | Outline:
    if isinstance(content, Mapping) and "outline" in content:
        values = _take(content, "hint", {"outline": list, "color": str})
        corners = [_pair(corner) for corner in values["outline"]]
        return Outline(tuple(corners), values["color"])
    return Hint(**_take(content, "hint", {"x": float, "y": float, "radius": float, "color": str}))


def _hint_to_json(hint: Hint | Outline) -> dict[str, Any]:
    if isinstance(hint, Outline):
        return {"outline": [list(corner) for corner in hint.corners], "color": hint.color}
    return {"x": hint.x, "y": hint.y, "radius": hint.radius, "color": hint.color}


def _take(content: object, what: str, kinds: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an object that has these and no others.

    Raises:
        ValueError: it is otherwise.
    """
    if not isinstance(content, Mapping) or set(content) != set(kinds):
        received = sorted(map(str, content)) if isinstance(content, Mapping) else content
        raise ValueError(f"{what} must have {', '.join(kinds)}. Received: {str(received)[:200]}")
    return {name: _as(kind, content[name], name) for name, kind in kinds.items()}


def _as(kind: Any, value: object, name: str) -> Any:
    if isinstance(kind, UnionType):  # of a type and None
        return None if value is None else _as(kind.__args__[0], value, name)
    if kind is float and _is_finite(value):
        return float(value)
    if type(value) is not kind or kind is float:  # True is no whole number
        raise ValueError(f"{name} must be {_WORDS[kind]}. Received: {str(value)[:80]!r}")
    return value


def _is_finite(value: object) -> TypeGuard[int | float]:
    """Compared, as a whole number of hundreds of digits cannot be converted; NaN is not less."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max


_WORDS = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    list: "a list",
}


def _pair(corner: object) -> tuple[float, float]:
    if not isinstance(corner, list) or len(corner) != 2:
        raise ValueError(f"a corner must be [x, y]. Received: {str(corner)[:80]}")
    x, y = (_as(float, value, "a corner") for value in corner)
    return x, y
