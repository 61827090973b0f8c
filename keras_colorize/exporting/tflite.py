"""A generator as a TensorFlow Lite model, for devices without TensorFlow.

The file is the network alone: luminance in, RGB out. What is around it, from the photograph to its
working size and back to full size, is the application's; ``docs/deploy/edge.py`` shows it. The
metadata lies in the file as an appended ZIP archive, as TensorFlow Lite's associated files do.
"""

import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import flatbuffers
import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from keras_colorize import color
from keras_colorize.errors import DataError, ModelError, PhotoError
from keras_colorize.exporting.folding import as_factors, fold
from keras_colorize.exporting.graph_hints import COLUMNS, HINTS_USAGE, paint_with_hints
from keras_colorize.exporting.origin import (
    METADATA_NAME,
    Origin,
    compare,
    describe,
    write_card,
)
from keras_colorize.exporting.replacing import replace_layers
from keras_colorize.exporting.signatures import as_graph, save_graphs
from keras_colorize.exporting.subpixel import replace_transposed
from keras_colorize.files import atomic_folder, make_folder
from keras_colorize.models.litert import LiteRTModel
from keras_colorize.models.outputs import COLOR, named_outputs
from keras_colorize.models.unet import CHROMA_LAYER
from keras_colorize.photos.finding import find_photos
from keras_colorize.photos.reading import read_photo

__all__ = [
    "FILE_NAME",
    "HINTS",
    "Precision",
    "convert",
    "convert_endpoint",
    "export_tflite",
    "leave_unlimited",
    "load_tflite",
    "read_calibration",
    "replace_normalization",
]

#: Name of the model's file.
FILE_NAME = "colorize.tflite"

#: Rows of the table of hints in a model that takes them.
HINTS = 16

Precision = Literal["float32", "float16", "dynamic", "int8"]

_CALIBRATION_PHOTOS = 64
# Below this variance a channel of activations, which lie in [0, 6] or so, is as good as constant.
# Normalization blows up what little there is, and int8 would spend its range on that.
_CONSTANT = 1e-3
_FORMS: dict[Precision, str] = {
    "float32": "float32",
    "float16": "weights of float16, computed in float32",
    "dynamic": "weights of int8, activations quantized as they come",
    "int8": "weights, activations, input and output of int8, calibrated",
}
_USAGE = """\
`{file}` runs with `ai-edge-litert` and needs no TensorFlow. Its input is `luminance`, `{shape}`, in
[0, 1]; its output `color`, RGB of the same size, {range}
{hints}
Use the chroma of the output only, enlarged to the photograph. `docs/deploy/edge.py` of
keras-colorize does so, and colors a photograph at full size:

    python edge.py PHOTO RESULT --model {file}

Stride, working size and the rest of the metadata lie in the file, in a ZIP archive at its end:

    python -m zipfile -e {file} FOLDER  # gives {metadata}
"""
_FLOATS = "in [0, 1]."
_INTEGERS = (
    "black 0 and white 1, colors beyond them unlimited. Both are\n"
    "int8, by the scale and zero point that the file states."
)


def export_tflite(
    origin: Origin,
    folder: str | Path,
    *,
    precision: Precision = "dynamic",
    size: tuple[int, int] | None = None,
    hints: bool = False,
    calibration: Sequence[np.ndarray] = (),
    photographs: Sequence[np.ndarray] = (),
) -> Path:
    """Write a folder with a TensorFlow Lite model and its card.

    Args:
        origin: the generator.
        folder: a folder that does not exist yet.
        precision: of weights and activations: ``"float32"``; ``"float16"``, half the size;
            ``"dynamic"``, a quarter, weights of int8; ``"int8"``, all of int8, for which
            photographs are needed; it leaves limiting chroma to who joins it to the photograph.
        size: height and width of the input; multiples of the stride. Without, the input is
            resizable to any multiples, which some runtimes execute much slower.
        hints: give it a second input, ``(16, 6)``: colors that are known; see
            :func:`~keras_colorize.exporting.graph_hints.paint_with_hints`. Not in ``"int8"``.
        calibration: for ``"int8"``: luminance of real photographs, see :func:`read_calibration`.
        photographs: luminance ``(h, w, 1)`` on which the model is compared to the generator, with
            ``ai-edge-litert``; the card tells the result.

    Returns:
        The model's file.

    Raises:
        ModelError: the size is no multiple of the stride, or the network cannot be converted.
        FileExistsError: the folder exists.
        DataError: photographs for calibration are needed, and there are none.
    """
    folder = Path(folder)
    make_folder(folder.parent)
    with atomic_folder(folder) as temporary:
        path = temporary / FILE_NAME
        path.write_bytes(
            convert(origin, precision=precision, size=size, hints=hints, calibration=calibration)
        )
        with zipfile.ZipFile(path, "a") as archive:
            facts = describe(origin, precision, size, hints=HINTS if hints else 0)
            archive.writestr(METADATA_NAME, json.dumps(facts, indent=1))
        shape = f"(1, {size[0]}, {size[1]}, 1)" if size else "(1, h, w, 1)"
        usage = _USAGE.format(
            file=FILE_NAME,
            shape=shape,
            range=_INTEGERS if precision == "int8" else _FLOATS,
            hints=HINTS_USAGE.format(rows=HINTS) if hints else "",
            metadata=METADATA_NAME,
        )
        kind = f"TensorFlow Lite model: {_FORMS[precision]}; input {shape}"
        measured = compare(load_tflite(path), origin, photographs) if photographs else {}
        write_card(temporary, origin, kind, usage, measured)
    return folder / FILE_NAME


