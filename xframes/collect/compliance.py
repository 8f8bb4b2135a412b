"""Batch compliance: jobs that tell which posts or users are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xframes.client import Client
    from xframes.collect.engine import Into, R

__all__ = ["job", "jobs"]


def __dir__() -> list[str]:
    return list(__all__)


def job(
    job_id: str | int, *, fields: str | Iterable[str] | Mapping[str, Any] = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """One compliance job by id: a row of `compliance_jobs` with its status and, when complete, its `download_url`.

    GET /2/compliance/jobs/{id} (docs.x.com/x-api/compliance/batch-compliance/introduction), app-only bearer tokens:
    150 requests in 15 minutes.

    Raises ArgumentError before any request, NotFound, the client's errors.

    Example: `xf.compliance.job("1372966999991541762").compliance_jobs`
    """
    return collect("compliance.job", locals())  # type: ignore[no-any-return]  # `into` decides


def jobs(
    type: str, *, status: str | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Your compliance jobs of one type (tweets or users): `compliance_jobs`; X keeps them for a week.

    GET /2/compliance/jobs (docs.x.com/x-api/compliance/batch-compliance/introduction), app-only bearer tokens: 150
    requests in 15 minutes. `status`: created, in_progress, failed or complete.

    Raises ArgumentError before any request, NotFound, the client's errors.

    Example: `xf.compliance.jobs("tweets").compliance_jobs`
    """
    return collect("compliance.jobs", locals())  # type: ignore[no-any-return]  # `into` decides
