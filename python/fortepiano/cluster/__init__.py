"""Many nodes: rooms that live on one node, with people on several of them."""
