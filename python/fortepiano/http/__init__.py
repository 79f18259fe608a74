"""The HTTP sites of both ports: pages, assets, health, metrics and the admin API."""
