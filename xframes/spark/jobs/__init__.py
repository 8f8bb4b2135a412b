"""Jobs on Apache Spark that write archives in the same format as one machine does.

The driver plans tasks, executors run them, and the driver publishes what they wrote at once.
"""

from xframes.spark.jobs.archive_merge import merge
from xframes.spark.jobs.keys.key_compaction import compact
from xframes.spark.jobs.page_frames import flatten
from xframes.spark.jobs.page_import import import_pages
from xframes.spark.jobs.table_export import export
from xframes.spark.jobs.table_rebuild import rebuild
from xframes.spark.jobs.takedown_job import remove

__all__ = ["compact", "export", "flatten", "import_pages", "merge", "rebuild", "remove"]
