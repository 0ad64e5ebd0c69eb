"""What the mocked Census shows of its one source, its one destination and its datasets."""

from __future__ import annotations

from typing import Any

from rollout.rehearsal.services.census import CensusMock
from rollout.rehearsal.services.census_syncs import DESTINATION_ID, SOURCE_ID, dataset_id, stamp


def source_document(census: CensusMock) -> dict[str, Any]:
    """The warehouse, as `GET /sources/{id}` shows it."""
    return {
        **_connection(census, SOURCE_ID, "Warehouse", "databricks"),
        "label": "Warehouse",
        "sync_engine": "advanced",
        "read_only_connection": False,
        "warehouse_writeback_retention_in_days": None,
    }


def destination_document(census: CensusMock) -> dict[str, Any]:
    """Salesforce, as `GET /destinations/{id}` shows it."""
    return {
        **_connection(census, DESTINATION_ID, "CRM", "salesforce"),
        "is_file_system_destination": False,
        "objects": sorted({state.setup.target for state in census.syncs.values()}),
    }


def dataset_documents(census: CensusMock) -> dict[int, dict[str, Any]]:
    """Datasets by id, one for each sync that reads through one."""
    at = stamp(census.started_at)
    return {
        dataset_id(setup.id): {
            "id": dataset_id(setup.id),
            "name": setup.dataset,
            "type": "sql",
            "source_id": SOURCE_ID,
            "query": f"SELECT * FROM {setup.source}",  # noqa: S608 - shown, never run
            "description": None,
            "resource_identifier": f"dataset:{setup.dataset}",
            "cached_record_count": None,
            "columns": [
                {"name": column, "data_type": "text", "can_be_upsert_key": to == setup.key}
                for column, to in setup.mappings.items()
            ],
            "created_at": at,
            "updated_at": at,
        }
        for setup in (state.setup for state in census.syncs.values())
        if setup.dataset is not None
    }


def _connection(census: CensusMock, number: int, name: str, kind: str) -> dict[str, Any]:
    at = stamp(census.started_at)
    return {
        "id": number,
        "name": name,
        "type": kind,
        "connection_details": {},
        "created_at": at,
        "last_tested_at": at,
        "last_test_succeeded": True,
        "last_test_results": None,
    }
