"""Color a photograph with a server that speaks TensorFlow Serving's REST protocol.

    python rest_client.py PHOTO RESULT.png --url http://127.0.0.1:8501 --model colorize
    python rest_client.py PHOTO RESULT.png --hint 0.4 0.6 "#3d6b4f"

Needs Python alone.
"""

import argparse
import base64
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

HINT_RADIUS = 0.012  # of a hint, relative to the shorter side


def main() -> int:
    parser = argparse.ArgumentParser(description="Color a photograph with a served model.")
    parser.add_argument("photo", type=Path, help="JPEG, PNG or GIF")
    parser.add_argument("result", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8501")
    parser.add_argument("--model", default="colorize")
    parser.add_argument(
        "--hint",
        nargs=3,
        action="append",
        default=[],
        metavar=("X", "Y", "COLOR"),
        help="a color that is known, #rrggbb, at a place relative to width and height; repeatable",
    )
    arguments = parser.parse_args()
    try:
        if arguments.result.exists():
            raise FileExistsError(f"{arguments.result} exists already; name one that does not")
        photo = arguments.photo.read_bytes()
        server = arguments.url, arguments.model
        if arguments.hint:
            result = colorize_hinted(photo, [read_hint(*hint) for hint in arguments.hint], *server)
        else:
            (result,) = colorize([photo], *server)
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
    instances = [{"image_bytes": encode(photo)} for photo in photos]
    content = {"signature_name": "colorize_bytes", "instances": instances}
    predictions = predict(content, url, model)["predictions"]
    return [decode(prediction, index) for index, prediction in enumerate(predictions)]


def colorize_hinted(photo: bytes, hints: list[list[float]], url: str, model: str) -> bytes:
    """Color one encoded photograph whose colors are known in places.

    Args:
        hints: x, y and radius, relative to width, height and the shorter side; red, green and blue
            in 0 to 255.

    Raises:
        ValueError: the photograph, or a hint, cannot be used; the message is the server's reason.
        OSError: there is no such server, or it refuses the request.
    """
    inputs = {"image_bytes": encode(photo), "hints": hints}
    content = {"signature_name": "colorize_hinted", "inputs": inputs}
    return decode(predict(content, url, model)["outputs"], 0)


def read_hint(x: str, y: str, wanted: str) -> list[float]:
    """A hint in words."""
    try:
        if not (len(wanted) == 7 and wanted[0] == "#"):
            raise ValueError
        return [float(x), float(y), HINT_RADIUS, *bytes.fromhex(wanted[1:])]
    except ValueError:
        raise ValueError(
            f"expected numbers X and Y and a COLOR as #rrggbb. Received: {x} {y} {wanted}"
        ) from None


def predict(content: dict[str, Any], url: str, model: str) -> dict[str, Any]:
    """What a server answers to a request."""
    request = urllib.request.Request(
        f"{url}/v1/models/{model}:predict",
        json.dumps(content).encode("utf-8"),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=300) as response:
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        raise OSError(f"{url} answers {error.code}: {error.read().decode('utf-8')}") from error
    return answer


def encode(content: bytes) -> dict[str, str]:
    """Bytes travel as base64; a name that ends in _bytes tells the server so."""
    return {"b64": base64.b64encode(content).decode("ascii")}


def decode(prediction: dict[str, Any], index: int) -> bytes:
    """The colored file in an answer."""
    if prediction["error"]:
        raise ValueError(f"photograph {index + 1}: {prediction['error']}")
    (name,) = {name for name in prediction if name.endswith("_bytes")}
    return base64.b64decode(prediction[name]["b64"])


if __name__ == "__main__":
    sys.exit(main())
