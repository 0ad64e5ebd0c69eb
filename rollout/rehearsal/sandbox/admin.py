"""The sandbox's own door: its clock, its journal, and faults to order. No token; loopback only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from rollout.domain.errors import RolloutError
from rollout.domain.instants import to_text
from rollout.rehearsal.sandbox.clock import FASTEST
from rollout.rehearsal.sandbox.fault_board import FaultBoard, Order
from rollout.rehearsal.sandbox.living import LivingStage
from rollout.rehearsal.sandbox.request_log import RequestLog, Wanted
from rollout.rehearsal.sandbox.signs import Signs

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LONGEST_SKIP_S = 366 * 24 * 3600.0

_ROUTES = Map(
    [
        Rule("/", methods=["GET"], endpoint="clock"),
        Rule("/clock", methods=["GET"], endpoint="clock"),
        Rule("/clock", methods=["POST"], endpoint="pace"),
        Rule("/journal", methods=["GET"], endpoint="journal"),
        Rule("/faults", methods=["GET"], endpoint="faults"),
        Rule("/faults", methods=["POST"], endpoint="order"),
        Rule("/faults/clear", methods=["POST"], endpoint="clear"),
        Rule("/moments", methods=["POST"], endpoint="moment"),
    ],
    strict_slashes=False,
)


class Moment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the controller has come to; without `stage` and `step`, the phase began."""

    phase: str
    stage: str | None = None
    step: str | None = None
    attempt: int = 1


class Pace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How time goes on: at another `speed`, and from `skip` virtual seconds later."""

    speed: Annotated[float, msgspec.Meta(gt=0, le=FASTEST)] | None = None
    skip: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_SKIP_S)] = 0


class Admin:
    """A WSGI app."""

    def __init__(
        self, living: LivingStage, board: FaultBoard, signs: Signs, log: RequestLog
    ) -> None:
        self._living, self._board, self._signs, self._log = living, board, signs, log
        self._endpoints: dict[str, Callable[[Request], Any]] = {
            "clock": self._clock,
            "pace": self._pace,
            "journal": self._journal,
            "faults": self._faults,
            "order": self._order,
            "clear": lambda _request: {"cleared": self._board.clear()},
            "moment": self._moment,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        try:
            endpoint, _ = _ROUTES.bind_to_environ(environ).match()
            answer = _json(self._endpoints[endpoint](request))
        except HTTPException as error:
            answer = _json({"error": error.name}, error.code or 500)
        except (msgspec.MsgspecError, RolloutError) as error:
            answer = _json({"error": str(error)}, 400)
        return answer(environ, start_response)

    def _clock(self, _request: Request) -> Any:
        self._living.promise()
        return {"now": to_text(self._living.now()), "speed": self._living.clock.speed}

    def _pace(self, request: Request) -> Any:
        pace = msgspec.json.decode(request.get_data(), type=Pace)
        self._living.pass_over(speed=pace.speed, skip=timedelta(seconds=pace.skip))
        return self._clock(request)

    def _journal(self, request: Request) -> Any:
        wanted = msgspec.convert(request.args.to_dict(), Wanted, strict=False)
        return {"entries": self._log.entries(wanted), "last": self._log.last}

    def _faults(self, _request: Request) -> Any:
        fired = self._living.stage.faults.fired
        scripted = [
            {
                "id": fault.id,
                "kind": fault.kind,
                "at": fault.at.model_dump(mode="json", exclude_defaults=True),
                "fired": to_text(fired[fault.id].at) if fault.id in fired else None,
            }
            for fault in self._living.stage.scenario.faults
        ]
        return {"ordered": self._board.documents(), "scenario": scripted}

    def _order(self, request: Request) -> Any:
        order = msgspec.json.decode(request.get_data(), type=Order)
        problem = order.problem()
        if problem is not None:
            raise msgspec.ValidationError(problem)
        return self._board.put(order).document()

    def _moment(self, request: Request) -> Any:
        moment = msgspec.json.decode(request.get_data(), type=Moment)
        with self._living.moment():
            self._signs.say(moment.phase, moment.stage, moment.step, moment.attempt)
            fired = sorted(self._living.stage.faults.fired)
        return {"fired": fired}


def _json(document: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status=status, mimetype="application/json")
