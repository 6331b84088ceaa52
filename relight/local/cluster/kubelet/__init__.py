"""The one node: runs pods as local processes, isolated by bubblewrap as far as the kernel allows.

Network: a pod that declares containerPorts, or that a NetworkPolicy of type Egress selects, gets a network of its own (so
two pods may use the same port), reached through ``bridge.py`` by the node's probes and the API's proxy. Out of it lead only
the loopback addresses that its environment names, as far as policies allow. Other pods share the host's network.
``AWS_*`` variables of the cluster's own process reach every container: they stand for a node's instance metadata.
"""
