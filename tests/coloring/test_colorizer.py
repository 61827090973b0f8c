"""Colorizing: any size, luminance kept, nothing lost, honest exit status."""

import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image

from keras_colorize import Colorizer, color
from keras_colorize.coloring.painting import color_strips
from keras_colorize.errors import ModelError, PhotoError
from keras_colorize.models.saved import GeneratorFacts, load_generator
from keras_colorize.models.unet import build_unet
from tests.conftest import SAMPLE, save_loud_generator

HOUSE = SAMPLE / "modern" / "brick_house_garden.jpg"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_loud_generator(tmp_path_factory.mktemp("model") / "generator.keras")


@pytest.fixture(scope="module")
def colorizer(model: Path) -> Colorizer:
    return Colorizer.load(model)


def painter(blue: float, stride: int = 8) -> Colorizer:
    """A generator that paints one Cb everywhere."""
    y = keras.Input((None, None, 1))
    chroma = ops.concatenate([blue + 0.0 * y, 0.0 * y], axis=-1)
    rgb = color.ycbcr_to_rgb(ops.concatenate([y, color.limit_chroma(y, chroma)], axis=-1))
    return Colorizer(keras.Model(y, rgb), GeneratorFacts(stride, 64, "test", 0))


def house() -> Image.Image:
    with Image.open(HOUSE) as photo:
        return photo.copy()


def luminance_of(image: Image.Image) -> np.ndarray:
    return color.luminance(np.asarray(image.convert("RGB"), np.float32))[..., 0]


# Colorizer


@pytest.mark.smoke
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (64, 64), (65, 63), (500, 333)])
def test_any_size_keeps_size_and_luminance(size: tuple[int, int], colorizer: Colorizer) -> None:
    with Image.open(HOUSE) as photo:
        scaled = photo.resize(size)
    result = colorizer(scaled)
    assert result.size == size
    assert result.mode == "RGB"
    difference = np.abs(luminance_of(result) - luminance_of(scaled))
    assert difference.max() <= 0.5 + 1e-3, "half a level of rounding in each channel"


def test_color_is_added(colorizer: Colorizer) -> None:
    with Image.open(HOUSE) as photo:
        result = np.asarray(colorizer(photo), int)
    assert np.ptp(result, axis=-1).mean() > 10


def test_color_of_the_input_is_ignored(colorizer: Colorizer) -> None:
    rgb = np.asarray(house())
    gray = np.round(color.luminance(rgb.astype(np.float32))).astype(np.uint8)
    first, second = np.asarray(colorizer(rgb), int), np.asarray(colorizer(gray), int)
    # The gray copy is rounded to 8 bits; the loud generator amplifies the difference somewhat.
    assert np.abs(first - second).mean() < 2.0


def test_files_images_and_arrays_are_alike(colorizer: Colorizer) -> None:
    array = np.asarray(house())
    expected = np.asarray(colorizer(array))
    for photo in (HOUSE, str(HOUSE), house()):
        np.testing.assert_array_equal(np.asarray(colorizer(photo)), expected)
    flat = np.asarray(colorizer(array[..., 0]))
    np.testing.assert_array_equal(flat, np.asarray(colorizer(array[..., :1])))


def test_constant_chroma_arrives_unchanged() -> None:
    """Reduced, padded, painted, cut and enlarged again, a constant stays that constant."""
    result = painter(0.1)(np.full((200, 330, 3), 128, np.uint8))
    # By hand: B = Y + 1.772 Cb and G = Y - 0.344136 Cb (ITU-T T.871), Cb = 25.5 of 255.
    expected = [128, round(128 - 0.344136 * 25.5), round(128 + 1.772 * 25.5)]
    assert np.abs(np.asarray(result, int) - expected).max() <= 1


def test_orientation_is_applied(colorizer: Colorizer, tmp_path: Path) -> None:
    with Image.open(HOUSE) as photo:
        exif = photo.getexif()
        exif[0x0112] = 6  # turn right to see it upright
        photo.save(tmp_path / "turned.jpg", exif=exif)
        assert colorizer(tmp_path / "turned.jpg").size == (photo.height, photo.width)


