"""Tests of what the benchmark itself computes."""