def convert(
    origin: Origin,
    *,
    precision: Precision,
    size: tuple[int, int] | None = None,
    hints: bool = False,
    calibration: Sequence[np.ndarray] = (),
) -> bytes:
    """The TensorFlow Lite model, of TensorFlow Lite's own operations alone.

    Arguments and errors are those of :func:`export_tflite`.
    """
    stride = origin.facts.stride
    if size is not None and (min(size) < stride or size[0] % stride or size[1] % stride):
        raise ModelError(
            f"height and width must be multiples of the generator's stride, {stride}. "
            f"Received: {size[0]} x {size[1]}"
        )
    if precision == "int8" and hints:
        raise ModelError("hints need a model that computes in floats, not one of precision int8")
    if precision == "int8" and not calibration:
        raise DataError("precision int8 needs photographs to calibrate with; found none")
    quantized = precision in ("dynamic", "int8")
    generator = leave_unlimited(origin.generator) if precision == "int8" else origin.generator
    outputs = named_outputs(generator) if hints else {COLOR: generator.output}
    network = fold(keras.Model(generator.input, outputs), constant=_CONSTANT if quantized else 0.0)
    if quantized:
        network = replace_normalization(network)
    network = replace_transposed(network)

    def paint(luminance: tf.Tensor) -> dict[str, tf.Tensor]:
        painted: dict[str, tf.Tensor] = network(luminance, training=False)
        return painted

    def paint_hinted(luminance: tf.Tensor, hints: tf.Tensor) -> dict[str, tf.Tensor]:
        return {COLOR: paint_with_hints(paint, luminance, hints)}

    return convert_endpoint(
        paint_hinted if hints else paint,
        stride=stride,
        inputs=[tf.TensorSpec((HINTS, len(COLUMNS)), tf.float32, name="hints")] if hints else [],
        precision=precision,
        size=size,
        calibration=calibration,
    )


def convert_endpoint(
    endpoint: Callable[..., dict[str, tf.Tensor]],
    *,
    stride: int,
    inputs: Sequence[tf.TensorSpec] = (),
    precision: Precision = "float32",
    size: tuple[int, int] | None = None,
    calibration: Sequence[np.ndarray] = (),
) -> bytes:
    """A TensorFlow Lite model of what makes named outputs of a luminance ``(1, h, w, 1)``.

    Height and width are multiples of ``stride``; ``inputs`` are what else the endpoint takes, in
    its order. The other arguments are those of :func:`export_tflite`.

    Raises:
        ModelError: TensorFlow Lite's operations cannot express it.
    """
    luminance = tf.TensorSpec((1, *(size or (None, None)), 1), tf.float32, name="luminance")
    graph = as_graph(luminance, *inputs)(endpoint)
    with tempfile.TemporaryDirectory() as folder:
        save_graphs({"serving_default": graph}, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        _configure(converter, precision, calibration)
        try:
            content: bytes = converter.convert()
        # The converter's own exception belongs to a private module and derives from this.
        except Exception as error:
            raise ModelError(
                f"TensorFlow Lite's operations cannot express this generator"
                f"{'' if size else ' with a resizable input; give it a fixed size'}. The converter "
                f"has said which above: {type(error).__name__}"
            ) from error
    return content if size else _beginning_at(content, stride)


def replace_normalization(generator: keras.Model) -> keras.Model:
    """A copy whose batch normalizations are depthwise convolutions of one pixel.

    TensorFlow Lite quantizes the factors of a normalization with one scale for all channels. Where
    they range over orders of magnitude, as behind an encoder with channels that hardly vary, most
    of them become 0. Kernels of such a convolution have a scale for every channel.

    Channels that hardly varied in training are held at their mean; otherwise the copy computes the
    same.
    """
    return replace_layers(
        generator,
        lambda layer: isinstance(layer, keras.layers.BatchNormalization),
        lambda layer: keras.layers.DepthwiseConv2D(1, name=layer.name),
        _as_convolution,
    )


def leave_unlimited(generator: keras.Model) -> keras.Model:
    """The same weights with chroma that is not limited to what the luminance allows.

    The limit is a division, which does not work in int8. Who joins the chroma to the luminance of
    the photograph limits it anyway. A generator that paints RGB is given back as it is.
    """
    if all(layer.name != CHROMA_LAYER for layer in generator.layers):
        return generator
    chroma = generator.get_layer(CHROMA_LAYER).output
    to_differences = keras.layers.Conv2D(3, 1, use_bias=False, name="color_differences")
    # Apart from the luminance, whose fine steps int8 keeps only where it is by itself.
    rgb = keras.layers.Add(name="unlimited_color")([generator.inputs[0], to_differences(chroma)])
    unit_chroma = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], np.float32)
    to_differences.set_weights([color.ycbcr_to_rgb(unit_chroma)[None, None]])  # (1, 1, 2, 3)
    return keras.Model(generator.input, rgb)


