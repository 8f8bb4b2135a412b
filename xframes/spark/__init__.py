"""Archives on Apache Spark."""
