"""The error tree: one base, one class per reason a caller may want to tell apart.

RolloutError
├── PlanProblems            the plan (or a gate, scenario, SQL file) is wrong; every problem at once
├── ConditionProblem        a condition text that is not in the closed grammar
├── LogConflict             somebody else appended first
├── LogDamaged              the event log or the evidence store does not verify
├── StoreUnavailable        the store cannot be opened, read or written
├── ServiceError            a foreign system; never passes a gate
│   ├── ServiceUnreachable  no connection, time-out, 5xx, rate limit after patience ran out
│   ├── ServiceRefused      understood and declined (401, 403, 404, bad request)
│   ├── ServiceGarbled      an answer that cannot be read (HTML with 200, cut JSON, too large)
│   └── QueryFailed         a warehouse or SOQL statement failed
├── SignatureRefused        bytes that are no good signature over a statement
└── KindMisused             a check or step kind was given inputs it cannot work with
"""

from __future__ import annotations


class RolloutError(Exception):
    """Base of everything this package raises on purpose."""


class PlanProblems(RolloutError):
    """Everything wrong with a document, as `file:line:column: what` lines."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ConditionProblem(RolloutError):
    """A condition text outside the closed grammar; the message says what would be accepted."""


class LogConflict(RolloutError):
    """The log moved on: the expected sequence number is no longer the head."""

    def __init__(self, rollout: str, expected_seq: int, found_seq: int) -> None:
        super().__init__(
            f"{rollout}: expected to append after #{expected_seq}, the log is at #{found_seq}"
        )
        self.expected_seq, self.found_seq = expected_seq, found_seq


class LogDamaged(RolloutError):
    """The log does not verify; nothing but `verify` and `export` may go on."""


class StoreUnavailable(RolloutError):
    """The store cannot be opened or written; the message says why and what to do."""


class ServiceError(RolloutError):
    """A foreign system did not give a usable answer. Messages are already redacted."""


class ServiceUnreachable(ServiceError):
    """No usable connection: refused, timed out, 5xx or rate limited beyond patience."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ServiceRefused(ServiceError):
    """The service understood the request and declined it."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ServiceGarbled(ServiceError):
    """The service answered something that is not an answer."""


class QueryFailed(ServiceError):
    """A statement failed in the warehouse or in SOQL.

    `error_class` is the service's own name for it, e.g. `TABLE_OR_VIEW_NOT_FOUND`.
    """

    def __init__(self, message: str, *, error_class: str = "") -> None:
        super().__init__(message)
        self.error_class = error_class


class SignatureRefused(RolloutError):
    """No good signature: cut, changed, of another key, hash or purpose; the message says which."""


class KindMisused(RolloutError):
    """A check or step was given inputs that cannot work together."""
