"""What this machine can do: measured once (``onehop calibrate``), kept, and held against what a run asks."""
