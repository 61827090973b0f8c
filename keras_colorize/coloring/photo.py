"""One photograph's file colored: read, painted, written, and accounted for."""

import contextlib
import dataclasses
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from keras_colorize.coloring import beside
from keras_colorize.coloring.album import Agreement
from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.decided import begin_session, tell_other_model
from keras_colorize.coloring.decisions import Decisions
from keras_colorize.coloring.options import HALF_CHROMA_FROM, ColoringOptions
from keras_colorize.coloring.painting import Painting, color_strips
from keras_colorize.coloring.report import Record
from keras_colorize.coloring.reversible import Jpeg
from keras_colorize.coloring.session import Session
from keras_colorize.coloring.targets import Target, is_done, writing_errors
from keras_colorize.coloring.tasks import Sheet, Task
from keras_colorize.errors import IrreversibleJpegError, ModelError, PhotoError, RunError
from keras_colorize.files import escape_name, hash_file
from keras_colorize.looks import NATURAL
from keras_colorize.metadata.embedding import fit_to_format, save_options
from keras_colorize.metadata.provenance import Provenance, add_provenance, describe_settings
from keras_colorize.metadata.reading import Metadata
from keras_colorize.metadata.upright import upright
from keras_colorize.photos.condition import describe_condition
from keras_colorize.photos.formats import identify, open_file
from keras_colorize.photos.profiles import srgb_profile
from keras_colorize.photos.reading import Page, read_pages
from keras_colorize.photos.writing import (
    WRITABLE,
    WrittenPage,
    lost_pixels,
    save_picture,
    write_pictures,
)
from keras_colorize.version import __version__

__all__ = ["note_name", "process"]

_log = logging.getLogger(__name__)

_SOFTWARE = f"keras_colorize {__version__}"


@dataclass(frozen=True)
class _Colored:
    """What coloring a file came to.

    Attributes:
        method: how it was written.
        size: width and height of the first page.
        pages: how many.
        warnings: in words.
    """

    method: str
    size: tuple[int, int]
    pages: int
    warnings: tuple[str, ...]


def process(task: Task, target: Target, colorizer: Colorizer, options: ColoringOptions) -> Record:
    """Color one photograph; whatever happens is in the record.

    The one function that everything which colors files calls: the command, the studio and the
    engines of clusters. The same original, model and settings give the same bytes, so it may be
    called again, and by several at once. Results are complete or absent. One that exists already is
    left alone: it is "already done" where it carries the provenance that this call would give it,
    otherwise the photograph fails unless it may be overwritten.

    Args:
        task: the photograph and its result, which :func:`~keras_colorize.coloring.tasks.find_tasks`
            has found not to lie in the place of a photograph.
        target: where the result goes.
        colorizer: what adds the color.
        options: how results are written.

    Raises:
        RunError: nothing can be written there any more, this one no more than the next.
    """
    started = time.perf_counter()
    record = Record(str(task.source), target.name(_main_result(task, options)), "failed")
    try:
        work = _Work.begin(task, target, colorizer, options)
        record = dataclasses.replace(
            record,
            input_sha256=work.provenance.input_hash,
            model=work.provenance.model,
            model_sha256=work.provenance.model_hash,
            settings=work.provenance.settings,
        )
        if work.is_done():
            return dataclasses.replace(record, status="already done")
        colored = work.color()
        notes = tell_other_model(work.decisions, colorizer)
    except (PhotoError, ModelError, MemoryError) as error:
        return dataclasses.replace(record, reason=str(error) or "not enough memory")
    except RunError:
        raise
    # Whatever else it is, a mistake of this package or of a library: the next photographs don't
    # suffer from it, and nobody sees a result.
    except Exception as error:  # noqa: BLE001
        _log.debug("unexpected error at %s", task.source, exc_info=True)
        text = " ".join(str(error).split())[:300]
        return dataclasses.replace(record, reason=f"unexpected {type(error).__name__}: {text}")
    return dataclasses.replace(
        record,
        status="colorized",
        method=colored.method,
        width=colored.size[0],
        height=colored.size[1],
        pages=colored.pages,
        warnings="; ".join(notes + colored.warnings),
        seconds=round(time.perf_counter() - started, 3),
    )


def note_name(input_hash: str, decisions: Decisions | None) -> str:
    """What an album calls a photograph: by its content, and by the colors that a person chose."""
    chosen = None if decisions is None else decisions.chosen_colors
    return input_hash if chosen is None else f"{input_hash} {chosen}"


def _main_result(task: Task, options: ColoringOptions) -> Path:
    return task.sheet("sizes") if options.sizes else task.relative


