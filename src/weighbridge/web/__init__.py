"""The pages: what runs, what came of it, and what a person makes of it.

Rendered here by Jinja2, out of what `services` answer. A page is a function in `pages/`, a template
of the same name in `templates/`, and where something moves, a small module in `static/`.
"""
