"""What is measured on a running network, and how. Nothing here knows Mininet, plans or experiments.

Every measurement speaks of an ``Endpoint``: a site's host, named by its address and network namespace, seen
from the lab's own network namespace. Each module has one thing to measure: ``latency`` (STAMP), ``ping`` (its
cross-check), ``path`` (which switches a packet crossed), ``throughput`` (iperf3), ``background`` (load),
``host_load`` (whether this machine was too busy to be believed).
"""