def test_images_of_any_mode(colorizer: Colorizer, tmp_path: Path) -> None:
    gray = np.asarray(house().convert("L"))
    expected = np.asarray(colorizer(gray), int)
    deep = Image.fromarray(gray.astype(np.uint16) * 257)
    # As RGB the luminance is a sum of three products, which may round to the next level.
    assert np.abs(np.asarray(colorizer(deep), int) - expected).max() <= 1
    exif = house().getexif()
    exif[0x0112] = 6
    house().save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as turned:
        from_image = np.asarray(colorizer(turned))
    np.testing.assert_array_equal(from_image, np.asarray(colorizer(tmp_path / "turned.png")))


def test_transparent_parts_become_white_in_files_and_images(
    colorizer: Colorizer, tmp_path: Path
) -> None:
    image = house()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(tmp_path / "house.png")
    photos = (tmp_path / "house.png", image, house())
    of_file, of_image, opaque = (
        color.luminance(np.asarray(colorizer(photo), float))[..., 0] for photo in photos
    )
    assert np.abs(of_file - of_image).max() <= 2  # of 16 bits against that of 8-bit RGB
    assert of_file[0].min() == 255
    assert np.abs(of_file[-1] - opaque[-1]).max() <= 3


def test_the_network_sees_values_between_0_and_1() -> None:
    """Reducing a hard edge overshoots; what the network is given must not."""
    seen = []
    colorizer = painter(0.1)
    network = colorizer._network
    colorizer._network = lambda padded, names: seen.append(padded) or network(padded, names)
    edge = np.zeros((300, 300), np.uint8)
    edge[:, 101:] = 255
    colorizer(edge)
    assert seen[0].min() == 0.0
    assert seen[0].max() == 1.0


def test_working_size_is_used(model: Path) -> None:
    small, large = (np.asarray(Colorizer.load(model, size)(HOUSE), int) for size in (16, 128))
    assert np.abs(small - large).mean() > 1.0
    for wrong in (4, 48.5):
        with pytest.raises(ModelError, match=f"the generator's stride, 8, and whole.*: {wrong}"):
            Colorizer.load(model, wrong)  # type: ignore[arg-type]


def test_depths_and_ranges_are_alike(colorizer: Colorizer) -> None:
    gray = np.asarray(house().convert("L"))
    expected = np.asarray(colorizer(gray), int)
    for same in (gray.astype(np.uint16) * 257, gray / 255.0, (gray / 255.0).astype(">f4")):
        assert np.abs(np.asarray(colorizer(same), int) - expected).max() <= 1
    rgb = np.asarray(house())
    deep = np.asarray(colorizer(rgb.astype(np.uint16) * 257), int)
    assert np.abs(deep - np.asarray(colorizer(rgb), int)).max() <= 1


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.int32), np.zeros((0, 4), np.uint8)],
)
def test_wrong_arrays_are_refused(array: np.ndarray, colorizer: Colorizer) -> None:
    with pytest.raises(ValueError, match=r"Expected an array .* Received: "):
        colorizer(array)


def test_what_is_no_photograph_is_refused(colorizer: Colorizer) -> None:
    with pytest.raises(TypeError, match="Received: bytes"):
        colorizer(b"scan.jpg")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-0.1, 1.5, np.nan])
