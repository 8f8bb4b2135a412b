"""One cluster for all tests of jobs, with one process that drives them."""

import shutil
import sys
from importlib.util import find_spec

import pytest


def missing():
    """Why a cluster cannot run here; None if it can."""
    if find_spec("pyspark") is None:
        return "pyspark is not installed (extra `spark`)"
    if shutil.which("java") is None:
        return "Spark needs Java 17, and there is no `java`"
    if not sys.platform.startswith("linux"):
        return "the cluster's processes are found through /proc"
    return None


@pytest.fixture(scope="session")
def store():
    """A server that speaks S3 on loopback; it is there before the cluster, which learns its address."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
    pytest.importorskip("moto", reason="moto is not installed")
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    from .copying_store import serving

    with serving() as made:
        yield made


@pytest.fixture(scope="session")
def cluster(store, tmp_path_factory):
    from .cluster import Cluster

    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def driver(cluster):
    made = cluster.driver()
    yield made
    made.kill()