def read_calibration(folder: str | Path, size: tuple[int, int]) -> list[np.ndarray]:
    """Luminance of photographs, evenly chosen from a folder, that shows what the network will see.

    Args:
        folder: photographs, searched recursively; those that cannot be read are passed over.
        size: height and width.

    Returns:
        float32 ``(height, width, 1)`` in [0, 1] each, at most 64. The tones of the first are
        stretched to the whole of [0, 1], which the network's input may take.

    Raises:
        DataError: there is no photograph that can be read.
    """
    paths = find_photos(folder)
    chosen = np.linspace(0, len(paths) - 1, min(len(paths), _CALIBRATION_PHOTOS)).round()
    photos = list(_readable([paths[int(index)] for index in chosen], size))
    if not photos:
        raise DataError(f"expected photographs to calibrate with, found none in {folder}")
    photos[0] = (photos[0] - photos[0].min()) / max(np.ptp(photos[0]), 1e-6)
    return photos


def load_tflite(path: str | Path, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """A TensorFlow Lite model as a function, with ``ai-edge-litert``.

    Args:
        path: a file that :func:`export_tflite` wrote.
        threads: that it may use.

    Returns:
        Luminance ``(1, h, w, 1)`` to RGB ``(1, h, w, 3)``, both float32 in [0, 1]. A model that
        takes hints is given none.

    Raises:
        ModelError: ``ai-edge-litert`` is not installed.
    """
    model = LiteRTModel(Path(path), threads)
    return lambda luminance: model(luminance, [COLOR])[COLOR]


def _configure(
    converter: tf.lite.TFLiteConverter, precision: Precision, calibration: Sequence[np.ndarray]
) -> None:
    # Not among them: TensorFlow's operations ("Flex"), which a device's runtime does not have.
    operations = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        operations = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        converter.representative_dataset = lambda: ([photo[None]] for photo in calibration)
    converter.target_spec.supported_ops = operations


def _beginning_at(content: bytes, side: int) -> bytes:
    """A model of a resizable input that has this height and width until it is resized.

    The converter leaves 1 x 1, at which skips don't meet what they are joined to.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]  # the others are bodies of loops
    for index in graph.inputs:
        tensor = graph.tensors[index]
        if tensor.shapeSignature is not None and -1 in tensor.shapeSignature:
            tensor.shape = np.where(tensor.shapeSignature == -1, side, tensor.shape).astype(
                np.int32
            )
    return serialize(model)


def serialize(model: schema.ModelT) -> bytes:
    """The content of a TensorFlow Lite model."""
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")  # as such files name themselves
    return bytes(builder.Output())


def _readable(paths: Sequence[Path], size: tuple[int, int]) -> Iterator[np.ndarray]:
    height, width = size
    for path in paths:
        try:
            photo = read_photo(path, short_side=min(size))[:height, :width]
        except PhotoError:
            continue
        y = color.luminance(photo.astype(np.float32) / 255.0)
        missing = (height - y.shape[0], width - y.shape[1])
        yield np.pad(y, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")


def _as_convolution(layer: keras.layers.BatchNormalization) -> list[np.ndarray]:
    factor, offset = as_factors(layer, _CONSTANT)
    return [factor[None, None, :, None], offset]  # (1, 1, C, 1) and (C,)
