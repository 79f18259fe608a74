"""What the server shows of itself: logs, counters, events, the lag of the loop, systemd."""
