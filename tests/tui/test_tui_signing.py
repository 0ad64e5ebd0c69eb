"""Signing with a key from the dialog: with ssh-keygen here, or by files that travel."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from seats import Script, Table, play
from signing_desk import LEAD, SALLY, STRANGER, Desk
from ssh_signatures import Key
from textual.widgets import Button, Input, Static

from rollout.adapters.ssh_keygen import SshKeygen
from rollout.domain.events import Payload, SignedOff, SignOffRequested
from rollout.domain.sign_off import NAMESPACE
from rollout.live.signing import Signer
from rollout.store.opening import open_store
from rollout.store.reading import open_readonly
from rollout.tui.desk import StoreDesk
from rollout.tui.modals.decision import DecisionDialog
from rollout.tui.modals.fields import PickPane

SALES, LEADS = "sally\nsales_ops", "lead\nproject_lead"


def seated(
    tmp_path: Path,
    script: Script,
    *keys: Key,
    profile: str = "prod",
    size: tuple[int, int] = (84, 44),
) -> list[Payload]:
    """A gate waits for two signatures; in `~/.ssh` lie `keys`. What was recorded in front of it."""
    path, home = tmp_path / "s.db", tmp_path / "home"
    desk = Desk(profile=profile, where=str(path))
    desk.store.close()
    (home / ".ssh").mkdir(parents=True)
    for number, key in enumerate(keys):
        key.write(home / ".ssh" / f"id_{number}")
    environ = {"PATH": os.environ["PATH"], "HOME": str(home)}
    before = len(newest(path))
    writer = StoreDesk(
        path,
        None,
        lambda: (open_store(path, create=False), desk.clock),
        ["--state", "s.db"],
        lambda key: _signer(key, environ),
    )
    play(path, script, size=size, desk=writer)
    return newest(path)[before:]


def _signer(key: Path | None, environ: dict[str, str]) -> Signer:
    return SshKeygen(key, environ=environ)


def newest(path: Path) -> list[Payload]:
    with open_readonly(path) as reader:
        return [e.payload for e in reader.events(reader.rollouts()[0], limit=1000)]


def dialog(table: Table) -> DecisionDialog:
    assert isinstance(table.app.screen, DecisionDialog), table.text()
    return table.app.screen


def shown(table: Table, part: str) -> str:
    """A part of the dialog, also where it is below the edge, and wherever its lines were broken."""
    return " ".join(str(dialog(table).query_one(f"#d-{part}", Static).content).split())


async def opened(table: Table, who: str = SALES) -> DecisionDialog:
    """The dialog, with everything said but how."""
    await table.look(sign=True)
    await table.press("s")
    await table.work_done()
    form = dialog(table)
    form.query_one("#d-answer", PickPane).choose("yes")
    form.query_one("#d-who", PickPane).choose(who)
    form.query_one("#d-reason", Input).value = "it is right"
    await table.settle()
    return form


async def choose(table: Table, way: str, file: object = "") -> None:
    form = dialog(table)
    form.query_one("#d-way", PickPane).choose(way)
    form.query_one("#d-file", Input).value = str(file)
    form._fill()
    await table.settle()


async def press(table: Table) -> None:
    button = dialog(table).query_one("#d-do", Button)
    assert not button.disabled, table.text()
    button.press()
    await table.settle()
    await table.work_done()


def is_open(table: Table) -> bool:
    return isinstance(table.app.screen, DecisionDialog)


def test_the_dialog_says_with_which_key_and_records_nothing_before_it_is_said_how(
    tmp_path: Path,
) -> None:
    async def script(table: Table) -> None:
        form = await opened(table)
        seen = table.words()
        assert "sally's word is not enough here" in seen
        assert SALLY.fingerprint in "".join(table.text().split())
        assert "still to do: choose how to sign" in seen
        assert form.query_one("#d-do", Button).disabled
        await table.press("escape")

    assert seated(tmp_path, script) == []


def test_a_key_of_the_home_signs_and_the_signature_is_in_the_log(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await opened(table)
        await choose(table, "own")
        seen = table.words()
        assert "sally (sales_ops) is asked to approve verified" in seen
        assert "sally (sales_ops) signed verified with the key" in seen
        assert "rollout sign verified --approve --by sally --role sales_ops" in shown(
            table, "command"
        )
        await press(table)
        assert not is_open(table)
        assert "recorded: #" in table.words()

    asked, said = seated(tmp_path, script, STRANGER, SALLY)
    assert isinstance(asked, SignOffRequested)
    assert isinstance(said, SignedOff)
    assert (said.by, said.fingerprint, said.nonce) == ("sally", SALLY.fingerprint, asked.nonce)


def test_a_key_file_signs_and_stands_in_the_command(tmp_path: Path) -> None:
    key = LEAD.write(tmp_path / "lead key")

    async def script(table: Table) -> None:
        await opened(table, LEADS)
        await choose(table, "key")
        assert "still to do: name the file of the private key" in table.words()
        await choose(table, "key", key)
        assert f"--key '{key}'" in shown(table, "command")
        await press(table)
        assert not is_open(table)

    said = seated(tmp_path, script)[-1]
    assert isinstance(said, SignedOff)
    assert (said.by, said.fingerprint) == ("lead", LEAD.fingerprint)


WRONG = (
    ("own", "", "is one of SHA256:"),
    ("key", "nowhere", "there is no such key"),
    ("key", "stranger", "is nobody's in this plan"),
    ("key", "garbage", "ssh-keygen:"),
    ("request", "no/such/folder.json", "cannot be written"),
    ("import", "nowhere.json.sig", "cannot be read"),
    ("import", "garbage", "whose name ends in .sig"),
)


def test_what_goes_wrong_is_said_in_words_and_nothing_that_was_written_is_lost(
    tmp_path: Path,
) -> None:
    STRANGER.write(tmp_path / "stranger")
    (tmp_path / "garbage").write_text("no key at all\n")

    async def script(table: Table) -> None:
        form = await opened(table)
        for way, file, why in WRONG:
            await choose(table, way, tmp_path / file if file else "")
            await press(table)
            assert "✗ FAIL refused: " in shown(table, "problem")
            assert why in shown(table, "problem")
            assert form.query_one("#d-reason", Input).value == "it is right"
        await choose(table, "key", SALLY.write(tmp_path / "sally"))
        await press(table)
        assert not is_open(table)

    recorded = seated(tmp_path, script)
    assert [type(p) for p in recorded] == [SignOffRequested, SignedOff], "asked once"


def test_a_request_goes_to_a_laptop_and_its_answer_is_taken_in(tmp_path: Path) -> None:
    file, key = tmp_path / "for sally.json", SALLY.write(tmp_path / "id_sally")

    async def script(table: Table) -> None:
        await opened(table)
        await choose(table, "request", file)
        assert "[ Write ]" in table.text()
        await press(table)
        seen = shown(table, "problem")
        assert "✓ PASS recorded: #" in seen
        assert f"ssh-keygen -Y sign -n {NAMESPACE} -f ~/.ssh/id_ed25519 'for sally.json'" in seen
        await table.press("escape")
        on_the_laptop(key, file)
        await table.look(sign=True)
        await table.press("s")
        await table.work_done()
        await choose(table, "import", f"{file}.sig")
        assert "[ Take in ]" in table.text()
        assert "what was signed, once it is verified" in shown(table, "events")
        assert f"rollout sign --import '{file}.sig' --state s.db" in shown(table, "command")
        await press(table)
        assert not is_open(table)

    asked, said = seated(tmp_path, script)
    assert isinstance(asked, SignOffRequested)
    assert isinstance(said, SignedOff)
    assert (said.by, said.nonce) == ("sally", asked.nonce)


def on_the_laptop(key: Path, file: Path) -> None:
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(file)]
    subprocess.run(command, check=True, env={"PATH": os.environ["PATH"]})


def test_in_a_sandbox_only_who_has_a_key_is_asked_for_it(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        form = await opened(table, "lead\nsales_ops")
        assert form.query_one("#d-way", PickPane).display
        assert "lead's word is not enough" in shown(table, "key")

    seated(tmp_path, script, profile="sandbox")


def test_in_a_rehearsal_a_word_is_enough(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        form = await opened(table)
        assert not form.query("#d-way")
        await press(table)

    [said] = seated(tmp_path, script, profile="rehearsal")
    assert isinstance(said, SignedOff)
    assert said.signature is None


def test_what_is_below_the_edge_of_a_low_screen_is_paged_to(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        form = await opened(table)
        await choose(table, "own")
        assert "more: PgUp PgDn" in table.text()
        form.query_one("#d-reason", Input).focus()
        await table.press("pageup", "pageup")
        assert "the same as a command" not in table.text()
        await table.press("pagedown", "pagedown")
        assert "the same as a command" in table.text()
        assert form.query_one("#d-reason", Input).has_focus

    seated(tmp_path, script, size=(80, 24))
