"""Simulation: what becomes of the counted units with more tenants than a desk can hold.

Discrete events, seeded: the same figures come out every time. `python -m bench.simulation`.
"""
