"""The `filegate` command: a client of a gateway's admin API and of its tenants' own."""
