"""DataFramer's API, `/api/dataframer`: seeds, specs, samples made by them, and how well they conform."""
