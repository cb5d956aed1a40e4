"""A part of a placed network made real on this machine, and how other machines are reached and measured.

``topology.placement`` decides and computes, this realises: the tunnels of links that cross (``tunnels``), the
part as a network (``network``), commands on other machines (``reach``), and what the network between them
does (``underlay``). ``docs/machines.md`` tells how it is used.
"""
