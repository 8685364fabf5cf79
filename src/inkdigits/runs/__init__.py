"""Training runs: asked for, done, kept in a folder, scored, put together."""
