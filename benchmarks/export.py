"""What do the exported forms of a model cost, and what is left of its color?

    python benchmarks/export.py --photos PHOTOS/test_modern

Exports a generator in every form and runs each in a process of its own on the centers of true color
photographs, reduced to the working size: TensorFlow Lite and ONNX as docs/deploy/edge.py does,
without TensorFlow. Size on disk; time of one photograph with one thread and with two, medians of
rounds in which all forms take turns; peak resident memory of the process with one thread, from its
start to its first photograph; PSNR against what the Keras model makes of the photograph, against
the truth, and colorfulness. Prints a Markdown table.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measuring import ROOT, Worker, alternate, describe_machine, describe_versions

# Name in the table, and options of keras_colorize.export; none is the Keras model itself.
FORMS = {
    "Keras": None,
    "SavedModel": "--format saved_model",
    "ONNX": "--format onnx",
    "TFLite float32": "--format tflite --precision float32",
    "TFLite float16": "--format tflite --precision float16",
    "TFLite dynamic": "--format tflite --precision dynamic",
    "TFLite int8": "--format tflite --precision int8",
    "TFLite float32, resizable": "--format tflite --precision float32 --resizable",
    "TFLite dynamic, resizable": "--format tflite --precision dynamic --resizable",
    "TFLite int8, resizable": "--format tflite --precision int8 --resizable",
}
THREADS = (1, 2)
STEPS = 3  # photographs in a block


def main() -> None:
    parser = argparse.ArgumentParser(description="The exported forms of a model, side by side.")
    parser.add_argument("--photos", type=Path, required=True, help="folder of color photographs")
    parser.add_argument("--model", type=Path, help="a generator.keras; by default the shipped one")
    parser.add_argument("--calibration", type=Path, help="folder of photographs, for int8")
    parser.add_argument("--count", type=int, default=362, help="photographs, evenly chosen")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()

    from keras_colorize import color
    from keras_colorize.models.saved import find_shipped, load_generator

    model = arguments.model or find_shipped()
    generator, facts = load_generator(model)
    side = facts.working_size
    truth = read_squares(arguments.photos, side, arguments.count)
    print(describe_machine())
    print(describe_versions("tensorflow", "keras", "ai-edge-litert", "onnxruntime"))
    print(
        f"{len(truth)} photographs of {side} x {side} pixels, {generator.count_params():,} weights"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        y = color.luminance(truth.astype(np.float32) / 255)
        np.save(folder / "luminance.npy", y)
        paths = {form: export(form, model, folder, arguments.calibration) for form in FORMS}
        sizes = {form: bytes_of(path) for form, path in paths.items()}
        with contextlib.ExitStack() as stack:
            workers = {
                (form, threads): start(path, threads, folder, result_of(form, folder))
                for form, path in paths.items()
                for threads in THREADS
            }
            for worker in workers.values():
                stack.callback(worker.close)
            blocks = {
                f"{form}/{threads}": (lambda w=worker: float(w.run(STEPS)["seconds"]))
                for (form, threads), worker in workers.items()
            }
            alternate(blocks, 1)  # wakes the caches
            medians, _ = alternate(blocks, arguments.rounds)
            memory = {form: workers[form, 1].facts["peak"] for form in FORMS}
        painted = {form: np.load(result_of(form, folder)) for form in FORMS}
    reference = color.replace_luminance(painted["Keras"], y)
    print_table(
        medians, sizes, memory, {f: quality(p, y, truth, reference) for f, p in painted.items()}
    )
    print(f"truth: colorfulness {colorfulness(truth / np.float32(255)):.1f}")


def read_squares(folder: Path, side: int, count: int) -> np.ndarray:
    """Centers of photographs, uint8 (N, side, side, 3); smaller ones are left out."""
    from keras_colorize.photos.finding import find_photos
    from keras_colorize.photos.reading import read_photo

    squares = []
    paths = find_photos(folder)
    for index in np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int):
        photo = read_photo(paths[index], short_side=side)
        top, left = ((length - side) // 2 for length in photo.shape[:2])
        if top >= 0 and left >= 0:
            squares.append(photo[top : top + side, left : left + side])
    return np.stack(squares)


def export(form: str, model: Path, folder: Path, calibration: Path | None) -> Path:
    """The file, or for a SavedModel the folder, of an exported form."""
    options = FORMS[form]
    if options is None:
        return model
    output = folder / form.replace(" ", "_").replace(",", "")
    command = [sys.executable, "-m", "keras_colorize.export", *options.split()]
    command += ["--model", str(model.resolve()), "--output", str(output)]
    if calibration and "int8" in options:
        command += ["--calibration", str(calibration.resolve())]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    return next(iter(output.glob("colorize.*")), output / "1")


def bytes_of(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    kept = ("saved_model.pb", "variables.*")
    return sum(file.stat().st_size for pattern in kept for file in path.rglob(pattern))


def result_of(form: str, folder: Path) -> Path:
    return folder / f"{form}.npy"


def start(path: Path, threads: int, folder: Path, result: Path) -> Worker:
    settings = {
        "path": str(path),
        "threads": threads,
        "photos": str(folder / "luminance.npy"),
        # One of them paints all the photographs, whatever its threads.
        "result": str(result) if threads == THREADS[-1] else None,
    }
    return Worker(sys.executable, "export_worker.py", settings, {"TF_CPP_MIN_LOG_LEVEL": "3"})


def quality(
    painted: np.ndarray, y: np.ndarray, truth: np.ndarray, reference: np.ndarray
) -> tuple[float, float, float]:
    """PSNR against the Keras model and against the truth, and colorfulness; means."""
    from keras_colorize import color

    result = color.replace_luminance(painted, y)
    exact = truth / np.float32(255)
    return psnr(reference, result), psnr(exact, result), colorfulness(result)


def psnr(expected: np.ndarray, received: np.ndarray) -> float:
    from keras_colorize import metrics

    values = [float(metrics.psnr(a[None], b[None])[0]) for a, b in zip(expected, received)]
    return float(np.mean(values))


def colorfulness(images: np.ndarray) -> float:
    from keras_colorize import metrics

    return float(np.mean([float(metrics.colorfulness(image[None])[0]) for image in images]))


def print_table(
    medians: dict[str, float],
    sizes: dict[str, int],
    memory: dict[str, int],
    scores: dict[str, tuple[float, float, float]],
) -> None:
    print("\n| | MB | ms, 1 thread | ms, 2 threads | peak memory, MB ", end="")
    print("| PSNR to Keras | PSNR to truth | colorfulness |\n|---|---|---|---|---|---|---|---|")
    for form in FORMS:
        times = [medians[f"{form}/{threads}"] for threads in THREADS]
        cells = [f"{sizes[form] / 1e6:.1f}", *(f"{1e3 * seconds:.0f}" for seconds in times)]
        alike, right, vivid = scores[form]
        cells += [f"{memory[form] / 1e6:.0f}", f"{alike:.1f}" if form != "Keras" else ""]
        print(f"| {form} | {' | '.join([*cells, f'{right:.2f}', f'{vivid:.1f}'])} |")


if __name__ == "__main__":
    main()
