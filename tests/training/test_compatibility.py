"""A run that the version before the move began goes on, and the model it saved loads."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from keras_colorize.files import read_numbers
from keras_colorize.fit_arguments import parse_fit_config
from keras_colorize.inspection.snapshots import load_statistics
from keras_colorize.models.saved import load_generator
from keras_colorize.training.loop import train
from tests.conftest import ROOT, copy_sample

BEFORE = ROOT / "tests" / "fixtures" / "run_before_the_move"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(BEFORE / "golden.npz") as archive:
        return dict(archive)


def test_a_run_begun_before_is_continued_to_the_end_it_would_have_had(
    golden: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_sample("modern", 6, tmp_path / "photographs" / "modern")
    copy_sample("historical", 4, tmp_path / "photographs" / "historical")
    shutil.copytree(BEFORE / "run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)  # the run names its photographs relative to where it began
    (checkpoint,) = Path("run").glob("checkpoints/step_*.npz")
    assert checkpoint.name == "step_00000006.npz", "in the middle of its second epoch"

    run = train(parse_fit_config(["--config", "run/config.yaml"]), show_progress=False).run

    history, expected = read_numbers(run.history), read_numbers(BEFORE / "finished.csv")
    for name, values in expected.items():
        # Two of the 512 patches that are judged may lie so close to the threshold that rounding,
        # which is another on every processor, decides.
        atol = 2.0 / 512 if name.endswith("accuracy") else 1e-6
        np.testing.assert_allclose(history[name], values, rtol=1e-3, atol=atol, err_msg=name)
    generator, facts = load_generator(run.generator)
    assert facts.step == 8
    generated = np.asarray(generator(golden["luminance"]))
    np.testing.assert_allclose(generated, golden["finished"], atol=1e-3)
    assert load_statistics(run.activations).steps.tolist() == [1, 3, 6]


def test_a_generator_saved_before_gives_the_color_it_gave(golden: dict[str, np.ndarray]) -> None:
    generator, facts = load_generator(BEFORE / "run" / "checkpoints" / "best.keras")
    assert (facts.run, facts.step, facts.stride, facts.working_size) == ("run", 4, 4, 32)
    np.testing.assert_allclose(
        np.asarray(generator(golden["luminance"])), golden["best"], atol=1e-5
    )
