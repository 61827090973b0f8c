"""What a training uses no more is gone after the epoch."""

import gc
import weakref

from keras_colorize.models.unet import build_unet
from keras_colorize.training.callbacks.trim import MemoryTrim


def test_a_network_that_was_built_for_a_file_is_gone_after_the_epoch() -> None:
    gc.disable()  # as good as it is in a long run, whose objects are many
    try:
        network = build_unet(4, 2)
        seen = weakref.ref(network)
        del network
        assert seen() is not None
        MemoryTrim().on_epoch_end(0)
        assert seen() is None
    finally:
        gc.enable()
