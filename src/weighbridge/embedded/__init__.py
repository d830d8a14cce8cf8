"""The judges that need no key and no network: small classifiers that are part of the program.

They answer a handful of fixed questions (is this request harmful? is this answer a refusal?), say
how sure they are, and leave everything else ungraded with the reason. How well they do, on what
text, is in docs/judges.md.
"""
