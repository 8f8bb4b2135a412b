"""Archives in a server that speaks Google Cloud Storage on loopback."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

import xframes as xf
from xframes.archive import Archive
from xframes.errors import ArchiveError

from .objects import ids, page

pytestmark = pytest.mark.slow

SERVER = """
import socket, sys
from gcp_storage_emulator.server import create_server
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
with create_server("127.0.0.1", port, in_memory=True, default_bucket="data"):
    print(port, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("gcp_storage_emulator", reason="gcp-storage-emulator is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # read at import; it asks by gRPC, which is not played
        gcsfs = pytest.importorskip("gcsfs", reason="gcsfs is not installed")
        with subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True,
        ) as running:
            patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{running.stdout.readline().strip()}")
            gcsfs.GCSFileSystem.clear_instance_cache()
            yield "gs://data"
            gcsfs.GCSFileSystem.clear_instance_cache()
            running.kill()


def test_a_whole_life_on_gcs(server, tmp_path):
    with (
        xf.sandbox.start(posts=2000, users=150, rate_limits=False, now=datetime(2026, 3, 1, 12, tzinfo=UTC)) as x,
        xf.Client(bearer_token=x.bearer_token, base_url=x.url) as client,
        Archive(tmp_path / "local") as local, Archive(f"{server}/life") as archive,
    ):
        for into in (archive, local):
            assert xf.search.recent("a", limit=200, into=into, client=client).rows == 200
        assert ids(archive) == ids(local)
        archive.compact()
        archive.rebuild()
        gone = min(ids(local))
        for some in (archive, local):
            some.remove(post_ids=[gone], reason="field_params")
        local.merge(archive)
        archive.merge(local)
        assert ids(archive) == ids(local)
        assert gone not in ids(archive)
        assert archive.verify().ok
    with Archive(f"{server}/life") as again:
        assert ids(again) == ids(local)


def test_a_bucket_that_is_not_there_is_told(server):
    with pytest.raises(ArchiveError, match="nowhere"), Archive("gs://nowhere/archive") as archive:
        archive.add([page(1)])
