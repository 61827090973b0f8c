"""Serve an exported model over HTTP with KServe, where there is no TensorFlow Serving.

    python kserve_server.py --model_dir exported/colorize --model_name colorize --http_port 8501

Path and body of the requests are those of TensorFlow Serving, so that rest_client.py works with
either. Needs kserve and tensorflow. KServe listens on every address of the machine: keep the port
from strangers.
"""

import argparse
import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import kserve
import tensorflow as tf
from kserve.errors import InvalidInput


class ColorizeModel(kserve.Model):
    """The newest version of an exported model."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        versions = [path for path in folder.iterdir() if path.name.isdigit()]
        self._loaded = tf.saved_model.load(max(versions, key=lambda path: int(path.name)))
        # TensorFlow uses all cores for one request; more at once would only take more memory.
        self._one_at_a_time = asyncio.Lock()
        self.ready = True

    async def predict(
        self, payload: dict[str, Any] | bytes, headers: Any = None, response_headers: Any = None
    ) -> dict[str, Any]:
        """Answer ``{"signature_name": ..., "instances": [{name: value}]}``, or ``"inputs": {name:
        values}`` in place of ``instances``."""
        try:
            # Bytes, if the client did not say that it sends JSON.
            content = json.loads(payload) if isinstance(payload, bytes) else payload
            signature = self._loaded.signatures[content.get("signature_name", "serving_default")]
            by_rows = "inputs" not in content
            values = _columns(signature, content["instances"]) if by_rows else content["inputs"]
            inputs = _inputs(signature, values)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"not a request for this model: {error!r}") from error
        async with self._one_at_a_time:
            try:
                outputs = await asyncio.to_thread(signature, **inputs)
            except tf.errors.InvalidArgumentError as error:
                raise InvalidInput(error.message) from error
        columns = {name: _to_json(name, value) for name, value in outputs.items()}
        if not by_rows:
            return {"outputs": columns}
        rows = zip(*columns.values(), strict=True)
        return {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}


def _columns(signature: Any, instances: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = signature.structured_input_signature[1]
    return {name: [instance[name] for instance in instances] for name in names}


def _inputs(signature: Any, values: dict[str, Any]) -> dict[str, tf.Tensor]:
    specs = signature.structured_input_signature[1]
    tensors = {}
    for name, spec in specs.items():
        value = _decoded(values[name]) if spec.dtype == tf.string else values[name]
        tensors[name] = tf.constant(value, spec.dtype)
        if not spec.shape.is_compatible_with(tensors[name].shape):
            raise ValueError(f"{name} must be of shape {spec.shape}, not {tensors[name].shape}")
    return tensors


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(part) for part in value]
    is_bytes = isinstance(value, dict) and set(value) == {"b64"}
    return base64.b64decode(value["b64"], validate=True) if is_bytes else value


def _to_json(name: str, tensor: tf.Tensor) -> Any:
    """Numbers and texts in lists; of a scalar, one of them."""
    values = tensor.numpy()
    if tensor.dtype != tf.string:
        return values.tolist()

    def encoded(value: bytes) -> Any:
        if name.endswith("_bytes"):
            return {"b64": base64.b64encode(value).decode("ascii")}
        return value.decode("utf-8")

    return encoded(values) if tensor.shape.rank == 0 else [encoded(value) for value in values]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser])
    parser.add_argument("--model_dir", type=Path, required=True, help="folder of the versions")
    arguments = parser.parse_args()
    model = ColorizeModel(arguments.model_name, arguments.model_dir)
    kserve.ModelServer(enable_grpc=False).start([model])
