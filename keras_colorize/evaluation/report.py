"""What an evaluation leaves behind: a table to read, files to compute with, a sheet to look at."""

import csv
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.evaluation.protocol import (
    GRAY,
    Evaluation,
    Protocol,
    read_truth,
    to_gray,
)
from keras_colorize.evaluation.scoring import TRUTH, gap_of_means
from keras_colorize.files import atomic_path, escape_name
from keras_colorize.photos.sheets import draw_sheet

__all__ = ["FILES", "draw_examples", "format_groups", "format_table", "summarize", "write_files"]

#: What :func:`write_files` writes.
FILES = ("scores.json", "scores.csv", "sheet.png")

_KINDS = ("colorfulness", "colorfulness_absolute")

# Column, score, decimals: as they stand in a summary.
_COLUMNS = (
    ("PSNR", "psnr", 2),
    ("SSIM", "ssim", 4),
    ("LPIPS-VGG", "lpips_vgg16", 4),
    ("LPIPS-Alex", "lpips_alexnet", 4),
    ("FID", "fid", 2),
    ("dE2000", "delta_e", 2),
    ("CbCr", "chroma_error", 2),
    ("Y", "luminance_error", 2),
    ("Ymax", "largest_luminance_error", 2),
    ("CF", "colorfulness", 1),
    ("dCF", "colorfulness_error", 1),
    ("gap", "colorfulness_gap", 1),
    ("CFabs", "colorfulness_absolute", 1),
    ("dCFabs", "colorfulness_absolute_error", 1),
    ("gapabs", "colorfulness_absolute_gap", 1),
)
# Those that tell groups of photographs apart.
_OF_GROUPS = (
    "psnr",
    "ssim",
    "lpips_vgg16",
    "lpips_alexnet",
    "delta_e",
    "fid",
    "colorfulness",
    "colorfulness_error",
    "colorfulness_gap",
)
_ALL = "all"  # photographs, beside their groups
_LEGEND = (
    "CbCr, Y: mean absolute difference in levels of 0-255; Ymax: the largest in a photograph. CF:",
    "colorfulness (Hasler and Süsstrunk); CFabs: as the code of DDColor and ColorFormer computes",
    "it. dCF: difference in a photograph; gap: difference of the means, as papers report it.",
)
_EXAMPLES = 4  # best, middle and worst each
_CAPTION_HEIGHT = 16


def summarize(evaluation: Evaluation) -> dict[str, dict[str, dict[str, float]]]:
    """Means and medians: ``summary["mean" or "median"][result][score]``; without gray truths.

    FID and the gaps of colorfulness, which belong to all photographs together, are with the means.
    """
    evaluation = evaluation.colored
    scores = evaluation.scores
    summary = {
        kind: {
            name: {score: float(reduce(values)) for score, values in columns.items()}
            for name, columns in scores.items()
        }
        for kind, reduce in (("mean", np.mean), ("median", np.median))
    }
    for name, columns in scores.items():
        if name == TRUTH:
            continue
        for kind in _KINDS:
            summary["mean"][name][f"{kind}_gap"] = gap_of_means(columns, scores[TRUTH], kind)
        if name in evaluation.fid:
            summary["mean"][name]["fid"] = evaluation.fid[name]
    return summary


def format_table(evaluation: Evaluation) -> str:
    """Means, then medians, a row a result; with a legend."""
    summary, count = summarize(evaluation), len(evaluation.colored.photos)
    lines = [f"{len(evaluation.photos)} photographs, {len(evaluation.failed)} failed"]
    if evaluation.without_color:
        lines.append(f"{len(evaluation.without_color)} photographs left out: their truth is gray")
    for kind, rows in summary.items():
        present = [c for c in _COLUMNS if any(c[1] in scores for scores in rows.values())]
        lines += ["", *_align([kind], present, [([name], row) for name, row in rows.items()])]
    lines += ["", *_LEGEND]
    if evaluation.colored.fid:
        lines.append(f"FID of {count} photographs is biased: compare it at this number only.")
    return "\n".join(lines)


def format_groups(evaluation: Evaluation, groups: Mapping[Path, str | None]) -> str:
    """One table of means: of each group, then of all, a row for gray and one for every model.

    Args:
        evaluation: of all photographs.
        groups: the group of each.
    """
    parts = {**evaluation.split(groups), _ALL: evaluation.colored}
    rows = []
    for group, part in parts.items():
        means = summarize(part)["mean"]
        names = [group, str(len(part.photos))]
        for result, scores in means.items():
            if result != TRUTH:
                rows.append(([*names, result], scores))
                names = ["", ""]  # said once
    present = [c for c in _COLUMNS if c[1] in _OF_GROUPS and any(c[1] in row for _, row in rows)]
    lines = _align(["group", "photographs", "mean"], present, rows)
    if evaluation.colored.fid:
        lines.append("FID is biased by the number of photographs: compare it within a group only.")
    return "\n".join(lines)


def _align(
    titles: Sequence[str],
    columns: Sequence[tuple[str, str, int]],
    rows: Sequence[tuple[Sequence[str], Mapping[str, float]]],
) -> list[str]:
    """Lines of a table: names to the left, the columns' scores to the right."""
    cells = [[*titles, *(title for title, _, _ in columns)]]
    cells += [
        [*names, *(f"{scores[key]:.{n}f}" if key in scores else "" for _, key, n in columns)]
        for names, scores in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = []
    for row in cells:
        padded = [
            cell.ljust(width) if index < len(titles) else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths))
        ]
        lines.append("  ".join(padded).rstrip())
    return lines


