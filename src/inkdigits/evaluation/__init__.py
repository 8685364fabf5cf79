"""Evaluating a network honestly: scores (numbers), plots (pictures), report (one HTML file)."""
