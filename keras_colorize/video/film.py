"""One film colored: looked through, painted, steadied, coded part by part, and joined."""

import contextlib
import dataclasses
import json
import logging
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.reduction import reduced_size, resize_planes
from keras_colorize.coloring.report import Record
from keras_colorize.errors import ConfigError, ModelError, VideoError
from keras_colorize.files import atomic_path, escape_name, exclusive, hash_file
from keras_colorize.metadata.provenance import Provenance, describe_settings
from keras_colorize.version import __version__
from keras_colorize.video.decoding import Place, Troubles, read_luminance, read_small
from keras_colorize.video.encoding import (
    CODECS,
    Encoder,
    choose_codec,
    chroma_step,
    encoder_settings,
)
from keras_colorize.video.joining import Piece, find_film_provenance, join
from keras_colorize.video.planes import PlaneCoder
from keras_colorize.video.probing import Film, probe
from keras_colorize.video.rendering import Peekable, ahead, render
from keras_colorize.video.steadying import Carry, steady
from keras_colorize.video.survey import Part, Seen, find_parts
from keras_colorize.video.tasks import FilmTask

__all__ = ["FilmOptions", "color_film"]

_log = logging.getLogger(__name__)

_SOFTWARE = f"keras_colorize {__version__}"
_READ_AHEAD = 16  # frames
_COLORED = 6.0  # standard deviation of the source's chroma from which a frame counts as in color


@dataclass(frozen=True)
class FilmOptions:
    """How films are written.

    Attributes:
        codec: of the pictures, one of :data:`~keras_colorize.video.encoding.CODECS`.
        crf: constant rate factor: lower is better and larger; about 17 looks like the original.
        overwrite: color anew what is there already.
        max_pixels: refuse films whose frames have more.
        show_progress: draw a progress bar on standard error.
    """

    codec: str = "h264"
    crf: int = 17
    overwrite: bool = False
    max_pixels: int = 200_000_000
    show_progress: bool = True


def color_film(task: FilmTask, output: Path, colorizer: Colorizer, options: FilmOptions) -> Record:
    """Color one film into the output folder; whatever happens is in the record.

    The result is complete or absent. Parts that are done lie in a hidden folder beside it until it
    is: after an interruption or an error, the same call goes on behind the last of them.

    Args:
        task: the film and its result.
        output: the output folder.
        colorizer: what adds the color.
        options: how it is written.

    Raises:
        ConfigError: FFmpeg or OpenCV is missing.
    """
    started = time.perf_counter()
    target = output / task.relative
    record = Record(str(task.source), str(target), "failed")
    try:
        film = probe(task.source)
        if film.width * film.height > options.max_pixels:
            raise VideoError(
                f"{film.width} x {film.height} pixels are more than --max_pixels allows "
                f"({options.max_pixels})"
            )
        provenance = _provenance(task, colorizer, options)
        record = dataclasses.replace(
            record,
            input_sha256=provenance.input_hash,
            model=provenance.model,
            model_sha256=provenance.model_hash,
            settings=provenance.settings,
        )
        if _is_done(target, provenance, options.overwrite):
            return dataclasses.replace(record, status="already done")
        target.parent.mkdir(parents=True, exist_ok=True)
        work = _Work(film, target, colorizer, options, provenance)
        warnings = work.run()
    except ConfigError:
        raise
    except (VideoError, ModelError, MemoryError) as error:
        return dataclasses.replace(record, reason=str(error) or "not enough memory")
    except OSError as error:
        reason = f"cannot write {target}: {error.strerror or error}"
        return dataclasses.replace(record, reason=reason)
    return dataclasses.replace(
        record,
        status="colorized",
        method=f"{CODECS[options.codec].title}, {film.pixels.depth} bits, "
        f"{work.done_frames} frames in {work.shots} shots",
        width=film.width,
        height=film.height,
        warnings="; ".join(warnings),
        seconds=round(time.perf_counter() - started, 3),
    )


