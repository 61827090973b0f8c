"""8-bit gray and RGB TIFF by tensorflow-io's compiled operation, where it loads.

The training side asks for it. ``decode_tiff`` gives the very pixels that the file holds where these
are not compressed; at damaged compressed data it prints and returns a picture that is white or
garbled from there on, so libtiff reads those, which says so.
"""

import functools
import io
import threading
import warnings
from typing import Any

import numpy as np
from PIL import Image

from keras_colorize.photos.tiff_samples import TiffDecoder

__all__ = ["tensorflow_io_decoder"]

_PROBE = threading.Lock()


@functools.cache
def tensorflow_io_decoder() -> TiffDecoder | None:
    """``decode_tiff``, or ``None`` where its compiled operation doesn't load.

    TensorFlow is imported at the first call.
    """
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "TIFF")
    # Its import succeeds under every TensorFlow and warns where the operation won't load. The lock:
    # two threads within `catch_warnings` could leave the filter behind.
    with _PROBE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import tensorflow_io

            operation = tensorflow_io.experimental.image.decode_tiff
            operation(file.getvalue())
        # Not installed, built for another TensorFlow, Python or processor: each fails in its own
        # way, and the reader itself decodes in its place.
        except Exception:  # noqa: BLE001
            return None
    return functools.partial(_decode, operation)


def _decode(operation: Any, data: bytes) -> np.ndarray | None:
    try:
        return operation(data).numpy()
    # TensorFlow's own kinds, of whatever files libtiff refuses and tifffile reads.
    except Exception:  # noqa: BLE001
        return None
