"""The example clients, against servers that speak TensorFlow Serving's protocols."""

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from PIL import Image

from keras_colorize import Colorizer
from keras_colorize.coloring.hints import Hint
from keras_colorize.exporting.origin import load_origin
from keras_colorize.exporting.saved_model import export_saved_model
from tests.exporting.forms import DEPLOY, HOUSE, difference, encode, house, make_generator

sys.path.insert(0, str(DEPLOY))
import grpc_client
import rest_client


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_generator(tmp_path_factory.mktemp("model") / "generator.keras")


@pytest.fixture(scope="module")
def signatures(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("served") / "colorize"
    return tf.saved_model.load(str(export_saved_model(load_origin(model), folder))).signatures


@pytest.fixture(scope="module")
def rest_url(signatures: Any) -> Iterator[str]:
    """A server that answers as TensorFlow Serving's REST reference says it does."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != "/v1/models/colorize:predict":
                self.answer(404, {"error": f"Servable not found for request: {self.path}"})
                return
            if "inputs" in body:
                self.answer(200, {"outputs": self.hinted(body)})
                return
            photos = [base64.b64decode(row["image_bytes"]["b64"]) for row in body["instances"]]
            outputs = signatures[body["signature_name"]](image_bytes=tf.constant(photos))
            rows = zip(outputs["png_bytes"].numpy(), outputs["error"].numpy(), strict=True)
            predictions = [
                {"png_bytes": {"b64": base64.b64encode(png).decode()}, "error": error.decode()}
                for png, error in rows
            ]
            self.answer(200, {"predictions": predictions})

        def hinted(self, body: dict[str, Any]) -> dict[str, Any]:
            inputs = {
                "image_bytes": tf.constant(base64.b64decode(body["inputs"]["image_bytes"]["b64"])),
                "hints": tf.constant(body["inputs"]["hints"], tf.float32),
            }
            outputs = signatures[body["signature_name"]](**inputs)
            png = base64.b64encode(outputs["png_bytes"].numpy()).decode()
            return {"png_bytes": {"b64": png}, "error": outputs["error"].numpy().decode()}

        def answer(self, status: int, content: dict[str, Any]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def grpc_server(signatures: Any) -> Iterator[str]:
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
            if request.model_spec.name != "colorize":
                context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found for request")
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            signature = signatures[request.model_spec.signature_name]
            response = predict_pb2.PredictResponse()
            for name, value in signature(**{k: tf.constant(v) for k, v in inputs.items()}).items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
            return response

    server = grpc.server(futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_rest_client(rest_url: str, model: Path, tmp_path: Path) -> None:
    process = run("rest_client.py", HOUSE, tmp_path / "house.png", "--url", rest_url)
    assert process.returncode == 0, process.stderr
    with Image.open(tmp_path / "house.png") as result:
        assert difference(result, Colorizer.load(model)(HOUSE)).max() <= 1


def test_rest_client_with_hints(rest_url: str, model: Path, tmp_path: Path) -> None:
    hints = ["--hint", "0.4", "0.6", "#3d6b4f", "--hint", "0.8", "0.3", "#a03020"]
    process = run("rest_client.py", HOUSE, tmp_path / "house.png", "--url", rest_url, *hints)
    assert process.returncode == 0, process.stderr
    known = [Hint(0.4, 0.6, "#3d6b4f"), Hint(0.8, 0.3, "#a03020")]
    with Image.open(tmp_path / "house.png") as result, Image.open(HOUSE) as photo:
        expected = Colorizer.load(model).session(photo).color(known)
        assert difference(result, expected).max() <= 1
    for hint, message in [
        (("2", "0.6", "#3d6b4f"), "x and y of hints must be in [0, 1]"),
        (("0.4", "0.6", "red"), "expected numbers X and Y and a COLOR as #rrggbb"),
    ]:
        process = run(
            "rest_client.py", HOUSE, tmp_path / "other.png", "--url", rest_url, "--hint", *hint
        )
        assert process.returncode == 2
        assert message in process.stderr
        assert process.stderr.count("\n") == 1


def test_an_existing_result_is_kept(rest_url: str, grpc_server: str, tmp_path: Path) -> None:
    for script, *server in (
        ("rest_client.py", "--url", rest_url),
        ("grpc_client.py", "--server", grpc_server),
    ):
        (tmp_path / "mine.png").write_text("mine")
        command = [sys.executable, DEPLOY / script, HOUSE, tmp_path / "mine.png", *server]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        assert process.returncode == 2
        assert "mine.png exists already; name one that does not" in process.stderr
        assert (tmp_path / "mine.png").read_text() == "mine"


def test_rest_client_with_photographs_of_several_sizes(rest_url: str) -> None:
    photos = [encode(house(size)) for size in [(20, 30), (90, 70)]]
    results = rest_client.colorize(photos, rest_url, "colorize")
    assert [result[:4] for result in results] == [b"\x89PNG"] * 2


def test_rest_client_tells_what_went_wrong(rest_url: str, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    for photo, model, message in [
        (tmp_path / "empty.jpg", "colorize", "photograph 1: the file is empty (0 bytes)"),
        (HOUSE, "other", "answers 404: "),
        (tmp_path / "none.jpg", "colorize", "No such file"),
    ]:
        options = ["--url", rest_url, "--model", model]
        process = run("rest_client.py", photo, tmp_path / "result.png", *options)
        assert process.returncode == 2
        assert process.stderr.count("\n") == 1
        assert message in process.stderr
        assert not (tmp_path / "result.png").exists()


def test_grpc_client(
    grpc_server: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [str(HOUSE), str(tmp_path / "house.png"), "--server", grpc_server]
    monkeypatch.setattr(sys, "argv", ["grpc_client.py", *arguments])
    assert grpc_client.main() == 0
    with Image.open(tmp_path / "house.png") as result:
        assert difference(result, Colorizer.load(model)(HOUSE)).max() <= 1


def test_grpc_client_tells_what_went_wrong(
    grpc_server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "text.jpg").write_text("text")
    for photo, model, message in [
        (tmp_path / "text.jpg", "colorize", "photograph 1: not a photograph that can be read"),
        (HOUSE, "other", "answers NOT_FOUND: Servable not found for request"),
    ]:
        arguments = [str(photo), str(tmp_path / "r.png"), "--server", grpc_server, "--model", model]
        monkeypatch.setattr(sys, "argv", ["grpc_client.py", *arguments])
        assert grpc_client.main() == 2
        told = capsys.readouterr().err
        assert message in told
        assert told.count("\n") == 1


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run an example isolated, with Python's own library alone."""
    return subprocess.run(
        [sys.executable, "-I", "-S", DEPLOY / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
