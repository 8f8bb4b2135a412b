"""The program that drives jobs in the tests: a line with a job on stdin, a line with its result on stdout."""

import json
import os
import sys
from dataclasses import asdict, is_dataclass

from pyspark.sql import SparkSession

from xframes.spark import jobs


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
            done = getattr(jobs, job)(spark, *args, **options)
            result = asdict(done) if is_dataclass(done) else done
        except Exception as error:  # noqa: BLE001  # the test says which one it expects
            result = {"error": type(error).__name__, "text": str(error)[-2000:]}
        print(json.dumps(result), file=out, flush=True)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
