"""Whether photographs of one place, and frames of films, get one color as an album, measured.

    python benchmarks/album_pairs.py --photos FOLDER ... [--films FILM ...] [--model MODEL.keras]
    python benchmarks/album_pairs.py --different FOLDER ... [--apart 30]

Beside ``album.py``, where both views come from one photograph. Here they are two photographs of one
place, or frames 10 apart of a film. What both show is found without anything of this package: SIFT
keypoints (Lowe, 2004) that prefer each other by far, and of these the ones that one homography
explains (RANSAC). Photographs with at least 12 such keypoints in common are a pair; around one of
them in each cell of a 12 x 12 grid, color is compared, over the same part of what is seen in both.

Each folder is one album, and so are the frames of each film. Of the pairs in it are printed how
many the album recognizes, the distance in (Cb, Cr) between what both show, colored one by one,
as an album, and in truth, and of the photographs in pairs PSNR, CIEDE2000 and colorfulness.

Of photographs of different things are printed the pairs that an album would take for the same:
where names tell series, of those that are so far apart in a list of names.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from album import agree, score, true_chroma
from measuring import describe_machine, format_table, spread

from keras_colorize import color
from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.correspondence import match
from keras_colorize.coloring.painting import Painting
from keras_colorize.photos.finding import find_photos
from keras_colorize.photos.reading import read_color
from keras_colorize.video.motion import import_opencv

SIDE = 480  # pixels of the shorter side at which keypoints are sought
KEYPOINTS = 500
RATIO = 0.8  # of the distances to the best and the second best; Lowe's own
LEAST = 12  # keypoints that two photographs of one place have in common
CELLS = 12  # of a grid, in each of which one of them counts
LARGEST = 1 / 12  # of the shorter side: radius of what is compared
APART = 10  # frames
LISTED = 12


@dataclass(frozen=True)
class Keypoints:
    """Of a photograph: across, down, radius, in shares of its shorter side; and what is there."""

    places: np.ndarray  # (n, 3)
    descriptors: np.ndarray  # (n, 128), of length 1


@dataclass(frozen=True)
class Pair:
    """Two photographs of an album, by number, and where they show the same."""

    first: int
    second: int
    spots: tuple[np.ndarray, np.ndarray]  # (n, 3) each, as of Keypoints


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", nargs="*", default=[], help="folders, an album each")
    parser.add_argument("--films", nargs="*", default=[], help="files, an album each")
    parser.add_argument("--different", nargs="*", default=[], help="folders, one list of all")
    parser.add_argument("--apart", type=int, default=1, help="names in that list")
    parser.add_argument("--pairs", type=int, default=12, help="of frames of each film")
    parser.add_argument(
        "--within", type=int, default=5, help="names in a folder that the two of a pair are apart"
    )
    parser.add_argument("--model")
    args = parser.parse_args()
    print(describe_machine())
    colorizer = Colorizer.load(args.model)
    rows = []
    for folder in map(Path, args.photos):
        pictures = [read_color(path) for path in find_photos(folder)]
        rows += measure(folder.name, pictures, find_pairs(pictures, args.within), colorizer)
    for film in map(Path, args.films):
        pictures = read_frames(film, args.pairs)
        pairs = [pair for pair in find_pairs(pictures, 1) if pair.first % 2 == 0]
        rows += measure(film.name, pictures, pairs, colorizer)
    if args.different:
        count_alike([Path(folder) for folder in args.different], args.apart, colorizer)
    if not rows:
        return
    header = ["", "pairs", "recognized", "distance", "PSNR", "dE2000", "colorfulness"]
    print(format_table(header, rows))


def count_alike(folders: list[Path], apart: int, colorizer: Colorizer) -> None:
    paths = [path for folder in folders for path in find_photos(folder)]
    traits = []
    for path in paths:
        seen = colorizer.see(color.luminance(read_color(path) / np.float32(255.0))[..., 0])
        traits.append(seen.note(seen.painting.chroma).traits)
    pairs, found = 0, []
    for first in range(len(traits)):
        for second in range(first + apart, len(traits)):
            matches = match(traits[first], traits[second])
            pairs += 1
            if matches.belief.any():
                found.append((float(matches.belief.max()), first, second))
    print(f"{len(found)} of {pairs} pairs of {len(paths)} photographs are taken for the same")
    for belief, first, second in sorted(found, reverse=True)[:LISTED]:
        print(f"  {belief:.2f} {paths[first].name} {paths[second].name}")


def read_frames(film: Path, pairs: int) -> list[np.ndarray]:
    """So many pairs of frames, spread over a film, those of a pair 10 apart."""
    capture = import_opencv().VideoCapture(str(film))
    frames = []
    while (read := capture.read())[0]:
        frames.append(np.ascontiguousarray(read[1][..., ::-1]))
    firsts = spread(range(len(frames) - APART), pairs)
    return [frames[first + step] for first in firsts for step in (0, APART)]


def find_pairs(pictures: list[np.ndarray], within: int) -> list[Pair]:
    found = [find_keypoints(picture) for picture in pictures]
    pairs = []
    for first in range(len(found)):
        for second in range(first + 1, min(first + 1 + within, len(found))):
            spots = find_spots(found[first], found[second])
            if spots is not None:
                pairs.append(Pair(first, second, spots))
    return pairs


def find_keypoints(picture: np.ndarray) -> Keypoints:
    cv2 = import_opencv()
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    scale = SIDE / min(gray.shape)
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
    gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=method)
    keypoints, descriptors = cv2.SIFT_create(KEYPOINTS).detectAndCompute(gray, None)
    places = [(*point.pt, 0.5 * point.size) for point in keypoints]
    if not places:
        return Keypoints(np.zeros((0, 3)), np.zeros((0, 128), np.float32))
    length = np.linalg.norm(descriptors, axis=1, keepdims=True)
    return Keypoints(np.asarray(places) / SIDE, descriptors / length)


def find_spots(ours: Keypoints, theirs: Keypoints) -> tuple[np.ndarray, np.ndarray] | None:
    """Where two photographs show the same, ``(n, 3)`` in each; None where it is too little."""
    if min(len(ours.places), len(theirs.places)) < LEAST:
        return None
    alike = ours.descriptors @ theirs.descriptors.T
    rows, best = np.arange(len(alike)), alike.argmax(axis=1)
    mutual = alike.argmax(axis=0)[best] == rows
    nearest = 2.0 - 2.0 * alike[rows, best]  # squares of distances
    alike[rows, best] = -1.0
    chosen = np.flatnonzero(mutual & (nearest < RATIO**2 * (2.0 - 2.0 * alike.max(axis=1))))
    if len(chosen) < LEAST:
        return None
    a, b = ours.places[chosen], theirs.places[best[chosen]]
    cv2 = import_opencv()
    cv2.setRNGSeed(0)
    _, explained = cv2.findHomography(SIDE * a[:, :2], SIDE * b[:, :2], cv2.RANSAC, 4.0)
    if explained is None or explained.sum() < LEAST:
        return None
    inside = np.flatnonzero(explained)
    _, one_each = np.unique((CELLS * a[inside, :2]).astype(int), axis=0, return_index=True)
    return a[inside[one_each]], b[inside[one_each]]


def measure(
    name: str, pictures: list[np.ndarray], pairs: list[Pair], colorizer: Colorizer
) -> list[list[str]]:
    """The rows of an album in the table."""
    luminances = [color.luminance(p.astype(np.float32) / 255.0)[..., 0] for p in pictures]
    plain, notes = [], {}
    for index, luminance in enumerate(luminances):
        seen = colorizer.see(luminance)
        plain.append(seen.painting)
        notes[str(index)] = seen.note(seen.painting.chroma)
    together, followed = agree(plain, notes)
    paired = {index for pair in pairs for index in (pair.first, pair.second)}
    recognized = sum(str(pair.second) in followed[pair.first] for pair in pairs)
    alone = [index for index in range(len(pictures)) if index not in paired]
    print(
        f"{name}: {sum(map(bool, map(followed.__getitem__, alone)))} of {len(alone)} others follow"
    )
    truth = [
        painting.with_chroma(true_chroma(color.chroma(picture / np.float32(255.0)), painting))
        for picture, painting in zip(pictures, plain, strict=True)
    ]
    rows = []
    for kind, paintings in (("one by one", plain), ("album", together), ("truth", truth)):
        scores = [score(truth[index], paintings[index]) for index in sorted(paired)]
        psnr, difference, colorful = np.mean(scores, axis=0)
        distance = np.mean([distance_of(pair, paintings) for pair in pairs])
        counts = [str(len(pairs)), str(recognized)] if kind == "album" else ["", ""]
        numbers = [f"{distance:.4f}", f"{psnr:.2f}", f"{difference:.2f}", f"{colorful:.1f}"]
        rows.append([f"{name}, {kind}", *counts, *numbers])
    return rows


def distance_of(pair: Pair, paintings: list[Painting]) -> float:
    """Mean distance of chroma between where two photographs show the same."""
    larger = np.maximum(pair.spots[0][:, 2], pair.spots[1][:, 2])
    scale = np.minimum(4.0, LARGEST / larger)
    a, b = (
        means_around(paintings[index].chroma, np.column_stack([spots[:, :2], scale * spots[:, 2]]))
        for index, spots in zip((pair.first, pair.second), pair.spots, strict=True)
    )
    return float(np.linalg.norm(a - b, axis=1).mean())


def means_around(chroma: np.ndarray, spots: np.ndarray) -> np.ndarray:
    """Mean chroma of a square around each place, ``(n, 2)``."""
    height, width, _ = chroma.shape
    means = []
    for x, y, radius in min(height, width) * spots:
        top, bottom = max(int(y - radius), 0), min(int(y + radius) + 1, height)
        left, right = max(int(x - radius), 0), min(int(x + radius) + 1, width)
        means.append(chroma[top:bottom, left:right].mean(axis=(0, 1)))
    return np.asarray(means)


if __name__ == "__main__":
    main()
