"""A process that runs queries of the user, because DuckDB cannot always be interrupted.

One call of a function can take hours or all memory: `repeat('x', 3000000000)`. A process can be
killed at any time, and its memory has a limit. It opens an archive on a disk itself; of others, it
gets the tables that a query names as files of Arrow.

Messages have their length before them: a request as JSON, then answers that begin with a letter for
their kind.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Protocol

import pyarrow as pa

from xframes.archive import Archive
from xframes.archive.query.confinement import confine
from xframes.archive.storage.workers import receive, send
from xframes.browsing.statement import checked
from xframes.errors import ArgumentError, XframesError
from xframes.frames import readable_sql
from xframes.sql import macros
from xframes.sql.names import named_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import duckdb

_MEMORY = 4_000_000_000  # bytes of a process; DuckDB itself keeps to fewer
_LARGEST = 128_000_000  # bytes of one answer
_MOST_COLUMNS = 1_000
_GRACE = 5.0  # seconds after its time in which the parent ends a process, before it does so itself
_ROWS, _PLAN, _ERROR, _END = b"R", b"P", b"E", b"Z"


@dataclass(frozen=True, slots=True)
class Order:
    """A query to run.

    `most` is how many rows are returned, None for all; with `is_plan`, how DuckDB would run it is
    returned instead. `files` are the tables that the process gets, as paths of Arrow files.
    """

    query: str
    seconds: float
    most: int | None
    batch_rows: int
    is_plan: bool
    files: Mapping[str, str]


class Engine:
    """A process that runs one query after the other.

    Parameters
    ----------
    address
        The archive on a disk that it opens, or None: it gets tables as files.
    """

    def __init__(self, address: str | None) -> None:
        self._folder = tempfile.mkdtemp(prefix="xframes-browse-")
        self._is_busy = False
        program = (
            f"import sys; sys.path[:] = {sys.path!r}\n"
            f"from xframes.browsing.engine import main\nmain({address!r})"
        )
        # what it leaves when it is killed is in its folder
        places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self._folder)
        self._process = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env={**os.environ, **places},
        )

    @property
    def is_free(self) -> bool:
        """Whether it can run another query."""
        return not self._is_busy and self._process.poll() is None

    def answers(self, order: Order) -> Iterator[pa.Table | str]:
        """Run a query: return tables of its rows, one at least, or its plan.

        Raises ArgumentError with what is wrong with the query, and EOFError if the process ends.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._is_busy = True
        with contextlib.suppress(OSError):  # it is gone, which reading from it shows
            send(self._process.stdin, json.dumps(asdict(order)).encode())
        while True:
            answer = receive(self._process.stdout)
            if answer is None:
                raise EOFError(f"the process ended with {self._process.wait()}")
            kind, content = answer[:1], memoryview(answer)[1:]
            self._is_busy = kind not in {_END, _ERROR}
            if kind == _END:
                return
            if kind == _ERROR:
                raise ArgumentError(f"query: {bytes(content).decode()}")
            if kind == _PLAN:
                yield bytes(content).decode()
            else:
                yield pa.ipc.open_stream(content).read_all()

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()

    def close(self) -> None:
        """End the process, and remove what it leaves."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # the process is gone
                    stream.close()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


class _Tables(Protocol):
    """The tables that queries read, in the process."""

    def parser(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB that parses queries."""
        ...

    def session(
        self, query: str, files: Mapping[str, str]
    ) -> contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Yield a DuckDB with the tables that a checked query names."""
        ...


class _Opened:
    """The tables of an archive on a disk, as they are at each query."""

    def __init__(self, address: str) -> None:
        self._confined = Archive(address).confined()

    def parser(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB that parses queries."""
        return self._confined.own()

    @contextlib.contextmanager
    def session(
        self, query: str, files: Mapping[str, str]
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a DuckDB with the tables that a checked query names."""
        del files
        with self._confined.session(named_tables(query), query) as session:
            yield session.connection


class _Given:
    """Tables from files of Arrow, in a DuckDB that opens no file."""

    def __init__(self) -> None:
        import duckdb

        self._connection = duckdb.connect(config={
            "autoinstall_known_extensions": False, "autoload_known_extensions": False,
        })
        self._connection.execute("SET GLOBAL TimeZone = 'UTC'")
        macros.define(self._connection)
        confine(self._connection, [], tempfile.mkdtemp())
        self._files: dict[str, str] = {}

    def parser(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB that parses queries."""
        return self._connection.cursor()

    @contextlib.contextmanager
    def session(
        self, query: str, files: Mapping[str, str]
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a DuckDB with these tables."""
        del query
        for name, path in files.items():
            if self._files.get(name) != path:
                # mapped into memory: the system reads from it what is needed
                rows = pa.ipc.open_file(pa.memory_map(path)).read_all()
                self._connection.cursor().from_arrow(rows).create_view(name, replace=True)
                self._files[name] = path
        with self._connection.cursor() as cursor:
            yield cursor


def main(address: str | None) -> None:
    """Run the queries of the parent, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # printed text goes to stderr, not between the messages
    _limit_memory()
    tables = _Given() if address is None else _Opened(address)
    while data := receive(sys.stdin.buffer):
        order = Order(**json.loads(data))
        # the parent ends the process in time, if there is one
        timer = threading.Timer(order.seconds + _GRACE, os._exit, (1,))
        timer.daemon = True
        timer.start()
        try:
            _answer(tables, order, out)
        except XframesError as error:
            send(out, _ERROR + str(error).removeprefix("query: ").encode(errors="replace"))
        except Exception as error:  # noqa: BLE001  shown by the parent
            send(out, _ERROR + f"{type(error).__name__}: {error}"[:300].encode(errors="replace"))
        finally:
            timer.cancel()


def _limit_memory() -> None:
    """Let allocations fail beyond a limit, where the system has such a thing."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))


def _answer(tables: _Tables, order: Order, out: IO[bytes]) -> None:
    with tables.parser() as parser:
        statement = checked(parser, order.query)
    with tables.session(statement, order.files) as connection, readable_sql():
        if order.is_plan:
            plan = connection.execute(f"EXPLAIN {statement}").fetchall()
            send(out, _PLAN + "\n".join(text for _, text in plan).encode())
        else:
            _send_rows(connection.sql(statement), order, out)
    send(out, _END)


def _send_rows(relation: duckdb.DuckDBPyRelation, order: Order, out: IO[bytes]) -> None:
    reader = relation.to_arrow_reader(order.batch_rows)
    if order.most is not None and len(reader.schema) > _MOST_COLUMNS:
        raise ArgumentError(
            f"expected at most {_MOST_COLUMNS:,} columns, got {len(reader.schema):,}"
        )
    send(out, _ROWS + _packed(reader.schema.empty_table()))
    count = size = 0
    for batch in reader:
        rows = pa.Table.from_batches([batch])
        if order.most is not None:
            rows = rows.slice(0, order.most - count)
            size += rows.nbytes
        count += rows.num_rows
        if size > _LARGEST:
            raise _too_large(size)
        for part in _parts(rows):
            send(out, _ROWS + _packed(part))
        if count == order.most:
            break


def _parts(rows: pa.Table) -> Iterator[pa.Table]:
    """Return rows in parts of a bounded size."""
    if rows.nbytes <= _LARGEST:
        yield rows
    elif rows.num_rows == 1:
        raise _too_large(rows.nbytes)
    else:
        middle = rows.num_rows // 2
        yield from _parts(rows.slice(0, middle))
        yield from _parts(rows.slice(middle))


def _too_large(size: int) -> ArgumentError:
    return ArgumentError(
        f"expected rows of at most {_LARGEST:,} bytes, got {size:,}; shorten long texts"
    )


def _packed(rows: pa.Table) -> bytes:
    """Return rows as a stream of Arrow."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed
