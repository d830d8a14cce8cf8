"""The main job on real input, with no key: what `weighbridge demo` does."""
