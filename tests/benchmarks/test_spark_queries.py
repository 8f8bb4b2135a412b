"""The benchmark of queries on Spark, small: all sides return the same rows, and each has its ratio."""

import pytest

from tests.benchmarks.setting import Setting
from tests.spark.conftest import missing

pytestmark = [
    pytest.mark.spark, pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:pyspark"),
    pytest.mark.filterwarnings("ignore::FutureWarning:pyspark"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


def test_queries_on_spark_beside_plain_sql(tmp_path, capsys):
    if (reason := missing()) is not None:
        pytest.skip(reason)
    from tests.benchmarks.queries import QUERIES
    from tests.benchmarks.spark_queries import run, session

    spark = session(tmp_path)
    try:
        tables = list(run(Setting(tmp_path, 2_000), spark, rounds=1))
    finally:
        spark.stop()
    with capsys.disabled():
        print("", *tables, sep="\n")
    assert [len(table.rows) for table in tables] == [3 * (len(QUERIES) + 1), len(QUERIES)]
