"""Reports to take away: a run or a comparison as one file of HTML, or as Markdown.

A report is a document first: facts, tables, figures, quotations. What writes it as HTML or as
Markdown knows nothing of runs.
"""
