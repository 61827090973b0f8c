"""Teachers: trained generators whose mean a student learns, of photographs without color too.

What a generator paints is partly chance, of its seed and of where an object happens to lie. The
mean of several, each of the photograph and of its mirror image, has less of it: Hinton, Vinyals
and Dean, "Distilling the Knowledge in a Neural Network", 2015. The student pays for one.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
from keras import ops

from keras_colorize import color
from keras_colorize.errors import ModelError
from keras_colorize.models.saved import load_generator

__all__ = ["load_teachers", "mean_of"]

Tensor = Any  # of any Keras backend


def load_teachers(paths: Sequence[Path], sizes: Sequence[int]) -> Callable[[Tensor], Tensor]:
    """The mean of saved generators; see :func:`mean_of`.

    Args:
        paths: their files.
        sizes: of the photographs that they are to paint.

    Raises:
        ModelError: one of them is no generator of this package, or takes no photographs of such
            sizes.
    """
    teachers = []
    for path in paths:
        teacher, facts = load_generator(path)
        if unfit := [size for size in sizes if size % facts.stride]:
            raise ModelError(
                f"{path} takes sizes that are multiples of {facts.stride}, and cannot teach at "
                f"{', '.join(map(str, unfit))}"
            )
        teachers.append(teacher)
    return mean_of(teachers)


def mean_of(teachers: Sequence[keras.Model]) -> Callable[[Tensor], Tensor]:
    """What several generators paint on average, each with its mirror image.

    Args:
        teachers: luminance to color, at least one. None of them is trained any more.

    Returns:
        A function of luminance ``(B, H, W, 1)`` in [0, 1], whose sides are multiples of every
        teacher's stride: RGB ``(B, H, W, 3)`` of that luminance, float32, through which nothing is
        differentiated. Not a model, so that Keras does not save it with the student.
    """
    if not teachers:
        raise ValueError("Expected at least one teacher. Received none")
    for teacher in teachers:
        teacher.trainable = False

    def teach(luminance: Tensor) -> Tensor:
        mirrored = ops.flip(luminance, axis=2)
        painted = [color.chroma(teacher(luminance, training=False)) for teacher in teachers]
        painted += [
            ops.flip(color.chroma(teacher(mirrored, training=False)), axis=2)
            for teacher in teachers
        ]
        mean = sum(painted[1:], painted[0]) / len(painted)
        return ops.stop_gradient(color.add_chroma(luminance, mean))

    return teach
