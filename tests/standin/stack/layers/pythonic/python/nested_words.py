"""A module in the layer's python directory."""

WORD = "from python/"
