"""Color a photograph at full size on a device without TensorFlow.

    python edge.py PHOTO RESULT --model colorize.tflite
    python edge.py PHOTO RESULT --model colorize.onnx
    python edge.py PHOTO RESULT --model colorize.onnx --hint 0.4 0.6 "#3d6b4f"

Needs NumPy and Pillow, and ai-edge-litert for the one kind of model or onnxruntime for the other;
nothing else, not even keras_colorize: copy this file. It does what keras_colorize.Colorizer does.
"""

import argparse
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

METADATA = "keras_colorize.json"
KR, KG, KB = 0.299, 0.587, 0.114  # luminance of R, G and B (ITU-R BT.601)
CB_SCALE, CR_SCALE = 2 * (1 - KB), 2 * (1 - KR)
RADIUS, REGULARIZATION = 1, 0.1  # of the windows in which chroma is described by luminance
MAX_RATIO = 8  # of the longer side to the shorter, of what the network sees
REDUCING_GAP = 2  # times the wanted size: so far blocks are averaged, the rest is bicubic
STRIP_PIXELS = 1 << 18

HINT_RADIUS = 0.012  # of a hint, relative to the shorter side

Hint = tuple[float, float, tuple[int, int, int]]  # x and y in [0, 1], RGB
# Luminance (1, h, w, 1) and, where the model takes them, hints (n, 6), to RGB (1, h, w, 3).
Run = Callable[..., np.ndarray]


def main() -> int:
    parser = argparse.ArgumentParser(description="Color a photograph; its luminance stays.")
    parser.add_argument("photo")
    parser.add_argument("result", type=Path)
    parser.add_argument("--model", required=True, help="colorize.tflite or colorize.onnx")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--hint",
        nargs=3,
        action="append",
        default=[],
        metavar=("X", "Y", "COLOR"),
        help="a color that is known, such as 0.4 0.6 #3d6b4f: place relative to width and height; "
        "for models that were exported with --hints",
    )
    arguments = parser.parse_args()
    load = load_onnx if arguments.model.endswith(".onnx") else load_tflite
    try:
        if arguments.result.exists():
            raise FileExistsError(f"{arguments.result} exists already; name one that does not")
        if not Path(arguments.model).is_file():
            raise FileNotFoundError(f"there is no model {arguments.model}")
        with Image.open(arguments.photo) as photo:
            rgb = to_rgb(ImageOps.exif_transpose(photo))
        run, metadata = load(arguments.model, arguments.threads)
        hints = [read_hint(*hint) for hint in arguments.hint]
        colorize(rgb, run, metadata, hints).save(arguments.result)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def load_tflite(path: str, threads: int) -> tuple[Run, dict[str, Any]]:
    """A TensorFlow Lite model and the metadata that is appended to it."""
    from ai_edge_litert.interpreter import Interpreter

    with zipfile.ZipFile(path) as archive:
        metadata = json.loads(archive.read(METADATA))
    interpreter = Interpreter(path, num_threads=threads)
    inputs = {
        details["name"].partition(":")[0]: details for details in interpreter.get_input_details()
    }
    given, result = inputs["serving_default_luminance"], interpreter.get_output_details()[0]

    allocated: tuple[int, ...] | None = None

    def run(luminance: np.ndarray, hints: np.ndarray | None = None) -> np.ndarray:
        nonlocal allocated
        if allocated != luminance.shape:
            interpreter.resize_tensor_input(given["index"], luminance.shape, strict=True)
            interpreter.allocate_tensors()
            allocated = luminance.shape
        if given["dtype"] == np.int8:
            scale, zero = given["quantization"]
            luminance = np.clip(np.round(luminance / scale) + zero, -128, 127).astype(np.int8)
        interpreter.set_tensor(given["index"], luminance)
        if hints is not None:
            interpreter.set_tensor(inputs["serving_default_hints"]["index"], hints)
        interpreter.invoke()
        painted = interpreter.get_tensor(result["index"])
        if result["dtype"] == np.int8:
            scale, zero = result["quantization"]
            painted = (painted.astype(np.float32) - zero) * np.float32(scale)
        return painted

    return run, metadata


