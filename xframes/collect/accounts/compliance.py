"""Batch compliance: jobs that report which posts or users are gone."""

from __future__ import annotations

from typing import Literal

from xframes.client import Client
from xframes.collect.dispatch import Fields, Id, Into, R, collect
from xframes.registry.documentation import document

__all__ = ["job", "jobs"]


def __dir__() -> list[str]:
    return list(__all__)


@document("compliance.job")
def job(
    job_id: Id, *, fields: Fields = "all", into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Look up one compliance job by id.

    Parameters
    ----------
    job_id
        Id of the job.
    fields
    into
    client
    progress

    Returns
    -------
    Frames
        `compliance_jobs` has one row with its `status` and, once complete, its `download_url`.

    Raises
    ------
    ArgumentError
    NotFound
    ApiError

    Examples
    --------
    >>> xf.compliance.job("1372966999991541762").compliance_jobs
    """
    return collect(
        "compliance.job", job_id=job_id, fields=fields, into=into, client=client, progress=progress,
    )


@document("compliance.jobs")
def jobs(
    type: Literal["tweets", "users"], *,
    status: Literal["created", "in_progress", "failed", "complete"] | None = None,
    fields: Fields = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Collect your recent compliance jobs of one type.

    Parameters
    ----------
    type
        What the jobs check: posts or users.
    status
        Only jobs in this state. Default: all.
    fields
    into
    client
    progress

    Returns
    -------
    Frames
        `compliance_jobs` has one row per job.

    Raises
    ------
    ArgumentError
    NotFound
    ApiError

    Examples
    --------
    >>> xf.compliance.jobs("tweets").compliance_jobs
    """
    return collect(
        "compliance.jobs", type=type, status=status, fields=fields, into=into, client=client,
        progress=progress,
    )
