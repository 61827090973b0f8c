"""A server of S3 on loopback, moto's, that can be told to fail, to be slow or to refuse."""

import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SAMPLE, save_loud_generator

PHOTOS = sorted((SAMPLE / "historical").glob("*.jpg"))


@dataclass
class Fault:
    """What happens to requests: an error, after a while, to so many of them.

    Attributes:
        method: of the requests.
        path: pattern of their paths.
        status: of the answer; 0: the request is answered as ever.
        code: what S3 calls the error.
        delay: in seconds.
        times: how often it happens; negative: always.
        cut: the answer ends after so many bytes.
    """

    method: str
    path: str
    status: int = 0
    code: str = "InternalError"
    delay: float = 0.0
    times: int = -1
    cut: int = 0


@dataclass
class S3:
    """The server.

    Attributes:
        client: of boto3.
        faults: that are in force.
        asked: methods and paths of the requests.
    """

    client: Any = None
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, method: str, path: str, **what: Any) -> None:
        self.faults.append(Fault(method, path, **what))

    def names(self, bucket: str) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return sorted(entry["Key"] for entry in listed)

    def get(self, bucket: str, key: str) -> bytes:
        return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def around(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
            fault = self._meet(method, path)
            if fault is None:
                return app(environ, start)
            time.sleep(fault.delay)
            if fault.status:
                from werkzeug.wrappers import Response

                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                body = f"<Error><Code>{fault.code}</Code><Message>told to</Message></Error>"
                return Response(body, fault.status, content_type="text/xml")(environ, start)
            content = app(environ, start)
            return [b"".join(content)[: fault.cut]] if fault.cut else content

        return answer

    def _meet(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self.asked.append((method, path))
            for fault in self.faults:
                if fault.method == method and fault.times and re.fullmatch(fault.path, path):
                    fault.times -= 1
                    return fault
        return None


# Of the session, not of the package: tests that run side by side leave it and come back, and fsspec
# keeps the address of the first server.
@pytest.fixture(scope="session")
def _server() -> Iterator[S3]:
    import boto3
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    s3 = S3()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = s3.around(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": address,
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        s3.client = boto3.client("s3")
        yield s3
    server.shutdown()
    thread.join()


@pytest.fixture
def s3(_server: S3) -> Iterator[S3]:
    """The server, with two empty buckets, ``scans`` and ``color``, and without faults."""
    for bucket in ("scans", "color"):
        _server.client.create_bucket(Bucket=bucket)
    _server.asked.clear()
    yield _server
    _server.faults.clear()
    for bucket in ("scans", "color"):
        for key in _server.names(bucket):
            _server.client.delete_object(Bucket=bucket, Key=key)
        _server.client.delete_bucket(Bucket=bucket)


@pytest.fixture
def scans(s3: S3, tmp_path: Path) -> list[str]:
    """Three photographs in the bucket ``scans``, below ``box``, and on the disk; their names."""
    (tmp_path / "box").mkdir()
    for photo in PHOTOS[:3]:
        shutil.copy(photo, tmp_path / "box")
        s3.client.upload_file(str(photo), "scans", f"box/{photo.name}")
    return [photo.name for photo in PHOTOS[:3]]


@pytest.fixture(scope="package")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_loud_generator(tmp_path_factory.mktemp("model") / "generator.keras")
