"""Builders of functional Keras models."""

from keras_colorize.models.patchgan import build_patchgan
from keras_colorize.models.unet import build_unet

__all__ = ["build_patchgan", "build_unet"]
