"""A generator's twin for LiteRT: what colors photographs without importing TensorFlow.

It lies in the generator's own file, beside what Keras reads there, and gives everything that a
:class:`~keras_colorize.Colorizer` asks of the network. Its large kernels are stored in 16 bits, as
a packed generator's are; what it computes with is float32.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import keras
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.twin_network import TwinNetwork
from keras_colorize.errors import ModelError
from keras_colorize.exporting.origin import all_outputs
from keras_colorize.exporting.subpixel import replace_transposed
from keras_colorize.exporting.tflite import convert_endpoint, serialize
from keras_colorize.files import atomic_path
from keras_colorize.models.packing import LARGE
from keras_colorize.models.saved import add_twin, load_generator
from keras_colorize.photos.finding import find_photos
from keras_colorize.photos.reading import read_luminance

__all__ = ["MOST_DIFFERENCE", "convert_twin", "give_twin", "halve_kernels"]

#: Levels of 8 bits by which what a twin colors may differ from what Keras does.
MOST_DIFFERENCE = 1

# The rounding of a normal float16: what lies below its range loses more.
_HALF_ROUNDING = 2.0**-11
# Which input of an operation is its kernel.
_KERNELS = {
    schema.BuiltinOperator.CONV_2D: 1,
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: 1,
    schema.BuiltinOperator.TRANSPOSE_CONV: 1,
}
_DEQUANTIZE_HALVES = 3  # version of the operation that takes float16


def give_twin(path: Path) -> int:
    """Put a twin into the file of a generator, where it paints the same; atomically.

    Args:
        path: a ``.keras`` file of this package without a twin.

    Returns:
        The largest difference between the photographs that both color, in levels of 8 bits: the
        historical ones of the sample, as they are and turned, at several working sizes.

    Raises:
        ModelError: the generator cannot be converted, or its twin differs by more than
            :data:`MOST_DIFFERENCE`; the file stays as it was.
    """
    generator, facts = load_generator(path)
    twin = halve_kernels(convert_twin(generator, facts.stride))
    painters = [Colorizer(network, facts, path=path) for network in (generator, TwinNetwork(twin))]
    difference = _difference(*painters)
    if difference > MOST_DIFFERENCE:
        raise ModelError(
            f"what LiteRT paints differs by {difference} of 255 levels, where {MOST_DIFFERENCE} is "
            "allowed"
        )
    with atomic_path(path) as temporary:
        shutil.copyfile(path, temporary)
        add_twin(temporary, twin)
    return difference


def convert_twin(generator: keras.Model, stride: int) -> bytes:
    """A TensorFlow Lite model of all that a Colorizer asks of a generator, for every size.

    Args:
        generator: a UNet.
        stride: of which heights and widths are multiples.

    Raises:
        ModelError: TensorFlow Lite's operations cannot express the generator.
    """
    network = replace_transposed(all_outputs(generator))
    return convert_endpoint(lambda luminance: network(luminance, training=False), stride=stride)


def halve_kernels(content: bytes) -> bytes:
    """A TensorFlow Lite model with its large kernels in float16, widened when it is loaded.

    The converter's own optimization halves every weight. The small ones are hardly any bytes, and
    the depthwise kernels among them most of the difference. A kernel whose values are too small or
    too large for float16 stays as it is.

    Args:
        content: a model of one subgraph with float32 weights.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    (graph,) = model.subgraphs
    users = Counter(tensor.buffer for tensor in graph.tensors)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = _DEQUANTIZE_HALVES
    model.operatorCodes.append(code)
    widening = []
    for index in sorted(_kernels(model, graph)):
        tensor = graph.tensors[index]
        buffer = model.buffers[tensor.buffer]
        if tensor.type != schema.TensorType.FLOAT32 or users[tensor.buffer] > 1:
            continue
        half = _halve(np.asarray(buffer.data, np.uint8).view(np.float32))
        if half is None:
            continue
        buffer.data = half.view(np.uint8)
        stored = schema.TensorT()
        stored.name, stored.shape = tensor.name + b"_half", tensor.shape
        stored.type, stored.buffer = schema.TensorType.FLOAT16, tensor.buffer
        tensor.buffer = 0  # by convention the empty one: it is computed
        graph.tensors.append(stored)
        widen = schema.OperatorT()
        widen.opcodeIndex = len(model.operatorCodes) - 1
        widen.inputs, widen.outputs = [len(graph.tensors) - 1], [index]
        widening.append(widen)
    graph.operators = widening + graph.operators
    return serialize(model)


def _kernels(model: schema.ModelT, graph: schema.SubGraphT) -> set[int]:
    """Which tensors are kernels, as far as their values stand in the file."""
    codes = [code.builtinCode for code in model.operatorCodes]
    found = {
        operator.inputs[_KERNELS[codes[operator.opcodeIndex]]]
        for operator in graph.operators
        if codes[operator.opcodeIndex] in _KERNELS
    }
    return {index for index in found if model.buffers[graph.tensors[index].buffer].data is not None}


def _halve(values: np.ndarray) -> np.ndarray | None:
    """The values in float16, if they are many and that holds them."""
    if values.size < LARGE or np.abs(values).max() > np.finfo(np.float16).max:
        return None
    half = values.astype(np.float16)
    lost = np.linalg.norm(half.astype(np.float32) - values)
    return half if lost <= _HALF_ROUNDING * np.linalg.norm(values) else None


def _difference(one: Colorizer, other: Colorizer) -> int:
    """The largest between photographs that both color, in levels of 8 bits."""
    return max(
        int(np.abs(a.astype(np.int16) - b).max())
        for luminance, size in _photographs(one.working_size)
        for a, b in [
            [
                np.asarray(painter.join(painter.paint(luminance, size), luminance))
                for painter in (one, other)
            ]
        ]
    )


def _photographs(working_size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Luminances of the sample, as they are and turned, each with a working size."""
    sample = Path(str(resources.files("keras_colorize"))) / "sample" / "historical"
    for number, path in enumerate(find_photos(sample)):
        luminance = read_luminance(path)
        yield luminance, working_size
        yield luminance.T, round(working_size * (1.25 if number % 2 else 0.75))
