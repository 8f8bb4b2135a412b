"""Archives on Apache Spark: their views in Spark SQL, and a data source (extra `spark`)."""

from xframes.spark.source import XframesDataSource
from xframes.spark.temp_views import register

__all__ = ["XframesDataSource", "register"]
