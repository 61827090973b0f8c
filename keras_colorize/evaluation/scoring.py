"""Scores of colorized photographs against true ones, batch by batch; FID of all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from keras_colorize import metrics
from keras_colorize.errors import ConfigError
from keras_colorize.evaluation.color_difference import delta_e
from keras_colorize.evaluation.fid import frechet_distance, load_inception
from keras_colorize.models.lpips import load_lpips, lpips

__all__ = ["TRUTH", "Judges", "Scorer", "Scores", "fid_of", "gap_of_means", "load_judges"]

#: The name under which the true photographs have scores: their colorfulness.
TRUTH = "truth"

#: Scores by name, each ``(N,)``, one a photograph.
Scores = dict[str, np.ndarray]


@dataclass(frozen=True)
class Judges:
    """Networks with weights of others that judge images; none without their files.

    Attributes:
        lpips: models of :func:`~keras_colorize.models.lpips.load_lpips`, by their names.
        inception: the model of :func:`~keras_colorize.evaluation.fid.load_inception`.
    """

    lpips: Mapping[str, keras.Model] = field(default_factory=dict)
    inception: keras.Model | None = None


def load_judges(lpips_weights: list[str] | None, fid_weights: str | None) -> Judges:
    """The networks in files of weights; several for LPIPS, each of another network.

    Raises:
        ModelError: a file is missing, damaged or another.
        ConfigError: two files hold the same network.
    """
    models = {}
    for path in lpips_weights or ():
        model = load_lpips(path)
        if model.name in models:
            raise ConfigError(
                f"--lpips_weights names two files of {model.name}, the second: {path}"
            )
        models[model.name] = model
    return Judges(models, load_inception(Path(fid_weights)) if fid_weights else None)


class Scorer:
    """Collects the scores of results, each under a name, against the same true photographs.

    The scores of a photograph: ``psnr`` (dB), ``ssim``, ``delta_e`` (mean CIEDE2000),
    ``chroma_error``, ``luminance_error`` and ``largest_luminance_error`` (levels of 0-255),
    ``colorfulness`` and ``colorfulness_absolute``, for both the difference from the truth,
    ``colorfulness_error`` and ``colorfulness_absolute_error``, and ``lpips_vgg16`` and
    ``lpips_alexnet`` where there are weights. The truth has the two of colorfulness.
    """

    def __init__(self, judges: Judges) -> None:
        self._judges = judges
        self._batches: dict[str, list[Scores]] = {}
        self._features: dict[str, list[np.ndarray]] = {}

    def add(self, truth: np.ndarray, results: Mapping[str, np.ndarray]) -> None:
        """Score a batch.

        Args:
            truth: uint8 ``(B, H, W, 3)``.
            results: the same photographs as colorized, by name; the same names in every batch.
        """
        true = _scale(truth)
        models = self._judges.lpips
        embedded = {network: model.predict_on_batch(true) for network, model in models.items()}
        true_scores = _colorfulness(true)
        self._keep(TRUTH, true_scores, true)
        for name, result in results.items():
            pred = _scale(result)
            scores = _compare(true, pred) | _colorfulness(pred)
            for kind in true_scores:
                scores[f"{kind}_error"] = np.abs(scores[kind] - true_scores[kind])
            for network, model in models.items():
                distance = lpips(embedded[network], model.predict_on_batch(pred))
                scores[f"lpips_{network}"] = np.asarray(distance)
            self._keep(name, scores, pred)

    def scores(self) -> dict[str, Scores]:
        """All scores so far, by name: the truth's first, photographs in the order they came."""
        return {
            name: {key: np.concatenate([b[key] for b in batches]) for key in batches[0]}
            for name, batches in self._batches.items()
        }

    def features(self) -> dict[str, np.ndarray]:
        """What FID compares, ``(N, 2048)`` by name; empty without its weights."""
        return {name: np.concatenate(parts) for name, parts in self._features.items()}

    def _keep(self, name: str, scores: Scores, images: np.ndarray) -> None:
        self._batches.setdefault(name, []).append(scores)
        if self._judges.inception is not None:
            features = self._judges.inception.predict_on_batch(images)
            self._features.setdefault(name, []).append(features)


def fid_of(features: Mapping[str, np.ndarray]) -> dict[str, float]:
    """FID against the truth by name; empty without features, or with fewer than two images."""
    others = dict(features)
    true = others.pop(TRUTH, None)
    if true is None or len(true) < 2:
        return {}
    return {name: frechet_distance(true, pred) for name, pred in others.items()}


def gap_of_means(scores: Scores, true_scores: Scores, kind: str) -> float:
    """|mean over results - mean over truths|: "ΔCF" as papers on colorization report it.

    Too much color in one photograph makes up for too little in another here. The mean of
    ``colorfulness_error`` forgives nothing and is larger.
    """
    return float(abs(scores[kind].mean() - true_scores[kind].mean()))


def _scale(photos: np.ndarray) -> np.ndarray:
    return photos.astype(np.float32) / 255.0


def _compare(true: np.ndarray, pred: np.ndarray) -> Scores:
    kinds = (
        metrics.psnr,
        metrics.ssim,
        metrics.chroma_error,
        metrics.luminance_error,
        metrics.largest_luminance_error,
    )
    scores = {kind.__name__: np.asarray(kind(true, pred)) for kind in kinds}
    return scores | {"delta_e": delta_e(true, pred)}


def _colorfulness(images: np.ndarray) -> Scores:
    kinds = (metrics.colorfulness, metrics.colorfulness_absolute)
    return {kind.__name__: np.asarray(kind(images)) for kind in kinds}
