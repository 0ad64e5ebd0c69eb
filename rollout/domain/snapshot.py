"""The bytes of a folded state: what a store keeps so that opening a long log stays fast."""

from __future__ import annotations

import msgspec

from rollout.domain.state import FOLD_VERSION, RolloutState


class _Snapshot(msgspec.Struct):
    version: int
    state: RolloutState


def encode_state(state: RolloutState) -> bytes:
    """Snapshot bytes; only `decode_state` of the same fold version reads them back."""
    return msgspec.json.encode(_Snapshot(FOLD_VERSION, state))


def decode_state(body: bytes) -> RolloutState | None:
    """None when the snapshot is of another fold version or does not parse: fold from the log."""
    try:
        snapshot = msgspec.json.decode(body, type=_Snapshot)
    except msgspec.MsgspecError:
        return None
    return snapshot.state if snapshot.version == FOLD_VERSION else None
