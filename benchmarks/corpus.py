"""Which photographs teach and which measure: the rules, as folders of links.

    python benchmarks/corpus.py --photos PHOTOS --output runs/corpus [--nothing_held_out]

``PHOTOS`` is a folder of photographs with a ``MANIFEST.csv`` (columns ``path``, ``split`` and
``source``). Written are ``train/SOURCE/``, ``validation/KIND/`` and ``excluded.csv``, which says
of every photograph that does not teach why. A run takes ``--data.modern runs/corpus/train``; every
choice is made on ``runs/corpus/validation``; the test folders of PHOTOS are in neither.

Validation holds whole sources, or whole places, of which nothing is trained on, about as many
photographs of each kind of scene. Once every choice is made, ``--nothing_held_out`` lets those
sources teach as well: then nothing but the test folders measures.
"""

import argparse
import csv
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from measuring import format_table

from keras_colorize import color
from keras_colorize.photos.reading import read_photo

TRAINING_SPLITS = ("modern", "early_color_lowres", "early_color_train")

#: Kind of scene by source: what is measured and never trained on.
HELD_OUT = {
    "commons_york": "streets",
    "kathmandu_road": "streets",
    "streetcomplete": "streets",
    "kent_maps": "houses",
    "philly_global_city": "houses",
    "polyhaven_cubemaps": "interiors",
    "dollar_street": "objects",
    "lire_cars": "objects",
    "dedbox_gallery": "nature",
    "endless_sky": "nature",
    "gov_usds": "people",
    "p2pu": "people",
    "codefor_de": "people",
    "balloon_flickr": "people",
    "documerica": "old_color",
    "pioneer_auto_museum": "old_color",
}
#: Of these sources only a share of the places is held out: views of one place belong together.
HELD_OUT_SHARES = {"polyhaven_cubemaps": 0.5}
#: At most so many photographs of a kind, chosen by a hash of their names.
LARGEST_KIND = 60

SHORT_SIDE = 64  # pixels at which the rules look
GRAY = 5.0 / 255  # chroma that a photograph has to exceed somewhere
TONED = 2.5 / 255  # chroma that is left once what follows from the luminance is taken away
CAST = 3.0  # mean chroma over its spread, from here on the light is colored
NIGHT = 0.13  # mean luminance
FRAME = 0.04  # share of the width that a plain, black or white margin takes
PLAIN = 1.5 / 255


def main() -> None:
    parser = argparse.ArgumentParser(description="Choose what teaches and what measures.")
    parser.add_argument("--photos", required=True, type=Path, help="folder with MANIFEST.csv")
    parser.add_argument("--output", required=True, type=Path, help="a new folder for the links")
    parser.add_argument(
        "--nothing_held_out", action="store_true", help="all sources teach; no validation"
    )
    args = parser.parse_args()

    with (args.photos / "MANIFEST.csv").open(newline="") as file:
        table: list[Mapping[str, str]] = list(csv.DictReader(file))
    rows = [row for row in table if row["split"] in TRAINING_SPLITS]
    held_out = [] if args.nothing_held_out else [row for row in rows if kind_of(row)]
    validation = choose_validation(held_out)
    teaching = [row for row in rows if args.nothing_held_out or not kind_of(row)]
    with ThreadPoolExecutor() as pool:
        photos = [args.photos / row["path"] for row in teaching]
        reasons = list(pool.map(reason_to_exclude, photos))

    for row, reason in zip(teaching, reasons):
        if reason is None:
            link(args.photos / row["path"], args.output / "train" / row["source"])
    for row in validation:
        link(args.photos / row["path"], args.output / "validation" / kind_of(row))
    with (args.output / "excluded.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "reason"])
        writer.writerows([r["path"], reason] for r, reason in zip(teaching, reasons) if reason)
    counts = {
        **Counter(f"validation, {kind_of(row)}" for row in validation),
        "train": reasons.count(None),
        **Counter(f"excluded, {reason}" for reason in reasons if reason),
    }
    print(format_table(["", "photographs"], [[name, str(n)] for name, n in counts.items()]))


def kind_of(row: Mapping[str, str]) -> str:
    """The kind of scene that a photograph of the manifest measures; empty if it may teach."""
    source = row["source"]
    if hash_share(place_of(row["path"])) >= HELD_OUT_SHARES.get(source, 1.0):
        return ""
    return HELD_OUT.get(source, "")


def choose_validation(rows: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Those of the rows that are held out that measure, in the order of the manifest."""
    ordered = sorted(rows, key=lambda row: hash_share(row["path"]))
    chosen, counts = [], Counter[str]()
    for row in ordered:
        if counts[kind_of(row)] < LARGEST_KIND:
            chosen.append(row)
            counts[kind_of(row)] += 1
    return sorted(chosen, key=lambda row: row["path"])


def place_of(path: str) -> str:
    """The name of what is seen: ``NAME_yaw…`` are views of one place."""
    return re.sub(r"_yaw.*", "", Path(path).stem)


def hash_share(name: str) -> float:
    """A number in [0, 1) that depends on the name alone."""
    return zlib.crc32(name.encode()) / 2**32


def reason_to_exclude(path: Path) -> str | None:
    """Why a photograph would teach wrong color; ``None`` if it would not."""
    rgb = read_photo(path, short_side=SHORT_SIDE).astype(np.float64) / 255.0
    y, chroma = color.luminance(rgb)[..., 0], color.chroma(rgb)
    magnitude = np.linalg.norm(chroma, axis=-1)
    if np.quantile(magnitude, 0.99) < GRAY:
        return "gray"
    if unexplained_chroma(y, chroma) < TONED:
        return "toned: its color follows from its luminance"
    if y.mean() < NIGHT:
        return "night"
    mean = chroma.mean(axis=(0, 1))
    spread = np.sqrt(np.square(chroma - mean).sum(axis=-1).mean())
    if np.linalg.norm(mean) > CAST * spread:
        return "colored light"
    if has_frame(rgb):
        return "frame"
    return None


def unexplained_chroma(y: np.ndarray, chroma: np.ndarray) -> float:
    """Spread of what a cubic polynomial of luminance ``(h, w)`` leaves of chroma ``(h, w, 2)``."""
    terms = np.stack([y.ravel() ** power for power in range(4)], axis=1)
    targets = chroma.reshape(-1, 2)
    solution = np.linalg.lstsq(terms, targets, rcond=None)[0]
    return float(np.sqrt(np.square(targets - terms @ solution).sum(axis=-1).mean()))


def has_frame(rgb: np.ndarray) -> bool:
    """Whether all four margins of a photograph ``(h, w, 3)`` are plain black or plain white."""
    width = max(1, round(FRAME * min(rgb.shape[:2])))
    margins = [rgb[:width], rgb[-width:], rgb[:, :width], rgb[:, -width:]]
    return all(
        margin.std(axis=(0, 1)).max() < PLAIN and not 0.04 < margin.mean() < 0.97
        for margin in margins
    )


def link(photo: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / photo.name).symlink_to(photo.resolve())


if __name__ == "__main__":
    main()