@dataclass(frozen=True)
class _Work:
    """All that coloring one file needs.

    Attributes:
        task: the photograph and its result.
        target: where the results go.
        colorizer: what adds the color.
        options: how results are written.
        provenance: what the results say of themselves.
        decisions: what was decided about this photograph, if anything was.
        agreement: what the rest of the album makes of it, if it shows the same.
        look: what its colors become in an old process.
    """

    task: Task
    target: Target
    colorizer: Colorizer
    options: ColoringOptions
    provenance: Provenance
    decisions: Decisions | None
    agreement: Agreement | None
    look: str

    @classmethod
    def begin(
        cls, task: Task, target: Target, colorizer: Colorizer, options: ColoringOptions
    ) -> "_Work":
        open_file(task.source).close()  # refuses what is no file
        try:
            input_hash = hash_file(task.source)
        except OSError as error:
            raise PhotoError(f"unreadable: {error.strerror}") from error
        decisions = None
        settings: dict[str, object] = {
            "working_size": list(options.sizes) or colorizer.working_size,
            "saturation": colorizer.saturation,
            "quality": options.quality,
            "remove_tint": options.remove_tint,
        }
        look = colorizer.look
        if options.decisions is not None:
            decisions = options.decisions(input_hash, task.relative)
        if decisions is not None:
            colorizer.facts.check_working_size(decisions.working_size)
            options = dataclasses.replace(options, remove_tint=decisions.remove_tint)
            settings |= {
                "working_size": decisions.working_size,
                "saturation": decisions.saturation,
                "remove_tint": decisions.remove_tint,
            }
            look = decisions.look or look
        if look != NATURAL:  # a result without one says nothing of it, as before
            settings["look"] = look
        agreement = None
        if options.album is not None:
            agreement = options.album.agreement(note_name(input_hash, decisions))
        if agreement is not None:
            settings["album"] = agreement.digest
        provenance = Provenance(
            _SOFTWARE,
            colorizer.name,
            colorizer.model_hash,
            input_hash,
            describe_settings(settings),
            escape_name(task.source.name),
            None if decisions is None else decisions.chosen_colors,
        )
        return cls(task, target, colorizer, options, provenance, decisions, agreement, look)

    @property
    def working_size(self) -> int:
        return (
            self.colorizer.working_size if self.decisions is None else self.decisions.working_size
        )

    @property
    def saturation(self) -> float:
        return self.colorizer.saturation if self.decisions is None else self.decisions.saturation

    # -- what is there already ----------------------------------------------------------------

    @property
    def result(self) -> Path:
        return _main_result(self.task, self.options)

    @property
    def sheets(self) -> dict[Sheet, Path]:
        """The files beside the result, by kind."""
        if self.options.sizes:
            return {}
        wanted: dict[Sheet, object] = {
            "compare": self.options.compare,
            "certainty": self.options.certainty,
            "proposals": self.options.proposals,
        }
        return {kind: self.task.sheet(kind) for kind in wanted if wanted[kind]}

    def is_done(self) -> bool:
        """Whether there is nothing left to do.

        Raises:
            PhotoError: something else is in the way.
        """
        overwrite = self.options.overwrite
        done = [
            is_done(self.target, path, self._provenance_of(path), overwrite=overwrite)
            for path in (self.result, *self.sheets.values())
        ]
        return all(done)

    def _provenance_of(self, path: Path) -> Provenance:
        """What a file says of itself; a sheet of proposals, how many they are, as well."""
        if path != self.sheets.get("proposals"):
            return self.provenance
        settings = json.loads(self.provenance.settings) | {"proposals": self.options.proposals}
        return dataclasses.replace(self.provenance, settings=describe_settings(settings))

    # -- coloring -----------------------------------------------------------------------------

    def color(self) -> _Colored:
        with writing_errors(self.target.name(self.result)):
            if self.options.sizes:
                return self._color_sizes()
            if self._may_be_reversible():
                try:
                    return self._color_jpeg()
                except IrreversibleJpegError as error:
                    colored = self._color_pages()
                    reason = f"not reversible: {error}"
                    return dataclasses.replace(colored, warnings=(reason, *colored.warnings))
            return self._color_pages()

    def _may_be_reversible(self) -> bool:
        if self.task.format != "JPEG":
            return False
        with open_file(self.task.source) as file:
            return identify(file) == "JPEG"

    def _color_pages(self) -> _Colored:
        """Decode, color and encode anew, page by page."""
        sizes: list[tuple[int, int]] = []
        warnings: dict[str, None] = {}  # a set that keeps the order
        depth = 8

        def pictures() -> Iterator[WrittenPage]:
            nonlocal depth
            for page in self._pages():
                if sizes and self.task.format != "TIFF":
                    raise PhotoError(
                        f"it has several pages, which {self.task.format} cannot hold; "
                        "leave out --format or set it to tif"
                    )
                depth = min(page.depth, WRITABLE[self.task.format])
                painting = self._paint(page.luminance, first=not sizes)
                if not sizes:
                    self._write_sheets(painting, page.luminance, sheets)
                picture, notes = self._picture(page, painting, depth)
                sizes.append(page.size)
                warnings.update(dict.fromkeys((*_describe(page), *notes)))
                yield picture

        with contextlib.ExitStack() as sheets, self.target.write(self.result) as temporary:
            write_pictures(temporary, pictures(), self.task.format, quality=self.options.quality)
        return _Colored(f"{self.task.format}, {depth} bits", sizes[0], len(sizes), tuple(warnings))

    def _paint(self, luminance: np.ndarray, *, first: bool = True) -> Painting:
        """The colors of a page: the first, which hints and an album are about, or a later one."""
        painting = self._paint_alone(luminance, first=first)
        if self.agreement is None or not first:
            return painting
        return self.agreement.apply(painting)

    def _paint_alone(self, luminance: np.ndarray, *, first: bool) -> Painting:
        if self.decisions is None:
            return self.colorizer.paint(luminance)
        hints = self.decisions.regions if first else []
        return self._begin(luminance).paint(hints, self.decisions.proposal)

    def _begin(self, luminance: np.ndarray) -> Session:
        return begin_session(self.colorizer, luminance, self.decisions, self.options.references)

    def _pages(self) -> Iterator[Page]:
        return read_pages(
            self.task.source,
            max_pixels=self.options.max_pixels,
            remove_tint=self.options.remove_tint,
        )

    def _picture(
        self, page: Page, painting: Painting, depth: int
    ) -> tuple[WrittenPage, tuple[str, ...]]:
        """What is to be written of a page, and what of its metadata is not."""
        metadata = upright(page.metadata, page.size)
        metadata = dataclasses.replace(metadata, xmp=add_provenance(metadata.xmp, self.provenance))
        dtype: type[np.unsignedinteger] = np.uint16 if depth == 16 else np.uint8
        enlargement = painting.enlarge(page.luminance.shape, self.saturation, self.look)
        rgb = color_strips(enlargement, page.luminance, dtype)
        warnings = fit_to_format(metadata, self.task.format).warnings
        return (
            WrittenPage(page.size, dtype, rgb, page.alpha, metadata, page.lossless),
            warnings + lost_pixels(page.depth, page.alpha, self.task.format),
        )

    def _color_jpeg(self) -> _Colored:
        """Add chroma to a JPEG without touching its luminance.

        Raises:
            IrreversibleJpegError: its luminance cannot stay as it is.
        """
        jpeg = Jpeg.read(
            self.task.source,
            max_pixels=self.options.max_pixels,
            half_chroma_from=HALF_CHROMA_FROM * self.working_size,
        )
        if self.options.remove_tint and jpeg.tone.kind == "toned":
            raise IrreversibleJpegError("its tint is removed")
        painting = self._paint(jpeg.luminance)
        colored, lost = jpeg.with_color(
            painting.enlarge(jpeg.luminance.shape, self.saturation, self.look),
            quality=self.options.quality,
            provenance=self.provenance,
        )
        # Not before: what cannot be done reversibly is painted anew, with its sheets.
        with contextlib.ExitStack() as sheets:
            self._write_sheets(painting, jpeg.luminance, sheets)
            with self.target.write(self.result) as temporary:
                temporary.write_bytes(colored)
        warnings = describe_condition(jpeg.tone, jpeg.size)
        return _Colored("reversible JPEG", jpeg.size, 1, warnings + lost)

    # -- pictures beside the result -----------------------------------------------------------

    def _color_sizes(self) -> _Colored:
        page = next(self._pages())
        sheet = beside.compare_sizes(self.colorizer, page.luminance, self.options.sizes)
        with contextlib.ExitStack() as written:
            self._save_sheet(self.result, sheet, written)
        return _Colored("comparison of working sizes", page.size, 1, _describe(page))

    def _write_sheets(
        self, painting: Painting, luminance: np.ndarray, written: contextlib.ExitStack
    ) -> None:
        """They come to their places when ``written`` closes: behind the result, or not at all."""
        sheets = self.sheets
        if "compare" in sheets:
            both = beside.compare(painting, luminance, self.saturation, self.look)
            self._save_sheet(sheets["compare"], both, written)
        if "certainty" in sheets or "proposals" in sheets:
            session = self._begin(luminance)
            hints = [] if self.decisions is None else self.decisions.regions
            if "certainty" in sheets:
                certainty = beside.map_certainty(session, hints)
                self._save_sheet(sheets["certainty"], certainty, written, "PNG")
            if "proposals" in sheets:
                number, colors = self.options.proposals, (self.saturation, self.look)
                offered = beside.offer(session, luminance, number, hints, *colors)
                self._save_sheet(sheets["proposals"], offered, written)

    def _save_sheet(
        self, path: Path, sheet: Image.Image, written: contextlib.ExitStack, format_: str = "JPEG"
    ) -> None:
        metadata = Metadata(xmp=add_provenance(None, self._provenance_of(path)))
        # A map is of numbers, which no color profile belongs to.
        options = save_options(metadata, format_, srgb_profile() if sheet.mode == "RGB" else None)
        temporary = written.enter_context(self.target.write(path))
        save_picture(sheet, temporary, format_, quality=90, **options)


def _describe(page: Page) -> tuple[str, ...]:
    return describe_condition(page.tone, page.size) + page.notes
