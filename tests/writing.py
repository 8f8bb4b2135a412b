"""What the tests of writes share: a client whose X is a function, and that function's answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from requests.structures import CaseInsensitiveDict

from xframes.client import Answer, Client

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ME = b'{"data":{"id":"7","name":"Invented","username":"invented"}}'


def answer(status=200, body=b'{"data":{"liked":true}}'):
    return Answer(status, CaseInsensitiveDict(), body if isinstance(body, bytes) else json.dumps(body).encode())


class Server:
    """A client whose transport answers by a function and remembers what was asked."""

    def __init__(self, respond=lambda _: answer(), **options):
        self.field_params, self.slept, self.respond = [], [], respond
        options.setdefault("writes", True)
        self.client = Client("invented-bearer-token", oauth2="invented-user-token", transport=self.transport,
                             sleep=self.slept.append, now=lambda: NOW, on_wait=lambda *_: None, **options)

    def transport(self, request):
        self.field_params.append(request)
        if request.path == "/2/users/me":
            return answer(200, ME)
        found = self.respond(request)
        if isinstance(found, Exception):
            raise found
        return found

    @property
    def writes(self):
        return [r for r in self.field_params if r.method != "GET"]
