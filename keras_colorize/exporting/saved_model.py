"""A generator as a TensorFlow SavedModel: photographs in, color photographs out, for TF Serving.

The graph holds everything, so that it is served where this package is not installed.
"""

import re
from pathlib import Path

import tensorflow as tf

from keras_colorize.exporting.graph import GraphColorizer
from keras_colorize.exporting.graph_hints import COLUMNS, refuse_hints
from keras_colorize.exporting.graph_photos import ImageFormat, decode_photo, encode_photo
from keras_colorize.exporting.origin import Origin, seeing, write_card
from keras_colorize.exporting.signatures import as_graph, save_graphs
from keras_colorize.files import atomic_folder, atomic_path, make_folder

__all__ = ["MAX_PIXELS", "export_saved_model", "next_version"]

#: Photographs with more pixels are refused, unless the export says otherwise.
MAX_PIXELS = 50_000_000

_TOLERANCE = 1e-3  # how far a luminance may lie outside [0, 1] by rounding
_LUMINANCE = tf.TensorSpec((None, None, None, 1), tf.float32, name="luminance")
_IMAGE = tf.TensorSpec((), tf.string, name="image_bytes")
_HINTS = tf.TensorSpec((None, len(COLUMNS)), tf.float32, name="hints")
_WARMUP = Path("assets.extra") / "tf_serving_warmup_requests"

_BATCHING = """\
# For tensorflow_model_server --enable_batching --batching_parameters_file=FILE.
# It bounds how many requests to colorize_bytes are worked on at once, and with it the memory; their
# photographs may differ in size, 32 in a request at most. Luminance for serving_default may not,
# and a request for it that is refused fails those of its batch: leave batching off where clients
# use it.
max_batch_size { value: 32 }
batch_timeout_micros { value: 0 }
max_enqueued_batches { value: 64 }
num_batch_threads { value: 2 }
"""
_USAGE = """\
A directory for TensorFlow Serving (`--model_base_path` is the folder above this one), with three
signatures:

| signature | | name | type | shape | |
|---|---|---|---|---|---|
| `colorize_bytes` | input | `image_bytes` | string | `(B,)` | JPEG, PNG or GIF files of any sizes |
| | output | `{encoded}` | string | `(B,)` | the colored {format} files; empty where one failed |
| | output | `error` | string | `(B,)` | why a photograph cannot be used; empty where it can |
| `colorize_hinted` | input | `image_bytes` | string | `()` | one such file |
| | input | `hints` | float32 | `(N, 6)` | colors that are known: x, y, radius, red, green, blue |
| | output | `{encoded}`, `error` | string | `()` | as above, of one |
| `serving_default` | input | `luminance` | float32 | `(B, H, W, 1)` | in [0, 1]; else refused |
| | output | `color` | float32 | `(B, H, W, 3)` | RGB in [0, 1] |

A photograph that cannot be used does not stop the others of its request. The orientation in the
Exif data of a JPEG or PNG is respected, transparent parts of a PNG become white; color profiles
are not applied, and metadata are not kept. More than {limit:.4g} megapixels are refused.

    curl http://127.0.0.1:8501/v1/models/{name}:predict -d '{{"signature_name": "colorize_bytes",
        "instances": [{{"image_bytes": {{"b64": "..."}}}}]}}'

A hint's place is relative to width and height, its radius to the shorter side (0.012 is a good
one), its color in 0 to 255. What is like its place follows; a later hint goes before an earlier.

    curl http://127.0.0.1:8501/v1/models/{name}:predict -d '{{"signature_name": "colorize_hinted",
        "inputs": {{"image_bytes": {{"b64": "..."}}, "hints": [[0.4, 0.6, 0.012, 61, 107, 79]]}}}}'
"""


