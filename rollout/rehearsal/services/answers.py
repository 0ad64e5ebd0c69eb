"""How the mocked services answer: JSON bodies with a status."""

from __future__ import annotations

from typing import Any

import msgspec
from werkzeug.wrappers import Request, Response

_encoder = msgspec.json.Encoder()


def json_answer(body: Any, status: int = 200) -> Response:
    """`body` as JSON."""
    return Response(_encoder.encode(body), status=status, content_type="application/json")


class BodyProblem(ValueError):
    """The request's body is not the JSON object it should be."""


def json_object(request: Request) -> dict[str, Any]:
    """The request's JSON object; an empty body is an empty object.

    Raises: BodyProblem.
    """
    data = request.get_data()
    if not data.strip():
        return {}
    try:
        body = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise BodyProblem(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BodyProblem("the body is not a JSON object")
    return body
