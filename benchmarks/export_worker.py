"""One exported form of a model in a process of its own; ``export.py`` starts it.

A worker has what the form needs and no more: without TensorFlow where the form does without.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measuring import ROOT, serve

Run = Callable[[np.ndarray], np.ndarray]  # luminance (1, h, w, 1) to RGB (1, h, w, 3)


def main() -> None:
    settings = json.loads(sys.argv[1])
    photos = np.load(settings["photos"], mmap_mode="r")
    run = load(Path(settings["path"]), settings["threads"])
    first = np.array(photos[:1])
    run(first)
    facts = {"peak": peak_memory()}
    if settings["result"]:
        painted = [run(np.array(photos[index : index + 1]))[0] for index in range(len(photos))]
        np.save(settings["result"], np.stack(painted))

    def step() -> dict[str, Any]:
        return {"red": run(first)[0, 0, 0, 0]}

    serve(step, facts)


def load(path: Path, threads: int) -> Run:
    if path.suffix in (".tflite", ".onnx"):
        sys.path.insert(0, str(ROOT / "docs" / "deploy"))
        import edge

        loader = edge.load_onnx if path.suffix == ".onnx" else edge.load_tflite
        return loader(str(path), threads)[0]
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if path.suffix == ".keras":
        from keras_colorize.models.saved import load_generator

        generator, _ = load_generator(path)
        graph = tf.function(lambda y: generator(y, training=False), reduce_retracing=True)
        return lambda luminance: graph(tf.constant(luminance)).numpy()
    loaded = tf.saved_model.load(str(path))  # its signatures do not keep it alive
    return lambda luminance: loaded.signatures["serving_default"](luminance=tf.constant(luminance))[
        "color"
    ].numpy()


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes (Linux)."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    main()
