"""What the tests are made with: a running server, the people who play on it, and raw peers."""
