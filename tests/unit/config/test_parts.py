"""The settings of the compiled parts: the sections and Rust declare the same ones."""

from __future__ import annotations

from typing import Annotated, cast

import pytest
from pydantic import BaseModel

from fortepiano.config import PRESETS, RuleSettings, Settings
from fortepiano.config.parts import Part, settings_of
from fortepiano.native import HubSettings, ThrottleSettings
from support.native_parts import hub_settings, throttle_settings

HUB, THROTTLE = hub_settings(), throttle_settings()


@pytest.mark.parametrize("preset", PRESETS)
def test_a_part_takes_all_that_is_marked_as_its_own(preset: str) -> None:
    settings = Settings(rules=RuleSettings(preset=preset))
    HubSettings(**settings_of(Part.HUB, settings))
    ThrottleSettings(**settings_of(Part.THROTTLE, settings))


@pytest.mark.parametrize("name", HUB)
def test_the_hub_has_no_default(name: str) -> None:
    others = {other: value for other, value in HUB.items() if other != name}
    with pytest.raises(ValueError, match=f"setting of the hub: {name} is missing"):
        HubSettings(**others)


@pytest.mark.parametrize("name", THROTTLE)
def test_the_throttle_has_no_default(name: str) -> None:
    others = {other: value for other, value in THROTTLE.items() if other != name}
    with pytest.raises(ValueError, match=f"setting of the throttle: {name} is missing"):
        ThrottleSettings(**others)


def test_a_setting_that_rust_does_not_declare_is_refused() -> None:
    with pytest.raises(ValueError, match="setting of the hub: lag_soft is unknown"):
        HubSettings(**HUB, lag_soft=4096)
    with pytest.raises(ValueError, match="setting of the throttle: sockets is unknown"):
        ThrottleSettings(**THROTTLE, sockets=16)


def test_values_and_units_are_the_operators() -> None:
    settings = Settings(rules=RuleSettings(preset="net", notice_gap_ms=1))
    given = settings_of(Part.HUB, settings)
    assert (given["quota_tick_ms"], given["silence_ms"]) == (2000, 60_000)
    assert given["notice_gap_ms"] == 1
    assert given["rate_time"] is settings.rules.rate_time


class _One(BaseModel):
    fragments: Annotated[int, Part.HUB] = 1


class _Two(BaseModel):
    fragments: Annotated[int, Part.HUB] = 2


class _Ambiguous(BaseModel):
    one: _One = _One()
    two: _Two = _Two()


def test_two_settings_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two settings of the hub are called fragments"):
        settings_of(Part.HUB, cast("Settings", _Ambiguous()))
