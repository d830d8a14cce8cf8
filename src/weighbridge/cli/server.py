"""`weighbridge serve`: the APIs, and a worker beside them."""
