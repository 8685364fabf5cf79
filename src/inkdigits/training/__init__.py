"""Training digit networks: recipes (plain data), models, augmentation, the loop, its state.

`recipes` and `networks` import no framework; the rest imports PyTorch, so nothing is imported here.
"""