def export_saved_model(
    origin: Origin,
    folder: str | Path,
    *,
    image_format: ImageFormat = "png",
    max_pixels: int = MAX_PIXELS,
    warmup: bytes | None = None,
) -> Path:
    """Write the next version of a served model.

    Beside the versions, ``models.config`` and ``batching.config`` for TensorFlow Serving are
    written where they are missing.

    Args:
        origin: the generator.
        folder: of all versions of the model, whose name it bears; made where it is missing.
        image_format: of the photographs that ``colorize_bytes`` gives back.
        max_pixels: the most that a photograph may have, and a batch of luminance.
        warmup: an encoded photograph, which a server colors before it takes requests.

    Returns:
        The folder of the version: complete, or not there.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    make_folder(folder)
    version = folder / str(next_version(folder))
    with atomic_folder(version) as temporary:
        _write_graph(origin, temporary, image_format, max_pixels)
        if warmup is not None:
            _write_warmup(temporary / _WARMUP, folder.resolve().name, warmup)
        usage = _USAGE.format(
            encoded=f"{image_format}_bytes",
            format=image_format.upper(),
            limit=max_pixels / 1e6,
            name=folder.resolve().name,
        )
        write_card(temporary, origin, "TensorFlow SavedModel", usage, {})
    _write_if_missing(folder / "models.config", _models_config(folder.resolve().name))
    _write_if_missing(folder / "batching.config", _BATCHING)
    return version


def next_version(folder: Path) -> int:
    """One more than the highest number that names a version in a folder; 1 where there is none."""
    versions = [int(path.name) for path in folder.iterdir() if re.fullmatch("[0-9]+", path.name)]
    return max(versions, default=0) + 1


def _write_graph(origin: Origin, folder: Path, image_format: ImageFormat, max_pixels: int) -> None:
    network = as_graph(_LUMINANCE)(seeing(origin.generator))
    colorizer = GraphColorizer(network, origin.facts.stride, origin.working_size)

    @as_graph(_LUMINANCE)
    def serving_default(luminance: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"color": colorizer(_checked(luminance, max_pixels))}

    @as_graph(_IMAGE, _HINTS)
    def colorize(data: tf.Tensor, hints: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One photograph: the colored file, and why there is none."""
        photo, reason = decode_photo(data, max_pixels)
        reason = tf.where(reason == "", refuse_hints(hints), reason)
        encoded = tf.cond(
            reason == "",
            lambda: encode_photo(colorizer.colorize_photo(photo, hints), image_format),
            lambda: tf.constant(b""),
        )
        return encoded, reason

    @as_graph(tf.TensorSpec((None,), tf.string, name="image_bytes"))
    def colorize_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        # One at a time: their sizes differ, and memory is for one.
        encoded, reasons = tf.map_fn(
            lambda data: colorize(data, tf.zeros((0, len(COLUMNS)))),
            image_bytes,
            fn_output_signature=(tf.string, tf.string),
            parallel_iterations=1,
        )
        return {f"{image_format}_bytes": encoded, "error": reasons}

    @as_graph(_IMAGE, _HINTS)
    def colorize_hinted(image_bytes: tf.Tensor, hints: tf.Tensor) -> dict[str, tf.Tensor]:
        encoded, reason = colorize(image_bytes, hints)
        return {f"{image_format}_bytes": encoded, "error": reason}

    graphs = (serving_default, colorize_bytes, colorize_hinted)
    save_graphs({graph.__name__: graph for graph in graphs}, folder)


def _checked(luminance: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """A luminance within [0, 1]; a request with anything else fails with the reason."""
    shape = tf.shape(luminance)
    inside = tf.logical_and(luminance >= -_TOLERANCE, luminance <= 1.0 + _TOLERANCE)
    checks = [
        (tf.size(luminance) > 0, "luminance must hold at least one pixel. Received shape:"),
        (
            tf.size(luminance, tf.int64) <= max_pixels,
            f"luminance must hold at most {max_pixels} pixels. Received shape:",
        ),
        (
            tf.reduce_all(inside),  # a NaN fails every comparison
            "luminance must lie in [0, 1], 8-bit values divided by 255, without NaN. "
            "Received shape:",
        ),
    ]
    asserted = [tf.debugging.Assert(holds, [message, shape]) for holds, message in checks]
    with tf.control_dependencies(asserted):
        return tf.clip_by_value(luminance, 0.0, 1.0)


def _write_warmup(path: Path, model: str, photo: bytes) -> None:
    """What a server runs before it takes requests: TFRecord of ``PredictionLog``."""
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    requests = {
        ("colorize_bytes", "image_bytes"): tf.constant([photo]),
        ("serving_default", "luminance"): tf.zeros((1, 1, 1, 1)),
    }
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for (signature, name), value in requests.items():
            log = PredictionLog()
            request = log.predict_log.request
            request.model_spec.name, request.model_spec.signature_name = model, signature
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            writer.write(log.SerializeToString())


def _models_config(name: str) -> str:
    return f"""\
# For tensorflow_model_server --model_config_file=FILE, with this folder as /models/{name}.
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
    model_version_policy {{ latest {{ num_versions: 1 }} }}
  }}
}}
"""


def _write_if_missing(path: Path, text: str) -> None:
    if not path.exists():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
