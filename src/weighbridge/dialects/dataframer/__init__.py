"""DataFramer's API: seeds, specs, samples that are made by them, and how well these conform."""
