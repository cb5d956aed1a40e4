"""The network made real on this machine: layout, switches, links, and what belongs to a run."""
