"""Cannot be imported."""

raise ImportError("nothing to see here")