def load_onnx(path: str, threads: int) -> tuple[Run, dict[str, Any]]:
    """An ONNX model and its metadata."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    metadata = json.loads(session.get_modelmeta().custom_metadata_map[METADATA])

    def run(luminance: np.ndarray, hints: np.ndarray | None = None) -> np.ndarray:
        given = {"luminance": luminance, "hints": hints}
        return session.run(None, {name: x for name, x in given.items() if x is not None})[0]

    return run, metadata


def read_hint(x: str, y: str, wanted: str) -> Hint:
    """A hint in words."""
    place = float(x), float(y)
    if not (min(place) >= 0 and max(place) <= 1 and len(wanted) == 7 and wanted[0] == "#"):
        raise ValueError(
            f"expected X and Y in [0, 1] and a COLOR as #rrggbb. Received: {x} {y} {wanted}"
        )
    red, green, blue = bytes.fromhex(wanted[1:])
    return *place, (red, green, blue)


def to_rgb(photo: Image.Image) -> Image.Image:
    """8-bit RGB: 16 bits are scaled, which Pillow would clip; transparent parts become white."""
    if photo.mode.startswith("I"):
        photo = Image.fromarray(np.round(np.asarray(photo) / 257).astype(np.uint8))
    if photo.has_transparency_data:
        white = Image.new("RGBA", photo.size, "white")
        photo = Image.alpha_composite(white, photo.convert("RGBA"))
    return photo.convert("RGB")


def colorize(
    photo: Image.Image, run: Run, metadata: dict[str, Any], hints: Sequence[Hint] = ()
) -> Image.Image:
    """Add color to an RGB photograph of any size."""
    pixels = np.asarray(photo)
    y = luminance(pixels)  # (H, W)
    height, width = y.shape
    small, padded = prepare(y, metadata)
    table = tabulate(hints, metadata.get("hints"), small.shape, padded.shape)
    painted = run(padded[None, ..., None], table)[0, : small.shape[0], : small.shape[1]]
    planes = [Image.fromarray(plane) for plane in describe_chroma(painted, small)]
    result = np.empty_like(pixels)
    for top, bottom in strips(height, width):
        # The strip's part of the reduced photograph, in fractions of its pixels.
        box = (0.0, top * small.shape[0] / height, small.shape[1], bottom * small.shape[0] / height)
        slope_cb, slope_cr, cb, cr = (
            np.asarray(plane.resize((width, bottom - top), Image.Resampling.BICUBIC, box))
            for plane in planes
        )
        rows = y[top:bottom]
        rgb = add_chroma(rows, slope_cb * rows + cb, slope_cr * rows + cr)
        result[top:bottom] = np.round(255 * np.clip(rgb, 0, 1))
    return Image.fromarray(result)


def tabulate(
    hints: Sequence[Hint],
    table: dict[str, Any] | None,
    small: tuple[int, ...],
    padded: tuple[int, ...],
) -> np.ndarray | None:
    """Hints as the model's second input: relative to what it is given, padding and all."""
    if table is None:
        if hints:
            raise ValueError("this model takes no hints; export one with --hints")
        return None
    rows = table["rows"] or max(len(hints), 1)
    if len(hints) > rows:
        raise ValueError(f"this model takes {rows} hints at most. Received: {len(hints)}")
    given = np.zeros((rows, 6), np.float32)  # a radius of 0: no hint
    for row, (x, y, wanted) in zip(given, hints):
        radius = HINT_RADIUS * min(small) / min(padded)
        row[:] = x * small[1] / padded[1], y * small[0] / padded[0], radius, *wanted
    return given


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Luminance in [0, 1], float32 (H, W), of uint8 RGB (H, W, 3)."""
    red, green, blue = np.moveaxis(pixels.astype(np.float32) / 255, -1, 0)
    return KR * red + KG * green + KB * blue


def prepare(y: np.ndarray, metadata: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The luminance at working size, and the same mirrored up to what the model takes."""
    height, width = y.shape
    if metadata["size"] is None:
        side = metadata["working_size"]
        scale = min(1.0, side / min(height, width), MAX_RATIO * side / max(height, width))
        new_height, new_width = max(round(height * scale), 1), max(round(width * scale), 1)
    else:
        # Distorted until it fills the input: of a smaller copy, mirrored up to the size, the
        # network makes less.
        new_height, new_width = min(height, metadata["size"][0]), min(width, metadata["size"][1])
    blocks = Image.fromarray(block_means(y, REDUCING_GAP * new_height, REDUCING_GAP * new_width))
    reduced = blocks.resize((new_width, new_height), Image.Resampling.BICUBIC)
    small = np.clip(np.asarray(reduced), 0, 1)
    stride = metadata["stride"]
    target = metadata["size"] or [-(-side // stride) * stride for side in small.shape]
    missing = [(0, full - side) for full, side in zip(target, small.shape)]
    return small, np.pad(small, missing, mode="symmetric")


def block_means(y: np.ndarray, least_height: int, least_width: int) -> np.ndarray:
    """Means over square blocks, at least as many as asked for: fast where much is reduced."""
    factor = max(1, min(y.shape[0] // least_height, y.shape[1] // least_width))
    for axis, size in enumerate(y.shape):
        edges = np.linspace(0, size, size // factor + 1).round().astype(int)
        lengths = np.expand_dims(np.diff(edges), 1 - axis)
        y = np.add.reduceat(y, edges[:-1], axis=axis) / lengths
    return y.astype(np.float32)


def describe_chroma(painted: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Chroma around every pixel as a linear function of luminance: two slopes, two offsets."""
    red, green, blue = np.moveaxis(painted, -1, 0)
    painted_y = KR * red + KG * green + KB * blue
    chroma = np.stack([(blue - painted_y) / CB_SCALE, (red - painted_y) / CR_SCALE])
    mean_y, square_y, mean_c, product = map(window_means, (y, y * y, chroma, y * chroma))
    variance = np.maximum(square_y - mean_y**2, 0)
    slope = (product - mean_y * mean_c) / (variance + REGULARIZATION)
    return np.concatenate([slope, chroma - slope * y]).astype(np.float32)  # (4, h, w)


def window_means(planes: np.ndarray) -> np.ndarray:
    """Means over square windows, the borders repeated outwards."""
    edges = [(0, 0)] * (planes.ndim - 2) + [(RADIUS, RADIUS)] * 2
    padded = np.pad(planes, edges, mode="edge")
    height, width = planes.shape[-2:]
    size = 2 * RADIUS + 1
    rows = np.add.reduce([padded[..., shift : shift + height, :] for shift in range(size)])
    return np.add.reduce([rows[..., shift : shift + width] for shift in range(size)]) / size**2


def add_chroma(y: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> np.ndarray:
    """RGB (n, W, 3) whose luminance is y; chroma is shrunk towards gray where it does not fit."""
    red, blue = CR_SCALE * cr, CB_SCALE * cb
    differences = np.stack([red, -(KR * red + KB * blue) / KG, blue], axis=-1)
    room = np.where(differences > 0, 1 - y[..., None], y[..., None])
    factors = room / np.maximum(np.maximum(np.abs(differences), room), 1e-7)
    return y[..., None] + factors.min(axis=-1, keepdims=True) * differences


def strips(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Top and bottom of strips of rows; they bound the memory that is taken."""
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


if __name__ == "__main__":
    sys.exit(main())
