"""Make a trained generator ready to be handed on: stronger color, half the bytes.

A network that learned to be right on average paints the average of what it holds possible, which
is paler than any of it. Multiplying its chroma by a factor above 1 restores the strength of true
colors, and costs a little PSNR: ``benchmarks/saturation.py`` draws the curve. Emphasis, a factor
that is larger where the network is sure, costs less: see :mod:`keras_colorize.models.emphasis`. A
generator with a distribution can also follow the certainty that it learned.
"""

import dataclasses
import io
import os
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

from keras_colorize.errors import ModelError
from keras_colorize.files import atomic_path
from keras_colorize.models.archive import WEIGHTS_ENTRY
from keras_colorize.models.distribution import GAIN_LAYER
from keras_colorize.models.emphasis import EMPHASIS_LAYER, build_emphasis
from keras_colorize.models.saved import GeneratorFacts, write_generator
from keras_colorize.models.unet import CHROMA_LAYER, keep_luminance

__all__ = ["LARGE", "emphasize", "follow_certainty", "pack_generator", "saturate"]

#: Arrays of fewer values keep 32 bits: of the shipped generator's 4 million weights they are 5 %,
#: and they, the depthwise kernels above all, would cause most of the difference of 16 bits.
LARGE = 20_000


def saturate(generator: keras.Model, factor: float) -> keras.Model:
    """A copy of a generator that paints stronger or paler color.

    Args:
        generator: a UNet; one that paints RGB gives up the luminance that it paints.
        factor: what its Cb and Cr are multiplied by, before they are limited into gamut; above 0.

    Returns:
        A generator of the same weights whose last scaling holds the factor.

    Raises:
        ValueError: the factor is not above 0.
    """
    if not 0.0 < factor < float("inf"):
        raise ValueError(f"saturation must be above 0 and finite. Received: {factor}")
    generator = _painting_chroma(generator)

    scale = factor * generator.get_layer(CHROMA_LAYER).scale
    return _with_rescaling(generator, CHROMA_LAYER, scale=scale)


def emphasize(generator: keras.Model, strength: float) -> keras.Model:
    """A copy of a generator that paints stronger color where it is sure of it.

    Args:
        generator: a UNet; one that paints RGB gives up the luminance that it paints.
        strength: see :func:`keras_colorize.models.emphasis.build_emphasis`; above 0.

    Returns:
        A generator of the same weights.

    Raises:
        ModelError: the generator has an emphasis already.
        ValueError: the strength is not above 0.
    """
    if not 0.0 < strength < float("inf"):
        raise ValueError(f"strength must be above 0 and finite. Received: {strength}")
    if any(layer.name == EMPHASIS_LAYER for layer in generator.layers):
        raise ModelError(
            "the generator has an emphasis already; give an unpacked one, or make its color "
            "stronger with a saturation"
        )
    generator = _painting_chroma(generator)
    (luminance,) = generator.inputs

    def call(layer: keras.layers.Layer, *inputs: keras.KerasTensor, **options: object) -> object:
        if layer.name != CHROMA_LAYER:
            return layer(*inputs, **options)
        # In front of the layer, whose output is what exporters and saturate() take for the chroma.
        return layer(build_emphasis(strength, layer.scale)([*inputs, luminance]), **options)

    emphasized = keras.models.clone_model(
        generator, input_tensors=generator.input, call_function=call
    )
    for layer in generator.layers:  # one by one: the order of all may be another
        if layer.weights:
            emphasized.get_layer(layer.name).set_weights(layer.get_weights())
    return emphasized


def follow_certainty(generator: keras.Model, multiple: float) -> keras.Model:
    """A copy of a generator whose color is as strong as it is certain.

    Args:
        generator: a UNet with a distribution.
        multiple: its Cb and Cr are multiplied by this times the certainty, which is about 0.5 on
            average; above 0.

    Returns:
        A generator of the same weights whose gain holds the multiple, in place of an earlier one.

    Raises:
        ModelError: the generator has no distribution.
        ValueError: the multiple is not above 0.
    """
    if not 0.0 < multiple < float("inf"):
        raise ValueError(f"multiple must be above 0 and finite. Received: {multiple}")
    if all(layer.name != GAIN_LAYER for layer in generator.layers):
        raise ModelError(
            "color can only follow certainty in a generator that was trained with "
            "generator.distribution; this one was not: give it a saturation instead"
        )
    return _with_rescaling(generator, GAIN_LAYER, scale=multiple, offset=0.0)


