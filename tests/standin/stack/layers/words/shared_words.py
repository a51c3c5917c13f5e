"""A module at the root of a layer's content."""

WORD = "from the layer"
