"""Old films: golden tones, seeds, every effect on its own, and the contact sheet."""

import dataclasses
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_colorize import color, film_sheet
from keras_colorize.errors import ConfigError
from keras_colorize.film import NEVER, STOCKS, Chance, FilmStock, simulate_film, simulation
from keras_colorize.photos.reading import read_photo
from tests.conftest import ROOT, SAMPLE

MODERN = SAMPLE / "modern"
EFFECTS = [f.name for f in dataclasses.fields(FilmStock) if isinstance(f.default, Chance)]
# Each effect at one strength, drawn by every photograph.
STRENGTH = {
    "exposure": 1.0,
    "softness": 0.01,
    "halation": 0.3,
    "contrast": 1.4,
    "grain": 0.04,
    "fading": 0.3,
    "dust": 1.0,
    "scratches": 1.0,
    "rescaling": 0.5,
    "noise": 0.05,
    "jpeg": 40.0,
}


def plain(name: str = "panchromatic", /, **changes: Any) -> FilmStock:
    """A stock without any effect or correction but those named in ``changes``."""
    settings: dict[str, Any] = {"printing": 0.0, **dict.fromkeys(EFFECTS, NEVER), **changes}
    return dataclasses.replace(STOCKS[name], **settings)


def only(effect: str, **changes: Any) -> FilmStock:
    strength = STRENGTH[effect]
    return plain(**{effect: Chance(1.0, strength, strength), **changes})


def flat(value: float, side: int = 64) -> np.ndarray:
    return np.full((side, side, 3), value, np.float32)


