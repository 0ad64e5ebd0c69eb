"""Dashboard and standing alerts as files, from templates and the names of the plan's relations.

Source: domain note, section 3 (five widgets) and section 4 (standing alerts and their severities;
those without one there are P1 when data may be wrong and P2 when a run was missed).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import Any

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_OPERATORS = {"above": "GREATER_THAN", "below": "LESS_THAN"}
_CHART_VERSION = {"bar": 3, "table": 1}
_RETRIGGER_S = 3600

Files = dict[str, str]
"""Path below the output folder -> text."""


@dataclass(frozen=True)
class Relations:
    """What templates speak of: the schema of the aggregation views, the copy of the target, how many
    records it usually holds, and each sync's time between scheduled runs. Names are identifiers."""

    aggregation: str
    target: str
    usual_records: int
    schedules: Mapping[str, timedelta]

    def values(self) -> dict[str, str]:
        rows = [
            f"('{name}', {max(int(every.total_seconds() // 60), 1)})"
            for name, every in sorted(self.schedules.items())
        ]
        return {
            "aggregation": self.aggregation,
            "target": self.target,
            "usual_records": str(self.usual_records),
            "schedules": ", ".join(rows),
        }


def dashboard_files(relations: Relations) -> Files:
    """`dashboard/operations.lvdash.json` for import into Databricks, and each widget's SQL."""
    spec = json.loads(_template("dashboard.json"))
    made: Files = {}
    datasets, layout = [], []
    for widget in spec["widgets"]:
        sql = _sql(f"dashboard/{widget['id']}.sql", relations)
        made[f"dashboard/{widget['id']}.sql"] = sql
        datasets.append(
            {
                "name": widget["id"],
                "displayName": widget["title"],
                "queryLines": sql.splitlines(keepends=True),
            }
        )
        layout.append({"widget": _widget(widget), "position": _position(widget["place"])})
    page = {"name": "operations", "displayName": spec["title"], "layout": layout}
    made["dashboard/operations.lvdash.json"] = _json({"datasets": datasets, "pages": [page]})
    return made


def alerts(thresholds: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
    """The standing alerts as data, some with another threshold.

    Raises: ValueError for a threshold of an alert that does not exist.
    """
    found: list[dict[str, Any]] = json.loads(_template("alerts.json"))
    wanted = dict(thresholds or {})
    for alert in found:
        alert["threshold"] = wanted.pop(alert["id"], alert["threshold"])
    if wanted:
        known = ", ".join(alert["id"] for alert in found)
        raise ValueError(f"no standing alert {next(iter(wanted))!r}; there are {known}")
    return found


def alert_files(relations: Relations, thresholds: Mapping[str, float], timezone: str) -> Files:
    """`alerts/standing_alerts.json` with all of them, and each as SQL and as a Databricks alert (its
    warehouse and subscribers are given when it is created)."""
    made: Files = {}
    standing = []
    for alert in alerts(thresholds):
        sql = _sql(f"alerts/{alert['id']}.sql", relations)
        made[f"alerts/{alert['id']}.sql"] = sql
        made[f"alerts/{alert['id']}.alert.json"] = _json(_databricks_alert(alert, sql, timezone))
        standing.append({**alert, "sql": f"alerts/{alert['id']}.sql"})
    made["alerts/standing_alerts.json"] = _json(standing)
    return made


def _databricks_alert(alert: Mapping[str, Any], sql: str, timezone: str) -> dict[str, Any]:
    """In the words of Databricks' alerts (v2). An alert whose query gives nothing fires."""
    return {
        "display_name": f"{alert['severity']} {alert['title']}",
        "query_text": sql,
        "custom_summary": f"{alert['severity']}: {alert['title']}",
        "custom_description": alert["if_it_fires"],
        "evaluation": {
            "source": {"name": "value"},
            "comparison_operator": _OPERATORS[alert["fires_when"]],
            "threshold": {"value": {"double_value": float(alert["threshold"])}},
            "empty_result_state": "TRIGGERED",
            "notification": {"notify_on_ok": True, "retrigger_seconds": _RETRIGGER_S},
        },
        "schedule": {
            "quartz_cron_schedule": _every(alert["every_minutes"]),
            "timezone_id": timezone,
        },
    }


def _every(minutes: int) -> str:
    """Quartz cron of every so many minutes; an hour is on the hour."""
    return "0 0 * * * ?" if minutes == 60 else f"0 0/{minutes} * * * ?"


def _widget(widget: Mapping[str, Any]) -> dict[str, Any]:
    columns = widget.get("columns") or [widget["x"], widget["y"]]
    return {
        "name": widget["id"],
        "queries": [
            {
                "name": "main_query",
                "query": {
                    "datasetName": widget["id"],
                    "fields": [{"name": name, "expression": f"`{name}`"} for name in columns],
                    "disaggregated": True,
                },
            }
        ],
        "spec": {
            "version": _CHART_VERSION[widget["chart"]],
            "widgetType": widget["chart"],
            "encodings": _encodings(widget, columns),
            "frame": {"showTitle": True, "title": widget["title"]},
        },
    }


def _encodings(widget: Mapping[str, Any], columns: list[str]) -> dict[str, Any]:
    if widget["chart"] == "table":
        return {
            "columns": [
                {
                    "fieldName": name,
                    "title": name.replace("_", " "),
                    "visible": True,
                    "order": order,
                }
                for order, name in enumerate(columns)
            ]
        }
    return {
        "x": {"fieldName": widget["x"], "scale": {"type": "categorical"}},
        "y": {"fieldName": widget["y"], "scale": {"type": "quantitative"}},
    }


def _position(place: list[int]) -> dict[str, int]:
    return dict(zip(("x", "y", "width", "height"), place, strict=True))


def _sql(name: str, relations: Relations) -> str:
    values = relations.values()
    return _PLACEHOLDER.sub(lambda found: values[found[1]], _template(name))


def _template(name: str) -> str:
    return files("rollout.steps").joinpath("templates", *name.split("/")).read_text("utf-8")


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
