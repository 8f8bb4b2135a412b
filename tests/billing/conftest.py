"""A ledger of each test's own."""

import pytest

from xframes.billing.ledger import Ledger, ledger_path


@pytest.fixture(autouse=True)
def data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def totals():
    """The sums of the ledger in dollars, low and high."""

    def read(**only):
        rows = [row for row in Ledger(ledger_path()).rows() if only.items() <= row.items()]
        return sum(row["low"] for row in rows) / 1e9, sum(row["high"] for row in rows) / 1e9

    return read
