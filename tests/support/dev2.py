"""Databases of mpp-server-dev2: SQLite, with the tables that Prisma makes of its schema."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

__all__ = ["Dev2Database"]

_TABLES = """
CREATE TABLE "User" (
    "_id" TEXT NOT NULL PRIMARY KEY, "name" TEXT NOT NULL DEFAULT 'Anonymous',
    "color" TEXT NOT NULL DEFAULT '#ffffff', "flags" TEXT NOT NULL DEFAULT '{}', "tag" TEXT,
    "group" TEXT NOT NULL DEFAULT 'default');
CREATE TABLE "Token" ("token" TEXT NOT NULL PRIMARY KEY, "userId" TEXT NOT NULL);
CREATE TABLE "ChatHistory" (
    "_id" TEXT NOT NULL PRIMARY KEY, "messages" TEXT NOT NULL DEFAULT '[]');
CREATE TABLE "Channel" (
    "_id" TEXT NOT NULL PRIMARY KEY, "settings" TEXT NOT NULL DEFAULT '{}',
    "forceload" BOOLEAN NOT NULL DEFAULT false, "flags" TEXT NOT NULL DEFAULT '{}');
CREATE TABLE "Role" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "userId" TEXT NOT NULL,
    "roleId" TEXT NOT NULL);
CREATE TABLE "RolePermission" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "roleId" TEXT NOT NULL,
    "permission" TEXT NOT NULL);
CREATE TABLE "Ban" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "banType" TEXT NOT NULL,
    "expires" DATETIME NOT NULL, "userId" TEXT, "ip" TEXT, "reason" TEXT,
    CONSTRAINT "Ban_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("_id")
    ON DELETE SET NULL ON UPDATE CASCADE);
CREATE UNIQUE INDEX "User__id_key" ON "User"("_id");
CREATE UNIQUE INDEX "Channel__id_key" ON "Channel"("_id");
"""


class Dev2Database:
    """A database that a test fills.

    Args:
        path: The file, which must not exist.
        tables: The SQL that makes its tables.
    """

    def __init__(self, path: Path, tables: str = _TABLES) -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as database:
            database.executescript(tables)

    def add(self, table: str, **columns: Any) -> None:
        """Add a row; dictionaries and lists become JSON."""
        values = [
            json.dumps(value) if isinstance(value, dict | list) else value
            for value in columns.values()
        ]
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(values))
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', values)  # noqa: S608
