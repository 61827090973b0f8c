"""An album of small photographs and a model that paints loudly."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import pytest
from PIL import Image
from starlette.testclient import TestClient

from keras_colorize import Colorizer
from keras_colorize.coloring.report import Ledger
from keras_colorize.config import GeneratorConfig
from keras_colorize.models.saved import save_generator
from keras_colorize.models.unet import build_unet
from keras_colorize.studio.album import Album
from keras_colorize.studio.batch import Batch, Writer
from keras_colorize.studio.desk import Desk
from keras_colorize.studio.guard import TOKEN_HEADER, Guard
from keras_colorize.studio.server import Studio, make_app
from tests.conftest import SAMPLE, save_loud_generator

TOKEN = "known-to-the-page"
ADDRESS = "http://127.0.0.1:8000"
MAX_PIXELS = 2_000_000


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_loud_generator(tmp_path_factory.mktemp("studio") / "generator.keras")


@pytest.fixture(scope="session")
def knowing_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that has a distribution over colors, and so something to propose."""
    config = GeneratorConfig(filters=8, depth=3, output="chroma", dropout=0.0, distribution=True)
    generator = build_unet(**vars(config), seed=1)
    for layer in generator.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose):
            layer.set_weights([7.0 * weight for weight in layer.get_weights()])
    path = tmp_path_factory.mktemp("knowing") / "generator.keras"
    save_generator(path, generator, config, size=64, run="test", step=7)
    return path


@pytest.fixture(scope="session")
def colorizer(model: Path) -> Colorizer:
    return Colorizer.load(model)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A gray JPEG, a PNG in a folder below, and a file that is none."""
    folder = tmp_path / "photos"
    (folder / "box 1").mkdir(parents=True)
    with Image.open(SAMPLE / "modern" / "brick_house_garden.jpg") as photo:
        photo.convert("L").save(folder / "house.jpg", quality=90)
    shutil.copy(SAMPLE / "historical" / "alpine_landscape.jpg", folder / "box 1" / "alps.jpg")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 not a photograph")
    return folder


class Page:
    """What the page can do: ask with the token."""

    def __init__(self, client: TestClient, album: Album, batch: Batch) -> None:
        self.client, self.album, self.batch = client, album, batch
        self.get, self.put, self.patch = client.get, client.put, client.patch
        self.post, self.delete = client.post, client.delete

    def id_of(self, name: str) -> str:
        return next(photo.id for photo in self.album.list() if photo.name == name)

    def state_of(self, name: str) -> str:
        photos = self.get("/api/album").json()["photos"]
        return next(photo["state"] for photo in photos if photo["name"] == name)


@contextlib.contextmanager
def open_page(photos: Path, output: Path, colorizer: Colorizer) -> Iterator[Page]:
    """A page of a studio that has a folder of photographs and a model."""
    output.mkdir(exist_ok=True)
    album = Album([photos], output, MAX_PIXELS)
    with Ledger(output / "report.csv") as ledger:
        writer = Writer(album, colorizer, ledger, MAX_PIXELS)
        studio = Studio(Desk(colorizer, output, MAX_PIXELS), writer, Batch(writer))
        app = Guard(make_app(album, lambda: studio), TOKEN, {"127.0.0.1", "localhost"})
        client = TestClient(app, ADDRESS, headers={TOKEN_HEADER: TOKEN})
        yield Page(client, album, studio.batch)
        studio.batch.stop()


@pytest.fixture
def page(photos: Path, tmp_path: Path, colorizer: Colorizer) -> Iterator[Page]:
    with open_page(photos, tmp_path / "out", colorizer) as page:
        yield page
