"""Photographs that the tests of metadata share."""

from pathlib import Path

import pytest

from tests.metadata.sources import SOURCES


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of each kind in :data:`SOURCES`."""
    folder = tmp_path_factory.mktemp("sources")
    for name, write in SOURCES.items():
        write(folder / name)
    return folder
