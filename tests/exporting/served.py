"""Run by test_saved_model.py in a process of its own: a SavedModel with TensorFlow alone.

    python served.py VERSION_FOLDER PHOTO_FOLDER RESULT_FOLDER

Every photograph goes through ``colorize_bytes`` in one batch; results land under the same names.
``answers.json`` tells the rest.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

# Importing either fails from here on.
sys.modules["keras_colorize"] = None  # type: ignore
sys.modules["keras"] = None  # type: ignore


def main(version: Path, photos: Path, results: Path) -> None:
    loaded = tf.saved_model.load(str(version))
    colorize, serve = (loaded.signatures[name] for name in ("colorize_bytes", "serving_default"))
    paths = sorted(photos.iterdir())
    outputs = colorize(image_bytes=tf.constant([path.read_bytes() for path in paths]))
    for path, encoded in zip(paths, outputs["png_bytes"].numpy(), strict=True):
        (results / path.name).write_bytes(encoded)
    y = np.linspace(0, 1, 2 * 37 * 41, dtype="float32").reshape(2, 37, 41, 1)
    np.savez(results / "luminance.npz", y=y, color=serve(luminance=tf.constant(y))["color"])

    def refusal(luminance: np.ndarray) -> str:
        try:
            serve(luminance=tf.constant(luminance, tf.float32))
        except tf.errors.InvalidArgumentError as error:
            return error.message
        return ""

    answers = {
        "errors": {
            path.name: reason.decode()
            for path, reason in zip(paths, outputs["error"].numpy(), strict=True)
        },
        "signatures": {
            name: [
                {key: [spec.dtype.name, spec.shape.as_list()] for key, spec in specs.items()}
                for specs in (fn.structured_input_signature[1], fn.structured_outputs)
            ]
            for name, fn in loaded.signatures.items()
        },
        "refusals": {
            "empty": refusal(np.zeros((1, 0, 5, 1))),
            "NaN": refusal(np.full((1, 2, 2, 1), np.nan)),
            "8 bits": refusal(np.full((1, 2, 2, 1), 255.0)),
            "huge": refusal(np.zeros((2, 1000, 1000, 1))),
            "none at all": str(len(colorize(image_bytes=tf.zeros((0,), tf.string))["error"])),
        },
        "variables": sum(int(tf.size(variable)) for variable in loaded.weights),
    }
    (results / "answers.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
