"""What can go wrong, as a tree of exceptions.

    KerasColorizeError
    ├── ConfigError        a setting is unknown, out of range or contradicts another (a ValueError)
    ├── PhotoError         one photograph cannot be used (a ValueError)
    │   └── IrreversibleJpegError   a JPEG to which chroma cannot be added without re-encoding it
    ├── VideoError         one film cannot be used, or its result not be written (a ValueError)
    ├── DataError          a folder or a data set cannot be trained on (a ValueError)
    ├── RunError           a run directory cannot be continued or written
    ├── CheckpointError    a checkpoint is damaged or belongs to another model
    ├── ModelError         a saved generator cannot be used (a ValueError)
    └── TrainingDiverged   a loss became NaN or infinite

Every message says what was expected, what was received and how to mend it. The commands print it
in one line and exit with status 2.
"""

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "IrreversibleJpegError",
    "KerasColorizeError",
    "ModelError",
    "PhotoError",
    "RunError",
    "TrainingDiverged",
    "VideoError",
]


class KerasColorizeError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(KerasColorizeError, ValueError):
    """A setting is unknown, out of range or contradicts another."""


class PhotoError(KerasColorizeError, ValueError):
    """One photograph cannot be used; the message is the reason."""


class IrreversibleJpegError(PhotoError):
    """A JPEG whose coded luminance cannot be kept while chroma is added; the message says why.

    The photograph itself may well be readable: decoding it and encoding it anew is what remains.
    """


class VideoError(KerasColorizeError, ValueError):
    """One film cannot be used, or its result cannot be written; the message is the reason."""


class DataError(KerasColorizeError, ValueError):
    """A folder or a data set cannot be trained on."""


class RunError(KerasColorizeError):
    """A run directory cannot be continued or written."""


class CheckpointError(KerasColorizeError):
    """A checkpoint is damaged or belongs to another model."""


class ModelError(KerasColorizeError, ValueError):
    """A saved generator cannot be used."""


class TrainingDiverged(KerasColorizeError):
    """A loss became NaN or infinite; the message names the term, step and last checkpoint."""
