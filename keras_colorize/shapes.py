"""A check that losses and metrics share."""

from typing import Any

__all__ = ["check_same_shape"]


def check_same_shape(name_a: str, a: Any, name_b: str, b: Any) -> None:
    """Raise a ValueError unless two tensors have the same shape, as far as it is known.

    Unequal shapes would broadcast silently into a value that means something else.
    """
    if len(a.shape) != len(b.shape) or any(
        p is not None and q is not None and p != q for p, q in zip(a.shape, b.shape)
    ):
        raise ValueError(
            f"{name_a} and {name_b} must have the same shape. "
            f"Received: {tuple(a.shape)} and {tuple(b.shape)}"
        )
