"""The generator and the discriminator: contracts, published sizes, life without this package."""

import functools
import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_colorize.color import luminance
from keras_colorize.config import Normalization, Output, Upsampling
from keras_colorize.models.patchgan import build_patchgan
from keras_colorize.models.unet import build_unet, unet_stride
from tests.models.harness import check_network

OUTPUTS = get_args(Output)
UPSAMPLINGS = get_args(Upsampling)


def random_input(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32)


def tiny_unet(**options: Any) -> keras.Model:
    return build_unet(**{"filters": 8, "depth": 2} | options)


def tiny_patchgan(**options: Any) -> keras.Model:
    return build_patchgan(**{"filters": 8, "depth": 2} | options)


def magnify(model: keras.Model, layer: str, factor: float) -> None:
    """Make one layer's kernel larger, so that the output saturates."""
    kernel = model.get_layer(layer).kernel
    kernel.assign(kernel * factor)


# --- what all of them survive ---

# Every output with every upsampling, every normalization with each of both.
UNETS = {
    "rgb transposed batch": {},
    "rgb resize instance": {"upsampling": "resize", "normalization": "instance"},
    "rgb subpixel group": {"upsampling": "subpixel", "normalization": "group"},
    "chroma transposed none": {"output": "chroma", "normalization": "none"},
    "chroma resize batch": {"output": "chroma", "upsampling": "resize"},
    "chroma subpixel instance": {
        "output": "chroma",
        "upsampling": "subpixel",
        "normalization": "instance",
    },
    "pretrained": {"output": "chroma", "encoder": "efficientnet_lite0", "depth": 5},
}
PATCHGANS = {
    "batch": {},
    "instance": {"normalization": "instance"},
    "group": {"normalization": "group"},
    "spectral": {"normalization": "none", "spectral_normalization": True},
    "unconditional": {"conditional": False},
}


@pytest.mark.smoke
@pytest.mark.parametrize("variant", UNETS)
def test_every_unet_survives(variant: str, tmp_path: Path) -> None:
    options = UNETS[variant]
    check_network(
        functools.partial(tiny_unet, **options),
        tmp_path,
        stride=unet_stride(options.get("depth", 2)),
        channels=[1],
        expect=lambda height, width: (height, width, 3),
    )


