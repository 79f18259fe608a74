"""Several processes on one port: their parent, which is all that systemd and commands see."""
