"""The request that changes a room's settings, made from their declarations."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, create_model

from fortepiano.http.admin.calls import ColorText, RequestModel, whole
from fortepiano.model.room_settings import (
    Color,
    Kind,
    RoomSetting,
    Switch,
    Text,
    WholeNumber,
    moderator_settings,
)

__all__ = ["RoomSettingsRequest", "room_settings_request"]


def room_settings_request() -> type[RequestModel]:
    """Return the model of the request: one field for each setting that moderators may change."""
    fields: dict[str, Any] = {
        setting.name: (_annotation(setting.kind) | None, _field(setting))
        for setting in moderator_settings()
    }
    return create_model(
        "RoomSettingsRequest",
        __base__=RequestModel,
        __doc__="The settings to change; those left out stay as they are.",
        **fields,
    )


def _field(setting: RoomSetting) -> Any:
    meaning = setting.meaning[:1].upper() + setting.meaning[1:]
    return Field(default=None, description=f"{meaning}.")


def _annotation(kind: Kind) -> Any:
    match kind:
        case Switch():
            return bool
        case Color():
            return ColorText
        case WholeNumber(most):
            return Annotated[int, Field(ge=0, le=most), BeforeValidator(whole)]
        case Text(longest):
            return Annotated[str, Field(max_length=longest)]


if TYPE_CHECKING:
    RoomSettingsRequest = RequestModel  # type checkers take no model that is made by a call
else:
    RoomSettingsRequest = room_settings_request()
