"""The management API of the mocked Census over HTTP.

Source: census-api, sections 1 to 5 and 10. Where the reference says that nothing is documented, the
choice stands in a comment beside the code that makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from rollout.rehearsal.services.answers import BodyProblem, json_answer, json_object
from rollout.rehearsal.services.census import CensusMock, SyncPaused
from rollout.rehearsal.services.census_connections import (
    dataset_documents,
    destination_document,
    source_document,
)
from rollout.rehearsal.services.census_runs import (
    RETENTION,
    Record,
    Run,
    record_document,
    run_document,
)
from rollout.rehearsal.services.census_syncs import (
    DESTINATION_ID,
    SOURCE_ID,
    SyncProblem,
    stamp,
)
from rollout.rehearsal.services.schedules import ScheduleProblem

PER_PAGE, MOST_PER_PAGE = 25, 100
_RECORD_STATUSES = {
    "succeeded": {"succeeded"},
    "rejected": {"rejected"},
    "invalid": {"NULL", "DUPLICATE", "invalid"},
}
_TRUE = {"true", "1"}

_ROUTES = Map(
    [
        Rule(f"/api/<any(v1, v2):version>{path}", methods=[method], endpoint=endpoint)
        for method, path, endpoint in (
            ("GET", "/workspace", "workspace"),
            ("GET", "/syncs", "syncs"),
            ("GET", "/syncs/<int:sync_id>", "sync"),
            ("PATCH", "/syncs/<int:sync_id>", "change_sync"),
            ("POST", "/syncs/<int:sync_id>/trigger", "trigger"),
            ("GET", "/syncs/<int:sync_id>/sync_runs", "sync_runs"),
            ("GET", "/sync_runs/<int:run_id>", "run"),
            ("POST", "/sync_runs/<int:run_id>/cancel", "cancel"),
            ("GET", "/sync_runs/<int:run_id>/records", "records"),
            ("GET", "/sync_runs/<int:run_id>/records_count", "records_count"),
            ("GET", "/sync_runs/<int:run_id>/records_export", "records_export"),
            ("GET", "/sources", "sources"),
            ("GET", "/sources/<int:source_id>", "source"),
            ("GET", "/destinations", "destinations"),
            ("GET", "/destinations/<int:destination_id>", "destination"),
            ("GET", "/datasets", "datasets"),
            ("GET", "/datasets/<int:dataset>", "dataset"),
        )
    ],
    strict_slashes=False,
)


def _error(message: str, status: int = 400) -> Response:
    return json_answer({"status": "error", "message": message}, status)


def _not_found() -> Response:
    return json_answer({"status": 404}, 404)


def _single(data: Any, word: str = "success", status: int = 200) -> Response:
    return json_answer({"status": word, "data": data}, status)


def _number(text: str | None, default: int) -> int:
    """A query number as Census reads it: anything that is none counts as not given."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else default


