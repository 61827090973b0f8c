"""A film looked through: where shots begin, which frames the network is to see.

A shot is worked on in parts of bounded length. In each, the network sees the first frame and the
last, and between them key frames that lie the closer, the less motion explains one by the other.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from keras_colorize.video.motion import agreement, find_motion

__all__ = ["LONGEST_PART", "Key", "Part", "find_cuts", "find_parts"]

#: Frames of a part at the most: what an interruption can cost, and what memory must hold the key
#: frames of. While one is coded, the next is looked through and painted.
LONGEST_PART = 150
#: Frames from one key frame to the next, at the most.
_LONGEST_GAP = 8
# Below this share of a frame that motion explains, a key frame lies closer.
_EXPLAINED = 0.65
# A cut is where the difference from the frame before is large, and larger than what there was
_DIFFERENCE = 12.0  # levels of 255, after the mean brightness is taken out
_UNUSUAL = 1.6  # times that of the frames before
_RECENT = 8  # frames
_SAME_SHOT = 0.45  # of a frame explained by motion from the frame before: then it is no cut
_FLASH = 4  # frames that a flash, or a damaged frame, may last


@dataclass(frozen=True)
class Key:
    """A frame that the network sees.

    Attributes:
        number: of the frame in the film.
        luminance: in [0, 255], uint8 ``(h, w)``.
        colored: how far the source itself has color there: the standard deviation of its chroma,
            in levels of 255.
    """

    number: int
    luminance: np.ndarray
    colored: float = 0.0


@dataclass(frozen=True)
class Part:
    """Frames of one shot that are worked on together.

    Attributes:
        start: the number of its first frame.
        count: of frames.
        shot: the number of the shot.
        goes_on: whether it continues the shot of the part before.
        ends_shot: whether another shot, or nothing, follows.
        keys: the first frame, the last, and some between.
    """

    start: int
    count: int
    shot: int
    goes_on: bool
    ends_shot: bool
    keys: tuple[Key, ...] = field(repr=False)


Seen = tuple[np.ndarray, float]  # luminance in [0, 255], uint8; how colored the source is


def find_cuts(frames: Iterable[Seen]) -> Iterator[tuple[Seen, bool]]:
    """Frames, each with whether a shot begins with it.

    Flashes and damaged frames of up to four that are followed by what was there before are no cuts.

    Args:
        frames: of one size.
    """
    source = iter(frames)
    ahead = deque(islice(source, 1))
    recent: deque[float] = deque(maxlen=_RECENT)
    before: np.ndarray | None = None
    calm = 0  # frames that still belong to a flash
    while ahead:
        ahead.extend(islice(source, _FLASH + 1 - len(ahead)))
        frame = ahead.popleft()
        luminance = frame[0]
        cut = before is None
        if before is not None:
            difference = _difference(luminance, before)
            usual = float(np.mean(recent)) if recent else 0.0
            if calm:
                calm -= 1
            elif difference > max(_DIFFERENCE, _UNUSUAL * usual):
                cut = not _explained(luminance, before, _SAME_SHOT)
                if cut:
                    back = next(
                        (
                            i
                            for i, (later, _) in enumerate(ahead, 1)
                            if _difference(later, before) < max(_DIFFERENCE, _UNUSUAL * usual)
                            and _explained(later, before, _SAME_SHOT)
                        ),
                        0,
                    )
                    cut, calm = not back, back
            if cut:
                recent.clear()
            elif not calm:
                recent.append(difference)
        yield frame, cut
        before = luminance


def find_parts(
    frames: Iterable[Seen],
    *,
    start: int = 0,
    shot: int = 0,
    goes_on: bool = False,
    wanted: Callable[[int], bool] = lambda _: False,
) -> Iterator[Part]:
    """The parts of a film, one after the other.

    Args:
        frames: of one size.
        start: the number of the first of them.
        shot: the number of its shot.
        goes_on: whether that shot has begun before it.
        wanted: tells whether a frame, by its number, is to be a key frame in any case.
    """
    part: list[Key] = []  # its key frames
    gap: list[Key] = []  # frames since the last of them
    first = start

    def close(ends_shot: bool) -> Part:
        if gap:
            part.extend(_keys_within(part[-1], gap))
        closed = Part(first, part[-1].number + 1 - first, shot, goes_on, ends_shot, tuple(part))
        part.clear()
        gap.clear()
        return closed

    for number, ((luminance, colored), cut) in enumerate(find_cuts(frames), start):
        key = Key(number, luminance, colored)
        if part and (cut or number - first >= LONGEST_PART):
            yield close(cut)
            first, goes_on, shot = number, not cut, shot + cut
        if not part:
            part.append(key)
            continue
        gap.append(key)
        if len(gap) >= _LONGEST_GAP or wanted(number):
            part.extend(_keys_within(part[-1], gap))
            gap.clear()
    if part:
        yield close(True)


def _keys_within(last: Key, gap: list[Key]) -> list[Key]:
    """The key frames of a gap behind one: its end, and what is needed between."""
    end = gap[-1]
    if len(gap) == 1 or _explained(end.luminance, last.luminance, _EXPLAINED):
        return [end]
    middle = len(gap) // 2
    near = _keys_within(last, gap[:middle])
    return near + _keys_within(near[-1], gap[middle:])


def _explained(luminance: np.ndarray, before: np.ndarray, share: float) -> bool:
    motion = find_motion(luminance, before)
    return float(agreement(luminance, before, motion).mean()) >= share


def _difference(luminance: np.ndarray, before: np.ndarray) -> float:
    """Mean difference of two frames, each without its mean, on every fourth pixel."""
    a, b = (x[::2, ::2].astype(np.float32) for x in (luminance, before))
    return float(np.abs((a - a.mean()) - (b - b.mean())).mean())
