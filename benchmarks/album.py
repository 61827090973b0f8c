"""Whether what several photographs show gets one color, measured.

    python benchmarks/album.py --photos PHOTOS/validation [--count 56] [--model MODEL.keras]

Of each photograph, so many spread over each folder's list, two views are made: crops of 0.65 to
0.9 of either side, reduced by another factor, and exposed by up to 0.7 stops more or less in linear
light. As with old films, that changes the luminance alone; true chroma stays, so that it is the
same in both views. All views together are one album. Printed are:

- the distance in (Cb, Cr) between a hundred or so patches of what both views show, colored one by
  one and as an album, and of the truth, which is not 0 since patches end within pixels;
- PSNR and CIEDE2000 against the truth, and colorfulness;
- an album of first views alone, which have nothing in common: how many stay as they are, and by how
  much the others change;
- with each first view in its true colors as ``like``: the CIEDE2000 of second views;
- seconds of one processor that looking at a view and agreeing on it take, beside painting it.
"""

import argparse
import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measuring import describe_machine, format_table, spread
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from keras_colorize import color
from keras_colorize.coloring.album import Album, Note
from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.painting import Painting
from keras_colorize.coloring.reduction import resize_planes
from keras_colorize.photos.finding import find_photos
from keras_colorize.photos.reading import read_color

SIDE = 384  # pixels of the shorter side that views are cut from
PATCHES = 12  # along either side of what both show
LEAST_SHARED = 40  # pixels


@dataclass(frozen=True)
class View:
    """A part of a photograph; its box in pixels of the photograph: left, top, width, height."""

    luminance: np.ndarray
    chroma: np.ndarray
    box: tuple[int, int, int, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True, help="a folder of folders of color photographs")
    parser.add_argument("--model")
    parser.add_argument("--count", type=int, default=56)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(describe_machine())
    colorizer = Colorizer.load(args.model)
    rng = np.random.default_rng(args.seed)
    pairs = [make_views(path, rng) for path in choose(Path(args.photos), args.count)]
    views = [view for pair in pairs for view in pair]
    notes, plain = [], []
    seconds = {"paint": 0.0, "look": 0.0, "agree": 0.0}
    colorizer.note(views[0].luminance), colorizer.paint(views[0].luminance)
    for view in views:
        start = time.process_time()
        plain.append(colorizer.paint(view.luminance))
        seconds["paint"] += time.process_time() - start
        start = time.process_time()
        notes.append(colorizer.note(view.luminance))
        seconds["look"] += time.process_time() - start
    start = time.process_time()
    together, _ = agree(plain, {str(i): note for i, note in enumerate(notes)})
    seconds["agree"] += time.process_time() - start
    truth = [p.with_chroma(true_chroma(v.chroma, p)) for v, p in zip(views, plain, strict=True)]
    rows = []
    for name, paintings in (("one by one", plain), ("album", together), ("truth", truth)):
        scores = [score(t, p) for t, p in zip(truth, paintings, strict=True)]
        psnr, difference, colorful = np.mean(scores, axis=0)
        distance = np.nanmean(
            [distance_of(views[i : i + 2], paintings[i : i + 2]) for i in range(0, len(views), 2)]
        )
        rows.append(
            [name, f"{distance:.4f}", f"{psnr:.2f}", f"{difference:.2f}", f"{colorful:.1f}"]
        )
    print(format_table(["", "distance", "PSNR", "dE2000", "colorfulness"], rows))

    firsts = plain[::2]
    alone, followed = agree(firsts, {str(i): note for i, note in enumerate(notes[::2])})
    changed = [difference_of(a, b) for a, b in zip(firsts, alone, strict=True)]
    print(
        f"nothing in common: {followed.count(())} of {len(firsts)} unchanged, "
        f"{np.mean(changed):.3f} dE on average, at most {max(changed):.2f}"
    )
    known = {
        f"like {i}": colorizer.see(view.luminance).note(view.chroma, 1.0)
        for i, view in enumerate(views[::2])
    }
    seconds_alone = {str(i): note for i, note in enumerate(notes[1::2])}
    guided, _ = agree(plain[1::2], seconds_alone, known, together=False)
    before, after = (
        np.mean([difference_of(t, p) for t, p in zip(truth[1::2], each, strict=True)])
        for each in (plain[1::2], guided)
    )
    print(f"like the true colors of the other view: dE {before:.2f} to {after:.2f}")
    per_view = {name: f"{value / len(views):.3f}" for name, value in seconds.items()}
    print(", ".join(f"{name} {value} s" for name, value in per_view.items()), "of a processor")


