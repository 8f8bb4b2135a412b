"""The pages: which address shows what."""

from __future__ import annotations

import json
import logging
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import duckdb
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from xframes.browsing import admission, downloads, markup
from xframes.browsing.chart import chart_of
from xframes.browsing.console import MOST_ROWS, Console
from xframes.browsing.statement import LONGEST
from xframes.browsing.tabular.indexes import Indexes
from xframes.browsing.tabular.pagination import Choice, Reading
from xframes.browsing.things import Things
from xframes.errors import ArgumentError, XframesError
from xframes.formats import Rows
from xframes.frames import readable_sql
from xframes.schema import TABLES
from xframes.sql.macros import MACROS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa
    from werkzeug.routing import MapAdapter

    from xframes.browsing.admission import Admission
    from xframes.browsing.holdings import Holdings
    from xframes.formats import Format

log = logging.getLogger("xframes")
_TRIES = 3
_FOREVER = "private, max-age=31536000, immutable"
_FIRST_QUERY = "SELECT lang, count(*) AS posts\nFROM results\nGROUP BY lang\nORDER BY posts DESC"


class _Request(Request):
    max_content_length = LONGEST * 6  # a query, with each character written as several
    max_form_memory_size = LONGEST * 6


class WebApp:
    """The WSGI application."""

    def __init__(self, holdings: Holdings, admission: Admission) -> None:
        self._holdings = holdings
        self._admission = admission
        self._things = Things(holdings)
        self._console = Console(holdings)
        self._indexes = Indexes(holdings)
        pages: dict[str, Callable[..., Response]] = {
            "/": self._overview, "/table/<name>": self._table, "/post/<path:id>": self._post,
            "/person/<path:id>": self._person, "/run/<path:id>": self._run,
            "/page/<path:id>": self._page, "/changes/<name>/<path:id>": self._changes,
            "/sql": self._sql, "/sql/cancel": self._cancel, "/words": self._words,
            "/download/table/<name>.<suffix>": self._download_table,
            "/download/sql.<suffix>": self._download_sql,
            "/download/page/<path:id>": self._download_page,
            "/static/<version>/<name>": self._static,
        }
        self._pages = pages
        self._map = Map([Rule(path, endpoint=path) for path in pages], strict_slashes=False)
        self._posts = frozenset({"/sql", "/sql/cancel"})

    def close(self) -> None:
        """Stop building indexes and running queries."""
        self._indexes.close()
        self._console.close()

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        request = _Request(environ)
        response = admission.protect(self._response(request))
        if response.status_code >= 400:
            response.headers["Connection"] = "close"
        return response(environ, start_response)

    def _response(self, request: Request) -> Response:
        refusal = self._admission.answer(request, self._posts)
        if refusal is not None:
            return refusal
        try:
            return self._answer(request, self._map.bind_to_environ(request.environ))
        except HTTPException as error:
            status, text = error.code or 500, str(error.description)
        except ArgumentError as error:
            status, text = 400, str(error)
        except OverflowError:
            status, text = 400, "A value is too large to be shown; cast it to text."
        except (XframesError, duckdb.Error) as error:
            status, text = 500, str(error)
        except Exception:
            log.exception("browse: %s failed", request.path)
            status, text = 500, "An unexpected error; the log has more."
        return self._failure(status, text)

    def _answer(self, request: Request, urls: MapAdapter) -> Response:
        endpoint, values = urls.match()
        return self._pages[endpoint](request, **values)

    # pages ----------------------------------------------------------------------------------------

    def _overview(self, request: Request) -> Response:
        del request
        values = self._things.overview()
        answer = self._shown("overview.html", here="overview", **values)
        if "posts" in values["tables"]:
            # so that it is there when they are shown; not before the first page is
            answer.call_on_close(lambda: self._indexes.begin("posts"))
        return answer

    def _table(self, request: Request, name: str) -> Response:
        if name == "results":
            return _redirect(f"/table/posts?{urlencode({'is_result': 'true'} | _args(request))}")
        choice = Choice.of(name, _args(request))
        with self._reading(choice) as reading:
            page = reading.page()
            facets, total = reading.facets(), reading.total()
        return self._shown(
            "table.html", here=name, choice=choice, page=page, facets=facets, total=total,
            table=choice.shape.table, files=self._files(f"/download/table/{name}", choice.args),
            flat=self._files("/download/table/results", choice.args),
            is_counted=total is not None,
        )

    @contextmanager
    def _reading(self, choice: Choice, *views: str) -> Iterator[Reading]:
        """Yield the rows of a choice, with the index of its table if it is ready."""
        name = choice.shape.name
        with self._indexes.reading(name, whole=choice.needs_whole_index) as index:
            search = None
            if index is not None and choice.words:
                search = self._indexes.search(index, name, choice.words)
            with self._holdings.session(dict.fromkeys((name, "users", *views))) as session:
                yield Reading(session.connection, choice, index, search)

    def _post(self, request: Request, id: str) -> Response:
        del request
        values = self._things.post(id)
        return self._thing("post.html", f"post {id}", values, here="posts", table=TABLES["posts"])

    def _person(self, request: Request, id: str) -> Response:
        del request
        values = self._things.person(id)
        return self._thing(
            "person.html", f"person {id}", values, here="users", table=TABLES["users"]
        )

    def _run(self, request: Request, id: str) -> Response:
        del request
        values = self._things.run(id)
        return self._thing("run.html", f"run {id}", values, here="runs", table=TABLES["runs"])

    def _page(self, request: Request, id: str) -> Response:
        del request
        return self._thing("page.html", f"page {id}", self._things.page(id), here="requests")

    def _changes(self, request: Request, name: str, id: str) -> Response:
        del request
        if name not in {"posts", "users"}:
            return self._failure(404, f"no observations of {name!r:.60}")
        part = self._things.changes(name, id)
        return self._shown("changes.html", here=name, part=part, id=id, name=name)

    def _thing(
        self, template: str, what: str, values: dict[str, Any] | None, **more: Any
    ) -> Response:
        if values is None:
            return self._failure(404, f"The archive has no {what:.120}.")
        chart = None
        observations = values.get("observations")
        if observations is not None and observations.rows.num_rows > 2:
            with suppress(ArgumentError):  # nothing was counted
                chart = chart_of(observations.rows.select(_growing(observations.rows)))
        return self._shown(template, chart=chart, **values, **more)

    def _sql(self, request: Request) -> Response:
        given = request.values
        query = given.get("q", "")
        values: dict[str, Any] = {
            "query": query or _FIRST_QUERY, "answer": None, "error": None, "chart": None,
            "plan": None,
            "shows": given.get("show", "table"), "x": given.get("x", ""), "y": given.get("y", ""),
            "run": secrets.token_hex(8), "files": (), "most": MOST_ROWS, "tables": TABLES,
        }
        status = 200
        if not query:
            self._console.prepare()
        else:
            run = given.get("run") or secrets.token_hex(8)
            try:
                if values["shows"] == "plan":
                    values["plan"] = self._console.explanation(query, run)
                else:
                    values["answer"] = self._console.answer(query, run)
                if values["shows"] == "chart":
                    values["chart"] = chart_of(values["answer"].rows, values["x"], values["y"])
                values["files"] = self._files("/download/sql", {"q": query})
            except XframesError as error:
                values["error"], status = str(error), 400
        return self._shown("sql.html", status, here="sql", **values)

    def _cancel(self, request: Request) -> Response:
        was_running = False
        if request.method == "POST":
            was_running = self._console.cancel(request.form.get("run", ""))
        return _json({"canceled": was_running})

    def _words(self, request: Request) -> Response:
        """Return what a query can name, for completion."""
        del request
        tables = {name: [c.name for c in table.columns] for name, table in TABLES.items()}
        tables["posts"].append("plain_text")
        return _json({"tables": tables, "functions": sorted(MACROS)})

    # downloads ------------------------------------------------------------------------------------

    @staticmethod
    def _files(path: str, args: dict[str, str]) -> tuple[tuple[str, str], ...]:
        """Return the formats of a download, with their URLs."""
        written = urlencode(args)
        return tuple((f.label, f"{path}{f.suffix}?{written}") for f in downloads.offered())

    def _download_table(self, request: Request, name: str, suffix: str) -> Response:
        args, source = _args(request), name
        if name == "results":  # a view of the posts that are results
            args, source = args | {"is_result": "true"}, "posts"
        choice = Choice.of(source, args)

        @contextmanager
        def rows() -> Iterator[Rows]:
            with self._reading(choice, name) as reading, readable_sql():
                schema, batches = reading.batches(downloads.BATCH_ROWS, name)
                yield Rows(name, schema, batches)

        return self._file(name, suffix, rows, is_result=False)

    def _download_sql(self, request: Request, suffix: str) -> Response:
        query = request.args.get("q", "")

        @contextmanager
        def rows() -> Iterator[Rows]:
            with self._console.opened(
                query, secrets.token_hex(8), seconds=downloads.SECONDS,
                batch_rows=downloads.BATCH_ROWS,
            ) as tables:
                first = next(tables)  # without rows
                yield Rows("query", first.schema, tables)

        return self._file("query", suffix, rows, is_result=True)

    def _file(
        self, name: str, suffix: str, rows: Any, *, is_result: bool
    ) -> Response:
        format: Format | None = next(
            (f for f in downloads.offered() if f.suffix == f".{suffix}"), None
        )
        if format is None:
            return self._failure(404, f"no download as {suffix!r:.20}")
        sent = downloads.sent(format, rows, is_result=is_result)
        answer = Response(sent, mimetype=format.media_type, direct_passthrough=True)
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}{format.suffix}"'
        return answer

    def _download_page(self, request: Request, id: str) -> Response:
        del request
        values = self._things.page(id)
        if values is None:
            return self._failure(404, f"The archive has no page {id:.120}.")
        answer = Response(values["page"].body, mimetype="application/json")
        answer.headers["Content-Disposition"] = 'attachment; filename="page.json"'
        return answer

    @staticmethod
    def _static(request: Request, version: str, name: str) -> Response:
        del request
        content = markup.asset(name)
        if content is None or version not in markup.asset_path(name):
            return Response(status=404)
        kinds = {markup.STYLE: "text/css", markup.SCRIPT: "text/javascript"}
        answer = Response(content, mimetype=kinds[name])
        answer.headers["Cache-Control"] = _FOREVER
        return answer

    # answers --------------------------------------------------------------------------------------

    def _shown(self, template: str, status: int = 200, **values: Any) -> Response:
        page = markup.render(
            template, archive_name=self._holdings.name,
            has_pages=not self._holdings.is_pseudonymised,
            is_pseudonymised=self._holdings.is_pseudonymised, **values,
        )
        return Response(page, status, mimetype="text/html")

    def _failure(self, status: int, text: str) -> Response:
        return self._shown("failure.html", status, here="", text=text)


def _growing(rows: pa.Table) -> list[str]:
    """Return the time of observations, and the first count that has values."""
    import pyarrow as pa

    counts = [
        name for name, column in zip(rows.column_names, rows.columns, strict=True)
        if pa.types.is_integer(column.type) and column.null_count < len(column)
    ]
    return ["observed_at", *counts[:1]]


def _args(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.args.items() if value}


def _redirect(url: str) -> Response:
    return Response(status=303, headers={"Location": url})


def _json(value: Any) -> Response:
    return Response(json.dumps(value), mimetype="application/json")


