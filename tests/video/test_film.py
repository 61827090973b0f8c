"""Films through the real entry point, with a tiny generator."""

import csv
import json
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from keras_colorize import colorize
from keras_colorize.color import ycbcr_to_rgb
from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.decisions import Decisions, Outline
from keras_colorize.coloring.decisions_folder import DecisionsFolder
from keras_colorize.files import hash_file
from keras_colorize.video import film as film_module
from keras_colorize.video.joining import find_film_provenance
from tests.video.films import (
    HEIGHT,
    PHOTOS,
    WIDTH,
    ask,
    color,
    make_film,
    needs_ffmpeg,
    pan,
    planes,
    times,
    turn,
)

pytestmark = needs_ffmpeg
LOSSLESS = ("-c:v", "libx264", "-qp", "0")
FIRST, SECOND = 14, 12  # frames of the shots
UNEVEN = "setpts=(N+floor(N/5)*2)*1001,settb=1/24000"  # every fifth frame stays longer


@pytest.fixture(scope="module")
def two_shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots of uneven times, with sound, chapters and tags."""
    folder = tmp_path_factory.mktemp("film")
    tags = folder / "tags.txt"
    tags.write_text(
        ";FFMETADATA1\ntitle=Old Town\ncomment=reel 3\n"
        "[CHAPTER]\nTIMEBASE=1/10\nSTART=0\nEND=5\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/10\nSTART=5\nEND=12\ntitle=Two\n"
    )
    before = ["-f", "lavfi", "-i", "sine=duration=1.2:sample_rate=8000", "-i", str(tags)]
    return make_film(
        folder / "town.mp4",
        np.concatenate([pan(PHOTOS[0], FIRST), pan(PHOTOS[1], SECOND)]),
        *("-map", "0:v", "-map", "1:a", "-map_metadata", "2", "-map_chapters", "2"),
        *("-c:a", "aac", "-fps_mode", "passthrough", "-metadata:s:a", "language=deu"),
        before=before,
        filters=UNEVEN,
    )


@pytest.fixture(scope="module")
def colored(two_shots: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film, in a folder beside which lies something else, through the command."""
    out = tmp_path_factory.mktemp("out")
    arguments = [str(two_shots.parent), "--output", str(out), "--model", str(model)]
    assert colorize.main([*arguments, "--working_size", "32", "--crf", "1"]) == 0
    return out / "town.mp4"


def report(folder: Path) -> list[dict[str, str]]:
    with (folder / "report.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_frame_keeps_its_time(two_shots: Path, colored: Path) -> None:
    assert len(times(two_shots)) == FIRST + SECOND
    assert times(colored) == times(two_shots)


def test_sound_chapters_and_tags_stay(two_shots: Path, colored: Path) -> None:
    assert times(colored, "a:0") == times(two_shots, "a:0")
    was, is_ = (
        ask(path, "-show_streams", "-show_format", "-show_chapters")
        for path in (two_shots, colored)
    )
    assert [c["tags"]["title"] for c in is_["chapters"]] == ["One", "Two"]
    assert [c["start"] for c in is_["chapters"]] == [c["start"] for c in was["chapters"]]
    assert is_["format"]["tags"]["title"] == "Old Town"
    assert is_["format"]["tags"]["comment"].startswith("reel 3")
    (sound,) = (s for s in is_["streams"] if s["codec_type"] == "audio")
    assert sound["tags"]["language"] == "deu"


def test_it_is_in_color_and_said_to_be_tagged_so(two_shots: Path, colored: Path) -> None:
    gray, color_ = (planes(path, "yuv420p", (WIDTH, HEIGHT)) for path in (two_shots, colored))
    # At a rate factor of 1 the codec changes hardly anything.
    assert np.abs(color_[0].astype(int) - gray[0]).max() <= 3
    assert gray[1].std() < 1 < color_[1].std()
    (pictures,) = ask(colored, "-select_streams", "v", "-show_streams")["streams"]
    tags = [pictures[f"color_{name}"] for name in ("range", "space", "primaries", "transfer")]
    assert tags == ["tv", "smpte170m", "smpte170m", "smpte170m"]


def test_provenance_and_report_say_what_was_done(colored: Path, model: Path) -> None:
    provenance = find_film_provenance(colored)
    assert provenance is not None
    (row,) = report(colored.parent)
    assert row["status"] == "colorized"
    assert row["input_sha256"] == provenance.input_hash
    assert row["model_sha256"] == provenance.model_hash
    assert row["method"] == "H.264, 8 bits, 26 frames in 2 shots"
    comment = ask(colored, "-show_format")["format"]["tags"]["comment"]
    assert provenance.model_hash in comment
    assert {path.name for path in colored.parent.iterdir()} == {"report.csv", "town.mp4"}


def test_the_same_call_finds_it_done(
    two_shots: Path, colored: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = colored.read_bytes()
    arguments = [str(two_shots), "--output", str(colored.parent), "--model", str(model)]
    arguments += ["--working_size", "32"]
    assert colorize.main([*arguments, "--crf", "1"]) == 0
    assert "1 already done" in capsys.readouterr().out
    assert colorize.main([*arguments, "--crf", "2"]) == 1
    assert "pass --overwrite" in report(colored.parent)[-1]["reason"]
    assert colored.read_bytes() == before


def test_lossless_keeps_every_pixel_of_ten_bits(tmp_path: Path, colorizer: Colorizer) -> None:
    film = make_film(
        tmp_path / "deep.mkv",
        pan(PHOTOS[2], 9),
        pixel_format="yuv420p10le",
        filters="noise=alls=8:allf=t",
        codec=LOSSLESS,
    )
    record = color(film, tmp_path / "out", colorizer, codec="ffv1")
    assert record.method == "FFV1, 10 bits, 9 frames in 1 shots"
    assert record.warnings == ""
    gray, color_ = (
        planes(path, "yuv420p10le", (WIDTH, HEIGHT)) for path in (film, tmp_path / "out/deep.mkv")
    )
    np.testing.assert_array_equal(color_[0], gray[0])
    assert color_[1].std() > 4


@pytest.mark.parametrize(("pixel_format", "bits"), [("yuv420p12le", 12), ("gray16le", 16)])
def test_of_more_than_ten_bits_it_says_what_is_left(
    pixel_format: str, bits: int, tmp_path: Path, colorizer: Colorizer
) -> None:
    frames = pan(PHOTOS[2], 2)
    film = make_film(
        tmp_path / "deep.mkv", frames, pixel_format=pixel_format, codec=("-c:v", "ffv1")
    )
    record = color(film, tmp_path / "out", colorizer, codec="ffv1")
    assert record.method.startswith("FFV1, 10 bits")
    assert f"its {bits} bits became 10" in record.warnings


def test_interrupted_it_goes_on_and_comes_to_the_same(
    two_shots: Path, colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = color(two_shots, tmp_path / "whole", colorizer, codec="ffv1")
    assert whole.status == "colorized"
    began = []
    render = film_module.render

    def interrupted(part: object, *arguments: object) -> None:
        began.append(part.start)
        if len(began) == 2:
            raise KeyboardInterrupt
        render(part, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(film_module, "render", interrupted)
        with pytest.raises(KeyboardInterrupt):
            color(two_shots, tmp_path / "parts", colorizer, codec="ffv1")
    assert not (tmp_path / "parts" / "town.mkv").exists()
    began.append(None)

    def resumed(part: object, *arguments: object) -> None:
        began.append(part.start)
        render(part, *arguments)

    monkeypatch.setattr(film_module, "render", resumed)
    assert color(two_shots, tmp_path / "parts", colorizer, codec="ffv1").status == "colorized"
    assert began == [0, FIRST, None, FIRST]
    for a, b in zip(
        *(planes(tmp_path / n / "town.mkv", "yuv420p", (WIDTH, HEIGHT)) for n in ("whole", "parts"))
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("text", lambda path: path.write_text("no film"), "not readable as a film"),
        (
            "sound",
            lambda path: make_sound(path),
            "no pictures: expected a video stream, found audio",
        ),
    ],
)
def test_what_is_no_film_is_told_in_a_line(
    name: str, make: Callable[[Path], None], reason: str, tmp_path: Path, colorizer: Colorizer
) -> None:
    film = tmp_path / f"{name}.mkv"
    make(film)
    record = color(film, tmp_path / "out", colorizer)
    assert record.status == "failed"
    assert reason in record.reason
    assert "\n" not in record.reason


def make_sound(path: Path) -> None:
    import subprocess

    command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "sine=duration=0.1", str(path)]
    subprocess.run(command, check=True)


def test_of_a_truncated_film_what_is_there_is_colored(tmp_path: Path, colorizer: Colorizer) -> None:
    film = make_film(tmp_path / "cut.mkv", pan(PHOTOS[3], 20), codec=("-c:v", "ffv1"))
    content = film.read_bytes()
    film.write_bytes(content[: len(content) * 2 // 3])
    record = color(film, tmp_path / "out", colorizer)
    assert record.status == "colorized"
    assert "cut short" in record.warnings
    assert 5 < len(times(tmp_path / "out/cut.mkv")) < 20


def test_a_single_frame_of_odd_size(tmp_path: Path, colorizer: Colorizer) -> None:
    frames = pan(PHOTOS[4], 1, size=(51, 37))
    film = make_film(tmp_path / "one.mkv", frames, codec=("-c:v", "ffv1"), pixel_format="yuv444p")
    record = color(film, tmp_path / "out", colorizer, codec="ffv1")
    assert "odd size" in record.warnings
    gray, color_ = (planes(path, "yuv444p", (51, 37)) for path in (film, tmp_path / "out/one.mkv"))
    np.testing.assert_array_equal(color_[0], gray[0])
    assert len(color_[0]) == 1
    assert color_[2].std() > 1


def test_interlaced_turned_and_full_range(tmp_path: Path, colorizer: Colorizer) -> None:
    frames = pan(PHOTOS[5], 6)
    woven = make_film(
        tmp_path / "woven.mkv",
        frames,
        *("-flags", "+ildct+ilme", "-field_order", "tt"),
        filters="setfield=tff",
        codec=("-c:v", "mpeg2video", "-q:v", "2"),
    )
    record = color(woven, tmp_path / "out", colorizer)
    assert "interlaced (tt)" in record.warnings
    (pictures,) = ask(tmp_path / "out/woven.mkv", "-show_streams")["streams"]
    assert pictures["field_order"] in ("tt", "tb")
    turned = make_film(
        tmp_path / "turned.mov",
        frames,
        *("-color_range", "pc"),
        pixel_format="yuvj420p",
        codec=LOSSLESS,
    )
    turn(turned)
    record = color(turned, tmp_path / "out", colorizer, codec="ffv1")
    assert (record.width, record.height) == (HEIGHT, WIDTH)
    (pictures,) = ask(tmp_path / "out/turned.mkv", "-show_streams")["streams"]
    assert (pictures["width"], pictures["height"]) == (HEIGHT, WIDTH)
    assert pictures["color_range"] == "pc"
    assert not [s for s in pictures.get("side_data_list", []) if "rotation" in s]
    upright = np.stack([np.rot90(frame, -1) for frame in frames])
    got = planes(tmp_path / "out/turned.mkv", "yuvj420p", (HEIGHT, WIDTH))[0]
    assert min(np.abs(got.astype(int) - x).max() for x in (upright, upright[:, ::-1, ::-1])) <= 1


def test_closed_captions_within_the_pictures_are_named(
    tmp_path: Path, colorizer: Colorizer
) -> None:
    stream = make_film(
        tmp_path / "film.m2v", pan(PHOTOS[5], 4), codec=("-c:v", "mpeg2video", "-q:v", "2")
    )
    plain = color(stream, tmp_path / "plain", colorizer)
    assert "captions" not in plain.warnings
    captions = b"\0\0\1\xb2GA94\3\xc1\xff\xfc\x94\x2c\xff"  # user data of ATSC A/53, part 4
    first = b"\0\0\1\1"  # slice of a picture, before which it goes
    stream.write_bytes(stream.read_bytes().replace(first, captions + first))
    record = color(stream, tmp_path / "out", colorizer)
    assert record.status == "colorized"
    assert "left out: closed captions" in record.warnings


def test_a_stream_that_changes_size(tmp_path: Path, colorizer: Colorizer) -> None:
    parts = [
        make_film(tmp_path / f"{n}.ts", pan(PHOTOS[6], 6, size=size))
        for n, size in enumerate([(WIDTH, HEIGHT), (48, 32)])
    ]
    film = tmp_path / "both.ts"
    film.write_bytes(b"".join(part.read_bytes() for part in parts))
    record = color(film, tmp_path / "out", colorizer)
    assert record.status == "colorized"
    assert "6 frames of another size" in record.warnings
    assert len(times(tmp_path / "out/both.mkv")) == 12


def test_a_full_disk_keeps_what_is_done(
    two_shots: Path, colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr("signal.signal", signal.signal)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limit[1]))
        record = color(two_shots, tmp_path, colorizer, codec="ffv1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, old)
    assert record.status == "failed"
    assert "cannot write" in record.reason
    assert not (tmp_path / "town.mkv").exists()
    assert color(two_shots, tmp_path, colorizer, codec="ffv1").status == "colorized"


def test_without_ffmpeg_one_line_tells_how_to_get_it(
    two_shots: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    arguments = [str(two_shots), "--output", str(tmp_path / "out"), "--model", str(model)]
    assert colorize.main(arguments) == 2
    assert "apt-get install ffmpeg" in capsys.readouterr().err


def test_a_dry_run_lists_films(
    two_shots: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert colorize.main([str(two_shots), "--output", str(tmp_path / "o"), "--dry_run"]) == 0
    out = capsys.readouterr().out
    assert f"[{WIDTH} x {HEIGHT}, 26 frames]" in out
    assert "0 photographs, 1 films, 0 refused" in out


def test_options_of_photographs_are_refused_for_films_alone(
    two_shots: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(two_shots), "--output", str(tmp_path / "o"), "--dry_run"]
    of_photos = ["--compare", "--format", "png", "--proposals", "3", "--like", str(PHOTOS[0])]
    assert colorize.main([*arguments, *of_photos]) == 2
    assert "Received: --compare --proposals --format --like\n" in capsys.readouterr().err
    assert colorize.main([str(PHOTOS[0]), *arguments, *of_photos]) == 0
    assert colorize.main([*arguments, "--format", "keep", "--look", "autochrome"]) == 0


def test_state_of_other_settings_is_not_taken_up(
    two_shots: Path, colorizer: Colorizer, tmp_path: Path
) -> None:
    parts = tmp_path / ".town.mkv.parts"
    parts.mkdir()
    (parts / "work.json").write_text(json.dumps({"model": "another"}))
    (parts / "000000.json").write_text("{}")
    assert color(two_shots, tmp_path, colorizer).status == "colorized"
    assert not parts.exists()


def test_a_corrected_still_colors_its_shot_and_no_other(
    two_shots: Path, colorizer: Colorizer, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    assert color(two_shots, plain, colorizer, codec="ffv1", key_frames=True).status == "colorized"
    _, second = sorted((plain / "key_frames" / "town.mkv").glob("*.png"))
    assert second.name == f"shot_00002_frame_{FIRST + (SECOND - 1) // 2:07d}.png"
    wanted = (0.16, -0.2)  # Cb and Cr
    box = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))
    rgb = np.rint(255 * ycbcr_to_rgb(np.array([0.5, *wanted]))).astype(int)
    decisions = Decisions(
        hash_file(second),
        colorizer.model_hash,
        colorizer.working_size,
        hints=(Outline(box, "#{:02x}{:02x}{:02x}".format(*rgb)),),
    )
    decisions.save(tmp_path / "decided" / f"{second.name}.colors.json")
    record = color(
        two_shots,
        plain,
        colorizer,
        codec="ffv1",
        overwrite=True,
        decisions=DecisionsFolder(tmp_path / "decided").find,
    )
    # The same film in a folder of its own has no stills, so nothing is known about it.
    other = color(two_shots, tmp_path / "other", colorizer, codec="ffv1")
    assert other.status == record.status == "colorized"
    was, is_ = (
        planes(folder / "town.mkv", "yuv420p", (WIDTH, HEIGHT))
        for folder in (tmp_path / "other", plain)
    )
    for plane in (1, 2):
        np.testing.assert_array_equal(is_[plane][:FIRST], was[plane][:FIRST])
        moved = (is_[plane][FIRST:].astype(float) - was[plane][FIRST:])[:, 8:-8, 8:-8]
        # All frames as much as the one that was corrected, and in its direction.
        moved = moved.mean(axis=(1, 2)) * np.sign(wanted[plane - 1])
        assert moved[(SECOND - 1) // 2] > 8
        np.testing.assert_allclose(moved, moved[(SECOND - 1) // 2], rtol=0.3)
    provenance = find_film_provenance(plain / "town.mkv")
    assert provenance is not None and provenance.chosen_colors is not None


def test_a_look_of_a_still_is_worn_by_its_shot_and_no_other(
    two_shots: Path, colorizer: Colorizer, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert color(two_shots, out, colorizer, codec="ffv1", key_frames=True).status == "colorized"
    was = planes(out / "town.mkv", "yuv420p", (WIDTH, HEIGHT))
    _, second = sorted((out / "key_frames" / "town.mkv").glob("*.png"))
    decisions = Decisions(
        hash_file(second), colorizer.model_hash, colorizer.working_size, look="autochrome"
    )
    decisions.save(tmp_path / "decided" / f"{second.name}.colors.json")
    find = DecisionsFolder(tmp_path / "decided").find
    again = color(two_shots, out, colorizer, codec="ffv1", overwrite=True, decisions=find)
    assert again.status == "colorized"
    is_ = planes(out / "town.mkv", "yuv420p", (WIDTH, HEIGHT))
    worn = Colorizer.load(model, 32, look="autochrome")
    assert color(two_shots, tmp_path / "worn", worn, codec="ffv1").status == "colorized"
    all_of_it = planes(tmp_path / "worn" / "town.mkv", "yuv420p", (WIDTH, HEIGHT))
    for plane in (1, 2):
        np.testing.assert_array_equal(is_[plane][:FIRST], was[plane][:FIRST])
        np.testing.assert_allclose(
            is_[plane][FIRST:].astype(float), all_of_it[plane][FIRST:].astype(float), atol=1
        )
    assert np.abs(is_[1][FIRST:].astype(float) - was[1][FIRST:]).mean() > 1
    provenance = find_film_provenance(out / "town.mkv")
    assert provenance is not None and provenance.chosen_colors is None
    assert json.loads(provenance.settings)["looks"] == {str(FIRST): "autochrome"}


def test_a_film_has_the_colors_of_a_plate_without_its_grains(
    two_shots: Path, model: Path, tmp_path: Path
) -> None:
    told = {}
    for look in ("autochrome", "autochrome_grains"):
        out = tmp_path / look
        told[look] = color(two_shots, out, Colorizer.load(model, 32, look=look), codec="ffv1")
    plain, grained = (planes(tmp_path / x / "town.mkv", "yuv420p", (WIDTH, HEIGHT)) for x in told)
    for plane in range(3):
        np.testing.assert_array_equal(plain[plane], grained[plane])
    assert "grains are left out of a film" in told["autochrome_grains"].warnings
    assert "grains" not in told["autochrome"].warnings
