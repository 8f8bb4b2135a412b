"""The program that drives jobs in the tests: a line with a job on stdin, a line with its result on stdout."""

import json
import os
import sys
from dataclasses import asdict, is_dataclass

from pyspark.sql import SparkSession

from xframes.spark import jobs


def flattened(spark, place):
    """The number of rows, and of distinct ids, of some tables of an archive's pages."""
    tables = jobs.flatten(spark.read.parquet(f"{place}/pages"), tables=["posts", "users", "post_hashtags"])
    bodies = spark.read.parquet(f"{place}/pages").selectExpr("cast(body as string) as body", "received_at")
    counts = {name: frame.count() for name, frame in tables.items()}
    return counts | {"ids": tables["posts"].select("id").distinct().count(),
                     "bodies": jobs.flatten(bodies, tables="posts")["posts"].count(),
                     "types": dict(tables["posts"].select("id", "like_count", "created_at").dtypes)}


def main(url, settings):
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Spark prints
    builder = SparkSession.builder.master(url).appName("tests")
    for name, value in json.loads(settings).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    for line in sys.stdin:
        job, args, options = json.loads(line)
        try:
            work = flattened if job == "flattened" else getattr(jobs, job)
            done = work(spark, *args, **options)
            result = asdict(done) if is_dataclass(done) else done
        except Exception as error:  # noqa: BLE001  # the test says which one it expects
            result = {"error": type(error).__name__, "text": str(error)[-2000:]}
        print(json.dumps(result), file=out, flush=True)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
