"""What else the colors may have been: likely colors, proposals, references and palettes."""

import keras
import numpy as np
import pytest
from PIL import Image

from keras_colorize import Colorizer, Hint, color
from keras_colorize.coloring.proposals import expected_distance, likely_colors
from keras_colorize.errors import ModelError
from keras_colorize.models.outputs import CHROMA_BINS
from keras_colorize.models.saved import GeneratorFacts
from keras_colorize.models.unet import build_unet
from tests.conftest import SAMPLE

HOUSE = SAMPLE / "modern" / "brick_house_garden.jpg"


@pytest.fixture(scope="module")
def wavering() -> Colorizer:
    """A generator of random weights, loud enough that its distribution has an opinion."""
    generator = build_unet(8, 3, output="chroma", dropout=0.0, distribution=True, seed=1)
    for layer in generator.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose):
            layer.set_weights([3.0 * weight for weight in layer.get_weights()])
    return Colorizer(generator, GeneratorFacts(8, 64, "test", 0))


@pytest.fixture(scope="module")
def house() -> np.ndarray:
    with Image.open(HOUSE) as photo:
        photo.thumbnail((96, 96))
        return np.asarray(photo.convert("RGB"))


def chroma_of(image: Image.Image) -> np.ndarray:
    return color.chroma(np.asarray(image, np.float32) / 255.0)


# -- likely colors and certainty --------------------------------------------------------------


def shares(*peaks: tuple[float, float, float]) -> np.ndarray:
    """A distribution of a few peaks: Cb, Cr and share."""
    found = np.zeros(len(CHROMA_BINS), np.float32)
    for cb, cr, share in peaks:
        found[np.argmin(np.square(CHROMA_BINS - [cb, cr]).sum(axis=1))] += share
    return found


def test_likely_colors_are_the_peaks_the_largest_first() -> None:
    found = likely_colors(
        shares((0.2, -0.12, 0.3), (-0.08, 0.16, 0.6), (0.0, 0.0, 0.1)), CHROMA_BINS, 5
    )
    np.testing.assert_allclose(
        [c for c, _ in found[:3]], [[-0.08, 0.16], [0.2, -0.12], [0, 0]], atol=1e-6
    )
    np.testing.assert_allclose([share for _, share in found[:3]], [0.6, 0.3, 0.1], atol=1e-6)
    assert len(found) == 3


@pytest.mark.parametrize(
    ("distribution", "painted", "expected"),
    [
        (shares((0.2, 0.0, 1.0)), (0.2, 0.0), 0.0),
        (shares((0.2, 0.0, 0.5), (-0.2, 0.0, 0.5)), (0.0, 0.0), 0.2),
        # by hand: 0.75 * 0.12 + 0.25 * sqrt(0.16² + 0.12²)
        (shares((0.0, 0.0, 0.75), (0.16, 0.24, 0.25)), (0.0, 0.12), 0.14),
    ],
)
def test_how_far_the_truth_is_to_be_expected(
    distribution: np.ndarray, painted: tuple[float, float], expected: float
) -> None:
    chroma = np.asarray(painted, np.float32)[None, None]
    distance = expected_distance(chroma, distribution[None, None], CHROMA_BINS)
    assert distance[0, 0] == pytest.approx(expected, abs=1e-5)


def test_certainty_falls_with_the_distance_to_what_is_likely(house: np.ndarray) -> None:
    """A network that holds gray alone for likely: what it paints in color, it should not trust."""
    generator = build_unet(8, 3, output="chroma", dropout=0.0, distribution=True, seed=1)
    paint, bins = (generator.get_layer(name) for name in ("up_0", "distribution_bins"))
    paint.set_weights([10.0 * weight for weight in paint.get_weights()])
    kernel, _ = bins.get_weights()
    bins.set_weights([0.0 * kernel, -1e4 * np.square(CHROMA_BINS).sum(axis=1)])
    session = Colorizer(generator, GeneratorFacts(8, 64, "test", 0)).session(house)
    expected = 1.0 - np.linalg.norm(session.plain.chroma, axis=-1) / 0.12
    assert np.ptp(expected.clip(0.0, 1.0)) > 0.5
    # On a grid of half the size: edges are smoothed.
    assert np.abs(session.certainty() - expected.clip(0.0, 1.0)).mean() < 0.05


def test_what_was_said_is_no_guess(wavering: Colorizer, house: np.ndarray) -> None:
    session = wavering.session(house)
    hint = Hint(0.3, 0.4, "#3060c0", 0.05)
    alone, told = session.certainty(), session.certainty([hint])
    place = hint.covers(*alone.shape)
    assert alone[place].mean() < 0.9 < told[place].mean()
    assert (told >= alone - 1e-6).all() and told.mean() < 0.9