def write_files(
    folder: Path,
    evaluation: Evaluation,
    colorizers: Mapping[str, Colorizer],
    protocol: Protocol,
    settings: Mapping[str, Any],
    groups: Mapping[Path, str | None],
) -> None:
    """Write :data:`FILES`, in place of earlier ones.

    Args:
        folder: where to; it exists.
        evaluation: what was found.
        colorizers: those that were compared.
        protocol: how photographs became test images.
        settings: what else the numbers depend on, for ``scores.json``.
        groups: the group of each photograph; of photographs without groups none are written.
    """
    report = _report(evaluation, colorizers, protocol, settings)
    parts = evaluation.split(groups)
    if parts:
        report["groups"] = {
            group: {"photographs": len(part.photos), **summarize(part)}
            for group, part in parts.items()
        }
    as_json, as_csv, sheet = (folder / name for name in FILES)
    with atomic_path(as_json) as temporary:
        text = json.dumps(report, indent=2, ensure_ascii=True)
        temporary.write_text(text + "\n", encoding="utf-8")
    with (
        atomic_path(as_csv) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        _write_rows(file, evaluation, groups if parts else None)
    with atomic_path(sheet) as temporary:
        draw_examples(evaluation, colorizers, protocol).save(temporary)


def draw_examples(
    evaluation: Evaluation, colorizers: Mapping[str, Colorizer], protocol: Protocol
) -> Image.Image:
    """The best, middle and worst photographs by the first colorizer's CIEDE2000, best first.

    A column each for gray, every colorizer and the truth, with PSNR and CIEDE2000 below. Without
    a colorizer, by the error of gray.
    """
    evaluation = evaluation.colored
    leader = next(iter(colorizers), GRAY)
    order = np.argsort(evaluation.scores[leader]["delta_e"], kind="stable")
    rows = []
    for label, index in _examples(order):
        path = evaluation.photos[index]
        truth = read_truth(path, protocol)
        results = {GRAY: to_gray(truth)}
        for name, colorizer in colorizers.items():
            results[name] = np.asarray(colorizer(truth))
        cells = []
        for name, result in results.items():
            scores = evaluation.scores[name]
            text = f"{scores['psnr'][index]:.1f} dB, dE {scores['delta_e'][index]:.1f}"
            cells.append(_with_caption(result, text))
        rows.append([*cells, _with_caption(truth, f"{label}: {path.name}")])
    return draw_sheet(rows, [GRAY, *colorizers, TRUTH])


def _examples(order: np.ndarray) -> list[tuple[str, int]]:
    """Label and place of those to show; all of them where they are few."""
    count, some = len(order), _EXAMPLES
    if count <= 3 * some:
        return [(str(rank), int(place)) for rank, place in enumerate(order, 1)]
    middle = (count - some) // 2
    groups = (
        ("best", order[:some]),
        ("middle", order[middle : middle + some]),
        ("worst", order[-some:]),
    )
    return [(label, int(place)) for label, places in groups for place in places]


def _with_caption(picture: np.ndarray, text: str) -> np.ndarray:
    """The picture uint8 ``(H, W, 3)`` with a line of text below."""
    strip = Image.new("RGB", (picture.shape[1], _CAPTION_HEIGHT), "white")
    # Pillow's own font lacks some letters that names of files have.
    legible = text.encode("ascii", "replace").decode()
    ImageDraw.Draw(strip).text((0, 1), legible, fill=(40, 40, 40), font=ImageFont.load_default())
    return np.concatenate([picture, np.asarray(strip)])


def _report(
    evaluation: Evaluation,
    colorizers: Mapping[str, Colorizer],
    protocol: Protocol,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    models = {
        name: {
            "file": str(colorizer.path),
            "sha256": colorizer.model_hash,
            **asdict(colorizer.facts),
            "used_working_size": colorizer.working_size,
            "parameters": colorizer.generator.count_params(),
        }
        for name, colorizer in colorizers.items()
    }
    return {
        "versions": _versions(),
        "protocol": asdict(protocol),
        **settings,
        "models": models,
        "photographs": len(evaluation.photos),
        "left_out": sorted(map(str, evaluation.without_color)),
        "failed": {str(path): reason for path, reason in evaluation.failed.items()},
        **summarize(evaluation),
    }


def _versions() -> dict[str, str | None]:
    """Of Python and the packages that the numbers depend on; ``None`` for what isn't installed."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in ("keras-colorize", "keras", "numpy", "pillow", "scikit-image", "tensorflow"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # a checkout that is run without being installed
            versions[package] = None
    return versions


def _write_rows(
    file: IO[str], evaluation: Evaluation, groups: Mapping[Path, str | None] | None
) -> None:
    names: Sequence[str] = list(evaluation.scores[GRAY])
    writer = csv.writer(file)
    writer.writerow(["photo", *(["group"] if groups else []), "result", *names, "left_out"])
    for index, path in enumerate(evaluation.photos):
        place = [escape_name(str(name)) for name in (path, *([groups[path]] if groups else []))]
        left_out = "gray" if path in evaluation.without_color else ""
        for result, scores in evaluation.scores.items():
            values = [float(scores[name][index]) if name in scores else "" for name in names]
            writer.writerow([*place, result, *values, left_out])
