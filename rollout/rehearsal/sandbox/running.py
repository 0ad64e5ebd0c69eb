"""The sandbox as a whole: five servers on one living world, from the ready line to the clean end."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from rollout.domain.instants import to_text
from rollout.domain.plan import Plan
from rollout.rehearsal.sandbox.addresses import PORTS, Addresses, addresses
from rollout.rehearsal.sandbox.admin import Admin
from rollout.rehearsal.sandbox.fault_board import FaultBoard, Order
from rollout.rehearsal.sandbox.http_server import LoopbackServer
from rollout.rehearsal.sandbox.inbox import Inbox, inbox_url
from rollout.rehearsal.sandbox.living import LivingStage, open_stage
from rollout.rehearsal.sandbox.operations import Operations
from rollout.rehearsal.sandbox.request_log import RequestLog
from rollout.rehearsal.sandbox.services_door import ServicesDoor
from rollout.rehearsal.sandbox.signs import Signs
from rollout.rehearsal.sandbox.state_files import StateFiles
from rollout.rehearsal.sandbox.statements import run
from rollout.rehearsal.sandbox.tls import server_context
from rollout.rehearsal.sandbox.warehouse_door import HTTP_PATH, WarehouseDoor
from rollout.rehearsal.sandbox.warehouse_service import WarehouseService
from rollout.rehearsal.scenario import Scenario
from rollout.rehearsal.services.census_runs import trigger_reason

TICK_S = 0.1


@dataclass(frozen=True)
class SandboxRequest:
    """`speed`: virtual seconds a real second. `port_base` None: the ports that the state keeps, or
    any free ones. `state` None: the world ends with the process."""

    plan: Plan
    scenario: Scenario
    views: Mapping[str, str]
    seed: int
    speed: float
    port_base: int | None
    state: Path | None


@dataclass
class Sandbox:
    """A running sandbox; `document` is its ready line."""

    living: LivingStage
    board: FaultBoard
    servers: dict[str, LoopbackServer]
    service: WarehouseService
    warehouse: WarehouseDoor | None = None
    document: dict[str, Any] = field(default_factory=dict)
    _shut: dict[str, datetime] = field(default_factory=dict)

    def tick(self) -> None:
        """Let the world and everything that waits for a time go on."""
        with self.living.moment():
            self.board.fire_due()
            now = self.living.clock.now()
            for name in [name for name, until in self._shut.items() if until <= now]:
                del self._shut[name]
                self.servers[name].accept_again()

    def refuse(self, service: str, seconds: float) -> None:
        """Close a port for so many virtual seconds."""
        if seconds > 0:
            self._shut[service] = self.living.clock.now() + timedelta(seconds=seconds)
            # From a thread of its own: this may be one that the server must not wait for.
            threading.Thread(target=self.servers[service].refuse, daemon=True).start()

    def happen(self, order: Order) -> None:
        """Carry out an ordered fault that is about no call."""
        stage = self.living.stage
        with self.living.moment() as now:
            if order.do == "cold":
                until = now + timedelta(seconds=order.seconds)
                stage.switches.warehouse_down_until = until
            elif order.do == "lose_sessions":
                self.service.lose_sessions()
            elif order.do == "refuse":
                self.refuse(str(order.on), order.seconds)
            elif order.do == "lag":
                stage.census.list_behind(order.seconds)
            elif order.do == "expire_token":
                self._expire_token(order)

    def heal(self) -> None:
        """End what lasts of faults. Salesforce' sessions stay closed: log in again."""
        stage = self.living.stage
        with self.living.moment() as now:
            stage.switches.warehouse_down_until = None
            stage.census.list_behind(0)
            stage.census.refuse_token(0)
            if self.warehouse is not None:
                self.warehouse.refuse_token(0)
            self._shut = dict.fromkeys(self._shut, now)
        self.tick()

    def _expire_token(self, order: Order) -> None:
        stage = self.living.stage
        if order.on == "salesforce":
            stage.salesforce.expire_sessions()
        elif order.on == "warehouse":
            assert self.warehouse is not None
            self.warehouse.refuse_token(order.seconds)
        else:
            stage.census.refuse_token(order.seconds)


