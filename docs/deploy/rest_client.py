"""Color a photograph with a server that speaks TensorFlow Serving's REST protocol.

    python rest_client.py PHOTO RESULT.png --url http://127.0.0.1:8501 --model colorize

Needs Python alone.
"""

import argparse
import base64
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description="Color a photograph with a served model.")
    parser.add_argument("photo", type=Path, help="JPEG, PNG or GIF")
    parser.add_argument("result", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8501")
    parser.add_argument("--model", default="colorize")
    arguments = parser.parse_args()
    try:
        if arguments.result.exists():
            raise FileExistsError(f"{arguments.result} exists already; name one that does not")
        (result,) = colorize([arguments.photo.read_bytes()], arguments.url, arguments.model)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    arguments.result.write_bytes(result)
    return 0


def colorize(photos: list[bytes], url: str, model: str) -> list[bytes]:
    """Color encoded photographs, of any sizes, in one request.

    Raises:
        ValueError: one of them cannot be used; the message is the server's reason.
        OSError: there is no such server, or it refuses the request.
    """
    # Bytes travel as base64; a name that ends in _bytes tells the server so.
    instances = [{"image_bytes": {"b64": base64.b64encode(p).decode("ascii")}} for p in photos]
    request = urllib.request.Request(
        f"{url}/v1/models/{model}:predict",
        json.dumps({"signature_name": "colorize_bytes", "instances": instances}).encode("utf-8"),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=300) as response:
            predictions = json.load(response)["predictions"]
    except urllib.error.HTTPError as error:
        raise OSError(f"{url} answers {error.code}: {error.read().decode('utf-8')}") from error
    for index, prediction in enumerate(predictions):
        if prediction["error"]:
            raise ValueError(f"photograph {index + 1}: {prediction['error']}")
    (name,) = {name for name in predictions[0] if name.endswith("_bytes")}
    return [base64.b64decode(prediction[name]["b64"]) for prediction in predictions]


if __name__ == "__main__":
    sys.exit(main())
