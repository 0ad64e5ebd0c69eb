"""Where a sandbox's notices go: taken, written into the journal by their titles, told to nobody."""

from __future__ import annotations

from collections.abc import Iterable
from hmac import compare_digest
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import msgspec
from werkzeug.wrappers import Request, Response

from rollout.domain.instants import to_text
from rollout.rehearsal.sandbox.living import LivingStage
from rollout.rehearsal.sandbox.request_log import RequestLog
from rollout.rehearsal.sandbox.services_door import Exchange, logged

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATH = "/inbox"
_USER = "box"
LONGEST_TITLE = 250


class _Notice(msgspec.Struct):
    """What apprise's `json://` sends. Source: its wiki, "JSON HTTP POST Notifications"."""

    title: str = ""
    message: str = ""


class Inbox:
    """A WSGI app that takes `POST /inbox` of who has the token, as a channel's service would."""

    def __init__(self, living: LivingStage, log: RequestLog, token: str) -> None:
        self._living, self._log, self._token = living, log, token

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        exchange = Exchange(environ, "notify", to_text(self._living.clock.now()))
        with logged(self._log, exchange):
            answer = self._answer(Request(environ), exchange)
            exchange.status = answer.status_code
            return answer(environ, start_response)

    def _answer(self, request: Request, exchange: Exchange) -> Response:
        if request.path.rstrip("/") != PATH:
            return _said("there is nothing here", 404)
        if request.method != "POST":
            return _said("post a notice", 405)
        given = request.authorization
        password = (given.password if given is not None else None) or ""
        if not compare_digest(password.encode(), self._token.encode()):
            return _said("a token is needed", 401)
        try:
            notice = msgspec.json.decode(request.get_data(), type=_Notice)
        except msgspec.DecodeError:
            return _said("that is no notice", 400)
        exchange.notice = (notice.title or notice.message)[:LONGEST_TITLE]
        return _said("taken", 200)


def inbox_url(server: str, token: str) -> str:
    """The inbox as a channel's address.

    >>> inbox_url("http://127.0.0.1:8004", "a/b")
    'json://box:a%2Fb@127.0.0.1:8004/inbox'
    """
    return f"json://{_USER}:{quote(token, safe='')}@{urlsplit(server).netloc}{PATH}"


def _said(word: str, status: int) -> Response:
    document: dict[str, Any] = {"said": word}
    return Response(msgspec.json.encode(document), status=status, mimetype="application/json")
