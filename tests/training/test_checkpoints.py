"""Checkpoints: complete or absent, damaged ones passed over, foreign ones refused."""

from pathlib import Path
from typing import IO

import keras
import numpy as np
import pytest

from keras_colorize.errors import CheckpointError, TrainingDiverged
from keras_colorize.models.patchgan import build_patchgan
from keras_colorize.models.unet import build_unet
from keras_colorize.training import checkpoints
from keras_colorize.training.checkpoints import CheckpointFolder, read_checkpoint, write_checkpoint
from keras_colorize.training.gan import ColorizationGAN


def build(filters: int = 4, seed: int = 0) -> ColorizationGAN:
    gan = ColorizationGAN(
        build_unet(filters, 2, seed=seed, dropout=0.5), build_patchgan(4, 1, seed=seed)
    )
    gan.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3))
    return gan


def state(gan: ColorizationGAN) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in checkpoints.state_variables(gan).items()}


def assert_state(gan: ColorizationGAN, expected: dict[str, np.ndarray]) -> None:
    found = state(gan)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def scramble(gan: ColorizationGAN) -> None:
    """Give every variable, moments and random states included, a value of its own."""
    for index, variable in enumerate(checkpoints.state_variables(gan).values()):
        variable.assign(np.full(variable.shape, index + 1, variable.dtype))


def test_everything_is_restored(tmp_path: Path) -> None:
    gan = build()
    scramble(gan)
    expected = state(gan)
    groups = {name.split("/")[0] for name in expected}
    assert groups == {
        "generator",
        "discriminator",
        "average",
        "generator_optimizer",
        "discriminator_optimizer",
        "meters",
    }
    assert any("seed" in name for name in expected), "the dropout's random state"
    write_checkpoint(tmp_path / "a.npz", gan, {"best": 3.5})
    other = build(seed=1)
    assert read_checkpoint(tmp_path / "a.npz", other) == {"best": 3.5}
    assert_state(other, expected)


def test_failed_write_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gan = build()
    path = tmp_path / "a.npz"
    write_checkpoint(path, gan, {"n": 1})

    def full(file: IO[bytes], *_: object, **options: object) -> None:
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(OSError, match="no space"):
        write_checkpoint(path, gan, {"n": 2})
    assert read_checkpoint(path, gan) == {"n": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("damage", ["cut", "flip", "flag", "compression", "empty", "text"])
def test_damaged_one_is_passed_over(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    gan = build()
    folder = CheckpointFolder(tmp_path / "checkpoints")
    folder.write(1, gan, {})
    expected = state(gan)
    scramble(gan)
    newest = folder.write(2, gan, {})
    content = bytearray(newest.read_bytes())
    middle = len(content) // 2
    # In the archive's directory, flags lie 8 and the kind of compression 10 bytes behind "PK\1\2".
    directory = content.index(b"PK\x01\x02")
    place = {"flag": directory + 8, "compression": directory + 10}.get(damage, middle)
    content[place] ^= 0xFF
    newest.write_bytes(
        {
            "cut": bytes(content[:middle]),
            "flip": bytes(content),
            "flag": bytes(content),
            "compression": bytes(content),
            "empty": b"",
            "text": b"not a checkpoint",
        }[damage]
    )
    restored = build(seed=1)
    assert folder.restore(restored) == {"step": 1}
    assert_state(restored, expected)
    assert "step_00000002.npz is damaged" in caplog.text


def test_all_damaged_is_an_error(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.write(1, build(), {}).write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"no checkpoint in .* can be used"):
        folder.restore(build())


def test_newest_two_are_kept(tmp_path: Path) -> None:
    gan = build()
    folder = CheckpointFolder(tmp_path)
    assert folder.restore(gan) is None
    for step in (1, 9, 10, 100_000):
        folder.write(step, gan, {})
    assert [path.name for path in folder.paths()] == ["step_00000010.npz", "step_00100000.npz"]
    assert folder.restore(gan) == {"step": 100_000}


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".0123456789ab-step_00000007.npz").write_bytes(b"half")
    CheckpointFolder(tmp_path)
    assert not list(tmp_path.iterdir())


def test_other_model_is_refused_and_left_untouched(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.npz", build(filters=4), {})
    other = build(filters=5)
    before = state(other)
    with pytest.raises(CheckpointError, match="belongs to another model: expected"):
        read_checkpoint(tmp_path / "a.npz", other)
    assert_state(other, before)


def test_nan_is_not_written(tmp_path: Path) -> None:
    gan = build()
    weight = gan.generator.trainable_variables[0]
    weight.assign(np.full(weight.shape, np.nan))
    with pytest.raises(TrainingDiverged, match=r"generator/0/kernel holds NaN"):
        write_checkpoint(tmp_path / "a.npz", gan, {})
    assert not list(tmp_path.iterdir())
    folder = CheckpointFolder(tmp_path)
    with pytest.raises(TrainingDiverged, match=r"at step 8; there is no checkpoint yet"):
        folder.write(8, gan, {})
    folder.write(9, build(), {})
    with pytest.raises(TrainingDiverged, match=r"the last good .*step_00000009\.npz"):
        folder.write(10, gan, {})
