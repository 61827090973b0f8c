"""A generator as an ONNX model. Needs the extra ``onnx``.

The file is the network alone, with batch, height and width free; what is around it is as for
:mod:`keras_colorize.exporting.tflite`. The metadata is the model's own.
"""

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_colorize.errors import ModelError
from keras_colorize.exporting.folding import fold
from keras_colorize.exporting.graph_hints import COLUMNS, HINTS_USAGE, paint_with_hints
from keras_colorize.exporting.origin import (
    METADATA_NAME,
    Origin,
    compare,
    describe,
    seeing,
    write_card,
)
from keras_colorize.exporting.signatures import as_graph
from keras_colorize.files import atomic_folder, make_folder
from keras_colorize.models.outputs import COLOR

__all__ = ["FILE_NAME", "export_onnx", "load_onnx"]

#: Name of the model's file.
FILE_NAME = "colorize.onnx"

_MISSING = (
    "ONNX needs packages that are not installed; install keras-colorize with the extra called onnx"
)
_OPSET = 18
_USAGE = """\
`{file}` runs with `onnxruntime`. Its input is `luminance`, float32 `({batch}, h, w, 1)` in [0, 1],
height and width multiples of {stride}; its output `color`, RGB `({batch}, h, w, 3)` in [0, 1].
{hints}
Use the chroma of the output only, enlarged to the photograph. `docs/deploy/edge.py` of
keras-colorize does so, and colors a photograph at full size:

    python edge.py PHOTO RESULT --model {file}

Stride, working size and the rest are in the model's metadata, under `{metadata}`.
"""


def export_onnx(
    origin: Origin,
    folder: str | Path,
    *,
    hints: bool = False,
    photographs: Sequence[np.ndarray] = (),
) -> Path:
    """Write a folder with an ONNX model and its card.

    Args:
        origin: the generator.
        folder: a folder that does not exist yet.
        hints: give it a second input, ``(N, 6)``: colors that are known; see
            :func:`~keras_colorize.exporting.graph_hints.paint_with_hints`. A batch is of one then.
        photographs: luminance ``(h, w, 1)`` on which the model is compared to the generator; the
            card tells the result.

    Returns:
        The model's file.

    Raises:
        ModelError: the packages that this needs are not installed.
        FileExistsError: the folder exists.
    """
    folder = Path(folder)
    make_folder(folder.parent)
    with atomic_folder(folder) as temporary:
        path = temporary / FILE_NAME
        _convert(origin, path, hints=hints)
        usage = _USAGE.format(
            file=FILE_NAME,
            batch=1 if hints else "B",
            stride=origin.facts.stride,
            hints=HINTS_USAGE.format(rows="N") if hints else "",
            metadata=METADATA_NAME,
        )
        measured = compare(load_onnx(path), origin, photographs) if photographs else {}
        write_card(temporary, origin, "ONNX model, float32", usage, measured)
    return folder / FILE_NAME


def load_onnx(path: str | Path, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """An ONNX model as a function, with ``onnxruntime`` on the CPU.

    Args:
        path: a file that :func:`export_onnx` wrote.
        threads: that it may use.

    Returns:
        Luminance ``(B, h, w, 1)`` to RGB ``(B, h, w, 3)``, both float32 in [0, 1]. A model that
        takes hints is given none.

    Raises:
        ModelError: ``onnxruntime`` is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(_MISSING) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    none = {"hints": np.zeros((1, len(COLUMNS)), np.float32)}
    given = {name: none[name] for name in none if name in {i.name for i in session.get_inputs()}}
    return lambda luminance: session.run(None, {"luminance": luminance, **given})[0]


def _convert(origin: Origin, path: Path, *, hints: bool) -> None:
    try:
        import onnx
        import tf2onnx
    except ImportError as error:
        raise ModelError(_MISSING) from error
    generator = origin.generator
    signature = [tf.TensorSpec((1 if hints else None, None, None, 1), tf.float32, name="luminance")]
    with warnings.catch_warnings():
        # Keras looks whether NumPy still has a name that tf2onnx uses, and NumPy warns of that.
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
        if hints:
            signature.append(tf.TensorSpec((None, len(COLUMNS)), tf.float32, name="hints"))
            network = seeing(generator)

            @as_graph(*signature)
            def paint(luminance: tf.Tensor, hints: tf.Tensor) -> dict[str, tf.Tensor]:
                rgb = paint_with_hints(network, luminance, hints)
                return {COLOR: rgb}

            tf2onnx.convert.from_function(paint, signature, opset=_OPSET, output_path=str(path))
        else:
            fold(generator).export(path, format="onnx", verbose=False, input_signature=signature)
    model = onnx.load(path)
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["color" if name == output.name else name for name in node.output]
    output.name = "color"
    for value in (model.graph.input[0], output):
        batch, height, width, _ = value.type.tensor_type.shape.dim
        height.dim_param, width.dim_param = "height", "width"
        if hints:  # they are of one photograph
            batch.dim_value = 1
        else:
            batch.dim_param = "batch"
    onnx.helper.set_model_props(
        model, {METADATA_NAME: json.dumps(describe(origin, hints=None if hints else 0))}
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
