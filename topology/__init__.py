"""What the network is: scenarios, the frozen network they describe, and its emulation."""
