"""Every rule a plan is held against, in one place. Each reports; none stops another."""

from __future__ import annotations

from rollout.loader.draft import Draft
from rollout.loader.rules_gates import report_gates
from rollout.loader.rules_names import report_ids
from rollout.loader.rules_notifications import report_notifications
from rollout.loader.rules_people import report_people
from rollout.loader.rules_phases import report_phases
from rollout.loader.rules_plan import report_head
from rollout.loader.rules_references import report_references
from rollout.loader.rules_rollback import report_rollback
from rollout.loader.sql import report_sql


def report_rules(draft: Draft) -> None:
    """Look at the whole draft; what is wrong goes to its problems."""
    for use in draft.sql:
        report_sql(use, draft)
    report_head(draft)
    report_people(draft)
    report_notifications(draft)
    report_ids(draft)
    report_phases(draft)
    report_rollback(draft)
    report_gates(draft)
    report_references(draft)