def _provenance(task: FilmTask, colorizer: Colorizer, options: FilmOptions) -> Provenance:
    settings: dict[str, object] = {
        "working_size": colorizer.working_size,
        "saturation": colorizer.saturation,
        "video_codec": options.codec,
        "crf": options.crf,
    }
    try:
        input_hash = hash_file(task.source)
    except OSError as error:
        raise VideoError(f"unreadable: {error.strerror}") from error
    return Provenance(
        _SOFTWARE,
        colorizer.name,
        colorizer.model_hash,
        input_hash,
        describe_settings(settings),
        escape_name(task.source.name),
    )


def _is_done(target: Path, provenance: Provenance, overwrite: bool) -> bool:
    if not target.exists():
        return False
    if not target.is_file():
        raise VideoError(f"{target} exists already and is no file; move it away")
    if overwrite:
        return False
    found = find_film_provenance(target)
    if not provenance.matches(found):
        what = "" if found is None else ", of another model, version, setting or original"
        raise VideoError(f"{target} exists already{what}; pass --overwrite to replace it")
    return True


@dataclass(frozen=True)
class _Done:
    """A part that is coded, as its file says.

    Attributes:
        start: the number of its first frame.
        count: of its frames.
        shot: its number.
        ends_shot: whether the next part belongs to another one.
        pts: of its first frame.
        next_pts: of the frame behind its last; None at the end of the film.
        colored: key frames in which the source has color of its own.
        keys: how many there are.
    """

    start: int
    count: int
    shot: int
    ends_shot: bool
    pts: int
    next_pts: int | None
    colored: int
    keys: int


