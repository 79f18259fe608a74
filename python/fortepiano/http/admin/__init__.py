"""The admin API: what the operator's page, command line and scripts talk to."""

from fortepiano.http.admin.application import admin_api

__all__ = ["admin_api"]