def oracle_linear(encoded: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1 in float64, with its branches."""
    encoded = encoded.astype(np.float64)
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def oracle_encoded(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def sharpness(tone: np.ndarray) -> float:
    return float(np.mean(np.diff(tone, axis=-2) ** 2) + np.mean(np.diff(tone, axis=-3) ** 2))


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """The middles of four sample photographs, float32 (4, 96, 112, 3)."""
    batch = []
    for path in sorted(MODERN.glob("*.jpg"))[:4]:
        photo = read_photo(path, short_side=112)
        top, left = (photo.shape[0] - 96) // 2, (photo.shape[1] - 112) // 2
        batch.append(photo[top : top + 96, left : left + 112])
    return np.stack(batch).astype(np.float32) / 255.0


# Golden tones


def test_panchromatic_film_without_effects_shows_the_luminance_of_the_light(
    photos: np.ndarray,
) -> None:
    expected = oracle_encoded(color.luminance(oracle_linear(photos)))
    np.testing.assert_allclose(simulate_film(photos, plain(), 0), expected, atol=1e-5)


@pytest.mark.parametrize("name", STOCKS)
def test_response_agrees_with_numpy(name: str, photos: np.ndarray) -> None:
    expected = oracle_encoded(oracle_linear(photos) @ np.array(STOCKS[name].response))
    tone = simulate_film(photos, plain(name), 0)[..., 0]
    np.testing.assert_allclose(tone, expected, atol=1e-5)


def test_srgb_at_the_ends_and_where_its_two_branches_meet() -> None:
    levels = np.array([0.0, 0.001, 0.04045, 0.0405, 0.5, 1.0], np.float32)
    gray = np.broadcast_to(levels[:, None, None, None], (6, 8, 8, 3))
    # Equal weights on equal channels: encoding undoes linearizing.
    np.testing.assert_allclose(simulate_film(gray, plain(), 0)[:, 0, 0, 0], levels, atol=1e-5)
    # 50 % in sRGB is 0.21404 in light: IEC 61966-2-1 evaluated in double precision.
    assert oracle_linear(np.array(0.5)) == pytest.approx(0.21404, abs=1e-5)
    np.testing.assert_allclose(simulation._linearize(gray)[4, 0, 0, 0], 0.21404, atol=1e-5)


def test_emulsions_see_the_colors_they_were_sensitized_for() -> None:
    red, blue = flat(0.0), flat(0.0)
    red[..., 0], blue[..., 2] = 1.0, 1.0

    def tone(rgb: np.ndarray, name: str) -> float:
        return float(tf.reduce_mean(simulate_film(rgb, plain(name), 0)))

    # Weights 0 for red and 1 for blue (Luo et al. 2021).
    assert tone(red, "wet_plate") == pytest.approx(0.0, abs=1e-6)
    assert tone(red, "orthochromatic") == pytest.approx(0.0, abs=1e-6)
    assert tone(blue, "wet_plate") == pytest.approx(1.0, abs=1e-6)
    # Half of white light is sRGB 0.73536; the eye's 0.299 and 0.114 are 0.58294 and 0.37187.
    assert tone(blue, "orthochromatic") == pytest.approx(0.73536, abs=1e-4)
    assert tone(red, "panchromatic") == pytest.approx(0.58294, abs=1e-4)
    assert tone(blue, "panchromatic") == pytest.approx(0.37187, abs=1e-4)


def test_the_characteristic_curve_keeps_black_and_rises() -> None:
    ramp = np.repeat(np.linspace(0.0, 1.0, 64, dtype=np.float32)[None, :, None], 8, 0)
    tone = simulate_film(np.repeat(ramp, 3, -1), only("contrast"), 0)[0, :, 0].numpy()
    assert tone[0] == pytest.approx(0.0, abs=1e-3)
    assert np.all(np.diff(tone) > 0.0)
    # The shoulder leaves white below the paper by gamma * shoulder * log10(2) decades.
    paper = 10.0 ** (-1.4 * STOCKS["panchromatic"].shoulder * math.log10(2.0) * math.log(10.0))
    assert tone[-1] == pytest.approx(float(oracle_encoded(np.array(paper))), abs=0.01)


# Seeds and batches


@pytest.mark.parametrize("name", STOCKS)
def test_seed_decides(name: str, photos: np.ndarray) -> None:
    first = simulate_film(photos, name, 7).numpy()
    np.testing.assert_array_equal(first, simulate_film(photos, name, 7))
    assert not np.array_equal(first, simulate_film(photos, name, 8))
    assert not np.array_equal(first, simulate_film(photos, name, 7 + 2**31))


def test_tf_data_gives_the_same_bits_as_eager_mode(photos: np.ndarray) -> None:
    names = list(STOCKS)

    def load(step: tf.Tensor) -> tf.Tensor:
        return simulate_film(photos, names, tf.stack([tf.constant(5, tf.int64), step]))

    data = tf.data.Dataset.range(3).map(load, num_parallel_calls=2)
    results = list(data)
    for step, result in enumerate(results):
        eager = simulate_film(photos, names, tf.constant([5, step], tf.int64))
        np.testing.assert_array_equal(result, eager)
    assert not np.array_equal(results[0], results[1])


def test_images_of_a_batch_draw_for_themselves(photos: np.ndarray) -> None:
    same = np.repeat(photos[:1], 6, axis=0)
    tones = simulate_film(same, list(STOCKS), 3).numpy()
    for index in range(1, 6):
        assert not np.array_equal(tones[0], tones[index])


def test_an_image_does_not_depend_on_the_others_of_its_batch(photos: np.ndarray) -> None:
    stock = dataclasses.replace(STOCKS["snapshot"], jpeg=NEVER)  # rounding would show in steps
    together = simulate_film(photos, stock, 3)
    changed = np.concatenate([photos[:2], photos[2:, ::-1]])
    np.testing.assert_allclose(simulate_film(changed, stock, 3)[:2], together[:2], atol=1e-6)
    np.testing.assert_allclose(simulate_film(photos[:2], stock, 3), together[:2], atol=1e-6)
    rest = simulate_film(photos[2:], stock, 3, first=2)
    np.testing.assert_allclose(rest, together[2:], atol=1e-6)


def test_several_stocks_are_all_drawn(photos: np.ndarray) -> None:
    red = np.zeros((32, 8, 8, 3), np.float32)
    red[..., 0] = 1.0
    black = simulate_film(red, [plain("wet_plate"), plain("panchromatic")], 1)[:, 0, 0, 0] < 0.1
    # 32 fair draws: fewer than 6 of either kind happen once in 5,000 seeds.
    assert 6 <= np.count_nonzero(black) <= 26


# Effects


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_shows_when_drawn_and_not_otherwise(effect: str, photos: np.ndarray) -> None:
    without = simulate_film(photos, plain(), 0).numpy()
    with_effect = simulate_film(photos, only(effect), 0).numpy()
    assert all(np.abs(a - b).max() > 0.02 for a, b in zip(with_effect, without))
    strength = STRENGTH[effect]
    never = plain(**{effect: Chance(0.0, strength, strength)})
    # One stock in two draws it here, so that the effect is computed and has to spare the others.
    mixed = simulate_film(np.repeat(photos, 4, 0), [never, only(effect)], 2).numpy()
    spared = [np.array_equal(a, b) for a, b in zip(mixed, np.repeat(without, 4, 0))]
    assert 2 <= sum(spared) <= 14


def test_probability_is_the_share_of_images_that_draw() -> None:
    gray = np.full((400, 8, 8, 3), 0.5, np.float32)
    stock = plain(exposure=Chance(0.3, 1.0, 1.0))
    changed = np.abs(simulate_film(gray, stock, 0)[:, 0, 0, 0] - 0.5) > 0.05
    assert 0.2 < changed.mean() < 0.4  # 4 standard deviations of 400 draws


def test_draws_are_mild_mostly() -> None:
    gray = np.full((400, 8, 8, 3), 0.0, np.float32)
    tone = simulate_film(gray, plain(fading=Chance(1.0, 0.0, 0.4), unevenness=0.0), 0)[:, 0, 0, 0]
    # Black is lifted to f (1 - f / 4); of f = 0.4 u² half lie below 0.1.
    assert np.median(tone) == pytest.approx(0.1 * (1.0 - 0.1 / 4), abs=0.025)


@pytest.mark.parametrize("effect", ["softness", "rescaling"])
def test_blur_lowers_gradients_and_keeps_the_mean(effect: str, photos: np.ndarray) -> None:
    before, after = (simulate_film(photos, s, 0).numpy() for s in (plain(), only(effect)))
    assert sharpness(after) < 0.8 * sharpness(before)
    assert after.mean() == pytest.approx(before.mean(), abs=0.02)


@pytest.mark.parametrize("effect", ["softness", "rescaling", "halation"])
def test_flat_pictures_stay_flat_up_to_the_border(effect: str) -> None:
    tone = simulate_film(flat(0.6, 33), only(effect), 0).numpy()
    np.testing.assert_allclose(tone, tone[16, 16, 0], atol=1e-5)


@pytest.mark.parametrize("effect", ["grain", "noise"])
def test_grain_and_noise_have_their_standard_deviation(effect: str) -> None:
    gray = np.full((8, 96, 96, 3), 0.5, np.float32)
    tone = simulate_film(gray, only(effect), 0).numpy()
    spread = tone.std(axis=(1, 2, 3))
    assert tone.mean() == pytest.approx(0.5, abs=0.01)
    if effect == "grain":
        np.testing.assert_allclose(spread, STRENGTH[effect], rtol=0.1)
    else:  # speckle is proportional to the tone, Gaussian noise is not: 0.5 or 1 of it
        shares = spread / STRENGTH[effect]
        assert all(min(abs(share - 0.5), abs(share - 1.0)) < 0.05 for share in shares)


def test_grain_depends_on_density() -> None:
    spreads = [
        float(np.std(simulate_film(flat(value, 96), only("grain"), 0)))
        for value in (0.0, 0.1, 0.5, 0.9, 1.0)
    ]
    assert max(spreads[0], spreads[4]) < 1e-4
    assert spreads[1] == pytest.approx(0.6 * spreads[2], rel=0.1)  # 2 sqrt(0.1 * 0.9)
    assert spreads[3] == pytest.approx(0.6 * spreads[2], rel=0.1)


def test_fading_lifts_blacks_darkens_paper_and_is_uneven() -> None:
    even = only("fading", unevenness=0.0)
    # f = 0.3: black becomes 0.3 (1 - 0.075), paper 1 - 0.075.
    np.testing.assert_allclose(simulate_film(flat(0.0), even, 0), 0.3 * 0.925, atol=1e-5)
    np.testing.assert_allclose(simulate_film(flat(1.0), even, 0), 0.925, atol=1e-5)
    uneven = simulate_film(flat(0.0), only("fading", unevenness=1.0), 0)
    assert np.std(uneven) > 0.02


def test_halation_lights_up_what_surrounds_a_lamp() -> None:
    night = flat(0.05)
    night[28:36, 28:36] = 1.0
    before, after = (
        simulate_film(night, s, 0).numpy()[..., 0] for s in (plain(), only("halation"))
    )
    assert after[32, 26] > before[32, 26] + 0.05
    assert after[32, 26] > after[32, 25] > after[32, 24] > after[32, 4]
    assert after[2, 2] == pytest.approx(before[2, 2], abs=1e-3)


@pytest.mark.parametrize("effect", ["dust", "scratches"])
def test_damage_is_local(effect: str) -> None:
    gray = np.full((8, 96, 96, 3), 0.5, np.float32)
    changed = np.abs(simulate_film(gray, only(effect), 0).numpy() - 0.5) > 0.05
    shares = changed.mean(axis=(1, 2, 3))
    assert shares.max() < 0.1
    assert np.median(shares) > 0.0005


def test_printing_corrects_dark_pictures(photos: np.ndarray) -> None:
    dark = photos * 0.4
    before = simulate_film(dark, plain(), 0).numpy()
    after = simulate_film(dark, plain(printing=1.0), 0).numpy()
    assert before.max() < 0.42
    assert np.all(np.percentile(after, 99.5, axis=(1, 2, 3)) > 0.6)
    assert after.mean() > before.mean() + 0.1


def test_jpeg_of_lower_quality_is_further_off(photos: np.ndarray) -> None:
    before = simulate_film(photos, plain(), 0)
    errors = [
        float(
            tf.reduce_mean((simulate_film(photos, plain(jpeg=Chance(1.0, q, q)), 0) - before) ** 2)
        )
        for q in (100.0, 80.0, 40.0)
    ]
    assert 0.0 < errors[0] < errors[1] < errors[2] < 0.01


# Real photographs, shapes, errors


@pytest.mark.parametrize("name", STOCKS)
def test_real_photographs_stay_recognizable(name: str, photos: np.ndarray) -> None:
    batch = np.concatenate([photos] * 3)
    tone = simulate_film(batch, name, 1).numpy()
    assert tone.dtype == np.float32 and tone.shape == (12, 96, 112, 1)
    assert np.all(np.isfinite(tone)) and tone.min() >= 0.0 and tone.max() <= 1.0
    # What the emulsion sees undisturbed; against the eye's luminance a sky may well invert.
    seen = simulate_film(batch, plain(name), 0).numpy()
    correlations = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(tone, seen)]
    assert min(correlations) > 0.7 and np.median(correlations) > 0.9
    means = tone.mean(axis=(1, 2, 3))
    assert np.all(means > 0.15) and np.all(means < 0.9)


@pytest.mark.parametrize("shape", [(8, 8), (9, 31), (37, 16), (65, 130)])
def test_any_size(shape: tuple[int, int]) -> None:
    everything = plain(**{name: Chance(1.0, value, value) for name, value in STRENGTH.items()})
    rgb = np.random.default_rng(0).random((2, *shape, 3), np.float32)
    tone = simulate_film(rgb, dataclasses.replace(everything, printing=1.0), 0).numpy()
    assert tone.shape == (2, *shape, 1) and np.all(np.isfinite(tone))
    assert tone.min() >= 0.0 and tone.max() <= 1.0 and tone.std() > 0.01


def test_dynamic_sizes_and_single_images(photos: np.ndarray) -> None:
    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None, 3)), tf.TensorSpec((2,), tf.int32)]
    )
    def dynamic(rgb: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return simulate_film(rgb, "faded_print", seed)

    seed = tf.constant([1, 2])
    eager = simulate_film(photos, "faded_print", seed)
    assert dynamic(photos[:, :50], seed).shape == (4, 50, 112, 1)
    np.testing.assert_allclose(dynamic(photos, seed), eager, atol=2 / 255)
    single = simulate_film(photos[0], "faded_print", seed)
    assert single.shape == (96, 112, 1)
    np.testing.assert_allclose(single, eager[0], atol=2 / 255)


def test_black_and_white_pictures_stay_finite() -> None:
    for value in (0.0, 1.0):
        tone = simulate_film(np.full((8, 16, 16, 3), value, np.float32), list(STOCKS), 0).numpy()
        assert np.all(np.isfinite(tone)) and tone.min() >= 0.0 and tone.max() <= 1.0


@pytest.mark.parametrize(
    ("rgb", "seed", "message"),
    [
        (
            flat(0.5)[..., :1],
            0,
            r"expected float32 of shape .* Received: float32 of shape \(64, 64, 1",
        ),
        (flat(0.5)[0], 0, r"Received: float32 of shape \(64, 3\)"),
        ((flat(0.5) * 255).astype(np.uint8), 0, "Received: uint8"),
        (flat(0.5, 7), 0, r"at least 8. Received: float32 of shape \(7, 7, 3\)"),
        (flat(0.5), [1, 2, 3], r"expected an int .* Received: int32 of shape \(3,\)"),
        (flat(0.5), [0.5, 0.5], "expected an int .* Received: float32"),
    ],
)
def test_wrong_arguments(rgb: np.ndarray, seed: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate_film(rgb, "snapshot", seed)


@pytest.mark.parametrize("stock", ["polaroid", ["snapshot", "polaroid"], []])
def test_unknown_stocks_name_the_known_ones(stock: Any) -> None:
    with pytest.raises(ConfigError, match=r"wet_plate, orthochromatic, .*snapshot. Received: "):
        simulate_film(flat(0.5), stock, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"response": (0.5, 0.5, 0.5)}, "sum to 1.* Received: response"),
        ({"response": (-0.5, 0.5, 1.0)}, "Received: response"),
        ({"grain": Chance(1.5, 0.0, 0.1)}, "grain .*1.5"),
    ],
)
def test_impossible_stocks(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plain(**change)


def test_stocks_are_read_without_tensorflow() -> None:
    code = (
        "import sys; from keras_colorize.film.stocks import STOCKS; "
        "assert all(name == stock.name for name, stock in STOCKS.items()); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# The contact sheet


def test_sheet_has_a_column_for_each_stock(photos: np.ndarray) -> None:
    photo = (photos[0] * 255).astype(np.uint8)
    narrow = film_sheet.film_sheet([photo, photo[:40]], ["snapshot"], 0)
    wide = film_sheet.film_sheet([photo, photo[:40]], ["snapshot", plain("wet_plate")], 0)
    assert wide.height == narrow.height > 96 + 40
    assert wide.width - narrow.width > 112
    again = film_sheet.film_sheet([photo, photo[:40]], ["snapshot"], 1)
    assert narrow.tobytes() != again.tobytes()
    with pytest.raises(ValueError, match="expected uint8"):
        film_sheet.film_sheet([photos[0]], ["snapshot"], 0)


@pytest.fixture
def command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run(*arguments: object) -> tuple[int, str]:
        capfd.readouterr()
        status = film_sheet.main([str(argument) for argument in arguments])
        return status, capfd.readouterr().err

    return run


def test_command_writes_a_sheet_and_protects_it(command: Any, tmp_path: Path) -> None:
    photo, output = sorted(MODERN.glob("*.jpg"))[0], tmp_path / "sheet.png"
    arguments = [photo, "--output", output, "--size", 32, "--stocks", "snapshot", "wet_plate"]
    assert command(*arguments)[0] == 0
    with Image.open(output) as sheet:
        assert sheet.width > 4 * 32
    before = output.read_bytes()
    status, error = command(*arguments, "--seed", 5)
    assert status == 2 and error.count("\n") == 1 and "--overwrite" in error
    assert output.read_bytes() == before
    assert command(*arguments, "--seed", 5, "--overwrite")[0] == 0
    assert output.read_bytes() != before
    assert list(tmp_path.iterdir()) == [output]


def test_command_reports_what_it_cannot_use(command: Any, tmp_path: Path) -> None:
    photo, output = sorted(MODERN.glob("*.jpg"))[0], tmp_path / "sheet.png"
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photograph")
    small = ["--size", 16, "--stocks", "snapshot"]
    for arguments, word in (
        ([broken, "--output", output], "broken.jpg"),
        ([tmp_path / "absent.jpg", "--output", output], "absent.jpg"),
        ([photo, "--output", output, "--stocks", "polaroid"], "wet_plate"),
        ([photo, "--output", tmp_path / "sheet.odd", *small], "sheet.odd"),
        ([photo, "--output", broken / "sheet.png", *small], "broken.jpg is a file"),
        ([photo, "--output", output, "--size", 4], "--size"),
        ([photo, "--output", output, "--shoe-size", 4], "shoe-size"),
    ):
        status, error = command(*arguments)
        assert status == 2 and error.count("\n") == 1 and word in error
    assert list(tmp_path.iterdir()) == [broken]