class _Work:
    """What is done of a film, and the rest of it."""

    def __init__(
        self,
        film: Film,
        target: Path,
        colorizer: Colorizer,
        options: FilmOptions,
        provenance: Provenance,
    ) -> None:
        self._film, self._target = film, target
        self._colorizer, self._options = colorizer, options
        self._provenance = provenance
        self._codec = choose_codec(options.codec)
        self._folder = target.with_name(f".{target.name}.parts")
        self._troubles = Troubles()
        self._size = reduced_size((film.height, film.width), colorizer.working_size)
        self._done: list[_Done] = []

    @property
    def done_frames(self) -> int:
        """How many frames are colored."""
        return sum(part.count for part in self._done)

    @property
    def shots(self) -> int:
        """How many shots are, at least in part."""
        return len({part.shot for part in self._done})

    def run(self) -> tuple[str, ...]:
        """Do what is left to do; what a reader of the result should know."""
        self._folder.mkdir(exist_ok=True)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(exclusive(self._folder / "lock", wait=False))
            except BlockingIOError as error:
                raise VideoError(f"another process is coloring it, in {self._folder}") from error
            self._load()
            try:
                if not self._done or self._done[-1].next_pts is not None:
                    self._color()
                notes = self._join()
            except VideoError as error:
                kept = f"; {self.done_frames} frames are kept, call again to go on"
                raise VideoError(f"{error}{kept if self._done else ''}") from error
        shutil.rmtree(self._folder)
        return self._warnings() + notes

    # -- what is there already ----------------------------------------------------------------

    def _load(self) -> None:
        """Take up what an earlier call has done, if it would be the same now."""
        key = json.dumps(dataclasses.asdict(self._provenance), sort_keys=True)
        said = self._folder / "work.json"
        if not said.exists() or said.read_text(encoding="utf-8") != key:
            for file in self._folder.iterdir():
                if file.name != "lock":
                    file.unlink()
            with atomic_path(said) as temporary:
                temporary.write_text(key, encoding="utf-8")
        while (told := self._path(".json")).exists():
            self._done.append(_Done(**json.loads(told.read_text(encoding="utf-8"))))

    def _path(self, suffix: str, number: int | None = None) -> Path:
        number = len(self._done) if number is None else number
        return self._folder / f"{number:06d}{suffix}"

    # -- the rest -----------------------------------------------------------------------------

    def _color(self) -> None:
        start, carry = Place(0, 0), None
        if self._done:
            last = self._done[-1]
            assert last.next_pts is not None  # there is something left
            start = Place(last.start + last.count, last.next_pts)
            if not last.ends_shot:
                with np.load(self._path(".npz", len(self._done) - 1)) as kept:
                    carry = Carry(kept["luminance"], kept["chroma"])
        coder = PlaneCoder(self._film, *self._size, self._colorizer.saturation)
        settings = encoder_settings(self._film, self._codec, self._options.crf)
        parts = ahead(self._painted(start, carry), 1)
        frames = ahead(read_luminance(self._film, start, self._troubles), _READ_AHEAD)
        with (
            contextlib.closing(parts),  # type: ignore[type-var]
            contextlib.closing(frames),  # type: ignore[type-var]
            tqdm(
                total=self._film.frame_count,
                initial=start.number,
                desc=self._film.path.name,
                unit="frame",
                disable=not self._options.show_progress,
            ) as bar,
        ):
            peekable = Peekable(frames)
            for part, chroma in parts:
                first = peekable.peek()
                if first is None:
                    raise VideoError("the film has changed while it was read")
                encoder = Encoder(self._path(".nut"), self._film, settings, first.pts)
                try:
                    render(part, chroma, peekable, self._film, coder, encoder, bar)
                    encoder.finish()
                finally:
                    encoder.kill()
                self._keep(part, chroma, first.pts, peekable.peek())

    def _keep(self, part: Part, chroma: list[np.ndarray], pts: int, following: object) -> None:
        if not part.ends_shot:
            with atomic_path(self._path(".npz")) as temporary:
                np.savez(temporary, luminance=part.keys[-1].luminance, chroma=chroma[-1])
        next_pts = getattr(following, "pts", None)
        colored = sum(key.colored > _COLORED for key in part.keys)
        done = _Done(
            part.start, part.count, part.shot, part.ends_shot, pts, next_pts, colored,
            len(part.keys),
        )  # fmt: skip
        with atomic_path(self._path(".json")) as temporary:
            temporary.write_text(json.dumps(dataclasses.asdict(done)), encoding="utf-8")
        self._done.append(done)

    def _painted(
        self, start: Place, carry: Carry | None
    ) -> Iterator[tuple[Part, list[np.ndarray]]]:
        """The parts of the film from a place on, with the steady chroma of their key frames."""
        goes_on = carry is not None
        shot = 0 if not self._done else self._done[-1].shot + (not goes_on)
        parts = find_parts(self._seen(start), start=start.number, shot=shot, goes_on=goes_on)
        for part in parts:
            luminances = [key.luminance for key in part.keys]
            painted = [self._colorizer.paint(luminance).chroma for luminance in luminances]
            chroma = steady(luminances, painted, carry if part.goes_on else None)
            carry = None if part.ends_shot else Carry(luminances[-1], chroma[-1])
            yield part, chroma

    def _seen(self, start: Place) -> Iterator[Seen]:
        """What the network may see: every frame at its size."""
        film = self._film
        height, width = self._size
        # Twice the size, of means over areas; the rest is better filtering.
        double = min(2 * height, film.height), min(2 * width, film.width)
        black, span = (0, 255) if film.pixels.full_range else (16, 219)
        for frame in read_small(film, *double, start, Troubles()):
            y, *chroma = frame.planes
            level = (y.astype(np.float32) - black) * np.float32(255.0 / span)
            small = resize_planes(level[None], height, width)[0]
            colored = max(float(plane[::4, ::4].std()) for plane in chroma)
            yield np.rint(np.clip(small, 0.0, 255.0)).astype(np.uint8), colored

    # -- the end ------------------------------------------------------------------------------

    def _join(self) -> tuple[str, ...]:
        pieces = [
            Piece(self._path(".nut", number), part.pts, part.count)
            for number, part in enumerate(self._done)
        ]
        with atomic_path(self._target) as temporary:
            return join(pieces, self._film, self._codec, self._provenance, temporary)

    def _warnings(self) -> tuple[str, ...]:
        film = self._film
        told = list(self._troubles.describe())
        colored, keys = (sum(getattr(p, n) for p in self._done) for n in ("colored", "keys"))
        if colored:
            told.append(
                f"{100 * colored / keys:.0f} % of the frames looked at are in color already: "
                "colored anew from their luminance"
            )
        if film.interlaced:
            told.append(f"interlaced ({film.field_order}): kept, each field with its own chroma")
        if chroma_step(film) == 1:
            told.append("an odd size: chroma for every pixel (4:4:4), which not every player shows")
        told += [f"left out: {what}" for what in film.left_out]
        return tuple(told)
