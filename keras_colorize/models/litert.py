"""Models of TensorFlow Lite, run by LiteRT: without TensorFlow, which takes seconds to import."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from keras_colorize.errors import ModelError

__all__ = ["LiteRTModel"]


class LiteRTModel:
    """A TensorFlow Lite model of one signature, for every size that it allows.

    Not safe for several threads at once.

    Args:
        model: its file, or the content of one.
        threads: that it may use.

    Attributes:
        outputs: names of what it gives.

    Raises:
        ModelError: ``ai-edge-litert`` is not installed, or this is no model that it can run.
    """

    def __init__(self, model: Path | bytes, threads: int) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise ModelError(
                "running a TensorFlow Lite model needs the package ai-edge-litert, which cannot be "
                f"imported: {error}; install it with pip install ai-edge-litert"
            ) from error
        content = model if isinstance(model, bytes) else model.read_bytes()
        try:
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._given, self._others, self._results = _signature(self._interpreter)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"LiteRT cannot run this model: {reason}") from error
        self._allocated = tuple(self._given["shape"])
        self.outputs: Collection[str] = self._results.keys()

    def __call__(self, luminance: np.ndarray, names: Collection[str]) -> dict[str, np.ndarray]:
        """Outputs by name, float32, of a luminance ``(1, h, w, 1)`` in [0, 1]; no hints."""
        interpreter, given = self._interpreter, self._given["index"]
        if self._allocated != luminance.shape:  # version 2.3 may crash where it needlessly does
            interpreter.resize_tensor_input(given, luminance.shape, strict=True)
            interpreter.allocate_tensors()
            self._allocated = luminance.shape
        interpreter.set_tensor(given, _quantize(luminance, self._given))
        for other in self._others:
            interpreter.set_tensor(other["index"], np.zeros(other["shape"], other["dtype"]))
        interpreter.invoke()
        found = {name: self._results[name] for name in names}
        return {
            name: _dequantize(interpreter.get_tensor(result["index"]), result)
            for name, result in found.items()
        }


def _signature(
    interpreter: Any,
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The input called luminance, those beside it, and the outputs by name."""
    # Not kept: while the signature lives, the interpreter refuses to change shapes.
    signature = interpreter.get_signature_runner()
    given = signature.get_input_details()
    if "luminance" not in given:
        raise ValueError(f"it has no input called luminance, but {', '.join(given) or 'none'}")
    luminance = given.pop("luminance")
    return luminance, list(given.values()), signature.get_output_details()


def _quantize(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    if details["dtype"] == np.float32:
        return values
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(limits.dtype)


def _dequantize(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    if details["dtype"] == np.float32:
        return values
    scale, zero = details["quantization"]
    return (values.astype(np.float32) - zero) * np.float32(scale)
