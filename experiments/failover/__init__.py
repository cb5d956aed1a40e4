"""What a fault does to protected traffic: which faults, on which flows, in what order of events.

``kinds`` names the faults, ``subjects`` chooses what they hit, ``trial`` does one and ``timeline`` makes
figures of what was seen; ``alarms`` looks whether BFD cries wolf. ``summary`` is what remains of it all.
"""
