"""A hook of mkdocs: the page of the model card is the card that lies beside the model."""

import re
from pathlib import Path
from typing import Any

__all__ = ["on_page_markdown"]

_CARD = Path(__file__).parents[1] / "saved_models" / "README.md"


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The card's text, its links led from where the site has its pages."""
    if page.file.src_uri != "model-card.md":
        return markdown
    text = _CARD.read_text(encoding="utf-8").replace("](../docs/", "](")
    return re.sub(r"\[([^]]+)\]\(\.\./[^)]+\)", r"`\1`", text)  # configurations are no pages
