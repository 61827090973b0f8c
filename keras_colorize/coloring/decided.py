"""A photograph's session, begun as it was decided."""

from pathlib import Path

import numpy as np

from keras_colorize.coloring.colorizer import Colorizer
from keras_colorize.coloring.decisions import Decisions
from keras_colorize.coloring.decisions_folder import find_reference
from keras_colorize.coloring.session import Session

__all__ = ["begin_session", "tell_other_model"]


def begin_session(
    colorizer: Colorizer, luminance: np.ndarray, decisions: Decisions | None, references: Path
) -> Session:
    """A session that follows what was decided; hints and proposal are left to ``paint``.

    Args:
        colorizer: what paints.
        luminance: of the photograph, as ``Colorizer.paint`` takes it.
        decisions: about it; None leaves all to the colorizer.
        references: the folder in whose ``references/`` lies the photograph that they may name.

    Raises:
        PhotoError: its reference is missing, or cannot be read.
        ModelError: a palette, of a generator without a distribution.
    """
    if decisions is None:
        return Session(colorizer, luminance)
    session = Session(colorizer, luminance, decisions.working_size)
    if decisions.reference is not None:
        colorizer.lead(session, find_reference(references, decisions.reference))
    elif decisions.palette:
        session.keep_to(decisions.palette)
    return session


def tell_other_model(decisions: Decisions | None, colorizer: Colorizer) -> tuple[str, ...]:
    """A note for the report where a photograph was decided about with another model."""
    if decisions is None or decisions.model == colorizer.model_hash:
        return ()
    return (f"decided with another model ({decisions.model[:12]}…): its colors may differ",)
