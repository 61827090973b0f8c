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
        """Answer ``{"signature_name": ..., "instances": [{name: value}]}``."""
        try:
            # Bytes, if the client did not say that it sends JSON.
            content = json.loads(payload) if isinstance(payload, bytes) else payload
            signature = self._loaded.signatures[content.get("signature_name", "serving_default")]
            inputs = _inputs(signature, content["instances"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"not a request for this model: {error!r}") from error
        async with self._one_at_a_time:
            try:
                outputs = await asyncio.to_thread(signature, **inputs)
            except tf.errors.InvalidArgumentError as error:
                raise InvalidInput(error.message) from error
        columns = {name: _to_json(name, value.numpy()) for name, value in outputs.items()}
        rows = zip(*columns.values(), strict=True)
        return {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}


def _inputs(signature: Any, instances: list[dict[str, Any]]) -> dict[str, tf.Tensor]:
    specs = signature.structured_input_signature[1]
    rows = [{name: _from_json(instance[name]) for name in specs} for instance in instances]
    return {
        name: tf.constant([row[name] for row in rows], spec.dtype) for name, spec in specs.items()
    }


def _from_json(value: Any) -> Any:
    is_bytes = isinstance(value, dict) and set(value) == {"b64"}
    return base64.b64decode(value["b64"], validate=True) if is_bytes else value


def _to_json(name: str, values: Any) -> list[Any]:
    if name.endswith("_bytes"):
        return [{"b64": base64.b64encode(value).decode("ascii")} for value in values]
    if values.dtype == object:
        return [value.decode("utf-8") for value in values]
    return values.tolist()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser])
    parser.add_argument("--model_dir", type=Path, required=True, help="folder of the versions")
    arguments = parser.parse_args()
    model = ColorizeModel(arguments.model_name, arguments.model_dir)
    kserve.ModelServer(enable_grpc=False).start([model])