def _painting_chroma(generator: keras.Model) -> keras.Model:
    """The generator itself, or one that paints RGB without the luminance that it paints."""
    if all(layer.name != CHROMA_LAYER for layer in generator.layers):
        return keep_luminance(generator)
    return generator


def _with_rescaling(generator: keras.Model, name: str, **settings: float) -> keras.Model:
    """A copy of the same weights with other settings of one Rescaling layer."""

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        return layer.__class__.from_config(config | settings if layer.name == name else config)

    changed = keras.models.clone_model(generator, clone_function=copy)
    changed.set_weights(generator.get_weights())
    return changed


def pack_generator(
    path: str | Path,
    generator: keras.Model,
    facts: GeneratorFacts,
    *,
    saturation: float = 1.0,
    emphasis: float | None = None,
    certainty: float | None = None,
    working_size: int | None = None,
) -> None:
    """Save a generator with its large kernels in 16 bits, atomically.

    It stays an ordinary ``.keras`` file: its variables are float32, and Keras converts what it
    reads. What is small keeps 32 bits: depthwise kernels, and biases and normalization, whose
    variances span more orders of magnitude than float16 does.

    Args:
        path: the file, ending in ``.keras``; an existing one is replaced.
        generator: see :func:`saturate`; with ``saturation=1`` of any output.
        facts: those of the generator.
        saturation: what its chroma is multiplied by.
        emphasis: see :func:`emphasize`; by default there is none.
        certainty: see :func:`follow_certainty`; by default the generator's gain stays as it is.
        working_size: short side in pixels at which it is to see photographs; by default that of
            the facts, the largest it was trained at. Somewhat more can be better: a whole
            photograph shows things smaller than the crops of a training do.

    Raises:
        ModelError: a weight is beyond 16 bits; color is to follow a certainty that the generator
            does not have; or it has an emphasis, or a saturation in whose place one would be.
    """
    if saturation != 1.0:
        generator = saturate(generator, saturation)
        facts = dataclasses.replace(facts, saturation=facts.saturation * saturation)
    if emphasis is not None:
        if facts.saturation != 1.0:  # emphasis goes by how long the chroma is that was learned
            raise ModelError(
                "an emphasis takes the place of a saturation, and the generator has one of "
                f"{facts.saturation:g}; give an unpacked one, and no saturation"
            )
        generator = emphasize(generator, emphasis)
    if certainty is not None:
        generator = follow_certainty(generator, certainty)
    if working_size is not None:
        facts = dataclasses.replace(facts, working_size=working_size)
    with atomic_path(path) as temporary:
        write_generator(temporary, generator, facts)
        _halve_weights(temporary)


def _halve_weights(path: Path) -> None:
    """Rewrite a ``.keras`` file with the large kernels in float16."""
    halved = path.with_name(f"{path.name}.halved")
    try:
        with (
            zipfile.ZipFile(path) as source,
            zipfile.ZipFile(halved, "w", zipfile.ZIP_DEFLATED) as target,
        ):
            for entry in source.infolist():
                content = source.read(entry)
                target.writestr(
                    entry, _halve(content) if entry.filename == WEIGHTS_ENTRY else content
                )
        os.replace(halved, path)
    finally:
        halved.unlink(missing_ok=True)


def _halve(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as source, h5py.File(buffer, "w") as target:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                copied = target.require_group(name)
            else:
                copied = target.create_dataset(name, data=_to_half(name, item[()]))
            for key, value in item.attrs.items():
                copied.attrs[key] = value

        for key, value in source.attrs.items():
            target.attrs[key] = value
        source.visititems(copy)
    return buffer.getvalue()


def _to_half(name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype != np.float32 or values.size < LARGE:
        return values
    if np.abs(values).max(initial=0.0) > np.finfo(np.float16).max:
        raise ModelError(f"the weights {name} are too large for 16 bits, or not finite")
    return values.astype(np.float16)
