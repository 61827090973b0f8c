"""Damaged photographs of every kind: a reason for each that cannot be used, and nothing else.

The readers run in processes of their own, with little memory and an alarm clock: a crash of a
decoder, a loop without end and memory beyond measure are found as what they are.
"""

import importlib.util
import io
import json
import resource
import signal
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_colorize.errors import PhotoError
from keras_colorize.photos.reading import read_pages, read_photo
from tests.conftest import ROOT
from tests.mutations import mutate
from tests.photo_kinds import KINDS, build, color_pixels, gray_pixels, saved
from tests.photos.icc_profiles import gray_profile, ink_profile, rgb_profile

SEED = 4
BATCHES = 4
BATCH = 520  # files
MAX_PIXELS = 1_000_000
MEMORY = 600_000_000  # bytes above what the process has before it reads
SECONDS = 20  # for one file: a hundred times what the slowest takes


def originals(size: tuple[int, int] = (24, 17)) -> list[bytes]:
    """Small photographs of every kind, and some with all that a file may hold besides pixels."""
    heif = importlib.util.find_spec("pillow_heif") is not None
    files = [build(name, size).data for name in KINDS if heif or not name.startswith("heic")]
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb, gray = Image.fromarray(color_pixels(size)), Image.fromarray(gray_pixels(size, 16))
    for format_ in ("JPEG", "PNG", "WEBP", "TIFF"):
        files.append(saved(rgb, format_, exif=exif, icc_profile=rgb_profile("adobe")))
    for format_ in ("PNG", "TIFF"):
        files.append(saved(gray, format_, exif=exif, icc_profile=gray_profile(1.8)))
    files.append(saved(rgb.convert("CMYK"), "JPEG", icc_profile=ink_profile()))
    document = io.BytesIO()
    with tifffile.TiffWriter(document) as writer:
        writer.write(np.asarray(rgb), photometric="rgb", compression="adobe_deflate")
        writer.write(np.asarray(rgb)[::2, ::2], photometric="rgb", subfiletype=1)
        writer.write(np.asarray(gray), photometric="minisblack", compression="lzw", predictor=True)
    return [*files, document.getvalue()]


def damaged(batch: int) -> Iterator[tuple[int, bytes]]:
    """The number and the content of each file of a batch, the same in every process."""
    files = originals()
    for number in range(batch * BATCH, (batch + 1) * BATCH):
        random = np.random.default_rng([SEED, number])
        other = files[random.integers(len(files))]
        yield number, mutate(files[number % len(files)], other, random)


def check_pages(path: Path, number: int) -> None:
    for page in read_pages(path, max_pixels=MAX_PIXELS, remove_tint=number % 2 == 0):
        assert page.luminance.dtype == np.uint16 and page.luminance.ndim == 2
        assert 0 < page.luminance.size <= MAX_PIXELS
        assert page.alpha is None or page.alpha.shape == page.luminance.shape


def check_photo(path: Path, number: int) -> None:
    short_side = None if number % 2 == 0 else 8
    # TensorFlow reserves more memory than is allowed here; test_photos.py mutates files for it.
    photo = read_photo(path, max_pixels=MAX_PIXELS, short_side=short_side)
    assert photo.dtype == np.uint8 and photo.ndim == 3 and photo.shape[2] == 3
    assert 0 < photo.shape[0] * photo.shape[1] <= MAX_PIXELS


def work(batch: int) -> None:
    """Read a batch; prints each file's number, then, as JSON, how often each reason was given."""
    warnings.simplefilter("ignore")  # Pillow's remarks about damaged metadata
    reasons: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x")
        for name in ("png_rgb_16", "tiff_rgb_16_lzw", "jpeg_rgb"):  # loads what reading needs
            path.write_bytes(build(name).data)
            check_pages(path, 0)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for number, data in damaged(batch):
            print(number, flush=True)
            path.write_bytes(data)
            for check in (check_pages, check_photo):
                signal.alarm(SECONDS)  # ends the process, even one that is stuck in a decoder
                try:
                    check(path, number)
                    reasons["none"] += 1
                except PhotoError as error:
                    reason = str(error)
                    assert reason and "\n" not in reason and len(reason) < 300
                    reasons[reason] += 1
                signal.alarm(0)
    print(json.dumps(reasons))


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("batch", range(BATCHES))
def test_damaged_photographs(batch: int) -> None:
    run = subprocess.run(
        [sys.executable, "-c", f"from tests.coloring.test_fuzz import work; work({batch})"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    *numbers, last = run.stdout.splitlines() or [""]
    assert run.returncode == 0, f"file {last}: {run.stderr[-2000:]}"
    assert len(numbers) == BATCH
    reasons = Counter(json.loads(last))
    assert sum(reasons.values()) == 2 * BATCH
    # Some damage does no harm, most does; memory is spent by none.
    assert 0.2 * 2 * BATCH < reasons["none"] < 0.7 * 2 * BATCH
    assert not [reason for reason in reasons if "memory" in reason]