def test_likely_colors_have_the_luminance_of_their_place(
    wavering: Colorizer, house: np.ndarray
) -> None:
    session = wavering.session(house)
    found = session.likely_colors(0.5, 0.5, 4)
    assert 1 <= len(found) <= 4
    total = [share for _, share in found]
    assert total == sorted(total, reverse=True)
    assert 0.0 < sum(total) <= 1.0 + 1e-6
    luminance = [np.dot(rgb, color.LUMINANCE_WEIGHTS) for rgb, _ in found]
    assert np.ptp(luminance) <= 2.0


# -- proposals --------------------------------------------------------------------------------


def test_the_first_proposal_is_the_plain_answer_and_the_others_differ(
    wavering: Colorizer, house: np.ndarray
) -> None:
    proposals = wavering.propose(house, 7)
    np.testing.assert_array_equal(proposals[0], wavering.session(house).color())
    luminance = color.luminance(np.asarray(proposals[0], np.float32))
    for image in proposals[1:]:
        assert np.abs(chroma_of(image) - chroma_of(proposals[0])).max() > 0.01
        y = color.luminance(np.asarray(image, np.float32))
        np.testing.assert_allclose(y, luminance, atol=1.1)


def test_the_second_is_cooler_and_the_third_warmer(wavering: Colorizer, house: np.ndarray) -> None:
    plain, cool, warm = (chroma_of(image).mean(axis=(0, 1)) for image in wavering.propose(house, 3))
    assert (cool - plain) @ [1.0, -1.0] > 0.0 > (warm - plain) @ [1.0, -1.0]


def test_hints_correct_a_proposal(wavering: Colorizer, house: np.ndarray) -> None:
    session = wavering.session(house)
    hint = Hint(0.5, 0.5, (120, 90, 60), 0.05)
    pictures = [chroma_of(session.color([hint], proposal=number)) for number in (0, 1)]
    row, column = house.shape[0] // 2, house.shape[1] // 2
    np.testing.assert_allclose(pictures[0][row, column], pictures[1][row, column], atol=0.02)
    assert np.abs(pictures[0] - pictures[1]).max() > 0.01


@pytest.mark.parametrize("count", [0, 8, 2.5])
def test_how_many_proposals_there_are(wavering: Colorizer, house: np.ndarray, count: float) -> None:
    with pytest.raises(ValueError, match=f"count must be a whole number from 1 to 7.*: {count}"):
        wavering.propose(house, count)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [0, -4, 1.5])
def test_numbers_and_sizes_out_of_range_are_refused(
    wavering: Colorizer, house: np.ndarray, number: float
) -> None:
    session = wavering.session(house)
    with pytest.raises(ValueError, match=f"size must be a whole number of at least 1.*: {number}"):
        session.color(size=number)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"count must be a whole number of at least 1.*: {number}"):
        session.likely_colors(0.5, 0.5, count=number)  # type: ignore[arg-type]


def test_without_a_distribution_the_model_says_what_it_lacks(house: np.ndarray) -> None:
    plain = Colorizer(build_unet(4, 3, output="chroma"), GeneratorFacts(8, 64, "test", 0))
    session = plain.session(house)
    assert not session.knows_likely_colors
    for ask in (
        session.certainty,
        lambda: session.likely_colors(0.5, 0.5),
        lambda: session.propose(2),
        lambda: plain(house, palette=["#806040"]),
    ):
        with pytest.raises(ModelError, match="no distribution over colors"):
            ask()


# -- colors from elsewhere --------------------------------------------------------------------


def test_a_photograph_takes_the_colors_of_its_own_truth(
    wavering: Colorizer, house: np.ndarray
) -> None:
    truth = color.chroma(house.astype(np.float32) / 255.0)
    errors = [
        np.square(chroma_of(wavering(house, reference=reference)) - truth).mean()
        for reference in (None, house)
    ]
    assert errors[1] < 0.5 * errors[0]


def test_a_palette_draws_colors_to_itself(wavering: Colorizer, house: np.ndarray) -> None:
    wanted = color.chroma(np.asarray([[[70, 90, 140]]], np.float32) / 255.0)[0, 0]
    distances = [
        np.linalg.norm(chroma_of(wavering(house, palette=palette)) - wanted, axis=-1).mean()
        for palette in ([], [(70, 90, 140)])
    ]
    assert distances[1] < 0.8 * distances[0]


def test_a_reference_and_a_palette_are_too_much(wavering: Colorizer, house: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"a reference or a palette\. Received: both"):
        wavering(house, reference=house, palette=["#000000"])