@contextmanager
def opened(request: SandboxRequest, stopping: threading.Event) -> Iterator[Sandbox]:
    """A sandbox that answers while the block runs.

    Raises: PlanProblems when the state is another's or in use, or a port is taken.
    """
    with ExitStack() as closing:
        files = None if request.state is None else StateFiles(request.state)
        if files is not None:
            closing.callback(os.close, files.lock())
        where = addresses(None if files is None else files.addresses, request.port_base, os.environ)
        living = open_stage(
            request.plan,
            request.scenario,
            request.seed,
            request.views,
            speed=request.speed,
            token=where.own["census"],
            salesforce_token=where.own["salesforce"],
            state=request.state,
            stopping=stopping,
        )
        closing.callback(living.close)
        log = RequestLog(None if files is None else files.requests)
        closing.callback(log.close)
        ca_file = files.ca if files is not None else _private_folder(closing) / "ca.pem"
        sandbox = _assemble(request, living, log, where, ca_file, closing)
        where.keep({name: server.port for name, server in sandbox.servers.items()})
        sandbox.document = _document(request, sandbox, where, ca_file)
        for server in sandbox.servers.values():
            server.begin()
        yield sandbox


def serve(request: SandboxRequest, ready: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is given the ready line's document.

    Must run in the main thread. Raises: PlanProblems.
    """
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with opened(request, stopping) as sandbox:
            if not stopping.is_set():
                ready(sandbox.document)
            while not stopping.wait(TICK_S):
                sandbox.tick()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _assemble(
    request: SandboxRequest,
    living: LivingStage,
    log: RequestLog,
    where: Addresses,
    ca_file: Path,
    closing: ExitStack,
) -> Sandbox:
    stage = living.stage
    board = FaultBoard(living.clock.now)
    signs = Signs(request.plan, lambda sync_id: _api_runs(living, sync_id), stage.faults.on_events)
    with living.moment():
        signs.recall()
    service = WarehouseService(Operations(lambda statement: run(statement, living)))
    sandbox = Sandbox(living, board, {}, service)
    door = WarehouseDoor(
        living,
        board,
        signs,
        log,
        service,
        token=where.own["warehouse"],
        refuse=lambda seconds: sandbox.refuse("warehouse", seconds),
    )
    sandbox.warehouse = door
    board.at_once, board.heal = sandbox.happen, sandbox.heal
    apps: dict[str, Any] = {
        "census": ServicesDoor(
            living, board, signs, log, "census", lambda s: sandbox.refuse("census", s)
        ),
        "salesforce": ServicesDoor(
            living, board, signs, log, "salesforce", lambda s: sandbox.refuse("salesforce", s)
        ),
        "warehouse": door,
        "clock": Admin(living, board, signs, log),
        "notify": Inbox(living, log, where.own["notify"]),
    }
    closing.callback(service.close)
    for name in PORTS:
        tls = server_context(ca_file) if name == "warehouse" else None
        try:
            server = LoopbackServer(apps[name], where.ports[name], tls)
        except OSError as error:
            raise where.taken(name, error.strerror or str(error)) from error
        sandbox.servers[name] = server
        closing.callback(server.end)
    return sandbox


def _document(
    request: SandboxRequest, sandbox: Sandbox, where: Addresses, ca_file: Path
) -> dict[str, Any]:
    urls = {name: server.url for name, server in sandbox.servers.items()}
    return {
        "census": urls["census"],
        "salesforce": urls["salesforce"],
        "warehouse": urls["warehouse"],
        "token": where.token,
        "clock": urls["clock"],
        "notify": inbox_url(urls["notify"], where.own["notify"]),
        "extra": {
            "warehouse": {
                "host": "127.0.0.1",
                "port": sandbox.servers["warehouse"].port,
                "http_path": HTTP_PATH,
                "ca_file": str(ca_file.absolute()),
            },
            "census_api": f"{urls['census']}/api/v1",
            "now": to_text(sandbox.living.now()),
            "speed": request.speed,
            "scenario": request.scenario.scenario,
            "seed": request.seed,
            "plan_sha256": request.plan.sha256(),
            "state": None if request.state is None else str(request.state.absolute()),
            "pid": os.getpid(),
        },
    }


def _api_runs(living: LivingStage, sync_id: int) -> int:
    """How many triggers of a sync began a run."""
    state = living.stage.census.syncs.get(sync_id)
    reason = trigger_reason("API")
    return 0 if state is None else sum(run.reason == reason for run in state.runs)


def _private_folder(closing: ExitStack) -> Path:
    return Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="rollout-sandbox-")))
