"""Parameters many actions share."""

from xframes.registry.types import Param

ID = r"[0-9]{1,19}"
USERNAME = r"[A-Za-z0-9_]{1,15}"
MEDIA_KEY = r"[0-9]+_[0-9]+"
SPACE_ID = r"[a-zA-Z0-9]{1,13}"

EARLIEST = "2010-11-06T00:00:00Z"


def path_id(name: str, wire: str = "id", pattern: str = ID) -> Param:
    """An id that stands in the path."""
    return Param(name, "id", wire, "path", required=True, pattern=pattern)


def id_list(name: str, wire: str = "ids", pattern: str = ID, most: int = 100) -> Param:
    """A required list of ids, at most so many in one request."""
    return Param(name, "ids", wire, required=True, min=1, max=most, pattern=pattern)


def query(longest: int) -> Param:
    """A search query; `longest` is what X accepts from self-serve accounts, in characters."""
    return Param("query", "query", required=True, min=1, max=longest)


def times(earliest: str | None = None) -> tuple[Param, Param]:
    """`start_time` (inclusive) and `end_time` (exclusive), whole seconds of UTC."""
    return Param("start_time", "time", earliest=earliest), Param("end_time", "time", earliest=earliest)


SINCE_UNTIL = (Param("since_id", "id", pattern=ID), Param("until_id", "id", pattern=ID))
SORT_ORDER = Param("sort_order", "enum", choices=("recency", "relevancy"))
GRANULARITY = Param("granularity", "enum", choices=("minute", "hour", "day"))
