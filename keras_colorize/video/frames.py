"""Films whose frames are files: which these are, their order, and how FFmpeg is given them."""

import contextlib
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from keras_colorize.errors import VideoError
from keras_colorize.photos.formats import FORMATS

__all__ = ["film_name", "find_frames", "is_pattern", "opened_frames"]

# Endings of files that may be frames, each with the one that stands for its kind.
_FRAME_KINDS = {
    **{suffix: suffix for suffix in (".png", ".dpx", ".bmp", ".pgm", ".ppm", ".exr", ".webp")},
    **{".jpg": ".jpg", ".jpeg": ".jpg", ".tif": ".tif", ".tiff": ".tif"},
}
_PICTURES = frozenset({*_FRAME_KINDS, *FORMATS})  # endings of all that may be meant for one
_NUMBER = re.compile(r"%0?(\d*)d")


def is_pattern(path: Path) -> bool:
    """Whether a path names frames by their numbers, such as ``frame_%05d.png``."""
    return _NUMBER.search(path.name) is not None


def film_name(path: Path) -> str:
    """What a folder or a pattern of frames calls the film, without an ending."""
    name = path.resolve().name if path.is_dir() else _NUMBER.sub("", path.stem)
    return name.strip("._- ") or "frames"


def find_frames(path: Path) -> list[Path]:
    """The frames in a folder, or those that a pattern names, in the order of their numbers.

    Numbers count as such, with leading zeros and without. Hidden files, sub-folders and files that
    are no pictures by their names are passed over.

    Args:
        path: the folder; or a pattern such as ``frame_%05d.png``, whose number has as many digits
            at least.

    Raises:
        VideoError: there are none; or it can't be told which belong to the film, or in which order.
    """
    folder = path if path.is_dir() else path.parent
    try:
        there = sorted(file for file in folder.iterdir() if not file.is_dir())
    except OSError as error:
        raise VideoError(f"expected frames called {path}: {error.strerror}") from error
    if folder == path:
        shown = (file for file in there if not file.name.startswith("."))
        files = [file for file in shown if file.suffix.lower() in _PICTURES]
        expected = f"in the folder {path}"
        _refuse_mixed(files, expected)
    else:
        named = _named_by(path.name)
        files = [file for file in there if named.fullmatch(file.name)]
        expected = f"called {path}"
    if not files:
        raise VideoError(f"expected frames {expected}, found none")
    for file in files:
        if not file.is_file():
            raise VideoError(
                f"expected frames {expected}, found {file.name}, which is a broken link, a pipe or "
                "a device; move it elsewhere"
            )
        if file.stat().st_size == 0:  # which FFmpeg takes for the end of the film
            raise VideoError(
                f"expected frames {expected}, found {file.name}, which is empty (0 bytes); put the "
                "frame in its place, or move it elsewhere"
            )
    return _in_order(files)


@contextlib.contextmanager
def opened_frames(files: Sequence[Path], rate: Fraction) -> Iterator[tuple[str, ...]]:
    """FFmpeg's arguments that open frames as a film, as long as the context lasts.

    Args:
        files: all of one kind, in order.
        rate: frames a second.

    Raises:
        VideoError: no temporary folder can be made.
    """
    # FFmpeg orders files by the letters of their names, or counts up until a number is missing. It
    # is given links, numbered without gaps, for it to find its way in them as in any film.
    suffix = files[0].suffix.lower()
    with contextlib.ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="frames-")))
            for number, file in enumerate(files):
                (folder / f"{number:08d}{suffix}").symlink_to(file.absolute())
        except OSError as error:
            raise VideoError(
                f"expected a folder for temporary files that can be written, received "
                f"{tempfile.gettempdir()} ({error.strerror}); name another one in TMPDIR"
            ) from error
        numbered = str(folder).replace("%", "%%") + f"/%08d{suffix}"
        yield ("-f", "image2", "-framerate", str(rate), "-start_number", "0", "-i", numbered)


def _kind(file: Path) -> str:
    suffix = file.suffix.lower()
    return _FRAME_KINDS.get(suffix, suffix)


def _refuse_mixed(files: Sequence[Path], expected: str) -> None:
    """Refuse frames of several kinds, of which FFmpeg would read one, and what it doesn't read."""
    kinds = Counter(map(_kind, files)).most_common()
    if len(kinds) > 1 or any(kind not in _FRAME_KINDS for kind, _ in kinds):
        found = ", ".join(f"{count} {kind}" for kind, count in kinds)
        rare = next(file for file in files if _kind(file) == kinds[-1][0])
        raise VideoError(
            f"expected frames of one kind {expected}, one of "
            f"{', '.join(sorted(set(_FRAME_KINDS.values())))}; found {found}, such as {rare.name}. "
            "Move what is no frame elsewhere, or name the frames by a pattern (frame_%05d.png)"
        )


def _named_by(pattern: str) -> re.Pattern[str]:
    number = _NUMBER.search(pattern)
    if number is None:
        raise VideoError(f"expected a folder of frames, or a pattern (frame_%05d.png): {pattern}")
    before, after = map(re.escape, (pattern[: number.start()], pattern[number.end() :]))
    return re.compile(rf"{before}\d{{{number[1] or 1},}}{after}")


def _in_order(files: Sequence[Path]) -> list[Path]:
    ordered = sorted(((_order(file), file) for file in files), key=lambda placed: placed[0])
    for (place, one), (next_place, other) in pairwise(ordered):
        if place == next_place:
            raise VideoError(
                f"expected one file for each frame, found {one.name} and {other.name}; move one of "
                "them elsewhere"
            )
    return [file for _, file in ordered]


def _order(file: Path) -> list[str | int]:
    """Text and numbers of a name in turn, so that 2 comes before 10."""
    return [int(p) if i % 2 else p.casefold() for i, p in enumerate(re.split(r"(\d+)", file.stem))]
