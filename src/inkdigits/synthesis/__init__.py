"""Pictures made of digits that are known: other hands, papers, scenes with the truth of each.

Knows nothing of training or of reading.
"""
