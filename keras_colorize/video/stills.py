"""A still of each shot of a film, for a person to correct in the studio, and the list of them."""

import csv
import dataclasses
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from keras_colorize.errors import VideoError
from keras_colorize.files import atomic_path, hash_file, read_rows
from keras_colorize.video.decoding import Place, Troubles, read_luminance, read_seen
from keras_colorize.video.motion import reduce_frame
from keras_colorize.video.probing import Film
from keras_colorize.video.survey import find_cuts

__all__ = ["STILLS", "Still", "find_shots", "has_stills", "read_stills", "write_stills"]

#: Folder of the stills, in that of the results.
STILLS = "key_frames"

_LIST = "frames.csv"
_FILM = "film_sha256"  # a column of it: another film may come to lie at the same path


@dataclass(frozen=True)
class Still:
    """A frame that stands for its shot.

    Attributes:
        number: of the frame.
        first: of the shot's frames.
        last: of the shot's frames.
        file: name of its picture.
        sha256: of that.
    """

    number: int
    first: int
    last: int
    file: str
    sha256: str


def find_shots(film: Film, size: tuple[int, int], show_progress: bool) -> list[tuple[int, int]]:
    """The first and the last frame of each shot.

    Args:
        film: to be looked through.
        size: height and width at which.
        show_progress: draw a progress bar on standard error.

    Raises:
        VideoError: it cannot be read.
    """
    seen = tqdm(
        read_seen(film, size, Place(0, 0)),
        total=film.frame_count,
        desc=film.path.name,
        unit="frame",
        disable=not show_progress,
    )
    begins = [cut for _, cut in find_cuts(seen)]
    firsts = [number for number, cut in enumerate(begins) if cut]
    return [(first, after - 1) for first, after in pairwise([*firsts, len(begins)])]


def has_stills(folder: Path, digest: str) -> bool:
    """Whether all stills of the film of a SHA-256 are there: their list is written last."""
    rows = read_rows(folder / _LIST)
    return bool(rows) and all(row.get(_FILM) == digest for row in rows)


def read_stills(folder: Path) -> list[Still]:
    """The stills of a film, in order.

    Args:
        folder: where; need not exist.

    Raises:
        VideoError: the list of them is damaged.
    """
    try:
        return [
            Still(
                int(row["number"]), int(row["first"]), int(row["last"]), row["file"], row["sha256"]
            )
            for row in read_rows(folder / _LIST)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise VideoError(
            f"{folder / _LIST} is damaged; have it written again with --key_frames --overwrite"
        ) from error


def write_stills(folder: Path, film: Film, shots: Sequence[tuple[int, int]], digest: str) -> None:
    """Write a still of each shot, of the luminance as the studio is to show it, and their list.

    Args:
        folder: where; made where it is missing.
        film: whose they are.
        shots: the first and the last frame of each, in the middle of which its still is.
        digest: SHA-256 of the film.

    Raises:
        VideoError: the film cannot be read.
        OSError: nothing can be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = io.StringIO()
    names = [field.name for field in dataclasses.fields(Still)]
    writer = csv.DictWriter(rows, [*names, _FILM])
    writer.writeheader()
    frames = _frames(film, [(first + last) // 2 for first, last in shots])
    for (shot, (first, last)), (number, gray) in zip(enumerate(shots, 1), frames):
        name = f"shot_{shot:05d}_frame_{number:07d}.png"
        with atomic_path(folder / name) as temporary:
            Image.fromarray(gray).save(temporary, "PNG")
        still = Still(number, first, last, name, hash_file(folder / name))
        writer.writerow(dataclasses.asdict(still) | {_FILM: digest})
    with atomic_path(folder / _LIST) as temporary:
        temporary.write_text(rows.getvalue(), encoding="utf-8")


def _frames(film: Film, wanted: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Numbers and gray pictures, uint8 ``(H, W)``, of frames."""
    numbers, pixels = frozenset(wanted), film.pixels
    for number, frame in enumerate(read_luminance(film, Place(0, 0), Troubles())):
        if number in numbers:
            gray = reduce_frame(frame.planes, film.height, film.width, pixels.black, pixels.span)
            yield number, gray