def test_floats_out_of_range_are_refused(value: float, colorizer: Colorizer) -> None:
    with pytest.raises(ValueError, match=r"Expected floats in \[0, 1\]"):
        colorizer(np.full((8, 8), value))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_luminance_is_exact_to_the_rounding_of_the_result(
    dtype: type[np.unsignedinteger], colorizer: Colorizer
) -> None:
    """Of 16 bits in, 16 bits out: half a step of 65,535."""
    rng = np.random.default_rng(0)
    luminance = np.asarray(house().convert("L"), np.uint16) * 257
    luminance += rng.integers(0, 256, luminance.shape).astype(np.uint16)
    enlargement = colorizer.paint(luminance).enlarge(luminance.shape)
    strips = [rgb for _, rgb in color_strips(enlargement, luminance, dtype)]
    result = np.concatenate(strips).astype(np.float64)
    expected = luminance / 65535.0 * np.iinfo(dtype).max
    # And what float32 arithmetic adds, a few millionths of white.
    assert np.abs(color.luminance(result)[..., 0] - expected).max() <= 0.5 + 3e-7 * 65535
    assert np.ptp(result, axis=-1).mean() > 0.03 * np.iinfo(dtype).max


def test_saturation_scales_the_chroma(model: Path) -> None:
    gray = np.asarray(Colorizer.load(model, saturation=0.0)(HOUSE), int)
    assert np.ptp(gray, axis=-1).max() == 0
    y = np.full((64, 64), 128, np.uint8)
    strong = painter(0.1)
    strong.saturation = 2.0
    blue = np.asarray(strong(y), int)[..., 2]
    assert np.abs(blue - round(128 + 1.772 * 51)).max() <= 1
    for wrong in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="saturation must be at least 0"):
            Colorizer.load(model, saturation=wrong)


def test_map_colorizes_one_by_one(colorizer: Colorizer) -> None:
    results = colorizer.map(iter([HOUSE, house()]))
    np.testing.assert_array_equal(*(np.asarray(result) for result in results))


def test_map_gives_as_many_results_as_inputs(colorizer: Colorizer, tmp_path: Path) -> None:
    """A TIFF without a page ended it in silence."""
    (tmp_path / "empty.tif").write_bytes(b"II*\0" + bytes(4))
    results = colorizer.map([HOUSE, tmp_path / "empty.tif", house()])
    first = next(results)
    with pytest.raises(PhotoError, match="holds no picture: a TIFF without a page"):
        next(results)
    np.testing.assert_array_equal(np.asarray(next(results)), np.asarray(first))
    assert next(results, None) is None


def test_unreadable_file_is_a_photo_error(colorizer: Colorizer, tmp_path: Path) -> None:
    with pytest.raises(PhotoError):
        colorizer(tmp_path / "absent.jpg")


# Saved generators


def test_facts_travel_with_the_model(model: Path) -> None:
    generator, facts = load_generator(model)
    assert facts == GeneratorFacts(stride=8, working_size=64, run="test", step=7)
    assert generator.output_shape == (None, None, None, 3)


@pytest.mark.parametrize("content", [None, b"", b"not a model", "keras"])
def test_other_files_are_no_generators(content: bytes | str | None, tmp_path: Path) -> None:
    path = tmp_path / "generator.keras"
    if content == "keras":  # one of Keras', but none of ours
        build_unet(4, 2).save(path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"generator\.keras"):
        load_generator(path)


def test_it_goes_to_another_process_by_its_file_and_settings(model: Path) -> None:
    colorizer = Colorizer.load(model, 48, saturation=0.5)
    received = pickle.loads(pickle.dumps(colorizer))
    assert (received.name, received.model_hash) == (colorizer.name, colorizer.model_hash)
    np.testing.assert_array_equal(np.asarray(received(HOUSE)), np.asarray(colorizer(HOUSE)))
    with pytest.raises(TypeError, match="loaded from a file"):
        pickle.dumps(painter(0.1))


def test_threads_of_tensorflow_are_so_many_from_the_beginning_or_stay(model: Path) -> None:
    code = """
import sys
import tensorflow as tf
from keras_colorize import Colorizer
for threads in 1, 2:
    Colorizer.load(sys.argv[1], threads=threads).paint(tf.zeros((8, 8)).numpy())
    print(tf.config.threading.get_intra_op_parallelism_threads())
"""
    process = subprocess.run(
        [sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=True
    )
    assert process.stdout.split() == ["1", "1"]
