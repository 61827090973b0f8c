"""Cuts, key frames and steady chroma, on pans of known motion."""

from itertools import pairwise

import numpy as np
import pytest

from keras_colorize.color import VIDEO_WEIGHTS, chroma_conversion, ycbcr_to_rgb
from tests.video.films import PHOTOS, pan

pytest.importorskip("cv2", reason="films need the extra `video`")

from keras_colorize.video.motion import find_motion, warp
from keras_colorize.video.steadying import Carry, between, steady
from keras_colorize.video.survey import LONGEST_PART, find_cuts, find_parts

SIZE = (96, 64)


def seen(frames: np.ndarray) -> list[tuple[np.ndarray, float]]:
    return [(frame, 0.0) for frame in frames]


def cuts(frames: np.ndarray) -> list[int]:
    return [number for number, (_, cut) in enumerate(find_cuts(seen(frames))) if cut]


def test_cuts_are_found_and_motion_is_none() -> None:
    shots = [pan(PHOTOS[0], 10, step=5), pan(PHOTOS[1], 7), pan(PHOTOS[2], 12, step=3)]
    assert cuts(np.concatenate(shots)) == [0, 10, 17]


@pytest.mark.parametrize("length", [1, 3])
def test_a_flash_is_no_cut(length: int) -> None:
    frames = pan(PHOTOS[3], 16).copy()
    frames[6 : 6 + length] = 250
    assert cuts(frames) == [0]


def test_flickering_exposure_is_no_cut() -> None:
    frames = pan(PHOTOS[4], 16)
    factors = np.random.default_rng(0).uniform(0.6, 1.0, (16, 1, 1))
    assert cuts((frames * factors).astype(np.uint8)) == [0]


def test_parts_cover_every_frame_once() -> None:
    frames = np.concatenate([pan(PHOTOS[0], 30), pan(PHOTOS[1], 5, step=12), pan(PHOTOS[2], 1)])
    parts = list(find_parts(seen(frames), wanted=lambda number: number == 11))
    assert [(part.start, part.count, part.shot) for part in parts] == [
        (0, 30, 0), (30, 5, 1), (35, 1, 2),
    ]  # fmt: skip
    for part in parts:
        numbers = [key.number for key in part.keys]
        assert numbers[0] == part.start and numbers[-1] == part.start + part.count - 1
        assert numbers == sorted(set(numbers))
    assert 11 in [key.number for key in parts[0].keys]
    calm = len(parts[0].keys) / 30
    assert len(parts[1].keys) / 5 > calm


def test_a_long_shot_is_worked_on_in_parts() -> None:
    still = np.repeat(pan(PHOTOS[0], 1, size=(32, 32)), LONGEST_PART + 20, axis=0)
    first, second = find_parts(seen(still))
    assert (first.count, second.count) == (LONGEST_PART, 20)
    assert second.goes_on and not first.ends_shot and second.ends_shot
    assert first.shot == second.shot


def flickering(frames: np.ndarray, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Chroma that belongs to things, and changes as a whole from frame to frame."""
    rng = np.random.default_rng(seed)
    true = np.stack([0.001 * (frames - 128.0), -0.0005 * (frames - 128.0)], axis=-1)
    return [(colors + rng.normal(0.0, 0.05, 2)).astype(np.float32) for colors in true], true.astype(
        np.float32
    )


def change(frames: np.ndarray, chroma: list[np.ndarray], step: int) -> float:
    """How much chroma changes along the known motion, away from the borders."""
    known = np.zeros((*frames.shape[1:], 2), np.float32)
    known[..., 0] = step
    return float(
        np.mean([np.abs(b - warp(a, known))[:, : -2 * step].mean() for a, b in pairwise(chroma)])
    )


def test_motion_is_found() -> None:
    frames = pan(PHOTOS[0], 2, step=4, size=(160, 120))
    for exact in (False, True):
        motion = find_motion(frames[1], frames[0], exact=exact)
        # What is at x was at x + 4 in the frame before.
        assert np.median(motion[..., 0]) == pytest.approx(4.0, abs=0.2)
        assert np.median(motion[..., 1]) == pytest.approx(0.0, abs=0.2)


def test_chroma_is_steady_along_the_motion_and_stays_what_it_was() -> None:
    frames = pan(PHOTOS[0], 12, step=2)
    painted, true = flickering(frames)
    result = steady(list(frames), painted)
    assert change(frames, result, 2) < 0.15 * change(frames, painted, 2)
    error = [np.abs(np.mean(x, axis=(1, 2)) - true.mean(axis=(1, 2))).mean() for x in
             (np.stack(painted), np.stack(result))]  # fmt: skip
    assert error[1] < error[0]


def test_a_part_goes_on_where_the_one_before_ended() -> None:
    frames = pan(PHOTOS[1], 12, step=2)
    painted, _ = flickering(frames, seed=1)
    first = steady(list(frames[:6]), painted[:6])
    second = steady(list(frames[6:]), painted[6:], Carry(frames[5], first[-1]))
    apart = steady(list(frames[6:]), painted[6:])
    seam = change(frames[5:7], [first[-1], second[0]], 2)
    assert seam < 0.2 * change(frames[5:7], [first[-1], apart[0]], 2)


def test_frames_between_take_from_both_sides() -> None:
    frames = pan(PHOTOS[2], 5, step=3, size=(160, 120))
    red, blue = (np.full((120, 160, 2), value, np.float32) for value in (0.1, -0.1))
    got = [between(frames[n], (frames[0], frames[4]), (red, blue), n / 4).mean() for n in (1, 2, 3)]
    assert got[0] > got[1] > got[2]
    assert abs(got[1]) < 0.03


@pytest.mark.parametrize("matrix", list(VIDEO_WEIGHTS))
def test_chroma_of_another_matrix_keeps_differences_between_channels(matrix: str) -> None:
    weights = VIDEO_WEIGHTS[matrix]
    rng = np.random.default_rng(2)
    y, chroma = rng.uniform(0.3, 0.7, (50, 1)), rng.uniform(-0.1, 0.1, (50, 2))
    rgb = ycbcr_to_rgb(np.concatenate([y, chroma], axis=-1))
    cb, cr = (chroma @ chroma_conversion(weights).T).T
    # ITU-T H.273, equations 38 to 40, with the weights of the matrix.
    kr, _, kb = weights
    red, blue = y[:, 0] + 2 * (1 - kr) * cr, y[:, 0] + 2 * (1 - kb) * cb
    green = (y[:, 0] - kr * red - kb * blue) / (1 - kr - kb)
    np.testing.assert_allclose(red - green, rgb[:, 0] - rgb[:, 1], atol=1e-6)
    np.testing.assert_allclose(blue - green, rgb[:, 2] - rgb[:, 1], atol=1e-6)
