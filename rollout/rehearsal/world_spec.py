"""What a rehearsed world looks like: the `world:` block of a scenario."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

NO_FEATURE_ROW_SHARE = 47 / 20_247
"""Properties without a row in `property_features`: 20,247 - 20,200, of 20,247 (domain, section 2)."""


class WorldSpec(BaseModel):
    """Figures that come out exactly through the plan's own views (counts of rows).

    Defaults are the plan's column of domain section 2. `target_rows` counts every live record in
    Salesforce at the start, `hidden_existing` ones included; `update_queue` counts what the shipped
    view shows, `orphans` come on top of it (a faulty view hides them).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    properties: int = Field(20_247, ge=1)
    target_rows: int = Field(18_250, ge=0)
    create_queue: int = Field(1_081, ge=0)
    update_queue: int = Field(7_980, ge=0)
    high_priority: int = Field(507, ge=0, description="any feature on, absent from Salesforce")
    wrong_flags: int = Field(799, ge=0, description="rows of the update queue with a wrong flag")
    shared_ids: int = Field(2_410, ge=0, description="active properties in groups of two or more")
    hidden_existing: int = Field(
        0, ge=0, description="rows of the create queue that Salesforce has under an upper-case key"
    )
    failed_creates: int = Field(0, ge=0, description="rows of the create queue that are rejected")
    invalid_updates: int = Field(0, ge=0, description="rows of the update queue with a NULL key")
    orphans: int = Field(
        0, ge=0, description="more wrong flags, on properties without a valid Salesforce id"
    )
    company_gaps: int = Field(
        524, ge=0, description="rows of the update queue whose company has no short code"
    )
    fivetran_minutes: int = Field(10, ge=1, le=24 * 60)
    fivetran: Literal["on", "off"] = "on"
    workflow: Literal["on", "off"] = "on"
    external_id_unique: Literal["on", "off"] = "on"
    organic: bool = True
    organic_a_day: int = Field(2, ge=1, le=2, description="instants of organic change a day")
    organic_until_hours: int | None = Field(None, ge=0, description="no organic change after that")
    organic_after_hours: int = Field(0, ge=0, description="no organic change before that")

    @model_validator(mode="after")
    def _figures_fit_together(self) -> WorldSpec:
        problems = [
            text
            for wrong, text in (
                (self.inactive_absent < 0, "create_queue + target_rows exceed properties"),
                (self.clean < 0, "update_queue + orphans exceed target_rows"),
                (self.high_priority > self.create_queue, "high_priority exceeds create_queue"),
                (self.wrong_flags > self.update_queue, "wrong_flags exceed update_queue"),
                (
                    self.awkward > self.create_queue,
                    "hidden_existing + failed_creates exceed create_queue",
                ),
                (
                    self.invalid_updates > self.update_queue - self.wrong_flags,
                    "invalid_updates do not fit beside wrong_flags",
                ),
                (self.shared_ids == 1, "one property cannot share an id"),
                (
                    self.shared_ids > self.clean + self.update_queue,
                    "shared_ids exceed the active properties in the target",
                ),
            )
            if wrong
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def awkward(self) -> int:
        """Rows of the create queue that will not simply be created; all without a Salesforce id."""
        return self.hidden_existing + self.failed_creates

    @property
    def inactive_in_target(self) -> int:
        """Deactivated properties that Salesforce still has: 3 % of the target."""
        return min(self.target_rows * 3 // 100, max(0, self._beside_queues))

    @property
    def _beside_queues(self) -> int:
        return self.target_rows - self.hidden_existing - self.update_queue - self.orphans

    @property
    def clean(self) -> int:
        """Active properties that Salesforce has right."""
        if self._beside_queues < 0:
            return self._beside_queues
        return self._beside_queues - self.inactive_in_target

    @property
    def inactive_absent(self) -> int:
        """Deactivated properties that never were in Salesforce."""
        return self.properties - self.create_queue - (self.target_rows - self.hidden_existing)