def _page(request: Request, items: Sequence[Any], show: Callable[[Any], Any]) -> Response:
    """One page of `items` (oldest first), newest first unless `order=asc`."""
    total = len(items)
    per_page = min(_number(request.args.get("per_page"), PER_PAGE) or PER_PAGE, MOST_PER_PAGE)
    page = _number(request.args.get("page"), 1) or 1
    last = max(1, -(-total // per_page))
    low, high = (page - 1) * per_page, page * per_page
    if request.args.get("order") == "asc":
        shown = list(items[low:high])
    else:
        shown = list(items[max(0, total - high) : max(0, total - low)])[::-1]
    following = page + 1 if page < last else None
    return json_answer(
        {
            "status": "success",
            "data": [show(item) for item in shown],
            "pagination": {
                "total_records": total,
                "per_page": per_page,
                "prev_page": page - 1 if page > 1 else None,
                "page": page,
                "next_page": following,
                "last_page": last,
            },
            "next": f"{request.base_url}?page={following}&per_page={per_page}"
            if following
            else None,
        }
    )


class CensusApi:
    """Answers requests below /api/v1 and /api/v2 with what a CensusMock has."""

    def __init__(self, census: CensusMock) -> None:
        self._census = census

    def answer(self, request: Request) -> Response:
        """One answer to a request that `refusal` has let through; never raises for what a client
        can do wrong."""
        try:
            endpoint, matched = _ROUTES.bind("").match(request.path, request.method)
        except HTTPException:
            return _not_found()
        values = dict(matched)
        values.pop("version")
        known: Mapping[str, Any] = {
            "sync_id": self._census.syncs,
            "run_id": self._census.runs,
            "dataset": dataset_documents(self._census),
            "source_id": {SOURCE_ID},
            "destination_id": {DESTINATION_ID},
        }
        if any(value not in known[name] for name, value in values.items()):
            return _not_found()
        handler: Callable[..., Response] = getattr(self, f"_{endpoint}")
        try:
            with self._census.lock:
                return handler(request, **values)
        except (BodyProblem, SyncProblem, ScheduleProblem) as error:
            return _error(str(error))

    def refusal(self, request: Request) -> Response | None:
        """401 unless the token comes as Bearer, or as the password of the user `bearer`."""
        given = request.authorization
        token = None
        if given is not None and not self._census.refuses_token:
            if given.type == "bearer":
                token = given.token
            elif given.type == "basic" and given.username == "bearer":
                token = given.password
        return None if token == self._census.token else json_answer({"status": 401}, 401)

    def _workspace(self, request: Request) -> Response:
        return _single(
            {
                "id": 2101,
                "name": "Rehearsal",
                "organization_id": 311,
                "created_at": stamp(self._census.started_at),
            }
        )

    def _syncs(self, request: Request) -> Response:
        states = [self._census.syncs[key] for key in sorted(self._census.syncs)]
        return _page(request, states, lambda state: self._shown(state.setup.id))

    def _sync(self, request: Request, sync_id: int) -> Response:
        return _single(self._shown(sync_id))

    def _shown(self, sync_id: int) -> Mapping[str, Any]:
        """The document with the status of its newest finished run."""
        state = self._census.syncs[sync_id]
        over = [run for run in state.runs[-20:] if not run.is_active and run.status != "skipped"]
        status = "ready"
        if over:
            status = "Failing" if over[-1].status == "failed" or over[-1].failed else "Up to Date"
        return {**state.document, "status": status}

    def _change_sync(self, request: Request, sync_id: int) -> Response:
        patch = json_object(request)
        check_only = patch.get("validate_only") is True
        document = self._census.patch(sync_id, patch, save=not check_only)
        # The answer to validate_only is not documented: the document as it would become.
        return _single(document if check_only else self._shown(sync_id), "updated")

    def _trigger(self, request: Request, sync_id: int) -> Response:
        # Documented as a query parameter; two clients send it in a JSON body. Both are read.
        asked = json_object(request).get("force_full_sync") is True
        asked = asked or request.args.get("force_full_sync", "").lower() in _TRUE
        try:
            run_id = self._census.trigger(sync_id, force_full_sync=asked)
        except SyncPaused:
            return _error("sync is paused")
        return _single({"sync_run_id": run_id})

    def _sync_runs(self, request: Request, sync_id: int) -> Response:
        runs = self._census.visible_runs(self._census.syncs[sync_id])
        return _page(request, runs, self._run_document)

    def _run_document(self, run: Run) -> dict[str, Any]:
        return run_document(run, self._census.clock.now())

    def _run(self, request: Request, run_id: int) -> Response:
        return _single(self._run_document(self._census.runs[run_id]))

    def _cancel(self, request: Request, run_id: int) -> Response:
        if not self._census.cancel(run_id):
            # Not documented: a run that is over cannot be canceled, and saying so tells the client.
            return _error("sync run is not running")
        return _single({}, "cancelled")

    def _records(self, request: Request, run_id: int) -> Response:
        run = self._census.runs[run_id]
        if self._is_forgotten(run):
            return json_answer(
                {"status": "error", "message": "the records of this run are no longer kept"}, 410
            )
        chosen = self._chosen(request, run)
        # The documented example has no pagination beside the records; clients that read it get it.
        return _page(request, chosen[::-1], lambda record: record_document(run, record))

    def _chosen(self, request: Request, run: Run) -> list[Record]:
        records: list[Record] = run.records
        wanted = request.args.get("status")
        if wanted is not None:
            if wanted not in _RECORD_STATUSES:
                raise SyncProblem(f"status must be one of {', '.join(_RECORD_STATUSES)}")
            records = [r for r in records if r.status in _RECORD_STATUSES[wanted]]
        key = request.args.get("primary_identifier")
        if key:
            records = [record for record in records if record.identifier == key]
        if request.args.get("operation") == "delete":
            return []  # no operation of these syncs deletes
        return records

    def _records_count(self, request: Request, run_id: int) -> Response:
        run = self._census.runs[run_id]
        return _single([{"record_count": len(self._chosen(request, run))}])

    def _records_export(self, request: Request, run_id: int) -> Response:
        run = self._census.runs[run_id]
        if run.is_active:
            return json_answer({"status": "error", "message": "the sync run is not finished"}, 425)
        if self._is_forgotten(run):
            return _not_found()
        return _error("no storage is connected for exports of records")

    def _is_forgotten(self, run: Run) -> bool:
        over = run.completed_at
        return over is not None and self._census.clock.now() - over > RETENTION

    def _sources(self, request: Request) -> Response:
        return _page(request, [source_document(self._census)], dict)

    def _source(self, request: Request, source_id: int) -> Response:
        return _single(source_document(self._census))

    def _destinations(self, request: Request) -> Response:
        return _page(request, [destination_document(self._census)], dict)

    def _destination(self, request: Request, destination_id: int) -> Response:
        return _single(destination_document(self._census))

    def _datasets(self, request: Request) -> Response:
        documents = dataset_documents(self._census)
        return _page(request, list(documents.values()), dict)

    def _dataset(self, request: Request, dataset: int) -> Response:
        return _single(dataset_documents(self._census)[dataset])
