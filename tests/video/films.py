"""Films for the tests: pans of known motion over photographs of the sample, made with FFmpeg."""

import json
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.report import Record
from keras_colorize.video.ffmpeg import frame_timing
from keras_colorize.video.film import FilmOptions, color_film
from keras_colorize.video.tasks import FilmTask
from tests.conftest import SAMPLE

WIDTH, HEIGHT = 96, 64
PHOTOS = sorted((SAMPLE / "modern").glob("*.jpg"))

needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")),
    reason="films need FFmpeg on the PATH: apt-get install ffmpeg",
)


def pan(photo: Path, count: int, step: int = 2, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Any:
    """Luminance of a window that moves so many pixels a frame to the right, uint8 (n, h, w)."""
    width, height = size
    with Image.open(photo) as image:
        wide = image.convert("L").resize((width + step * count, height))
    pixels = np.asarray(wide)
    return np.stack([pixels[:, step * i : step * i + width] for i in range(count)])


def make_film(
    path: Path,
    frames: np.ndarray,
    *options: str,
    pixel_format: str = "yuv420p",
    filters: str = "null",
    before: Sequence[str] = (),
    codec: Sequence[str] = ("-c:v", "libx264", "-crf", "12"),
) -> Path:
    """A film of frames, uint8 ``(n, h, w)`` in [0, 255]; 24 a second but for ``filters``."""
    height, width = frames.shape[1:]
    arguments = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{width}x{height}", "-r", "24"]
    arguments += ["-i", "pipe:0", *before, "-vf", f"{filters},format={pixel_format}", *codec]
    command = ["ffmpeg", "-y", "-loglevel", "error", *arguments, *options, str(path)]
    subprocess.run(command, input=frames.tobytes(), check=True)
    return path


def turn(path: Path) -> None:
    """Have a QuickTime film say that it is to be shown turned by 90 degrees."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40  # ISO/IEC 14496-12, section 8.3.2, version 0
    values = (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    content[matrix : matrix + 36] = struct.pack(">9i", *values)
    path.write_bytes(content)


def ask(path: Path, *arguments: str) -> Any:
    """What ffprobe says of a file."""
    command = ["ffprobe", "-v", "error", *arguments, "-of", "json", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def times(path: Path, stream: str = "v:0") -> list[str]:
    """When the packets of a stream are shown, in ticks and ticks a second."""
    told = ask(path, "-select_streams", stream, "-show_packets", "-show_streams")
    base = told["streams"][0]["time_base"]
    return sorted(f"{packet['pts']:>9} of {base}" for packet in told["packets"])


def planes(path: Path, pixel_format: str, size: tuple[int, int]) -> list[np.ndarray]:
    """All frames as they are coded: Y, Cb and Cr of the whole film, ``(n, h, w)`` each."""
    command = ["ffmpeg", "-loglevel", "error", "-i", str(path), "-map", "0:v:0", "-f", "rawvideo"]
    command += frame_timing()
    command += ["-pix_fmt", pixel_format, "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    width, height = size
    data = np.frombuffer(raw, "<u2" if "10" in pixel_format else np.uint8)
    step = 1 if "444" in pixel_format else 2
    chroma = (height // step) * (width // step)
    frames = data.reshape(-1, width * height + 2 * chroma)
    luminance, cb, cr = np.split(frames, [width * height, width * height + chroma], axis=1)
    small = (-1, height // step, width // step)
    return [luminance.reshape(-1, height, width), cb.reshape(small), cr.reshape(small)]


def color(path: Path, out: Path, colorizer: Colorizer, **options: object) -> Record:
    """One film through the function under the command; quiet."""
    task = FilmTask(path, Path(path.with_suffix(".mkv").name))
    settings = FilmOptions(show_progress=False, **options)  # type: ignore[arg-type]
    return color_film(task, out, colorizer, settings)
