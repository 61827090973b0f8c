"""Draw who imports whom in the package: ``python docs/draw_rooms.py`` writes docs/images/rooms.svg.

Rooms stand on the floors that the contract in pyproject.toml gives them; an arrow leads from a room
to each that a module of it imports, at import time, inside functions and for type checking alike.
"""

import ast
import tomllib
from pathlib import Path
from xml.sax.saxutils import escape

__all__ = ["PICTURE", "draw", "imports_between_rooms"]

_ROOT = Path(__file__).parents[1]
_PACKAGE = _ROOT / "keras_colorize"
PICTURE = _ROOT / "docs" / "images" / "rooms.svg"

_WIDTH, _FLOOR, _BOX, _HEIGHT = 1000, 84, 104, 34  # pixels


def imports_between_rooms() -> set[tuple[str, str]]:
    """Pairs of a room and one that it imports; a room is a module or sub-package at the top."""
    names = {path.stem for path in _PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    pairs: set[tuple[str, str]] = set()
    for file in _PACKAGE.rglob("*.py"):
        room = file.relative_to(_PACKAGE).with_suffix("").parts[0]
        if room == "__init__":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            top, _, inner = node.module.partition(".")
            if top == _PACKAGE.name:
                found = [inner.partition(".")[0]] if inner else [a.name for a in node.names]
                pairs.update((room, other) for other in found if other in names - {room})
    return pairs


def _floors() -> list[list[str]]:
    settings = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    return [[name.strip() for name in layer.split("|")] for layer in layers]


def draw() -> str:
    """The drawing as SVG."""
    floors = _floors()
    places = {
        name: (_WIDTH * (i + 0.5) / len(names), _FLOOR * (level + 0.5))
        for level, names in enumerate(floors)
        for i, name in enumerate(names)
    }
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_FLOOR * len(floors)}" '
        'font-family="sans-serif" font-size="13" text-anchor="middle">',
        f'<rect width="{_WIDTH}" height="{_FLOOR * len(floors)}" fill="#ffffff"/>',
    ]
    for room, other in sorted(imports_between_rooms()):
        (x1, y1), (x2, y2) = places[room], places[other]
        lines.append(
            f'<line x1="{x1:.0f}" y1="{y1 + _HEIGHT / 2:.0f}" x2="{x2:.0f}" '
            f'y2="{y2 - _HEIGHT / 2:.0f}" stroke="#5b7083" stroke-opacity="0.4"/>'
        )
    for name, (x, y) in places.items():
        folder = (_PACKAGE / name).is_dir()
        lines.append(
            f'<rect x="{x - _BOX / 2:.0f}" y="{y - _HEIGHT / 2:.0f}" width="{_BOX}" '
            f'height="{_HEIGHT}" rx="5" fill="{"#dcebf5" if folder else "#f4f1e8"}" '
            'stroke="#5b7083"/>'
            f'<text x="{x:.0f}" y="{y + 5:.0f}">{escape(name)}{"/" if folder else ""}</text>'
        )
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
