"""`filegate local`: the whole of Filegate on a desk, from the template that is deployed."""
