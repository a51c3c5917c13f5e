"""Filegate beside LiteLLM, nginx and Portkey's gateway, on one simulator in one run."""
