"""THIRD_PARTY.md is what the installed packages say of themselves, and none of them is refused."""

import importlib.util
import re
from email.message import Message
from pathlib import Path
from types import ModuleType

import pytest
from packaging.utils import canonicalize_name

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("licenses", ROOT / "docs" / "list_licenses.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table() -> dict[str, str]:
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| ([a-z][\w-]+) \| (.+?) \| .+ \|$", text, re.MULTILINE)[1:])


def test_every_package_that_is_asked_for_is_listed(script: ModuleType) -> None:
    listed = table()
    for requirements in script.direct_requirements().values():
        for requirement in requirements:
            package = script.distribution(requirement.name)
            assert listed[canonicalize_name(requirement.name)] == script.license_of(package)
    assert "THIRD_PARTY.md" in (ROOT / "NOTICE").read_text(encoding="utf-8")


def test_what_they_bring_is_listed_with_them(script: ModuleType) -> None:
    # Versions differ in what they need; of the pinned ones, most of it is the same everywhere.
    missing = script.find_packages().keys() - table().keys()
    assert len(missing) <= 5, f"run docs/list_licenses.py, it misses {sorted(missing)}"


@pytest.mark.parametrize(
    ("stated", "refused"),
    [
        ("GPL-3.0-or-later", True),
        ("AGPL-3.0", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("MIT AND GPL-2.0-only", True),
        ("", True),
        ("MIT OR GPL-2.0-only", False),
        ("LGPL-2.1-or-later", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("MIT-CMU", False),
    ],
)
def test_licenses_that_bind_us_are_refused(
    script: ModuleType, stated: str, refused: bool, tmp_path: Path
) -> None:
    metadata = Message()
    metadata["Name"] = "foreign"
    metadata["License"] = stated
    (tmp_path / "METADATA").write_text(metadata.as_string(), encoding="utf-8")
    package = script.Distribution.at(tmp_path)
    if refused:
        with pytest.raises(ValueError, match=r"no license|no dependency may be"):
            script.license_of(package)
    else:
        assert script.license_of(package) == stated
