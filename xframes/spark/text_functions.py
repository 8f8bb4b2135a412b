"""The SQL functions for texts and links, which DuckDB computes in the workers of Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from xframes.spark.archive_layout import SPARK_TYPES
from xframes.sql import macros

if TYPE_CHECKING:
    from xframes.schema import Type


def text_function(name: str, returns: Type) -> Any:
    """Return a function of Spark that computes the SQL function of this name."""
    import pandas as pd
    from pyspark.sql.functions import pandas_udf

    def compute(texts: Any) -> Any:
        rows = pa.table({"place": range(len(texts)), "text": pa.array(texts, pa.string())})
        query = f"SELECT {name}(text) AS value FROM given ORDER BY place"
        return macros.run(query, rows, {})["value"].to_pandas()

    compute.__annotations__ = {"texts": pd.Series, "return": pd.Series}  # Spark reads the objects
    return pandas_udf(compute, SPARK_TYPES[returns])
