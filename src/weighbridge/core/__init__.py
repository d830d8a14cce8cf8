"""What an evaluation is: plain data and pure functions, no I/O, no framework."""
