"""X's problem JSON: refusals of a request, and partial errors within an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xframes.schema import Vocabulary

# The host of problem types moved when the words did; clients should compare the last segment only.
_HOSTS = {"tweet": "https://api.twitter.com/2/problems/", "post": "https://api.x.com/2/problems/"}
INVALID = "One or more parameters to your request was invalid."


class Refusal(Exception):
    """The refusal of a request; `body` is the JSON, `status` the HTTP status."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {body.get('title', '')}")
        self.status = status
        self.body = dict(body)


def kind(words: Vocabulary, name: str) -> str:
    """Return a problem type in a vocabulary."""
    return _HOSTS[words] + name


def invalid(words: Vocabulary, *complaints: tuple[str, Sequence[str], str]) -> Refusal:
    """Return the 400 for parameters: each complaint is (parameter, its values, message)."""
    errors: list[dict[str, Any]] = [
        {"parameters": {name: list(values)}, "message": message}
        for name, values, message in complaints
    ]
    type_ = kind(words, "invalid-request")
    return Refusal(
        400, {"errors": errors, "title": "Invalid Request", "detail": INVALID, "type": type_}
    )


def unauthorized() -> Refusal:
    """Return the 401 for missing or wrong credentials."""
    return Refusal(
        401,
        {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"},
    )


def wrong_credential(words: Vocabulary, given: str, accepted: Sequence[str]) -> Refusal:
    """Return the 403 for a credential of a kind the action does not take."""
    detail = (f"Authenticating with {given} is forbidden for this endpoint. "
              f"Supported authentication types are [{', '.join(accepted)}].")
    return Refusal(403, {"title": "Unsupported Authentication", "detail": detail, "status": 403,
                         "type": kind(words, "unsupported-authentication")})


def missing_scopes(needed: Sequence[str], missing: Sequence[str]) -> Refusal:
    """Return the 403 for an OAuth 2.0 token without all scopes an action needs."""
    detail = (f"This endpoint requires the OAuth 2.0 scopes [{', '.join(needed)}]; "
              f"the token was not granted [{', '.join(missing)}].")
    return Refusal(
        403, {"title": "Forbidden", "type": "about:blank", "status": 403, "detail": detail}
    )


def no_rules(words: Vocabulary) -> Refusal:
    """Return the 409 for a filtered stream without rules."""
    return Refusal(
        409,
        {
            "title": "ConnectionException",
            "detail": "You must add at least one rule before connecting.",
            "connection_issue": "RuleConfigurationIssue",
            "type": kind(words, "streaming-connection"),
        },
    )


def too_many_connections(words: Vocabulary) -> Refusal:
    """Return the 429 for a second connection to a stream."""
    detail = "This stream is currently at the maximum allowed connection limit."
    return Refusal(
        429,
        {
            "title": "ConnectionException",
            "detail": detail,
            "connection_issue": "TooManyConnections",
            "type": kind(words, "streaming-connection"),
        },
    )


def disconnected(words: Vocabulary) -> dict[str, Any]:
    """Return the error a stream sends before it ends."""
    return {"title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect",
            "detail": "This stream has been disconnected upstream for operational reasons.",
            "type": kind(words, "operational-disconnect")}


def conflict(words: Vocabulary, detail: str) -> Refusal:
    """Return the 409 for a conflict with the present state."""
    return Refusal(
        409, {"title": "Conflict", "detail": detail, "type": kind(words, "conflict"), "status": 409}
    )


def forbidden(detail: str) -> Refusal:
    """Return the 403 for what this person may not do."""
    return Refusal(
        403, {"title": "Forbidden", "type": "about:blank", "status": 403, "detail": detail}
    )


def not_permitted(words: Vocabulary) -> dict[str, Any]:
    """Return the 403 for a request that X does not permit; its words are always the same."""
    del words
    return forbidden("You are not permitted to perform this action.").body


def missing(words: Vocabulary, resource: str, parameter: str, value: str) -> Refusal:
    """Return the 404 for a missing (or deleted) object of a write."""
    found = Partial(words)
    found.not_found(resource, parameter, value)
    return Refusal(404, {**found.items[0], "status": 404})


def no_route(path: str) -> Refusal:
    """Return the 404 for a path X does not have."""
    detail = f"There is no {path} here."
    return Refusal(
        404, {"title": "Not Found", "type": "about:blank", "status": 404, "detail": detail}
    )


def too_many() -> dict[str, Any]:
    """Return the body of a 429 rate limit."""
    return {
        "title": "Too Many Requests",
        "detail": "Too Many Requests",
        "type": "about:blank",
        "status": 429,
    }


def usage_capped(words: Vocabulary) -> dict[str, Any]:
    """Return the body of a 429 usage cap."""
    return {
        "title": "UsageCapExceeded",
        "detail": "Usage cap exceeded: Monthly product cap",
        "period": "Monthly",
        "scope": "Product",
        "account_id": 1,
        "product_name": "sandbox",
        "type": kind(words, "usage-capped"),
    }


def credits_depleted(words: Vocabulary) -> dict[str, Any]:
    """Return the body of a 402: the account has no credits left."""
    return {
        "title": "CreditsDepleted",
        "detail": "Your account does not have any credits to fulfill this request.",
        "account_id": 1,
        "type": kind(words, "credits-depleted"),
    }


def unavailable(status: int) -> dict[str, Any]:
    """Return the body of a 5xx that X itself answers."""
    title = {500: "Internal Server Error", 503: "Service Unavailable"}[status]
    return {"title": title, "detail": title, "type": "about:blank", "status": status}


class Partial:
    """The `errors` of one answer: requested or referenced objects that cannot be shown.

    One item per parameter and value, however often it occurs.
    """

    def __init__(self, words: Vocabulary) -> None:
        self._words = words
        self._items: dict[tuple[str, str, str], dict[str, Any]] = {}

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items, in order of their first occurrence."""
        return list(self._items.values())

    def _resource(self, resource: str) -> str:
        return self._words if resource == "post" else resource

    def _add(
        self,
        kind_: str,
        resource: str,
        parameter: str,
        value: str,
        *,
        title: str,
        detail: str,
        **more: str,
    ) -> None:
        self._items.setdefault(
            (kind_ + more.get("field", ""), parameter, value),
            {
                "value": value,
                "detail": detail,
                "title": title,
                "resource_type": self._resource(resource),
                "parameter": parameter,
                "resource_id": value,
                "type": kind(self._words, kind_),
                **more,
            },
        )

    def not_found(self, resource: str, parameter: str, value: str) -> None:
        """Add that a post, user, … does not exist (any more)."""
        detail = f"Could not find {self._resource(resource)} with {parameter}: [{value}]."
        self._add(
            "resource-not-found", resource, parameter, value, title="Not Found Error", detail=detail
        )

    def suspended(self, parameter: str, value: str) -> None:
        """Add that an account is suspended; X's type is "not found", its title "Forbidden"."""
        detail = f"User has been suspended: [{value}]."
        self._add("resource-not-found", "user", parameter, value, title="Forbidden", detail=detail)

    def not_authorized(self, resource: str, parameter: str, value: str, section: str) -> None:
        """Add that a protected post or its author may not be seen."""
        what = self._words.capitalize() if resource == "post" else resource
        detail = f"Sorry, you are not authorized to see the {what} with {parameter}: [{value}]."
        self._add(
            "not-authorized-for-resource",
            resource,
            parameter,
            value,
            title="Authorization Error",
            detail=detail,
            section=section,
        )

    def field_denied(self, resource: str, parameter: str, value: str, field: str) -> None:
        """Add that a field is for the owner only."""
        what = f"{self._resource(resource).capitalize()} with {parameter} : [{value}]"
        self._add(
            "not-authorized-for-field",
            resource,
            parameter,
            value,
            title="Field Authorization Error",
            detail=f"Sorry, you are not authorized to access '{field}' on the {what}.",
            field=field,
            section="data",
        )
