"""Our own HTTP API, `/api/v1`: the thinnest of the dialects, as its words are our words."""
