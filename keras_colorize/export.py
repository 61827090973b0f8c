"""``python -m keras_colorize.export``: a trained generator for servers and devices."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_colorize.cli import CommandParser, run_command, without_remarks
from keras_colorize.errors import ConfigError

if TYPE_CHECKING:
    from keras_colorize.exporting.origin import Origin
    from keras_colorize.exporting.tflite import Precision

__all__ = ["main"]

_SAMPLE = Path(__file__).parent / "sample"
_WARMUP = _SAMPLE / "historical" / "dust_bowl_house.jpg"
_MOST_PIXELS = (1 << 29) - 1  # that TensorFlow decodes
# Options that belong to some formats alone.
_SPECIAL = {
    "saved_model": ("image_format", "max_pixels"),
    "tflite": ("precision", "size", "resizable", "calibration", "hints"),
    "onnx": ("hints",),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Export as the arguments say: status 0 done, 2 not."""
    return run_command(_export, argv)


def _export(argv: Sequence[str]) -> int:
    args = _parser().parse_args(list(argv))
    _check(args)
    # TensorFlow takes seconds to import; --help and mistaken arguments need not wait for it.
    from keras_colorize.exporting.origin import load_origin

    origin = load_origin(
        args.model, working_size=args.working_size, weights_license=args.weights_license
    )
    export = {"saved_model": _saved_model, "tflite": _tflite, "onnx": _onnx}[args.format]
    with without_remarks():
        path = export(origin, args)
    size = sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())
    folder = path if path.is_dir() else path.parent
    print(f"wrote {path} ({size / 1e6:.1f} MB); what it is and how to use it: {folder}/README.md")
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m keras_colorize.export",
        description="Write a trained generator as a TensorFlow SavedModel for TensorFlow Serving, "
        "as a TensorFlow Lite model, or as an ONNX model.",
    )
    parser.add_argument("--format", choices=list(_SPECIAL), required=True, help="what to write")
    parser.add_argument(
        "--output",
        type=str,
        required=True,
        help="saved_model: folder of the model's versions, gets the next one; "
        "else a folder that does not exist yet",
    )
    parser.add_argument(
        "--model", type=str, help="a run's generator.keras; by default the shipped model"
    )
    parser.add_argument(
        "--working_size",
        type=int,
        help="short side in pixels of the copy that the network sees; by default the size it was "
        "trained at",
    )
    parser.add_argument("--weights_license", type=str, help="told by the card")
    parser.add_argument(
        "--image_format",
        choices=["png", "jpeg"],
        help="saved_model: of the photographs it gives back; png by default",
    )
    parser.add_argument(
        "--max_pixels", type=int, help="saved_model: larger photographs are refused"
    )
    parser.add_argument(
        "--precision",
        choices=["float32", "float16", "dynamic", "int8"],
        help="tflite: of weights and activations; dynamic by default",
    )
    parser.add_argument(
        "--size",
        type=int,
        help="tflite: height and width of the input; by default the working size",
    )
    parser.add_argument(
        "--resizable",
        action="store_true",
        default=None,
        help="tflite: an input of any size, slower",
    )
    parser.add_argument(
        "--hints",
        action="store_true",
        default=None,
        help="tflite, onnx: a second input for colors that are known; a SavedModel always has one",
    )
    parser.add_argument(
        "--calibration",
        type=str,
        help="tflite, int8: folder of photographs; by default those inside the package",
    )
    return parser


def _check(args: Any) -> None:
    """Raise a ConfigError for options that contradict each other or are out of range."""
    for name in dict.fromkeys(name for names in _SPECIAL.values() for name in names):
        formats = [format_ for format_, names in _SPECIAL.items() if name in names]
        if getattr(args, name) is not None and args.format not in formats:
            raise ConfigError(
                f"--{name} belongs to --format {' or '.join(formats)}. "
                f"Received: --format {args.format}"
            )
    if args.hints and args.precision == "int8":
        raise ConfigError("--hints need floats: choose another --precision than int8")
    if args.size is not None and args.resizable:
        raise ConfigError("--size and --resizable exclude each other; leave one out")
    if args.calibration is not None and args.precision != "int8":
        raise ConfigError("--calibration belongs to --precision int8")
    if args.size is not None and args.size < 1:
        raise ConfigError(f"--size must be at least 1. Received: {args.size}")
    if args.max_pixels is not None and not 1 <= args.max_pixels <= _MOST_PIXELS:
        raise ConfigError(f"--max_pixels must be 1 to {_MOST_PIXELS}. Received: {args.max_pixels}")


def _saved_model(origin: "Origin", args: Any) -> Path:
    from keras_colorize.exporting.saved_model import MAX_PIXELS, export_saved_model

    return export_saved_model(
        origin,
        args.output,
        image_format=args.image_format or "png",
        max_pixels=args.max_pixels or MAX_PIXELS,
        warmup=_WARMUP.read_bytes(),
    )


def _tflite(origin: "Origin", args: Any) -> Path:
    from keras_colorize.exporting.tflite import export_tflite, read_calibration

    side = origin.facts.padded(origin.working_size) if args.size is None else args.size
    precision: Precision = args.precision or "dynamic"
    calibration: list[np.ndarray] = []
    if precision == "int8":
        calibration = read_calibration(args.calibration or _SAMPLE / "modern", (side, side))
    return export_tflite(
        origin,
        args.output,
        precision=precision,
        size=None if args.resizable else (side, side),
        hints=bool(args.hints),
        calibration=calibration,
        photographs=_photographs("ai_edge_litert", side),
    )


def _onnx(origin: "Origin", args: Any) -> Path:
    from keras_colorize.exporting.onnx_model import export_onnx

    side = origin.facts.padded(origin.working_size)
    return export_onnx(
        origin,
        args.output,
        hints=bool(args.hints),
        photographs=_photographs("onnxruntime", side),
    )


def _photographs(runtime: str, side: int) -> list[np.ndarray]:
    """Photographs to compare the export to the generator on, where its runtime is installed."""
    from keras_colorize.exporting.tflite import read_calibration

    if importlib.util.find_spec(runtime) is None:
        return []
    return read_calibration(_SAMPLE / "historical", (side, side))


if __name__ == "__main__":
    sys.exit(main())
