"""Functions as graphs, and folders of such graphs: SavedModels."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

__all__ = ["as_graph", "save_graphs"]


def as_graph(*signature: tf.TensorSpec) -> Callable[[Callable[..., Any]], Any]:
    """Make a function a graph of its own, which all that call it share.

    Args:
        signature: what it takes.
    """
    return tf.function(input_signature=signature, autograph=False)


def save_graphs(graphs: Mapping[str, Any], folder: str | Path) -> None:
    """Write a SavedModel. Each graph is traced once; Keras' ``ExportArchive`` does so twice.

    Args:
        graphs: of :func:`as_graph`, by the names of its signatures; each gives a dictionary of
            tensors.
        folder: is made.

    Raises:
        OSError: it cannot be written.
    """
    signatures = {name: graph.get_concrete_function() for name, graph in graphs.items()}
    # By identity: variables compare their values.
    variables = {id(v): v for signature in signatures.values() for v in signature.variables}
    module = tf.Module()
    module.weights = list(variables.values())  # otherwise they are not kept
    try:
        tf.saved_model.save(module, str(folder), signatures)
    except tf.errors.OpError as error:  # TensorFlow's name for what the disk says
        raise OSError(f"cannot write {Path(folder).parent}: {error.message}") from error
