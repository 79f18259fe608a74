"""Users, rooms, crowns and bans as plain objects: no I/O, no JSON, no clock of their own."""
