"""The pretrained encoder is the same network as the published one.

Golden values come from PyTorch 2.13.0, which ran the published network as its authors describe it:
three input channels, batch normalization unfolded.
"""

import importlib.util
from importlib import resources
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from keras_colorize.errors import ModelError
from keras_colorize.models import efficientnet
from keras_colorize.models.efficientnet import encoder_layers, find_published, load_encoder
from keras_colorize.models.patchgan import build_patchgan
from keras_colorize.models.unet import build_unet
from keras_colorize.models.weight_files import read_torch_legacy

SAMPLE = Path(str(resources.files("keras_colorize"))) / "sample" / "modern"


@pytest.fixture(scope="module")
def published() -> dict[str, np.ndarray]:
    return read_torch_legacy(find_published())


@pytest.fixture(scope="module")
def generator() -> keras.Model:
    model = build_unet(4, 5, encoder="efficientnet_lite0")
    load_encoder(model)
    return model


# --- the package that publishes it ---


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="extra called pretrained"):
        find_published()


def test_damaged_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "_SHA256", "00000000")
    with pytest.raises(ModelError, match="SHA-256 begins with 00000000, found 57934424"):
        find_published()


# --- the network ---


@pytest.mark.parametrize(
    ("photo", "best"),
    [
        # Classes of ImageNet: 698 palace, 668 mosque, 538 dome; 309 bee, 946 cardoon, 312 cricket;
        # 967 espresso, 968 cup, 504 coffee mug.
        ("hawa_mahal", {698: 8.3133, 668: 7.5600, 538: 5.8943}),
        ("honey_bee_aster", {309: 8.8474, 946: 6.5217, 312: 6.3622}),
        ("coffee_cup", {967: 9.5276, 968: 8.4690, 504: 6.7116}),
    ],
)
def test_encoder_sees_what_the_published_network_sees(
    published: dict[str, np.ndarray],
    generator: keras.Model,
    photo: str,
    best: dict[int, float],
) -> None:
    with Image.open(SAMPLE / f"{photo}.jpg") as image:
        gray = image.convert("L").resize((224, 224), Image.Resampling.BICUBIC)
    luminance = np.asarray(gray, np.float32)[None, ..., None] / 255
    deepest = keras.Model(generator.input, generator.get_layer("encoder_15_project").output)
    logits = classify(np.asarray(deepest(luminance)), published)[0]
    ranked = np.argsort(-logits)[:3]
    assert ranked.tolist() == list(best)
    np.testing.assert_allclose(logits[ranked], list(best.values()), atol=2e-3)


def classify(features: np.ndarray, published: dict[str, np.ndarray]) -> np.ndarray:
    """The head of the published network, in NumPy: ``(B, h, w, 320)`` to logits ``(B, 1000)``."""
    head = features @ published["_conv_head.weight"][:, :, 0, 0].T
    head = (head - published["_bn1.running_mean"]) / np.sqrt(published["_bn1.running_var"] + 1e-3)
    head = np.clip(head * published["_bn1.weight"] + published["_bn1.bias"], 0.0, 6.0)
    return head.mean(axis=(1, 2)) @ published["_fc.weight"].T + published["_fc.bias"]


def test_every_weight_of_the_encoder_is_loaded() -> None:
    model = build_unet(4, 5, encoder="efficientnet_lite0")
    before = {layer.name: layer.get_weights() for layer in encoder_layers(model)}
    load_encoder(model)
    learned = {name: weights for name, weights in before.items() if weights}
    assert len(learned) == 1 + 2 + 15 * 3  # stem, a first block without expansion, fifteen more
    for name, weights in learned.items():
        for old, new in zip(weights, model.get_layer(name).get_weights(), strict=True):
            assert not np.array_equal(old, new), name


def test_features_are_handed_across_at_every_size(generator: keras.Model) -> None:
    photographs = np.random.default_rng(0).random((2, 64, 96, 1), np.float32)
    rgb = np.asarray(generator(photographs))
    assert rgb.shape == (2, 64, 96, 3)
    shapes = [
        keras.Model(generator.input, generator.get_layer(f"skip_{level}_norm").output)(
            photographs
        ).shape[1:]
        for level in range(4)
    ]
    assert shapes == [(32, 48, 96), (16, 24, 144), (8, 12, 240), (4, 6, 672)]


def test_color_is_judged_by_what_the_published_network_sees(
    published: dict[str, np.ndarray], generator: keras.Model
) -> None:
    judge = build_patchgan(4, 4, encoder="efficientnet_lite0")
    load_encoder(judge)
    with Image.open(SAMPLE / "honey_bee_aster.jpg") as image:
        small = image.resize((224, 224), Image.Resampling.BICUBIC)
        photograph, gray = (
            np.asarray(small.convert(mode), np.float32)[None] / 255 for mode in ("RGB", "L")
        )
    deepest = [
        keras.Model(network.inputs[-1], network.get_layer("encoder_15_project").output)
        for network in (judge, generator)
    ]
    # Without its color, it is what the encoder of luminance sees, whose values PyTorch confirms.
    expected = deepest[1](gray[..., None])
    np.testing.assert_allclose(deepest[0](np.stack([gray] * 3, -1)), expected, atol=1e-3)
    # In color it is surer of the same bee: 8.85 in gray.
    logits = classify(np.asarray(deepest[0](photograph)), published)[0]
    assert np.argmax(logits) == 309
    assert logits[309] > 9.0


def test_encoder_needs_its_depth() -> None:
    with pytest.raises(ValueError, match="depth must be 5 with encoder='efficientnet_lite0'"):
        build_unet(4, 4, encoder="efficientnet_lite0")
