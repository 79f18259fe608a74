"""Messages: the shapes and checks of those from clients, and the making of those to clients."""