def choose(folder: Path, count: int) -> list[Path]:
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    each = -(-count // len(folders))
    return [path for sub in folders for path in spread(find_photos(sub), each)][:count]


def make_views(path: Path, rng: np.random.Generator) -> list[View]:
    photo = Image.fromarray(read_color(path))
    scale = min(1.0, SIDE / min(photo.size))
    width, height = (round(scale * side) for side in photo.size)
    photo = photo.resize((width, height), Image.Resampling.BICUBIC)
    views = []
    for _ in range(2):
        share, smaller, stops = (
            rng.uniform(0.65, 0.9),
            rng.uniform(0.6, 1.0),
            rng.uniform(-0.7, 0.7),
        )
        w, h = round(share * width), round(share * height)
        left, top = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
        size = max(round(smaller * w), 160), max(round(smaller * h), 160)
        part = photo.resize(
            size, Image.Resampling.BICUBIC, (left, top, left + w, top + h), reducing_gap=None
        )
        rgb = np.asarray(part, np.float32) / np.float32(255.0)
        luminance = expose(color.luminance(rgb)[..., 0], stops)
        coded = np.rint(65535.0 * luminance).astype(np.uint16)
        views.append(View(coded, color.chroma(rgb), (left, top, w, h)))
    return views


def expose(y: np.ndarray, stops: float) -> np.ndarray:
    """Other exposure in linear light (IEC 61966-2-1), clipped as a film would."""
    linear = np.where(y <= 0.04045, y / 12.92, ((y + 0.055) / 1.055) ** 2.4) * 2.0**stops
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def agree(
    paintings: list[Painting],
    notes: dict[str, Note],
    known: dict[str, Note] | None = None,
    *,
    together: bool = True,
) -> tuple[list[Painting], list[tuple[str, ...]]]:
    """Paintings as their album has them, and the photographs that each follows."""
    changed: list[Painting] = []
    followed: list[tuple[str, ...]] = []
    with Album() as album:
        for name, note in notes.items():
            album.add(name, note, is_source=together)
        for name, note in (known or {}).items():
            album.add(name, note)
        for name, painting in zip(notes, paintings, strict=True):
            agreement = album.agreement(name)
            followed.append(() if agreement is None else agreement.sources)
            changed.append(painting if agreement is None else agreement.apply(painting))
    return changed, followed


def true_chroma(chroma: np.ndarray, painting: Painting) -> np.ndarray:
    """Chroma ``(h, w, 2)`` of a photograph at the size at which it is painted."""
    planes = np.moveaxis(chroma, -1, 0)
    return np.moveaxis(resize_planes(planes, *painting.luminance.shape), 0, -1)


def distance_of(views: list[View], paintings: list[Painting]) -> float:
    """Mean distance of chroma between patches of what two views show; NaN where it is little."""
    (left, top, right, bottom) = (
        max(view.box[0] for view in views),
        max(view.box[1] for view in views),
        min(view.box[0] + view.box[2] for view in views),
        min(view.box[1] + view.box[3] for view in views),
    )
    if min(right - left, bottom - top) < LEAST_SHARED:
        return np.nan
    means = []
    for view, painting in zip(views, paintings, strict=True):
        x, y, w, h = view.box
        height, width = painting.luminance.shape
        columns = np.linspace((left - x) / w * width, (right - x) / w * width, PATCHES + 1)
        rows = np.linspace((top - y) / h * height, (bottom - y) / h * height, PATCHES + 1)
        columns, rows = columns.round().astype(int), rows.round().astype(int)
        means.append(
            np.asarray(
                [
                    painting.chroma[a : max(b, a + 1), c : max(d, c + 1)].mean(axis=(0, 1))
                    for a, b in itertools.pairwise(rows)
                    for c, d in itertools.pairwise(columns)
                ]
            )
        )
    return float(np.linalg.norm(np.subtract(means[0], means[1]), axis=1).mean())


def score(truth: Painting, painting: Painting) -> tuple[float, float, float]:
    """PSNR, CIEDE2000 and colorfulness (Hasler and Süsstrunk, 2003)."""
    a, b = draw(truth), draw(painting)
    square = float(np.square(a - b).mean())
    red, green, blue = np.moveaxis(255.0 * b, -1, 0)
    rg, yb = red - green, 0.5 * (red + green) - blue
    colorful = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    psnr = 100.0 if square == 0.0 else -10.0 * np.log10(square)
    return psnr, difference_of(truth, painting), float(colorful)


def difference_of(a: Painting, b: Painting) -> float:
    return float(deltaE_ciede2000(rgb2lab(draw(a)), rgb2lab(draw(b))).mean())


def draw(painting: Painting) -> np.ndarray:
    return np.clip(color.add_chroma(painting.luminance[..., None], painting.chroma), 0.0, 1.0)


if __name__ == "__main__":
    main()
