"""Color a photograph with a server that speaks TensorFlow Serving's gRPC protocol.

    python grpc_client.py PHOTO RESULT.png --server 127.0.0.1:8500 --model colorize

Needs tensorflow-serving-api.
"""

import argparse
import sys
from pathlib import Path

import grpc
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

LARGEST_MESSAGE = 256 << 20  # bytes; gRPC's own limit, 4 MiB, is too small for photographs


def main() -> int:
    parser = argparse.ArgumentParser(description="Color a photograph with a served model.")
    parser.add_argument("photo", type=Path, help="JPEG, PNG or GIF")
    parser.add_argument("result", type=Path)
    parser.add_argument("--server", default="127.0.0.1:8500")
    parser.add_argument("--model", default="colorize")
    arguments = parser.parse_args()
    try:
        if arguments.result.exists():
            raise FileExistsError(f"{arguments.result} exists already; name one that does not")
        (result,) = colorize([arguments.photo.read_bytes()], arguments.server, arguments.model)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except grpc.RpcError as error:
        print(
            f"error: {arguments.server} answers {error.code().name}: {error.details()}",
            file=sys.stderr,
        )
        return 2
    arguments.result.write_bytes(result)
    return 0


def colorize(photos: list[bytes], server: str, model: str) -> list[bytes]:
    """Color encoded photographs, of any sizes, in one request.

    Raises:
        ValueError: one of them cannot be used; the message is the server's reason.
        grpc.RpcError: there is no such server, or it refuses the request.
    """
    request = PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = "colorize_bytes"
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(photos))
    options = [
        ("grpc.max_receive_message_length", LARGEST_MESSAGE),
        ("grpc.max_send_message_length", LARGEST_MESSAGE),
    ]
    with grpc.insecure_channel(server, options) as channel:
        outputs = PredictionServiceStub(channel).Predict(request, timeout=300).outputs
    for index, reason in enumerate(tf.make_ndarray(outputs["error"])):
        if reason:
            raise ValueError(f"photograph {index + 1}: {reason.decode('utf-8')}")
    (name,) = {name for name in outputs if name.endswith("_bytes")}
    return list(tf.make_ndarray(outputs[name]))


if __name__ == "__main__":
    sys.exit(main())
