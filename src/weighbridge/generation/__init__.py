"""What models are asked to write, and what is made of their replies."""
