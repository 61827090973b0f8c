"""Folders of photographs, decoded, filtered and kept ready at training size."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from keras_colorize import color, metrics
from keras_colorize.config import Cache
from keras_colorize.errors import DataError, PhotoError
from keras_colorize.files import atomic_path, exclusive, remove_leftovers
from keras_colorize.photos.finding import find_photos
from keras_colorize.photos.formats import FORMATS
from keras_colorize.photos.pixels import MAX_PIXELS, quantize
from keras_colorize.photos.reading import read_photo

__all__ = ["Photo", "PhotoSet", "Skipped", "load_photos", "split_photos"]

_log = logging.getLogger(__name__)

# Photographs decoded ahead: enough to keep every core busy, few enough to bound the memory.
_DECODE_AHEAD = 32
_CACHE_VERSION = 1
_REASONS_SHOWN = 3


@dataclass(frozen=True)
class Photo:
    """A photograph on disk.

    Attributes:
        path: where it lies.
        name: its path below the folder it was found in, with forward slashes.
        source: the sub-folder of that folder in which it lies, or the folder itself.
    """

    path: Path
    name: str
    source: str


@dataclass(frozen=True)
class Skipped:
    """A photograph that is not used, and why.

    Attributes:
        path: where it lies.
        reason: why it is not used.
        without_color: it is sound, but has too little color to learn from.
    """

    path: Path
    reason: str
    without_color: bool = False


class _WithoutColorError(PhotoError):
    """A sound photograph has too little color to learn from."""


@dataclass(frozen=True)
class PhotoSet:
    """Photographs by index, reduced to training size.

    Attributes:
        photos: what and where they are.
        fetch: the pixels of the photograph of an index: uint8 ``(h, w, channels)``. Safe to call
            from several threads.
        channels: 3 for RGB, 1 for luminance.
    """

    photos: tuple[Photo, ...]
    fetch: Callable[[int], np.ndarray]
    channels: int

    def __len__(self) -> int:
        return len(self.photos)

    def subset(self, indices: Sequence[int]) -> "PhotoSet":
        """The photographs of these indices, in this order."""
        fetch = self.fetch
        chosen = tuple(indices)
        photos = tuple(self.photos[index] for index in chosen)
        return PhotoSet(photos, lambda index: fetch(chosen[index]), self.channels)


def load_photos(
    folders: Iterable[str | Path],
    *,
    channels: int,
    short_side: int,
    min_colorfulness: float = 0.0,
    max_pixels: int = MAX_PIXELS,
    cache: Cache = "memory",
    cache_dir: str | Path | None = None,
    show_progress: bool = False,
) -> tuple[PhotoSet, list[Skipped]]:
    """Decode every photograph below the folders once, and keep those that can be trained on.

    Args:
        folders: searched recursively.
        channels: 3 keeps RGB; 1 reduces everything to its luminance.
        short_side: photographs are reduced (never enlarged) to this short side, in pixels.
        min_colorfulness: photographs with less are skipped; for 3 channels only.
        max_pixels: photographs with more pixels are skipped, undecoded.
        cache: ``"memory"``; ``"disk"``: one file in ``cache_dir``, reused while the photographs
            do not change; ``"none"``: every fetch decodes the file anew.
        cache_dir: folder of the disk cache; created where it is missing.
        show_progress: draw a progress bar on standard error.

    Returns:
        The usable photographs in a stable order, and those that were skipped, each with the
        reason, which is logged as well unless only color is missing.

    Raises:
        DataError: a folder does not exist, or holds no usable photograph.
    """
    roots = [Path(folder) for folder in folders]
    photos = _find_all(roots)

    def decode(photo: Photo) -> np.ndarray:
        return _decode(photo.path, channels, short_side, min_colorfulness, max_pixels)

    results = _decode_all(photos, decode, "reading photographs", show_progress)
    where = ", ".join(map(str, roots))
    if cache == "disk":
        if cache_dir is None:
            raise DataError("cache='disk' needs cache_dir, the folder in which to keep the cache")
        settings = [channels, short_side, min_colorfulness, max_pixels]
        usable, fetch, skipped = _keep_on_disk(photos, results, Path(cache_dir), settings, channels)
    else:
        usable, fetch, skipped = _keep_in_memory(results, keep_pixels=cache == "memory")
        if cache == "none":
            fetch = _fetch_from_files(usable, decode)
    for entry in skipped:
        if not entry.without_color:  # there may be hundreds, and nothing is wrong with them
            _log.warning("skipped %s: %s", entry.path, entry.reason)
    if not usable:
        raise DataError(_nothing_usable(where, photos, skipped))
    return PhotoSet(tuple(usable), fetch, channels), skipped


def split_photos(photos: PhotoSet, validation_share: float) -> tuple[PhotoSet, PhotoSet]:
    """Split into training and validation by a hash of each photograph's name.

    A photograph stays on its side however many others come or go, and wherever the folder lies:
    the name is the path below the folder, for numbered files of the same name are common. The
    exceptions are sets so small that one side would be empty: the photograph nearest to it changes
    sides then.

    Args:
        photos: at least one photograph.
        validation_share: share for validation. Where it is above 0, both sides get at least one
            photograph, if there are two.

    Returns:
        Training and validation photographs; validation may be empty.
    """
    position = {
        index: int.from_bytes(hashlib.sha256(os.fsencode(photo.name)).digest()[:8], "big") / 2**64
        for index, photo in enumerate(photos.photos)
    }
    validation = {index for index, value in position.items() if value < validation_share}
    if validation_share > 0:
        validation |= {min(position, key=lambda index: position[index])}
    if len(validation) == len(photos):
        validation.remove(max(position, key=lambda index: position[index]))
    training = [index for index in position if index not in validation]
    return photos.subset(training), photos.subset(sorted(validation))


def _find_all(folders: Sequence[Path]) -> list[Photo]:
    found: dict[str, Photo] = {}  # by real path: a photograph given twice is one photograph
    for folder in folders:
        for path in find_photos(folder):
            relative = path.relative_to(folder)
            source = relative.parts[0] if len(relative.parts) > 1 else folder.resolve().name
            found.setdefault(os.path.realpath(path), Photo(path, relative.as_posix(), source))
    return list(found.values())


def _decode(
    path: Path, channels: int, short_side: int, min_colorfulness: float, max_pixels: int
) -> np.ndarray:
    """Pixels at training size, or a PhotoError that says why the photograph is of no use."""
    rgb = read_photo(path, short_side=short_side, max_pixels=max_pixels, strict_suffix=True)
    scaled = rgb.astype(np.float32) / 255.0
    if channels == 1:
        return quantize(color.luminance(scaled))
    colorfulness = float(metrics.colorfulness(scaled[None])[0]) if min_colorfulness > 0 else 0.0
    if colorfulness < min_colorfulness:
        raise _WithoutColorError(
            f"without color: colorfulness {colorfulness:.1f} is below {min_colorfulness:g}, "
            "data.min_colorfulness"
        )
    return rgb


Result = tuple[Photo, np.ndarray | PhotoError]


def _decode_all(
    photos: Sequence[Photo],
    decode: Callable[[Photo], np.ndarray],
    label: str,
    show_progress: bool,
) -> Iterator[Result]:
    """Decode on all cores, in order, a bounded number of photographs ahead."""

    def attempt(photo: Photo) -> np.ndarray | PhotoError:
        try:
            return decode(photo)
        except PhotoError as error:
            return error

    remaining = iter(tqdm(photos, label, unit="photo", disable=not show_progress))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while chunk := list(islice(remaining, _DECODE_AHEAD)):
            yield from zip(chunk, pool.map(attempt, chunk), strict=True)


Kept = tuple[list[Photo], Callable[[int], np.ndarray], list[Skipped]]


def _keep_in_memory(results: Iterator[Result], keep_pixels: bool) -> Kept:
    usable: list[Photo] = []
    pixels: list[np.ndarray] = []
    skipped: list[Skipped] = []
    for photo, result in results:
        if isinstance(result, PhotoError):
            gray = isinstance(result, _WithoutColorError)
            skipped.append(Skipped(photo.path, str(result), gray))
            continue
        usable.append(photo)
        if keep_pixels:
            pixels.append(result)
    return usable, pixels.__getitem__, skipped


def _fetch_from_files(
    usable: Sequence[Photo], decode: Callable[[Photo], np.ndarray]
) -> Callable[[int], np.ndarray]:
    """Decode at every fetch. A file that has gone bad since is reported, and its neighbor used."""

    reported: set[Path] = set()

    def fetch(index: int) -> np.ndarray:
        for step in range(len(usable)):
            photo = usable[(index + step) % len(usable)]
            try:
                return decode(photo)
            except PhotoError as error:
                if photo.path not in reported:
                    reported.add(photo.path)
                    _log.warning("no longer usable: %s: %s", photo.path, error)
        raise DataError(f"none of the {len(usable)} photographs can be read any longer")

    return fetch


def _keep_on_disk(
    photos: Sequence[Photo],
    results: Iterator[Result],
    cache_dir: Path,
    settings: list[float],
    channels: int,
) -> Kept:
    """One file of pixels beside one index; both are complete or absent."""
    cache_dir.mkdir(parents=True, exist_ok=True)
    key = _fingerprint(photos, settings)
    pixels_path, index_path = cache_dir / f"{key}.pixels", cache_dir / f"{key}.json"
    if not _is_complete(pixels_path, index_path):
        # Of runs that share the folder, one writes; the others wait, and read.
        with exclusive(cache_dir / "lock", wait=True):
            remove_leftovers(cache_dir, "*.pixels")
            if not _is_complete(pixels_path, index_path):
                _write_cache(results, pixels_path, index_path)
    entries = json.loads(index_path.read_text())["photographs"]
    kept = [(p, e) for p, e in zip(photos, entries, strict=True) if "offset" in e]
    skipped = [
        Skipped(photo.path, str(entry["reason"]), bool(entry["without_color"]))
        for photo, entry in zip(photos, entries)
        if "reason" in entry
    ]
    return [photo for photo, _ in kept], _fetch_from_cache(pixels_path, kept, channels), skipped


def _write_cache(results: Iterator[Result], pixels_path: Path, index_path: Path) -> None:
    entries: list[dict[str, object]] = []
    with atomic_path(pixels_path) as temporary, temporary.open("wb") as file:
        for _, result in results:
            if isinstance(result, PhotoError):
                gray = isinstance(result, _WithoutColorError)
                entries.append({"reason": str(result), "without_color": gray})
            else:
                entries.append({"offset": file.tell(), "shape": result.shape[:2]})
                file.write(result.tobytes())
        size = file.tell()
    with atomic_path(index_path) as temporary:
        temporary.write_text(json.dumps({"size": size, "photographs": entries}))


def _is_complete(pixels_path: Path, index_path: Path) -> bool:
    """Whether both files are there and belong together; if not they are written anew."""
    try:
        return pixels_path.stat().st_size == json.loads(index_path.read_text())["size"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def _fetch_from_cache(
    path: Path, kept: Sequence[tuple[Photo, dict]], channels: int
) -> Callable[[int], np.ndarray]:
    # The pages of a memory map are the operating system's to drop: memory stays bounded.
    pixels = np.memmap(path, np.uint8, "r") if kept else np.empty(0, np.uint8)
    places = [(int(entry["offset"]), *entry["shape"]) for _, entry in kept]

    def fetch(index: int) -> np.ndarray:
        offset, height, width = places[index]
        end = offset + height * width * channels
        return np.array(pixels[offset:end]).reshape(height, width, channels)

    return fetch


def _fingerprint(photos: Sequence[Photo], settings: list[float]) -> str:
    """Changes with every photograph that is added, removed or altered, and with the settings."""
    digest = hashlib.sha256(json.dumps([_CACHE_VERSION, settings]).encode())
    for photo in photos:
        try:
            status = photo.path.stat()
            state = [status.st_size, status.st_mtime_ns]
        except OSError:  # it will be skipped with its reason when it is decoded
            state = []
        digest.update(json.dumps([os.path.realpath(photo.path), photo.name, state]).encode())
    return digest.hexdigest()[:24]


def _nothing_usable(where: str, photos: Sequence[Photo], skipped: Sequence[Skipped]) -> str:
    if not photos:
        return (
            f"expected photographs in {where}, found none; files that end in {', '.join(FORMATS)} "
            "are read, also in sub-folders"
        )
    reasons = "; ".join(f"{entry.path.name}: {entry.reason}" for entry in skipped[:_REASONS_SHOWN])
    return f"none of the {len(photos)} photographs in {where} can be used, for example {reasons}"
