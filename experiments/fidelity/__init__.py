"""Whether emulated links do what they declare: measured as a sceptic would, each figure with its limit."""
