"""Is a film's color steady, what does it cost beside coding the film, and does memory stay flat?

    python benchmarks/video.py [FILM ...] [--frames 100] [--speed] [--memory]

Steadiness, of each film and of pans over photographs of the sample (made here, of known motion):
every frame colored by itself, against what ``colorize`` makes of it, both at the network's size.

* Warping error: root mean square difference in (Cb, Cr) between a frame and the one before, brought
  to its place, in levels of 255 (Lai et al., "Learning Blind Video Temporal Consistency", 2018, on
  chroma). Of the pans the motion is known; of films it is DIS flow, and places that it does not
  explain are left out, the same for both.
* CDC, color distribution consistency (Liu et al., "Temporally Consistent Video Colorization with
  Deep Feature Propagation and Self-regularization Learning", 2021): the Jensen-Shannon divergence
  of the histograms of R, G and B between frames 1, 2 and 4 apart, in 1/1000. Gray frames have one
  too, from what moves in them: below that no coloring can come.

Neither is measured across cuts. ``--speed``: frames a second at 480 and 1080 lines against FFmpeg
alone, which decodes and encodes the same film with the same encoder; and the processor time of
both, children included, which others on the machine disturb less; medians of rounds.
``--memory``: the most that a process takes for 1,000 frames and for 10,000.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from measuring import ROOT, describe_machine, describe_ratios, describe_versions, format_table

SAMPLE = ROOT / "keras_colorize" / "sample" / "modern"
PANS = 3
STEP = 3  # pixels of the network's size that a pan moves a frame
BINS = 256
INTERVALS = (1, 2, 4)
MEMORY_FRAMES = (1_000, 10_000)
ROUNDS = 5  # in which coloring and FFmpeg alone take turns


@dataclass
class Clip:
    """Frames at the network's size, and where cuts and motion are.

    Attributes:
        name: of the film.
        frames: uint8 ``(h, w)`` each.
        cuts: numbers of the frames that begin a shot.
        step: pixels that all moves to the left from frame to frame; None where it isn't known.
    """

    name: str
    frames: list[Any]
    cuts: set[int]
    step: int | None = None


def make_pan(photo: Path, count: int, height: int, width: int) -> Clip:
    import numpy as np
    from PIL import Image

    with Image.open(photo) as image:
        gray = image.convert("L")
    scale = max(height / gray.height, (width + STEP * count) / gray.width)
    size = round(gray.width * scale), round(gray.height * scale)
    pixels = np.asarray(gray.resize(size, Image.Resampling.BICUBIC))
    top = (pixels.shape[0] - height) // 2
    frames = [
        np.ascontiguousarray(pixels[top : top + height, STEP * i : STEP * i + width])
        for i in range(count)
    ]
    return Clip(f"pan over {photo.name}", frames, {0}, STEP)


def read_film(path: Path, count: int, working_size: int) -> Clip:
    from itertools import islice

    from keras_colorize.coloring.reduction import reduced_size
    from keras_colorize.video.decoding import Place, Troubles, read_luminance
    from keras_colorize.video.motion import reduce_frame
    from keras_colorize.video.probing import probe
    from keras_colorize.video.survey import find_cuts

    film = probe(path)
    size = reduced_size((film.height, film.width), working_size)
    pixels = film.pixels
    frames = [
        reduce_frame(frame.planes, *size, pixels.black, pixels.span)
        for frame in islice(read_luminance(film, Place(0, 0), Troubles()), count)
    ]
    found = find_cuts((frame, 0.0) for frame in frames)
    cuts = {number for number, (_, cut) in enumerate(found) if cut}
    return Clip(path.name, frames, cuts)


def color_steadily(sequence: Clip, colorizer: Any) -> Iterator[Any]:
    """The chroma that the command gives every frame."""
    from keras_colorize.video.steadying import Carry, between, steady
    from keras_colorize.video.survey import find_parts

    carry = None
    for part in find_parts((frame, 0.0) for frame in sequence.frames):
        keys = [key.luminance for key in part.keys]
        painted = [colorizer.paint(key).chroma for key in keys]
        chroma = steady(keys, painted, carry if part.goes_on else None)
        carry = None if part.ends_shot else Carry(keys[-1], chroma[-1])
        yield chroma[0]
        for number, (a, b) in enumerate(pairwise(part.keys)):
            gap = b.number - a.number
            for place in range(1, gap):
                frame = sequence.frames[a.number + place]
                colors = chroma[number], chroma[number + 1]
                yield between(frame, (a.luminance, b.luminance), colors, place / gap)
            yield chroma[number + 1]


def warping_error(sequence: Clip, chroma: Sequence[Any]) -> float:
    import numpy as np

    from keras_colorize.video.motion import agreement, find_motion, warp

    errors = []
    for number in range(1, len(chroma)):
        if number in sequence.cuts:
            continue
        frame, before = sequence.frames[number], sequence.frames[number - 1]
        if sequence.step is None:
            motion = find_motion(frame, before, exact=True)
        else:
            motion = np.zeros((*frame.shape, 2), np.float32)
            motion[..., 0] = sequence.step
        counts = agreement(frame, before, motion) > 0.5
        change = np.square(chroma[number] - warp(chroma[number - 1], motion)).sum(axis=-1)
        errors.append(change[counts].mean())
    return 255.0 * float(np.sqrt(np.mean(errors)))


def color_distribution_consistency(sequence: Clip, chroma: Sequence[Any]) -> float:
    import numpy as np

    from keras_colorize import color

    histograms = []
    for frame, colors in zip(sequence.frames, chroma):
        rgb = color.add_chroma(frame[..., None] / np.float32(255.0), colors)
        levels = np.rint(np.clip(255.0 * rgb, 0.0, 255.0)).astype(int)
        counted = [np.bincount(levels[..., i].ravel(), minlength=BINS) for i in range(3)]
        histograms.append(np.stack(counted) / frame.size)
    starts = [max(c for c in sequence.cuts if c <= n) for n in range(len(histograms))]
    values = []
    for interval in INTERVALS:
        values.append(
            np.mean(
                [
                    divergence(histograms[n - interval], histograms[n])
                    for n in range(interval, len(histograms))
                    if starts[n] == starts[n - interval]
                ]
            )
        )
    return 1000.0 * float(np.mean(values))


def divergence(p: Any, q: Any) -> float:
    """Jensen-Shannon, in nats, the mean over channels."""
    import numpy as np

    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(x > 0, x * np.log(x / middle), 0.0).sum(axis=-1) for x in (p, q)]
    return float(np.mean(parts[0] + parts[1]) / 2)


def measure_steadiness(films: list[Path], count: int) -> None:
    import numpy as np

    from keras_colorize.coloring.colorizer import Colorizer

    colorizer = Colorizer.load()
    size = colorizer.working_size
    photos = sorted(SAMPLE.glob("*.jpg"))[:PANS]
    sequences = [read_film(path, count, size) for path in films]
    sequences += [make_pan(photo, count // 2, size, size * 3 // 2) for photo in photos]
    rows = []
    for sequence in sequences:
        single = [colorizer.paint(frame).chroma for frame in sequence.frames]
        steady = list(color_steadily(sequence, colorizer))
        gray = [np.zeros_like(chroma) for chroma in single]
        errors = [warping_error(sequence, chroma) for chroma in (single, steady)]
        cdc = [color_distribution_consistency(sequence, c) for c in (single, steady, gray)]
        vivid = [255.0 * float(np.mean(np.linalg.norm(c, axis=-1))) for c in (single, steady)]
        rows.append(
            [
                sequence.name,
                f"{len(sequence.frames)} in {len(sequence.cuts)}",
                *(f"{value:.2f}" for value in errors),
                f"{errors[1] / errors[0]:.2f}",
                *(f"{value:.2f}" for value in cdc),
                f"{vivid[0]:.1f} / {vivid[1]:.1f}",
            ]
        )
    header = ["film", "frames in shots", "warping error, single", "steady", "ratio"]
    header += ["CDC, single", "steady", "gray", "mean chroma"]
    print(format_table(header, rows))


def enlarge_film(film: Path, height: int, count: int, path: Path) -> None:
    """A film of so many lines and frames, from one that is repeated."""
    command = ["ffmpeg", "-y", "-loglevel", "error", "-stream_loop", "-1", "-i", str(film)]
    command += ["-an", "-vf", f"scale=-2:{height}", "-frames:v", str(count), "-crf", "18"]
    subprocess.run([*command, str(path)], check=True)


def processor_seconds() -> float:
    """That this process and its children have taken."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure_speed(film: Path, heights: Sequence[int], count: int, folder: Path) -> None:
    import logging

    import numpy as np

    from keras_colorize.coloring.colorizer import Colorizer
    from keras_colorize.video.encoding import choose_codec, encoder_settings
    from keras_colorize.video.film import FilmOptions, color_film
    from keras_colorize.video.probing import probe
    from keras_colorize.video.tasks import FilmTask

    logging.disable(logging.WARNING)
    colorizer = Colorizer.load()
    options = FilmOptions(overwrite=True, show_progress=False)
    rows: list[list[str]] = []
    for height in heights:
        path = folder / f"{height}.mp4"
        enlarge_film(film, height, count, path)
        facts = probe(path)
        settings = encoder_settings(facts, choose_codec("h264"), 17)
        command = ["ffmpeg", "-y", "-loglevel", "error", "-i", str(path), *settings]
        command.append(str(folder / "alone.mp4"))
        task = FilmTask(path, Path(path.name))

        def ours(task: FilmTask = task) -> None:
            record = color_film(task, folder / "out", colorizer, options)
            if record.status != "colorized":
                raise SystemExit(record.reason)

        def alone(command: list[str] = command) -> None:
            subprocess.run(command, check=True)

        if not rows:
            ours()  # compiles
        costs = np.array([[cost_of(work) for work in (ours, alone)] for _ in range(ROUNDS)]) / count
        wall, busy = np.median(costs, axis=0).T
        ratios = costs[:, 1] / costs[:, 0]  # (round, of wall and processor time)
        rows.append(
            [
                f"{facts.width} x {height}",
                *(f"{1.0 / seconds:.1f}" for seconds in wall),
                describe_ratios(list(ratios[:, 0])),
                *(f"{1000.0 * seconds:.0f}" for seconds in busy),
                f"{np.median(ratios[:, 1]):.2f}",
            ]
        )
    header = ["size", "frames/s, colored", "FFmpeg alone", "ratio"]
    header += ["processor ms/frame, colored", "FFmpeg alone", "ratio"]
    print(format_table(header, rows))


