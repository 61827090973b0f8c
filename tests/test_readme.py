"""What the README names is there."""

import re

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
NAMED = sorted(
    {
        *re.findall(r"\]\((?!#|https?:)([^)#]+)(?:#[^)]*)?\)", README),
        *re.findall(r"(?:configs|benchmarks|keras_colorize)/(?:\w+/)*\w+\.\w+", README),
    }
)


def test_pictures_and_configurations_are_named() -> None:
    assert {"docs/example.jpg", "configs/pretrained_128.yaml"} <= set(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_what_is_named_is_there(name: str) -> None:
    assert (ROOT / name).exists()


def test_links_within_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", text).strip().lower().replace(" ", "-") for text in headings}
    links = re.findall(r"\]\(#([^)]+)\)", README)
    assert links
    assert set(links) <= anchors
