"""One Spark for all tests of this folder, on two cores; skipped where there is no pyspark or no Java."""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


def missing():
    """Why these tests cannot run here; None if they can."""
    if find_spec("pyspark") is None:
        return "pyspark is not installed (extra `spark`)"
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        return "Spark needs Java 17, and there is no `java`"
    return None


def pytest_collection_modifyitems(items):
    reason = missing()
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and "spark" in item.fixturenames:
            item.add_marker(pytest.mark.spark)
            item.add_marker(pytest.mark.slow)  # Spark takes seconds to start, and half a second for a query
            # its own warnings, of libraries that it has not followed yet and of sockets that it leaves open
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning:pyspark"))
            item.add_marker(pytest.mark.filterwarnings("ignore::FutureWarning:pyspark"))
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))
            item.add_marker(pytest.mark.xdist_group("spark"))  # one Spark at a time
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    from pyspark.sql import SparkSession

    from tests.spark.jobs.cluster import SHORT_LIVED

    home = tmp_path_factory.mktemp("spark")
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    session = (
        SparkSession.builder.master("local[2]").appName("tests")
        .config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.extraJavaOptions", SHORT_LIVED).config("spark.sql.shuffle.partitions", "2").config("spark.driver.memory", "1g")
        .config("spark.local.dir", str(home / "local")).config("spark.sql.warehouse.dir", str(home / "warehouse"))
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()