def cost_of(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds on the clock and of the processor, of this process and those it starts."""
    before = time.perf_counter(), processor_seconds()
    work()
    return time.perf_counter() - before[0], processor_seconds() - before[1]


def measure_memory(film: Path, folder: Path) -> None:
    for count in MEMORY_FRAMES:
        path = folder / f"{count}.mp4"
        enlarge_film(film, 144, count, path)
        command = [sys.executable, __file__, "--one", str(path), str(folder / f"out{count}")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"{count:>6} frames: {json.loads(done.stdout.splitlines()[-1])} MB at the most")


def color_one(film: str, output: str) -> None:
    """In a process of its own: the most memory that it took."""
    from keras_colorize.colorize import main as colorize

    if colorize([film, "--output", output]):
        raise SystemExit(1)
    print(json.dumps(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("films", nargs="*", type=Path)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--heights", nargs="+", type=int, default=[480, 1080])
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        color_one(*args.one)
        return
    print(describe_machine())
    print(describe_versions("tensorflow", "opencv-python-headless", "keras-colorize"))
    if not args.speed and not args.memory:
        measure_steadiness(args.films, args.frames)
        return
    if not args.films:
        raise SystemExit("error: name a film, of which larger and longer ones are made")
    with tempfile.TemporaryDirectory() as folder:
        if args.speed:
            measure_speed(args.films[0], args.heights, args.frames, Path(folder))
        if args.memory:
            measure_memory(args.films[0], Path(folder))


if __name__ == "__main__":
    main()