@pytest.mark.parametrize("variant", PATCHGANS)
def test_every_patchgan_survives(variant: str, tmp_path: Path) -> None:
    check_network(
        functools.partial(tiny_patchgan, **PATCHGANS[variant]),
        tmp_path,
        stride=7,  # any size is welcome
        channels=[1, 3],
        expect=lambda height, width: (-(-height // 4), -(-width // 4), 1),
    )


def test_a_patchgan_on_learned_features_survives(tmp_path: Path) -> None:
    check_network(
        functools.partial(tiny_patchgan, encoder="efficientnet_lite0", depth=4),
        tmp_path,
        stride=32,
        channels=[1, 3],
        expect=lambda height, width: (height // 4, width // 4, 4),
    )


# --- build_unet ---


@pytest.mark.parametrize(("output", "upsampling"), list(itertools.product(OUTPUTS, UPSAMPLINGS)))
def test_unet_gives_color_in_range(output: Output, upsampling: Upsampling) -> None:
    model = tiny_unet(output=output, upsampling=upsampling)
    magnify(model, "up_0", 100.0)
    rgb = np.asarray(model(random_input(2, 8, 20, 1)))
    assert rgb.min() >= 0.0
    assert rgb.max() <= 1.0
    assert np.ptp(rgb) > 0.5, "the range was never tried"
    assert model.input_shape == (None, None, None, 1)
    assert model.output_shape == (None, None, None, 3)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_unet_stride_is_the_smallest_input(depth: int) -> None:
    stride = unet_stride(depth)
    assert stride == 2**depth
    model = build_unet(2, depth)
    assert model(random_input(1, stride, 3 * stride, 1)).shape == (1, stride, 3 * stride, 3)
    innermost = model.get_layer(f"down_{depth - 1}").output
    probe = keras.Model(model.input, innermost)
    assert probe(random_input(1, stride, 3 * stride, 1)).shape[1:3] == (1, 3)


@pytest.mark.smoke
@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("training", [False, True])
def test_chroma_output_keeps_luminance(upsampling: Upsampling, dtype: str, training: bool) -> None:
    model = tiny_unet(output="chroma", upsampling=upsampling, dtype=dtype)
    magnify(model, "up_0", 1000.0)  # far out of gamut
    photographs = np.concatenate(
        [random_input(2, 16, 12, 1), np.zeros((1, 16, 12, 1)), np.ones((1, 16, 12, 1))]
    ).astype(np.float32)
    rgb = np.asarray(model(photographs, training=training))
    np.testing.assert_allclose(luminance(rgb), photographs, atol=1e-6)
    assert np.ptp(rgb[:2], axis=-1).mean() > 0.2, "there is no color to limit"
    # Black and white have no room for color.
    np.testing.assert_allclose(rgb[2:], np.repeat(photographs[2:], 3, -1), atol=1e-6)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_unet_starts_near_gray(output: Output, upsampling: Upsampling) -> None:
    rgb = np.asarray(
        build_unet(16, 4, output=output, upsampling=upsampling)(random_input(1, 32, 32, 1))
    )
    assert np.ptp(rgb, axis=-1).mean() < 0.05
    if output == "rgb":  # the tanh is at 0, so that the color is at 0.5
        np.testing.assert_allclose(rgb, 0.5, atol=0.15)


def test_unet_sees_the_photograph_at_every_level() -> None:
    # Without its skip connections a UNet cannot tell apart photographs with the same bottleneck.
    model = build_unet(4, 3)
    names = [name for name in (layer.name for layer in model.layers) if name.startswith("skip_")]
    assert names == ["skip_1", "skip_0"]
    # Its own features beside those handed across: twice as many channels.
    assert [model.get_layer(name).output.shape[-1] for name in names] == [8 + 8, 4 + 4]


def test_unet_size_by_hand() -> None:
    # filters 4, depth 3: widths 4, 8, 16; kernels 4 x 4, so 16 weights a pair of channels.
    # A batch normalization has 4 a channel: gamma, beta, and the moving mean and variance.
    down = (16 * 1 * 4 + 4) + (16 * 4 * 8 + 8 + 4 * 8) + (16 * 8 * 16 + 16)
    up_2 = 16 * 16 * 8 + 8 + 4 * 8
    up_1 = 16 * (8 + 8) * 4 + 4 + 4 * 4
    up_0 = 16 * (4 + 4) * 3 + 3
    assert down + up_2 + up_1 + up_0 == 6203
    assert build_unet(4, 3).count_params() == 6203
    # Two channels of color instead of three.
    assert build_unet(4, 3, output="chroma").count_params() == 6203 - (16 * 8 + 1)


def test_unet_widths_double_up_to_the_limit() -> None:
    model = build_unet(4, 4, max_filters=8)
    widths = [model.get_layer(f"down_{level}").filters for level in range(4)]
    assert widths == [4, 8, 8, 8]


def test_unet_normalizes_where_pix2pix_does() -> None:
    model = build_unet(4, 5)
    normalized = [
        layer.name for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    # Neither the outermost nor the innermost level of the encoder (pix2pix, section 6.1.1).
    assert normalized == [
        *(f"down_{level}_norm" for level in (1, 2, 3)),
        *(f"up_{level}_norm" for level in (4, 3, 2, 1)),
    ]
    dropped = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert dropped == [f"up_{level}_dropout" for level in (4, 3, 2)]
    none = build_unet(4, 5, normalization="none", dropout=0.0)
    assert not [layer for layer in none.layers if layer.name.endswith(("_norm", "_dropout"))]


@pytest.mark.parametrize(
    ("normalization", "alike"),
    [("instance", lambda v: v.mean((1, 2))), ("group", lambda v: v.mean((1, 2, 3)))],
)
def test_normalization_is_the_one_asked_for(normalization: Normalization, alike: Any) -> None:
    model = build_unet(16, 3, normalization=normalization, seed=1)
    layer = model.get_layer("down_1_norm")
    layer.gamma.assign(tf.ones_like(layer.gamma))
    probe = keras.Model(model.input, layer.output)
    values = np.asarray(probe(random_input(2, 64, 64, 1)))
    np.testing.assert_allclose(alike(values), 0.0, atol=1e-4)
    of_channels = np.abs(values.mean((1, 2))).max()
    assert bool(of_channels < 1e-4) is (normalization == "instance")


def test_dropout_acts_in_training_only() -> None:
    photograph = random_input(1, 16, 16, 1)
    model = tiny_unet(normalization="none")
    magnify(model, "up_0", 1000.0)
    np.testing.assert_array_equal(model(photograph), model(photograph))
    assert not np.array_equal(model(photograph, training=True), model(photograph, training=True))
    plain = tiny_unet(normalization="none", dropout=0.0)
    magnify(plain, "up_0", 1000.0)
    np.testing.assert_array_equal(plain(photograph, training=True), plain(photograph))


# --- build_patchgan ---


def test_patchgan_gives_logits() -> None:
    model = build_patchgan(4, 3)
    magnify(model, "patches", 1e6)
    logits = np.asarray(model([random_input(2, 50, 37, 1), random_input(2, 50, 37, 3)]))
    assert logits.shape == (2, 7, 5, 1)  # divided by 8, rounded up
    assert logits.min() < -1.0, "logits, not probabilities"
    assert logits.max() > 1.0, "logits, not probabilities"


# 16 and 70 pixels: pix2pix, section 6.1.2, PatchGANs of one and of three strided convolutions.
@pytest.mark.parametrize(
    ("depth", "side"), [(1, 16), (2, 34), pytest.param(3, 70, marks=pytest.mark.smoke)]
)
def test_one_logit_sees_its_patch(depth: int, side: int) -> None:
    model = build_patchgan(4, depth, normalization="none")
    size = 128
    pair = [tf.constant(random_input(1, size, size, channels)) for channels in (1, 3)]
    with tf.GradientTape() as tape:
        tape.watch(pair)
        logits = model(pair)
        center = logits[0, logits.shape[1] // 2, logits.shape[2] // 2, 0]
    for gradient in tape.gradient(center, pair):
        seen = np.abs(gradient[0]).sum(-1) > 0.0
        rows, columns = (np.flatnonzero(seen.any(axis)) for axis in (1, 0))
        assert min(rows[0], columns[0]) > 0, "the patch is cut off at the border"
        assert rows[-1] - rows[0] + 1 == columns[-1] - columns[0] + 1 == side
        assert seen.sum() == side**2, "the patch has holes"


def test_patchgan_size_is_that_of_pix2pix() -> None:
    # pytorch-CycleGAN-and-pix2pix prints 2.769 M (2,768,705) for its PatchGAN with batch
    # normalization. Against it, ours sees 4 channels instead of 6, 16 * 2 * 64 weights fewer, and
    # has biases before the normalizations, 128 + 256 + 512 weights more.
    trainable = sum(int(np.prod(w.shape)) for w in build_patchgan().trainable_weights)
    assert trainable == 2_768_705 - 2_048 + 896


def test_patchgan_widths_double_up_to_512() -> None:
    model = build_patchgan(64, 4, normalization="none")
    assert [model.get_layer(f"conv_{level}").filters for level in range(5)] == [
        *(64, 128, 256, 512, 512)
    ]


def test_patchgan_normalizes_neither_its_first_nor_its_last_convolution() -> None:
    names = [layer.name for layer in build_patchgan(8, 3, normalization="instance").layers]
    normalized = [name for name in names if name.endswith("_norm")]
    assert normalized == ["conv_1_norm", "conv_2_norm", "conv_3_norm"]


@pytest.mark.parametrize("conditional", [True, False])
def test_patchgan_is_conditional_on_the_luminance(conditional: bool) -> None:
    model = tiny_patchgan(conditional=conditional)
    rgb = random_input(1, 16, 16, 3)
    logits = model([random_input(1, 16, 16, 1, seed=1), rgb])
    others = model([random_input(1, 16, 16, 1, seed=2), rgb])
    assert np.array_equal(logits, others) is not conditional
    repainted = model([random_input(1, 16, 16, 1, seed=1), 1.0 - rgb])
    assert not np.array_equal(logits, repainted), "the color is not seen"


@pytest.mark.smoke
def test_spectral_normalization_bounds_every_kernel() -> None:
    keras.utils.set_random_seed(0)  # Keras draws where the power iteration begins
    model = tiny_patchgan(normalization="none", spectral_normalization=True)
    pair = [random_input(1, 16, 16, 1), random_input(1, 16, 16, 3)]

    def norms() -> list[float]:
        kernels = [weight for weight in model.weights if weight.path.endswith("/kernel")]
        assert len(kernels) == 4  # three convolutions and the patches
        return [
            float(np.linalg.svd(kernel.numpy().reshape(-1, kernel.shape[-1]))[1][0])
            for kernel in kernels
        ]

    for weight in model.trainable_weights:
        if weight.path.endswith("/kernel"):
            weight.assign(weight * 20.0)
    assert min(norms()) > 1.5
    for _ in range(60):  # each training step makes one power iteration
        model(pair, training=True)
    np.testing.assert_allclose(norms(), 1.0, atol=0.05)


def test_spectral_normalization_stores_kernels_in_full_at_mixed_precision() -> None:
    model = tiny_patchgan(normalization="none", spectral_normalization=True, dtype="mixed_bfloat16")
    model([random_input(1, 16, 16, 1), random_input(1, 16, 16, 3)], training=True)
    for weight in model.trainable_weights:
        if weight.path.endswith("/kernel"):
            values = weight.numpy()
            rounded = keras.ops.cast(keras.ops.cast(values, "bfloat16"), "float32")
            assert np.mean(values == np.asarray(rounded)) < 0.1, weight.path


# --- both ---


@pytest.mark.parametrize("build", [tiny_unet, tiny_patchgan])
def test_no_layer_repeats_the_numbers_of_another(build: Any) -> None:
    kernels = [weights.ravel()[:8] for weights in build().get_weights() if weights.ndim == 4]
    assert len({kernel.tobytes() for kernel in kernels}) == len(kernels) > 3


def test_seed_does_not_touch_the_seeds_of_others() -> None:
    keras.utils.set_random_seed(5)
    expected = (np.random.random(), float(keras.random.uniform(())))
    keras.utils.set_random_seed(5)
    tiny_unet()
    tiny_patchgan()
    assert (np.random.random(), float(keras.random.uniform(()))) == expected


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_unet_weights_start_as_those_of_pix2pix(upsampling: Upsampling) -> None:
    check_initialization(build_unet(32, 4, upsampling=upsampling))


@pytest.mark.parametrize("spectral_normalization", [False, True])
def test_patchgan_weights_start_as_those_of_pix2pix(spectral_normalization: bool) -> None:
    check_initialization(build_patchgan(32, 3, spectral_normalization=spectral_normalization))


def check_initialization(model: keras.Model) -> None:
    """Kernels from N(0, 0.02), scales from N(1, 0.02) (pix2pix, section 6.2, and its code)."""
    kernels = [w.numpy() for w in model.weights if w.path.endswith("/kernel")]
    assert len(kernels) >= 5
    for kernel in kernels:
        # Four standard errors of the mean and of the standard deviation.
        assert abs(kernel.mean()) < 4 * 0.02 / kernel.size**0.5
        assert kernel.std() == pytest.approx(0.02, abs=4 * 0.02 / (2 * kernel.size) ** 0.5)
    scales = np.concatenate([w.numpy() for w in model.weights if w.path.endswith("/gamma")])
    assert scales.mean() == pytest.approx(1.0, abs=4 * 0.02 / scales.size**0.5)
    assert scales.std() == pytest.approx(0.02, abs=4 * 0.02 / (2 * scales.size) ** 0.5)
    for weight in model.weights:
        if weight.path.endswith(("/bias", "/beta", "/moving_mean")):
            np.testing.assert_array_equal(weight, 0.0)


# --- saved ---

SAVED = {
    "rgb": lambda: tiny_unet(upsampling="subpixel", normalization="group"),
    "chroma": lambda: tiny_unet(output="chroma", upsampling="resize", normalization="instance"),
    "mixed": lambda: tiny_unet(output="chroma", dtype="mixed_bfloat16"),
    "patchgan": lambda: tiny_patchgan(spectral_normalization=True),
}
LOAD_ELSEWHERE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "keras_colorize":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import keras
import numpy as np

inputs = np.load("inputs.npz")
for name in sys.argv[1:]:
    model = keras.saving.load_model(f"{name}.keras")
    pair = [inputs["luminance"], inputs["color"]]
    np.save(f"{name}.npy", model(pair if name == "patchgan" else pair[0]))
assert "keras_colorize" not in sys.modules
"""


@pytest.mark.smoke
def test_saved_models_load_in_plain_keras(tmp_path: Path) -> None:
    pair = [random_input(2, 16, 12, 1), random_input(2, 16, 12, 3)]
    np.savez(tmp_path / "inputs.npz", luminance=pair[0], color=pair[1])
    expected = {}
    for name, build in SAVED.items():
        model = build()
        if name != "patchgan":
            magnify(model, "up_0", 100.0)
        model.save(tmp_path / f"{name}.keras")
        expected[name] = model(pair if name == "patchgan" else pair[0])
    # -I: neither the current folder nor PYTHONPATH is searched.
    process = subprocess.run(
        [sys.executable, "-I", "-c", LOAD_ELSEWHERE, *SAVED],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    for name, values in expected.items():
        loaded = np.load(tmp_path / f"{name}.npy")
        np.testing.assert_allclose(loaded, values, atol=1e-6, err_msg=name)


# --- errors ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": 0}, "filters must be an integer of at least 1. Received: filters=0"),
        ({"depth": 0}, "depth must be an integer of at least 1. Received: depth=0"),
        ({"depth": 2.0}, "depth must be an integer of at least 1. Received: depth=2.0"),
        ({"max_filters": -1}, "max_filters must be an integer of at least 1. .*=-1"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\). Received: dropout=1.0"),
        ({"dropout": -0.1}, r"dropout must be in \[0, 1\). Received: dropout=-0.1"),
        (
            {"normalization": "layer"},
            "normalization must be one of batch, instance, group, none. "
            "Received: normalization='layer'",
        ),
        (
            {"upsampling": "bilinear"},
            "upsampling must be one of transposed, resize, subpixel. "
            "Received: upsampling='bilinear'",
        ),
        ({"output": "lab"}, "output must be one of rgb, chroma. Received: output='lab'"),
    ],
)
def test_unet_names_what_it_cannot_build(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny_unet(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": 0}, "filters must be an integer of at least 1. Received: filters=0"),
        ({"depth": 0}, "depth must be an integer of at least 1. Received: depth=0"),
        ({"normalization": None}, "normalization must be one of .* Received: normalization=None"),
    ],
)
def test_patchgan_names_what_it_cannot_build(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny_patchgan(**options)


@pytest.mark.parametrize(("filters", "groups"), [(12, 8), (6, 4), (5, 2)])
def test_group_normalization_of_any_width(filters: int, groups: int) -> None:
    """The second convolution has twice the filters: 24, 12 and 10 channels."""
    model = build_patchgan(filters, 1, normalization="group")
    assert model.get_layer("conv_1_norm").groups == groups
