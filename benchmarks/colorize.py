"""Does the network hide behind the codecs? And how much memory does it take?

    python benchmarks/colorize.py speed --photo PHOTO
    python benchmarks/colorize.py speed --photo PHOTO --gray
    python benchmarks/colorize.py memory --photo PHOTO

``speed``: a folder of 12-megapixel JPEGs, made of a photograph that is enlarged and given grain, is
colored, and by turns merely decoded and encoded with Pillow at the same quality; files are read and
written in both, by the same number of threads. Compared are photographs a second, and what of the
processor's time each takes, which other processes on the machine disturb less. Gray JPEGs are also
encoded as RGB, since a color JPEG is what becomes of them.

``memory``: the largest resident memory of a process that colors a photograph of 100 megapixels, of
several kinds, and folders of different numbers of files.
"""

import argparse
import contextlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from measuring import ROOT, describe_machine, describe_ratios, describe_versions, format_table
from PIL import Image

from keras_colorize.coloring.folder import colorize_photos, default_workers

SIZE = (4000, 3000)
LARGE = (12_000, 8_400)  # 100.8 megapixels
GRAIN = 4.0  # standard deviation in levels


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=["speed", "memory", "child"])
    parser.add_argument("--photo", type=Path, required=True, help="what the files are made of")
    parser.add_argument("--gray", action="store_true", help="JPEGs of one component")
    parser.add_argument("--model", type=Path, help="generator; by default the shipped one")
    parser.add_argument("--runtime", choices=["auto", "litert", "keras"], default="auto")
    parser.add_argument("--quality", type=int, default=92)
    parser.add_argument("--count", type=int, default=24, help="photographs in the folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=default_workers())
    return parser.parse_args()


def make_photo(path: Path, size: tuple[int, int], mode: str, seed: int) -> Image.Image:
    """A photograph enlarged, with grain that all channels share."""
    rng = np.random.default_rng(seed)
    with Image.open(path) as photo:
        image = photo.convert(mode).resize(size, Image.Resampling.BICUBIC)
    width, height = size
    for top in range(0, height, 500):
        box = (0, top, width, min(top + 500, height))
        part = np.asarray(image.crop(box), np.float32)
        grain = rng.normal(0.0, GRAIN, part.shape[:2]).astype(np.float32)
        part += grain if part.ndim == 2 else grain[..., None]
        image.paste(Image.fromarray(np.clip(part, 0, 255).astype(np.uint8)), box[:2])
    return image


def quietly(function: Callable[[], Any]) -> Any:
    with contextlib.redirect_stdout(sys.stderr):
        return function()


# -- speed --------------------------------------------------------------------------------------


def measure_speed(arguments: argparse.Namespace) -> None:
    from keras_colorize import Colorizer
    from keras_colorize.coloring.options import ColoringOptions

    threads = 1 if arguments.workers > 1 else None  # as the command does
    colorizer = Colorizer.load(arguments.model, runtime=arguments.runtime, threads=threads)
    options = ColoringOptions(quality=arguments.quality)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        source.mkdir()
        for number in range(arguments.count):
            image = make_photo(arguments.photo, SIZE, "L" if arguments.gray else "RGB", number)
            image.save(source / f"{number:03}.jpg", quality=arguments.quality)

        def color() -> None:
            counts = colorize_photos(
                [source], target, colorizer, options,
                workers=arguments.workers, show_progress=False,
            )  # fmt: skip
            if counts != {"colorized": arguments.count}:
                raise SystemExit(f"not all were colored: {counts}")

        def recode(mode: str) -> None:
            def recode_one(path: Path) -> None:
                with Image.open(path) as photo:
                    picture = photo if photo.mode == mode else photo.convert(mode)
                    picture.save(target / path.name, quality=arguments.quality)

            target.mkdir()
            with ThreadPoolExecutor(arguments.workers) as pool:
                list(pool.map(recode_one, source.iterdir()))

        actions: dict[str, Callable[[], None]] = {"colorize": color}
        if arguments.gray:
            actions |= {"Pillow": lambda: recode("L"), "Pillow, to RGB": lambda: recode("RGB")}
        else:
            actions["Pillow"] = lambda: recode("RGB")
        rates: dict[str, list[float]] = {name: [] for name in actions}
        costs: dict[str, list[float]] = {name: [] for name in actions}
        color()  # traces the graph, where Keras runs it
        shutil.rmtree(target)
        for _ in range(arguments.rounds):
            for name, action in actions.items():
                start, used = time.perf_counter(), time.process_time()
                quietly(action)
                costs[name].append((time.process_time() - used) / arguments.count)
                rates[name].append(arguments.count / (time.perf_counter() - start))
                shutil.rmtree(target)
    kind = "gray" if arguments.gray else "color"
    print(describe_machine())
    print(describe_versions("tensorflow", "keras", "pillow", "numba", "turbojpeg"))
    print(
        f"{arguments.count} {kind} JPEGs of {SIZE[0]} x {SIZE[1]}, quality {arguments.quality}, "
        f"{arguments.workers} workers, working size {colorizer.working_size}, "
        f"{arguments.rounds} rounds"
    )
    rows = [
        [
            name,
            f"{statistics.median(rates[name]):.2f}",
            f"{1e3 * statistics.median(costs[name]):.0f}",
        ]
        for name in actions
    ]
    print(format_table(["", "photographs/s", "ms of a core, each"], rows))
    for name in list(actions)[1:]:
        ratios = [a / b for a, b in zip(rates["colorize"], rates[name], strict=True)]
        print(f"photographs/s, colorize / {name}: {describe_ratios(ratios)}")
        ratios = [b / a for a, b in zip(costs["colorize"], costs[name], strict=True)]
        print(f"  of the processor's time, {name} / colorize: {describe_ratios(ratios)}")


# -- memory -------------------------------------------------------------------------------------


def measure_memory(arguments: argparse.Namespace) -> None:
    print(describe_machine())
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, write in LARGE_KINDS.items():
            path = write(folder, arguments.photo)
            rows.append([f"{LARGE[0]} x {LARGE[1]}, {kind}", f"{peak_of(path, arguments):.0f}"])
            path.unlink()
        for count in (10, 100, 1000):
            source = folder / f"many_{count}"
            source.mkdir()
            make_photo(arguments.photo, (640, 480), "L", 0).save(source / "0.jpg")
            for number in range(1, count):
                shutil.copy(source / "0.jpg", source / f"{number}.jpg")
            rows.append([f"{count} files of 640 x 480", f"{peak_of(source, arguments):.0f}"])
    print(format_table(["", "peak, MB"], rows))


def write_jpeg(mode: str) -> Callable[[Path, Path], Path]:
    def write(folder: Path, photo: Path) -> Path:
        make_photo(photo, LARGE, mode, 0).save(folder / "large.jpg", quality=92)
        return folder / "large.jpg"

    return write


def write_png(folder: Path, photo: Path) -> Path:
    make_photo(photo, LARGE, "RGB", 0).save(folder / "large.png", compress_level=1)
    return folder / "large.png"


def write_tiff(mode: str) -> Callable[[Path, Path], Path]:
    def write(folder: Path, photo: Path) -> Path:
        deep = np.asarray(make_photo(photo, LARGE, mode, 0)).astype(np.uint16) * 257
        kind = "minisblack" if mode == "L" else "rgb"
        tifffile.imwrite(folder / "large.tif", deep, photometric=kind, compression="zlib")
        return folder / "large.tif"

    return write


LARGE_KINDS = {
    "gray JPEG": write_jpeg("L"),
    "color JPEG": write_jpeg("RGB"),
    "color PNG": write_png,
    "gray 16-bit TIFF": write_tiff("L"),
    "color 16-bit TIFF": write_tiff("RGB"),
}


def peak_of(photo: Path, arguments: argparse.Namespace) -> float:
    """Peak resident memory in MB of a process that colors this."""
    command = [sys.executable, __file__, "child", "--photo", str(photo)]
    if arguments.model:
        command += ["--model", str(arguments.model)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run_child(arguments: argparse.Namespace) -> None:
    from keras_colorize import Colorizer

    with tempfile.TemporaryDirectory() as folder:
        counts = quietly(
            lambda: colorize_photos([arguments.photo], folder, Colorizer.load(arguments.model))
        )
    if set(counts) != {"colorized"}:
        raise SystemExit(f"not all were colored: {counts}")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    arguments = parse_arguments()
    sys.path.insert(0, str(ROOT))
    actions = {"speed": measure_speed, "memory": measure_memory, "child": run_child}
    actions[arguments.what](arguments)


if __name__ == "__main__":
    main()
