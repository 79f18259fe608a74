"""The world: users, rooms, crowns. No I/O, no JSON, no clock of its own."""
