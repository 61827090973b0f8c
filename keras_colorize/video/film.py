"""One film colored: looked through, painted, steadied, coded part by part, and joined."""

import contextlib
import dataclasses
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.decisions import Decisions
from keras_colorize.coloring.reduction import reduced_size
from keras_colorize.coloring.report import Record
from keras_colorize.coloring.targets import describe_occupied
from keras_colorize.errors import ConfigError, ModelError, PhotoError, VideoError
from keras_colorize.files import atomic_path, escape_name, exclusive, hash_file
from keras_colorize.looks import NATURAL, apply_look, has_grains
from keras_colorize.metadata.provenance import Provenance, describe_settings
from keras_colorize.photos.pixels import MAX_PIXELS
from keras_colorize.version import __version__
from keras_colorize.video.corrections import (
    Correction,
    Corrector,
    describe_corrections,
    describe_looks,
    find_corrections,
)
from keras_colorize.video.decoding import (
    LostPlaceError,
    Place,
    Troubles,
    read_luminance,
    read_seen,
)
from keras_colorize.video.encoding import (
    CODECS,
    Encoder,
    choose_codec,
    chroma_step,
    encoder_settings,
)
from keras_colorize.video.joining import find_film_provenance, join
from keras_colorize.video.kept import Done, KeptParts
from keras_colorize.video.planes import PlaneCoder
from keras_colorize.video.probing import Film, probe
from keras_colorize.video.rendering import Peekable, ahead, render
from keras_colorize.video.restarts import set_right, starts_again
from keras_colorize.video.steadying import Carry, steady
from keras_colorize.video.stills import STILLS, find_shots, has_stills, write_stills
from keras_colorize.video.survey import Key, Part, find_parts
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
        key_frames: also write a still of each shot to ``key_frames/``, for the studio.
        decisions: tells what was decided about a still, as ``DecisionsFolder.find`` does.
        references: the folder in whose ``references/`` lie the color photographs that decisions
            name.
        max_pixels: refuse films whose frames have more.
        show_progress: draw a progress bar on standard error.
    """

    codec: str = "h264"
    crf: int = 17
    overwrite: bool = False
    key_frames: bool = False
    decisions: Callable[[str, Path], Decisions | None] | None = None
    references: Path = Path()
    max_pixels: int = MAX_PIXELS
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
        with task.opened() as source:
            film = probe(task.source, source)
            if film.width * film.height > options.max_pixels:
                raise VideoError(
                    f"{film.width} x {film.height} pixels are more than --max_pixels allows "
                    f"({options.max_pixels})"
                )
            stills = output / STILLS / task.relative
            corrections: list[Correction] = []
            if options.decisions is not None:
                corrections = find_corrections(stills, options.decisions, options.references)
            provenance = _provenance(task, colorizer, options, corrections)
            record = dataclasses.replace(
                record,
                input_sha256=provenance.input_hash,
                model=provenance.model,
                model_sha256=provenance.model_hash,
                settings=provenance.settings,
            )
            if _is_done(target, provenance, options.overwrite):
                if options.key_frames and not has_stills(stills, provenance.input_hash):
                    shots = find_shots(film, _size(film, colorizer), options.show_progress)
                    write_stills(stills, film, shots, provenance.input_hash)
                return dataclasses.replace(record, status="already done")
            target.parent.mkdir(parents=True, exist_ok=True)
            corrector = Corrector(colorizer, corrections, _size(film, colorizer))
            work = _Work(film, target, colorizer, options, provenance, corrector, stills)
            warnings = work.run()
    except ConfigError:
        raise
    except (VideoError, PhotoError, ModelError, MemoryError) as error:
        return dataclasses.replace(record, reason=str(error) or "not enough memory")
    except OSError as error:
        reason = f"cannot write {error.filename or target}: {error.strerror or error}"
        return dataclasses.replace(record, reason=reason)
    return dataclasses.replace(
        record,
        status="colorized",
        method=f"{CODECS[options.codec].title}, {film.pixels.depth} bits, "
        f"{work.kept.frames} frames in {len(work.kept.shots())} shots",
        width=film.width,
        height=film.height,
        warnings="; ".join(warnings),
        seconds=round(time.perf_counter() - started, 3),
    )


def _size(film: Film, colorizer: Colorizer) -> tuple[int, int]:
    """Height and width of what the network sees."""
    return reduced_size((film.height, film.width), colorizer.working_size)


def _provenance(
    task: FilmTask,
    colorizer: Colorizer,
    options: FilmOptions,
    corrections: Sequence[Correction],
) -> Provenance:
    settings: dict[str, object] = {
        "working_size": colorizer.working_size,
        "saturation": colorizer.saturation,
        "video_codec": options.codec,
        "crf": options.crf,
    }
    if colorizer.look != NATURAL:
        settings["look"] = colorizer.look
    if looks := describe_looks(corrections):
        settings["looks"] = looks
    try:
        hashes = [hash_file(file) for file in task.content()]
    except OSError as error:
        raise VideoError(f"unreadable: {error.strerror}") from error
    input_hash = hashes[0]
    if task.rate is not None:  # of frames, of the list of them
        settings["frames_per_second"] = str(task.rate)
        input_hash = hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    return Provenance(
        _SOFTWARE,
        colorizer.name,
        colorizer.model_hash,
        input_hash,
        describe_settings(settings),
        escape_name(task.source.name),
        describe_corrections(corrections),
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
        raise VideoError(describe_occupied(str(target), provenance, found))
    return True


class _Work:
    """What is done of a film, and the rest of it."""

    def __init__(
        self,
        film: Film,
        target: Path,
        colorizer: Colorizer,
        options: FilmOptions,
        provenance: Provenance,
        corrector: Corrector,
        stills: Path,
    ) -> None:
        self._film, self._target = film, target
        self._notes: tuple[str, ...] = ()  # about its times
        self._colorizer, self._options = colorizer, options
        self._provenance = provenance
        self._codec = choose_codec(options.codec)
        self._troubles = Troubles()
        self._corrector, self._stills = corrector, stills
        self._size = _size(film, colorizer)
        self.kept = KeptParts(target)

    def run(self) -> tuple[str, ...]:
        """Do what is left to do; what a reader of the result should know."""
        kept = self.kept
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(exclusive(kept.lock, wait=False))
            except BlockingIOError as error:
                raise VideoError(f"another process is coloring it, in {kept.lock}") from error
            kept.load(self._provenance)
            try:
                # Parts that are done without a copy have the times of the film itself.
                if kept.copy.exists() or (not kept.done and starts_again(self._film)):
                    self._set_right()
                try:
                    self._color()
                except LostPlaceError as error:
                    _log.warning("%s: %s; begun anew", self._film.path, error)
                    kept.forget()
                    self._troubles = Troubles()
                    self._color()
                if self._options.key_frames:  # before there is a result, which ends all
                    digest = self._provenance.input_hash
                    write_stills(self._stills, self._film, kept.shots(), digest)
                notes = self._join()
            except VideoError as error:
                saved = f"; {kept.frames} frames are kept, call again to go on"
                raise VideoError(f"{error}{saved if kept.done else ''}") from error
        kept.remove()
        return self._warnings() + notes

    def _set_right(self) -> None:
        try:
            self._film = set_right(self._film, self.kept.copy)
        except VideoError as error:
            if "No space left" in str(error):
                raise
            self._notes = (f"its times cannot be set right: {error}",)
        else:
            self._notes = ("its times begin again on the way: they go on there, of sound as well",)

    def _color(self) -> None:
        start = self.kept.place
        if start is None:
            return
        coder = PlaneCoder(self._film, *self._size, self._colorizer.saturation)
        settings = encoder_settings(self._film, self._codec, self._options.crf)
        parts = ahead(self._painted(start, self.kept.carry()), 1)
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
                encoder = Encoder(self.kept.next_file, self._film, settings, first.pts)
                try:
                    render(part, chroma, peekable, self._film, coder, encoder, bar)
                    encoder.finish()
                finally:
                    encoder.kill()
                self._keep(part, chroma, first.pts, peekable.peek())

    def _keep(self, part: Part, chroma: list[np.ndarray], pts: int, following: object) -> None:
        done = Done(
            start=part.start,
            count=part.count,
            shot=part.shot,
            ends_shot=part.ends_shot,
            pts=pts,
            next_pts=getattr(following, "pts", None),
            colored=sum(key.colored > _COLORED for key in part.keys),
            keys=len(part.keys),
            counted=self._troubles.mistimed > 0 or any(p.counted for p in self.kept.done[-1:]),
        )
        carry = None if part.ends_shot else Carry(part.keys[-1].luminance, chroma[-1])
        self.kept.keep(done, carry)

    def _painted(
        self, start: Place, carry: Carry | None
    ) -> Iterator[tuple[Part, list[np.ndarray]]]:
        """The parts of the film from a place on, with the steady chroma of their key frames."""
        goes_on = carry is not None
        shot = self.kept.done[-1].shot + (not goes_on) if self.kept.done else 0
        parts = find_parts(
            read_seen(self._film, self._size, start),
            start=start.number,
            shot=shot,
            goes_on=goes_on,
            wanted=self._corrector.wants,
        )
        for part in parts:
            luminances = [key.luminance for key in part.keys]
            painted, trust = zip(*(self._corrector.paint(k.number, k.luminance) for k in part.keys))
            painted = [self._wear(*each) for each in zip(part.keys, painted, strict=True)]
            chroma = steady(luminances, painted, carry if part.goes_on else None, trust)
            carry = None if part.ends_shot else Carry(luminances[-1], chroma[-1])
            yield part, chroma

    def _wear(self, key: Key, chroma: np.ndarray) -> np.ndarray:
        """The chroma of a key frame as the look of its shot has it."""
        look = self._corrector.look(key.number)
        return apply_look(look, key.luminance / np.float32(255.0), chroma)

    # -- the end ------------------------------------------------------------------------------

    def _join(self) -> tuple[str, ...]:
        with atomic_path(self._target) as temporary:
            return join(self.kept.pieces(), self._film, self._codec, self._provenance, temporary)

    def _warnings(self) -> tuple[str, ...]:
        film = self._film
        told = [*self._notes, *self._troubles.describe()]
        colored, keys = (sum(getattr(p, n) for p in self.kept.done) for n in ("colored", "keys"))
        if colored:
            told.append(
                f"{100 * colored / keys:.0f} % of the frames looked at are in color already: "
                "colored anew from their luminance"
            )
        if film.bits > film.pixels.depth:
            told.append(
                f"its {film.bits} bits became {film.pixels.depth}, the most that are written"
            )
        if film.interlaced:
            told.append(f"interlaced ({film.field_order}): kept, each field with its own chroma")
        if chroma_step(film) == 1:
            told.append("an odd size: chroma for every pixel (4:4:4), which not every player shows")
        if any(map(has_grains, self._corrector.looks)):
            told.append("grains are left out of a film, which wears their colors alone")
        told += [f"left out: {what}" for what in film.left_out]
        return tuple(told)
