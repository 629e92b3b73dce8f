from collections.abc import Iterator

import pytest
from client import Client


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One worker for the whole run: importing vLLM takes longer than booting it."""
    client = Client(tmp_path_factory.mktemp("worker") / "stderr")
    yield client
    assert client.end() == 0
