"""Colours: dark, light and 16 colours, and which of them stands for which mark.

Colour is the third carrier behind glyph and word. Source of the palettes: reference `tui.md`,
section 4.4 (distances between any two states computed for three kinds of colour blindness).
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

DARK, LIGHT, SIXTEEN = "rollout-dark", "rollout-light", "rollout-16"

_DARK_MARKS = {
    "mark-pass": "#1F93E6",
    "mark-fail": "#FF6B3D",
    "mark-warn": "#FFE69A",
    "mark-unkn": "#A68A8C",
    "mark-text": "#E6E6E6",
    "mark-dim": "#9AA3AD",
}
_LIGHT_MARKS = {
    "mark-pass": "#0B5CD6",
    "mark-fail": "#7F1600",
    "mark-warn": "#857000",
    "mark-unkn": "#6A6570",
    "mark-text": "#16191D",
    "mark-dim": "#5A6270",
}
_SIXTEEN_MARKS = {
    "mark-pass": "ansi_blue",
    "mark-fail": "ansi_red",
    "mark-warn": "ansi_yellow",
    "mark-unkn": "ansi_magenta",
    "mark-text": "ansi_default",
    "mark-dim": "ansi_default",
}

_ANSI = {
    "ansi-background": "ansi_black",
    "ansi-foreground": "ansi_white",
    "border-blurred": "ansi_black",
    "block-cursor-foreground": "ansi_black",
    "block-cursor-background": "ansi_white",
    "input-cursor-background": "ansi_black",
    "input-cursor-foreground": "ansi_bright_white",
    "input-cursor-text-style": "reverse",
    "input-selection-background": "ansi_bright_blue",
    "input-selection-foreground": "ansi_black",
    "screen-selection-background": "ansi_bright_blue",
    "screen-selection-foreground": "ansi_black",
}
"""What Textual's own style sheets ask for where a terminal has 16 colours."""


def _theme(name: str, marks: Mapping[str, str], *, ground: Mapping[str, str], dark: bool) -> Theme:
    return Theme(
        name=name,
        dark=dark,
        ansi=name == SIXTEEN,
        primary=ground["primary"],
        secondary=ground["primary"],
        accent=ground["primary"],
        foreground=marks["mark-text"],
        background=ground["background"],
        surface=ground["surface"],
        panel=ground["panel"],
        success=marks["mark-pass"],
        warning=marks["mark-warn"],
        error=marks["mark-fail"],
        variables={
            **(_ANSI if name == SIXTEEN else {}),
            **marks,
            "cursor-row": ground["cursor"],
            "frame": ground["frame"],
        },
    )


THEMES: dict[str, Theme] = {
    DARK: _theme(
        DARK,
        _DARK_MARKS,
        ground={
            "primary": "#8FB8DE",
            "background": "#111418",
            "surface": "#171B20",
            "panel": "#1F252C",
            "cursor": "#20262D",
            "frame": "#6B7580",
        },
        dark=True,
    ),
    LIGHT: _theme(
        LIGHT,
        _LIGHT_MARKS,
        ground={
            "primary": "#2B5B8A",
            "background": "#FAFAFA",
            "surface": "#F7F8F9",
            "panel": "#E6E8EB",
            "cursor": "#E4E6E9",
            "frame": "#6F7882",
        },
        dark=False,
    ),
    SIXTEEN: _theme(
        SIXTEEN,
        _SIXTEEN_MARKS,
        ground={
            "primary": "ansi_cyan",
            "background": "ansi_default",
            "surface": "ansi_default",
            "panel": "ansi_default",
            "cursor": "ansi_bright_black",
            "frame": "ansi_default",
        },
        dark=True,
    ),
}

STYLES: dict[str, str] = {
    "PASS": "$mark-pass",
    "FAIL": "bold $mark-fail",
    "WARN": "underline $mark-warn",
    "UNKN": "italic $mark-unkn",
    "RUN": "bold $mark-text",
    "WAIT": "bold $mark-text",
    "TODO": "$mark-dim",
    "SKIP": "$mark-dim",
    "WAIV": "$mark-dim",
}
"""How a mark is drawn, by its word: weight and slant still speak where there is no colour."""


BADGES: dict[str, str] = {
    "PROD": "bold reverse $mark-text",
    "SANDBOX": "bold $mark-warn",
    "REHEARSAL": "bold $primary",
}
"""How the world is named: production as nothing else on the screen is."""


def theme_for(named: str | None, colours: int | None) -> str:
    """The theme to begin with: as named in the environment, 16 colours where there are no more.

    >>> theme_for(None, 256), theme_for(None, 16), theme_for("ansi-dark", None)
    ('rollout-dark', 'rollout-16', 'rollout-16')
    """
    if named in THEMES:
        return str(named)
    if (named or "").startswith("ansi"):
        return SIXTEEN
    if named and "light" in named:
        return LIGHT
    return SIXTEEN if colours is not None and colours <= 16 else DARK


def next_theme(name: str) -> str:
    """The one after it, around and around."""
    names = list(THEMES)
    return names[(names.index(name) + 1) % len(names)] if name in names else DARK
